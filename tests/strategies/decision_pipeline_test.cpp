// SPDX-License-Identifier: Apache-2.0
#include "strategies/pipeline/decision_pipeline.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string_view>

#include "core/event/describe.hpp"
#include "tests/support/pipeline_desk.hpp"

namespace thintail {
namespace {

using test::kMilliNs;
using test::kMinuteNs;
using test::kNoonNs;
using test::kSecondNs;
using test::of_type;
using test::PipelineDesk;
using test::trading_settings;

constexpr std::int64_t kQuantityE9 = 10 * kE9;  // what trading_settings() takes of gold

Settings eager_settings() {
  Settings settings = trading_settings();
  settings.strategy.cooldown_ms = 0;
  settings.risk["default"].max_orders_per_second = 1'000'000;
  return settings;
}

Event only(const std::vector<Event>& events, EventType type) {
  const auto found = of_type(events, type);
  EXPECT_EQ(found.size(), 1u) << event_type_name(type);
  return found.empty() ? Event{} : found[0];
}

// The mid falls, so the strategy buys.
Event bought(PipelineDesk& desk, std::int64_t time_ns = kNoonNs) {
  desk.quote(time_ns, 1'300);
  return only(desk.quote(time_ns + kMilliNs, 1'299), EventType::intent);
}

RiskRule only_reject(const std::vector<Event>& outputs) {
  return static_cast<RiskRule>(only(outputs, EventType::reject).as<Reject>().rule);
}

TEST(DecisionPipeline, fades_the_last_move_at_the_touch) {
  PipelineDesk desk(trading_settings());
  EXPECT_TRUE(desk.quote(kNoonNs, 1'300).empty()) << "one quote is no move";
  const auto outputs = desk.quote(kNoonNs + 1, 1'301);
  ASSERT_EQ(outputs.size(), 2u);
  const auto signal = outputs[0].as<Signal>();
  EXPECT_EQ(signal.cause, 2u);
  EXPECT_EQ(signal.target_e9, -kQuantityE9);
  EXPECT_EQ(signal.position_e9, 0);
  EXPECT_EQ(signal.reason, static_cast<std::uint16_t>(SignalReason::fade));
  EXPECT_LT(signal.score, 0.0f);
  const auto intent = outputs[1].as<Intent>();
  EXPECT_EQ(intent.side, Side::sell);
  EXPECT_EQ(intent.price_e9, 1'301 * kE9);
  EXPECT_EQ(intent.quantity_e9, kQuantityE9);
  EXPECT_EQ(intent.cause, 2u);
  for (const Event& output : outputs) {
    EXPECT_TRUE(output.is_output());
    EXPECT_EQ(output.time_ns, kNoonNs + 1) << "an output carries its cause's time";
  }
}

TEST(DecisionPipeline, order_ids_are_the_epoch_and_a_counter) {
  PipelineDesk desk(eager_settings(), test::table_of({"XAUUSD"}), 0xffff'fff7);
  for (std::uint64_t n = 1; n <= 5; ++n) {
    const auto outputs = desk.quote(kNoonNs + static_cast<std::int64_t>(n), n % 2 == 0 ? 1'300 : 1'301);
    if (n == 1) continue;
    EXPECT_EQ(only(outputs, EventType::intent).as<Intent>().client_order_id,
              std::uint64_t{0xffff'fff7} << 32 | (n - 1));
  }
}

TEST(DecisionPipeline, working_orders_count_as_held) {
  PipelineDesk desk(eager_settings());
  bought(desk);
  EXPECT_EQ(desk.pipeline.holding(0).quantity_e9(), 0);
  EXPECT_TRUE(desk.quote(kNoonNs + 2 * kMilliNs, 1'298).empty()) << "what it wants is on its way";
  const auto outputs = desk.quote(kNoonNs + 3 * kMilliNs, 1'299);
  EXPECT_EQ(only(outputs, EventType::signal).as<Signal>().position_e9, kQuantityE9);
  EXPECT_EQ(only(outputs, EventType::intent).as<Intent>().quantity_e9, 2 * kQuantityE9);
}

TEST(DecisionPipeline, a_fill_moves_an_order_from_working_to_held) {
  PipelineDesk desk(eager_settings());
  const Event intent = bought(desk);
  const auto outputs = desk.fill(intent);
  const auto position = only(outputs, EventType::position).as<Position>();
  EXPECT_EQ(position.quantity_e9, kQuantityE9);
  EXPECT_EQ(from_words(position.cost_low, position.cost_high),
            static_cast<i128>(intent.as<Intent>().price_e9) * kQuantityE9);
  EXPECT_TRUE(desk.quote(kNoonNs + 5 * kMilliNs, 1'298).empty()) << "held once, not held and working";
}

TEST(DecisionPipeline, a_partial_fill_leaves_the_rest_working) {
  PipelineDesk desk(eager_settings());
  const auto order = bought(desk).as<Intent>();
  const auto part = [&](std::int64_t quantity_e9, bool last) {
    return desk.take(Event::make(desk.engine.last_ns(), 0,
                                 Fill{order.client_order_id, order.price_e9, quantity_e9, 0, Side::buy, last, 1, 1}));
  };
  EXPECT_EQ(part(4 * kE9, false).size(), 1u);
  auto signal = only(desk.quote(kNoonNs + 5 * kMilliNs, 1'300), EventType::signal).as<Signal>();
  EXPECT_EQ(signal.position_e9, kQuantityE9) << "4 held and 6 working";
  EXPECT_EQ(part(1 * kE9, true).size(), 1u);
  // The venue says that was the last of it: 5 held, nothing works of the purchase, 20 works of the sale.
  signal = only(desk.quote(kNoonNs + 6 * kMilliNs, 1'299), EventType::signal).as<Signal>();
  EXPECT_EQ(signal.position_e9, 5 * kE9 - 2 * kQuantityE9);
  EXPECT_EQ(desk.pipeline.unknown_fills(), 0u);
}

TEST(DecisionPipeline, a_refusal_frees_what_was_working) {
  for (const OrderState state : {OrderState::refused, OrderState::cancelled, OrderState::expired}) {
    PipelineDesk desk(eager_settings());
    const auto order = bought(desk).as<Intent>();
    const auto report = [&](OrderState what) {
      return desk.take(
          Event::make(desk.engine.last_ns(), 0, Report{order.client_order_id, 0, order.quantity_e9, 0, what, 0, 0}));
    };
    EXPECT_TRUE(report(OrderState::accepted).empty());
    EXPECT_TRUE(desk.quote(kNoonNs + 5 * kMilliNs, 1'298).empty()) << "an accepted order still works";
    EXPECT_TRUE(report(state).empty());
    EXPECT_EQ(only(desk.quote(kNoonNs + 6 * kMilliNs, 1'297), EventType::signal).as<Signal>().position_e9, 0);
    EXPECT_EQ(desk.pipeline.unknown_fills(), 0u);
    report(state);
    EXPECT_EQ(desk.pipeline.unknown_fills(), 1u) << "answered already";
  }
}

TEST(DecisionPipeline, fills_of_no_order_in_flight_are_counted_and_left_alone) {
  PipelineDesk desk(eager_settings(), test::table_of({"XAUUSD", "EURUSD"}), 5);
  const Event intent = bought(desk);
  const auto order = intent.as<Intent>();
  std::uint64_t unknown = 0;
  const auto expect_unknown = [&](const Fill& fill, InstrumentId id) {
    EXPECT_TRUE(desk.take(Event::make(desk.engine.last_ns(), id, fill)).empty());
    EXPECT_EQ(desk.pipeline.unknown_fills(), ++unknown);
    EXPECT_EQ(desk.pipeline.holding(0).quantity_e9(), 0);
  };
  const Fill good{order.client_order_id, order.price_e9, order.quantity_e9, 0, Side::buy, 1, 1, 1};
  Fill bad = good;
  bad.client_order_id = 0;
  expect_unknown(bad, 0);
  bad.client_order_id = good.client_order_id + 1;
  expect_unknown(bad, 0);
  bad.client_order_id = good.client_order_id + 4096;  // the same slot
  expect_unknown(bad, 0);
  bad.client_order_id = good.client_order_id - (std::uint64_t{1} << 32);  // of the epoch before
  expect_unknown(bad, 0);
  bad.client_order_id = std::numeric_limits<std::uint64_t>::max();
  expect_unknown(bad, 0);
  expect_unknown(good, 1);
  expect_unknown(good, 2);  // an instrument that nobody enabled
  expect_unknown(good, kNoInstrument);
  for (const std::int64_t quantity_e9 : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    bad = good;
    bad.quantity_e9 = quantity_e9;
    expect_unknown(bad, 0);
  }
  bad = good;
  bad.side = Side::sell;
  expect_unknown(bad, 0);
  bad = good;
  bad.price_e9 = 0;
  expect_unknown(bad, 0);

  EXPECT_EQ(desk.fill(intent).size(), 1u) << "the order was still in flight";
  EXPECT_TRUE(desk.fill(intent).empty()) << "and is answered once";
  EXPECT_EQ(desk.pipeline.unknown_fills(), ++unknown);
  EXPECT_EQ(desk.pipeline.holding(0).quantity_e9(), kQuantityE9);
}

TEST(DecisionPipeline, the_cooldown_is_exact) {
  Settings settings = eager_settings();
  settings.strategy.cooldown_ms = 1'000;
  PipelineDesk desk(settings);
  bought(desk);
  const std::int64_t changed_ns = kNoonNs + kMilliNs;
  EXPECT_TRUE(desk.quote(changed_ns + kSecondNs - 1, 1'300).empty());
  EXPECT_EQ(desk.quote(changed_ns + kSecondNs, 1'301).size(), 2u);
}

TEST(DecisionPipeline, what_has_no_quantity_is_not_traded) {
  Settings settings = eager_settings();
  settings.strategy.quantity.clear();
  PipelineDesk desk(settings);
  desk.quote(kNoonNs, 1'300);
  EXPECT_TRUE(desk.quote(kNoonNs + 1, 1'299).empty());
}

TEST(DecisionPipeline, without_limits_every_order_is_rejected) {
  Settings settings = eager_settings();
  settings.risk.clear();
  PipelineDesk desk(settings);
  desk.quote(kNoonNs, 1'300);
  const auto reject = only(desk.quote(kNoonNs + 1, 1'299), EventType::reject).as<Reject>();
  EXPECT_EQ(reject.rule, static_cast<std::uint16_t>(RiskRule::no_limit));
  EXPECT_EQ(reject.quantity_e9, kQuantityE9);
  EXPECT_EQ(reject.cause, 2u);
}

TEST(DecisionPipeline, a_target_that_no_i64_can_order_is_rejected) {
  Settings settings = eager_settings();
  settings.strategy.quantity["XAUUSD"] = Quantity{std::numeric_limits<std::int64_t>::max()};
  settings.risk["default"].max_order_quantity = settings.strategy.quantity["XAUUSD"];
  settings.risk["default"].max_position = settings.strategy.quantity["XAUUSD"];
  PipelineDesk desk(settings);
  desk.quote(kNoonNs, 1'300);
  EXPECT_EQ(only_reject(desk.quote(kNoonNs + 1, 1'299)), RiskRule::lot_step);
  // Even with the largest position of the other side taken over.
  const WideWords cost = to_words(-static_cast<i128>(kE9));
  desk.take(
      Event::make(kNoonNs + 2, 0, Position{-std::numeric_limits<std::int64_t>::max(), cost.low, cost.high, 0, 0}));
  EXPECT_TRUE(of_type(desk.quote(kNoonNs + 3, 1'298), EventType::intent).empty());
}

TEST(DecisionPipeline, a_position_that_cannot_be_kills) {
  PipelineDesk desk(eager_settings());
  desk.quote(kNoonNs, 1'300);
  desk.take(Event::make(kNoonNs, 0, Position{std::numeric_limits<std::int64_t>::min(), 0, 0, 0, 0}));
  EXPECT_EQ(only_reject(desk.quote(kNoonNs + 1, 1'299)), RiskRule::kill_latched);
}

TEST(DecisionPipeline, a_hostile_quote_makes_no_intent) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t bid_e9 : {kMin, -kE9, std::int64_t{0}}) {
    for (const std::int64_t ask_e9 : {kMin, std::int64_t{0}, 1'300 * kE9, kMax}) {
      PipelineDesk desk(eager_settings());
      desk.quote(kNoonNs, 1'300);
      EXPECT_TRUE(of_type(desk.tick(kNoonNs + 1, bid_e9, ask_e9), EventType::intent).empty())
          << bid_e9 << ' ' << ask_e9;
      EXPECT_TRUE(of_type(desk.tick(kNoonNs + 2, ask_e9, bid_e9), EventType::intent).empty())
          << ask_e9 << ' ' << bid_e9;
    }
  }
}

TEST(DecisionPipeline, ticks_of_instruments_that_nobody_enabled_are_passed_over) {
  PipelineDesk desk(eager_settings());
  for (const InstrumentId id : {1u, 15u, 16u, kNoInstrument}) EXPECT_TRUE(desk.quote(kNoonNs, 1'300, id).empty());
}

TEST(DecisionPipeline, pause_refuses_new_risk_and_resume_takes_it_again) {
  PipelineDesk desk(eager_settings());
  desk.quote(kNoonNs, 1'300);
  EXPECT_TRUE(desk.command(CommandKind::pause).empty());
  EXPECT_EQ(only_reject(desk.quote(kNoonNs + 1, 1'299)), RiskRule::paused);
  desk.command(CommandKind::resume);
  EXPECT_EQ(of_type(desk.quote(kNoonNs + 2, 1'298), EventType::intent).size(), 1u);
}

TEST(DecisionPipeline, a_lagging_journal_refuses_new_risk_until_it_has_caught_up) {
  PipelineDesk desk(eager_settings());
  desk.quote(kNoonNs, 1'300);
  desk.session(SessionState::journal_lagging);
  EXPECT_EQ(only_reject(desk.quote(kNoonNs + 1, 1'299)), RiskRule::journal_lagging);
  desk.session(SessionState::journal_caught_up);
  EXPECT_EQ(of_type(desk.quote(kNoonNs + 2, 1'298), EventType::intent).size(), 1u);
}

TEST(DecisionPipeline, a_kill_refuses_everything_until_it_is_reset) {
  PipelineDesk desk(eager_settings());
  desk.fill(bought(desk));
  desk.command(CommandKind::kill);
  desk.command(CommandKind::resume);
  EXPECT_EQ(only_reject(desk.quote(kNoonNs + 5 * kMilliNs, 1'300)), RiskRule::kill_latched);
  EXPECT_EQ(only_reject(desk.command(CommandKind::flatten)), RiskRule::kill_latched);
  desk.command(CommandKind::resume);
  desk.command(CommandKind::reset_kill);
  EXPECT_EQ(of_type(desk.quote(kNoonNs + 6 * kMilliNs, 1'301), EventType::intent).size(), 1u);
}

TEST(DecisionPipeline, commands_that_mean_nothing_change_nothing) {
  PipelineDesk desk(eager_settings());
  desk.quote(kNoonNs, 1'300);
  EXPECT_TRUE(desk.command(CommandKind::none).empty());
  EXPECT_TRUE(desk.command(static_cast<CommandKind>(999)).empty());
  EXPECT_EQ(of_type(desk.quote(kNoonNs + 1, 1'299), EventType::intent).size(), 1u);
}

TEST(DecisionPipeline, flatten_closes_and_takes_no_new_risk) {
  PipelineDesk desk(eager_settings());
  desk.fill(bought(desk));
  const Event close = only(desk.command(CommandKind::flatten), EventType::intent);
  EXPECT_EQ(close.as<Intent>().side, Side::sell);
  EXPECT_EQ(close.as<Intent>().quantity_e9, kQuantityE9);
  EXPECT_EQ(close.as<Intent>().strategy, static_cast<std::uint16_t>(StrategyId::operator_command));
  desk.fill(close);
  EXPECT_EQ(desk.pipeline.holding(0).quantity_e9(), 0);
  EXPECT_TRUE(desk.timer(kNoonNs + kSecondNs).empty());
  EXPECT_EQ(only_reject(desk.quote(kNoonNs + kSecondNs, 1'298)), RiskRule::paused);
}

TEST(DecisionPipeline, flatten_waits_for_an_order_in_flight_and_closes_what_it_brought) {
  PipelineDesk desk(eager_settings());
  const Event intent = bought(desk);
  EXPECT_TRUE(desk.command(CommandKind::flatten).empty()) << "nothing is held yet";
  desk.fill(intent);
  const Event close = only(desk.timer(kNoonNs + kSecondNs), EventType::intent);
  EXPECT_EQ(close.as<Intent>().quantity_e9, kQuantityE9);
  EXPECT_TRUE(desk.timer(kNoonNs + 2 * kSecondNs).empty()) << "its own order is in flight";
  desk.fill(close);
  EXPECT_EQ(desk.pipeline.holding(0).quantity_e9(), 0);
}

TEST(DecisionPipeline, flatten_goes_on_until_a_fresh_quote_lets_it) {
  Settings settings = eager_settings();
  settings.strategy.quantity.clear();
  PipelineDesk desk(settings);
  const WideWords cost = to_words(static_cast<i128>(1'300) * kE9 * 25 * kE9);
  desk.quote(kNoonNs, 1'300);
  desk.take(Event::make(kNoonNs, 0, Position{25 * kE9, cost.low, cost.high, 0, 0}));
  desk.timer(kNoonNs + 10 * kSecondNs);
  EXPECT_EQ(only_reject(desk.command(CommandKind::flatten)), RiskRule::stale_quote);
  EXPECT_EQ(only_reject(desk.timer(kNoonNs + 11 * kSecondNs)), RiskRule::stale_quote);
  desk.quote(kNoonNs + 11 * kSecondNs, 1'300);
  EXPECT_EQ(of_type(desk.timer(kNoonNs + 12 * kSecondNs), EventType::intent).size(), 1u);
}

TEST(DecisionPipeline, flatten_cuts_a_position_into_orders_that_its_limit_lets_pass) {
  Settings settings = eager_settings();
  settings.strategy.quantity.clear();
  settings.risk["default"].max_order_quantity = Quantity{10 * kE9};
  PipelineDesk desk(settings);
  const WideWords cost = to_words(-static_cast<i128>(1'300) * kE9 * 25 * kE9);
  desk.quote(kNoonNs, 1'300);
  desk.take(Event::make(kNoonNs, 0, Position{-25 * kE9, cost.low, cost.high, 0, 0}));
  auto outputs = desk.command(CommandKind::flatten);
  std::vector<std::int64_t> parts;
  for (int second = 1; second < 6; ++second) {
    for (const Event& intent : of_type(outputs, EventType::intent)) {
      EXPECT_EQ(intent.as<Intent>().side, Side::buy);
      parts.push_back(intent.as<Intent>().quantity_e9);
      desk.fill(intent);
    }
    outputs = desk.timer(kNoonNs + second * kSecondNs);
  }
  EXPECT_EQ(parts, (std::vector<std::int64_t>{10 * kE9, 10 * kE9, 5 * kE9}));
  EXPECT_EQ(desk.pipeline.holding(0).quantity_e9(), 0);
}

TEST(DecisionPipeline, four_thousand_orders_in_flight_are_the_most) {
  Settings settings = eager_settings();
  settings.risk["default"].max_position = Quantity{1'000'000'000 * kE9};
  PipelineDesk desk(settings);
  std::vector<Event> intents;
  std::int64_t now_ns = kNoonNs;
  desk.quote(now_ns, 1'300);
  for (int n = 0; n < 4'096; ++n) {
    const auto outputs = desk.quote(now_ns += kMilliNs, n % 2 == 0 ? 1'299 : 1'300);
    ASSERT_EQ(of_type(outputs, EventType::intent).size(), 1u) << n;
    intents.push_back(of_type(outputs, EventType::intent)[0]);
  }
  EXPECT_EQ(only_reject(desk.quote(now_ns += kMilliNs, 1'299)), RiskRule::open_orders);
  desk.fill(intents[0]);
  EXPECT_EQ(of_type(desk.quote(now_ns += kMilliNs, 1'298), EventType::intent).size(), 1u);
}

TEST(DecisionPipeline, no_input_makes_more_outputs_than_the_engine_keeps_free) {
  constexpr std::size_t kInstruments = 300;
  Settings settings = eager_settings();
  settings.core.instruments_max = kInstruments;
  PipelineDesk desk(settings, test::many_instruments(kInstruments));
  // 16:59 New York, so that the minute closes a bar of every period, the FX day among them.
  const std::int64_t start_ns = kNoonNs + (8 * 60 + 59) * kMinuteNs;
  for (InstrumentId id = 0; id < kInstruments; ++id) {
    desk.quote(start_ns, 1'300, id);
    const WideWords cost = to_words(static_cast<i128>(1'300) * kE9 * kE9);
    desk.take(Event::make(start_ns, id, Position{kE9, cost.low, cost.high, 0, 0}));
  }
  std::size_t outputs_most = 0;
  std::size_t bars = 0;
  const auto answer = [&](const std::vector<Event>& outputs) {
    outputs_most = std::max(outputs_most, outputs.size());
    bars += of_type(outputs, EventType::bar).size();
    for (const Event& intent : of_type(outputs, EventType::intent)) desk.fill(intent);
  };
  answer(desk.command(CommandKind::flatten));
  for (int second = 1; second < 300; ++second) {
    // Silence until every bar has closed: orders are refused on stale quotes and tried again. Then fresh quotes.
    for (InstrumentId id = 0; second > 220 && id < kInstruments; ++id) {
      desk.quote(start_ns + second * kSecondNs, 1'300, id);
    }
    answer(desk.timer(start_ns + second * kSecondNs));
  }
  EXPECT_LE(outputs_most, DecisionPipeline::kOutputsMax);
  EXPECT_GT(outputs_most, DecisionPipeline::kOutputsMax / 2) << "the test should come near the bound";
  EXPECT_GE(bars, kInstruments * 2 * kBarPeriodCount) << "and in the end every bar closes";
  for (InstrumentId id = 0; id < kInstruments; ++id) ASSERT_EQ(desk.pipeline.holding(id).quantity_e9(), 0) << id;
}

}  // namespace
}  // namespace thintail
