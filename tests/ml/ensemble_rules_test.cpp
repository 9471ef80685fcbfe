// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "ml/ensemble/ensemble.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

EnsembleConfig config_of(EnsembleRule rule, std::uint32_t members) {
  EnsembleConfig config{.rule = rule, .members = members};
  for (std::uint32_t i = 0; i < members; ++i) config.member[i].age_ns_max = kSecondNs;
  config.outcome = {.horizon_ns = 10 * kSecondNs, .sample_ns = kSecondNs, .silence_ns_max = 5 * kSecondNs};
  return config;
}

Ensemble made(const EnsembleConfig& config, const std::vector<double>& scores) {
  const auto valid = config.validate();
  if (!valid) ADD_FAILURE() << valid.error().message();
  Ensemble ensemble(config);
  for (std::uint32_t i = 0; i < scores.size(); ++i) ensemble.set_member(i, scores[i], PredictionState::valid, 0);
  return ensemble;
}

TEST(EnsembleRules, soft_voting_is_the_mean_of_those_that_speak) {
  const Ensemble ensemble = made(config_of(EnsembleRule::soft, 4), {1.0, 2.0, 6.0});
  const EnsemblePrediction said = ensemble.predict(0);
  EXPECT_EQ(said.fault, EnsembleFault::none);
  EXPECT_EQ(said.score, 3.0);
  EXPECT_EQ(said.used, 0b111u);
}

TEST(EnsembleRules, hard_voting_counts_directions_and_abstentions) {
  EnsembleConfig config = config_of(EnsembleRule::hard, 4);
  config.unanimous_score = 8.0;
  for (auto& member : config.member) member.vote_min = 0.5;
  EXPECT_EQ(made(config, {0.6, 100.0, 0.7, 1.0}).predict(0).score, 8.0);
  EXPECT_EQ(made(config, {-0.6, -100.0, 0.7, 0.5}).predict(0).score, -2.0);  // two down, one up, one abstains
  EXPECT_EQ(made(config, {-0.6, 0.6}).predict(0).score, 0.0);
}

TEST(EnsembleRules, weights_are_shared_among_those_that_speak) {
  EnsembleConfig config = config_of(EnsembleRule::weighted, 3);
  config.member[0].weight = 1.0;
  config.member[1].weight = 3.0;
  config.member[2].weight = 100.0;
  EXPECT_EQ(made(config, {4.0, 8.0}).predict(0).score, 7.0);
  EXPECT_EQ(made(config, {4.0, 8.0}).shares(0)[1], 0.75);
  config.member[0].weight = config.member[1].weight = 0.0;
  const EnsemblePrediction said = made(config, {4.0, 8.0}).predict(0);
  EXPECT_EQ(said.fault, EnsembleFault::no_weight);
  EXPECT_EQ(said.score, 0.0);
}

TEST(EnsembleRules, stacking_is_linear_and_replaces_what_is_missing) {
  EnsembleConfig config = config_of(EnsembleRule::stacking, 3);
  config.bias = 0.5;
  config.member[0].weight = 2.0;
  config.member[1].weight = -1.0;
  config.member[2].weight = 10.0;
  config.member[2].missing_score = 0.25;
  EXPECT_EQ(made(config, {1.0, 4.0, 3.0}).predict(0).score, 0.5 + 2.0 - 4.0 + 30.0);
  EXPECT_EQ(made(config, {1.0, 4.0}).predict(0).score, 0.5 + 2.0 - 4.0 + 2.5);
}

// A meta-model that is not linear: the score of the largest magnitude, plus a number that tells what it was given.
struct Loudest {
  double plus;
  static double evaluate(const void* context, const double* scores, MemberMask used, std::uint32_t members) noexcept {
    double loudest = 0.0;
    for (std::uint32_t i = 0; i < members; ++i) loudest = std::abs(scores[i]) > std::abs(loudest) ? scores[i] : loudest;
    return loudest + static_cast<const Loudest*>(context)->plus * used;
  }
};

TEST(EnsembleRules, stacking_asks_a_meta_model_where_there_is_one) {
  const Loudest loudest{.plus = 100.0};
  EnsembleConfig config = config_of(EnsembleRule::stacking, 3);
  config.meta = {.evaluate = &Loudest::evaluate, .context = &loudest};
  config.member[2].missing_score = -9.0;
  EXPECT_EQ(made(config, {1.0, -4.0}).predict(0).score, -9.0 + 300.0);
  EXPECT_EQ(made(config, {1.0, -4.0, 2.0}).predict(0).score, -4.0 + 700.0);
}

TEST(EnsembleRules, each_member_ages_by_its_own_limit) {
  EnsembleConfig config = config_of(EnsembleRule::soft, 2);
  config.member[1].age_ns_max = 70 * kSecondNs;  // speaks once a bar
  Ensemble ensemble = made(config, {1.0, 5.0});
  EXPECT_EQ(ensemble.predict(kSecondNs).score, 3.0);
  EXPECT_EQ(ensemble.predict(kSecondNs + 1).score, 5.0);
  EXPECT_EQ(ensemble.predict(70 * kSecondNs).used, 0b10u);
  const EnsemblePrediction late = ensemble.predict(70 * kSecondNs + 1);
  EXPECT_EQ(late.fault, EnsembleFault::no_member);
  EXPECT_EQ(late.used, 0u);
  EXPECT_EQ(late.score, 0.0);
  ensemble.set_member(0, 2.0, PredictionState::valid, 80 * kSecondNs);
  EXPECT_EQ(ensemble.predict(80 * kSecondNs).score, 2.0);
  // A time before the prediction was made sees nothing of it.
  EXPECT_EQ(ensemble.predict(80 * kSecondNs - 1).fault, EnsembleFault::no_member);
}

TEST(EnsembleRules, an_invalid_prediction_withdraws_the_one_before) {
  for (const double bad : {kNaN, kInfinity, -kInfinity}) {
    Ensemble ensemble = made(config_of(EnsembleRule::soft, 2), {1.0, 5.0});
    ensemble.set_member(1, bad, PredictionState::valid, 1);
    EXPECT_EQ(ensemble.predict(1).score, 1.0);
    ensemble.set_member(0, 3.0, PredictionState::warming_up, 2);
    EXPECT_EQ(ensemble.predict(2).fault, EnsembleFault::no_member);
    ensemble.set_member(1, 7.0, PredictionState::valid, 3);
    EXPECT_EQ(ensemble.predict(3).score, 7.0);
  }
}

TEST(EnsembleRules, nobody_at_all_makes_every_rule_invalid) {
  for (const EnsembleRule rule :
       {EnsembleRule::soft, EnsembleRule::hard, EnsembleRule::weighted, EnsembleRule::stacking, EnsembleRule::online}) {
    const EnsemblePrediction said = made(config_of(rule, 3), {}).predict(0);
    EXPECT_EQ(said.fault, EnsembleFault::no_member);
    EXPECT_EQ(prediction_state(said.fault), PredictionState::warming_up);
  }
}

TEST(EnsembleRules, too_few_or_a_mandatory_one_missing_gives_no_prediction) {
  EnsembleConfig config = config_of(EnsembleRule::soft, 3);
  config.members_min = 2;
  config.member[2].is_mandatory = true;
  Ensemble ensemble = made(config, {1.0, 2.0});
  EXPECT_EQ(ensemble.predict(0).fault, EnsembleFault::mandatory_missing);
  ensemble.set_member(2, 3.0, PredictionState::valid, 0);
  EXPECT_EQ(ensemble.predict(0).score, 2.0);
  ensemble.set_member(0, kNaN, PredictionState::valid, 0);
  EXPECT_EQ(ensemble.predict(0).score, 2.5);
  ensemble.set_member(1, kNaN, PredictionState::valid, 0);
  EXPECT_EQ(ensemble.predict(0).fault, EnsembleFault::too_few);
}

TEST(EnsembleRules, a_sum_beyond_doubles_is_not_finite_rather_than_a_number) {
  const EnsemblePrediction said = made(config_of(EnsembleRule::soft, 2), {1.7e308, 1.7e308}).predict(0);
  EXPECT_EQ(said.fault, EnsembleFault::not_finite);
  EXPECT_EQ(said.score, 0.0);
  EXPECT_EQ(prediction_state(said.fault), PredictionState::not_finite);
  // The online rule holds scores within its range.
  EXPECT_EQ(made(config_of(EnsembleRule::online, 2), {1.7e308, 1.7e308}).predict(0).score, 10.0);
}

TEST(EnsembleRules, a_negative_zero_becomes_zero) {
  for (const EnsembleRule rule :
       {EnsembleRule::soft, EnsembleRule::hard, EnsembleRule::weighted, EnsembleRule::stacking, EnsembleRule::online}) {
    EXPECT_FALSE(std::signbit(made(config_of(rule, 2), {-0.0, -0.0}).predict(0).score));
  }
}

TEST(EnsembleRules, the_regime_s_multipliers_weigh_and_remove_members) {
  Ensemble ensemble = made(config_of(EnsembleRule::soft, 3), {1.0, 4.0, 10.0});
  ensemble.set_multipliers(std::vector<double>{1.0, 2.0, 0.0});
  EXPECT_EQ(ensemble.predict(0).score, 3.0);
  EXPECT_EQ(ensemble.predict(0).used, 0b011u);
  ensemble.set_multipliers(std::vector<double>{kNaN, -1.0});  // what is no weight is none; the third is not given
  EXPECT_EQ(ensemble.predict(0).score, 10.0);
  ensemble.set_multipliers(std::vector<double>{0.0, 0.0, kInfinity});
  EXPECT_EQ(ensemble.predict(0).fault, EnsembleFault::no_member);
  ensemble.set_multipliers({});
  EXPECT_EQ(ensemble.predict(0).score, 5.0);
}

TEST(EnsembleRules, all_sixteen_members_count) {
  EnsembleConfig config = config_of(EnsembleRule::soft, kMembersMax);
  std::vector<double> scores;
  for (std::size_t i = 0; i < kMembersMax; ++i) scores.push_back(static_cast<double>(i));
  EXPECT_EQ(made(config, scores).predict(0).score, 7.5);
}

TEST(EnsembleConfig, validation_names_the_field_that_is_out_of_range) {
  const auto field = [](auto&& spoil, EnsembleRule rule = EnsembleRule::online) {
    EnsembleConfig config = config_of(rule, 2);
    spoil(config);
    const auto valid = config.validate();
    return valid ? std::string("valid") : valid.error().field;
  };
  using C = EnsembleConfig;
  EXPECT_EQ(field([](C&) {}), "valid");
  EXPECT_EQ(field([](C& c) { c.rule = static_cast<EnsembleRule>(5); }), "rule");
  EXPECT_EQ(field([](C& c) { c.members = 0; }), "members");
  EXPECT_EQ(field([](C& c) { c.members = 17; }), "members");
  EXPECT_EQ(field([](C& c) { c.members_min = 0; }), "members_min");
  EXPECT_EQ(field([](C& c) { c.members_min = 3; }), "members_min");
  EXPECT_EQ(field([](C& c) { c.member[1].age_ns_max = 0; }), "member[1].age_ns_max");
  EXPECT_EQ(field([](C& c) { c.member[0].weight = -1.0; }), "member[0].weight");
  EXPECT_EQ(field([](C& c) { c.member[0].weight = -1.0; }, EnsembleRule::stacking), "valid");
  EXPECT_EQ(field([](C& c) { c.member[0].weight = kNaN; }, EnsembleRule::stacking), "member[0].weight");
  EXPECT_EQ(field([](C& c) { c.member[0].weight = c.member[1].weight = 0.0; }), "member[].weight");
  EXPECT_EQ(field([](C& c) { c.member[1].vote_min = kInfinity; }), "member[1].vote_min");
  EXPECT_EQ(field([](C& c) { c.member[1].missing_score = kNaN; }), "member[1].missing_score");
  EXPECT_EQ(field([](C& c) { c.unanimous_score = 0.0; }), "unanimous_score");
  EXPECT_EQ(field([](C& c) { c.bias = kNaN; }), "bias");
  EXPECT_EQ(field([](C& c) { c.hedge.score_max = 0.0; }), "hedge.score_max");
  EXPECT_EQ(field([](C& c) { c.hedge.rate = -1.0; }), "hedge.rate");
  EXPECT_EQ(field([](C& c) { c.hedge.half_life_outcomes = kNaN; }), "hedge.half_life_outcomes");
  EXPECT_EQ(field([](C& c) { c.hedge.lag_max = 0.5; }), "hedge.lag_max");
  EXPECT_EQ(field([](C& c) { c.hedge.loss = static_cast<HedgeLoss>(2); }), "hedge.loss");
  EXPECT_EQ(field([](C& c) { c.outcome.horizon_ns = 0; }), "outcome.horizon_ns");
  EXPECT_EQ(field([](C& c) { c.outcome.sample_ns = c.outcome.horizon_ns / 64; }), "outcome.sample_ns");
  EXPECT_EQ(field([](C& c) { c.outcome.sample_ns = (c.outcome.horizon_ns + 62) / 63; }), "valid");
  EXPECT_EQ(field([](C& c) { c.outcome.silence_ns_max = -1; }), "outcome.silence_ns_max");
}

}  // namespace
}  // namespace thintail
