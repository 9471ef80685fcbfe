// SPDX-License-Identifier: Apache-2.0
// The same ticks give the same decisions: run after run, on every instruction set, from every epoch; other ticks give others.
#include "strategies/backtest/backtest.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/event/describe.hpp"
#include "tests/support/real_ticks.hpp"
#include "tests/support/small_model.hpp"
#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

using test::of_type;
using test::record;
using test::trading_settings;

constexpr std::size_t kRealTicks = 200'000;

TEST(Backtest, is_a_function_of_its_ticks_and_settings) {
  const auto ticks = test::random_ticks(1, 20'000, 2);
  const auto instruments = test::table_of({"XAUUSD", "EURUSD"});
  const auto first = record(ticks, trading_settings(), instruments);
  const auto second = record(ticks, trading_settings(), instruments);
  EXPECT_TRUE(test::same_bytes(first.events, second.events));
  EXPECT_EQ(first.result.decision_hash, second.result.decision_hash);
  EXPECT_EQ(first.result.events, first.events.size());
  EXPECT_GT(of_type(first.events, EventType::intent).size(), 500u);

  Settings other = trading_settings();
  other.strategy.cooldown_ms += 1;
  EXPECT_NE(record(ticks, other, instruments).result.decision_hash, first.result.decision_hash);
}

TEST(Backtest, the_hash_is_that_of_the_outputs_it_shows) {
  const auto run = record(test::random_ticks(2, 5'000), trading_settings(), test::table_of({"XAUUSD"}));
  DecisionHash hash(1);
  for (const Event& event : run.events) hash.add(event);
  EXPECT_EQ(hash.digest(), run.result.decision_hash);
  EXPECT_EQ(hash.outputs(), run.result.outputs);
}

TEST(Backtest, the_hash_does_not_depend_on_the_epoch) {
  const auto ticks = test::random_ticks(3, 5'000);
  const auto instruments = test::table_of({"XAUUSD"});
  const auto first = record(ticks, trading_settings(), instruments, {.isa = Isa::scalar, .epoch = 1, .model = nullptr});
  const auto later =
      record(ticks, trading_settings(), instruments, {.isa = Isa::scalar, .epoch = 900, .model = nullptr});
  EXPECT_EQ(first.result.decision_hash, later.result.decision_hash);
  EXPECT_FALSE(test::same_bytes(first.events, later.events)) << "order ids carry the epoch";
}

TEST(Backtest, the_hash_does_not_depend_on_settings_that_decide_nothing) {
  const auto ticks = test::random_ticks(3, 5'000);
  const auto instruments = test::table_of({"XAUUSD"});
  const auto first = record(ticks, trading_settings(), instruments);
  Settings longer = trading_settings();
  longer.risk["FOOBAR@nowhere"] = {};
  const auto other = record(ticks, longer, instruments);
  EXPECT_NE(other.events.size(), first.events.size()) << "the text of the configuration takes more events";
  EXPECT_EQ(other.result.decision_hash, first.result.decision_hash);
}

// Changes the bid of the tick at `at` by one point of gold.
std::vector<Event> changed_by_a_point(std::vector<Event> ticks, std::size_t at) {
  auto tick = ticks[at].as<Tick>();
  tick.bid_e9 += 1'000'000;
  ticks[at] = Event::make(ticks[at].time_ns, ticks[at].instrument, tick);
  return ticks;
}

// Indices of the ticks that a signal names as its cause. Of other ticks a strategy that is not a model shows only what bars do.
std::vector<std::size_t> deciding_ticks(const std::vector<Event>& events) {
  std::vector<std::size_t> out;
  std::size_t ticks = 0;
  std::uint64_t last_tick = 0;
  for (const Event& event : events) {
    if (event.type == EventType::tick) {
      last_tick = event.sequence;
      ++ticks;
    }
    if (event.type == EventType::signal && event.as<Signal>().cause == last_tick) out.push_back(ticks - 1);
  }
  return out;
}

TEST(Backtest, one_point_in_any_tick_that_decided_something_changes_the_hash) {
  const auto ticks = test::random_ticks(4, 2'000);
  const auto instruments = test::table_of({"XAUUSD"});
  const auto before = record(ticks, trading_settings(), instruments);
  const auto deciding = deciding_ticks(before.events);
  ASSERT_GT(deciding.size(), 100u);
  for (const std::size_t at : deciding) {
    const auto changed = changed_by_a_point(ticks, at);
    ASSERT_NE(record(changed, trading_settings(), instruments).result.decision_hash, before.result.decision_hash) << at;
  }
}

TEST(Backtest, one_point_in_any_tick_at_all_changes_the_hash_of_a_model) {
  const test::SmallModel model;
  ASSERT_TRUE(model.is_loaded()) << model.why_not();
  const auto ticks = test::random_ticks(4, 1'000);
  const auto instruments = test::table_of({"XAUUSD"});
  const Settings settings = trading_settings(StrategyKind::model_edge);
  const BacktestOptions options{Isa::scalar, 1, &model.loaded()};
  const auto before = record(ticks, settings, instruments, options).result;
  for (std::size_t at = 0; at < ticks.size(); at += 7) {
    ASSERT_NE(record(changed_by_a_point(ticks, at), settings, instruments, options).result.decision_hash,
              before.decision_hash)
        << at;
  }
}

TEST(Backtest, ticks_whose_venue_time_went_back_are_counted) {
  const std::vector<Event> ticks = {test::tick_at(test::kNoonNs, kE9, kE9),
                                    Event::make(test::kNoonNs + 1, 0, Tick{kE9, kE9, 0, 0, test::kNoonNs - 5, 0}),
                                    Event::make(test::kNoonNs + 2, 0, Tick{kE9, kE9, 0, 0, test::kNoonNs, 0})};
  EXPECT_EQ(record(ticks, trading_settings(), test::table_of({"XAUUSD"})).result.venue_clamps, 1u);
}

// --- on real gold ticks, with a rule and with a model -------------------------------------------------------------------------------

class RealBacktest : public testing::TestWithParam<StrategyKind> {
 protected:
  void SetUp() override {
    TT_REQUIRE_DATA(test::data_dir() / "ticks" / test::kGoldPayrolls);
    ASSERT_TRUE(model_.is_loaded()) << model_.why_not();
    ticks_ = test::real_ticks({test::kGoldPayrolls}, instruments_, kRealTicks);
    ASSERT_EQ(ticks_.size(), kRealTicks);
  }
  BacktestResult run(Isa isa, const auto& on_event) {
    test::EventList source(ticks_);
    return run_backtest(source, trading_settings(GetParam()), instruments_, {isa, 1, model()}, on_event);
  }
  const DecisionModel* model() const { return GetParam() == StrategyKind::model_edge ? &model_.loaded() : nullptr; }

  InstrumentTable instruments_;
  test::SmallModel model_;
  std::vector<Event> ticks_;
};

TEST_P(RealBacktest, trades_and_decides_the_same_on_every_instruction_set) {
  std::uint64_t intents = 0;
  std::uint64_t valid = 0;
  const BacktestResult scalar = run(Isa::scalar, [&](const Event& event) {
    intents += event.type == EventType::intent;
    valid += event.type == EventType::prediction && event.as<Prediction>().state == PredictionState::valid;
  });
  EXPECT_GT(intents, 100u);
  EXPECT_GE(valid, model() != nullptr ? kRealTicks * 9 / 10 : 0);
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (!isa_available(isa)) {
      RecordProperty(std::string(isa_name(isa)), "skipped: not available on this machine");
      std::printf("[   NOTE   ] %s is not available on this machine\n", std::string(isa_name(isa)).c_str());
      continue;
    }
    const BacktestResult other = run(isa, [](const Event&) {});
    EXPECT_EQ(other.decision_hash, scalar.decision_hash) << isa_name(isa);
    EXPECT_EQ(other.outputs, scalar.outputs) << isa_name(isa);
  }
}

TEST_P(RealBacktest, a_tick_changed_by_one_point_changes_the_hash) {
  std::vector<Event> events;
  const BacktestResult before = run(best_isa(), [&](const Event& event) { events.push_back(event); });
  const auto deciding = deciding_ticks(events);
  ASSERT_FALSE(deciding.empty());
  ticks_ = changed_by_a_point(std::move(ticks_), deciding[deciding.size() / 2]);
  EXPECT_NE(run(best_isa(), [](const Event&) {}).decision_hash, before.decision_hash);
}

INSTANTIATE_TEST_SUITE_P(Strategies, RealBacktest,
                         testing::Values(StrategyKind::fade_last_move, StrategyKind::model_edge), [](const auto& kind) {
                           return kind.param == StrategyKind::model_edge ? "model_edge" : "fade_last_move";
                         });

}  // namespace
}  // namespace thintail
