// SPDX-License-Identifier: Apache-2.0
// Candle patterns of the last one to three bars: +1 for the bullish form, -1 for the bearish one, 0 for neither.
//   path       warm
//   invariant  trivially copyable; all bits 0 is the state before the first bar. Every condition compares integers, and
//              none overflows: prices are within kPriceReach, and no factor is above 10.
//   source     S. Nison, Japanese Candlestick Charting Techniques. He gives proportions in words; the numbers are ours, and
//              stand in the families' table. The trend before a pattern, and gaps, which markets that never close lack,
//              are in no condition.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "ml/indicators/averages.hpp"
#include "ml/indicators/bar_prices.hpp"

namespace thintail::indicators {

struct Candle : RelativeBar {
  std::int64_t body() const noexcept { return std::abs(close - open); }
  std::int64_t range() const noexcept { return high - low; }
  std::int64_t top() const noexcept { return std::max(open, close); }
  std::int64_t bottom() const noexcept { return std::min(open, close); }
  bool is_white() const noexcept { return close > open; }
  bool is_black() const noexcept { return close < open; }
  // Upside down: what is bearish of it is bullish of this.
  Candle mirror() const noexcept { return {{-open, -low, -high, -close}}; }
};

// The newest first.
struct Candles {
  std::array<Candle, 3> last;
  std::uint32_t bars;

  void add(const RelativeBar& bar) noexcept {
    last = {Candle{bar}, last[0], last[1]};
    count(bars);
  }
  Candles mirror() const noexcept { return {{last[0].mirror(), last[1].mirror(), last[2].mirror()}, bars}; }
};

inline bool is_doji(const Candles& candles) noexcept {
  const Candle& bar = candles.last[0];
  return bar.range() > 0 && 10 * bar.body() <= bar.range();
}

inline bool is_marubozu(const Candles& candles) noexcept {
  const Candle& bar = candles.last[0];
  return bar.is_white() && 10 * bar.body() >= 9 * bar.range();
}

inline bool is_hammer(const Candles& candles) noexcept {
  const Candle& bar = candles.last[0];
  return bar.body() > 0 && bar.bottom() - bar.low >= 2 * bar.body() && 10 * (bar.high - bar.top()) <= bar.range();
}

inline bool is_engulfing(const Candles& candles) noexcept {
  const auto& [bar, before, first] = candles.last;
  return bar.is_white() && before.is_black() && bar.close >= before.open && bar.open <= before.close &&
         bar.body() > before.body();
}

inline bool is_harami(const Candles& candles) noexcept {
  const auto& [bar, before, first] = candles.last;
  return before.is_black() && 2 * before.body() >= before.range() && bar.top() <= before.open &&
         bar.bottom() >= before.close && 2 * bar.body() <= before.body();
}

inline bool is_star(const Candles& candles) noexcept {
  const auto& [bar, star, first] = candles.last;
  return first.is_black() && 2 * first.body() >= first.range() && 3 * star.body() <= first.body() &&
         star.open + star.close <= first.open + first.close && bar.is_white() &&
         2 * bar.close > first.open + first.close;
}

inline bool is_soldiers(const Candles& candles) noexcept {
  const auto follows = [](const Candle& bar, const Candle& before) {
    return bar.close > before.close && bar.open >= before.open && bar.open <= before.high;
  };
  return follows(candles.last[0], candles.last[1]) && follows(candles.last[1], candles.last[2]) &&
         std::ranges::all_of(candles.last, [](const Candle& bar) {
           return bar.is_white() && 4 * (bar.high - bar.close) <= bar.range();
         });
}

// No pattern holds of the candles and of their mirror at once.
template <class Pattern>
double either_way(const Candles& candles, Pattern&& is_pattern) noexcept {
  return is_pattern(candles) ? 1.0 : is_pattern(candles.mirror()) ? -1.0 : 0.0;
}

}  // namespace thintail::indicators
