// SPDX-License-Identifier: Apache-2.0
#include "strategies/risk/risk_gate.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <limits>
#include <optional>
#include <random>
#include <set>

#include "tests/support/data.hpp"
#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

using enum RiskRule;
using test::kMilliNs;
using test::kNoonNs;
using test::kSecondNs;

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

RiskLimits limits() {
  return {.max_order_quantity = Quantity{10 * kE9},
          .max_position = Quantity{25 * kE9},
          .max_quote_age_ms = 2'000,
          .max_orders_per_second = 3};
}

// A gate over one instrument whose lot step is one unit.
struct Desk {
  Settings settings;
  Instrument instrument = *built_in_instrument("XAUUSD", "test");
  std::optional<RiskGate> gate;
  Quote quote{1'300 * kE9, 1'301 * kE9, kNoonNs};
  Exposure exposure;
  std::int64_t now_ns = kNoonNs;

  explicit Desk(const RiskLimits& row = limits()) {
    settings.risk["default"] = row;
    gate.emplace(settings, 2);
    gate->enable(0, instrument);
  }
  Verdict judge(Side side, std::int64_t quantity_e9, InstrumentId id = 0) const {
    return gate->judge({id, side, quantity_e9, 1}, exposure, quote, now_ns);
  }
  RiskRule rule(Side side, std::int64_t quantity_e9) const { return judge(side, quantity_e9).rule; }
};

void expect(const Verdict& verdict, RiskRule rule, std::int64_t limit, std::int64_t observed) {
  EXPECT_EQ(verdict.rule, rule) << risk_rule_name(verdict.rule);
  EXPECT_EQ(verdict.limit, limit);
  EXPECT_EQ(verdict.observed, observed);
}

TEST(RiskGate, every_rule_has_a_name) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kRiskRuleCount; ++i) names.insert(risk_rule_name(static_cast<RiskRule>(i)));
  EXPECT_EQ(names.size(), kRiskRuleCount);
  EXPECT_EQ(risk_rule_name(static_cast<RiskRule>(kRiskRuleCount)), "unknown");
}

TEST(RiskGate, order_quantity_passes_at_its_limit_and_not_one_lot_above) {
  const Desk desk;
  for (const Side side : {Side::buy, Side::sell}) {
    EXPECT_TRUE(desk.judge(side, 9 * kE9).passed());
    EXPECT_TRUE(desk.judge(side, 10 * kE9).passed());
    expect(desk.judge(side, 11 * kE9), max_order_quantity, 10 * kE9, 11 * kE9);
  }
}

TEST(RiskGate, position_counts_what_works_on_the_orders_side_and_nothing_that_may_never_fill) {
  Desk desk;
  desk.exposure = {10 * kE9, 5 * kE9, 0};
  EXPECT_TRUE(desk.judge(Side::buy, 10 * kE9).passed());
  desk.exposure.working_buy_e9 = 6 * kE9;
  expect(desk.judge(Side::buy, 10 * kE9), max_position, 25 * kE9, 26 * kE9);
  desk.exposure.working_sell_e9 = 9 * kE9;
  expect(desk.judge(Side::buy, 10 * kE9), max_position, 25 * kE9, 26 * kE9);

  desk.exposure = {-10 * kE9, 0, 5 * kE9};
  EXPECT_TRUE(desk.judge(Side::sell, 10 * kE9).passed());
  desk.exposure = {-10 * kE9, 9 * kE9, 6 * kE9};
  expect(desk.judge(Side::sell, 10 * kE9), max_position, 25 * kE9, 26 * kE9);
}

TEST(RiskGate, quote_age_passes_at_its_limit_and_not_one_ns_above) {
  Desk desk;
  desk.now_ns = desk.quote.time_ns + 2 * kSecondNs;
  EXPECT_TRUE(desk.judge(Side::buy, kE9).passed());
  ++desk.now_ns;
  expect(desk.judge(Side::buy, kE9), stale_quote, 2 * kSecondNs, 2 * kSecondNs + 1);
  desk.now_ns = desk.quote.time_ns - 1;  // a quote of the future is none to trade on
  expect(desk.judge(Side::buy, kE9), stale_quote, 2 * kSecondNs, -1);
}

TEST(RiskGate, the_window_of_the_throttle_is_exactly_one_second) {
  Desk desk;
  std::array<std::int64_t, 3> sent_ns{};
  for (std::size_t i = 0; i < sent_ns.size(); ++i) {
    ASSERT_TRUE(desk.judge(Side::buy, kE9).passed());
    desk.gate->count_order(0, desk.now_ns);
    sent_ns[i] = desk.now_ns;
    desk.quote.time_ns = desk.now_ns += 100 * kMilliNs;
  }
  for (const std::int64_t oldest_ns : sent_ns) {
    desk.quote.time_ns = desk.now_ns = oldest_ns + kSecondNs - 1;
    expect(desk.judge(Side::buy, kE9), throttle, 3, kSecondNs - 1);
    desk.quote.time_ns = ++desk.now_ns;
    ASSERT_TRUE(desk.judge(Side::buy, kE9).passed());
    desk.gate->count_order(0, desk.now_ns);
  }
}

TEST(RiskGate, judging_counts_no_order) {
  const Desk desk;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(desk.judge(Side::buy, kE9).passed());
}

TEST(RiskGate, each_limit_that_is_not_set_refuses) {
  for (int unset = 0; unset < 4; ++unset) {
    RiskLimits row = limits();
    if (unset == 0) row.max_order_quantity.reset();
    if (unset == 1) row.max_position.reset();
    if (unset == 2) row.max_quote_age_ms.reset();
    if (unset == 3) row.max_orders_per_second.reset();
    EXPECT_EQ(Desk(row).rule(Side::buy, kE9), no_limit) << unset;
  }
  EXPECT_EQ(Desk(RiskLimits{}).rule(Side::buy, kE9), no_limit);
}

TEST(RiskGate, an_instrument_that_was_never_enabled_has_no_limit) {
  const Desk desk;
  EXPECT_EQ(desk.judge(Side::buy, kE9, 1).rule, no_limit);
  EXPECT_EQ(desk.judge(Side::buy, kE9, 2).rule, no_limit);
  EXPECT_EQ(desk.judge(Side::buy, kE9, kNoInstrument).rule, no_limit);
  EXPECT_EQ(desk.gate->largest_order_e9(1), 0);
}

TEST(RiskGate, the_most_specific_row_is_taken_whole) {
  Settings settings;
  settings.risk["default"] = limits();
  settings.risk["XAUUSD@test"] = {.max_order_quantity = Quantity{kE9}};
  RiskGate gate(settings, 1);
  gate.enable(0, *built_in_instrument("XAUUSD", "test"));
  EXPECT_EQ(gate.judge({0, Side::buy, kE9, 1}, {}, {kE9, kE9, 0}, 0).rule, no_limit);
}

TEST(RiskGate, limits_of_zero_and_below_pass_nothing) {
  for (const std::int64_t none : {std::int64_t{0}, std::int64_t{-1}, kMin}) {
    for (int which = 0; which < 4; ++which) {
      RiskLimits row = limits();
      if (which == 0) row.max_order_quantity = Quantity{none};
      if (which == 1) row.max_position = Quantity{none};
      if (which == 2) row.max_quote_age_ms = none;
      if (which == 3) row.max_orders_per_second = none;
      Desk desk(row);
      desk.now_ns += which == 2;  // an age of zero passes only a quote of this very moment
      EXPECT_FALSE(desk.judge(Side::buy, kE9).passed()) << none << " limit " << which;
    }
  }
}

TEST(RiskGate, a_quantity_that_is_no_positive_multiple_of_the_lot_step_is_refused) {
  Desk desk;
  for (const std::int64_t quantity_e9 : {kE9 - 1, kE9 + 1, std::int64_t{1}, std::int64_t{0}, -kE9, kMin}) {
    expect(desk.judge(Side::buy, quantity_e9), lot_step, kE9, quantity_e9);
  }
  desk.instrument.lot_step_e9 = 0;  // the table refuses such a row; the gate does not divide by it either
  desk.gate->enable(0, desk.instrument);
  EXPECT_EQ(desk.rule(Side::buy, kE9), lot_step);
  EXPECT_EQ(desk.gate->largest_order_e9(0), 0);
}

TEST(RiskGate, the_largest_order_is_whole_lots_within_the_limit) {
  RiskLimits row = limits();
  row.max_order_quantity = Quantity{10 * kE9 + kE9 / 2};
  const Desk desk(row);
  EXPECT_EQ(desk.gate->largest_order_e9(0), 10 * kE9);
  EXPECT_TRUE(desk.judge(Side::buy, desk.gate->largest_order_e9(0)).passed());
}

TEST(RiskGate, no_extreme_of_any_quantity_or_time_passes) {
  for (const std::int64_t extreme : {kMin, kMin + 1, kMax - 1, kMax}) {
    Desk desk;
    for (const Side side : {Side::buy, Side::sell}) {
      EXPECT_FALSE(desk.judge(side, extreme).passed());
      for (int field = 0; field < 3; ++field) {
        desk.exposure = {};
        (field == 0   ? desk.exposure.position_e9
         : field == 1 ? desk.exposure.working_buy_e9
                      : desk.exposure.working_sell_e9) = side == Side::buy ? kMax : kMin + 1;
        const std::int64_t working_e9 = field == 1 ? desk.exposure.working_buy_e9 : desk.exposure.working_sell_e9;
        const bool is_on_other_side = field == 0 ? false : (field == 1) != (side == Side::buy);
        if (field != 0 && (is_on_other_side || working_e9 < 0)) continue;
        EXPECT_EQ(desk.rule(side, kE9), max_position) << field;
      }
      desk.exposure = {};
    }
    desk.now_ns = extreme;
    EXPECT_EQ(desk.rule(Side::buy, kE9), stale_quote);
    desk.now_ns = kNoonNs;
    desk.quote.time_ns = extreme;
    EXPECT_EQ(desk.rule(Side::buy, kE9), stale_quote);
  }
  Desk desk;  // the throttle at the ends of time
  for (int i = 0; i < 3; ++i) desk.gate->count_order(0, kMax);
  desk.quote.time_ns = desk.now_ns = kMin;
  EXPECT_EQ(desk.rule(Side::buy, kE9), throttle);
}

TEST(RiskGate, an_age_limit_that_no_ns_can_hold_is_the_longest_one) {
  RiskLimits row = limits();
  row.max_quote_age_ms = kMax;
  Desk desk(row);
  desk.quote.time_ns = 0;
  EXPECT_TRUE(desk.judge(Side::buy, kE9).passed());
}

TEST(RiskGate, absent_quotes_are_refused) {
  for (const Quote& quote : {Quote{}, Quote{0, kE9, kNoonNs}, Quote{kE9, 0, kNoonNs}, Quote{-kE9, kE9, kNoonNs},
                             Quote{kMin, kMin, kNoonNs}}) {
    Desk desk;
    desk.quote = quote;
    EXPECT_EQ(desk.rule(Side::buy, kE9), no_quote);
  }
}

TEST(RiskGate, paused_lagging_and_crossed_let_only_orders_through_that_close) {
  for (int state = 0; state < 3; ++state) {
    Desk desk;
    if (state == 0) desk.gate->pause();
    if (state == 1) desk.gate->set_journal_lagging(true);
    if (state == 2) desk.quote = {1'301 * kE9, 1'300 * kE9, kNoonNs};
    const RiskRule rule = state == 0 ? paused : state == 1 ? journal_lagging : crossed_quote;
    EXPECT_EQ(desk.rule(Side::buy, kE9), rule);
    desk.exposure = {5 * kE9, 0, 0};
    EXPECT_EQ(desk.rule(Side::buy, kE9), rule);
    EXPECT_EQ(desk.rule(Side::sell, 4 * kE9), passed);
    EXPECT_EQ(desk.rule(Side::sell, 5 * kE9), passed);
    EXPECT_EQ(desk.rule(Side::sell, 6 * kE9), rule) << "beyond flat is new risk";
    desk.exposure = {5 * kE9, 0, 3 * kE9};
    EXPECT_EQ(desk.rule(Side::sell, 2 * kE9), passed);
    EXPECT_EQ(desk.rule(Side::sell, 3 * kE9), rule) << "a sale is in flight already";
    desk.exposure = {0, 5 * kE9, 0};
    EXPECT_EQ(desk.rule(Side::sell, 5 * kE9), rule) << "the purchase it would close may never fill";
    desk.exposure = {-5 * kE9, 0, 0};
    EXPECT_EQ(desk.rule(Side::buy, 5 * kE9), passed);
    EXPECT_EQ(desk.rule(Side::buy, 6 * kE9), rule);

    desk.gate->resume();
    desk.gate->set_journal_lagging(false);
    desk.quote = {1'300 * kE9, 1'301 * kE9, kNoonNs};
    EXPECT_EQ(desk.rule(Side::buy, 6 * kE9), passed);
  }
}

TEST(RiskGate, a_position_above_a_lowered_limit_may_be_closed) {
  Desk desk;
  desk.exposure = {60 * kE9, 0, 0};
  EXPECT_EQ(desk.rule(Side::buy, kE9), max_position);
  EXPECT_EQ(desk.rule(Side::sell, 10 * kE9), passed);
}

TEST(RiskGate, a_kill_blocks_everything_until_it_is_reset) {
  Desk desk;
  desk.exposure = {5 * kE9, 0, 0};
  desk.gate->kill();
  desk.gate->resume();
  EXPECT_EQ(desk.rule(Side::buy, kE9), kill_latched);
  EXPECT_EQ(desk.rule(Side::sell, 5 * kE9), kill_latched);
  EXPECT_TRUE(desk.gate->is_killed());
  desk.gate->reset_kill();
  EXPECT_EQ(desk.rule(Side::sell, 5 * kE9), passed);
}

// --- against an independent checker ------------------------------------------------------------------------------------------------

struct State {
  bool killed = false;
  bool paused = false;
  bool lagging = false;
};

// Says which rules an order breaks, from their definitions: every outcome of the working orders is tried, every order of the past is
// kept. Nothing is shared with the gate.
class Checker {
 public:
  explicit Checker(const std::vector<RiskLimits>& rows) : rows_(rows), sent_ns_(rows.size()) {}

  std::set<RiskRule> broken(const OrderRequest& order, const Exposure& exposure, const Quote& quote,
                            std::int64_t now_ns, const State& state) const {
    std::set<RiskRule> out;
    const auto require = [&](bool holds, RiskRule rule) {
      if (!holds) out.insert(rule);
    };
    static const RiskLimits kNone;
    const RiskLimits& row = order.instrument < rows_.size() ? rows_[order.instrument] : kNone;
    const i128 step = order.side == Side::buy ? order.quantity_e9 : -static_cast<i128>(order.quantity_e9);

    bool only_closes = order.quantity_e9 > 0;
    i128 worst = -(static_cast<i128>(1) << 100);
    for (const bool buys_fill : {false, true}) {
      for (const bool sells_fill : {false, true}) {
        const i128 before = static_cast<i128>(exposure.position_e9) + (buys_fill ? exposure.working_buy_e9 : 0) -
                            (sells_fill ? exposure.working_sell_e9 : 0);
        const i128 after = before + step;
        only_closes =
            only_closes && (before > 0 ? after >= 0 && after < before : before < 0 && after <= 0 && after > before);
        worst = std::max(worst, order.side == Side::buy ? after : -after);
      }
    }

    require(!state.killed, kill_latched);
    require(only_closes || !state.paused, RiskRule::paused);
    require(only_closes || !state.lagging, journal_lagging);
    const bool has_limits =
        row.max_order_quantity && row.max_position && row.max_quote_age_ms && row.max_orders_per_second;
    require(has_limits, no_limit);
    require(quote.bid_e9 > 0 && quote.ask_e9 > 0, no_quote);
    require(only_closes || quote.ask_e9 >= quote.bid_e9, crossed_quote);
    require(order.quantity_e9 > 0 && order.quantity_e9 % 1'000 == 0, lot_step);
    if (!has_limits) return out;
    const i128 age_ns = static_cast<i128>(now_ns) - quote.time_ns;
    require(age_ns >= 0 && age_ns <= static_cast<i128>(row.max_quote_age_ms.value_or(-1)) * kMilliNs, stale_quote);
    require(order.quantity_e9 <= row.max_order_quantity.value_or(Quantity{-1}).e9, max_order_quantity);
    require(worst <= row.max_position.value_or(Quantity{-1}).e9, max_position);
    const auto& sent = sent_ns_[order.instrument];
    const auto recent = std::ranges::count_if(sent, [&](std::int64_t then_ns) { return now_ns - then_ns < kSecondNs; });
    require(recent < row.max_orders_per_second.value_or(-1), throttle);
    return out;
  }

  void sent(InstrumentId id, std::int64_t now_ns) {
    auto& times = sent_ns_[id];
    times.push_back(now_ns);
    while (now_ns - times.front() > 2 * kSecondNs) times.pop_front();
  }

 private:
  std::vector<RiskLimits> rows_;
  std::vector<std::deque<std::int64_t>> sent_ns_;
};

struct Tally {
  std::uint64_t passed = 0;
  std::uint64_t disagreements = 0;
  std::set<RiskRule> refused_by;
};

std::vector<RiskLimits> checked_rows() {
  std::vector<RiskLimits> rows(3, limits());
  rows[1].max_orders_per_second = 1;
  rows[1].max_position = Quantity{5 * kE9};
  rows[2].max_position.reset();
  return rows;
}

// Random orders, most of them near a limit, at a gate that enforces `enforced` and a checker that knows the true limits.
Tally compare(const std::vector<RiskLimits>& enforced, std::uint64_t orders) {
  const std::vector<RiskLimits> rows = checked_rows();
  Settings settings;
  RiskGate gate(settings, rows.size());
  for (std::size_t id = 0; id < rows.size(); ++id) {
    settings.risk["default"] = enforced[id];
    Instrument instrument = *built_in_instrument("XAUUSD", "test");
    instrument.lot_step_e9 = 1'000;
    gate.enable(static_cast<InstrumentId>(id), instrument);
  }
  Checker checker(rows);
  State state;
  Tally tally;
  std::mt19937_64 random(2014);
  const auto one_in = [&](std::uint64_t n) { return random() % n == 0; };
  const auto near = [&](std::int64_t limit) -> std::int64_t {
    switch (random() % 8) {
      case 0: return limit;
      case 1: return limit + 1'000;
      case 2: return limit - 1'000;
      case 3: return limit + static_cast<std::int64_t>(random() % 3) - 1;
      case 4: return one_in(50) ? (one_in(2) ? kMax : kMin) : 0;
      default: return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit / 1'000 + 1)) * 1'000;
    }
  };
  std::int64_t now_ns = kNoonNs;
  for (std::uint64_t n = 0; n < orders; ++n) {
    switch (random() % 5) {
      case 0: break;
      case 1: now_ns += kSecondNs - static_cast<std::int64_t>(random() % 3); break;
      default: now_ns += static_cast<std::int64_t>(random() % (400 * kMilliNs));
    }
    if (one_in(500)) (state.killed = !state.killed) ? gate.kill() : gate.reset_kill();
    if (one_in(50)) (state.paused = !state.paused) ? gate.pause() : gate.resume();
    if (one_in(50)) gate.set_journal_lagging(state.lagging = !state.lagging);
    const OrderRequest order{static_cast<InstrumentId>(random() % 20 == 0 ? random() % 5 : random() % 2),
                             one_in(2) ? Side::buy : Side::sell, near(10 * kE9), 1};
    Exposure exposure{near(25 * kE9), one_in(3) ? near(10 * kE9) : 0, one_in(3) ? near(10 * kE9) : 0};
    if (one_in(2))
      exposure.position_e9 = static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(exposure.position_e9));
    exposure.working_buy_e9 = std::max<std::int64_t>(exposure.working_buy_e9, 0);
    exposure.working_sell_e9 = std::max<std::int64_t>(exposure.working_sell_e9, 0);
    if (order.instrument < 2 && order.quantity_e9 > 0 && order.quantity_e9 <= 10 * kE9 && one_in(10)) {
      // Right at the position limit, where the whole sum counts.
      const std::int64_t offset_e9 = (static_cast<std::int64_t>(random() % 3) - 1) * 1'000;
      const std::int64_t held_e9 = rows[order.instrument].max_position->e9 + offset_e9 - order.quantity_e9;
      exposure.position_e9 =
          order.side == Side::buy ? held_e9 - exposure.working_buy_e9 % kE9 : exposure.working_sell_e9 % kE9 - held_e9;
      exposure.working_buy_e9 %= kE9;
      exposure.working_sell_e9 %= kE9;
    }
    const i128 age_ns = static_cast<i128>(near(2 * kSecondNs)) * (one_in(100) ? 1'000 : 1) / 1'000;
    Quote quote{1'300 * kE9, 1'300 * kE9 + kE9 / 4, saturated(now_ns - age_ns)};
    if (one_in(4)) quote.time_ns = now_ns - 2 * kSecondNs + static_cast<std::int64_t>(random() % 3) - 1;
    if (one_in(20)) std::swap(quote.bid_e9, quote.ask_e9);
    if (one_in(50)) quote.ask_e9 = quote.bid_e9;
    if (one_in(50)) (one_in(2) ? quote.bid_e9 : quote.ask_e9) = one_in(2) ? 0 : kMin;

    const Verdict verdict = gate.judge(order, exposure, quote, now_ns);
    const std::set<RiskRule> broken = checker.broken(order, exposure, quote, now_ns, state);
    tally.disagreements += verdict.passed() ? !broken.empty() : !broken.contains(verdict.rule);
    tally.refused_by.insert(verdict.rule);
    if (!verdict.passed()) continue;
    ++tally.passed;
    gate.count_order(order.instrument, now_ns);
    if (broken.empty()) checker.sent(order.instrument, now_ns);
  }
  return tally;
}

TEST(RiskGateChecker, agrees_on_every_random_order) {
  const std::uint64_t orders = test::is_long_run() ? 100'000'000 : 1'000'000;
  const Tally tally = compare(checked_rows(), orders);
  EXPECT_EQ(tally.disagreements, 0u);
  EXPECT_GT(tally.passed, orders / 50) << "a gate that passes nothing agrees too easily";
  EXPECT_EQ(tally.refused_by.size(), kRiskRuleCount - 1)
      << "every rule but open_orders, which is the pipeline's, was met";
}

TEST(RiskGateChecker, notices_a_gate_that_is_one_too_generous_in_any_limit) {
  for (int which = 0; which < 4; ++which) {
    std::vector<RiskLimits> generous = checked_rows();
    if (which == 0) generous[0].max_order_quantity->e9 += 1'000;
    if (which == 1) generous[0].max_position->e9 += 1'000;
    if (which == 2) *generous[0].max_quote_age_ms += 1;
    if (which == 3) *generous[0].max_orders_per_second += 1;
    EXPECT_GT(compare(generous, 1'000'000).disagreements, 0u) << which;
  }
}

TEST(RiskGateChecker, notices_a_limit_that_is_enforced_though_never_set) {
  std::vector<RiskLimits> invented = checked_rows();
  invented[2] = limits();
  EXPECT_GT(compare(invented, 1'000'000).disagreements, 0u);
}

}  // namespace
}  // namespace thintail
