// SPDX-License-Identifier: Apache-2.0
// Deviations of closes from their mean: Bollinger's z and width, and the commodity channel index.
//   path       hot
//   invariant  window sums and sums of squares are integers and cannot drift; the variance is never negative.
//   source     J. Bollinger, Bollinger on Bollinger Bands; D. Lambert, Commodities 1980 (CCI)
#pragma once

#include <algorithm>
#include <span>

#include "ml/indicators/averages.hpp"

namespace thintail::indicators {

// How far values may lie from 0 so that the sum of `bars` of them fits an i64, and its square an i128.
constexpr std::int64_t square_reach(std::uint32_t bars) noexcept {
  return std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(bars);
}

// Population variance of a window whose values the caller keeps. REQUIRES: values within +-square_reach(bars), bars > 1.
template <class N = OneSeries>
struct VarianceWindow {
  using Float = typename N::Float;
  using Integer = typename N::Integer;
  using Wide = typename N::Wide;
  Integer sum{};
  Wide squares{};

  void add(Integer newest, Integer leaving) noexcept {
    const Integer change = newest - leaving;
    sum += change;
    squares += N::product(change, newest + leaving);  // the difference of their squares
  }
  Float mean(std::uint32_t bars) const noexcept { return N::to_float(sum) / static_cast<double>(bars); }
  // bars^2 times the variance, exact.
  Wide scaled_variance(std::uint32_t bars) const noexcept {
    return squares * static_cast<std::int64_t>(bars) - N::product(sum, sum);
  }
  Float deviation(std::uint32_t bars) const noexcept {
    return N::sqrt(N::to_float(scaled_variance(bars))) / static_cast<double>(bars);
  }
  // Deviations of `last` from the mean; NaN where nothing varies.
  Float z(Integer last, std::uint32_t bars) const noexcept {
    const Float variance = N::to_float(scaled_variance(bars));
    const Float distance = N::to_float(Wide(N::product(last, Integer(bars)) - N::widen(sum)));
    return N::select(variance > 0.0, distance / N::sqrt(variance), Float(kUndefined));
  }
};

// (T - mean) / (0.015 mean |T - mean|) of `typicals`, each high + low + close, in any order; 0 where nothing varies.
template <class N = OneSeries>
typename N::Float commodity_channel_index(typename N::Integer last, const typename N::Wide& sum,
                                          std::span<const typename N::Integer> first,
                                          std::span<const typename N::Integer> second) noexcept {
  using Float = typename N::Float;
  using Wide = typename N::Wide;
  const auto bars = static_cast<std::int64_t>(first.size() + second.size());
  Wide deviations{};  // bars^2 times their mean
  for (const auto& typical : first) deviations += N::abs(Wide(N::widen(typical) * bars - sum));
  for (const auto& typical : second) deviations += N::abs(Wide(N::widen(typical) * bars - sum));
  const Float mean = N::to_float(deviations) * 0.015;
  const Float distance = N::to_float(Wide(N::widen(last) * bars - sum)) * static_cast<double>(bars);
  return N::select(mean > 0.0, distance / mean, Float(0.0));
}

}  // namespace thintail::indicators
