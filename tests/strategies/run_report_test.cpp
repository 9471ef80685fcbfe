// SPDX-License-Identifier: Apache-2.0
#include "strategies/backtest/run_report.hpp"

#include <gtest/gtest.h>

#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

using test::kNoonNs;
using test::tick_at;

Event position(std::int64_t quantity_e9, i128 cost_e18, i128 realised_e18, unsigned flags = kFlagOutput) {
  const WideWords cost = to_words(cost_e18);
  const WideWords realised = to_words(realised_e18);
  return Event::make(kNoonNs, 0, Position{quantity_e9, cost.low, cost.high, realised.low, realised.high}, flags);
}

constexpr i128 kDollarE18 = static_cast<i128>(kE9) * kE9;

TEST(RunReport, counts_what_a_run_did) {
  const auto instruments = test::table_of({"XAUUSD", "EURUSD"});
  const auto ticks = test::random_ticks(1, 20'000, 2);
  const auto run = test::record(ticks, test::trading_settings(), instruments);
  RunReport report(instruments);
  for (const Event& event : run.events) report.add(event);
  EXPECT_EQ(report.events(), run.events.size());
  EXPECT_EQ(report.outputs(), run.result.outputs);
  EXPECT_EQ(report.count(EventType::tick), ticks.size());
  EXPECT_EQ(report.first_ns(), ticks.front().time_ns);
  EXPECT_EQ(report.last_ns(), ticks.back().time_ns);
  std::uint64_t crossed = 0;
  std::uint64_t locked = 0;
  for (const Event& event : ticks) {
    const auto tick = event.as<Tick>();
    crossed += tick.ask_e9 < tick.bid_e9;
    locked += tick.ask_e9 == tick.bid_e9;
  }
  EXPECT_EQ(report.rows()[0].crossed + report.rows()[1].crossed, crossed);
  EXPECT_EQ(report.rows()[0].locked + report.rows()[1].locked, locked);
  EXPECT_EQ(report.rows()[0].median_spread_e9(), kE9 / 4);
  std::uint64_t rejects = 0;
  for (std::size_t rule = 0; rule < kRiskRuleCount; ++rule) rejects += report.rejects(static_cast<RiskRule>(rule));
  EXPECT_EQ(rejects, report.count(EventType::reject));
  EXPECT_GT(report.rejects(RiskRule::crossed_quote), 0u);
}

TEST(RunReport, counts_held_venue_times_as_the_market_state_does) {
  const auto instruments = test::table_of({"XAUUSD", "EURUSD"});
  auto ticks = test::random_ticks(1, 2'000, 2);
  for (std::size_t i = 10; i < ticks.size(); i += 100) {
    auto tick = ticks[i].as<Tick>();
    tick.venue_ns += i % 200 == 10 ? 2 * kVenueAheadMaxNs : -kVenueAheadMaxNs;
    ticks[i] = Event::make(ticks[i].time_ns, ticks[i].instrument, tick);
  }
  const auto run = test::record(ticks, test::trading_settings(), instruments);
  RunReport report(instruments);
  for (const Event& event : run.events) report.add(event);
  EXPECT_GE(report.venue_clamps(), 20u);
  EXPECT_EQ(report.venue_clamps(), run.result.venue_clamps);
}

TEST(RunReport, the_spread_and_the_commission_are_always_charged) {
  const auto instruments = test::table_of({"XAUUSD"});
  RunReport report(instruments);
  report.add(tick_at(kNoonNs, 100 * kE9, 101 * kE9));
  report.add(Event::make(kNoonNs, 0, Fill{1, 101 * kE9, 2 * kE9, kE9 / 2, Side::buy, 1, 1, 1}));
  report.add(position(2 * kE9, 202 * kDollarE18, -kDollarE18 / 2));
  const auto& money = report.money().at("USD");
  EXPECT_EQ(money.pnl_e18, -2 * kDollarE18 - kDollarE18 / 2) << "bought at the ask, worth the bid";
  EXPECT_EQ(money.commission_e18, kDollarE18 / 2);
  report.add(tick_at(kNoonNs + 1, 105 * kE9, 106 * kE9));
  EXPECT_EQ(money.pnl_e18, 8 * kDollarE18 - kDollarE18 / 2);
  report.add(tick_at(kNoonNs + 2, 102 * kE9, 103 * kE9));
  EXPECT_EQ(money.drawdown_max_e18, 6 * kDollarE18);
  report.add(tick_at(kNoonNs + 3, 103 * kE9, 102 * kE9));  // crossed: marked at the lower side
  EXPECT_EQ(money.pnl_e18, 2 * kDollarE18 - kDollarE18 / 2);
}

TEST(RunReport, a_position_carried_over_brings_no_profit_of_this_run) {
  const auto instruments = test::table_of({"XAUUSD"});
  RunReport report(instruments);
  report.add(position(kE9, 100 * kDollarE18, 50 * kDollarE18, kFlagSnapshot));
  EXPECT_TRUE(report.money().empty()) << "nothing to mark it at yet";
  report.add(tick_at(kNoonNs, 103 * kE9, 104 * kE9));
  EXPECT_EQ(report.money().at("USD").pnl_e18, 3 * kDollarE18)
      << "what it gained since it was bought, none of what was realised";
}

TEST(RunReport, hostile_events_are_counted_and_no_more) {
  const auto instruments = test::table_of({"XAUUSD"});
  RunReport report(instruments);
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  report.add(tick_at(kNoonNs, kMin, kMax));
  report.add(tick_at(kNoonNs, kE9, kE9, 99));
  report.add(position(kMin, 0, 0));
  Event unknown = tick_at(kNoonNs, kE9, kE9);
  unknown.type = static_cast<EventType>(999);
  report.add(unknown);
  Reject reject{};
  reject.rule = 999;
  report.add(Event::make(kNoonNs, 0, reject, kFlagOutput));
  EXPECT_EQ(report.events(), 5u);
  EXPECT_EQ(report.rows()[0].holding.quantity_e9(), 0);
}

}  // namespace
}  // namespace thintail
