// SPDX-License-Identifier: Apache-2.0
// After construction the engine allocates nothing: every operator new of this program is counted.
#include <gtest/gtest.h>

#include <memory>

#include "core/bars/bar_builder.hpp"
#include "ml/features/feature_engine.hpp"
#include "tests/support/counted_allocations.hpp"

namespace thintail {
namespace {

TEST(FeatureAllocation, a_week_of_ticks_trades_books_and_bars_allocates_nothing) {
  for (const FeatureSet* set : FeatureSet::all()) {
    FeatureEngine engine(*set, best_isa(), 1);
    engine.enable(0, *built_in_instrument("XAUUSD", "oanda"));
    BarBuilder bars(Zone::new_york());
    const auto book = std::make_unique<OrderBook>();
    const std::size_t before = test::allocations;
    std::uint64_t digest = 0;
    for (std::int64_t second = 0; second < 7 * 86'400; second += 5) {
      const std::int64_t venue_ns = (1'398'988'800 + second) * 1'000'000'000;  // from 2014-05-02
      const std::int64_t bid_e9 = (1'284'000 + second % 97) * 1'000'000;
      bars.close_until(venue_ns, [&](const ClosedBar& bar) {
        engine.on_bar(0, bar);
        if (bar.period == BarPeriod::m1) digest ^= engine.digest(engine.on_close(0, bar));
      });
      bars.add(bid_e9, bid_e9 + 300'000'000, venue_ns);
      if (second % 7 == 0) engine.on_trade(0, {});
      if (second % 11 == 0) engine.on_book(0, *book);
      digest ^= engine.digest(engine.on_tick(0, {bid_e9, bid_e9 + 300'000'000, 1, 2, venue_ns, 0}, venue_ns));
    }
    EXPECT_EQ(test::allocations, before) << set->name();
    EXPECT_NE(digest, 0u);
  }
}

TEST(FeatureAllocation, the_counter_sees_an_allocation) {
  const std::size_t before = test::allocations;
  const FeatureEngine engine(FeatureSet::core_32(), best_isa(), 1);
  EXPECT_GT(test::allocations, before);
}

}  // namespace
}  // namespace thintail
