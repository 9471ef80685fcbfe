// SPDX-License-Identifier: Apache-2.0
// Bars that end by what happened instead of by the clock: TickBars after so many quotes, VolumeBars after so much traded
// volume, RangeBars once the price has gone so far.
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
// A quote into a bar of quotes; `now_ns` never decreases.
constexpr void take(TickBar& bar, std::int64_t bid_e9, std::int64_t ask_e9, std::int64_t now_ns) noexcept {
  if (bar.ticks == 0) {
    bar = {now_ns, now_ns, 1, opened(bid_e9), opened(ask_e9)};
    return;
  }
  extend(bar.bid, bid_e9);
  extend(bar.ask, ask_e9);
  bar.last_ns = now_ns;
  if (bar.ticks != std::numeric_limits<std::uint32_t>::max()) ++bar.ticks;
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
    detail::take(bar_, bid_e9, ask_e9, last_ns_);
    if (bar_.ticks < ticks_per_bar_) return false;
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

// The price is the bid, as in other charts of quotes: the ask goes along, so a spread that widens ends no bar.
class RangeBars {
 public:
  // REQUIRES: range_e9 > 0.
  explicit RangeBars(std::int64_t range_e9) noexcept : range_e9_(range_e9) {
    TT_CHECK(range_e9 > 0, "a bar of some range");
  }

  // True where the quote completes a bar, which is then in `out`: the bid is `range_e9` or more above the bar's low or
  // below its high. All prices of a bar stood in the market. So a step larger than the range completes one bar, which is
  // longer than the range by what the step was too large; it is not cut into several, and the next bar opens with the
  // next quote, wherever that is. A first quote completes none.
  TT_HOT bool add(std::int64_t bid_e9, std::int64_t ask_e9, std::int64_t venue_ns, TickBar& out) noexcept {
    last_ns_ = std::max(last_ns_, venue_ns);
    detail::take(bar_, bid_e9, ask_e9, last_ns_);
    std::int64_t moved_e9 = 0;
    const bool is_beyond_i64 = __builtin_sub_overflow(bar_.bid.high_e9, bar_.bid.low_e9, &moved_e9);
    if (!is_beyond_i64 && moved_e9 < range_e9_) return false;
    out = bar_;
    bar_.ticks = 0;
    return true;
  }

  const TickBar& forming() const noexcept { return bar_; }  // ticks == 0 when none forms

 private:
  std::int64_t range_e9_;
  std::int64_t last_ns_ = std::numeric_limits<std::int64_t>::min();
  TickBar bar_{};
};

}  // namespace thintail
