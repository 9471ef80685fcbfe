// SPDX-License-Identifier: Apache-2.0
// What bars with traded volume give: on-balance volume and the volume-weighted average price of the FX day.
//   path       hot
//   invariant  sums are exact integers; volume is in millionths. Without volume nothing is made up: OBV starts anew, the
//              day's VWAP stays undefined until the next day.
//   source     J. Granville, New Key to Stock Market Profits (OBV)
#pragma once

#include "ml/indicators/averages.hpp"

namespace thintail::indicators {

inline constexpr std::int64_t kNoVolume = -1;
inline constexpr double kVolumeScale = 1e6;
inline constexpr double kVolumeMax = 4e12;  // times the scale: below 2^62

// kNoVolume where `volume` is NaN or negative.
TT_ALWAYS_INLINE std::int64_t volume_e6(double volume) noexcept {
  if (!(volume >= 0.0)) return kNoVolume;
  return static_cast<std::int64_t>((volume < kVolumeMax ? volume : kVolumeMax) * kVolumeScale + 0.5);
}

// The volume of rising closes less that of falling ones since the first bar.
struct OnBalanceVolume {
  i128 total = 0;
  std::int64_t last = 0;  // what the last bar added
  std::int64_t close_before = 0;
  std::uint32_t bars_seen = 0;

  // REQUIRES: volume >= 0.
  void add(std::int64_t close, std::int64_t volume) noexcept {
    const std::int64_t direction = bars_seen == 0 ? 0 : (close > close_before) - (close < close_before);
    close_before = close;
    count(bars_seen);
    last = direction * volume;
    total += last;
  }
  void restart() noexcept { *this = OnBalanceVolume{}; }
};

struct DayVwap {
  i128 money = 0;  // high + low + close, times volume
  i128 volume = 0;
  std::int64_t day_end_s = 0;
  std::uint64_t is_whole = 0;  // 1 while no bar of the day lacked its volume

  void start_day(std::int64_t end_s) noexcept { *this = {0, 0, end_s, 1}; }
  void add(std::int64_t typical3, std::int64_t bar_volume) noexcept {
    i128 product = static_cast<i128>(typical3) * bar_volume;
    // A market cannot come near 2^127; a broken feed may.
    if (bar_volume < 0 || __builtin_add_overflow(money, product, &product)) {
      is_whole = 0;
      return;
    }
    money = product;
    volume += bar_volume;
  }
  bool is_defined() const noexcept { return is_whole != 0 && volume > 0; }
  double price() const noexcept { return to_double(money) / (3.0 * to_double(volume)); }
};

}  // namespace thintail::indicators
