// SPDX-License-Identifier: Apache-2.0
// Every bar family against its definition, computed anew at a bar from all bars before it in long double: no
// recurrence, no integers, no shared code. Then what a bank promises beside its numbers.
#include "ml/indicators/bar_bank.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/price/decimal.hpp"
#include "tests/support/data.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

using Real = long double;
constexpr std::uint32_t kFriday_s = 1'398'988'800;  // 2014-05-02 00:00 UTC
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct VolumeBar {
  ClosedBar bar;
  double volume = kNone;
};

const FeatureFamily& family(std::string_view name) {
  for (const FeatureFamily& one : bar_families()) {
    if (one.name == name) return one;
  }
  throw std::runtime_error("no family " + std::string(name));
}

// A bank with the state of one instrument.
class Bank {
 public:
  explicit Bank(const std::vector<Feature>& features) : bank_(features, numbers(features.size())) {
    bank_.reset(state());
  }

  void add(const VolumeBar& bar) { bank_.on_bar(state(), bar.bar, bar.volume); }
  bool is_defined(std::size_t lane) const { return bank_.defined(state()).test(lane); }

  // The lane as a tick with these prices has it.
  double value(std::size_t lane, double bid, double ask) const {
    const BarLaneForm& form = bank_.forms()[lane];
    const double bp = 1e4 / (form.bp_bid_weight * bid + form.bp_ask_weight * ask);
    return (form.bid_weight * bid + form.ask_weight * ask - bank_.levels(state())[lane]) *
           (bank_.scales(state())[lane] + form.scale_bp * bp);
  }

  const BarBank& plan() const { return bank_; }
  std::byte* state() { return block_.data()->bytes; }
  const std::byte* state() const { return block_.data()->bytes; }
  bool same_bytes(const Bank& other) const { return std::memcmp(state(), other.state(), bank_.state_bytes()) == 0; }

 private:
  struct alignas(BarBank::kStateAlignment) Line {
    std::byte bytes[BarBank::kStateAlignment];
  };
  static std::vector<std::uint16_t> numbers(std::size_t count) {
    std::vector<std::uint16_t> out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint16_t>(i);
    return out;
  }

  BarBank bank_;
  std::vector<Line> block_{bank_.state_bytes() / sizeof(Line)};
};

// --- Definitions

struct Prices {
  Real open, high, low, close;
};

Prices prices_of(const ClosedBar& bar, QuoteSide basis) {
  const auto price = [&](std::int64_t bid, std::int64_t ask) -> Real {
    if (basis == QuoteSide::bid) return static_cast<Real>(bid);
    if (basis == QuoteSide::ask) return static_cast<Real>(ask);
    return (static_cast<Real>(bid) + static_cast<Real>(ask)) / 2;
  };
  return {price(bar.bid.open_e9, bar.ask.open_e9), price(bar.bid.high_e9, bar.ask.high_e9),
          price(bar.bid.low_e9, bar.ask.low_e9), price(bar.bid.close_e9, bar.ask.close_e9)};
}

// 17:00 New York, from the rule since 2007: daylight saving from the second Sunday of March to the first of November.
std::int64_t fx_day(std::int64_t end_s) {
  const std::int64_t last_s = end_s - 1;
  constexpr std::int64_t kMarch9_2014 = 1'394'348'400;  // 07:00 UTC
  constexpr std::int64_t kNovember2_2014 = 1'414'908'000;  // 06:00 UTC
  const bool is_summer = last_s >= kMarch9_2014 && last_s < kNovember2_2014;
  return (last_s - (is_summer ? 21 : 22) * 3'600) / 86'400;
}

class Definition {
 public:
  Definition(const std::vector<VolumeBar>& bars, QuoteSide basis) : bars_(bars) {
    for (const VolumeBar& one : bars) prices_.push_back(prices_of(one.bar, basis));
  }

  // The feature after bar `last`, at a tick with that price; nothing where it is undefined.
  std::optional<Real> value(const Feature& feature, std::size_t last, Real price) const {
    const std::size_t seen = last + 1;
    const std::size_t n = feature.bars;
    const std::string_view name = feature.family->name;
    const auto bp = [&](Real amount) { return 1e4L * amount / price; };
    if (name == "sma") return seen < n ? std::nullopt : std::optional(bp(price - mean(last, n)));
    if (name == "wma") {
      if (seen < n) return {};
      Real sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += static_cast<Real>(n - k) * close(last - k);
      return bp(price - sum / (static_cast<Real>(n * (n + 1)) / 2));
    }
    if (name == "ema") return seen < n ? std::nullopt : std::optional(bp(price - averages(n)[last]));
    if (name == "dema") {
      if (seen < 2 * n - 1) return {};
      const std::span<const Real> once = std::span(averages(n)).subspan(n - 1, last + 2 - n);
      return bp(price - (2 * once.back() - ema(once, n)));
    }
    if (name == "rsi") {
      if (seen < n + 1) return {};
      Real up = 0;
      Real down = 0;
      Real weight = 1;
      for (std::size_t i = last; i >= 1; --i) {
        const Real change = close(i) - close(i - 1);
        (change > 0 ? up : down) += weight * std::abs(change);
        weight *= 1 - 1 / static_cast<Real>(n);
      }
      return up + down > 0 ? 100 * up / (up + down) : 50;
    }
    if (name.starts_with("macd_")) {
      const std::size_t line_bars = std::max<std::size_t>(n, feature.bars_2);
      const auto line = [&](std::size_t i) { return averages(n)[i] - averages(feature.bars_2)[i]; };
      if (name == "macd_line") return seen < line_bars ? std::nullopt : std::optional(bp(line(last)));
      if (seen < line_bars + feature.bars_3 - 1) return {};
      std::vector<Real> lines;
      for (std::size_t i = line_bars - 1; i <= last; ++i) lines.push_back(line(i));
      const Real signal = ema(lines, feature.bars_3);
      return bp(name == "macd_signal" ? signal : lines.back() - signal);
    }
    if (name == "stochastic_k" || name == "stochastic_d") {
      const std::size_t d = name == "stochastic_d" ? feature.bars_3 : 1;
      if (seen < n + feature.bars_2 + d - 2) return {};
      Real sum = 0;
      for (std::size_t i = 0; i < d; ++i) {
        for (std::size_t k = 0; k < feature.bars_2; ++k) sum += percent(last - i - k, n);
      }
      return sum / static_cast<Real>(d * feature.bars_2);
    }
    if (name == "williams_r") return seen < n ? std::nullopt : std::optional(percent(last, n) - 100);
    if (name == "cci") {
      if (seen < n) return {};
      const auto typical = [&](std::size_t i) { return (prices_[i].high + prices_[i].low + prices_[i].close) / 3; };
      Real average = 0;
      for (std::size_t k = 0; k < n; ++k) average += typical(last - k) / static_cast<Real>(n);
      Real deviation = 0;
      for (std::size_t k = 0; k < n; ++k) deviation += std::abs(typical(last - k) - average) / static_cast<Real>(n);
      return deviation > 1e-3L ? (typical(last) - average) / (0.015L * deviation) : 0;
    }
    if (name == "atr") return seen < n ? std::nullopt : std::optional(bp(atr(last, n)));
    if (name == "adx" || name == "plus_di" || name == "minus_di") return movement(name, last, n);
    if (name == "bollinger_z" || name == "bollinger_width" || name == "price_z") {
      if (seen < n) return {};
      const Real average = mean(last, n);
      Real variance = 0;
      for (std::size_t k = 0; k < n; ++k) variance += std::pow(close(last - k) - average, 2) / static_cast<Real>(n);
      const Real deviation = std::sqrt(variance);
      if (name == "bollinger_width") return bp(2 * feature.factor * deviation);
      if (deviation < 1e-3L) return {};
      return ((name == "price_z" ? price : close(last)) - average) / deviation;
    }
    if (name == "keltner_position") {
      if (seen < std::max<std::size_t>(n, feature.bars_2)) return {};
      const Real range = atr(last, feature.bars_2);
      return range > 0 ? std::optional((price - averages(n)[last]) / (feature.factor * range)) : std::nullopt;
    }
    if (name == "donchian_position" || name == "donchian_width") {
      if (seen < n) return {};
      const auto [high, low] = extremes(last, n);
      if (name == "donchian_width") return bp(high - low);
      return high > low ? std::optional((price - low) / (high - low)) : std::nullopt;
    }
    if (name == "obv") {
      const std::size_t first = first_with_volume(last);
      if (first > last) return {};
      Real sum = 0;
      for (std::size_t i = first + 1; i <= last; ++i) sum += signed_volume(i);
      return sum;
    }
    if (name == "obv_share") {
      if (first_with_volume(last) + n > last) return {};
      Real net = 0;
      Real all = 0;
      for (std::size_t k = 0; k < n; ++k) {
        net += signed_volume(last - k);
        all += bars_[last - k].volume;
      }
      return all > 0 ? std::optional(net / all) : std::nullopt;
    }
    if (name == "vwap") {
      Real money = 0;
      Real all = 0;
      for (std::size_t i = 0; i <= last; ++i) {
        if (fx_day(bars_[i].bar.end_s) != fx_day(bars_[last].bar.end_s)) continue;
        if (std::isnan(bars_[i].volume)) return {};
        money += (prices_[i].high + prices_[i].low + prices_[i].close) / 3 * bars_[i].volume;
        all += bars_[i].volume;
      }
      return all > 0 ? std::optional(bp(price - money / all)) : std::nullopt;
    }
    if (name == "roc" || name == "momentum" || name == "bar_return") {
      const std::size_t back = name == "bar_return" ? 1 : n;
      if (seen < back + 1) return {};
      const Real change = close(last) - close(last - back);
      if (name == "momentum") return bp(change);
      return (name == "roc" ? 100.0L : 1e4L) * change / close(last - back);
    }
    if (name == "fractional_difference") {
      if (seen < n) return {};
      Real sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += binomial(feature.factor, k) * close(last - k);
      return bp(sum);
    }
    if (name == "kama") return seen < n + 1 ? std::nullopt : std::optional(bp(price - adaptive(feature, last)));
    if (name == "parabolic_sar") return seen < 2 ? std::nullopt : std::optional(bp(price - parabolic(feature, last)));
    if (name == "ichimoku_line") return seen < n ? std::nullopt : std::optional(bp(price - middle(last, n)));
    if (name == "ichimoku_cloud") {
      const std::size_t shift = feature.bars_2;
      if (seen < std::max({n, shift, std::size_t{feature.bars_3}}) + shift) return {};
      const std::size_t then = last - shift;
      const Real first = (middle(then, n) + middle(then, shift)) / 2;
      const Real second = middle(then, feature.bars_3);
      if (close(last) > std::max(first, second)) return bp(close(last) - std::max(first, second));
      return bp(std::min<Real>(close(last) - std::min(first, second), 0));
    }
    if (name.starts_with("pivot")) {
      const Prices& bar = prices_[last];
      const Real pivot = (bar.high + bar.low + bar.close) / 3;
      return bp(price - (name == "pivot" ? pivot : name == "pivot_r1" ? 2 * pivot - bar.low : 2 * pivot - bar.high));
    }
    if (const auto bars = bars_of_pattern(name); bars != 0) {
      return seen < bars ? std::nullopt : std::optional<Real>(pattern(name, last));
    }
    ADD_FAILURE() << "no definition of " << name;
    return {};
  }

 private:
  Real close(std::size_t i) const { return prices_[i].close; }
  Real mean(std::size_t last, std::size_t n) const {
    Real sum = 0;
    for (std::size_t k = 0; k < n; ++k) sum += close(last - k);
    return sum / static_cast<Real>(n);
  }
  // Of the last value, with explicit weights; the first value has held for ever.
  static Real ema(std::span<const Real> x, std::size_t n) {
    const Real w = 2 / (static_cast<Real>(n) + 1);
    Real sum = 0;
    Real left = 1;
    for (std::size_t i = x.size() - 1; i >= 1; --i) {
      sum += w * left * x[i];
      left *= 1 - w;
    }
    return sum + left * x[0];
  }
  // Exponential averages of the closes as of every bar, each computed anew.
  const std::vector<Real>& averages(std::size_t n) const {
    std::vector<Real>& known = averages_[n];
    if (!known.empty()) return known;
    std::vector<Real> closes;
    for (const Prices& one : prices_) {
      closes.push_back(one.close);
      known.push_back(ema(closes, n));
    }
    return known;
  }
  std::pair<Real, Real> extremes(std::size_t last, std::size_t n) const {
    Real high = prices_[last].high;
    Real low = prices_[last].low;
    for (std::size_t k = 0; k < n; ++k) {
      high = std::max(high, prices_[last - k].high);
      low = std::min(low, prices_[last - k].low);
    }
    return {high, low};
  }
  Real middle(std::size_t last, std::size_t n) const {
    const auto [high, low] = extremes(last, n);
    return (high + low) / 2;
  }
  Real adaptive(const Feature& feature, std::size_t last) const {
    const std::size_t n = feature.bars;
    const Real fast = 2 / (static_cast<Real>(feature.bars_2) + 1);
    const Real slow = 2 / (static_cast<Real>(feature.bars_3) + 1);
    Real average = close(n - 1);
    for (std::size_t i = n; i <= last; ++i) {
      Real path = 0;
      for (std::size_t k = 0; k < n; ++k) path += std::abs(close(i - k) - close(i - k - 1));
      const Real efficiency = path > 0 ? std::abs(close(i) - close(i - n)) / path : 0;
      average += std::pow(efficiency * (fast - slow) + slow, 2) * (close(i) - average);
    }
    return average;
  }
  // Wilder's rules as the book has them, rising and falling trends apart.
  Real parabolic(const Feature& feature, std::size_t last) const {
    bool rises = prices_[1].high + prices_[1].low >= prices_[0].high + prices_[0].low;
    Real extreme = rises ? prices_[0].high : prices_[0].low;
    Real stop = rises ? prices_[0].low : prices_[0].high;
    Real factor = feature.factor;
    for (std::size_t i = 1; i <= last; ++i) {
      stop += factor * (extreme - stop);
      for (std::size_t back = 1; back <= std::min<std::size_t>(i, 2); ++back) {
        stop = rises ? std::min(stop, prices_[i - back].low) : std::max(stop, prices_[i - back].high);
      }
      const bool is_new = rises ? prices_[i].high > extreme : prices_[i].low < extreme;
      if (is_new) {
        extreme = rises ? prices_[i].high : prices_[i].low;
        factor = std::min<Real>(factor + feature.factor, 10 * static_cast<Real>(feature.factor));
      }
      if (rises ? prices_[i].low < stop : prices_[i].high > stop) {
        stop = extreme;
        rises = !rises;
        extreme = rises ? prices_[i].high : prices_[i].low;
        factor = feature.factor;
      }
    }
    return stop;
  }
  Real percent(std::size_t last, std::size_t n) const {
    const auto [high, low] = extremes(last, n);
    return high > low ? 100 * (close(last) - low) / (high - low) : 50;
  }
  Real true_range(std::size_t i) const {
    if (i == 0) return prices_[0].high - prices_[0].low;
    return std::max({prices_[i].high - prices_[i].low, std::abs(prices_[i].high - close(i - 1)),
                     std::abs(prices_[i].low - close(i - 1))});
  }
  Real atr(std::size_t last, std::size_t n) const {
    Real seed = 0;
    for (std::size_t i = 0; i < n; ++i) seed += true_range(i) / static_cast<Real>(n);
    return wilder_mean(last, n, n - 1, seed, [&](std::size_t i) { return true_range(i); });
  }
  // The mean `seed` as of bar `first`, then every later x with the weight 1 / n at its own bar.
  template <class X>
  static Real wilder_mean(std::size_t last, std::size_t n, std::size_t first, Real seed, X&& x) {
    const Real kept = 1 - 1 / static_cast<Real>(n);
    Real sum = 0;
    Real weight = 1;
    for (std::size_t i = last; i > first; --i) {
      sum += x(i) / static_cast<Real>(n) * weight;
      weight *= kept;
    }
    return sum + seed * weight;
  }
  // The sum of the first n movements, which Wilder decays as his means.
  template <class X>
  static Real wilder_sum(std::size_t last, std::size_t n, X&& x) {
    Real seed = 0;
    for (std::size_t i = 1; i <= n; ++i) seed += x(i) / static_cast<Real>(n);
    return wilder_mean(last, n, n, seed, x) * static_cast<Real>(n);
  }
  Real rise(std::size_t i) const { return prices_[i].high - prices_[i - 1].high; }
  Real fall(std::size_t i) const { return prices_[i - 1].low - prices_[i].low; }
  Real plus(std::size_t last, std::size_t n) const {
    return wilder_sum(last, n, [&](std::size_t i) { return rise(i) > fall(i) && rise(i) > 0 ? rise(i) : 0; });
  }
  Real minus(std::size_t last, std::size_t n) const {
    return wilder_sum(last, n, [&](std::size_t i) { return fall(i) > rise(i) && fall(i) > 0 ? fall(i) : 0; });
  }
  // DX as of every bar from n on, each computed anew.
  const std::vector<Real>& directions(std::size_t n) const {
    std::vector<Real>& known = directions_[n];
    if (!known.empty()) return known;
    known.resize(n);
    for (std::size_t i = n; i < prices_.size(); ++i) {
      const Real up = plus(i, n);
      const Real down = minus(i, n);
      known.push_back(up + down > 0 ? 100 * std::abs(up - down) / (up + down) : 0);
    }
    return known;
  }
  std::optional<Real> movement(std::string_view name, std::size_t last, std::size_t n) const {
    if (name != "adx") {
      if (last < n) return {};
      const Real range = wilder_sum(last, n, [&](std::size_t i) { return true_range(i); });
      if (range == 0) return 0;
      return 100 * (name == "plus_di" ? plus(last, n) : minus(last, n)) / range;
    }
    if (last < 2 * n - 1) return {};
    const std::vector<Real>& dx = directions(n);
    Real seed = 0;
    for (std::size_t i = n; i < 2 * n; ++i) seed += dx[i] / static_cast<Real>(n);
    return wilder_mean(last, n, 2 * n - 1, seed, [&](std::size_t i) { return dx[i]; });
  }
  // The first bar of the unbroken row of bars with volume that ends at `last`; last + 1 where that has none.
  std::size_t first_with_volume(std::size_t last) const {
    std::size_t first = last + 1;
    while (first > 0 && !std::isnan(bars_[first - 1].volume)) --first;
    return first;
  }
  Real signed_volume(std::size_t i) const {
    const Real change = close(i) - close(i - 1);
    return change > 0 ? bars_[i].volume : change < 0 ? -bars_[i].volume : 0;
  }
  // (-1)^k (d over k)
  static Real binomial(Real d, std::size_t k) {
    Real product = 1;
    for (std::size_t i = 0; i < k; ++i) product *= -(d - static_cast<Real>(i)) / static_cast<Real>(i + 1);
    return product;
  }

  static std::size_t bars_of_pattern(std::string_view name) {
    static const std::map<std::string_view, std::size_t> kBars = {
        {"doji", 1}, {"marubozu", 1}, {"hammer", 1}, {"engulfing", 2}, {"harami", 2}, {"star", 3}, {"soldiers", 3}};
    const auto found = kBars.find(name);
    return found == kBars.end() ? 0 : found->second;
  }
  // Candles as people describe them, in shares of a bar's range; both directions written out.
  int pattern(std::string_view name, std::size_t last) const {
    const Prices& bar = prices_[last];
    const auto body = [](const Prices& one) { return std::abs(one.close - one.open); };
    const auto range = [](const Prices& one) { return one.high - one.low; };
    const auto rises = [](const Prices& one) { return one.close > one.open; };
    const auto falls = [](const Prices& one) { return one.close < one.open; };
    const Real upper = bar.high - std::max(bar.open, bar.close);
    const Real lower = std::min(bar.open, bar.close) - bar.low;
    if (name == "doji") return range(bar) > 0 && body(bar) * 10 <= range(bar) ? 1 : 0;
    if (name == "marubozu") {
      if (body(bar) == 0 || (upper + lower) * 10 > range(bar)) return 0;
      return rises(bar) ? 1 : -1;
    }
    if (name == "hammer") {
      if (body(bar) == 0) return 0;
      if (lower / body(bar) >= 2 && upper * 10 <= range(bar)) return 1;
      return upper / body(bar) >= 2 && lower * 10 <= range(bar) ? -1 : 0;
    }
    const Prices& before = prices_[last - 1];
    if (name == "engulfing") {
      if (body(bar) <= body(before)) return 0;
      if (falls(before) && rises(bar) && bar.open <= before.close && bar.close >= before.open) return 1;
      return rises(before) && falls(bar) && bar.open >= before.close && bar.close <= before.open ? -1 : 0;
    }
    if (name == "harami") {
      const Real high = std::max(before.open, before.close);
      const Real low = std::min(before.open, before.close);
      for (const Real price : {bar.open, bar.close}) {
        if (price < low || price > high) return 0;
      }
      if (body(before) == 0 || body(before) * 2 < range(before) || body(bar) * 2 > body(before)) return 0;
      return falls(before) ? 1 : -1;
    }
    const Prices& first = prices_[last - 2];
    if (name == "star") {
      const Real middle = (first.open + first.close) / 2;
      const Real star = (before.open + before.close) / 2;
      if (body(first) * 2 < range(first) || body(before) * 3 > body(first)) return 0;
      if (falls(first) && star <= middle && rises(bar) && bar.close > middle) return 1;
      return rises(first) && star >= middle && falls(bar) && bar.close < middle ? -1 : 0;
    }
    bool soldiers = true;
    bool crows = true;
    for (std::size_t i = last - 2; i <= last; ++i) {
      const Prices& one = prices_[i];
      soldiers = soldiers && rises(one) && (one.high - one.close) * 4 <= range(one);
      crows = crows && falls(one) && (one.close - one.low) * 4 <= range(one);
      if (i == last - 2) continue;
      const Prices& prior = prices_[i - 1];
      soldiers = soldiers && one.close > prior.close && one.open >= prior.open && one.open <= prior.high;
      crows = crows && one.close < prior.close && one.open <= prior.open && one.open >= prior.low;
    }
    return soldiers ? 1 : crows ? -1 : 0;
  }

  const std::vector<VolumeBar>& bars_;
  std::vector<Prices> prices_;
  mutable std::map<std::size_t, std::vector<Real>> averages_;    // by n
  mutable std::map<std::size_t, std::vector<Real>> directions_;  // by n
};

// --- Data

std::vector<VolumeBar> random_bars(std::uint64_t seed, std::size_t count, BarPeriod period, std::uint32_t seconds,
                                   std::uint32_t start_s = kFriday_s) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return static_cast<std::int64_t>(random() % bound); };
  std::vector<VolumeBar> bars;
  std::int64_t bid = 1'284'065;  // in thousandths
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t open = bid;
    // Some bars do not move at all.
    if (below(10) != 0) bid += below(2'001) - 1'000;
    const std::int64_t wick_up = below(4) == 0 ? 0 : below(700);
    const std::int64_t wick_down = below(4) == 0 ? 0 : below(700);
    const std::int64_t spread = below(400) - 20;  // now and then crossed
    const auto side = [&](std::int64_t shift, std::int64_t unit) -> Ohlc {
      return {(open + shift) * unit, (std::max(open, bid) + wick_up + shift) * unit,
              (std::min(open, bid) - wick_down + shift) * unit, (bid + shift) * unit};
    };
    VolumeBar& one = bars.emplace_back();
    one.bar = {period, start_s + seconds * static_cast<std::uint32_t>(i + 1), 9, side(0, 1'000'000),
               side(spread, 1'000'001)};
    one.volume = static_cast<double>(below(5'000)) / 8.0;
  }
  return bars;
}

// Every family with its standard parameters and with other ones.
std::vector<Feature> every_feature(BarPeriod period, QuoteSide basis) {
  std::vector<Feature> features;
  for (const FeatureFamily& one : bar_families()) {
    for (const bool is_standard : {true, false}) {
      Feature feature{.family = &one, .period = period, .basis = basis};
      for (const ParameterInfo& parameter : one.parameters) {
        const double value = is_standard ? parameter.standard : std::max(parameter.low, parameter.standard - 3.0);
        const auto bars = [&] { return static_cast<std::uint16_t>(value); };
        switch (parameter.parameter) {
          case Parameter::bars: feature.bars = bars(); break;
          case Parameter::bars_2: feature.bars_2 = bars(); break;
          case Parameter::bars_3: feature.bars_3 = bars(); break;
          case Parameter::factor: feature.factor = is_standard ? value : value * 3.0; break;
          default: break;
        }
      }
      if (is_standard || !(feature == features.back())) features.push_back(feature);
    }
  }
  return features;
}

// Candle patterns alone: few bars hold one, so they are compared at every bar.
std::vector<Feature> patterns_of(std::vector<Feature> features) {
  std::erase_if(features, [](const Feature& one) { return one.family->unit != "sign"; });
  return features;
}

// Absolute part: what cancels in a difference of prices of 1e12 in f64, in bp or in units of a range.
double tolerance(Real expected) { return 1e-9 * std::abs(static_cast<double>(expected)) + 2e-8; }

struct Comparison {
  std::size_t compared = 0;
  std::size_t undefined = 0;
  std::size_t different = 0;
  std::string first_difference;
};

// Compares every feature at the bars that `is_chosen` names.
Comparison compare(const std::vector<Feature>& features, const std::vector<VolumeBar>& bars,
                   const std::function<bool(std::size_t)>& is_chosen) {
  Bank bank(features);
  const Definition definition(bars, features.front().basis);
  Comparison result;
  for (std::size_t i = 0; i < bars.size(); ++i) {
    bank.add(bars[i]);
    if (!is_chosen(i)) continue;
    // A tick a little off the close.
    const auto bid = static_cast<double>(bars[i].bar.bid.close_e9 + 130'000'000);
    const auto ask = static_cast<double>(bars[i].bar.ask.close_e9 + 210'000'000);
    for (std::size_t lane = 0; lane < features.size(); ++lane) {
      const Feature& feature = features[lane];
      const Real price = feature.basis == QuoteSide::bid   ? static_cast<Real>(bid)
                         : feature.basis == QuoteSide::ask ? static_cast<Real>(ask)
                                                           : (static_cast<Real>(bid) + static_cast<Real>(ask)) / 2;
      const auto expected = definition.value(feature, i, price);
      const bool agrees =
          bank.is_defined(lane) == expected.has_value() &&
          (!expected || std::abs(bank.value(lane, bid, ask) - static_cast<double>(*expected)) <= tolerance(*expected));
      result.undefined += expected ? 0u : 1u;
      ++result.compared;
      if (agrees) continue;
      if (result.different++ == 0) {
        result.first_difference = fmt::format("{} (bars {}) after bar {}: {} {}, expected {}", feature.family->name,
                                              feature.bars, i, bank.is_defined(lane), bank.value(lane, bid, ask),
                                              expected ? static_cast<double>(*expected) : kNone);
      }
    }
  }
  return result;
}

// --- Numbers

TEST(BarBank, every_family_equals_its_definition_on_random_bars_of_every_basis) {
  for (const QuoteSide basis : {QuoteSide::bid, QuoteSide::ask, QuoteSide::mid}) {
    auto bars = random_bars(31, 500, BarPeriod::m1, 60);
    bars[200].volume = kNone;
    const auto features = every_feature(BarPeriod::m1, basis);
    ASSERT_GT(features.size(), 50u);
    const Comparison all = compare(features, bars, [](std::size_t i) { return i < 80 || i % 7 == 0 || i > 480; });
    EXPECT_EQ(all.different, 0u) << all.first_difference;
    EXPECT_GT(all.compared, 5'000u);
    EXPECT_LT(all.undefined, all.compared / 4);
  }
}

TEST(BarBank, every_family_equals_its_definition_on_every_period) {
  constexpr std::array<std::uint32_t, kBarPeriodCount> kSeconds = {60, 300, 900, 1'800, 3'600, 14'400, 86'400};
  for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
    const auto period = static_cast<BarPeriod>(i);
    const auto bars = random_bars(40 + i, 120, period, kSeconds[i], kFriday_s + 21 * 3'600 - 86'400);
    const Comparison all =
        compare(every_feature(period, QuoteSide::mid), bars, [](std::size_t n) { return n % 5 == 0 || n > 110; });
    EXPECT_EQ(all.different, 0u) << kBarPeriodNames[i] << ": " << all.first_difference;
  }
}

TEST(BarBank, every_family_equals_its_definition_on_real_minutes_of_gold) {
  const auto path = test::data_dir() / "bars/histdata_xauusd_m1_2018.csv.zst";
  TT_REQUIRE_DATA(path);
  std::vector<VolumeBar> bars;
  const std::string text = test::read_zstd(path);
  for (std::string_view rest = text; !rest.empty() && bars.size() < 3'000;) {
    std::string_view row = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), row.size() + 1));
    std::array<std::int64_t, 4> ohlc{};
    row.remove_prefix(row.find(';') + 1);
    for (std::int64_t& price : ohlc) {
      ASSERT_EQ(parse_decimal_e9(row.substr(0, row.find(';')), price), DecimalFault::none);
      row.remove_prefix(row.find(';') + 1);
    }
    const Ohlc side{ohlc[0], ohlc[1], ohlc[2], ohlc[3]};
    const auto end_s = kFriday_s + 60 * static_cast<std::uint32_t>(bars.size() + 1);
    bars.push_back({{BarPeriod::m1, end_s, 1, side, side}, kNone});
  }
  ASSERT_EQ(bars.size(), 3'000u);
  const std::size_t every = test::is_long_run() ? 37 : 331;
  const Comparison all = compare(every_feature(BarPeriod::m1, QuoteSide::bid), bars,
                                 [&](std::size_t i) { return i % every == 0 || i == 2'999; });
  EXPECT_EQ(all.different, 0u) << all.first_difference;
  const Comparison patterns =
      compare(patterns_of(every_feature(BarPeriod::m1, QuoteSide::bid)), bars, [](std::size_t) { return true; });
  EXPECT_EQ(patterns.different, 0u) << patterns.first_difference;
  EXPECT_EQ(patterns.compared, 3'000u * 7);
}

// The patterns of textbook candles; a bar is open, high, low, close in thousandths.
TEST(BarBank, candles_of_the_textbook_are_named_and_upside_down_their_opposites) {
  struct Case {
    std::string_view name;
    std::vector<std::array<std::int64_t, 4>> bars;
    double value;
  };
  const std::vector<Case> cases = {
      {"doji", {{100, 110, 90, 102}}, 1},
      {"doji", {{100, 110, 90, 103}}, 0},
      {"doji", {{100, 100, 100, 100}}, 0},
      {"marubozu", {{100, 121, 99, 119}}, 0},
      {"marubozu", {{100, 120, 100, 119}}, 1},
      {"hammer", {{100, 103, 80, 102}}, 1},
      {"hammer", {{102, 103, 80, 100}}, 1},  // of either colour
      {"hammer", {{100, 105, 80, 102}}, 0},
      {"engulfing", {{100, 101, 89, 90}, {90, 105, 88, 101}}, 1},
      {"engulfing", {{100, 101, 89, 90}, {90, 105, 88, 100}}, 0},  // equal bodies
      {"harami", {{100, 101, 79, 80}, {85, 96, 84, 95}}, 1},
      {"harami", {{100, 101, 79, 80}, {95, 96, 84, 85}}, 1},  // of either colour
      {"harami", {{100, 101, 79, 80}, {79, 96, 78, 85}}, 0},
      {"star", {{100, 101, 79, 80}, {80, 82, 74, 76}, {77, 93, 76, 91}}, 1},
      {"star", {{100, 101, 79, 80}, {80, 82, 74, 76}, {77, 93, 76, 90}}, 0},  // only to the middle
      {"soldiers", {{100, 111, 99, 110}, {105, 121, 104, 120}, {116, 131, 115, 130}}, 1},
      {"soldiers", {{100, 111, 99, 110}, {105, 121, 104, 120}, {104, 131, 103, 130}}, 0}};
  for (const Case& one : cases) {
    for (const bool is_mirrored : {false, true}) {
      Bank bank({Feature{.family = &family(one.name), .basis = QuoteSide::bid}});
      std::uint32_t end_s = kFriday_s;
      for (const auto& [open, high, low, close] : one.bars) {
        EXPECT_FALSE(bank.is_defined(0)) << one.name << " before its last bar";
        const auto price = [&](std::int64_t value) { return (is_mirrored ? 1'000 - value : value) * 1'000'000; };
        const Ohlc side{price(open), price(is_mirrored ? low : high), price(is_mirrored ? high : low), price(close)};
        bank.add({{BarPeriod::m1, end_s += 60, 1, side, side}, kNone});
      }
      EXPECT_TRUE(bank.is_defined(0)) << one.name;
      const double expected = is_mirrored && one.name != "doji" ? -one.value : one.value;
      EXPECT_EQ(bank.value(0, 1e9, 1e9), expected) << one.name << " " << one.bars.back()[3] << " " << is_mirrored;
    }
  }
}

TEST(BarBank, random_bars_hold_every_candle_pattern_both_ways) {
  const auto bars = random_bars(35, 5'000, BarPeriod::m1, 60);
  const std::vector<std::string_view> names = {"doji", "marubozu", "hammer", "engulfing", "harami", "star", "soldiers"};
  std::vector<Feature> features;
  for (const std::string_view name : names) features.push_back({.family = &family(name)});
  Bank bank(features);
  std::map<std::pair<std::string_view, double>, std::size_t> seen;
  for (const VolumeBar& bar : bars) {
    bank.add(bar);
    for (std::size_t lane = 0; lane < names.size(); ++lane) ++seen[{names[lane], bank.value(lane, 1.3e12, 1.3e12)}];
  }
  for (const std::string_view name : names) {
    for (const double value : {-1.0, 1.0}) {
      const std::size_t count = seen[{name, value}];
      if (name == "doji" && value < 0) {
        EXPECT_EQ(count, 0u);
      } else {
        EXPECT_GT(count, 5u) << name << " " << value;
        EXPECT_LT(count, bars.size() / 2) << name << " " << value;
      }
    }
  }
  const auto patterns = patterns_of(every_feature(BarPeriod::m1, QuoteSide::mid));
  ASSERT_EQ(patterns.size(), names.size());
  const Comparison all = compare(patterns, bars, [](std::size_t) { return true; });
  EXPECT_EQ(all.different, 0u) << all.first_difference;
  EXPECT_EQ(all.compared, bars.size() * names.size());
}

// The comparison must be able to fail: each feature against the definition of its neighbour.
TEST(BarBank, a_window_longer_by_a_bar_is_told_apart_in_every_family) {
  const auto bars = random_bars(33, 200, BarPeriod::m1, 60);
  Bank bank(every_feature(BarPeriod::m1, QuoteSide::mid));
  for (const VolumeBar& bar : bars) bank.add(bar);
  const Definition definition(bars, QuoteSide::mid);
  const auto features = every_feature(BarPeriod::m1, QuoteSide::mid);
  const auto bid = static_cast<double>(bars.back().bar.bid.close_e9);
  const auto ask = static_cast<double>(bars.back().bar.ask.close_e9);
  const Real price = (static_cast<Real>(bid) + static_cast<Real>(ask)) / 2;
  for (std::size_t lane = 0; lane < features.size(); ++lane) {
    Feature wrong = features[lane];
    if (wrong.bars == 0) continue;
    ++wrong.bars;
    const auto other = definition.value(wrong, bars.size() - 1, price);
    ASSERT_TRUE(other);
    // Extremes may lie within both windows.
    const std::string_view name = wrong.family->name;
    if (name.starts_with("donchian") || name == "williams_r" || name.starts_with("stochastic") ||
        name.starts_with("ichimoku")) {
      continue;
    }
    EXPECT_GT(std::abs(bank.value(lane, bid, ask) - static_cast<double>(*other)), tolerance(*other)) << name;
  }
}

// --- State

TEST(BarBank, features_that_share_an_indicator_share_its_state) {
  const auto macd = [&](std::string_view name) {
    return Feature{.family = &family(name), .bars = 12, .bars_2 = 26, .bars_3 = 9};
  };
  const std::size_t alone = Bank({macd("macd_histogram")}).plan().state_bytes();
  Feature line = macd("macd_line");
  line.bars_3 = 0;
  const Bank shared({macd("macd_histogram"), macd("macd_signal"), line, Feature{.family = &family("ema"), .bars = 12},
                     Feature{.family = &family("ema"), .bars = 26}});
  EXPECT_EQ(shared.plan().state_bytes(), alone);
  const Bank with_another({macd("macd_histogram"), Feature{.family = &family("sma"), .bars = 200}});
  EXPECT_GT(with_another.plan().state_bytes(), alone + 200 * sizeof(std::int64_t));
  // The mean of typical prices (CCI) is not the mean of closes.
  const auto bars = random_bars(4, 60, BarPeriod::m1, 60);
  Bank both({Feature{.family = &family("cci"), .bars = 20}, Feature{.family = &family("sma"), .bars = 20}});
  Bank single({Feature{.family = &family("sma"), .bars = 20}});
  for (const VolumeBar& bar : bars) {
    both.add(bar);
    single.add(bar);
  }
  EXPECT_EQ(both.value(1, 1.3e12, 1.3e12), single.value(0, 1.3e12, 1.3e12));
}

TEST(BarBank, features_that_differ_in_any_one_parameter_share_nothing_that_it_changes) {
  const FeatureFamily& kama = family("kama");
  const FeatureFamily& keltner = family("keltner_position");
  const std::vector<Feature> features = {{.family = &kama, .bars = 10, .bars_2 = 2, .bars_3 = 30},
                                         {.family = &kama, .bars = 11, .bars_2 = 2, .bars_3 = 30},
                                         {.family = &kama, .bars = 10, .bars_2 = 5, .bars_3 = 30},
                                         {.family = &kama, .bars = 10, .bars_2 = 2, .bars_3 = 40},
                                         {.family = &family("parabolic_sar"), .factor = 0.02},
                                         {.family = &family("parabolic_sar"), .factor = 0.05},
                                         {.family = &keltner, .factor = 2.0, .bars = 20, .bars_2 = 10},
                                         {.family = &keltner, .factor = 1.0, .bars = 20, .bars_2 = 10},
                                         {.family = &keltner, .factor = 2.0, .bars = 20, .bars_2 = 11}};
  const auto bars = random_bars(12, 100, BarPeriod::m1, 60);
  Bank together(features);
  for (const VolumeBar& bar : bars) together.add(bar);
  std::set<double> values;
  for (std::size_t lane = 0; lane < features.size(); ++lane) {
    Bank alone({features[lane]});
    for (const VolumeBar& bar : bars) alone.add(bar);
    EXPECT_EQ(together.value(lane, 1.3e12, 1.3e12), alone.value(0, 1.3e12, 1.3e12)) << lane;
    values.insert(alone.value(0, 1.3e12, 1.3e12));
  }
  EXPECT_EQ(values.size(), features.size());
}

TEST(BarBank, features_of_the_bid_never_read_the_ask) {
  const auto features = every_feature(BarPeriod::m1, QuoteSide::bid);
  Bank bank(features);
  Bank other(features);
  for (VolumeBar bar : random_bars(5, 200, BarPeriod::m1, 60)) {
    bank.add(bar);
    bar.bar.ask = {7, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(), -3};
    other.add(bar);
  }
  for (std::size_t lane = 0; lane < features.size(); ++lane) {
    EXPECT_EQ(bank.plan().forms()[lane].ask_weight, 0.0);
    EXPECT_EQ(bank.plan().forms()[lane].bp_ask_weight, 0.0);
    EXPECT_EQ(bank.plan().levels(bank.state())[lane], other.plan().levels(other.state())[lane]);
    EXPECT_EQ(bank.plan().scales(bank.state())[lane], other.plan().scales(other.state())[lane]);
  }
  EXPECT_EQ(bank.plan().defined(bank.state()), other.plan().defined(other.state()));
}

TEST(BarBank, a_bar_of_a_period_that_no_feature_names_changes_nothing) {
  Bank bank(every_feature(BarPeriod::m5, QuoteSide::mid));
  for (const VolumeBar& bar : random_bars(6, 100, BarPeriod::m5, 300)) bank.add(bar);
  const Bank before = bank;
  for (const VolumeBar& bar : random_bars(7, 100, BarPeriod::m1, 60)) bank.add(bar);
  EXPECT_TRUE(bank.same_bytes(before));
  EXPECT_TRUE(bank.plan().uses(BarPeriod::m5));
  EXPECT_FALSE(bank.plan().uses(BarPeriod::m1));
}

TEST(BarBank, a_state_copied_at_a_hundred_random_bars_goes_on_byte_for_byte) {
  const auto bars = random_bars(8, 1'000, BarPeriod::m1, 60);
  const auto features = every_feature(BarPeriod::m1, QuoteSide::mid);
  Bank whole(features);
  std::vector<Bank> at_bar;
  for (const VolumeBar& bar : bars) {
    at_bar.push_back(whole);
    whole.add(bar);
  }
  std::mt19937_64 random(81);
  for (int i = 0; i < 100; ++i) {
    const std::size_t point = random() % bars.size();
    Bank restored(features);
    std::memcpy(restored.state(), at_bar[point].state(), restored.plan().state_bytes());
    for (std::size_t n = point; n < std::min(point + 100, bars.size()); ++n) {
      restored.add(bars[n]);
      if (n + 1 < bars.size()) {
        ASSERT_TRUE(restored.same_bytes(at_bar[n + 1])) << "copied before bar " << point << ", after " << n;
      }
    }
  }
  EXPECT_FALSE(at_bar[500].same_bytes(at_bar[501]));
}

TEST(BarBank, a_reset_state_is_a_new_one) {
  const auto features = every_feature(BarPeriod::m1, QuoteSide::mid);
  Bank used(features);
  for (const VolumeBar& bar : random_bars(9, 300, BarPeriod::m1, 60)) used.add(bar);
  const Bank fresh(features);
  EXPECT_FALSE(used.same_bytes(fresh));
  used.plan().reset(used.state());
  EXPECT_TRUE(used.same_bytes(fresh));
}

// After ten million bars (a hundred million in long runs) as after three thousand: sums that are exact are equal in
// every bit, recurrences have forgotten their start.
TEST(BarBank, ten_million_bars_leave_no_drift) {
  const std::vector<std::pair<std::string_view, bool>> families = {{"bollinger_z", true},
                                                                   {"cci", true},
                                                                   {"williams_r", true},
                                                                   {"stochastic_d", true},
                                                                   {"obv_share", true},
                                                                   {"sma", false},
                                                                   {"wma", false},
                                                                   {"ema", false},
                                                                   {"dema", false},
                                                                   {"rsi", false},
                                                                   {"macd_histogram", false},
                                                                   {"atr", false},
                                                                   {"adx", false},
                                                                   {"price_z", false}};
  std::vector<Feature> features;
  for (const auto& [name, is_exact] : families) {
    for (const Feature& one : every_feature(BarPeriod::m1, QuoteSide::mid)) {
      if (one.family->name == name) {
        features.push_back(one);
        break;
      }
    }
  }
  ASSERT_EQ(features.size(), families.size());
  Bank old(features);
  Bank fresh(features);
  const std::size_t bars = test::is_long_run() ? 100'000'000 : 10'000'000;
  constexpr std::size_t kFreshBars = 3'000;
  std::mt19937_64 random(17);
  std::int64_t bid = 1'284'065;
  // Running sums in f64, which a mean must not be made of.
  std::array<double, 20> ring{};
  double running_sum = 0.0;
  VolumeBar bar;
  for (std::size_t i = 0; i < bars; ++i) {
    const std::uint64_t bits = random();
    bid += static_cast<std::int64_t>(bits % 4'001) - 2'000 + (1'284'065 - bid) / 1'000;
    const auto side = [&](std::int64_t shift) -> Ohlc {
      const std::int64_t close = (bid + shift) * 1'000'000 + 7;
      const auto up = static_cast<std::int64_t>(bits >> 20 & 511) * 1'000'000;
      const auto down = static_cast<std::int64_t>(bits >> 40 & 511) * 1'000'000;
      return {close, close + up, close - down, close};
    };
    bar.bar = {BarPeriod::m1, static_cast<std::uint32_t>(kFriday_s + i % 1'000'000 * 60), 1, side(0), side(300)};
    bar.volume = static_cast<double>(bits >> 50) / 16.0;
    old.add(bar);
    if (i + kFreshBars >= bars) fresh.add(bar);
    const double close = static_cast<double>(bar.bar.bid.close_e9 + bar.bar.ask.close_e9) * 1e-9;
    running_sum += close - ring[i % 20];
    ring[i % 20] = close;
  }
  for (std::size_t lane = 0; lane < features.size(); ++lane) {
    ASSERT_TRUE(old.is_defined(lane) && fresh.is_defined(lane)) << families[lane].first;
    const double left = old.value(lane, 1.3e12, 1.3003e12);
    const double right = fresh.value(lane, 1.3e12, 1.3003e12);
    if (families[lane].second) {
      EXPECT_EQ(left, right) << families[lane].first;
    } else {
      EXPECT_NEAR(left, right, 1e-9 + 1e-12 * std::abs(right)) << families[lane].first;
    }
  }
  double anew = 0.0;
  for (const double close : ring) anew += close;
  EXPECT_GT(std::abs(running_sum - anew) / 20.0, 1e-11) << "f64 sums no longer show what this test is for";
}

// --- Edges

TEST(BarBank, flat_bars_leave_divisions_by_nothing_undefined_or_neutral) {
  const std::map<std::string_view, std::optional<double>> expected = {{"rsi", 50.0},
                                                                      {"stochastic_k", 50.0},
                                                                      {"stochastic_d", 50.0},
                                                                      {"williams_r", -50.0},
                                                                      {"cci", 0.0},
                                                                      {"atr", 0.0},
                                                                      {"adx", 0.0},
                                                                      {"plus_di", 0.0},
                                                                      {"minus_di", 0.0},
                                                                      {"bollinger_width", 0.0},
                                                                      {"donchian_width", 0.0},
                                                                      {"bollinger_z", std::nullopt},
                                                                      {"price_z", std::nullopt},
                                                                      {"keltner_position", std::nullopt},
                                                                      {"donchian_position", std::nullopt}};
  const auto features = every_feature(BarPeriod::m1, QuoteSide::mid);
  Bank bank(features);
  const Ohlc flat{kE9, kE9, kE9, kE9};
  for (std::uint32_t i = 1; i <= 100; ++i) bank.add({{BarPeriod::m1, kFriday_s + 60 * i, 1, flat, flat}, 0.0});
  std::size_t checked = 0;
  for (std::size_t lane = 0; lane < features.size(); ++lane) {
    const auto found = expected.find(features[lane].family->name);
    if (found == expected.end()) continue;
    EXPECT_EQ(bank.is_defined(lane), found->second.has_value()) << found->first;
    EXPECT_EQ(bank.value(lane, 1e9, 1e9), found->second.value_or(0.0)) << found->first;
    ++checked;
  }
  EXPECT_GE(checked, expected.size());
}

TEST(BarBank, prices_at_the_ends_of_i64_and_volumes_without_end_stay_finite) {
  auto features = every_feature(BarPeriod::m1, QuoteSide::mid);
  for (const FeatureFamily& one : bar_families()) {  // the longest windows as well
    if (one.parameters.front().parameter == Parameter::bars) {
      features.push_back({.family = &one, .factor = 1.0, .bars = kBarsMax, .bars_2 = 2, .bars_3 = 2});
    }
  }
  Bank bank(features);
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const Ohlc high{kMax, kMax, kMax, kMax};
  const Ohlc low{-kMax, -kMax, -kMax - 1, -kMax};
  for (std::uint32_t i = 1; i <= 2 * kBarsMax + 100; ++i) {
    const Ohlc& side = i % 3 == 0 ? high : low;
    bank.add({{BarPeriod::m1, kFriday_s + 60 * i, 1, side, side}, std::numeric_limits<double>::infinity()});
  }
  for (std::size_t lane = 0; lane < features.size(); ++lane) {
    EXPECT_TRUE(std::isfinite(bank.value(lane, 1.3e12, 1.3e12))) << features[lane].family->name;
  }
}

TEST(BarBank, a_bar_without_volume_breaks_what_needs_it_and_nothing_else) {
  const std::vector<Feature> features = {{.family = &family("obv")},
                                         {.family = &family("obv_share"), .bars = 5},
                                         {.family = &family("vwap")},
                                         {.family = &family("rsi"), .bars = 14}};
  Bank bank(features);
  auto bars = random_bars(11, 90, BarPeriod::m1, 60);
  for (std::size_t i = 0; i < 40; ++i) bank.add(bars[i]);
  for (std::size_t lane = 0; lane < 4; ++lane) EXPECT_TRUE(bank.is_defined(lane));
  bars[40].volume = kNone;
  bank.add(bars[40]);
  EXPECT_FALSE(bank.is_defined(0) || bank.is_defined(1) || bank.is_defined(2));
  EXPECT_TRUE(bank.is_defined(3));
  bank.add(bars[41]);
  EXPECT_TRUE(bank.is_defined(0));
  EXPECT_EQ(bank.value(0, 1e12, 1e12), 0.0);
  for (std::size_t i = 42; i < 47; ++i) {
    EXPECT_FALSE(bank.is_defined(1)) << i;
    bank.add(bars[i]);
  }
  EXPECT_TRUE(bank.is_defined(1));
  EXPECT_FALSE(bank.is_defined(2)) << "the day's VWAP lacks a bar";
}

// 17:00 New York is 22:00 UTC in winter and 21:00 in summer: New York's dates count, not Europe's.
TEST(BarBank, the_day_s_vwap_starts_at_1700_new_york_in_the_weeks_around_daylight_saving) {
  struct Boundary {
    std::uint32_t utc_s;
    std::string_view why;
  };
  for (const Boundary& day : {Boundary{1'394'143'200, "Thursday 2014-03-06 22:00, winter"},
                              Boundary{1'394'485'200, "Monday 2014-03-10 21:00, summer in New York alone"},
                              Boundary{1'414'616'400, "Wednesday 2014-10-29 21:00, summer in New York alone"},
                              Boundary{1'414'965'600, "Sunday 2014-11-02 22:00, winter"}}) {
    Bank bank({Feature{.family = &family("vwap")}});
    const auto bar = [](std::uint32_t end_s, std::int64_t price) {
      const Ohlc side{price * kE9, price * kE9, price * kE9, price * kE9};
      return VolumeBar{{BarPeriod::m1, end_s, 1, side, side}, 10.0};
    };
    bank.add(bar(day.utc_s - 60, 100));
    bank.add(bar(day.utc_s, 200));  // the day's last bar
    EXPECT_NEAR(bank.plan().levels(bank.state())[0], 300e9, 1.0) << day.why;
    bank.add(bar(day.utc_s + 60, 400));
    EXPECT_NEAR(bank.plan().levels(bank.state())[0], 800e9, 1.0) << day.why;
  }
}

TEST(BarBank, a_bank_without_bar_features_has_no_lanes_and_takes_bars) {
  Bank bank(std::vector<Feature>{});
  EXPECT_EQ(bank.plan().size(), 0u);
  bank.add(random_bars(1, 1, BarPeriod::m1, 60).front());
  EXPECT_EQ(bank.plan().defined(bank.state()).count(), 0u);
}

TEST(BarBank, more_features_than_a_row_has_lanes_and_windows_beyond_the_longest_are_refused) {
  const Feature sma{.family = &family("sma"), .bars = 20};
  EXPECT_DEATH(Bank(std::vector<Feature>(kMaxLanes + 1, sma)), "a lane for each bar feature");
  EXPECT_DEATH(Bank({Feature{.family = &family("sma"), .bars = kBarsMax + 1}}), "within their ranges");
  EXPECT_DEATH(Bank({Feature{.family = &family("rsi"), .bars = 0}}), "within their ranges");
}

// --- The table

TEST(BarFamilies, each_has_a_name_a_code_and_says_how_it_starts) {
  std::set<std::string_view> names;
  std::uint16_t code = 0;
  for (const FeatureFamily& one : bar_families()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_EQ(one.code, code++) << one.name;
    EXPECT_EQ(one.group, FamilyGroup::bar);
    EXPECT_TRUE(one.takes_basis);
    for (const std::string_view text : {one.unit, one.warm_up, one.seeding, one.formula, one.source}) {
      EXPECT_FALSE(text.empty()) << one.name;
    }
    ASSERT_FALSE(one.parameters.empty()) << one.name;
    EXPECT_EQ(one.parameters.back().parameter, Parameter::period) << one.name;
    for (const ParameterInfo& parameter : one.parameters) {
      EXPECT_LT(parameter.low, parameter.high) << one.name;
      if (parameter.parameter == Parameter::period) continue;
      EXPECT_GE(parameter.standard, parameter.low) << one.name;
      EXPECT_LE(parameter.standard, parameter.high) << one.name;
    }
  }
  EXPECT_EQ(names.size(), 43u);
}

}  // namespace
}  // namespace thintail
