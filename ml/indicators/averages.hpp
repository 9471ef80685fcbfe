// SPDX-License-Identifier: Apache-2.0
// Averages of closes: simple and weighted over a window (exact sums), exponential, double exponential, MACD.
//   path       hot
//   invariant  window sums are integers and cannot drift. Exponential averages start at the first value.
//   source     S. B. Achelis, Technical Analysis from A to Z; P. Mulloy, Stocks & Commodities 1994 (DEMA); G. Appel
//              (MACD)
// Parameters are arguments, since all instruments share them; `bars` is never 0.
#pragma once

#include "ml/indicators/numbers.hpp"

namespace thintail::indicators {

// One more bar, counted up to where counting ends.
constexpr void count(std::uint32_t& bars) noexcept { bars += bars != std::numeric_limits<std::uint32_t>::max(); }

constexpr double ema_weight(std::uint32_t bars) noexcept { return 2.0 / (static_cast<double>(bars) + 1.0); }

// The sum of a window whose values the caller keeps; what stood before the first value counts as 0.
template <class N = OneSeries>
struct MeanWindow {
  typename N::Wide sum{};

  void add(typename N::Integer newest, typename N::Integer leaving) noexcept {
    sum += N::widen(newest) - N::widen(leaving);
  }
  typename N::Float mean(std::uint32_t bars) const noexcept { return N::to_float(sum) / static_cast<double>(bars); }
};

// Weights 1 (oldest) to `bars` (newest).
template <class N = OneSeries>
struct WeightedWindow {
  typename N::Wide sum{};
  typename N::Wide weighted{};

  void add(typename N::Integer newest, typename N::Integer leaving, std::uint32_t bars) noexcept {
    weighted += N::widen(newest) * static_cast<std::int64_t>(bars) - sum;
    sum += N::widen(newest) - N::widen(leaving);
  }
  typename N::Float mean(std::uint32_t bars) const noexcept {
    const double all = static_cast<double>(bars) * (static_cast<double>(bars) + 1.0) / 2.0;
    return N::to_float(weighted) / all;
  }
};

template <class N = OneSeries>
struct Ema {
  typename N::Float value{};
  std::uint32_t bars_seen = 0;

  void add(typename N::Float x, double weight) noexcept {
    value = bars_seen == 0 ? x : value + (x - value) * weight;
    count(bars_seen);
  }
  bool is_warm(std::uint32_t bars) const noexcept { return bars_seen >= bars; }
};

// 2 e - e', e' the average of the averages e from the first full one on.
template <class N = OneSeries>
struct Dema {
  Ema<N> once;
  Ema<N> twice;

  void add(typename N::Float x, double weight, std::uint32_t bars) noexcept {
    once.add(x, weight);
    if (once.bars_seen >= bars) twice.add(once.value, weight);
  }
  bool is_warm(std::uint32_t bars) const noexcept { return twice.bars_seen >= bars; }
  typename N::Float value() const noexcept { return once.value * 2.0 - twice.value; }
};

// Line: fast less slow average of closes. Signal: the line's average from its first full value on.
template <class N>
typename N::Float macd_line(const Ema<N>& fast, const Ema<N>& slow) noexcept {
  return fast.value - slow.value;
}

}  // namespace thintail::indicators
