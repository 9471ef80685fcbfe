// SPDX-License-Identifier: Apache-2.0
#include "ml/predictor/predictor.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "ml/models/decision_trees.hpp"
#include "tests/support/data.hpp"
#include "tests/support/decision_models.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

using test::kSecondNs;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::uint32_t kM1 = 1;

const FeatureSet& scalper() { return test::built_in_set("scalper-64"); }

// What an answer says, for comparisons literal to the bit.
std::uint64_t bits_of(const Predictor::Answer& answer) {
  const std::uint64_t regime = answer.regime_changed ? static_cast<std::uint64_t>(answer.regime.to) + 8 : 0;
  return std::uint64_t{std::bit_cast<std::uint32_t>(answer.score)} << 32 |
         static_cast<std::uint64_t>(answer.state) << 16 | regime;
}

// A row of `count` lanes, all defined.
FeatureRow row_of(std::span<const float> values) {
  FeatureRow row{};
  row.values.fill(kNaN);
  for (std::size_t i = 0; i < values.size(); ++i) {
    row.values[i] = values[i];
    row.defined.set(i, values[i] == values[i]);
  }
  return row;
}
std::vector<FeatureRow> random_rows(std::size_t count, std::uint32_t seed) {
  std::vector<FeatureRow> rows;
  test::RandomNetworks random(seed);
  for (std::size_t i = 0; i < count; ++i) rows.push_back(row_of(random.numbers(64, 1.0f)));
  return rows;
}
FeatureRow without(const FeatureRow& from, std::size_t lane) {
  FeatureRow row = from;
  row.values[lane] = kNaN;
  row.defined.set(lane, false);
  return row;
}

// One instrument of one predictor, a tick a second unless told otherwise.
class Desk {
 public:
  explicit Desk(const DecisionModel& model) : predictor(model, 1) { predictor.enable(0); }
  Predictor::Answer tick(const FeatureRow& row, std::uint32_t closed = 0) {
    return predictor.on_tick(0, row, 2'600'000'000'000, closed, now_ns += kSecondNs);
  }
  Predictor predictor;
  std::int64_t now_ns = test::kFridayNs;
};

NetworkSpec lstm_spec(std::uint32_t seed = 3) {
  test::RandomNetworks random(seed);
  NetworkSpec spec{.inputs = 64};
  spec.layers.push_back(random.layer(LayerKind::lstm, 64, 12));
  spec.layers.push_back(random.layer(LayerKind::dense, 12, 2));
  return spec;
}

// An LSTM alone, warm after `warm_up` rows.
DecisionModel lstm_model(std::uint32_t warm_up = 0) {
  DecisionModel model = test::empty_model(scalper());
  model.members.push_back(test::network_member(test::made_up_network(lstm_spec(), false, best_isa())));
  model.members[0].warm_up_steps = warm_up;
  return test::finish(std::move(model));
}

TEST(Predictor, trees_alone_answer_their_margin_and_so_does_an_ensemble_of_nothing_else) {
  DecisionModel plain = test::empty_model(scalper());
  plain.members.push_back(test::trees_member(test::made_up_trees(30, 64, best_isa())));
  plain = test::finish(std::move(plain));
  DecisionModel general = test::empty_model(scalper());
  general.members.push_back(test::trees_member(test::made_up_trees(30, 64, best_isa())));
  general.ensemble.rule = EnsembleRule::weighted;  // of weight 1
  general = test::finish(std::move(general));
  Desk plain_desk(plain);
  Desk general_desk(general);
  EXPECT_EQ(plain_desk.predictor.ensemble(0), nullptr);
  EXPECT_NE(general_desk.predictor.ensemble(0), nullptr);
  std::mt19937_64 random(4);
  const auto& trees = std::get<TreeEnsemble>(plain.members[0].model);
  for (int i = 0; i < 2'000; ++i) {
    FeatureRow row = row_of(test::make_row(64, random));
    for (std::size_t lane = 0; lane < 64; ++lane) row.defined.set(lane);  // trees go by the NaN alone
    const auto answer = plain_desk.tick(row);
    ASSERT_EQ(answer.state, PredictionState::valid);
    ASSERT_EQ(answer.score, trees.margin(row.values.data()));
    ASSERT_EQ(bits_of(answer), bits_of(general_desk.tick(row)));
  }
}

TEST(Predictor, a_networks_inputs_are_gathered_scaled_and_calibrated) {
  DecisionModel model = test::empty_model(scalper());
  model.mandatory = {};
  model.members.push_back(test::network_member(test::made_up_network(lstm_spec(), false, best_isa())));
  ModelMember& member = model.members[0];
  test::RandomNetworks random(8);
  for (std::size_t i = 0; i < 64; ++i) {
    member.lanes[i] = static_cast<std::uint16_t>((i * 29 + 7) % 64);
    member.scaling.push_back(
        {.mean = 0.01f * static_cast<float>(i), .per_unit = 0.1f * static_cast<float>(1 + i % 9), .clip = 1.5f});
  }
  member.output = 1;
  member.scale = -3.0;
  member.offset = 0.25;
  model = test::finish(std::move(model));
  const Network& network = std::get<Network>(model.members[0].model);
  test::NetworkRun control(network);
  Desk desk(model);
  std::size_t held = 0;
  for (FeatureRow row : random_rows(300, 12)) {
    row = without(row, static_cast<std::size_t>(desk.now_ns / kSecondNs % 64));
    std::vector<float> input(64);
    for (std::size_t i = 0; i < 64; ++i) {
      const LaneScaling& lane = model.members[0].scaling[i];
      const float x = row.values[model.members[0].lanes[i]];
      const float scaled = (x - lane.mean) * lane.per_unit;
      input[i] = std::isnan(x) ? 0.0f : std::min(std::max(scaled, -lane.clip), lane.clip);
      held += std::fabs(scaled) > lane.clip ? 1 : 0;
    }
    const double said = control.step(input.data())[1];
    ASSERT_EQ(desk.tick(row).score, static_cast<float>(0.25 - 3.0 * said));
  }
  EXPECT_GT(held, 500u);
}

TEST(Predictor, an_undefined_lane_stays_missing_for_trees_even_where_they_are_scaled) {
  DecisionModel model = test::empty_model(scalper());
  model.mandatory = {};
  model.members.push_back(test::trees_member(test::made_up_trees(30, 64, best_isa())));
  model.members[0].scaling.assign(64, {.mean = 0.5f, .per_unit = 2.0f, .clip = 100.0f});
  model = test::finish(std::move(model));
  const auto& trees = std::get<TreeEnsemble>(model.members[0].model);
  Desk desk(model);
  for (const FeatureRow& row : random_rows(200, 13)) {
    const FeatureRow holed = without(without(row, 3), 40);
    std::vector<float> input(64);
    for (std::size_t i = 0; i < 64; ++i) input[i] = (holed.values[i] - 0.5f) * 2.0f;
    ASSERT_TRUE(std::isnan(input[3]));
    ASSERT_EQ(desk.tick(holed).score, trees.margin(input.data()));
  }
}

TEST(Predictor, trees_that_a_library_averages_are_averaged) {
  const std::string json = test::make_model({.trees = 8, .depth = 4, .features = 64}).dump();
  DecisionTrees trees = read_xgboost_json(json, "made up").value();
  const TreeEnsemble summed = TreeEnsemble::from_trees(trees, {}, best_isa());
  trees.averaged_over = 8;
  DecisionModel model = test::empty_model(scalper());
  model.members.push_back(test::trees_member(TreeEnsemble::from_trees(trees, {}, best_isa())));
  model = test::finish(std::move(model));
  Desk desk(model);
  for (const FeatureRow& row : random_rows(100, 15)) {
    const double sum = summed.margin(row.values.data());
    ASSERT_EQ(desk.tick(row).score, static_cast<float>(sum / 8.0));
  }
}

TEST(Predictor, a_sum_that_is_no_number_is_no_score) {
  std::string json = test::make_model({.trees = 2, .depth = 0, .features = 64}).dump();
  auto parsed = test::Json::parse(json);
  for (auto& tree : test::trees_of(parsed)) tree["split_conditions"][0] = 3e38f;
  DecisionModel model = test::empty_model(scalper());
  model.members.push_back(
      test::trees_member(TreeEnsemble::from_xgboost_json(parsed.dump(), "large", best_isa()).value()));
  model = test::finish(std::move(model));
  Desk desk(model);
  const auto answer = desk.tick(random_rows(1, 1)[0]);
  EXPECT_EQ(answer.state, PredictionState::not_finite);
  EXPECT_EQ(answer.score, 0.0f);
}

TEST(Predictor, a_recurrent_member_speaks_once_it_has_seen_its_rows) {
  const DecisionModel model = lstm_model(5);
  Desk desk(model);
  const auto rows = random_rows(7, 2);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(desk.predictor.is_warm(0), i >= 5) << i;
    EXPECT_EQ(desk.tick(rows[i]).state, i >= 4 ? PredictionState::valid : PredictionState::warming_up) << i;
  }
}

TEST(Predictor, is_warm_when_as_many_members_as_an_answer_needs_are_the_mandatory_ones_among_them) {
  for (const bool is_mandatory : {false, true}) {
    for (const std::uint32_t members_min : {1U, 2U}) {
      DecisionModel model = lstm_model(3);
      model.members.push_back(test::trees_member(test::made_up_trees(2, 64, best_isa())));
      model = test::finish(std::move(model));
      model.ensemble.members_min = members_min;
      model.ensemble.member[0].is_mandatory = is_mandatory;
      Desk desk(model);
      const bool needs_lstm = is_mandatory || members_min == 2;
      for (const FeatureRow& row : random_rows(4, 16)) {
        const bool is_warm = desk.predictor.is_warm(0);
        desk.tick(row);
        EXPECT_EQ(is_warm, !needs_lstm || desk.now_ns - test::kFridayNs > 3 * kSecondNs);
      }
    }
  }
}

TEST(Predictor, a_row_that_lacks_a_mandatory_lane_is_as_if_it_had_not_come) {
  const DecisionModel model = lstm_model(5);
  Desk whole(model);
  Desk holed(model);
  for (const FeatureRow& row : random_rows(40, 6)) {
    const auto expected = whole.tick(row);
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(holed.tick(without(row, 0)).state, PredictionState::warming_up);  // `spread` is mandatory
    EXPECT_EQ(bits_of(holed.tick(row)), bits_of(expected));
  }
}

TEST(Predictor, a_row_that_lacks_another_lane_is_taken_in) {
  const DecisionModel model = lstm_model();
  Desk whole(model);
  Desk holed(model);
  const std::size_t lane = scalper().lane("mid_deviation_900s").value();
  ASSERT_FALSE(model.mandatory.test(lane));
  const FeatureRow row = random_rows(1, 6)[0];
  EXPECT_NE(bits_of(whole.tick(row)), bits_of(holed.tick(without(row, lane))));
  EXPECT_NE(bits_of(whole.tick(row)), bits_of(holed.tick(row)));  // and remembered
}

DecisionModel minutes_model() {
  DecisionModel model = test::empty_model(scalper());
  NetworkSpec spec{.inputs = 64};
  spec.layers.push_back(test::RandomNetworks(17).layer(LayerKind::dense, 64, 1));
  model.members.push_back(test::network_member(test::made_up_network(spec, false, best_isa())));
  model.members[0].period = BarPeriod::m1;
  return test::finish(std::move(model), 10 * kSecondNs);
}

TEST(Predictor, a_member_of_bars_speaks_at_the_first_whole_row_after_one_has_closed_until_it_is_too_old) {
  const DecisionModel model = minutes_model();
  const Network& network = std::get<Network>(model.members[0].model);
  Desk desk(model);
  const auto rows = random_rows(20, 21);
  EXPECT_EQ(desk.tick(rows[0]).state, PredictionState::warming_up);
  EXPECT_FALSE(desk.predictor.is_warm(0));
  EXPECT_EQ(desk.tick(without(rows[1], 0), kM1).state, PredictionState::warming_up);  // kept for the next row
  const float said = test::NetworkRun(network).step(rows[2].values.data())[0];
  for (std::size_t i = 2; i <= 12; ++i) {
    const auto answer = desk.tick(rows[i], i == 5 ? 1u << static_cast<unsigned>(BarPeriod::m5) : 0u);
    EXPECT_EQ(answer.state, PredictionState::valid) << i;
    EXPECT_EQ(answer.score, said) << i;
  }
  EXPECT_TRUE(desk.predictor.is_warm(0));
  EXPECT_EQ(desk.tick(rows[13]).state, PredictionState::warming_up);  // older than 10 s
  EXPECT_EQ(desk.tick(rows[14], kM1).score, test::NetworkRun(network).step(rows[14].values.data())[0]);
}

TEST(Predictor, after_a_gap_a_recurrent_member_begins_anew) {
  DecisionModel model = lstm_model(3);
  model.sequence_gap_ns = 60 * kSecondNs;
  const auto rows = random_rows(30, 22);
  for (const bool is_told : {true, false}) {
    Desk desk(model);
    for (std::size_t i = 0; i < 15; ++i) desk.tick(rows[i]);
    if (is_told) {
      desk.predictor.on_gap();
    } else {
      desk.now_ns += 60 * kSecondNs;  // and the second of the next tick
    }
    Desk fresh(model);
    fresh.now_ns = desk.now_ns;
    EXPECT_TRUE(desk.predictor.is_warm(0) != is_told);
    for (std::size_t i = 15; i < 30; ++i) EXPECT_EQ(bits_of(desk.tick(rows[i])), bits_of(fresh.tick(rows[i]))) << i;
  }
  Desk within(model);
  Desk fresh(model);
  for (std::size_t i = 0; i < 15; ++i) within.tick(rows[i]);
  within.now_ns += 59 * kSecondNs;
  EXPECT_NE(bits_of(within.tick(rows[15])), bits_of(fresh.tick(rows[15])));
}

// Two states of one lane: about -1 is calm, about 1 volatile.
DecisionModel regime_model() {
  DecisionModel model = lstm_model();
  RegimeModel regime{.name = "two", .features = {"mid_deviation_900s"}};
  regime.hmm.states = 2;
  regime.hmm.features = 1;
  regime.hmm.volatility_feature = 0;
  regime.hmm.initial = {0.5, 0.5};
  regime.hmm.transition[0] = {0.9, 0.1};
  regime.hmm.transition[1] = {0.1, 0.9};
  regime.hmm.mean[0][0] = -1.0;
  regime.hmm.mean[1][0] = 1.0;
  regime.hmm.variance[0][0] = regime.hmm.variance[1][0] = 0.1;
  regime.change.steps_min = 2;
  regime.table.members = 1;
  for (auto& row : regime.table.rows) row = {.risk_scale = 0.75, .weights = {1.0}};
  regime.table.rows[static_cast<std::size_t>(RegimeLabel::turbulent)] = {.risk_scale = 0.25, .weights = {0.0}};
  model.regime = regime;
  model.regime_lanes = {static_cast<std::uint16_t>(scalper().lane("mid_deviation_900s").value())};
  EXPECT_TRUE(model.validate().has_value());
  return model;
}

FeatureRow row_with(const DecisionModel& model, const FeatureRow& from, float value) {
  FeatureRow row = from;
  row.values[model.regime_lanes[0]] = value;
  row.defined.set(model.regime_lanes[0], value == value);
  return row;
}

TEST(Predictor, the_regime_weighs_members_and_scales_risk) {
  const DecisionModel model = regime_model();
  Desk desk(model);
  const FeatureRow row = random_rows(1, 30)[0];
  EXPECT_EQ(desk.predictor.regime(0), RegimeLabel::unknown);
  EXPECT_EQ(desk.predictor.risk_scale(0), 0.75);
  EXPECT_FALSE(desk.tick(row_with(model, row, -1.0f)).regime_changed);
  const auto calm = desk.tick(row_with(model, row, -1.0f));
  EXPECT_TRUE(calm.regime_changed);
  EXPECT_EQ(calm.regime.to, RegimeLabel::ranging);
  EXPECT_EQ(calm.state, PredictionState::valid);
  EXPECT_FALSE(desk.tick(row_with(model, row, 1.0f)).regime_changed);
  const auto wild = desk.tick(row_with(model, row, 1.0f));
  EXPECT_TRUE(wild.regime_changed);
  EXPECT_EQ(wild.regime.from, RegimeLabel::ranging);
  EXPECT_EQ(wild.regime.to, RegimeLabel::turbulent);
  EXPECT_EQ(wild.state, PredictionState::warming_up) << "the regime removed the only member in this very answer";
  EXPECT_EQ(desk.predictor.regime(0), RegimeLabel::turbulent);
  EXPECT_EQ(desk.predictor.risk_scale(0), 0.25);
}

TEST(Predictor, after_a_gap_the_regime_filter_begins_anew_and_the_regime_in_force_stays) {
  const DecisionModel model = regime_model();
  Desk desk(model);
  const FeatureRow row = random_rows(1, 30)[0];
  for (int i = 0; i < 20; ++i) desk.tick(row_with(model, row, -1.0f));
  Predictor told(model, 1);
  told.enable(0);
  ASSERT_TRUE(told.restore(desk.predictor.snapshot()).has_value());
  told.on_gap();
  EXPECT_EQ(told.regime(0), RegimeLabel::ranging);
  // From an even start two rows say what a long calm outweighs.
  EXPECT_FALSE(desk.tick(row_with(model, row, 0.05f)).regime_changed);
  EXPECT_FALSE(desk.tick(row_with(model, row, 0.05f)).regime_changed);
  told.on_tick(0, row_with(model, row, 0.05f), 2'600'000'000'000, 0, desk.now_ns);
  EXPECT_TRUE(told.on_tick(0, row_with(model, row, 0.05f), 2'600'000'000'000, 0, desk.now_ns).regime_changed);
}

TEST(Predictor, a_regime_steps_at_its_bars_and_not_on_a_row_that_lacks_its_lanes) {
  DecisionModel model = regime_model();
  model.regime_period = BarPeriod::m1;
  Desk desk(model);
  const FeatureRow row = random_rows(1, 31)[0];
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(desk.tick(row_with(model, row, 1.0f)).regime_changed);
  EXPECT_FALSE(desk.tick(row_with(model, row, 1.0f), kM1).regime_changed);
  EXPECT_FALSE(desk.tick(row_with(model, row, kNaN), kM1).regime_changed);
  EXPECT_TRUE(desk.tick(row_with(model, row, 1.0f), kM1).regime_changed);
}

TEST(Predictor, what_is_prepared_after_a_tick_changes_no_answer) {
  const DecisionModel model = lstm_model();
  Desk lazy(model);
  Desk eager(model);
  std::mt19937 random(1);
  for (const FeatureRow& row : random_rows(200, 33)) {
    EXPECT_EQ(bits_of(lazy.tick(row)), bits_of(eager.tick(row)));
    if (random() % 3 != 0) eager.predictor.after_tick(0);
  }
}

TEST(Predictor, instruments_share_nothing) {
  const DecisionModel model = lstm_model();
  Predictor both(model, 2);
  both.enable(0);
  both.enable(1);
  both.enable(1);
  Desk alone(model);
  const auto other = random_rows(50, 41);
  const auto own = random_rows(50, 42);
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto expected = alone.tick(own[i]);
    both.on_tick(0, other[i], 2'000'000'000, 0, alone.now_ns);
    EXPECT_EQ(bits_of(both.on_tick(1, own[i], 2'600'000'000'000, 0, alone.now_ns)), bits_of(expected));
  }
}

TEST(Predictor, a_shadow_is_warm_when_it_takes_over_and_has_learned_nothing) {
  const auto ticks = test::random_ticks(4'000, 9);
  const RegimeModel regime = test::regime_of(scalper(), ticks);
  DecisionModel model = test::three_members(scalper(), regime, best_isa());
  Predictor live(model, 1);
  Predictor shadow(model, 1);
  live.enable(0);
  shadow.enable(0);
  test::PredictorInputs inputs(scalper(), best_isa());
  std::size_t i = 0;
  for (; i < 3'000; ++i) {
    const auto input = inputs.next(ticks[i]);
    live.on_tick(0, *input.row, input.twice_mid_e9, input.closed, input.time_ns);
    shadow.shadow(0, *input.row, input.closed, input.time_ns);
    EXPECT_EQ(live.is_warm(0), shadow.is_warm(0)) << i;
  }
  EXPECT_TRUE(shadow.is_warm(0));
  EXPECT_GT(live.ensemble(0)->state().hedge.outcomes, 0u);
  EXPECT_EQ(shadow.ensemble(0)->state().hedge.outcomes, 0u);
  EXPECT_EQ(shadow.ensemble(0)->state().outcomes.count, 0u);
  EXPECT_EQ(shadow.regime(0), live.regime(0));
  // What members say, the bar's too, and how the regime weighs them is the same from the first tick on.
  for (; i < ticks.size(); ++i) {
    const auto input = inputs.next(ticks[i]);
    live.on_tick(0, *input.row, input.twice_mid_e9, input.closed, input.time_ns);
    shadow.on_tick(0, *input.row, input.twice_mid_e9, input.closed, input.time_ns);
    ASSERT_EQ(shadow.ensemble(0)->state().score, live.ensemble(0)->state().score);
    ASSERT_EQ(shadow.ensemble(0)->state().valid, live.ensemble(0)->state().valid);
    ASSERT_EQ(shadow.ensemble(0)->state().multiplier, live.ensemble(0)->state().multiplier);
  }
}

// Answers of a whole run, and how often the regime changed, were valid, or came without an answer.
struct Answers {
  std::vector<std::uint64_t> answers;
  std::size_t valid = 0;
  std::size_t changes = 0;
};

Answers answers_of(const RegimeModel& regime, std::span<const Tick> ticks, Isa isa,
                   std::size_t left_out = ~std::size_t{0}) {
  const DecisionModel model = test::three_members(scalper(), regime, isa);
  Predictor predictor(model, 1);
  predictor.enable(0);
  test::PredictorInputs inputs(scalper(), isa);
  Answers run;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const auto input = inputs.next(ticks[i]);
    if (i == left_out) continue;
    const auto answer = predictor.on_tick(0, *input.row, input.twice_mid_e9, input.closed, input.time_ns);
    predictor.after_tick(0);
    run.answers.push_back(bits_of(answer));
    run.valid += answer.state == PredictionState::valid;
    run.changes += answer.regime_changed;
  }
  return run;
}

void expect_one_answer_everywhere(std::span<const Tick> ticks, std::size_t changes_min) {
  const RegimeModel regime = test::regime_of(scalper(), ticks);
  const Answers expected = answers_of(regime, ticks, best_isa());
  EXPECT_GT(expected.valid, ticks.size() / 2);
  EXPECT_GE(expected.changes, changes_min);
  EXPECT_EQ(answers_of(regime, ticks, best_isa()).answers, expected.answers) << "a second run";
  for (const Isa isa : test::available_isas())
    EXPECT_EQ(answers_of(regime, ticks, isa).answers, expected.answers) << isa_name(isa);
}

TEST(Predictor, three_members_answer_alike_in_every_run_and_on_every_isa_over_a_real_gold_day) {
  const auto path = test::data_dir() / "ticks" / "oanda_xauusd_tick_20140502.csv.zst";
  TT_REQUIRE_DATA(path);
  std::vector<Tick> ticks = test::lean_ticks(path, test::kFridayNs);
  if (!test::is_long_run()) ticks.resize(60'000);
  expect_one_answer_everywhere(ticks, 3);
}

TEST(Predictor, three_members_answer_alike_in_every_run_and_on_every_isa_over_random_ticks) {
  expect_one_answer_everywhere(test::random_ticks(15'000, 3), 3);
}

TEST(Predictor, a_run_that_misses_one_row_is_told_apart) {
  const auto ticks = test::random_ticks(4'000, 3);
  const RegimeModel regime = test::regime_of(scalper(), ticks);
  const Answers expected = answers_of(regime, ticks, best_isa());
  const Answers missed = answers_of(regime, ticks, best_isa(), 2'000);
  EXPECT_TRUE(std::equal(expected.answers.begin(), expected.answers.begin() + 2'000, missed.answers.begin()));
  EXPECT_FALSE(std::equal(expected.answers.begin() + 2'001, expected.answers.end(), missed.answers.begin() + 2'000));
}

TEST(Predictor, restored_at_a_hundred_random_points_equals_never_having_stopped) {
  const auto ticks = test::random_ticks(12'000, 5);
  const RegimeModel regime = test::regime_of(scalper(), ticks);
  std::vector<DecisionModel> models;
  for (const Isa isa : test::available_isas()) models.push_back(test::three_members(scalper(), regime, isa));
  Predictor whole(models.back(), 2);
  auto broken = std::make_unique<Predictor>(models.front(), 2);
  for (Predictor* predictor : {&whole, broken.get()}) {
    predictor->enable(0);
    predictor->enable(1);
  }
  test::PredictorInputs inputs(scalper(), best_isa());
  std::mt19937_64 random(6);
  std::size_t restored = 0;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    if (random() % 110 == 0) {
      const auto bytes = broken->snapshot();
      ASSERT_EQ(bytes, whole.snapshot());
      broken = std::make_unique<Predictor>(models[restored++ % models.size()], 2);
      broken->enable(0);
      broken->enable(1);
      const auto done = broken->restore(bytes);
      ASSERT_TRUE(done.has_value()) << done.error().message();
    }
    const auto input = inputs.next(ticks[i]);
    const auto id = static_cast<InstrumentId>(i / 7 % 2);
    const auto expected = whole.on_tick(id, *input.row, input.twice_mid_e9, input.closed, input.time_ns);
    const auto found = broken->on_tick(id, *input.row, input.twice_mid_e9, input.closed, input.time_ns);
    ASSERT_EQ(bits_of(found), bits_of(expected));
    if (random() % 2 == 0) {
      whole.after_tick(id);
      broken->after_tick(id);
    }
    if (random() % 3'000 == 0) {
      whole.on_gap();
      broken->on_gap();
    }
  }
  EXPECT_GE(restored, 100u);
  EXPECT_EQ(broken->snapshot(), whole.snapshot());
}

TEST(Predictor, bytes_of_another_model_or_damaged_ones_are_refused_and_change_nothing) {
  const DecisionModel model = lstm_model();
  Desk desk(model);
  for (const FeatureRow& row : random_rows(20, 50)) desk.tick(row);
  const auto good = desk.predictor.snapshot();
  for (const FeatureRow& row : random_rows(5, 51)) desk.tick(row);
  const auto now = desk.predictor.snapshot();
  for (std::size_t at = 0; at < good.size(); at += at < 400 ? 1 : 97) {
    auto bad = good;
    bad[at] ^= std::byte{0x10};
    EXPECT_FALSE(desk.predictor.restore(bad).has_value()) << at;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{63}, std::size_t{64}, good.size() - 1})
    EXPECT_FALSE(desk.predictor.restore(std::span(good).first(size)).has_value()) << size;
  EXPECT_EQ(desk.predictor.snapshot(), now);
  DecisionModel other = lstm_model();
  other.digest[5] ^= 1;
  Desk other_desk(other);
  const auto refused = other_desk.predictor.restore(good);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().field, "model");
  Predictor two(model, 2);
  two.enable(0);
  two.enable(1);
  EXPECT_EQ(two.restore(good).error().field, "size");
  Predictor elsewhere(model, 2);
  elsewhere.enable(1);
  EXPECT_EQ(elsewhere.restore(good).error().field, "instrument");
  EXPECT_TRUE(desk.predictor.restore(good).has_value());
  EXPECT_EQ(desk.predictor.snapshot(), good);
}

TEST(DecisionModelCheck, names_the_first_field_with_which_no_predictor_can_run) {
  const std::vector<std::pair<std::string, std::function<void(DecisionModel&)>>> cases = {
      {"features", [](DecisionModel& m) { m.features = nullptr; }},
      {"mandatory", [](DecisionModel& m) { m.mandatory.set(64); }},
      {"members", [](DecisionModel& m) { m.members.clear(); }},
      {"members[0].lanes", [](DecisionModel& m) { m.members[0].lanes.pop_back(); }},
      {"members[0].lanes[7]", [](DecisionModel& m) { m.members[0].lanes[7] = 64; }},
      {"members[0].scaling", [](DecisionModel& m) { m.members[0].scaling.resize(63); }},
      {"members[0].scaling[2]",
       [](DecisionModel& m) {
         m.members[0].scaling.resize(64);
         m.members[0].scaling[2].clip = -1.0f;
       }},
      {"members[0].scaling[0]",
       [](DecisionModel& m) {
         m.members[0].scaling.resize(64);
         m.members[0].scaling[0].mean = kNaN;
       }},
      {"members[0].output", [](DecisionModel& m) { m.members[0].output = 2; }},
      {"members[0].scale", [](DecisionModel& m) { m.members[0].scale = std::nan(""); }},
      {"members[0].scale", [](DecisionModel& m) { m.members[0].offset = 1e10; }},
      {"members[0].warm_up_steps",
       [](DecisionModel& m) {
         m.members[0] = test::trees_member(test::made_up_trees(1, 64, best_isa()));
         m.members[0].warm_up_steps = 1;
       }},
      {"ensemble.members", [](DecisionModel& m) { m.ensemble.members = 2; }},
      {"member[0].age_ns_max", [](DecisionModel& m) { m.ensemble.member[0].age_ns_max = 0; }},
      {"sequence_gap_ns", [](DecisionModel& m) { m.sequence_gap_ns = -1; }},
      {"regime_lanes", [](DecisionModel& m) { m.regime_lanes.clear(); }},
      {"regime_lanes[0]", [](DecisionModel& m) { m.regime_lanes[0] = 200; }},
      {"regime.weights", [](DecisionModel& m) { m.regime->table.members = 2; }},
      {"regimes.unknown.risk_scale", [](DecisionModel& m) { m.regime->table.rows[0].risk_scale = 1.5; }},
  };
  for (const auto& [field, spoil] : cases) {
    DecisionModel model = regime_model();
    spoil(model);
    const auto checked = model.validate();
    ASSERT_FALSE(checked.has_value()) << field;
    EXPECT_EQ(checked.error().field, field);
  }
}

}  // namespace
}  // namespace thintail
