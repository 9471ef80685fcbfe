// SPDX-License-Identifier: Apache-2.0
// core-32: lanes and half-lives of the spine's feature set, which every tick feed can serve (bid and ask, no sizes).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ml/features/feature_set.hpp"

namespace thintail::core_32 {

// Eight f64 are one cache line and one AVX-512 register, so a decayed signal costs one of each.
inline constexpr std::size_t kHalfLives = 8;
inline constexpr std::array<double, kHalfLives> kHalfLivesS = {1, 4, 15, 60, 240, 900, 3'600, 14'400};
enum HalfLife : std::uint8_t { k1s, k4s, k15s, k60s, k240s, k900s, k3600s, k14400s };

enum Lane : std::uint8_t {
  kSpread,
  kSpreadZ,
  kCrossedShare,
  kLastMove,
  kMidDeviation,  // eight lanes, one for each half-life
  kVolatility15s = kMidDeviation + kHalfLives,
  kVolatility60s,
  kVolatility240s,
  kVolatility3600s,
  kVolatilityRatio,
  kMoveAutocorrelation,
  kImbalance15s,
  kImbalance240s,
  kIntensity15s,
  kIntensity900s,
  kIntensityRatio,
  kQuoteAge,
  kRsi,
  kAtr,
  kBollingerZ,
  kSma20Distance,
  kRangePosition,
  kFxDay,
  kSessionOpen,
  kSessionClose,
  kLanes,
};
static_assert(kLanes == 32);

constexpr std::size_t mid_deviation(HalfLife half_life) noexcept {
  return std::size_t{kMidDeviation} + std::size_t{half_life};
}
constexpr std::uint64_t bit(std::size_t lane) noexcept { return std::uint64_t{1} << lane; }

// A decay counts as warm once it has seen this many half-lives of trading time: three quarters of its weight.
inline constexpr double kWarmHalfLives = 2.0;

// Guards of divisions, part of the formulas.
inline constexpr double kSpreadDeviationFloor_bp = 0.01;
inline constexpr double kVolatilityFloor_bp = 1e-6;  // per root second
inline constexpr double kSquareFloor_bp2 = 1e-6;
inline constexpr double kQuoteAgeMaxS = 60.0;

inline constexpr std::size_t kRsiBars = 14;
inline constexpr std::size_t kAtrBars = 14;
inline constexpr std::size_t kBollingerBars = 20;
inline constexpr std::size_t kSmaBars = 20;
inline constexpr std::size_t kRangeBars = 8;

std::span<const FeatureInfo> catalogue() noexcept;

}  // namespace thintail::core_32
