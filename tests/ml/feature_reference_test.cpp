// SPDX-License-Identifier: Apache-2.0
// Every lane of core-32 against its definition, computed anew at a tick from all ticks before it: sums over explicit
// weights 2^-age in long double, no recurrence, no shared code. Stated tolerance: 2e-6 relative (f32 rounding is 6e-8),
// plus an absolute part for lanes that are differences of near-equal numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "tests/support/data.hpp"
#include "tests/support/feature_run.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

using Real = long double;
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kFridayNs = 1'398'988'800 * kSecondNs;  // 2014-05-02 00:00 UTC
constexpr std::int64_t kDayNs = 86'400 * kSecondNs;

// Gold's closed time in the weeks of these tests (New York = UTC-4): 21:00 to 22:00 UTC, Friday's lasts until Sunday.
std::int64_t trading_ns(std::int64_t utc_ns, bool sessions) {
  if (!sessions) return utc_ns;
  std::int64_t closed_ns = 0;
  for (int day = -7; day < 14; ++day) {
    const int weekday = ((day + 5) % 7 + 7) % 7;  // 0 = Sunday
    if (weekday == 6 || weekday == 0) continue;
    const std::int64_t from_ns = kFridayNs + day * kDayNs + 21 * 3600 * kSecondNs;
    const std::int64_t until_ns = from_ns + 3600 * kSecondNs + (weekday == 5 ? 2 * kDayNs : 0);
    if (utc_ns > from_ns) closed_ns += std::min(utc_ns, until_ns) - from_ns;
  }
  return utc_ns - closed_ns;
}

struct NaiveBar {
  std::int64_t index;  // period number since 1970
  Real high, low, close;
};

class Reference {
 public:
  Reference(std::span<const Tick> ticks, bool sessions) : ticks_(ticks) {
    for (const Tick& tick : ticks) {
      trading_s_.push_back(static_cast<Real>(trading_ns(tick.venue_ns, sessions)) / 1e9L);
      mid_.push_back((static_cast<Real>(tick.bid_e9) + static_cast<Real>(tick.ask_e9)) / 2e9L);
      spread_bp_.push_back(1e4L * static_cast<Real>(std::max<std::int64_t>(tick.ask_e9 - tick.bid_e9, 0)) / 1e9L /
                           mid_.back());
      crossed_.push_back(tick.ask_e9 < tick.bid_e9 ? 1 : 0);
    }
    move_.resize(ticks.size());
    two_moves_.resize(ticks.size());
    for (std::size_t i = 1; i < ticks.size(); ++i) {
      move_[i] = 1e4L * (mid_[i] - mid_[i - 1]) / mid_[i];
      two_moves_[i] = 1e4L * (mid_[i] - mid_[i < 2 ? 0 : i - 2]) / mid_[i];
    }
  }

  // The definition of the named lane at tick `n`.
  Real value(std::string_view name, std::size_t n) const {
    const Real mid = mid_[n];
    const auto half_life = [](std::string_view text) { return static_cast<Real>(std::atoll(text.data())); };
    if (name == "spread_bp") return spread_bp_[n];
    if (name == "crossed_share_240s") return mean(crossed_, n, 240);
    if (name == "last_move_bp") return move_[n];
    if (name == "spread_z_240s") {
      const Real average = mean(spread_bp_, n, 240);
      std::vector<Real> squares;
      for (std::size_t i = 0; i <= n; ++i) squares.push_back((spread_bp_[i] - average) * (spread_bp_[i] - average));
      return (spread_bp_[n] - average) / std::max(std::sqrt(mean(squares, n, 240)), 0.01L);
    }
    if (name.starts_with("mid_deviation_")) return 1e4L * (mid - mean(mid_, n, half_life(name.substr(14)))) / mid;
    if (name == "volatility_ratio_60s_3600s") return volatility(n, 60) / std::max(volatility(n, 3600), 1e-6L);
    if (name.starts_with("volatility_")) return volatility(n, half_life(name.substr(11)));
    if (name == "move_autocorrelation_240s") {
      const Real products = sum(n, 240, [&](std::size_t i) { return i == 0 ? 0 : move_[i] * move_[i - 1]; });
      return products / std::max(sum(n, 240, [&](std::size_t i) { return move_[i] * move_[i]; }), 1e-6L);
    }
    if (name.starts_with("imbalance_")) {
      const Real h = half_life(name.substr(10));
      const auto sign = [&](std::size_t i) { return static_cast<Real>((two_moves_[i] > 0) - (two_moves_[i] < 0)); };
      return sum(n, h, sign) / (1 + sum(n, h, [&](std::size_t i) { return std::abs(sign(i)); }));
    }
    if (name == "intensity_ratio_15s_900s") return intensity(n, 15) / intensity(n, 900);
    if (name.starts_with("intensity_")) return intensity(n, half_life(name.substr(10)));
    if (name == "quote_age_s") return std::min(trading_s_[n] - trading_s_[n - 1], 60.0L);
    if (name == "rsi_14_m1") return rsi(n);
    if (name == "atr_14_m1_bp") return 1e4L * atr(n) / mid;
    if (name == "bollinger_z_20_m1") return bollinger(n);
    if (name == "sma_20_m15_distance_bp") {
      const auto bars = closed_bars(n, 900);
      Real total = 0;
      for (std::size_t i = bars.size() - 20; i < bars.size(); ++i) total += bars[i].close;
      return 1e4L * (mid - total / 20) / mid;
    }
    if (name == "range_position_8_h1") {
      const auto bars = closed_bars(n, 3600);
      Real high = -1e30L;
      Real low = 1e30L;
      for (std::size_t i = bars.size() - 8; i < bars.size(); ++i) {
        high = std::max(high, bars[i].high);
        low = std::min(low, bars[i].low);
      }
      return (mid - low) / (high - low);
    }
    const Real since_open_s = seconds_since_21(n);
    if (name == "fx_day_fraction") return since_open_s / 86'400;
    // Before 22:00 the next session has not begun: 23 hours of it remain and none are gone.
    if (name == "session_open_h") return std::max(since_open_s / 3600 - 1, 0.0L) + days_into_weekend(n, 0);
    if (name == "session_close_h") return 24 - since_open_s / 3600 + days_into_weekend(n, 24);
    ADD_FAILURE() << "no definition of " << name;
    return 0;
  }

 private:
  // Each value held from its tick to the next; before the first tick its value held for ever.
  Real mean(const std::vector<Real>& x, std::size_t n, Real h) const {
    const auto left = [&](std::size_t i) { return std::exp2(-(trading_s_[n] - trading_s_[i]) / h); };
    Real total = x[0] * left(0);
    for (std::size_t i = 0; i < n; ++i) total += x[i] * (left(i + 1) - left(i));
    return total;
  }
  template <class X>
  Real sum(std::size_t n, Real h, X&& x) const {
    Real total = 0;
    for (std::size_t i = 0; i <= n; ++i) total += x(i) * std::exp2(-(trading_s_[n] - trading_s_[i]) / h);
    return total;
  }
  Real rate(std::size_t n, Real h) const {
    return std::log(2.0L) / h / (1 - std::exp2(-(trading_s_[n] - trading_s_[0]) / h));
  }
  Real volatility(std::size_t n, Real h) const {
    return std::sqrt(rate(n, h) * sum(n, h, [&](std::size_t i) { return two_moves_[i] * two_moves_[i] / 2; }));
  }
  Real intensity(std::size_t n, Real h) const {
    return rate(n, h) * sum(n, h, [](std::size_t) { return Real{1}; });
  }

  // Bars that are over at tick n, from the ticks before it.
  std::vector<NaiveBar> closed_bars(std::size_t n, std::int64_t seconds) const {
    const std::int64_t now = ticks_[n].venue_ns / (seconds * kSecondNs);
    std::vector<NaiveBar> bars;
    struct Sides {
      std::int64_t bid_high, bid_low, ask_high, ask_low, bid, ask;
    };
    std::map<std::int64_t, Sides> periods;
    for (std::size_t i = 0; i < n; ++i) {
      const Tick& tick = ticks_[i];
      const std::int64_t index = tick.venue_ns / (seconds * kSecondNs);
      if (index >= now) break;
      auto& bar =
          periods.try_emplace(index, Sides{tick.bid_e9, tick.bid_e9, tick.ask_e9, tick.ask_e9, 0, 0}).first->second;
      bar.bid_high = std::max(bar.bid_high, tick.bid_e9);
      bar.bid_low = std::min(bar.bid_low, tick.bid_e9);
      bar.ask_high = std::max(bar.ask_high, tick.ask_e9);
      bar.ask_low = std::min(bar.ask_low, tick.ask_e9);
      bar.bid = tick.bid_e9;
      bar.ask = tick.ask_e9;
    }
    const auto mid = [](std::int64_t bid, std::int64_t ask) {
      return (static_cast<Real>(bid) + static_cast<Real>(ask)) / 2e9L;
    };
    for (const auto& [index, bar] : periods) {
      bars.push_back({index, mid(bar.bid_high, bar.ask_high), mid(bar.bid_low, bar.ask_low), mid(bar.bid, bar.ask)});
    }
    return bars;
  }

  // Quotient of exponentially weighted gains and losses: what Wilder's averages started at 0 come to.
  Real rsi(std::size_t n) const {
    const auto bars = closed_bars(n, 60);
    Real up = 0;
    Real down = 0;
    for (std::size_t i = 1; i < bars.size(); ++i) {
      const Real weight = std::pow(13.0L / 14, static_cast<Real>(bars.size() - 1 - i));
      const Real change = bars[i].close - bars[i - 1].close;
      (change > 0 ? up : down) += weight * std::abs(change);
    }
    return up + down > 0 ? 100 * up / (up + down) : 50;
  }

  Real atr(std::size_t n) const {
    const auto bars = closed_bars(n, 60);
    Real average = 0;
    for (std::size_t i = 0; i < bars.size(); ++i) {
      Real range = bars[i].high - bars[i].low;
      if (i > 0) {
        range =
            std::max({range, std::abs(bars[i].high - bars[i - 1].close), std::abs(bars[i].low - bars[i - 1].close)});
      }
      average = i < 14 ? average + range / 14 : (13 * average + range) / 14;
    }
    return average;
  }

  Real bollinger(std::size_t n) const {
    const auto bars = closed_bars(n, 60);
    Real average = 0;
    for (std::size_t i = bars.size() - 20; i < bars.size(); ++i) average += bars[i].close / 20;
    Real variance = 0;
    for (std::size_t i = bars.size() - 20; i < bars.size(); ++i)
      variance += std::pow(bars[i].close - average, 2.0L) / 20;
    return (bars.back().close - average) / std::sqrt(variance);
  }

  Real seconds_since_21(std::size_t n) const {
    const std::int64_t shifted = ticks_[n].venue_ns - 21 * 3600 * kSecondNs;
    return static_cast<Real>(shifted % kDayNs) / 1e9L;
  }
  // Between Friday 21:00 and Sunday 22:00 the next session is Sunday's: hours to add to a weekday's answer.
  Real days_into_weekend(std::size_t n, Real per_day) const {
    const std::int64_t since_friday_ns = ticks_[n].venue_ns - (kFridayNs + 21 * 3600 * kSecondNs);
    if (since_friday_ns < 0 || since_friday_ns >= 2 * kDayNs) return 0;
    return per_day * static_cast<Real>(2 - since_friday_ns / kDayNs);
  }

  std::span<const Tick> ticks_;
  std::vector<Real> trading_s_, mid_, spread_bp_, crossed_, move_, two_moves_;
};

double absolute_tolerance(std::string_view name) {
  // Prices of 1e3 with f64's 1e-16, in basis points, over averages of up to 1e5 steps.
  if (name.ends_with("_bp") || name.starts_with("mid_deviation_")) return 1e-8;
  return 1e-9;
}

// Compares `count` ticks chosen at random, and every lane at least once where its warm-up is over at all.
void compare(const std::vector<Tick>& ticks, const Instrument& instrument, std::size_t count, std::uint64_t seed) {
  const bool sessions = instrument.calendar != CalendarId::always;
  const Reference reference(ticks, sessions);
  const auto lanes = FeatureSet::core_32().lanes();
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::size_t> any(0, ticks.size() - 1);
  std::vector<bool> chosen(ticks.size());
  for (std::size_t i = 0; i < count; ++i) chosen[any(random)] = true;
  chosen[0] = chosen[1] = chosen[2] = chosen.back() = true;

  std::map<std::string_view, std::size_t> compared;
  test::run_features(ticks, instrument, best_isa(), [&](std::size_t n, const FeatureRow& row, const FeatureEngine&) {
    if (!chosen[n]) return;
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      if ((row.defined >> lane & 1) == 0) continue;
      const auto name = lanes[lane].name;
      const auto expected = static_cast<double>(reference.value(name, n));
      ASSERT_NEAR(static_cast<double>(row.values[lane]), expected, 2e-6 * std::abs(expected) + absolute_tolerance(name))
          << name << " at tick " << n;
      ++compared[name];
    }
  });
  for (const FeatureInfo& lane : lanes) {
    if (!sessions && lane.warm_up.find("sessions") != std::string_view::npos) continue;
    EXPECT_GT(compared[lane.name], 0u) << lane.name << " was never defined";
  }
}

TEST(FeatureReference, every_lane_equals_its_definition_on_random_irregular_ticks) {
  std::mt19937_64 random(21);
  std::uniform_int_distribution<int> kind(0, 99);
  std::uniform_int_distribution<std::int64_t> step(-300, 300);
  std::uniform_int_distribution<std::int64_t> spread(-20, 400);
  std::vector<Tick> ticks;
  std::int64_t venue_ns = kFridayNs - 2 * kDayNs;
  std::int64_t bid = 1'284'000;
  for (int i = 0; i < 12'000; ++i) {
    const int k = kind(random);
    const std::int64_t gap_ns = k < 10   ? 0
                                : k < 80 ? 7'000'000 * (k - 9)
                                : k < 99 ? (k - 79) * kSecondNs
                                         : 900 * kSecondNs;
    venue_ns += gap_ns;
    bid += step(random);
    ticks.push_back({bid * 1'000'000, (bid + spread(random)) * 1'000'000, 0, 0, venue_ns, 0});
  }
  compare(ticks, *built_in_instrument("BTCUSD", "any"), 150, 22);
}

TEST(FeatureReference, every_lane_equals_its_definition_on_200000_real_ticks_across_a_weekend) {
  const auto folder = test::data_dir() / "ticks";
  TT_REQUIRE_DATA(folder / "oanda_xauusd_tick_20140505.csv.zst");
  std::vector<Tick> ticks;
  for (const auto& [name, day] : std::vector<std::pair<const char*, int>>{{"oanda_xauusd_tick_20140502.csv.zst", 0},
                                                                          {"oanda_xauusd_tick_20140504.csv.zst", 2},
                                                                          {"oanda_xauusd_tick_20140505.csv.zst", 3}}) {
    const auto more = test::lean_ticks(folder / name, kFridayNs + day * kDayNs);
    ticks.insert(ticks.end(), more.begin(), more.end());
  }
  ASSERT_GT(ticks.size(), 400'000u);
  // Half of Friday, the weekend, half of Monday.
  ticks.erase(ticks.begin(), ticks.begin() + 150'000);
  ticks.resize(200'000);
  compare(ticks, *built_in_instrument("XAUUSD", "oanda"), test::is_long_run() ? 400 : 25, 23);
}

// The comparison itself must be able to fail.
TEST(FeatureReference, a_definition_with_another_half_life_is_told_apart) {
  std::vector<Tick> ticks;
  for (int i = 0; i < 2'000; ++i)
    ticks.push_back({(1'000 + i % 13) * kE9, (1'001 + i % 13) * kE9, 0, 0, kFridayNs + i * kSecondNs, 0});
  const Reference reference(ticks, false);
  const Real right = reference.value("mid_deviation_60s", 1'999);
  const Real wrong = reference.value("mid_deviation_61s", 1'999);
  EXPECT_GT(std::abs(static_cast<double>(right - wrong)), 2e-6 * std::abs(static_cast<double>(right)) + 1e-8);
}

}  // namespace
}  // namespace thintail
