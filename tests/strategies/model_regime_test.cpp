// SPDX-License-Identifier: Apache-2.0
// A regime at work in the pipeline: its change is an event, and from then on less is taken.
#include <gtest/gtest.h>

#include <set>

#include "strategies/model/decision_model_file.hpp"
#include "tests/support/small_model.hpp"
#include "tests/support/strategy_run.hpp"

namespace thintail::test {
namespace {

// Calm while the spread is about 2 bp, volatile where it is about 20.
RegimeModel by_spread(double risk_scale_when_volatile) {
  RegimeModel regime{.name = "by spread", .features = {"spread_bp"}};
  regime.hmm.states = 2;
  regime.hmm.features = 1;
  regime.hmm.volatility_feature = 0;
  regime.hmm.initial = {0.5, 0.5};
  regime.hmm.transition[0] = {0.9, 0.1};
  regime.hmm.transition[1] = {0.1, 0.9};
  regime.hmm.mean[0][0] = 2;
  regime.hmm.mean[1][0] = 20;
  regime.hmm.variance[0][0] = regime.hmm.variance[1][0] = 9;
  regime.change.steps_min = 5;
  regime.table.rows[static_cast<std::size_t>(RegimeLabel::turbulent)].risk_scale = risk_scale_when_volatile;
  return regime;
}

class ModelRegime : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(small_.is_loaded()) << small_.why_not();
    for (std::size_t i = kWide; i < ticks_.size(); ++i) {
      auto tick = ticks_[i].as<Tick>();
      tick.ask_e9 = tick.bid_e9 + 2'600 * kMilliNs;
      ticks_[i] = Event::make(ticks_[i].time_ns, 0, tick);
    }
  }
  RecordedRun run(double risk_scale) {
    auto model = load_decision_model(small_.path(), best_isa());
    EXPECT_TRUE(model) << model.error().message();
    model->regime = by_spread(risk_scale);
    model->regime_lanes = {static_cast<std::uint16_t>(model->features->lane("spread_bp").value())};
    const auto checked = model->validate();
    EXPECT_TRUE(checked) << checked.error().message();
    return record(ticks_, trading_settings(StrategyKind::model_edge), instruments_, {best_isa(), 1, &*model, nullptr});
  }
  static std::set<std::int64_t> targets(std::span<const Event> events, std::int64_t from_ns, std::int64_t to_ns) {
    std::set<std::int64_t> out;
    for (const Event& event : of_type(events, EventType::signal)) {
      if (event.time_ns >= from_ns && event.time_ns < to_ns) out.insert(std::abs(event.as<Signal>().target_e9));
    }
    return out;
  }

  static constexpr std::size_t kWide = 10'000;
  InstrumentTable instruments_ = table_of({"XAUUSD"});
  std::vector<Event> ticks_ = random_ticks(5, 2 * kWide, std::uint32_t{1});
  SmallModel small_{100.0};  // leaves beyond any cost, so that it always trades
};

TEST_F(ModelRegime,
       a_change_is_an_event_before_the_prediction_and_at_most_a_quarter_of_the_risk_is_taken_from_then_on) {
  const RecordedRun run = this->run(0.25);
  const auto changes = of_type(run.events, EventType::regime);
  ASSERT_GE(changes.size(), 2u);
  EXPECT_EQ(changes[0].as<Regime>().from, static_cast<std::uint16_t>(RegimeLabel::unknown));
  EXPECT_EQ(changes[0].as<Regime>().to, static_cast<std::uint16_t>(RegimeLabel::ranging));
  const Event* wide = nullptr;
  for (const Event& change : changes) {
    if (change.as<Regime>().to == static_cast<std::uint16_t>(RegimeLabel::turbulent)) wide = &change;
  }
  ASSERT_NE(wide, nullptr);
  EXPECT_GE(wide->as<Regime>().probability, 0.7f);
  const Event& after = run.events[static_cast<std::size_t>(wide->sequence)];  // sequences begin at 1
  EXPECT_EQ(after.type, EventType::prediction);
  EXPECT_EQ(after.as<Prediction>().cause, wide->as<Regime>().cause) << "on the same tick";

  EXPECT_EQ(targets(run.events, 0, ticks_[kWide].time_ns), (std::set<std::int64_t>{10 * kE9}));
  EXPECT_EQ(targets(run.events, wide->time_ns + 1, std::numeric_limits<std::int64_t>::max()),
            (std::set<std::int64_t>{2 * kE9}))
      << "a quarter of ten ounces, in whole lots";
}

TEST_F(ModelRegime, where_it_allows_no_risk_positions_are_closed_and_none_is_opened) {
  const RecordedRun run = this->run(0.0);
  std::int64_t wide_ns = 0;
  for (const Event& change : of_type(run.events, EventType::regime)) {
    if (change.as<Regime>().to == static_cast<std::uint16_t>(RegimeLabel::turbulent)) wide_ns = change.time_ns;
  }
  ASSERT_GT(wide_ns, 0);
  const auto closing = targets(run.events, wide_ns + 1, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(closing, (std::set<std::int64_t>{0}));
  const auto positions = of_type(run.events, EventType::position);
  ASSERT_FALSE(positions.empty());
  EXPECT_EQ(positions.back().as<Position>().quantity_e9, 0);
}

TEST_F(ModelRegime, scores_are_those_of_the_model_without_one) {
  const RecordedRun with = run(1.0);
  const RecordedRun without = record(ticks_, trading_settings(StrategyKind::model_edge), instruments_,
                                     {best_isa(), 1, &small_.loaded(), nullptr});
  const auto ours = of_type(with.events, EventType::prediction);
  const auto plain = of_type(without.events, EventType::prediction);
  ASSERT_EQ(ours.size(), plain.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].as<Prediction>().score, plain[i].as<Prediction>().score) << i;
    ASSERT_EQ(ours[i].as<Prediction>().state, plain[i].as<Prediction>().state) << i;
  }
}

}  // namespace
}  // namespace thintail::test
