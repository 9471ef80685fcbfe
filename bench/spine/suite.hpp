// SPDX-License-Identifier: Apache-2.0
// The suite `spine`: from the tick in its cell to the intent in its own, from the file to the tick, from the start to
// the first tick.
//   path  cold
#pragma once

#include "bench/harness/harness.hpp"
#include "bench/spine/work.hpp"

namespace thintail::bench {

Suite spine_suite();

// The cases, a file each.
Result<std::vector<CaseResult>> tick_to_intent_inline(Workshop& shop, const Options& options);
Result<std::vector<CaseResult>> tick_to_intent_no_model(Workshop& shop, const Options& options);
Result<std::vector<CaseResult>> tick_to_intent_paced(Workshop& shop, const Options& options);
Result<std::vector<CaseResult>> tick_to_intent_pipelined(Workshop& shop, const Options& options);
Result<std::vector<CaseResult>> replay_pipeline(Workshop& shop, const Options& options);
Result<std::vector<CaseResult>> replay_no_model(Workshop& shop, const Options& options);
Result<std::vector<CaseResult>> parse_lean(Workshop& shop, const Options& options);
Result<std::vector<CaseResult>> start_to_first_tick(Workshop& shop, const Options& options);

}  // namespace thintail::bench
