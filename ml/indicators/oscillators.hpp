// SPDX-License-Identifier: Apache-2.0
// Wilder's indicators (RSI, ATR, ADX with its directional indices), stochastic and Williams %R.
//   path       hot
//   source     J. W. Wilder, New Concepts in Technical Trading Systems; G. Lane; L. Williams
#pragma once

#include "ml/indicators/averages.hpp"

namespace thintail::indicators {

template <class N = OneSeries>
struct PriceBar {
  typename N::Integer high, low, close;
};

// Wilder's relative strength index; averages start at 0, which leaves the quotient a weighted one.
template <class N = OneSeries>
struct Rsi {
  using Float = typename N::Float;
  Float up{};
  Float down{};
  typename N::Integer close_before{};
  std::uint32_t bars_seen = 0;

  void add(typename N::Integer close, std::uint32_t bars) noexcept {
    using Integer = typename N::Integer;
    const auto n = static_cast<double>(bars);
    if (bars_seen != 0) {
      const Integer change = close - close_before;
      up += (N::to_float(N::max(change, Integer(0))) - up) / n;
      down += (N::to_float(N::max(Integer(0) - change, Integer(0))) - down) / n;
    }
    close_before = close;
    count(bars_seen);
  }
  bool is_warm(std::uint32_t bars) const noexcept { return bars_seen > bars; }
  // 0 to 100; 50 where nothing moved.
  Float percent() const noexcept {
    const Float sum = up + down;
    return N::select(sum > 0.0, up * 100.0 / sum, Float(50.0));
  }
};

// The bar's range, extended to the close before it.
template <class N>
typename N::Integer true_range(const PriceBar<N>& bar, typename N::Integer close_before) noexcept {
  return N::max(bar.high, close_before) - N::min(bar.low, close_before);
}

// Wilder's average true range: the mean of the first ranges, then his smoothing. The first range is high - low.
template <class N = OneSeries>
struct AverageTrueRange {
  typename N::Wide sum{};  // of the first ranges
  typename N::Float average{};
  typename N::Integer close_before{};
  std::uint32_t bars_seen = 0;

  void add(const PriceBar<N>& bar, std::uint32_t bars) noexcept {
    const auto n = static_cast<double>(bars);
    const typename N::Integer range = bars_seen == 0 ? bar.high - bar.low : true_range<N>(bar, close_before);
    if (bars_seen < bars) {
      sum += N::widen(range);
      average = N::to_float(sum) / n;
    } else {
      average += (N::to_float(range) - average) / n;
    }
    close_before = bar.close;
    count(bars_seen);
  }
  bool is_warm(std::uint32_t bars) const noexcept { return bars_seen >= bars; }
};

// Wilder's directional movement: sums of the first `bars` movements, then s - s / bars + x; ADX is the mean of the first
// `bars` DX, then his average.
template <class N = OneSeries>
struct DirectionalMovement {
  using Float = typename N::Float;
  using Integer = typename N::Integer;
  Float range{};
  Float plus{};
  Float minus{};
  Float average{};  // ADX; before it is warm the sum of DX
  PriceBar<N> before{};
  std::uint32_t bars_seen = 0;

  void add(const PriceBar<N>& bar, std::uint32_t bars) noexcept {
    if (bars_seen != 0) move(bar, bars);
    before = bar;
    count(bars_seen);
  }
  bool is_warm(std::uint32_t bars) const noexcept { return bars_seen > bars; }
  bool is_average_warm(std::uint32_t bars) const noexcept { return bars_seen >= 2 * bars; }
  Float plus_di() const noexcept { return N::select(range > 0.0, plus * 100.0 / range, Float(0.0)); }
  Float minus_di() const noexcept { return N::select(range > 0.0, minus * 100.0 / range, Float(0.0)); }
  // 0 where nothing moved. The range cancels.
  Float dx() const noexcept {
    const Float sum = plus + minus;
    return N::select(sum > 0.0, N::abs(Float(plus - minus)) * 100.0 / sum, Float(0.0));
  }

 private:
  void move(const PriceBar<N>& bar, std::uint32_t bars) noexcept {
    const auto n = static_cast<double>(bars);
    const Integer up = N::max(bar.high - before.high, Integer(0));
    const Integer down = N::max(before.low - bar.low, Integer(0));
    const Float true_range_now = N::to_float(true_range<N>(bar, before.close));
    const Float plus_now = N::to_float(N::select(up > down, up, Integer(0)));
    const Float minus_now = N::to_float(N::select(down > up, down, Integer(0)));
    // The first sums are of integers below 2^53 in any market; beyond, they round.
    const bool is_seeding = bars_seen <= bars;
    range += is_seeding ? true_range_now : true_range_now - range / n;
    plus += is_seeding ? plus_now : plus_now - plus / n;
    minus += is_seeding ? minus_now : minus_now - minus / n;
    if (bars_seen < bars) return;
    // bars_seen counts the bars before this one: DX exists from the bar `bars` on, ADX `bars` - 1 later.
    if (bars_seen < 2 * bars - 1) {
      average += dx();
    } else if (bars_seen == 2 * bars - 1) {
      average = (average + dx()) / n;
    } else {
      average += (dx() - average) / n;
    }
  }
};

// Where the close lies in the range of the last bars, 0 to 100; 50 where there is no range.
template <class N = OneSeries>
typename N::Float range_percent(typename N::Integer close, typename N::Integer high, typename N::Integer low) noexcept {
  using Float = typename N::Float;
  const Float range = N::to_float(typename N::Integer(high - low));
  const Float above = N::to_float(typename N::Integer(close - low));
  return N::select(range > 0.0, above * 100.0 / range, Float(50.0));
}

}  // namespace thintail::indicators
