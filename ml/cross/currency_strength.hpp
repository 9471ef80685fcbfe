// SPDX-License-Identifier: Apache-2.0
// Currency strength: how much each major moved, from whatever pairs of majors there are.
//   path       warm: once a second for each window
//   invariant  a fixed order of operations over the moves as given; no libm.
//   source     least squares on the graph whose nodes are currencies and whose edges are pairs: L s = b with L its
//              Laplacian, as in X. Jiang et al., Statistical ranking and combinatorial Hodge theory (2011)
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/base/attributes.hpp"
#include "ml/cross/cross_families.hpp"

namespace thintail::cross {

// 1e4 log(now / before) as an odd series of z = (now - before) / (now + before), given as its two parts: opposite moves are
// exact opposites. Relative error about z^10 / 11: 2e-11 bp for a move of 10 percent, 0.02 bp where a price halves.
TT_ALWAYS_INLINE double log_move_bp(double difference, double sum) noexcept {
  const double z = difference / sum;
  const double square = z * z;
  return 2e4 * z * (1.0 + square * (1.0 / 3 + square * (1.0 / 5 + square * (1.0 / 7 + square * (1.0 / 9)))));
}

// A pair's move. `base` and `quote` are places in kMajors and differ.
struct CurrencyMove {
  std::uint32_t base;
  std::uint32_t quote;
  double move_bp;
};

struct CurrencyStrengths {
  std::array<double, kMajors.size()> strength_bp;  // mean 0 over currencies that moves connect
  std::uint32_t defined;  // bit i: some move has currency i
};

TT_HOT CurrencyStrengths currency_strengths(std::span<const CurrencyMove> moves) noexcept;

}  // namespace thintail::cross
