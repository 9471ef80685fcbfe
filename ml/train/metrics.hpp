// SPDX-License-Identifier: Apache-2.0
// How well scores foretell labels, on rows that training never saw.
//   path  cold
#pragma once

#include <span>

namespace thintail {

// Chance that a row whose label is positive scores above one whose label is negative, equal scores counting half;
// labels of 0 are left out. 0.5 says nothing; NaN where one of the signs is absent. REQUIRES: equal sizes.
double auc_of_sign(std::span<const float> scores, std::span<const float> labels);

// Pearson's; NaN where one side is constant. REQUIRES: equal sizes.
double correlation(std::span<const float> scores, std::span<const float> labels);

}  // namespace thintail
