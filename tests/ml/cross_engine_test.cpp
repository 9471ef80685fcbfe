// SPDX-License-Identifier: Apache-2.0
// A set with lanes of other instruments: from its text to the engine's row.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "ml/cross/cross_bank.hpp"
#include "ml/features/feature_engine.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kStart_s = 1'398'988'800;  // 2014-05-02

// The whole catalogue, whether it lists these families yet or not.
std::vector<const FeatureFamily*> families() {
  std::vector<const FeatureFamily*> all(feature_families().begin(), feature_families().end());
  for (const FeatureFamily& family : cross_families()) {
    if (std::ranges::find(all, family.name, &FeatureFamily::name) == all.end()) all.push_back(&family);
  }
  return all;
}

FeatureSet set_of(std::string_view text) {
  const auto all = families();
  auto set = FeatureSet::from_toml(text, "cross.toml", all);
  EXPECT_TRUE(set.has_value()) << (set ? "" : set.error().message());
  return std::move(*set);
}

TEST(CrossEngine, every_family_is_read_from_a_set_and_refused_without_its_peer) {
  const auto all = families();
  for (const FeatureFamily& family : cross_families()) {
    const std::string with = fmt::format("name = \"one\"\nfeatures = [{{ feature = \"{}\"{} }}]\n", family.name,
                                         family.takes_peer ? ", peer = \"EURUSD@fxcm\"" : "");
    const auto set = FeatureSet::from_toml(with, "one.toml", all);
    ASSERT_TRUE(set.has_value()) << set.error().message();
    EXPECT_TRUE(has(set->needs(), Need::peers));
    const CrossBank bank = CrossBank::of_set(set->features(), 2);
    EXPECT_EQ(bank.size(), 1U);
    if (!family.takes_peer) continue;
    const std::string without = fmt::format("name = \"one\"\nfeatures = [{{ feature = \"{}\" }}]\n", family.name);
    EXPECT_FALSE(FeatureSet::from_toml(without, "one.toml", all).has_value()) << family.name;
  }
}

TEST(CrossEngine, lanes_between_others_reach_the_row_as_the_bank_has_them) {
  const FeatureSet set = set_of(R"(name = "with-peers"
features = [
  { feature = "cross_spread_rank" },
  { feature = "spread" },
  { feature = "peer_tick_correlation", seconds = 20, peer = "@fxcm" },
  { feature = "mid_deviation", half_life_s = 60 },
  { feature = "peer_beta", seconds = 30, peer = "EURUSD@oanda" },
  { feature = "currency_base_strength", seconds = 30 },
]
)");
  const std::vector<Instrument> instruments = {*built_in_instrument("EURUSD", "oanda"),
                                               *built_in_instrument("EURUSD", "fxcm")};
  CrossBank bank = CrossBank::of_set(set.features(), instruments.size());
  FeatureEngine engine(set, Isa::scalar, instruments.size());
  ASSERT_TRUE(std::ranges::equal(bank.lanes(), engine.guest_lanes()));
  EXPECT_TRUE(std::ranges::equal(bank.lanes(), std::vector<std::uint16_t>{0, 2, 4, 5}));
  for (InstrumentId id = 0; id < instruments.size(); ++id) {
    bank.enable(id, instruments[id]);
    engine.enable(id, instruments[id]);
  }
  std::mt19937_64 random(1);
  std::int64_t mid = 138'000;
  std::array<std::size_t, 4> defined{};
  for (std::int64_t second = kStart_s; second < kStart_s + 200; ++second) {
    bank.on_timer(second);
    for (std::int64_t i = 0; i < 5; ++i) {
      const std::int64_t time_ns = second * kSecondNs + i * 200'000'000;
      mid += static_cast<std::int64_t>(random() % 7) - 3;
      const auto id = static_cast<InstrumentId>(random() % 2);
      Tick tick{};
      tick.bid_e9 = (mid + static_cast<std::int64_t>(random() % 3)) * 10'000;
      tick.ask_e9 = tick.bid_e9 + static_cast<std::int64_t>(1 + random() % 5) * 10'000;
      tick.venue_ns = time_ns;
      bank.on_tick(id, tick.bid_e9, tick.ask_e9, time_ns);
      engine.set_guests(id, {bank.values(id), bank.size()}, bank.defined(id));
      const FeatureRow& row = engine.on_tick(id, tick, time_ns);
      for (std::size_t lane = 0; lane < bank.size(); ++lane) {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(row.values[bank.lanes()[lane]]),
                  std::bit_cast<std::uint32_t>(bank.values(id)[lane]));
        ASSERT_EQ(row.defined.test(bank.lanes()[lane]), bank.defined(id).test(lane));
        defined[lane] += bank.defined(id).test(lane) ? 1 : 0;
      }
      ASSERT_TRUE(row.defined.test(1)) << "the spread, which needs nobody else";
    }
  }
  for (const std::size_t count : defined) EXPECT_GT(count, 300U);
}

}  // namespace
}  // namespace thintail
