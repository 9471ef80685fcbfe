// SPDX-License-Identifier: Apache-2.0
// Every family that ticks, trades and the clock give, and every lane of core-32, against its definition, computed anew at
// a tick from all ticks before it: sums over explicit weights 2^-age in long double, no recurrence, no shared code. Stated
// tolerance: 2e-6 relative (f32 rounding is 6e-8), plus an absolute part for differences of near-equal numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string_view>
#include <vector>

#include "tests/support/data.hpp"
#include "tests/support/feature_run.hpp"
#include "tests/support/feature_ticks.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

using Real = long double;
using test::kDayNs;
using test::kFridayNs;
using test::kSecondNs;

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
  Reference(std::span<const Tick> ticks, const Instrument& instrument,
            const std::vector<test::TradeBefore>& trades = {})
      : ticks_(ticks) {
    const bool sessions = instrument.calendar != CalendarId::always;
    const auto point_e9 = static_cast<Real>(instrument.tick_size_e9);
    for (const Tick& tick : ticks) {
      trading_s_.push_back(static_cast<Real>(trading_ns(tick.venue_ns, sessions)) / 1e9L);
      trading_units_.push_back(trading_ns(tick.venue_ns, sessions) / 100'000);
      mid_.push_back((static_cast<Real>(tick.bid_e9) + static_cast<Real>(tick.ask_e9)) / 2e9L);
      const auto spread_e9 = static_cast<Real>(std::max<std::int64_t>(tick.ask_e9 - tick.bid_e9, 0));
      spread_bp_.push_back(1e4L * spread_e9 / 1e9L / mid_.back());
      crossed_.push_back(tick.ask_e9 < tick.bid_e9 ? 1 : 0);
      const bool sized = tick.bid_size > 0 && tick.ask_size > 0;
      const Real bid_size = static_cast<Real>(tick.bid_size);
      const Real ask_size = static_cast<Real>(tick.ask_size);
      queue_.push_back(sized ? (bid_size - ask_size) / (bid_size + ask_size) : 0);
      // In half points, to even where halfway.
      const std::int64_t mid2_e9 = tick.bid_e9 + tick.ask_e9 - ticks[0].bid_e9 - ticks[0].ask_e9;
      points_.push_back(std::nearbyint(static_cast<Real>(mid2_e9) / point_e9) * point_e9 / 2e9L);
      spread_points_.push_back(std::nearbyint(spread_e9 / point_e9) * point_e9 / 1e9L);
    }
    const std::size_t count = ticks.size();
    for (auto* signal : {&move_, &two_moves_, &flow_, &trade_sign_, &trade_count_, &trade_size_, &trade_gross_}) {
      signal->resize(count);
    }
    for (std::size_t i = 1; i < count; ++i) {
      move_[i] = 1e4L * (mid_[i] - mid_[i - 1]) / mid_[i];
      two_moves_[i] = 1e4L * (mid_[i] - mid_[i < 2 ? 0 : i - 2]) / mid_[i];
      const Tick& now = ticks[i];
      const Tick& before = ticks[i - 1];
      if (now.bid_size > 0 && now.ask_size > 0 && before.bid_size > 0 && before.ask_size > 0) {
        if (now.bid_e9 >= before.bid_e9) flow_[i] += static_cast<Real>(now.bid_size);
        if (now.bid_e9 <= before.bid_e9) flow_[i] -= static_cast<Real>(before.bid_size);
        if (now.ask_e9 <= before.ask_e9) flow_[i] -= static_cast<Real>(now.ask_size);
        if (now.ask_e9 >= before.ask_e9) flow_[i] += static_cast<Real>(before.ask_size);
      }
    }
    for (const auto& [tick, trade] : trades) {
      Real sign = trade.aggressor == Side::buy ? 1 : trade.aggressor == Side::sell ? -1 : 0;
      const std::int64_t mid2_e9 = ticks[tick - 1].bid_e9 + ticks[tick - 1].ask_e9;
      if (trade.aggressor == Side::none) sign = (2 * trade.price_e9 > mid2_e9) - (2 * trade.price_e9 < mid2_e9);
      trade_sign_[tick] += sign;
      trade_count_[tick] += 1;
      trade_size_[tick] += sign * static_cast<Real>(trade.size);
      trade_gross_[tick] += static_cast<Real>(trade.size);
    }
  }

  // The definition of the feature at tick `n`.
  Real value(const Feature& feature, std::size_t n) const {
    const std::string_view name = feature.family->name;
    const auto h = static_cast<Real>(feature.half_life_s);
    const auto h2 = static_cast<Real>(feature.half_life_2_s);
    switch (feature.family->group) {
      case FamilyGroup::windowed: return windowed(name, feature, n);
      case FamilyGroup::clock: return clock(name, n);
      case FamilyGroup::forming: return forming(name, feature.period, n);
      case FamilyGroup::bar: return bar(name, feature, n);
      default: break;
    }
    const Real mid = mid_[n];
    if (name == "spread") return spread_bp_[n];
    if (name == "relative_spread") return spread_bp_[n] / std::max(past(n).spread_bp, 0.001L);
    if (name == "last_move") return move_[n];
    if (name == "quote_age") return std::min(trading_s_[n] - trading_s_[n - 1], 60.0L);
    if (name == "queue_imbalance") return queue_[n];
    if (name == "microprice_deviation") {
      const Tick& tick = ticks_[n];
      const Real bid_size = static_cast<Real>(tick.bid_size);
      const Real ask_size = static_cast<Real>(tick.ask_size);
      const Real price = (static_cast<Real>(tick.bid_e9) * ask_size + static_cast<Real>(tick.ask_e9) * bid_size) /
                         (bid_size + ask_size) / 1e9L;
      return 1e4L * (price - mid) / mid;
    }
    if (name == "crossed_share") return mean(crossed_, n, h);
    if (name == "spread_z") {
      const Real average = mean(spread_bp_, n, h);
      std::vector<Real> squares;
      for (std::size_t i = 0; i <= n; ++i) squares.push_back((spread_bp_[i] - average) * (spread_bp_[i] - average));
      return (spread_bp_[n] - average) / std::max(std::sqrt(mean(squares, n, h)), 0.01L);
    }
    if (name == "spread_ratio") return spread_bp_[n] / std::max(mean(spread_bp_, n, h), 0.001L);
    if (name == "mid_deviation") return 1e4L * (mid - mean(mid_, n, h)) / mid;
    if (name == "volatility") return volatility(n, h);
    if (name == "volatility_ratio") return volatility(n, h) / std::max(volatility(n, h2), 1e-6L);
    if (name == "relative_volatility") return volatility(n, h) / std::max(std::sqrt(past(n).square_bp2_per_s), 1e-6L);
    const auto square = [&](std::size_t i) { return move_[i] * move_[i]; };
    const auto product = [&](std::size_t i) { return i == 0 ? 0 : move_[i] * move_[i - 1]; };
    const auto one = [](std::size_t) { return Real{1}; };
    if (name == "realised_volatility") return std::sqrt(rate(n, h) * sum(n, h, square));
    if (name == "bipower_volatility") {
      const Real half_pi = std::acos(-1.0L) / 2;
      return std::sqrt(half_pi * rate(n, h) * sum(n, h, [&](std::size_t i) { return std::abs(product(i)); }));
    }
    if (name == "move_autocorrelation") return sum(n, h, product) / std::max(sum(n, h, square), 1e-6L);
    if (name == "roll_spread") return 2 * std::sqrt(std::max(-sum(n, h, product) / sum(n, h, one), 0.0L));
    if (name == "imbalance") {
      const auto sign = [&](std::size_t i) { return static_cast<Real>((two_moves_[i] > 0) - (two_moves_[i] < 0)); };
      return sum(n, h, sign) / (1 + sum(n, h, [&](std::size_t i) { return std::abs(sign(i)); }));
    }
    if (name == "intensity") return intensity(n, h);
    if (name == "intensity_ratio") return intensity(n, h) / intensity(n, h2);
    if (name == "queue_imbalance_mean") return mean(queue_, n, h);
    const auto of = [](const std::vector<Real>& signal) { return [&signal](std::size_t i) { return signal[i]; }; };
    const auto share = [&](const std::vector<Real>& net, auto gross) {
      return sum(n, h, of(net)) / std::max(sum(n, h, gross), 1e-9L);
    };
    if (name == "order_flow_imbalance") return share(flow_, [&](std::size_t i) { return std::abs(flow_[i]); });
    if (name == "trade_imbalance") return share(trade_size_, of(trade_gross_));
    if (name == "trade_sign_imbalance") return sum(n, h, of(trade_sign_)) / (1 + sum(n, h, of(trade_count_)));
    if (name == "trade_impact") {
      return sum(n, h, [&](std::size_t i) { return trade_sign_[i] * move_[i]; }) /
             std::max(sum(n, h, [&](std::size_t i) { return trade_sign_[i] * trade_sign_[i]; }), 1e-9L);
    }
    ADD_FAILURE() << "no definition of " << name;
    return 0;
  }

 private:
  Real windowed(std::string_view name, const Feature& feature, std::size_t n) const {
    const std::size_t count = feature.ticks;
    const std::size_t first = n + 1 - count;
    const auto size = static_cast<Real>(count);
    const Real to_bp = 1e4L / mid_[n];
    Real r2 = 0;
    Real c2 = 0;
    Real products = 0;
    Real bipower = 0;
    Real calm = 0;
    Real path = 0;
    Real net = 0;
    Real gross = 0;
    Real spread = 0;
    Real duration = 0;
    const auto r = [&](std::size_t i) { return points_[i] - points_[i - 1]; };
    for (std::size_t i = first; i <= n; ++i) {
      spread += spread_points_[i];
      if (i == first) continue;
      r2 += r(i) * r(i);
      path += std::abs(r(i));
      const std::int64_t step = trading_units_[i] - trading_units_[i - 1];
      duration += static_cast<Real>(std::min<std::int64_t>(step, 10'000'000)) * 1e-4L;
      if (i == first + 1) continue;
      const Real c = points_[i] - points_[i - 2];
      c2 += c * c;
      net += (c > 0) - (c < 0);
      gross += c != 0;
      products += r(i) * r(i - 1);
      bipower += std::abs(r(i) * r(i - 1));
      if (i != n) calm += std::abs(r(i) * r(i - 1));
    }
    const Real half_pi = std::acos(-1.0L) / 2;
    const Real move = points_[n] - points_[first];
    if (name == "window_move") return move * to_bp;
    if (name == "window_volatility") return std::sqrt(c2 / (2 * (size - 2))) * to_bp;
    if (name == "window_realised_volatility") return std::sqrt(r2 / (size - 1)) * to_bp;
    if (name == "window_bipower_volatility") return std::sqrt(half_pi * bipower / (size - 2)) * to_bp;
    if (name == "window_two_scale_volatility") {
      // Mean variance of the two grids of every second tick, less what noise adds to it, which all ticks measure.
      const Real moves = size - 1;
      const Real grid_moves = (moves - 1) / 2;
      const Real variance = (c2 / 2 - grid_moves / moves * r2) / (1 - grid_moves / moves);
      return std::sqrt(std::max(variance, 0.0L) / moves) * to_bp;
    }
    if (name == "window_autocorrelation") return r2 > 0 ? products / r2 : 0;
    if (name == "window_variance_ratio") return r2 > 0 ? (c2 / (size - 2)) / (2 * r2 / (size - 1)) : 0;
    if (name == "window_roll_spread") return 2 * std::sqrt(std::max(-products / (size - 2), 0.0L)) * to_bp;
    if (name == "window_imbalance") return net / (1 + gross);
    if (name == "window_efficiency") return path > 0 ? std::abs(move) / path : 0;
    if (name == "window_spread") return spread / size * to_bp;
    if (name == "window_duration") return duration;
    if (name == "window_rate") return (size - 1) / std::max(duration, 1e-4L);
    if (name == "window_jump") {
      const auto factor = static_cast<Real>(feature.factor);
      const Real newest = r(n);
      return newest * newest > factor * factor * half_pi * calm / (size - 3) ? (newest > 0) - (newest < 0) : 0;
    }
    ADD_FAILURE() << "no definition of " << name;
    return 0;
  }

  // New York is at UTC-4 in the weeks of these tests.
  Real clock(std::string_view name, std::size_t n) const {
    const Real since_open_s = seconds_since_21(n);
    const Real day = since_open_s / 86'400;
    const std::int64_t day_number = (ticks_[n].venue_ns - 21 * 3600 * kSecondNs) / kDayNs + 1;  // of its end
    const auto weekday = static_cast<Real>((day_number + 4) % 7);
    const Real turn = 2 * std::acos(-1.0L);
    if (name == "fx_day") return day;
    if (name == "fx_day_sin") return std::sin(turn * day);
    if (name == "fx_day_cos") return std::cos(turn * day);
    if (name == "fx_week_sin") return std::sin(turn * (weekday + day) / 7);
    if (name == "fx_week_cos") return std::cos(turn * (weekday + day) / 7);
    if (name == "fx_weekday") return weekday;
    if (name == "rollover") return 24 * (1 - day);
    // Before 22:00 the next session has not begun: 23 hours of it remain and none are gone.
    if (name == "session_open") return std::max(since_open_s / 3600 - 1, 0.0L) + days_into_weekend(n, 0);
    if (name == "session_close") return 24 - since_open_s / 3600 + days_into_weekend(n, 24);
    ADD_FAILURE() << "no definition of " << name;
    return 0;
  }

  Real forming(std::string_view name, BarPeriod period, std::size_t n) const {
    const std::int64_t length_ns = (period == BarPeriod::m1 ? 60 : period == BarPeriod::m15 ? 900 : 3600) * kSecondNs;
    std::size_t first = n;
    while (first > 0 && ticks_[first - 1].venue_ns / length_ns == ticks_[n].venue_ns / length_ns) --first;
    const auto [low, high] = std::minmax_element(mid_.begin() + static_cast<std::ptrdiff_t>(first),
                                                 mid_.begin() + static_cast<std::ptrdiff_t>(n + 1));
    if (name == "forming_move") return 1e4L * (mid_[n] - mid_[first]) / mid_[n];
    if (name == "forming_range") return 1e4L * (*high - *low) / mid_[n];
    return *high > *low ? (2 * mid_[n] - *high - *low) / (*high - *low) : 0;
  }

  // What this half hour of the FX day was like on the days before: those that were seen from their start.
  struct Past {
    Real spread_bp = 0;
    Real square_bp2_per_s = 0;
  };
  Past past(std::size_t n) const {
    constexpr std::int64_t kHalfHour = 1800 * kSecondNs;
    const auto half_hour = [&](std::size_t i) { return (ticks_[i].venue_ns - 21 * 3600 * kSecondNs) / kHalfHour; };
    struct Sums {
      Real ticks = 0, spread = 0, square = 0;
    };
    std::map<std::int64_t, Sums> sums;
    for (std::size_t i = 0; i < n; ++i) {
      if (half_hour(i) == half_hour(0) || (half_hour(n) - half_hour(i)) % 48 != 0 || half_hour(i) == half_hour(n))
        continue;
      Sums& of = sums[half_hour(i)];
      of.ticks += 1;
      of.spread += spread_bp_[i];
      of.square += two_moves_[i] * two_moves_[i] / 2;
    }
    Past mean;
    for (const auto& [when, of] : sums) {
      mean.spread_bp += of.spread / of.ticks / static_cast<Real>(sums.size());
      mean.square_bp2_per_s += of.square / 1800 / static_cast<Real>(sums.size());
    }
    return mean;
  }

  Real bar(std::string_view name, const Feature& feature, std::size_t n) const {
    const Real mid = mid_[n];
    if (name == "rsi") return rsi(n);
    if (name == "atr") return 1e4L * atr(n) / mid;
    if (name == "bollinger_z") return bollinger(n);
    if (name == "sma") {
      const auto bars = closed_bars(n, 900);
      Real total = 0;
      for (std::size_t i = bars.size() - 20; i < bars.size(); ++i) total += bars[i].close;
      return 1e4L * (mid - total / 20) / mid;
    }
    if (name == "donchian_position") {
      const auto bars = closed_bars(n, 3600);
      Real high = -1e30L;
      Real low = 1e30L;
      for (std::size_t i = bars.size() - feature.bars; i < bars.size(); ++i) {
        high = std::max(high, bars[i].high);
        low = std::min(low, bars[i].low);
      }
      return (mid - low) / (high - low);
    }
    ADD_FAILURE() << "no definition of " << name;
    return 0;
  }

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
  std::vector<Real> trading_s_, mid_, spread_bp_, crossed_, queue_, move_, two_moves_, flow_;
  std::vector<Real> trade_sign_, trade_count_, trade_size_, trade_gross_, points_, spread_points_;
  std::vector<std::int64_t> trading_units_;
};

double absolute_tolerance(const Feature& feature) {
  // Prices of 1e3 with f64's 1e-16, in basis points, over averages of up to 1e5 steps.
  return feature.family->unit == "bp" || feature.family->unit == "bp/trade" ? 1e-8 : 1e-9;
}

// Compares `count` ticks chosen at random, and every lane at least once where its warm-up is over at all.
void compare(const FeatureSet& set, const std::vector<Tick>& ticks, const Instrument& instrument, std::size_t count,
             std::uint64_t seed, const std::vector<test::TradeBefore>& trades = {}) {
  const Reference reference(ticks, instrument, trades);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::size_t> any(0, ticks.size() - 1);
  std::vector<bool> chosen(ticks.size());
  for (std::size_t i = 0; i < count; ++i) chosen[any(random)] = true;
  chosen[0] = chosen[1] = chosen[2] = chosen.back() = true;

  std::map<std::string_view, std::size_t> compared;
  FeatureEngine engine(set, best_isa(), 1);
  engine.enable(0, instrument);
  BarBuilder bars(Zone::new_york());
  std::size_t trade = 0;
  for (std::size_t n = 0; n < ticks.size(); ++n) {
    while (trade < trades.size() && trades[trade].tick == n) engine.on_trade(0, trades[trade++].trade);
    bars.close_until(ticks[n].venue_ns, [&](const ClosedBar& bar) { engine.on_bar(0, bar); });
    bars.add(ticks[n].bid_e9, ticks[n].ask_e9, ticks[n].venue_ns);
    const FeatureRow& row = engine.on_tick(0, ticks[n], ticks[n].venue_ns);
    if (!chosen[n]) continue;
    for (std::size_t lane = 0; lane < set.lanes().size(); ++lane) {
      if (!row.defined.test(lane)) continue;
      const auto name = set.lanes()[lane].name;
      const Feature& feature = set.features()[lane];
      const auto expected = static_cast<double>(reference.value(feature, n));
      ASSERT_NEAR(static_cast<double>(row.values[lane]), expected,
                  2e-6 * std::abs(expected) + absolute_tolerance(feature))
          << name << " at tick " << n;
      ++compared[name];
    }
  }
  for (std::size_t lane = 0; lane < set.lanes().size(); ++lane) {
    if (instrument.calendar == CalendarId::always && set.features()[lane].family->name.starts_with("session_"))
      continue;
    EXPECT_GT(compared[set.lanes()[lane].name], 0u) << set.lanes()[lane].name << " was never defined";
  }
}

// Every family of the groups that the engine computes from ticks, at several parameters; the ones that look at past
// days apart, which their own test has.
FeatureSet every_family(std::initializer_list<FamilyGroup> groups) {
  std::vector<std::string> lines;
  for (const FeatureFamily* family : feature_families()) {
    if (std::ranges::find(groups, family->group) == groups.end() || family->name.starts_with("relative_")) continue;
    if (family->parameters.empty()) lines.push_back(fmt::format("feature = \"{}\"", family->name));
    if (family->group == FamilyGroup::decayed) {
      for (const char* half_life : {"0.5", "15", "240"}) {
        lines.push_back(fmt::format("feature = \"{}\", half_life_s = {}{}", family->name, half_life,
                                    family->parameters.size() > 1 ? ", half_life_2_s = 900" : ""));
      }
    }
    if (family->group == FamilyGroup::windowed) {
      for (const int ticks : {4, 5, 37, 64, 128, 200, 255, 256}) {
        lines.push_back(fmt::format("feature = \"{}\", ticks = {}{}", family->name, ticks,
                                    family->parameters.size() > 1 ? ", factor = 1.5" : ""));
      }
    }
    if (family->group == FamilyGroup::forming) {
      for (const char* period : {"M1", "M15", "H1"}) {
        lines.push_back(fmt::format("feature = \"{}\", period = \"{}\"", family->name, period));
      }
    }
  }
  return test::set_of(lines);
}

TEST(FeatureReference, every_lane_of_core_32_equals_its_definition_on_random_irregular_ticks) {
  compare(FeatureSet::core_32(), test::random_ticks(12'000, 21, kFridayNs - 2 * kDayNs),
          *built_in_instrument("BTCUSD", "any"), 150, 22);
}

TEST(FeatureReference, every_family_equals_its_definition_on_random_irregular_ticks_with_sizes_and_trades) {
  const FeatureSet set = every_family(
      {FamilyGroup::tick, FamilyGroup::decayed, FamilyGroup::windowed, FamilyGroup::clock, FamilyGroup::forming});
  ASSERT_GT(set.lanes().size(), 180u);
  const auto ticks = test::random_ticks(6'000, 24, kFridayNs - 2 * kDayNs);
  compare(set, ticks, *built_in_instrument("XAUUSD", "oanda"), 150, 25, test::random_trades(ticks, 26));
}

// Tick size 0.01 under prices in thousandths: windows round.
TEST(FeatureReference, windows_of_prices_between_points_equal_their_definition) {
  compare(every_family({FamilyGroup::windowed}), test::random_ticks(4'000, 27), *built_in_instrument("BTCUSD", "any"),
          300, 28);
}

TEST(FeatureReference, lanes_relative_to_the_time_of_day_know_past_days_only) {
  const FeatureSet set =
      test::set_of({"feature = \"relative_spread\"", "feature = \"relative_volatility\", half_life_s = 600",
                    "feature = \"relative_volatility\", half_life_s = 60"});
  std::vector<Tick> ticks = test::random_ticks(9'000, 29, kFridayNs - 5 * kDayNs);
  // One in a minute on average: some half hours have no tick at all.
  std::mt19937_64 random(30);
  std::int64_t venue_ns = ticks.front().venue_ns;
  for (Tick& tick : ticks) tick.venue_ns = venue_ns += static_cast<std::int64_t>(random() % 120'000) * 1'000'000;
  ticks.erase(ticks.begin() + 4'000, ticks.begin() + 4'200);
  compare(set, ticks, *built_in_instrument("BTCUSD", "any"), 400, 31);
}

std::vector<Tick> two_hundred_thousand_real_ticks() {
  const auto folder = test::data_dir() / "ticks";
  std::vector<Tick> ticks;
  for (const auto& [name, day] : std::vector<std::pair<const char*, int>>{{"oanda_xauusd_tick_20140502.csv.zst", 0},
                                                                          {"oanda_xauusd_tick_20140504.csv.zst", 2},
                                                                          {"oanda_xauusd_tick_20140505.csv.zst", 3}}) {
    const auto more = test::lean_ticks(folder / name, kFridayNs + day * kDayNs);
    ticks.insert(ticks.end(), more.begin(), more.end());
  }
  // Half of Friday, the weekend, half of Monday.
  ticks.erase(ticks.begin(), ticks.begin() + 150'000);
  ticks.resize(200'000);
  return ticks;
}

TEST(FeatureReference, every_lane_of_core_32_equals_its_definition_on_200000_real_ticks_across_a_weekend) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / "oanda_xauusd_tick_20140505.csv.zst");
  compare(FeatureSet::core_32(), two_hundred_thousand_real_ticks(), *built_in_instrument("XAUUSD", "oanda"),
          test::is_long_run() ? 400 : 20, 23);
}

TEST(FeatureReference, every_window_and_clock_equals_its_definition_on_200000_real_ticks_across_a_weekend) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / "oanda_xauusd_tick_20140505.csv.zst");
  compare(every_family({FamilyGroup::windowed, FamilyGroup::clock}), two_hundred_thousand_real_ticks(),
          *built_in_instrument("XAUUSD", "oanda"), 2'000, 24);
}

// The comparison itself must be able to fail.
TEST(FeatureReference, a_definition_with_another_parameter_is_told_apart) {
  std::vector<Tick> ticks;
  for (int i = 0; i < 2'000; ++i)
    ticks.push_back({(1'000 + i % 13) * kE9, (1'001 + i % 13) * kE9, 0, 0, kFridayNs + i * kSecondNs, 0});
  const Reference reference(ticks, *built_in_instrument("BTCUSD", "any"));
  const FeatureSet set =
      test::set_of({"feature = \"mid_deviation\", half_life_s = 60", "feature = \"mid_deviation\", half_life_s = 61",
                    "feature = \"window_imbalance\", ticks = 20", "feature = \"window_imbalance\", ticks = 21"});
  for (const std::size_t lane : {std::size_t{0}, std::size_t{2}}) {
    const Real right = reference.value(set.features()[lane], 1'999);
    const Real wrong = reference.value(set.features()[lane + 1], 1'999);
    EXPECT_GT(std::abs(static_cast<double>(right - wrong)), 2e-6 * std::abs(static_cast<double>(right)) + 1e-8);
  }
}

}  // namespace
}  // namespace thintail
