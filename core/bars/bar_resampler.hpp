// SPDX-License-Identifier: Apache-2.0
// BarResampler: bars of one period in, the same and every longer period out, with the volume of each where it is known.
//   path       warm: once a bar
//   invariant  prices are BarBuilder's: bars from ticks and bars from minutes are made by one code. The volume of a longer
//              bar is known only where that of each of its parts is.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/bars/bar_builder.hpp"

namespace thintail {

// Of a bar whose source does not tell what was traded.
inline constexpr double kVolumeUnknown = std::numeric_limits<double>::quiet_NaN();

class BarResampler {
 public:
  // As BarBuilder's.
  explicit BarResampler(const Zone& fx_day, BarPeriod base) noexcept : builder_(fx_day, base), base_(base) {}

  // Takes a bar of the base period whole. `on_closed(const ClosedBar&, double volume)` sees first the longer bars that
  // ended before it began, then itself, then the longer bars that end with it. REQUIRES: bars ascend in time, and each ends
  // at a boundary of the base period.
  template <class OnClosed>
  void add(const ClosedBar& bar, double volume, OnClosed&& on_closed) {
    const std::int64_t end_ns = bar.end_s * kSecondNs;
    const auto pass = [&](const ClosedBar& closed) { on_closed(closed, take_volume(closed.period)); };
    builder_.close_until(end_ns - kSecondNs, pass);
    builder_.add_bar(bar);
    volumes_[index(base_)] = volume;
    builder_.close_until(end_ns, pass);
  }

  const BarBuilder& builder() const noexcept { return builder_; }

 private:
  static constexpr std::int64_t kSecondNs = 1'000'000'000;

  static std::size_t index(BarPeriod period) noexcept { return static_cast<std::size_t>(period); }

  double take_volume(BarPeriod period) noexcept {
    const double volume = std::exchange(volumes_[index(period)], 0.0);
    if (period == base_) {
      for (std::size_t longer = index(base_) + 1; longer < kBarPeriodCount; ++longer) volumes_[longer] += volume;
    }
    return volume;
  }

  BarBuilder builder_;
  BarPeriod base_;
  std::array<double, kBarPeriodCount> volumes_{};  // of the forming bars; NaN once a part lacked its own
};

}  // namespace thintail
