// SPDX-License-Identifier: Apache-2.0
// The suite `model`: a pack of one's own (--model X.ttm) on its golden inputs. `thintail models bench` runs it.
//   path  cold
#pragma once

#include "bench/harness/harness.hpp"

namespace thintail::bench {

Suite model_suite();

Result<std::vector<CaseResult>> pack_rows(const Options& options);

}  // namespace thintail::bench
