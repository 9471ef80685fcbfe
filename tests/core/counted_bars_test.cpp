// SPDX-License-Identifier: Apache-2.0
#include "core/bars/counted_bars.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <vector>

namespace thintail {
namespace {

struct Quoted {
  std::int64_t bid_e9, ask_e9, venue_ns;
};

std::vector<TickBar> tick_bars(std::uint32_t ticks_per_bar, const std::vector<Quoted>& quotes) {
  TickBars bars(ticks_per_bar);
  std::vector<TickBar> out;
  TickBar bar{};
  for (const Quoted& quote : quotes) {
    if (bars.add(quote.bid_e9, quote.ask_e9, quote.venue_ns, bar)) out.push_back(bar);
  }
  return out;
}

TEST(TickBars, a_bar_ends_with_its_last_tick_and_the_next_begins_with_the_tick_after) {
  const auto bars =
      tick_bars(3, {{10, 12, 1}, {14, 15, 2}, {9, 16, 5}, {20, 21, 6}, {19, 22, 7}, {21, 23, 9}, {1, 2, 10}});
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_EQ(bars[0].bid, (Ohlc{10, 14, 9, 9}));
  EXPECT_EQ(bars[0].ask, (Ohlc{12, 16, 12, 16}));
  EXPECT_EQ(bars[0].first_ns, 1);
  EXPECT_EQ(bars[0].last_ns, 5);
  EXPECT_EQ(bars[0].ticks, 3u);
  EXPECT_EQ(bars[1].bid, (Ohlc{20, 21, 19, 21}));
  EXPECT_EQ(bars[1].first_ns, 6);
}

TEST(TickBars, a_late_tick_counts_at_the_time_of_the_one_before) {
  const auto bars = tick_bars(2, {{10, 12, 8}, {11, 12, 3}, {12, 13, 4}, {12, 13, 9}});
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_EQ(bars[0].last_ns, 8);
  EXPECT_EQ(bars[1].first_ns, 8);
  EXPECT_EQ(bars[1].last_ns, 9);
}

TEST(TickBars, a_bar_of_one_tick_is_that_tick) {
  const auto bars = tick_bars(1, {{10, 12, 1}, {11, 13, 2}});
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_EQ(bars[1].bid, (Ohlc{11, 11, 11, 11}));
}

TEST(VolumeBars, the_trade_that_reaches_the_volume_belongs_to_its_bar_whole) {
  VolumeBars bars(10);
  VolumeBar bar{};
  EXPECT_FALSE(bars.add(100, 4, 1, bar));
  EXPECT_FALSE(bars.add(98, 5, 2, bar));
  EXPECT_TRUE(bars.add(103, 7, 3, bar));
  EXPECT_EQ(bar.price, (Ohlc{100, 103, 98, 103}));
  EXPECT_EQ(bar.volume_e9, 16);
  EXPECT_EQ(bar.trades, 3u);
  EXPECT_EQ(bar.last_ns, 3);
  EXPECT_FALSE(bars.add(101, 9, 4, bar)) << "what the trade had too much is not carried over";
  EXPECT_TRUE(bars.add(101, 1, 4, bar));
}

TEST(VolumeBars, exactly_the_volume_ends_a_bar_and_no_volume_is_no_trade) {
  VolumeBars bars(10);
  VolumeBar bar{};
  EXPECT_FALSE(bars.add(7, 0, 1, bar));
  EXPECT_EQ(bars.forming().trades, 0u);
  EXPECT_TRUE(bars.add(8, 10, 2, bar));
  EXPECT_EQ(bar.price, (Ohlc{8, 8, 8, 8}));
}

TEST(VolumeBars, a_volume_beyond_i64_ends_the_bar_instead_of_wrapping) {
  VolumeBars bars(std::numeric_limits<std::int64_t>::max());
  VolumeBar bar{};
  EXPECT_FALSE(bars.add(8, std::numeric_limits<std::int64_t>::max() - 1, 1, bar));
  EXPECT_TRUE(bars.add(9, 5, 2, bar));
  EXPECT_EQ(bar.volume_e9, std::numeric_limits<std::int64_t>::max());
}

TEST(VolumeBars, equal_a_plain_grouping_of_the_same_trades) {
  std::mt19937_64 random(7);
  struct Print {
    std::int64_t price, size, ns;
  };
  std::vector<Print> prints;
  for (std::int64_t i = 0; i < 10'000; ++i) {
    prints.push_back({1000 + static_cast<std::int64_t>(random() % 50), static_cast<std::int64_t>(random() % 90), i});
  }
  std::vector<VolumeBar> ours;
  VolumeBars bars(500);
  VolumeBar bar{};
  for (const Print& print : prints) {
    if (bars.add(print.price, print.size, print.ns, bar)) ours.push_back(bar);
  }
  std::vector<VolumeBar> plain;
  std::vector<Print> group;
  std::int64_t sum = 0;
  for (const Print& print : prints) {
    if (print.size == 0) continue;
    group.push_back(print);
    sum += print.size;
    if (sum < 500) continue;
    VolumeBar made{group.front().ns,
                   group.back().ns,
                   static_cast<std::uint32_t>(group.size()),
                   sum,
                   {group.front().price, group.front().price, group.front().price, group.back().price}};
    for (const Print& one : group) {
      made.price.high_e9 = std::max(made.price.high_e9, one.price);
      made.price.low_e9 = std::min(made.price.low_e9, one.price);
    }
    plain.push_back(made);
    group.clear();
    sum = 0;
  }
  ASSERT_EQ(ours.size(), plain.size());
  ASSERT_GT(ours.size(), 500u);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i].price, plain[i].price) << i;
    EXPECT_EQ(ours[i].volume_e9, plain[i].volume_e9) << i;
    EXPECT_EQ(ours[i].first_ns, plain[i].first_ns) << i;
    EXPECT_EQ(ours[i].last_ns, plain[i].last_ns) << i;
    EXPECT_EQ(ours[i].trades, plain[i].trades) << i;
  }
}

std::vector<TickBar> range_bars(std::int64_t range_e9, const std::vector<Quoted>& quotes) {
  RangeBars bars(range_e9);
  std::vector<TickBar> out;
  TickBar bar{};
  for (const Quoted& quote : quotes) {
    if (bars.add(quote.bid_e9, quote.ask_e9, quote.venue_ns, bar)) out.push_back(bar);
  }
  return out;
}

TEST(RangeBars, a_bar_ends_where_the_bid_has_moved_the_range_from_its_low_or_its_high) {
  const auto bars = range_bars(
      5, {{100, 101, 1}, {98, 102, 2}, {102, 103, 3}, {103, 104, 4}, {110, 111, 5}, {112, 113, 6}, {107, 109, 7}});
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_EQ(bars[0].bid, (Ohlc{100, 103, 98, 103}));
  EXPECT_EQ(bars[0].ask, (Ohlc{101, 104, 101, 104}));
  EXPECT_EQ(bars[0].first_ns, 1);
  EXPECT_EQ(bars[0].last_ns, 4);
  EXPECT_EQ(bars[0].ticks, 4u);
  EXPECT_EQ(bars[1].bid, (Ohlc{110, 112, 107, 107}));
  EXPECT_EQ(bars[1].first_ns, 5);
}

TEST(RangeBars, a_step_of_many_ranges_makes_one_bar_of_prices_that_stood) {
  const auto bars = range_bars(5, {{100, 101, 1}, {137, 138, 2}, {138, 139, 3}, {134, 139, 4}, {133, 134, 5}});
  ASSERT_EQ(bars.size(), 2u) << "one for 37 points at once, not seven";
  EXPECT_EQ(bars[0].bid, (Ohlc{100, 137, 100, 137}));
  EXPECT_EQ(bars[1].bid, (Ohlc{138, 138, 133, 133})) << "the next bar opens with the quote after the step";
}

TEST(RangeBars, a_jump_between_two_bars_ends_none) {
  EXPECT_EQ(range_bars(5, {{100, 101, 1}, {105, 106, 2}, {900, 901, 3}}).size(), 1u);
}

TEST(RangeBars, an_ask_that_moves_alone_ends_no_bar) {
  EXPECT_TRUE(range_bars(5, {{100, 101, 1}, {100, 901, 2}, {104, 105, 3}}).empty());
}

TEST(RangeBars, a_range_beyond_i64_ends_the_bar_instead_of_wrapping) {
  constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(range_bars(kFar, {{-kFar, -kFar, 1}, {kFar, kFar, 2}}).size(), 1u);
}

TEST(RangeBars, a_late_quote_counts_at_the_time_of_the_one_before) {
  const auto bars = range_bars(2, {{10, 12, 8}, {12, 13, 3}, {12, 13, 4}, {10, 13, 9}});
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_EQ(bars[0].last_ns, 8);
  EXPECT_EQ(bars[1].first_ns, 8);
  EXPECT_EQ(bars[1].last_ns, 9);
}

// A bar's end is the first quote whose bid is the range or more from any earlier bid of the bar.
std::vector<TickBar> plain_range_bars(std::int64_t range_e9, const std::vector<Quoted>& quotes) {
  std::vector<TickBar> bars;
  for (std::size_t first = 0, last = 0; last < quotes.size(); ++last) {
    bool is_end = false;
    for (std::size_t i = first; i < last; ++i) {
      is_end |= std::abs(quotes[last].bid_e9 - quotes[i].bid_e9) >= range_e9;
    }
    if (!is_end) continue;
    const Quoted &open = quotes[first], &close = quotes[last];
    TickBar bar{open.venue_ns,
                close.venue_ns,
                static_cast<std::uint32_t>(last - first + 1),
                {open.bid_e9, open.bid_e9, open.bid_e9, close.bid_e9},
                {open.ask_e9, open.ask_e9, open.ask_e9, close.ask_e9}};
    for (std::size_t i = first; i <= last; ++i) {
      bar.bid.high_e9 = std::max(bar.bid.high_e9, quotes[i].bid_e9);
      bar.bid.low_e9 = std::min(bar.bid.low_e9, quotes[i].bid_e9);
      bar.ask.high_e9 = std::max(bar.ask.high_e9, quotes[i].ask_e9);
      bar.ask.low_e9 = std::min(bar.ask.low_e9, quotes[i].ask_e9);
    }
    bars.push_back(bar);
    first = last + 1;
  }
  return bars;
}

TEST(RangeBars, equal_their_plain_definition_on_a_walk_with_jumps) {
  std::mt19937_64 random(11);
  const auto within = [&](std::int64_t reach) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * reach + 1)) - reach;
  };
  std::vector<Quoted> quotes;
  std::int64_t bid_e9 = 1'000;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    bid_e9 += within(3) + (random() % 200 == 0 ? within(100) : 0);
    quotes.push_back({bid_e9, bid_e9 + 1 + std::abs(within(30)), i});
  }
  for (const std::int64_t range_e9 : {1, 2, 10, 40}) {
    const auto ours = range_bars(range_e9, quotes);
    const auto plain = plain_range_bars(range_e9, quotes);
    ASSERT_EQ(ours.size(), plain.size()) << range_e9;
    ASSERT_GT(ours.size(), 50u);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      ASSERT_EQ(ours[i].bid, plain[i].bid) << i;
      ASSERT_EQ(ours[i].ask, plain[i].ask) << i;
      ASSERT_EQ(ours[i].first_ns, plain[i].first_ns) << i;
      ASSERT_EQ(ours[i].last_ns, plain[i].last_ns) << i;
      ASSERT_EQ(ours[i].ticks, plain[i].ticks) << i;
    }
  }
}

}  // namespace
}  // namespace thintail
