// SPDX-License-Identifier: Apache-2.0
// The suite `features`: indicators and features, streamed and in batches.
//   path  cold
#pragma once

#include "bench/harness/harness.hpp"

namespace thintail::bench {

Suite features_suite();

// The cases, a file each; the first two share one.
Result<std::vector<CaseResult>> tick_64(const Options& options);
Result<std::vector<CaseResult>> tick_64_paced(const Options& options);
Result<std::vector<CaseResult>> tick_64_cold_instrument(const Options& options);
Result<std::vector<CaseResult>> tick_64_bar_close(const Options& options);
Result<std::vector<CaseResult>> ema_bank_16(const Options& options);
Result<std::vector<CaseResult>> five_indicators_stream(const Options& options);
Result<std::vector<CaseResult>> five_indicators_batch(const Options& options);
Result<std::vector<CaseResult>> sweep_10258x32(const Options& options);
Result<std::vector<CaseResult>> book_update(const Options& options);
Result<std::vector<CaseResult>> batch_file(const Options& options);
Result<std::vector<CaseResult>> cross_rank(const Options& options);
Result<std::vector<CaseResult>> hayashi_yoshida_tick(const Options& options);

}  // namespace thintail::bench
