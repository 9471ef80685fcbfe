// SPDX-License-Identifier: Apache-2.0
// Prices of closed bars as indicators take them: twice the price in e9, as integers relative to the first close.
//   path       warm
//   invariant  the mid is the sum of bid and ask, so no half is lost; its high is the sum of both highs.
#pragma once

#include <algorithm>

#include "core/bars/bar_builder.hpp"
#include "core/base/int128.hpp"

namespace thintail::indicators {

// Kept within this, so that sums of three prices fit an i64 and 20 squares times 20 an i128, whatever a feed sends.
inline constexpr std::int64_t kPriceReach = 400'000'000 * std::int64_t{1'000'000'000};

struct RelativeBar {
  std::int64_t open, high, low, close;
};

inline i128 twice(std::int64_t bid_e9, std::int64_t ask_e9, QuoteSide basis) noexcept {
  const std::int64_t first = basis == QuoteSide::ask ? ask_e9 : bid_e9;
  const std::int64_t second = basis == QuoteSide::bid ? bid_e9 : ask_e9;
  return static_cast<i128>(first) + second;
}

inline RelativeBar relative_bar(const ClosedBar& bar, QuoteSide basis, i128 origin) noexcept {
  const auto relative = [&](std::int64_t bid_e9, std::int64_t ask_e9) {
    return static_cast<std::int64_t>(
        std::clamp<i128>(twice(bid_e9, ask_e9, basis) - origin, -kPriceReach, kPriceReach));
  };
  return {relative(bar.bid.open_e9, bar.ask.open_e9), relative(bar.bid.high_e9, bar.ask.high_e9),
          relative(bar.bid.low_e9, bar.ask.low_e9), relative(bar.bid.close_e9, bar.ask.close_e9)};
}

}  // namespace thintail::indicators
