// SPDX-License-Identifier: Apache-2.0
// State that is saved and put back, here or in another engine, goes on as if nothing had happened, byte for byte.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "tests/support/feature_run.hpp"
#include "tests/support/feature_ticks.hpp"

namespace thintail {
namespace {

Instrument gold() { return *built_in_instrument("XAUUSD", "oanda"); }

using Bytes = std::vector<std::byte>;

Bytes saved(const FeatureEngine& engine, InstrumentId id) {
  Bytes bytes(engine.snapshot_bytes());
  engine.snapshot(id, bytes);
  return bytes;
}

// Ticks, bars and trades through an engine that may be exchanged between two ticks.
class Stream {
 public:
  explicit Stream(std::size_t count, std::uint64_t seed)
      : ticks_(test::random_ticks(count, seed, test::kFridayNs - test::kDayNs)),
        trades_(test::random_trades(ticks_, seed)) {}
  std::size_t size() const { return ticks_.size(); }
  const FeatureRow& step(FeatureEngine& engine, InstrumentId id) {
    while (trade_ < trades_.size() && trades_[trade_].tick == next_) engine.on_trade(id, trades_[trade_++].trade);
    const Tick& tick = ticks_[next_++];
    bars_.close_until(tick.venue_ns, [&](const ClosedBar& bar) { engine.on_bar(id, bar); });
    bars_.add(tick.bid_e9, tick.ask_e9, tick.venue_ns);
    return engine.on_tick(id, tick, tick.venue_ns);
  }

 private:
  std::vector<Tick> ticks_;
  std::vector<test::TradeBefore> trades_;
  std::size_t next_ = 0;
  std::size_t trade_ = 0;
  BarBuilder bars_{Zone::new_york()};
};

TEST(FeatureSnapshot, restored_at_a_hundred_random_points_equals_never_having_stopped) {
  for (const FeatureSet* set : FeatureSet::all()) {
    std::mt19937_64 random(41);
    std::uniform_int_distribution<int> chance(0, 149);
    FeatureEngine whole(*set, best_isa(), 1);
    whole.enable(0, gold());
    auto broken = std::make_unique<FeatureEngine>(*set, best_isa(), 3);
    broken->enable(2, gold());
    InstrumentId at = 2;
    Stream first(15'000, 42);
    Stream second(15'000, 42);
    std::size_t restored = 0;
    for (std::size_t i = 0; i < first.size(); ++i) {
      if (chance(random) == 0) {
        const Bytes bytes = saved(*broken, at);
        // Another engine, with another instruction set where there is one, and another place in it.
        at = (at + 1) % 3;
        broken = std::make_unique<FeatureEngine>(*set, restored++ % 2 == 0 ? Isa::scalar : best_isa(), 3);
        broken->enable(at, gold());
        ASSERT_TRUE(broken->restore(at, bytes).has_value());
        ASSERT_EQ(saved(*broken, at), bytes);
      }
      const FeatureRow expected = first.step(whole, 0);
      const FeatureRow& found = second.step(*broken, at);
      ASSERT_EQ(std::memcmp(&expected, &found, sizeof(found)), 0) << set->name() << " at tick " << i;
    }
    EXPECT_GE(restored, 60u);
    EXPECT_EQ(saved(whole, 0), saved(*broken, at)) << set->name();
  }
}

TEST(FeatureSnapshot, state_that_misses_one_tick_is_told_apart) {
  FeatureEngine engine(FeatureSet::core_32(), best_isa(), 2);
  engine.enable(0, gold());
  engine.enable(1, gold());
  Stream stream(2'000, 43);
  Bytes stale;
  for (std::size_t i = 0; i + 1 < stream.size(); ++i) {
    if (i == 1'500) stale = saved(engine, 0);
    stream.step(engine, 0);
    if (i == 1'500) {
      ASSERT_TRUE(engine.restore(1, stale).has_value());
      EXPECT_NE(saved(engine, 0), saved(engine, 1));
    }
  }
}

TEST(FeatureSnapshot, state_that_does_not_fit_is_refused_and_changes_nothing) {
  FeatureEngine engine(FeatureSet::core_32(), best_isa(), 1);
  engine.enable(0, gold());
  Stream stream(100, 1);
  for (std::size_t i = 0; i < stream.size(); ++i) stream.step(engine, 0);
  const Bytes good = saved(engine, 0);

  const auto refused = [&](const Bytes& bytes, std::string_view field) {
    const auto result = engine.restore(0, bytes);
    ASSERT_FALSE(result.has_value()) << field;
    EXPECT_EQ(result.error().code, ErrorCode::feature_state);
    EXPECT_EQ(result.error().field, field) << result.error().message();
    EXPECT_EQ(saved(engine, 0), good) << field;
  };
  refused({good.begin(), good.end() - 1}, "size");
  const auto refused_with = [&](std::size_t changed, std::string_view field) {
    Bytes bytes = good;
    bytes[changed] ^= std::byte{1};
    refused(bytes, field);
  };
  refused_with(0, "magic");
  refused_with(4, "layout");
  refused_with(8, "feature set");
  refused_with(40, "instrument");
  refused_with(48, "checksum");
  refused_with(56, "layout");
  refused_with(60, "instrument");
  refused_with(64, "checksum");
  refused_with(good.size() - 1, "checksum");

  FeatureEngine other(FeatureSet::core_32(), best_isa(), 1);
  other.enable(0, *built_in_instrument("BTCUSD", "any"));
  EXPECT_FALSE(other.restore(0, good).has_value()) << "another calendar";
  EXPECT_TRUE(engine.restore(0, good).has_value());
}

}  // namespace
}  // namespace thintail
