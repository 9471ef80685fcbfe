// SPDX-License-Identifier: Apache-2.0
// Parity: our margins against the library's, bit for bit.
//   path  cold
#pragma once

#include <span>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/models/tree_ensemble.hpp"

namespace thintail {

// Evaluates every row of `values` and compares with `theirs`, a row's outputs in order. check_mismatch names the first difference; `what` says
// of which model.
Result<void> check_equal_margins(const TreeEnsemble& trees, std::span<const float> values,
                                 std::span<const float> theirs, std::string_view what);

}  // namespace thintail
