// SPDX-License-Identifier: Apache-2.0
// CoreModel: what the gateway makes of events, without a core.
#include "tools/gateway/core_model.hpp"

#include <gtest/gtest.h>

#include "strategies/signal/signal_rule.hpp"
#include "tools/gateway/json_views.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'398'988'800 * kSecond;  // 2014-05-02 00:00 UTC

class ModelTest : public ::testing::Test {
 protected:
  ModelTest() {
    take(Event::make(kStart, kNoInstrument, Session{SessionState::started, 0, 1, 0, {}}, kFlagSimulated));
    model_.add_instrument(0, "XAUUSD@oanda", 3, 1'000'000, CalendarId::gold);
    model_.add_instrument(1, "EURUSD@fxcm", 5, 10'000, CalendarId::fx);
    model_.add_instrument(2, "EURUSD@oanda", 5, 10'000, CalendarId::fx);
  }
  void take(const Event& made) {
    Event event = made;
    event.sequence = ++sequence_;
    model_.take(event);
  }
  void tick(std::int64_t time_ns, std::int64_t bid, std::int64_t ask, std::uint32_t id = 0) {
    take(Event::make(time_ns, id, Tick{bid * kE9, ask * kE9, 0, 0, time_ns, sequence_ + 100}));
  }
  void fill(std::int64_t time_ns, Side side, std::int64_t price, std::int64_t quantity, std::int64_t commission_e9) {
    ASSERT_TRUE(holding_.fill(side, price * kE9, quantity * kE9, commission_e9));
    take(Event::make(time_ns, 0, Fill{++orders_, price * kE9, quantity * kE9, commission_e9, side, 1, 1, 1}));
    take(Event::make(time_ns, 0, holding_.to_payload(), kFlagOutput));
  }
  const InstrumentModel& gold() const { return model_.instruments[0]; }

  CoreModel model_;
  Holding holding_;
  std::uint64_t sequence_ = 0;
  std::uint64_t orders_ = 0;
};

TEST_F(ModelTest, a_quote_tells_the_event_that_it_is_from) {
  tick(kStart, 1284, 1285);
  std::string text;
  append_quote(text, gold(), gold().tick, true);
  const auto quote = nlohmann::json::parse(text);
  EXPECT_EQ(quote["bid"], "1284.000");
  EXPECT_EQ(quote["ask"], "1285.000");
  EXPECT_EQ(quote["mid"], "1284.5000");
  EXPECT_EQ(quote["spread"], "1.000");
  EXPECT_EQ(quote["sequence"], std::to_string(sequence_));
  EXPECT_EQ(quote["source_sequence"], std::to_string(sequence_ - 1 + 100));
  EXPECT_EQ(quote["time_ns"], std::to_string(kStart));
}

TEST_F(ModelTest, spellings_of_a_symbol_mean_one_instrument) {
  for (const char* spelling : {"XAUUSD", "xauusd", "XAU_USD", "xau/usd", "XAUUSD.pro", "XAUUSDm", "XAUUSD@oanda"}) {
    EXPECT_EQ(model_.find(spelling), std::vector<std::uint32_t>{0}) << spelling;
  }
  EXPECT_EQ(model_.find("EURUSD").size(), 2u) << "of two venues";
  EXPECT_EQ(model_.find("EURUSD@fxcm"), std::vector<std::uint32_t>{1});
  for (const char* none : {"GBPUSD", "../etc/passwd", "", "XAUUSD@", "X AUUSD", "XAUUSD%00", "XAUUSD@nowhere"}) {
    EXPECT_TRUE(model_.find(none).empty()) << none;
  }
  model_.symbol_map["GOLD"] = "XAUUSD";
  EXPECT_EQ(model_.find("gold"), std::vector<std::uint32_t>{0});
}

TEST_F(ModelTest, timeframes_have_three_spellings) {
  EXPECT_EQ(timeframe_from_text("M1"), BarPeriod::m1);
  EXPECT_EQ(timeframe_from_text("1m"), BarPeriod::m1);
  EXPECT_EQ(timeframe_from_text("1"), BarPeriod::m1);
  EXPECT_EQ(timeframe_from_text("4h"), BarPeriod::h4);
  EXPECT_EQ(timeframe_from_text("240"), BarPeriod::h4);
  EXPECT_EQ(timeframe_from_text("d1"), BarPeriod::d1);
  EXPECT_FALSE(timeframe_from_text("M2").has_value());
  EXPECT_FALSE(timeframe_from_text("").has_value());
}

TEST_F(ModelTest, a_round_trip_knows_its_worst_and_best_moment) {
  tick(kStart, 100, 101);
  fill(kStart + 1, Side::buy, 101, 10, kE9);
  tick(kStart + 2, 97, 98);
  tick(kStart + 3, 108, 109);
  fill(kStart + 4, Side::sell, 105, 10, kE9);
  ASSERT_EQ(model_.trades.size(), 1u);
  const TradeRow& trade = model_.trades.front();
  EXPECT_FALSE(gold().trade.has_value());
  EXPECT_EQ(trade.side, Side::buy);
  EXPECT_EQ(format_money_e18(trade.worst_e18), "-40.00");  // 97 - 101, ten times
  EXPECT_EQ(format_money_e18(trade.best_e18), "70.00");
  EXPECT_EQ(format_money_e18(trade.pnl_e18(0)), "38.00");  // 40 less two commissions
  const Json shown = trade_json(model_, trade);
  EXPECT_EQ(shown["entry"], "101.000");
  EXPECT_EQ(shown["exit"], "105.000");
  EXPECT_EQ(shown["open"], false);
  EXPECT_EQ(shown["currency"], "USD");
}

TEST_F(ModelTest, a_reversal_closes_one_trade_and_opens_the_next) {
  tick(kStart, 100, 101);
  fill(kStart + 1, Side::buy, 101, 10, kE9);
  fill(kStart + 2, Side::sell, 103, 25, 5 * kE9);
  ASSERT_EQ(model_.trades.size(), 1u);
  EXPECT_EQ(model_.trades.front().commission_e9, 3 * kE9) << "its own, and two fifths of the reversal's";
  ASSERT_TRUE(gold().trade.has_value());
  EXPECT_EQ(gold().trade->side, Side::sell);
  EXPECT_EQ(gold().trade->held_e9(), 15 * kE9);
  EXPECT_EQ(gold().trade->commission_e9, 3 * kE9);
  EXPECT_EQ(gold().holding.quantity_e9(), -15 * kE9);
}

TEST_F(ModelTest, what_was_held_before_is_taken_from_the_position) {
  ASSERT_TRUE(holding_.fill(Side::sell, 200 * kE9, 4 * kE9, 0));
  take(Event::make(kStart, 0, holding_.to_payload(), kFlagOutput));
  ASSERT_TRUE(gold().trade.has_value());
  EXPECT_EQ(gold().trade->side, Side::sell);
  tick(kStart + 1, 189, 190);
  EXPECT_EQ(format_money_e18(gold().unrealised_e18()), "40.00");
  fill(kStart + 2, Side::buy, 190, 4, 0);
  ASSERT_EQ(model_.trades.size(), 1u);
  EXPECT_EQ(format_money_e18(model_.trades.front().pnl_e18(0)), "40.00");
}

TEST_F(ModelTest, a_signal_tells_what_became_of_it) {
  tick(kStart, 100, 101);
  take(Event::make(kStart, 0, Signal{sequence_, 10 * kE9, 0, 0.5f, 0.2f, 2, 1, 0}, kFlagOutput));
  take(Event::make(kStart, 0, Intent{77, sequence_ - 1, 101 * kE9, 10 * kE9, Side::buy, OrderKind::market, 2, 0},
                   kFlagOutput));
  ASSERT_EQ(model_.signals.size(), 1u);
  const Json sent = signal_json(model_, model_.signals.back());
  EXPECT_EQ(sent["outcome"], "intent");
  EXPECT_EQ(sent["client_order_id"], "77");
  EXPECT_EQ(sent["reason"], "enter");
  EXPECT_EQ(sent["score"].dump(), "0.5");
  take(Event::make(kStart + 1, 0, Signal{sequence_, -10 * kE9, 0, -0.5f, 0.2f, 2, 3, 0}, kFlagOutput));
  take(Event::make(
      kStart + 1, 0,
      Reject{sequence_ - 1, 20 * kE9, 30 * kE9, -10 * kE9, static_cast<std::uint16_t>(RiskRule::max_position), 2, 0},
      kFlagOutput));
  const Json refused = signal_json(model_, model_.signals.back());
  EXPECT_EQ(refused["outcome"], "rejected");
  EXPECT_EQ(refused["veto"]["rule"], "max_position");
  EXPECT_EQ(refused["veto"]["limit"], "20");
  EXPECT_EQ(refused["veto"]["unit"], "base");
  EXPECT_EQ(refused["side"], "sell");
}

TEST_F(ModelTest, orders_follow_reports_and_fills) {
  tick(kStart, 100, 101);
  take(Event::make(kStart, 0, Intent{1, 1, 101 * kE9, 10 * kE9, Side::buy, OrderKind::market, 1, 0}, kFlagOutput));
  EXPECT_EQ(order_json(model_, *model_.order(1))["state"], "sent");
  take(Event::make(kStart, 0, Report{1, 0, 10 * kE9, kStart, OrderState::accepted, 0, 0}));
  EXPECT_EQ(order_json(model_, *model_.order(1))["state"], "accepted");
  take(Event::make(kStart, 0, Fill{1, 102 * kE9, 4 * kE9, 0, Side::buy, 0, 1, 1}));
  EXPECT_EQ(order_json(model_, *model_.order(1))["state"], "partial");
  take(Event::make(kStart, 0, Fill{1, 103 * kE9, 6 * kE9, 0, Side::buy, 1, 1, 2}));
  const Json order = order_json(model_, *model_.order(1));
  EXPECT_EQ(order["state"], "filled");
  EXPECT_EQ(order["average_price"], "102.600");
  EXPECT_EQ(fill_json(model_, model_.fills.back())["slippage"], "2.000") << "a buy above its touch is worse";
}

TEST_F(ModelTest, a_prediction_is_judged_when_its_horizon_has_passed) {
  Sha256Digest digest{};
  digest[0] = 7;
  take(Event::make(kStart, kNoInstrument, Model{0, ModelStage::live, 1, digest}));
  ModelFacts facts;
  facts.horizon_ns = 60 * kSecond;
  model_.learn(digest, std::make_shared<const ModelFacts>(facts));
  tick(kStart, 99, 101);
  take(Event::make(kStart, 0, Prediction{sequence_, 0, 1.5f, 0.2f, 32, 0, PredictionState::valid, 0}, kFlagOutput));
  tick(kStart + 59 * kSecond, 100, 102);
  EXPECT_EQ(prediction_json(model_, gold(), gold().predictions.front())["outcome"], "pending");
  tick(kStart + 60 * kSecond, 100, 102);
  const Json judged = prediction_json(model_, gold(), gold().predictions.front());
  EXPECT_EQ(judged["outcome"], "right");
  EXPECT_NEAR(judged["realised"].get<double>(), 100.0, 1e-9);
  ASSERT_EQ(model_.models.size(), 1u);
  EXPECT_EQ(model_.models.front().judged.right, 1u);
}

TEST_F(ModelTest, an_overtaking_leaves_a_gap_that_coverage_can_tell) {
  tick(kStart, 99, 101);
  model_.miss(1'000);
  tick(kStart + 5 * kSecond, 99, 101);
  ASSERT_EQ(model_.gaps.size(), 1u);
  EXPECT_EQ(model_.gaps.front(), std::pair(kStart, kStart + 5 * kSecond));
  EXPECT_EQ(model_.missed, 1'000u);
}

TEST_F(ModelTest, ticks_that_never_reached_the_engine_are_a_gap_too) {
  tick(kStart + kSecond, 99, 101);
  take(Event::make(kStart + 3 * kSecond, kNoInstrument, Gap{100, 0, {}}));
  model_.miss(5);
  tick(kStart + 4 * kSecond, 99, 101);
  tick(kStart + 5 * kSecond, 99, 101);
  ASSERT_EQ(model_.gaps.size(), 1u) << "the second began before the first had ended";
  EXPECT_EQ(model_.gaps.front(), std::pair(kStart + kSecond, kStart + 4 * kSecond));
}

TEST_F(ModelTest, a_live_core_whose_clock_went_back_keeps_what_it_did) {
  take(Event::make(kStart + kSecond, kNoInstrument, Timer{}));  // not simulated: it is live
  tick(kStart + 3'600 * kSecond, 99, 101);
  fill(kStart + 3'600 * kSecond, Side::buy, 101, 1, 0);
  take(Event::make(kStart + 60 * kSecond, kNoInstrument, Session{SessionState::started, 0, 2, 0, {}}));
  EXPECT_EQ(model_.loops, 0u);
  EXPECT_EQ(model_.fills.size(), 1u);
  EXPECT_TRUE(gold().has_quote);
}

TEST_F(ModelTest, a_core_whose_numbers_begin_again_leaves_no_rows_of_the_numbers_before) {
  for (int i = 0; i < 50; ++i) tick(kStart + i, 99, 101);
  fill(kStart + 60, Side::buy, 101, 1, 0);
  take(Event::make(kStart + 61, kNoInstrument, Command{7, CommandKind::pause, 0, 0, {}}));
  model_.begin_anew();
  model_.begin_epoch(2);
  sequence_ = 0;
  take(Event::make(kStart + 70, kNoInstrument, Session{SessionState::started, 0, 2, 0, {}}, kFlagSimulated));
  model_.add_instrument(0, "XAUUSD@oanda", 3, 1'000'000, CalendarId::gold);
  tick(kStart + 80, 99, 101);
  EXPECT_EQ(model_.sequence, 2u);
  EXPECT_EQ(model_.first_sequence, 1u);
  ASSERT_EQ(gold().ticks.size(), 1u);
  EXPECT_EQ(gold().ticks.front().sequence, 2u);
  EXPECT_TRUE(model_.fills.empty() && model_.commands.empty());
  for (const LogRow& row : model_.log) EXPECT_LE(row.sequence, model_.sequence);
}

TEST_F(ModelTest, a_bar_is_closed_once_both_of_its_sides_were_told) {
  tick(kStart + kSecond, 100, 102);
  const auto end_s = static_cast<std::uint32_t>(kStart / kSecond + 60);
  const auto told = [&](QuoteSide side, std::int64_t price) {
    price *= kE9;
    take(Event::make(kStart + 60 * kSecond, 0, Bar{price, price, price, price, end_s, Bar::pack(1, 0, side)}));
  };
  told(QuoteSide::bid, 100);
  EXPECT_TRUE(gold().bars[0].empty());
  const auto forming = forming_bar(gold(), BarPeriod::m1);
  ASSERT_TRUE(forming.has_value()) << "until then it is the forming one";
  EXPECT_EQ(forming->ask.close_e9, 102 * kE9);
  told(QuoteSide::ask, 102);
  ASSERT_EQ(gold().bars[0].size(), 1u);
  EXPECT_EQ(gold().bars[0].back().bid.close_e9, 100 * kE9);
  EXPECT_EQ(gold().bars[0].back().ask.close_e9, 102 * kE9);
  EXPECT_FALSE(forming_bar(gold(), BarPeriod::m1).has_value());
  told(QuoteSide::ask, 103);
  EXPECT_EQ(gold().bars[0].back().ask.close_e9, 102 * kE9) << "closed bars never change";
}

TEST_F(ModelTest, a_trade_tells_the_reason_of_its_own_signal) {
  const auto signal = [&](std::uint32_t id, SignalReason reason) {
    const std::uint64_t cause = sequence_;
    take(Event::make(kStart, id, Signal{cause, 0, 0, 0.5f, 0.2f, 2, static_cast<std::uint16_t>(reason), 0},
                     kFlagOutput));
    return cause;
  };
  tick(kStart, 100, 101);
  fill(kStart, Side::buy, 101, 10, 0);
  tick(kStart, 100, 101);
  const std::uint64_t cause = signal(0, SignalReason::exit);
  take(Event::make(kStart, 0, Intent{2, cause, 100 * kE9, 10 * kE9, Side::sell, OrderKind::market, 1, 0}, kFlagOutput));
  tick(kStart, 100, 101, 1);
  signal(1, SignalReason::enter);
  fill(kStart + 1, Side::sell, 100, 10, 0);
  ASSERT_EQ(model_.trades.size(), 1u);
  EXPECT_EQ(model_.trades.front().reason, static_cast<std::uint16_t>(SignalReason::exit));
}

TEST_F(ModelTest, a_prediction_of_two_hours_is_kept_until_it_is_judged) {
  Sha256Digest digest{};
  digest[0] = 7;
  take(Event::make(kStart, kNoInstrument, Model{0, ModelStage::live, 1, digest}));
  ModelFacts facts;
  facts.horizon_ns = 7'200 * kSecond;
  model_.learn(digest, std::make_shared<const ModelFacts>(facts));
  for (int second = 0; second <= 7'210; ++second) {
    tick(kStart + second * kSecond, 100 + second, 102 + second);
    take(Event::make(kStart + second * kSecond, 0,
                     Prediction{sequence_, 0, 1.5f, 0.2f, 32, 0, PredictionState::valid, 0}, kFlagOutput));
  }
  EXPECT_EQ(model_.models.front().judged.judged, 11u);
  EXPECT_EQ(prediction_json(model_, gold(), gold().predictions.front())["outcome"], "right");
}

TEST_F(ModelTest, a_replay_that_begins_again_forgets_what_came_later) {
  tick(kStart + 3'600 * kSecond, 99, 101);
  fill(kStart + 3'600 * kSecond, Side::buy, 101, 1, 0);
  take(Event::make(kStart, kNoInstrument, Session{SessionState::started, 0, 2, 0, {}}, kFlagSimulated));
  EXPECT_EQ(model_.loops, 1u);
  EXPECT_EQ(model_.epoch, 2u);
  EXPECT_TRUE(model_.fills.empty());
  EXPECT_FALSE(model_.instruments[0].has_quote);
  EXPECT_EQ(model_.instruments[0].name, "XAUUSD@oanda");
}

TEST_F(ModelTest, a_dead_core_does_not_come_back_in_its_old_epoch) {
  const auto seen = [this](CoreState state) {
    CoreSample sample;
    sample.epoch = model_.epoch;
    sample.state = state;
    sample.heartbeat_ns = sample.sampled_ns = wall_now_ns();
    model_.take_sample(std::move(sample));
    return model_.standing(wall_now_ns());
  };
  EXPECT_EQ(seen(CoreState::running), CoreStanding::running);
  EXPECT_EQ(seen(CoreState::dead), CoreStanding::dead);
  EXPECT_EQ(seen(CoreState::running), CoreStanding::dead) << "the next core's lock is held before its segment is there";
  model_.begin_epoch(model_.epoch + 1);
  EXPECT_EQ(seen(CoreState::running), CoreStanding::running);
}

TEST_F(ModelTest, a_clock_that_is_set_makes_no_core_silent) {
  const auto look = [this](std::int64_t heartbeat_ns, std::int64_t our_ns) {
    CoreSample sample;
    sample.epoch = model_.epoch;
    sample.state = CoreState::running;
    sample.heartbeat_ns = heartbeat_ns;
    sample.sampled_ns = our_ns;
    model_.take_sample(std::move(sample));
    return model_.standing(our_ns);
  };
  EXPECT_EQ(look(kStart, kStart), CoreStanding::running);
  // Ours goes an hour ahead; the core's goes on as it was anchored.
  EXPECT_EQ(look(kStart + kSecond, kStart + 3'601 * kSecond), CoreStanding::running);
  EXPECT_EQ(look(kStart + kSecond, kStart + 3'604 * kSecond), CoreStanding::silent) << "it stands still";
}

TEST_F(ModelTest, names_come_from_the_events_where_no_table_is) {
  const std::string text = "US30.cash@cfd IDX USD";
  InstrumentRow row{};
  row.tick_size_e9 = kE9 / 10;
  row.name_bytes = static_cast<std::uint32_t>(text.size());
  row.digits = 1;
  take(Event::make(kStart, 9, row, kFlagContinued));
  Continuation part{};
  std::copy(text.begin(), text.end(), part.text.begin());
  take(Event::make(kStart, 9, part));
  tick(kStart, 39'000, 39'001, 9);
  const auto found = model_.find("us30.cash");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(model_.instruments[found.front()].base, "IDX");
  EXPECT_EQ(model_.instruments[found.front()].quote, "USD");
  EXPECT_TRUE(model_.instruments[found.front()].has_quote);
}

TEST_F(ModelTest, cells_of_a_table_are_no_formulas) {
  model_.add_instrument(5, "+EVIL@cfd", 2, kE9, CalendarId::always);
  TradeRow trade;
  trade.instrument = static_cast<std::uint32_t>(model_.find("+EVIL").front());
  trade.side = Side::buy;
  trade.entered_e9 = trade.left_e9 = trade.quantity_max_e9 = kE9;
  trade.entry_e18 = i128{5} * kE9 * kE9;
  trade.open_ns = 1;
  trade.close_ns = 2;
  const std::string csv = trades_csv(model_, {trade});
  EXPECT_NE(csv.find("'+EVIL@cfd"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",-5.00,"), std::string::npos) << "a negative number is one: " << csv;
}

}  // namespace
}  // namespace thintail::gateway
