// SPDX-License-Identifier: Apache-2.0
// SelfCheck: small models of every kind that is read, trained here and now, each compared with the library.
//   path  cold
//
// The rows are adversarial: a third of their values are exactly a threshold of the model or its neighbour, others are
// missing, zeros of both signs, denormals or infinities, so that `<` against `<=`, a lost default or a flushed
// denormal cannot pass. Categorical features meet fractions, negative numbers and categories that no training row had.
#pragma once

#include "core/base/error.hpp"

namespace thintail {

// What is done wrong on purpose, to prove that the check can fail.
enum class Mutant : int {
  none,
  less_or_equal,  // thresholds raised by one ulp: `<=` instead of `<`
  default_flipped,  // missing values go the other way
  categories_moved,  // each set holds its neighbours' categories
};

struct SelfCheckReport {
  int models = 0;
  int rows = 0;  // of each model; fewer where the library cannot predict infinities
};

// check_mismatch where any margin differs.
Result<SelfCheckReport> self_check(Mutant mutant);

}  // namespace thintail
