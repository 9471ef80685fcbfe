// SPDX-License-Identifier: Apache-2.0
// Bars that end by count instead of by the clock: TickBars after so many quotes, VolumeBars after so much traded volume.
//   path       hot (add)
//   invariant  a bar is known at the very event that completes it, and holds no later one. Times within a bar never
//              decrease: a late event counts at the time of the one before it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/bars/bar_builder.hpp"
#include "core/base/assert.hpp"
#include "core/base/attributes.hpp"

namespace thintail {

struct TickBar {
  std::int64_t first_ns;  // venue time of its first and its last quote
  std::int64_t last_ns;
  std::uint32_t ticks;
  Ohlc bid, ask;
};

struct VolumeBar {
  std::int64_t first_ns;  // of its first and its last trade
  std::int64_t last_ns;
  std::uint32_t trades;
  std::int64_t volume_e9;
  Ohlc price;
};

namespace detail {
constexpr Ohlc opened(std::int64_t price_e9) noexcept { return {price_e9, price_e9, price_e9, price_e9}; }
constexpr void extend(Ohlc& bar, std::int64_t price_e9) noexcept {
  bar.high_e9 = std::max(bar.high_e9, price_e9);
  bar.low_e9 = std::min(bar.low_e9, price_e9);
  bar.close_e9 = price_e9;
}
}  // namespace detail

class TickBars {
 public:
  // REQUIRES: ticks_per_bar > 0.
  explicit TickBars(std::uint32_t ticks_per_bar) noexcept : ticks_per_bar_(ticks_per_bar) {
    TT_CHECK(ticks_per_bar > 0, "a bar of at least one tick");
  }

  // True where the quote completes a bar, which is then in `out`.
  TT_HOT bool add(std::int64_t bid_e9, std::int64_t ask_e9, std::int64_t venue_ns, TickBar& out) noexcept {
    last_ns_ = std::max(last_ns_, venue_ns);
    if (bar_.ticks == 0) {
      bar_ = {last_ns_, last_ns_, 0, detail::opened(bid_e9), detail::opened(ask_e9)};
    } else {
      detail::extend(bar_.bid, bid_e9);
      detail::extend(bar_.ask, ask_e9);
      bar_.last_ns = last_ns_;
    }
    if (++bar_.ticks < ticks_per_bar_) return false;
    out = bar_;
    bar_.ticks = 0;
    return true;
  }

  const TickBar& forming() const noexcept { return bar_; }  // ticks == 0 when none forms

 private:
  std::uint32_t ticks_per_bar_;
  std::int64_t last_ns_ = std::numeric_limits<std::int64_t>::min();
  TickBar bar_{};
};

class VolumeBars {
 public:
  // REQUIRES: volume_per_bar_e9 > 0, in 1e-9 base units.
  explicit VolumeBars(std::int64_t volume_per_bar_e9) noexcept : volume_per_bar_e9_(volume_per_bar_e9) {
    TT_CHECK(volume_per_bar_e9 > 0, "a bar of some volume");
  }

  // True where the trade completes a bar, which is then in `out`. A trade is never split: the one that reaches the
  // volume belongs to its bar whole, and what it had too much is not carried into the next. A trade of no volume is none.
  TT_HOT bool add(std::int64_t price_e9, std::int64_t size_e9, std::int64_t venue_ns, VolumeBar& out) noexcept {
    if (size_e9 <= 0) return false;
    last_ns_ = std::max(last_ns_, venue_ns);
    if (bar_.trades == 0) {
      bar_ = {last_ns_, last_ns_, 0, 0, detail::opened(price_e9)};
    } else {
      detail::extend(bar_.price, price_e9);
      bar_.last_ns = last_ns_;
    }
    ++bar_.trades;
    if (__builtin_add_overflow(bar_.volume_e9, size_e9, &bar_.volume_e9)) {
      bar_.volume_e9 = std::numeric_limits<std::int64_t>::max();
    }
    if (bar_.volume_e9 < volume_per_bar_e9_) return false;
    out = bar_;
    bar_.trades = 0;
    return true;
  }

  const VolumeBar& forming() const noexcept { return bar_; }  // trades == 0 when none forms

 private:
  std::int64_t volume_per_bar_e9_;
  std::int64_t last_ns_ = std::numeric_limits<std::int64_t>::min();
  VolumeBar bar_{};
};

}  // namespace thintail
