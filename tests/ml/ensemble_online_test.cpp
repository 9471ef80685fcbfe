// SPDX-License-Identifier: Apache-2.0
// Weights that are learned: bounds on regret against adversaries, replay and restore byte by byte, and what may come in.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "ml/ensemble/ensemble.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double loss_of(HedgeLoss kind, double score, double outcome, double max) {
  const double off = std::abs(std::clamp(score, -max, max) - std::clamp(outcome, -max, max)) / (2.0 * max);
  return kind == HedgeLoss::squared ? off * off : off;
}

// An adversary sees the weights before it chooses what members say and what comes.
struct Round {
  MemberLanes score{};
  double outcome = 0.0;
};
using Adversary = std::function<Round(std::size_t round, const MemberLanes& weights, std::uint32_t members)>;

struct Regret {
  double ensemble = 0.0;  // loss
  double best = 0.0;
  double regret() const { return ensemble - best; }
};

Regret play(const HedgeConfig& config, std::uint32_t members, std::size_t rounds, const Adversary& adversary) {
  const Hedge hedge(config, members);
  HedgeState state;
  MemberLanes prior{};
  std::fill_n(prior.begin(), members, 1.0);
  MemberLanes lost{};
  Regret out;
  const MemberMask all = (MemberMask{1} << members) - 1;
  for (std::size_t t = 0; t < rounds; ++t) {
    const MemberLanes weights = hedge.weights(state);
    const Round round = adversary(t, weights, members);
    double sum = 0.0, total = 0.0;
    for (std::uint32_t i = 0; i < members; ++i) {
      sum += weights[i] * std::clamp(round.score[i], -config.score_max, config.score_max);
      total += weights[i];
      lost[i] += loss_of(config.loss, round.score[i], round.outcome, config.score_max);
    }
    out.ensemble += loss_of(config.loss, sum / total, round.outcome, config.score_max);
    EXPECT_TRUE(hedge.learn(round.score, prior, all, round.outcome, state));
  }
  out.best = *std::min_element(lost.begin(), lost.begin() + members);
  return out;
}

std::vector<std::pair<const char*, Adversary>> adversaries() {
  const auto random = std::make_shared<std::mt19937_64>(1);
  return {
      {"punishes the heaviest member",
       [](std::size_t, const MemberLanes& weights, std::uint32_t members) {
         Round round{.score = {}, .outcome = 10.0};
         const auto heaviest = std::max_element(weights.begin(), weights.begin() + members) - weights.begin();
         for (std::uint32_t i = 0; i < members; ++i)
           round.score[i] = static_cast<std::ptrdiff_t>(i) == heaviest ? -10.0 : 10.0;
         return round;
       }},
      {"answers against the weighted mean",
       [random](std::size_t, const MemberLanes& weights, std::uint32_t members) {
         Round round;
         double sum = 0.0;
         for (std::uint32_t i = 0; i < members; ++i) {
           round.score[i] = ((*random)() & 1u) != 0 ? 10.0 : -10.0;
           sum += weights[i] * round.score[i];
         }
         round.outcome = sum >= 0.0 ? -10.0 : 10.0;
         return round;
       }},
      {"alternates, so that following the leader is always wrong",
       [](std::size_t t, const MemberLanes&, std::uint32_t members) {
         Round round{.score = {}, .outcome = t % 2 == 0 ? 10.0 : -10.0};
         for (std::uint32_t i = 0; i < members; ++i) round.score[i] = i % 2 == 0 ? 10.0 : -10.0;
         return round;
       }},
      {"coins, with one member a little better",
       [random](std::size_t, const MemberLanes&, std::uint32_t members) {
         Round round{.score = {}, .outcome = ((*random)() & 1u) != 0 ? 10.0 : -10.0};
         for (std::uint32_t i = 0; i < members; ++i) round.score[i] = ((*random)() & 1u) != 0 ? 10.0 : -10.0;
         if ((*random)() % 10 < 2) round.score[members - 1] = round.outcome;
         return round;
       }},
      {"the best member changes half way",
       [random](std::size_t t, const MemberLanes&, std::uint32_t members) {
         Round round{.score = {}, .outcome = ((*random)() & 1u) != 0 ? 7.0 : -7.0};
         for (std::uint32_t i = 0; i < members; ++i) round.score[i] = ((*random)() & 1u) != 0 ? 3.0 : -3.0;
         round.score[t < 2'000 ? 0 : members - 1] = round.outcome;
         return round;
       }},
  };
}

TEST(Hedge, regret_stays_below_the_bound_of_its_own_rate) {
  for (const std::uint32_t members : {2U, 5U, 16U}) {
    for (const HedgeLoss loss : {HedgeLoss::absolute, HedgeLoss::squared}) {
      for (const auto& [name, adversary] : adversaries()) {
        const Regret regret = play({.loss = loss}, members, 4'000, adversary);
        const double n = 4'000;
        const double bound = 2.0 * std::sqrt(n * std::log(members) / 2.0) + std::sqrt(std::log(members) / 8.0);
        EXPECT_LE(regret.regret(), bound) << name << ", " << members;
      }
    }
  }
}

TEST(Hedge, regret_stays_below_the_bound_of_a_fixed_rate) {
  for (const double rate : {0.02, 0.1, 1.0}) {
    for (const auto& [name, adversary] : adversaries()) {
      const Regret regret = play({.rate = rate, .loss = HedgeLoss::absolute}, 8, 4'000, adversary);
      EXPECT_LE(regret.regret(), std::log(8) / rate + 4'000 * rate / 8) << name << ", rate " << rate;
    }
  }
}

TEST(Hedge, with_squared_losses_regret_does_not_grow_with_time) {
  for (const std::uint32_t members : {2U, 16U}) {
    for (const std::size_t rounds : {100u, 4'000u, 20'000u}) {
      for (const auto& [name, adversary] : adversaries()) {
        const Regret regret = play({.rate = 0.5, .loss = HedgeLoss::squared}, members, rounds, adversary);
        EXPECT_LE(regret.regret(), std::log(members) / 0.5 + 1e-6) << name << ", " << rounds;
      }
    }
  }
}

TEST(Hedge, the_bound_is_no_empty_promise_equal_weights_break_it) {
  // A rate of nearly nothing keeps the weights equal: the second adversary but one then costs more than the bound allows.
  const auto coins = adversaries()[3].second;
  Regret equal = play({.rate = 1e-9, .loss = HedgeLoss::absolute}, 16, 20'000, coins);
  const double n = 20'000;
  EXPECT_GT(equal.regret(), 2.0 * std::sqrt(n * std::log(16) / 2.0) + std::sqrt(std::log(16) / 8.0));
}

TEST(Hedge, weights_find_the_best_member_and_forgetting_finds_the_next) {
  const auto changing = adversaries()[4].second;
  for (const double half_life : {0.0, 50.0}) {
    const HedgeConfig config{.rate = 0.5, .half_life_outcomes = half_life, .loss = HedgeLoss::squared};
    const Hedge hedge(config, 4);
    HedgeState state;
    const MemberLanes prior = {1, 1, 1, 1};
    for (std::size_t t = 0; t < 2'200; ++t) {
      const Round round = changing(t, hedge.weights(state), 4);
      ASSERT_TRUE(hedge.learn(round.score, prior, 0b1111, round.outcome, state));
      if (t == 1'999) {
        EXPECT_EQ(hedge.weights(state)[0], 1.0);
        EXPECT_LT(hedge.weights(state)[3], 0.05);
      }
    }
    const MemberLanes weights = hedge.weights(state);
    EXPECT_EQ(weights[3] > weights[0], half_life > 0.0) << "200 rounds after the change";
  }
}

TEST(Hedge, an_absent_member_neither_gains_nor_loses_against_the_whole) {
  const Hedge hedge({.rate = 0.5, .loss = HedgeLoss::absolute}, 3);
  HedgeState state;
  const MemberLanes prior = {1, 1, 1};
  // The two that speak lose 0 and 1, the ensemble of them a half: so does the third.
  ASSERT_TRUE(hedge.learn({10, -10, 0}, prior, 0b011, 10.0, state));
  EXPECT_DOUBLE_EQ(state.lag[0], 0.0);
  EXPECT_DOUBLE_EQ(state.lag[1], 1.0);
  EXPECT_DOUBLE_EQ(state.lag[2], 0.5);
}

TEST(Hedge, what_is_no_outcome_teaches_nothing) {
  const Hedge hedge({}, 2);
  HedgeState state;
  for (const double outcome : {kNaN, kInfinity, -kInfinity})
    EXPECT_FALSE(hedge.learn({1, 2}, {1, 1}, 0b11, outcome, state));
  EXPECT_FALSE(hedge.learn({1, 2}, {1, 1}, 0, 1.0, state));
  EXPECT_FALSE(hedge.learn({1, 2}, {0, 0}, 0b11, 1.0, state));
  EXPECT_EQ(state.outcomes, 0u);
  EXPECT_EQ(state.lag, MemberLanes{});
}

TEST(Hedge, lags_are_bounded_and_weights_finite_however_long_one_is_wrong) {
  const Hedge hedge({.rate = 100.0, .lag_max = 50.0, .loss = HedgeLoss::absolute}, 2);
  HedgeState state;
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(hedge.learn({1e300, -1e300}, {1, 1}, 0b11, 1e300, state));
  EXPECT_EQ(state.lag[1], 50.0);
  EXPECT_EQ(hedge.weights(state)[0], 1.0);
  EXPECT_EQ(hedge.weights(state)[1], 0.0);
  // So it is back after 50 outcomes, not 100,000.
  for (int i = 0; i < 51; ++i) ASSERT_TRUE(hedge.learn({1e300, -1e300}, {1, 1}, 0b11, -1e300, state));
  EXPECT_EQ(hedge.weights(state)[1], 1.0);
}

EnsembleConfig online(std::uint32_t members) {
  EnsembleConfig config{.rule = EnsembleRule::online, .members = members};
  for (std::uint32_t i = 0; i < members; ++i) config.member[i].age_ns_max = i % 2 == 0 ? 2 * kSecondNs : 90 * kSecondNs;
  config.hedge.half_life_outcomes = 500;
  config.outcome = {.horizon_ns = 30 * kSecondNs, .sample_ns = kSecondNs, .silence_ns_max = 20 * kSecondNs};
  EXPECT_TRUE(config.validate().has_value());
  return config;
}

// A stream of events as an ensemble sees them: members of ticks and of bars, quotes, timers, regimes, a session's end, and nonsense.
struct Step {
  enum class Kind { member, mid, time, multipliers, predict, close } kind;
  std::uint32_t member = 0;
  double score = 0.0;
  std::int64_t now_ns = 0;
};

std::vector<Step> stream(std::size_t count, std::uint64_t seed, std::uint32_t members) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Step> steps;
  std::int64_t now_ns = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto dice = random() % 100;
    now_ns += dice == 0 ? 60 * kSecondNs : static_cast<std::int64_t>(random() % 300'000'000);
    Step step{.kind = Step::Kind::predict, .now_ns = now_ns};
    if (dice < 40) {
      step.kind = Step::Kind::member;
      step.member = static_cast<std::uint32_t>(random() % members);
      step.score = dice == 1 ? kNaN : dice == 2 ? kInfinity : 5.0 * normal(random);
    } else if (dice < 60) {
      step.kind = Step::Kind::mid;
      step.score = 2.5e12 + 1e9 * normal(random);
    } else if (dice < 65) {
      step.kind = Step::Kind::time;
    } else if (dice == 65) {
      step.kind = Step::Kind::multipliers;
      step.score = static_cast<double>(random() % 3);
    } else if (dice == 66 && random() % 20 == 0) {
      step.kind = Step::Kind::close;
    }
    steps.push_back(step);
  }
  return steps;
}

// What was predicted, as bytes.
std::vector<EnsemblePrediction> run(Ensemble& ensemble, std::span<const Step> steps) {
  std::vector<EnsemblePrediction> said;
  for (const Step& step : steps) {
    switch (step.kind) {
      case Step::Kind::member: ensemble.set_member(step.member, step.score, PredictionState::valid, step.now_ns); break;
      case Step::Kind::mid: ensemble.on_mid(static_cast<std::int64_t>(step.score), step.now_ns); break;
      case Step::Kind::time: ensemble.on_time(step.now_ns); break;
      case Step::Kind::multipliers: ensemble.set_multipliers(std::vector<double>{step.score, 1.0}); break;
      case Step::Kind::close: ensemble.drop_pending(); break;
      case Step::Kind::predict: said.push_back(ensemble.predict_and_remember(step.now_ns)); break;
    }
  }
  return said;
}

bool same_bytes(const std::vector<EnsemblePrediction>& a, const std::vector<EnsemblePrediction>& b) {
  static_assert(sizeof(EnsemblePrediction) == 16);
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0;
}

bool same_bytes(const EnsembleState& a, const EnsembleState& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

TEST(EnsembleOnline, a_replay_gives_the_same_bytes) {
  const auto steps = stream(50'000, 5, 6);
  Ensemble first(online(6));
  Ensemble second(online(6));
  const auto said = run(first, steps);
  EXPECT_TRUE(same_bytes(said, run(second, steps)));
  EXPECT_TRUE(same_bytes(first.state(), second.state()));
  EXPECT_GT(first.state().hedge.outcomes, 1'000u);
  EXPECT_GT(first.state().outcomes.dropped, 0u);
  for (const EnsemblePrediction& one : said) ASSERT_TRUE(std::isfinite(one.score) && std::abs(one.score) <= 10.0);
}

TEST(EnsembleOnline, quotes_left_out_are_seen_by_that_check) {
  const auto steps = stream(5'000, 6, 4);
  auto shorter = steps;
  std::size_t mids = 0;
  std::erase_if(shorter, [&](const Step& step) { return step.kind == Step::Kind::mid && ++mids % 100 == 0; });
  ASSERT_LT(shorter.size(), steps.size());
  Ensemble first(online(4));
  Ensemble second(online(4));
  EXPECT_FALSE(same_bytes(run(first, steps), run(second, shorter)));
  EXPECT_FALSE(same_bytes(first.state(), second.state()));
}

TEST(EnsembleOnline, restored_from_any_point_it_goes_on_as_if_never_stopped) {
  const auto steps = stream(20'000, 7, 5);
  Ensemble whole(online(5));
  run(whole, steps);
  for (const std::size_t at : {1u, 777u, 10'000u, 19'999u}) {
    Ensemble before(online(5));
    run(before, std::span(steps).first(at));
    Ensemble after(online(5));
    after.restore(before.state());
    run(after, std::span(steps).subspan(at));
    EXPECT_TRUE(same_bytes(after.state(), whole.state())) << at;
  }
}

TEST(EnsembleOnline, cutting_the_stream_never_changes_what_was_predicted_before) {
  const auto steps = stream(3'000, 8, 4);
  Ensemble whole(online(4));
  const auto full = run(whole, steps);
  for (std::size_t at = 1; at < steps.size(); at += 7) {
    Ensemble cut(online(4));
    const auto said = run(cut, std::span(steps).first(at));
    ASSERT_TRUE(said.empty() || std::memcmp(said.data(), full.data(), said.size() * sizeof(said[0])) == 0) << at;
  }
}

TEST(EnsembleOnline, the_outcome_is_the_last_mid_at_or_before_the_horizon) {
  EnsembleConfig config{.rule = EnsembleRule::online, .members = 2};
  config.member[0].age_ns_max = config.member[1].age_ns_max = 100 * kSecondNs;
  config.hedge = {.score_max = 10.0, .rate = 1.0, .loss = HedgeLoss::absolute};
  config.outcome = {.horizon_ns = 10 * kSecondNs, .sample_ns = kSecondNs, .silence_ns_max = 5 * kSecondNs};
  ASSERT_TRUE(config.validate().has_value());
  const auto after = [&](std::initializer_list<std::pair<std::int64_t, std::int64_t>> mids, std::int64_t until_ns) {
    Ensemble ensemble(config);
    ensemble.on_mid(1'000'000, 0);
    ensemble.set_member(0, 10.0, PredictionState::valid, 0);  // bp
    ensemble.set_member(1, -10.0, PredictionState::valid, 0);
    EXPECT_EQ(ensemble.predict_and_remember(0).score, 0.0);
    for (const auto& [time_ns, mid] : mids) ensemble.on_mid(mid, time_ns);
    ensemble.on_time(until_ns);
    return ensemble.state();
  };
  // +10 bp at the horizon itself: member 0 was right, member 1 wrong all the way.
  EXPECT_EQ(after({{10 * kSecondNs, 1'001'000}}, 10 * kSecondNs).hedge.outcomes, 0u);  // more may come at that time
  EXPECT_EQ(after({{10 * kSecondNs, 1'001'000}}, 10 * kSecondNs + 1).hedge.lag[1], 1.0);
  // A mid after the horizon does not count, whatever it says.
  EXPECT_EQ(after({{9 * kSecondNs, 1'001'000}, {10 * kSecondNs + 1, 900'000}}, 11 * kSecondNs).hedge.lag[1], 1.0);
  EXPECT_EQ(after({{9 * kSecondNs, 1'001'000}, {10 * kSecondNs + 1, 900'000}}, 11 * kSecondNs).hedge.outcomes, 1u);
  // Silence: the last mid is more than 5 s old at the horizon.
  EXPECT_EQ(after({{4 * kSecondNs, 1'001'000}}, 11 * kSecondNs).outcomes.dropped, 1u);
  EXPECT_EQ(after({{5 * kSecondNs, 1'001'000}}, 11 * kSecondNs).hedge.outcomes, 1u);
  // No price is no mid.
  EXPECT_EQ(after({{6 * kSecondNs, 1'001'000}, {7 * kSecondNs, 0}, {8 * kSecondNs, -5}}, 11 * kSecondNs).hedge.lag[1],
            1.0);
}

TEST(EnsembleOnline, predictions_are_kept_no_denser_than_the_queue_holds) {
  EnsembleConfig config = online(2);
  config.outcome.horizon_ns = 63 * kSecondNs;
  config.outcome.sample_ns = kSecondNs;
  config.outcome.silence_ns_max = 100 * kSecondNs;
  ASSERT_TRUE(config.validate().has_value());
  Ensemble ensemble(config);
  for (std::int64_t i = 0; i < 4'000; ++i) {
    const std::int64_t now_ns = i * kSecondNs / 10;
    ensemble.on_mid(1'000'000 + i, now_ns);
    ensemble.set_member(0, 1.0, PredictionState::valid, now_ns);
    ensemble.predict_and_remember(now_ns);
    ASSERT_LE(ensemble.state().outcomes.count, kOutcomesMax);
  }
  // One each second for 400 s; those of the last 63 s wait.
  EXPECT_EQ(ensemble.state().hedge.outcomes + ensemble.state().outcomes.count, 400u);
  EXPECT_EQ(ensemble.state().outcomes.dropped, 0u);
}

TEST(EnsembleOnline, the_member_that_foretells_the_market_gets_the_say) {
  EnsembleConfig config = online(3);
  for (auto& member : config.member) member.age_ns_max = 10 * kSecondNs;
  config.hedge = {.score_max = 20.0, .rate = 0.5};
  Ensemble ensemble(config);
  std::mt19937_64 random(9);
  std::normal_distribution<double> normal;
  std::vector<double> mids = {1'000'000'000.0};
  for (int i = 0; i < 3'100; ++i) mids.push_back(mids.back() * (1.0 + 1e-4 * normal(random)));
  for (std::size_t i = 0; i < 3'000; ++i) {
    const auto now_ns = static_cast<std::int64_t>(i) * kSecondNs;
    const double coming = 1e4 * (mids[i + 30] / mids[i] - 1.0);
    ensemble.on_mid(static_cast<std::int64_t>(mids[i]), now_ns);
    ensemble.set_member(0, coming + 3.0 * normal(random), PredictionState::valid, now_ns);
    ensemble.set_member(1, -coming, PredictionState::valid, now_ns);
    ensemble.set_member(2, 10.0 * normal(random), PredictionState::valid, now_ns);
    ensemble.predict_and_remember(now_ns);
  }
  EXPECT_GT(ensemble.shares(2'999 * kSecondNs)[0], 0.99);
}

}  // namespace
}  // namespace thintail
