// SPDX-License-Identifier: Apache-2.0
#include "strategies/pipeline/market_state.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

using test::kMinuteNs;
using test::kNoonNs;
using test::kSecondNs;

struct Closed {
  InstrumentId id;
  ClosedBar bar;
};

struct Market {
  InstrumentTable instruments;
  MarketState state;
  std::vector<Closed> closed;

  explicit Market(std::size_t count)
      : instruments(test::many_instruments(count)), state(instruments, nullptr, Isa::scalar, count) {
    for (InstrumentId id = 0; id < count; ++id) state.enable(id);
  }
  auto keep() {
    return [this](InstrumentId id, const ClosedBar& bar) { closed.push_back({id, bar}); };
  }
  void tick(InstrumentId id, std::int64_t venue_ns, std::int64_t bid = 1'300) {
    state.on_tick(id, Tick{bid * kE9, bid * kE9 + 1, 0, 0, venue_ns, 0}, venue_ns, keep());
  }
};

TEST(MarketState, a_venue_time_that_goes_back_is_clamped_and_counted) {
  Market market(2);
  market.tick(0, kNoonNs + 59 * kSecondNs);
  market.tick(0, kNoonNs + 61 * kSecondNs);
  ASSERT_EQ(market.closed.size(), 1u);
  market.tick(0, kNoonNs + 30 * kSecondNs, 1'310);
  EXPECT_EQ(market.state.venue_clamps(), 1u);
  EXPECT_EQ(market.closed.size(), 1u) << "a closed bar never reopens";
  market.tick(0, kNoonNs + 120 * kSecondNs);
  ASSERT_EQ(market.closed.size(), 2u);
  EXPECT_EQ(market.closed[1].bar.ticks, 2u) << "the late tick went to the forming bar";
  EXPECT_EQ(market.closed[1].bar.bid.high_e9, 1'310 * kE9);
  market.tick(1, kNoonNs);
  EXPECT_EQ(market.state.venue_clamps(), 1u) << "each instrument has a clock of its own";
}

TEST(MarketState, a_venue_time_from_the_future_neither_freezes_its_instrument_nor_goes_uncounted) {
  Market market(1);
  const auto tick = [&](std::int64_t time_ns, std::int64_t venue_ns) {
    market.state.on_tick(0, Tick{kE9, kE9 + 1, 0, 0, venue_ns, 0}, time_ns, market.keep());
  };
  tick(kNoonNs, kNoonNs + kVenueAheadMaxNs);
  EXPECT_EQ(market.state.venue_clamps(), 0u) << "so far a venue's clock may be ahead";
  tick(kNoonNs + 1, 8'900'000'000'000'000'000);
  EXPECT_EQ(market.state.venue_clamps(), 1u);
  EXPECT_TRUE(market.closed.empty()) << "a clock that is within the bound closes no bar that lies beyond it";
  for (std::int64_t minute = 2; minute <= 5; ++minute) {
    tick(kNoonNs + minute * kMinuteNs, kNoonNs + minute * kMinuteNs);
    EXPECT_EQ(std::ranges::count(market.closed, BarPeriod::m1, [](const Closed& c) { return c.bar.period; }),
              minute - 1);
  }
  EXPECT_EQ(market.state.venue_clamps(), 1u);
}

TEST(MarketState, bounds_hold_at_the_ends_of_time) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(held_venue_ns(kMax, kMax, kMin), kMax);
  EXPECT_EQ(held_venue_ns(kMin, kMax, 5), 5);
  EXPECT_EQ(held_venue_ns(kMax, kMin, kMin), kMin + kVenueAheadMaxNs);
}

TEST(MarketState, the_quote_carries_engine_time) {
  Market market(1);
  market.state.on_tick(0, Tick{kE9, 2 * kE9, 0, 0, kNoonNs, 0}, kNoonNs + 7, market.keep());
  EXPECT_EQ(market.state.quote(0).time_ns, kNoonNs + 7);
  EXPECT_EQ(market.state.quote(0).bid_e9, kE9);
}

TEST(MarketState, only_enabled_instruments_are) {
  const auto instruments = test::many_instruments(2);
  MarketState state(instruments, nullptr, Isa::scalar, 4);
  state.enable(1);
  const std::vector<std::pair<InstrumentId, bool>> expected = {
      {0, false}, {1, true}, {3, false}, {4, false}, {kNoInstrument, false}};
  for (const auto& [id, enabled] : expected) EXPECT_EQ(state.is_enabled(id), enabled) << id;
}

TEST(MarketState, a_timer_closes_bars_one_second_after_their_end_and_not_before) {
  Market market(1);
  market.tick(0, kNoonNs + 10 * kSecondNs);
  EXPECT_TRUE(market.state.has_forming_minute());
  market.state.on_timer(kNoonNs + kMinuteNs + kSecondNs - 1, 40, market.keep());
  EXPECT_TRUE(market.closed.empty());
  market.state.on_timer(kNoonNs + kMinuteNs + kSecondNs, 40, market.keep());
  ASSERT_EQ(market.closed.size(), 1u);
  EXPECT_FALSE(market.state.has_forming_minute());
}

TEST(MarketState, timers_share_their_room_among_silent_instruments_in_turn) {
  constexpr std::size_t kCount = 100;
  Market market(kCount);
  for (InstrumentId id = 0; id < kCount; ++id) market.tick(id, kNoonNs + kSecondNs);
  std::set<InstrumentId> seen;
  std::int64_t now_ns = kNoonNs + 2 * kMinuteNs;
  for (std::size_t timers = 0; seen.size() < kCount && timers < kCount; ++timers) {
    const std::size_t before = market.closed.size();
    market.state.on_timer(now_ns += kSecondNs, 40, market.keep());
    const std::size_t now = market.closed.size() - before;
    EXPECT_LE(now, 20u) << "two outputs a bar";
    EXPECT_GT(now, 0u);
    for (std::size_t i = before; i < market.closed.size(); ++i) {
      EXPECT_TRUE(seen.insert(market.closed[i].id).second) << "one minute each";
    }
  }
  EXPECT_EQ(seen.size(), kCount);
  EXPECT_FALSE(market.state.has_forming_minute());
}

}  // namespace
}  // namespace thintail
