// SPDX-License-Identifier: Apache-2.0
// TickPlan: a feature set compiled for the kernels: which signals decay over which half-lives, which formulas follow, where
// each lane's value comes to lie, and when it is defined.
//   path       cold: made once for a set
//   invariant  a pure function of the features and of the bars' forms, so the layout of state follows from the set.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ml/features/feature_family.hpp"
#include "ml/features/tick_families.hpp"
#include "ml/features/tick_program.hpp"
#include "ml/indicators/bar_bank.hpp"

namespace thintail {

// The first values of the scratch: what the engine writes before it calls the kernel.
enum class Slot : std::uint8_t {
  undefined,  // NaN: lanes past the set's last
  spread,
  last_move,
  quote_age,
  microprice,
  queue,
  day_spread,  // mean of past days at this time of day
  day_volatility,
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
inline constexpr unsigned kSlots = 32;  // a whole number of cache lines

inline constexpr unsigned kFormingPeriods = 8;  // the seven periods, padded

struct TickPlan {
  // REQUIRES: at most kMaxLanes features, kDecayLanes half-lives and kWindowLanes window lengths. `bars` holds the
  // features of group bar.
  TickPlan(std::span<const Feature> features, const BarBank& bars);
  TickPlan(const TickPlan&) = delete;
  TickPlan& operator=(const TickPlan&) = delete;

  // From when on a lane is defined, gates apart.
  struct Warm {
    std::int64_t after_ns = 0;  // of trading time since the first tick
    std::uint32_t ticks = 1;  // the first one included
  };

  TickProgram program{};  // points into this plan
  unsigned scratch_size = 0;
  std::vector<Warm> warm;  // of each lane
  std::vector<std::uint16_t> guests;  // lanes of group cross, which the engine is told
  std::vector<std::int32_t> windows;  // lengths in ticks
  std::array<std::uint8_t, kFormingPeriods> forming{};  // BarPeriods with forming features
  unsigned forming_count = 0;
  unsigned forming_out = 0;  // move, range, position: kFormingPeriods values each

  LaneMask all;
  LaneMask timed;  // defined by `warm` and the gates below; the others by their bank
  LaneMask session;  // only within a session
  LaneMask day;  // only where past days are known
  LaneMask traded;  // only after a trade
  LaneMask sizes;  // only at ticks with sizes
  LaneMask mid_price;  // only where bid + ask > 0: a price not above zero has no basis points
  LaneMask bid_price;
  LaneMask ask_price;

  bool uses_windows = false;
  bool uses_flow = false;  // sizes or trades
  bool uses_day = false;  // time of day
  bool uses_session = false;
  bool uses_phase = false;  // sines and cosines
  bool uses_clock = false;  // any other of group clock but fx_day

 private:
  void place_half_lives(std::span<const Feature> features);
  void place_quads(std::span<const Feature> features);
  std::uint16_t result(DecayedFamily family, double half_life_s) const;
  std::uint16_t decayed(const Feature& feature);
  std::uint16_t ratio(std::uint16_t above, std::uint16_t below, double floor);
  std::uint16_t windowed(const Feature& feature);
  std::uint16_t source(const Feature& feature);
  void require(const Feature& feature, std::size_t lane);
  unsigned half_life_index(double half_life_s) const;
  void fill_constants();
  void fill_bars(const BarBank& bars);
  void link();

  std::vector<double> half_lives_s_;  // in the order of the quads
  struct KeyedWindow {
    WindowFormula formula;
    WindowBlock block;
  };
  std::vector<KeyedWindow> keyed_windows_;
  std::vector<WindowBlock> window_blocks_;
  std::vector<RatioStep> ratios_;
  WindowConstants window_constants_{};
  std::vector<double> forms_;
  std::vector<std::uint16_t> sources_;
};

}  // namespace thintail
