// SPDX-License-Identifier: Apache-2.0
// GaussianHmm: a hidden Markov model whose states emit independent Gaussian features; what its states mean; HmmEmissions.
//   path    hot: HmmEmissions::score()
//   source  L. R. Rabiner, A Tutorial on Hidden Markov Models (1989); J. D. Hamilton (1989) for regimes of markets
//   units   those of the features; likelihoods are base-2 logarithms
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/base/attributes.hpp"
#include "core/base/error.hpp"
#include "core/numeric/exp2_log2.hpp"
#include "ml/regime/regime_label.hpp"

namespace thintail {

inline constexpr std::size_t kHmmStatesMax = 8;  // the lanes of one reduction tree
inline constexpr std::size_t kHmmFeaturesMax = 8;
inline constexpr std::uint32_t kNoHmmFeature = ~std::uint32_t{0};

using StateLanes = std::array<double, kHmmStatesMax>;

// The sum of 8 lanes in the tree that CONTRACTS "Numbers" fixes.
TT_ALWAYS_INLINE double lane_sum(const StateLanes& lanes) noexcept {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// Lanes of states and features beyond the counts are 0.
struct GaussianHmm {
  std::uint32_t states = 0;
  std::uint32_t features = 0;
  std::uint32_t trend_feature = 0;  // whose mean tells up from down
  std::uint32_t volatility_feature =
      kNoHmmFeature;  // whose mean tells how volatile; without one, the trend feature's variance
  StateLanes initial{};
  std::array<StateLanes, kHmmStatesMax> transition{};  // [from][to]
  std::array<std::array<double, kHmmFeaturesMax>, kHmmStatesMax> mean{};
  std::array<std::array<double, kHmmFeaturesMax>, kHmmStatesMax> variance{};

  static constexpr double kMeanMax = 1e9;
  static constexpr double kVarianceMin = 1e-18;
  static constexpr double kVarianceMax = 1e18;
  static constexpr double kSumTolerance = 1e-6;  // hand-written thirds pass; the filter normalises by itself

  // Names the field that is out of range, as it stands in a file.
  Result<void> validate() const;

  friend bool operator==(const GaussianHmm&, const GaussianHmm&) = default;
};

// What each state means, by the order of its parameters: of two states or of four and more, the one with the highest volatility is
// volatile. The others are ordered by their mean: the middle one (or two) is ranging, those above trend up, those below down. Of
// two states the calm one is ranging. Equal parameters are told apart by their index.
std::array<RegimeLabel, kHmmStatesMax> derive_labels(const GaussianHmm& hmm);

// log2 of the density of a row in every state, constants folded.
class HmmEmissions {
 public:
  // REQUIRES: hmm.validate() holds.
  explicit HmmEmissions(const GaussianHmm& hmm) noexcept;

  // A feature that is not finite is missing, and says nothing of any state. Returns how many were. A distance at which the square
  // would overflow counts as kDistanceMax in every state: no evidence either, but never a NaN.
  TT_HOT std::uint32_t score(std::span<const float> row, StateLanes& out) const noexcept {
    std::uint32_t missing = 0;
    out = {};
    for (std::size_t f = 0; f < features_; ++f) {
      const auto x = static_cast<double>(row[f]);
      if (!__builtin_isfinite(x)) {
        ++missing;
        continue;
      }
      for (std::size_t j = 0; j < kHmmStatesMax; ++j) {
        const double d = x - mean_[f][j];
        const double distance = d * d * half_precision_[f][j];
        out[j] += peak_[f][j] - (distance < kDistanceMax ? distance : kDistanceMax);
      }
    }
    return missing;
  }

 private:
  static constexpr double kDistanceMax = 0x1p1000;
  std::size_t features_ = 0;
  std::array<StateLanes, kHmmFeaturesMax> mean_{};
  std::array<StateLanes, kHmmFeaturesMax> half_precision_{};  // log2(e) / (2 variance)
  std::array<StateLanes, kHmmFeaturesMax> peak_{};  // -log2(2 pi variance) / 2
};

}  // namespace thintail
