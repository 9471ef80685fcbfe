// SPDX-License-Identifier: Apache-2.0
// The families that the engine computes from ticks, trades and the clock: groups tick, decayed, windowed, clock, forming.
//   path  cold
#pragma once

#include <cstdint>
#include <span>

#include "ml/features/feature_family.hpp"
#include "ml/features/tick_program.hpp"

namespace thintail {

// FeatureFamily::code within each group.
enum class TickFamily : std::uint16_t {
  spread,
  last_move,
  quote_age,
  microprice_deviation,
  queue_imbalance,
  relative_spread,
};

enum class DecayedFamily : std::uint16_t {
  mid_deviation,
  volatility,
  volatility_ratio,
  realised_volatility,
  bipower_volatility,
  relative_volatility,
  move_autocorrelation,
  roll_spread,
  imbalance,
  intensity,
  intensity_ratio,
  spread_z,
  spread_ratio,
  crossed_share,
  queue_imbalance_mean,
  order_flow_imbalance,
  trade_imbalance,
  trade_sign_imbalance,
  trade_impact,
};

// The kernels compute each windowed family by the formula of its name.
using WindowedFamily = WindowFormula;

enum class ClockFamily : std::uint16_t {
  fx_day,
  fx_day_sin,
  fx_day_cos,
  fx_week_sin,
  fx_week_cos,
  fx_weekday,
  session_open,
  session_close,
  rollover,
};

enum class FormingFamily : std::uint16_t { move, range, position };

// A decay counts as warm once it has seen this many half-lives of trading time: three quarters of its weight.
inline constexpr double kWarmHalfLives = 2.0;

// Guards of divisions, part of the formulas.
inline constexpr double kSpreadDeviationFloor_bp = 0.01;
inline constexpr double kSpreadFloor_bp = 0.001;
inline constexpr double kVolatilityFloor_bp = 1e-6;  // per root second
inline constexpr double kSquareFloor_bp2 = 1e-6;
inline constexpr double kSizeFloor = 1e-9;
inline constexpr double kQuoteAgeMaxS = 60.0;

// A window looks back at most this many ticks, the newest included.
inline constexpr std::size_t kWindowTicksMax = 256;
// Within a window prices lie within this many half points of the first tick's and moves within kWindowMoveMax, so that
// sums of 256 squares fit 64 bits.
inline constexpr std::int32_t kWindowPriceMax = (1 << 30) - 1;
inline constexpr std::int32_t kWindowMoveMax = 1 << 26;
// Windows measure time in 100 us of trading time; one step between two ticks counts at most 1,000 s.
inline constexpr std::int64_t kWindowTimeUnitNs = 100'000;
inline constexpr std::int64_t kWindowStepMax = 10'000'000;

// The FX day in half hours, and how many past days a half hour's mean weighs alike before older ones fade.
inline constexpr std::size_t kHalfHours = 48;
inline constexpr std::int64_t kHalfHourNs = 1'800 * std::int64_t{1'000'000'000};
inline constexpr double kHalfHourDays = 20.0;

std::span<const FeatureFamily> tick_families() noexcept;

}  // namespace thintail
