// SPDX-License-Identifier: Apache-2.0
// run_tree_case: rows through a model of XGBoost, ours beside its peers.
//   path  cold; what it measures is hot
#pragma once

#include <string>

#include "bench/harness/harness.hpp"
#include "bench/inference/tree_rows.hpp"

namespace thintail::bench {

// Each row in turn through the trees that `json` holds. Its note says how many nodes, features and rows.
Result<CaseResult> run_tree_case(const Options& options, std::string name, std::string target, const std::string& json,
                                 const TreeRows& rows);

}  // namespace thintail::bench
