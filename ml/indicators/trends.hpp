// SPDX-License-Identifier: Apache-2.0
// Averages and stops that follow the trend: Kaufman's adaptive average and Wilder's parabolic stop and reverse.
//   path       hot
//   source     P. Kaufman, Trading Systems and Methods; J. W. Wilder, New Concepts in Technical Trading Systems
#pragma once

#include <algorithm>

#include "ml/indicators/oscillators.hpp"

namespace thintail::indicators {

// An exponential average whose weight follows how straight the last closes went. The window's moves are summed exactly; the
// caller keeps the closes. It starts at the close of bar `bars`.
template <class N = OneSeries>
struct AdaptiveAverage {
  using Float = typename N::Float;
  using Integer = typename N::Integer;
  typename N::Wide travel{};  // of the last moves, without their signs
  Float value{};
  std::uint32_t bars_seen = 0;

  // `close_before` is the close of the bar before, `first` that of `bars` bars ago, `leaving` the close before it: where
  // there is none yet, whatever.
  void add(Integer close, Integer close_before, Integer first, Integer leaving, std::uint32_t bars, double fast_weight,
           double slow_weight) noexcept {
    if (bars_seen > 0) travel += N::abs(typename N::Wide(N::widen(close) - N::widen(close_before)));
    if (bars_seen > bars) travel = travel - N::abs(typename N::Wide(N::widen(first) - N::widen(leaving)));
    if (bars_seen < bars) {
      value = N::to_float(close);
    } else {
      const Float path = N::to_float(travel);
      const Float straight = N::abs(N::to_float(Integer(close - first)));
      const Float efficiency = N::select(path > 0.0, straight / path, Float(0.0));
      const Float root = efficiency * (fast_weight - slow_weight) + slow_weight;
      value += (N::to_float(close) - value) * (root * root);
    }
    count(bars_seen);
  }
  bool is_warm(std::uint32_t bars) const noexcept { return bars_seen > bars; }
};

// The stop for a position in the trend's direction, reversed when a bar passes it. The acceleration grows by `step` with
// every new extreme, up to ten steps.
struct ParabolicStop {
  static constexpr std::uint32_t kStepsMax = 10;
  double stop = 0.0;
  double extreme = 0.0;
  std::int64_t high_before = 0, low_before = 0;  // of the bar before
  std::int64_t high_before_that = 0, low_before_that = 0;  // and the one before it
  std::uint32_t steps = 0;
  std::uint32_t is_long = 0;
  std::uint32_t bars_seen = 0;
  std::uint32_t reserved = 0;

  void add(const PriceBar<>& bar, double step) noexcept {
    if (bars_seen == 1) {
      // There is no trend before two bars; whichever is taken reverses soon where it is wrong.
      begin(bar.high + bar.low >= high_before + low_before, high_before, low_before);
    }
    if (bars_seen >= 1) {
      move(bar, step);
    }
    high_before_that = high_before;
    low_before_that = low_before;
    high_before = bar.high;
    low_before = bar.low;
    count(bars_seen);
  }
  bool is_warm() const noexcept { return bars_seen >= 2; }

 private:
  void begin(bool goes_up, std::int64_t high, std::int64_t low) noexcept {
    is_long = goes_up ? 1 : 0;
    extreme = static_cast<double>(goes_up ? high : low);
    stop = static_cast<double>(goes_up ? low : high);
    steps = 1;
  }
  void move(const PriceBar<>& bar, double step) noexcept {
    // In a falling trend everything is the mirror image of a rising one.
    const double sign = is_long != 0 ? 1.0 : -1.0;
    const auto best = sign * static_cast<double>(is_long != 0 ? bar.high : bar.low);
    const auto worst = sign * static_cast<double>(is_long != 0 ? bar.low : bar.high);
    const auto worst_before = sign * static_cast<double>(is_long != 0 ? low_before : high_before);
    const auto worst_before_that = sign * static_cast<double>(is_long != 0 ? low_before_that : high_before_that);
    double next = sign * (stop + (extreme - stop) * (step * static_cast<double>(steps)));
    // It never enters the ranges of the last two bars.
    next = std::min(next, worst_before);
    if (bars_seen >= 2) next = std::min(next, worst_before_that);
    if (worst < next) {
      stop = extreme;
      if (best > sign * extreme) stop = sign * best;
      extreme = sign * worst;
      steps = 1;
      is_long = 1 - is_long;
      return;
    }
    stop = sign * next;
    if (best > sign * extreme) {
      extreme = sign * best;
      steps = std::min(steps + 1, kStepsMax);
    }
  }
};

}  // namespace thintail::indicators
