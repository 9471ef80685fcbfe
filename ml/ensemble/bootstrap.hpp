// SPDX-License-Identifier: Apache-2.0
// Bagging, the training half: which rows each member is trained on, and which it never saw. Run time is soft voting.
//   path    cold
//   source  L. Breiman, Bagging Predictors (1996); blocks after H. R. Künsch (1989), as neighbouring rows share their future
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/error.hpp"

namespace thintail {

// As many row numbers as there are rows, drawn as blocks of `block_rows` neighbours with replacement. A block should be at least as
// long as the label's horizon. Each member has its own draw; the same arguments give the same rows on every machine.
Result<std::vector<std::uint32_t>> bootstrap_rows(std::uint32_t rows, std::uint32_t block_rows, std::uint64_t seed,
                                                  std::uint32_t member);

// The rows that are neither in `sample` nor within `margin_rows` of one that is, ascending: about a third, less the margins.
std::vector<std::uint32_t> out_of_bag(std::uint32_t rows, const std::vector<std::uint32_t>& sample,
                                      std::uint32_t margin_rows);

}  // namespace thintail
