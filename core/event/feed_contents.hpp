// SPDX-License-Identifier: Apache-2.0
// What the events of a feed hold beyond bid and ask: features that need more are refused before anything starts.
#pragma once

namespace thintail {

struct FeedContents {
  bool sizes = false;   // of the best bid and ask, in every tick
  bool trades = false;
  bool depth = false;   // book events behind the best

  // What both hold.
  friend constexpr FeedContents operator&(const FeedContents& a, const FeedContents& b) noexcept {
    return {.sizes = a.sizes && b.sizes, .trades = a.trades && b.trades, .depth = a.depth && b.depth};
  }
  friend constexpr bool operator==(const FeedContents&, const FeedContents&) = default;
};

}  // namespace thintail
