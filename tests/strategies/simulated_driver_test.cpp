// SPDX-License-Identifier: Apache-2.0
#include "strategies/backtest/simulated_driver.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "core/bars/bar_builder.hpp"
#include "core/event/describe.hpp"
#include "tests/support/pipeline_desk.hpp"

namespace thintail {
namespace {

using test::kMilliNs;
using test::kMinuteNs;
using test::kNoonNs;
using test::kSecondNs;
using test::of_type;
using test::record;
using test::tick_at;

Event quote_at(std::int64_t time_ns, std::int64_t bid, InstrumentId id = 0) {
  return tick_at(time_ns, bid * kE9, bid * kE9 + kE9 / 4, id);
}

std::vector<Event> run(const std::vector<Event>& ticks, const Settings& settings = test::trading_settings(),
                       const InstrumentTable& instruments = test::table_of({"XAUUSD", "EURUSD"})) {
  return record(ticks, settings, instruments).events;
}

// What happened at one time, in order.
std::vector<EventType> types_at(const std::vector<Event>& events, std::int64_t time_ns) {
  std::vector<EventType> types;
  for (const Event& event : events) {
    if (event.time_ns == time_ns) types.push_back(event.type);
  }
  return types;
}

// The bars of a period and side with the time of the event that closed each.
std::vector<Event> bars_of(const std::vector<Event>& events, BarPeriod period, QuoteSide side = QuoteSide::bid) {
  std::vector<Event> out;
  for (const Event& event : of_type(events, EventType::bar)) {
    const auto bar = event.as<Bar>();
    if (bar.period() == static_cast<unsigned>(period) && bar.side() == side) out.push_back(event);
  }
  return out;
}

TEST(SimulatedDriver, at_one_time_the_timer_comes_first_then_answers_then_ticks) {
  using enum EventType;
  Settings settings = test::trading_settings();
  settings.venue.latency_us = 250'000;
  const auto events = run({quote_at(kNoonNs + 400 * kMilliNs, 1'300), quote_at(kNoonNs + 500 * kMilliNs, 1'299),
                           quote_at(kNoonNs + kSecondNs, 1'299), quote_at(kNoonNs + kSecondNs, 1'299)},
                          settings);
  EXPECT_EQ(types_at(events, kNoonNs + kSecondNs), (std::vector<EventType>{timer, fill, position, tick, tick}));
}

TEST(SimulatedDriver, a_venue_time_from_the_future_does_not_keep_the_end_waiting) {
  Event last = quote_at(kNoonNs + 3 * kSecondNs, 1'300);
  auto tick = last.as<Tick>();
  tick.venue_ns += 24 * 60 * kMinuteNs;  // years would only take longer to fail
  last = Event::make(last.time_ns, last.instrument, tick);
  const std::vector<Event> ticks = {quote_at(kNoonNs, 1'300), last};
  const auto run = record(ticks, test::trading_settings(), test::table_of({"XAUUSD"}));
  EXPECT_EQ(run.result.venue_clamps, 1u);
  EXPECT_LE(of_type(run.events, EventType::timer).size(), 130u) << "the bound, its minute and the grace";
  EXPECT_EQ(run.events.back().type, EventType::session);
}

TEST(SimulatedDriver, one_timer_for_each_whole_second_before_any_input_at_or_after_it) {
  const auto ticks = test::random_ticks(1, 20'000, 2);
  const auto events = run(ticks);
  std::optional<std::int64_t> next_ns;
  std::size_t timers = 0;
  for (const Event& event : events) {
    if (event.is_output()) continue;
    if (event.type == EventType::timer) {
      if (!next_ns) next_ns = event.time_ns;
      ASSERT_EQ(event.time_ns, *next_ns);
      ASSERT_EQ(event.time_ns % kSecondNs, 0);
      *next_ns += kSecondNs;
      ++timers;
    } else if (next_ns) {
      ASSERT_LT(event.time_ns, *next_ns) << to_json(event);
    } else {
      ASSERT_LE(event.time_ns, (ticks[0].time_ns + kSecondNs - 1) / kSecondNs * kSecondNs);
    }
  }
  EXPECT_GE(timers, static_cast<std::size_t>((ticks.back().time_ns - ticks[0].time_ns) / kSecondNs));
}

TEST(SimulatedDriver, the_stream_is_in_order_and_numbered_without_holes) {
  const auto events = run(test::random_ticks(2, 20'000, 2));
  for (std::size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(events[i].sequence, i + 1);
    ASSERT_GE(events[i].time_ns, events[i == 0 ? 0 : i - 1].time_ns);
  }
}

TEST(SimulatedDriver, the_preamble_comes_first_at_the_time_of_the_first_tick) {
  const auto events = run({quote_at(kNoonNs + 5, 1'300)});
  ASSERT_EQ(events[0].type, EventType::session);
  for (std::size_t i = 0; events[i].type != EventType::tick; ++i) EXPECT_EQ(events[i].time_ns, kNoonNs + 5);
}

TEST(SimulatedDriver, without_a_tick_nothing_happens) { EXPECT_TRUE(run({}).empty()); }

TEST(SimulatedDriver, a_bar_closes_before_the_tick_at_its_end_is_used) {
  const auto events = run({quote_at(kNoonNs + 10 * kSecondNs, 1'300), quote_at(kNoonNs + 59 * kSecondNs, 1'310),
                           quote_at(kNoonNs + 60 * kSecondNs, 1'320)});
  const auto bars = bars_of(events, BarPeriod::m1);
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_EQ(bars[0].time_ns, kNoonNs + kMinuteNs) << "closed by the tick, not by a later timer";
  const auto bar = bars[0].as<Bar>();
  EXPECT_EQ(bar.end_s, (kNoonNs + kMinuteNs) / kSecondNs);
  EXPECT_EQ(bar.ticks(), 2u);
  EXPECT_EQ(bar.close_e9, 1'310 * kE9);
  EXPECT_EQ(bars[1].as<Bar>().open_e9, 1'320 * kE9) << "a tick at exactly the end belongs to the next bar";
  EXPECT_EQ(bars_of(events, BarPeriod::m1, QuoteSide::ask)[0].as<Bar>().close_e9, 1'310 * kE9 + kE9 / 4);
}

TEST(SimulatedDriver, a_silent_instruments_bar_is_closed_by_the_timer_one_second_after_its_end) {
  std::vector<Event> ticks = {quote_at(kNoonNs + 10 * kSecondNs, 1'300, 0)};
  for (int second = 11; second < 70; ++second) ticks.push_back(quote_at(kNoonNs + second * kSecondNs + 1, 1'300, 1));
  const auto events = run(ticks);
  for (const Event& bar : bars_of(events, BarPeriod::m1)) {
    if (bar.instrument != 0) continue;
    EXPECT_EQ(bar.time_ns, kNoonNs + 61 * kSecondNs);
    EXPECT_EQ(bar.as<Bar>().end_s, (kNoonNs + 60 * kSecondNs) / kSecondNs);
  }
}

TEST(SimulatedDriver, at_the_end_timers_go_on_until_the_last_minute_has_closed_and_longer_bars_stay_open) {
  const auto events = run({quote_at(kNoonNs + 10 * kSecondNs, 1'300)});
  ASSERT_EQ(bars_of(events, BarPeriod::m1).size(), 1u);
  EXPECT_EQ(bars_of(events, BarPeriod::m1)[0].time_ns, kNoonNs + 61 * kSecondNs);
  EXPECT_TRUE(bars_of(events, BarPeriod::m5).empty());
  EXPECT_EQ(events.back().type, EventType::session);
  EXPECT_EQ(events.back().as<Session>().state, SessionState::input_ended);
  EXPECT_EQ(events.back().time_ns, kNoonNs + 61 * kSecondNs);
}

TEST(SimulatedDriver, at_the_end_every_order_is_answered) {
  Settings settings = test::trading_settings();
  settings.venue.latency_us = 60'000'000;
  const auto events = run({quote_at(kNoonNs, 1'300), quote_at(kNoonNs + 1, 1'299)}, settings);
  ASSERT_EQ(of_type(events, EventType::intent).size(), 1u);
  const auto fills = of_type(events, EventType::fill);
  ASSERT_EQ(fills.size(), 1u);
  EXPECT_EQ(fills[0].time_ns, kNoonNs + 1 + 2 * kMinuteNs);
}

TEST(SimulatedDriver, without_latency_an_order_fills_on_the_quote_it_was_decided_on) {
  Settings settings = test::trading_settings();
  settings.venue.latency_us = 0;
  const auto events =
      run({quote_at(kNoonNs, 1'300), quote_at(kNoonNs + 1, 1'299), quote_at(kNoonNs + 1, 1'250)}, settings);
  const auto fills = of_type(events, EventType::fill);
  ASSERT_FALSE(fills.empty());
  EXPECT_EQ(fills[0].as<Fill>().price_e9, 1'299 * kE9 + kE9 / 4);
  EXPECT_EQ(fills[0].time_ns, kNoonNs + 1);
}

// An order that a timer decides on in the silence between two ticks arrives, fills and is answered in that silence.
TEST(SimulatedDriver, an_order_of_a_timer_is_answered_before_the_next_tick) {
  Settings settings = test::trading_settings();
  settings.risk["default"].max_orders_per_second = 1;  // so that the command's own try is refused
  const std::vector<Event> ticks = {quote_at(kNoonNs + 100 * kMilliNs, 1'300),
                                    quote_at(kNoonNs + 200 * kMilliNs, 1'299),
                                    quote_at(kNoonNs + 300 * kMilliNs, 1'299), quote_at(kNoonNs + 4 * kSecondNs, 1'200),
                                    quote_at(kNoonNs + 5 * kSecondNs, 1'200)};
  const auto instruments = test::table_of({"XAUUSD"});
  DecisionPipeline pipeline(settings, instruments, {});
  pipeline.enable(0);
  FillModel venue(fill_model_settings(settings.venue), 1);
  test::EventList source(ticks);
  test::KeepingSink sink;
  NoProbe probe;
  SimulatedDriver driver(source, pipeline, venue, sink, probe, {});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(driver.step());
  ASSERT_EQ(pipeline.holding(0).quantity_e9(), 10 * kE9);
  Event flatten = Event::make(driver.last_ns(), kNoInstrument, Command{1, CommandKind::flatten, 0, 0, {}});
  driver.take(flatten);
  EXPECT_EQ(of_type(sink.events, EventType::reject).back().as<Reject>().rule,
            static_cast<std::uint16_t>(RiskRule::throttle));
  ASSERT_TRUE(driver.step());
  const auto fills = of_type(sink.events, EventType::fill);
  ASSERT_EQ(fills.size(), 2u);
  EXPECT_EQ(fills[1].time_ns, kNoonNs + 2 * kSecondNs + kMilliNs)
      << "one second after the first order, and two latencies";
  EXPECT_EQ(fills[1].as<Fill>().price_e9, 1'299 * kE9);
  EXPECT_EQ(pipeline.holding(0).quantity_e9(), 0);
  EXPECT_EQ(pipeline.unknown_fills(), 0u);
  ASSERT_TRUE(driver.step());
  driver.finish();
  EXPECT_EQ(of_type(sink.events, EventType::fill).size(), 2u);
}

TEST(SimulatedDriver, positions_equal_an_account_kept_from_the_fills_alone) {
  struct Account {
    i128 quantity = 0;
    i128 cash = 0;
  };
  std::map<InstrumentId, Account> accounts;
  std::size_t positions = 0;
  const auto events = run(test::random_ticks(3, 50'000, 2));
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].type == EventType::fill) {
      ASSERT_EQ(events[i + 1].type, EventType::position) << "each fill is answered by the position it leads to";
      const auto fill = events[i].as<Fill>();
      Account& account = accounts[events[i].instrument];
      const i128 direction = fill.side == Side::buy ? 1 : -1;
      account.quantity += direction * fill.quantity_e9;
      account.cash -= direction * fill.price_e9 * fill.quantity_e9 + static_cast<i128>(fill.commission_e9) * kE9;
    }
    if (events[i].type == EventType::position) {
      const auto position = events[i].as<Position>();
      const Account& account = accounts[events[i].instrument];
      ASSERT_EQ(position.quantity_e9, account.quantity);
      ASSERT_EQ(
          from_words(position.realised_low, position.realised_high) - from_words(position.cost_low, position.cost_high),
          account.cash);
      ++positions;
    }
  }
  EXPECT_GT(positions, 1'000u);
  EXPECT_EQ(positions, of_type(events, EventType::intent).size()) << "every order filled";
}

}  // namespace
}  // namespace thintail
