// SPDX-License-Identifier: Apache-2.0
#include "strategies/fills/fill_model.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace thintail {
namespace {

constexpr std::int64_t kLatencyNs = 500;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

Event intent_at(std::int64_t time_ns, std::uint64_t order, Side side = Side::buy, std::int64_t quantity_e9 = kE9,
                InstrumentId id = 0) {
  return Event::make(time_ns, id, Intent{order, 1, 1, quantity_e9, side, OrderKind::market, 7, 0}, kFlagOutput);
}

// A venue and its market, stepped as the driver does: everything due, then the tick.
struct Market {
  FillModel venue;
  explicit Market(FillModelSettings settings = {kLatencyNs, 0}, std::size_t instruments = 2)
      : venue(settings, instruments) {}

  void tick(std::int64_t time_ns, std::int64_t bid, std::int64_t ask, InstrumentId id = 0) {
    venue.execute_until(time_ns);
    venue.on_tick(id, Tick{bid * kE9, ask * kE9, 0, 0, time_ns, 0});
  }
  Fill fill() {
    const Event event = venue.take_answer(kFlagSimulated);
    EXPECT_EQ(event.type, EventType::fill);
    return event.as<Fill>();
  }
};

TEST(FillModel, fills_on_the_last_quote_before_the_order_arrives) {
  struct Row {
    std::int64_t tick_ns;
    std::int64_t fill;
  };
  // Sent at 1,000, arrives at 1,500: a quote at exactly 1,500 comes too late.
  for (const Row row : {Row{1'001, 110}, Row{1'499, 110}, Row{1'500, 100}, Row{1'501, 100}}) {
    Market market;
    market.tick(900, 99, 100);
    ASSERT_TRUE(market.venue.on_intent(intent_at(1'000, 1)));
    market.tick(row.tick_ns, 109, 110);
    market.venue.execute_until(3'000);
    EXPECT_EQ(market.fill().price_e9, row.fill * kE9) << row.tick_ns;
  }
}

TEST(FillModel, the_answer_arrives_two_latencies_after_the_intent) {
  Market market;
  market.tick(900, 99, 100);
  EXPECT_EQ(market.venue.next_due_ns(), kNever);
  ASSERT_TRUE(market.venue.on_intent(intent_at(1'000, 42, Side::sell, 3 * kE9)));
  EXPECT_EQ(market.venue.next_due_ns(), 2'000);
  market.venue.execute_until(2'000);
  const Event event = market.venue.take_answer(kFlagSimulated);
  EXPECT_EQ(event.time_ns, 2'000);
  EXPECT_EQ(event.flags, kFlagSimulated);
  const auto fill = event.as<Fill>();
  EXPECT_EQ(fill.client_order_id, 42u);
  EXPECT_EQ(fill.price_e9, 99 * kE9);
  EXPECT_EQ(fill.quantity_e9, 3 * kE9);
  EXPECT_EQ(fill.side, Side::sell);
  EXPECT_EQ(fill.last, 1);
  EXPECT_EQ(fill.strategy, 7);
  EXPECT_EQ(fill.number, 1u);
  EXPECT_EQ(market.venue.next_due_ns(), kNever);
}

TEST(FillModel, an_order_answered_before_anyone_stepped_the_venue_is_filled_all_the_same) {
  Market market;
  market.tick(900, 99, 100);
  for (std::uint64_t order = 1; order <= 3; ++order) {
    ASSERT_TRUE(market.venue.on_intent(intent_at(1'000 * static_cast<std::int64_t>(order), order)));
    EXPECT_EQ(market.fill().client_order_id, order);
  }
  // And the next order still waits for its own arrival.
  ASSERT_TRUE(market.venue.on_intent(intent_at(5'000, 4)));
  market.tick(5'400, 119, 120);
  market.tick(5'600, 129, 130);
  EXPECT_EQ(market.fill().price_e9, 120 * kE9);
}

TEST(FillModel, crossed_quotes_never_improve_a_price) {
  Market market;
  market.tick(900, 101, 100);
  ASSERT_TRUE(market.venue.on_intent(intent_at(1'000, 1, Side::buy)));
  ASSERT_TRUE(market.venue.on_intent(intent_at(1'000, 2, Side::sell)));
  EXPECT_EQ(market.fill().price_e9, 101 * kE9);
  EXPECT_EQ(market.fill().price_e9, 100 * kE9);
}

TEST(FillModel, without_a_quote_the_order_is_refused) {
  Market market;
  market.tick(900, 99, 100, 1);  // of another instrument
  ASSERT_TRUE(market.venue.on_intent(intent_at(1'000, 5, Side::buy, 2 * kE9)));
  const Event event = market.venue.take_answer(kFlagSimulated);
  ASSERT_EQ(event.type, EventType::report);
  const auto report = event.as<Report>();
  EXPECT_EQ(report.client_order_id, 5u);
  EXPECT_EQ(report.state, OrderState::refused);
  EXPECT_EQ(report.reason, FillModel::kRefusedNoQuote);
  EXPECT_EQ(report.quantity_e9, 2 * kE9);
  EXPECT_EQ(report.venue_ns, 1'500);
  EXPECT_EQ(event.time_ns, 2'000);
}

TEST(FillModel, a_tick_of_an_instrument_it_does_not_have_is_passed_over) {
  Market market;
  market.tick(900, 99, 100, 2);
  market.tick(900, 99, 100, kNoInstrument);
  EXPECT_EQ(market.venue.next_due_ns(), kNever);
}

TEST(FillModel, answers_come_in_order_around_the_ring_and_a_full_one_refuses) {
  Market market;
  market.tick(1, 99, 100);
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::int64_t now_ns = 10;
  for (int round = 0; round < 3; ++round) {
    while (sent - answered < FillModel::kOrdersMax) ASSERT_TRUE(market.venue.on_intent(intent_at(now_ns++, ++sent)));
    EXPECT_FALSE(market.venue.on_intent(intent_at(now_ns, sent + 1)));
    const std::uint64_t kept = static_cast<std::uint64_t>(round) * 1'000;
    while (sent - answered > kept) {
      market.venue.execute_until(market.venue.next_due_ns());
      const Fill fill = market.fill();
      ASSERT_EQ(fill.client_order_id, ++answered);
      ASSERT_EQ(fill.number, answered);
    }
  }
}

TEST(FillModel, commission_is_rounded_up_from_the_exact_product) {
  struct Row {
    std::int64_t price_e9, quantity_e9, rate_e9, commission_e9;
  };
  for (const Row row : {
           Row{1'300 * kE9, 10 * kE9, 25 * kE9, 325'000'000},         // 13,000 at 25 a million: 0.325
           Row{1, 1, 1, 1},  // the smallest notional costs the smallest unit
           Row{kE9, kE9, 1'000'000, 1},  // exactly one unit
           Row{kE9, kE9, 1'000'001, 2},  // and a millionth more: two
           Row{kE9 + 1, kE9, 1'000'000, 2},  // a notional 1e-9 above it
           Row{1'300 * kE9, 10 * kE9, 0, 0},
           Row{100'000 * kE9, 1'000'000 * kE9, 25 * kE9, 2'500'000 * kE9},  // beyond 128 bits if multiplied outright
           Row{kNever, kNever, 1'000'000 * kE9, kNever},  // what no i64 holds is the largest one
       }) {
    FillModel venue({0, row.rate_e9}, 1);
    venue.on_tick(0, Tick{row.price_e9, row.price_e9, 0, 0, 0, 0});
    ASSERT_TRUE(venue.on_intent(intent_at(1, 1, Side::buy, row.quantity_e9)));
    EXPECT_EQ(venue.take_answer(0).as<Fill>().commission_e9, row.commission_e9)
        << row.price_e9 << " x " << row.quantity_e9 << " at " << row.rate_e9;
  }
}

}  // namespace
}  // namespace thintail
