// SPDX-License-Identifier: Apache-2.0
// The families of bar indicators: names, formulas, seeding. BarBank computes them.
#pragma once

#include <span>

#include "ml/features/feature_family.hpp"

namespace thintail {

// FeatureFamily::code of FamilyGroup::bar. Numbers stay: they are in no file, but tests name them.
enum class BarFamily : std::uint16_t {
  sma,
  ema,
  wma,
  dema,
  rsi,
  macd_line,
  macd_signal,
  macd_histogram,
  stochastic_k,
  stochastic_d,
  williams_r,
  cci,
  atr,
  adx,
  plus_di,
  minus_di,
  bollinger_z,
  bollinger_width,
  price_z,
  keltner_position,
  donchian_position,
  donchian_width,
  obv,
  obv_share,
  vwap,
  roc,
  momentum,
  bar_return,
  fractional_difference,
  kama,
  parabolic_sar,
  ichimoku_line,
  ichimoku_cloud,
  pivot,
  pivot_r1,
  pivot_s1,
  doji,
  marubozu,
  hammer,
  engulfing,
  harami,
  star,
  soldiers,
};

// The longest window, and so what one ring of prices may cost: 257 x 8 bytes for each instrument.
inline constexpr std::uint16_t kBarsMax = 256;
inline constexpr std::uint16_t kSmoothingBarsMax = 32;

std::span<const FeatureFamily> bar_families() noexcept;

}  // namespace thintail
