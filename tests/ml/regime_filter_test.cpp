// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "ml/regime/regime_detector.hpp"
#include "tests/support/regime_rows.hpp"

namespace thintail {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The forward algorithm as the textbook writes it, in long double, with densities from libm.
std::vector<std::vector<long double>> naive_forward(const GaussianHmm& hmm, const test::RegimeRows& rows,
                                                    long double& log2_likelihood) {
  std::vector<std::vector<long double>> out;
  std::vector<long double> alpha(hmm.states);
  log2_likelihood = 0;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    std::vector<long double> next(hmm.states);
    long double sum = 0;
    for (std::uint32_t j = 0; j < hmm.states; ++j) {
      if (t == 0) next[j] = static_cast<long double>(hmm.initial[j]);
      for (std::uint32_t i = 0; i < hmm.states && t > 0; ++i)
        next[j] += alpha[i] * static_cast<long double>(hmm.transition[i][j]);
      for (std::uint32_t f = 0; f < hmm.features; ++f) {
        if (!std::isfinite(rows.row(t)[f])) continue;
        const auto variance = static_cast<long double>(hmm.variance[j][f]);
        const long double d = static_cast<long double>(rows.row(t)[f]) - static_cast<long double>(hmm.mean[j][f]);
        next[j] *= std::exp(-d * d / (2 * variance)) / std::sqrt(2 * 3.14159265358979323846264338327950288L * variance);
      }
      sum += next[j];
    }
    log2_likelihood += std::log2(sum);
    for (auto& value : next) value /= sum;
    alpha = next;
    out.push_back(next);
  }
  return out;
}

TEST(HmmFilter, equals_the_naive_forward_algorithm_in_long_double) {
  for (const std::uint32_t states : {2U, 3U, 4U, 8U}) {
    for (const std::uint32_t features : {1U, 3U, 8U}) {
      const GaussianHmm hmm = test::random_hmm(states, features, states * 100 + features);
      const auto rows = test::draw_rows(hmm, 500, features, 0.2);
      long double expected_likelihood = 0;
      const auto expected = naive_forward(hmm, rows, expected_likelihood);
      HmmFilter filter(hmm);
      double likelihood = 0.0;
      for (std::size_t t = 0; t < rows.size(); ++t) {
        filter.step(rows.row(t));
        likelihood += filter.state().log2_likelihood;
        for (std::uint32_t i = 0; i < states; ++i)
          ASSERT_NEAR(filter.probability()[i], static_cast<double>(expected[t][i]), 1e-13) << t << ' ' << i;
        for (std::size_t i = states; i < kHmmStatesMax; ++i) ASSERT_EQ(filter.probability()[i], 0.0);
      }
      EXPECT_NEAR(likelihood, static_cast<double>(expected_likelihood), 1e-9 * std::abs(likelihood));
    }
  }
}

TEST(HmmFilter, does_not_underflow_over_ten_million_rows) {
  const GaussianHmm hmm = test::four_regimes();
  const auto rows = test::draw_rows(hmm, 1'000, 5);
  HmmFilter filter(hmm);
  std::size_t right = 0;
  for (int round = 0; round < 10'000; ++round) {
    right = 0;
    for (std::size_t t = 0; t < rows.size(); ++t) {
      filter.step(rows.row(t));
      const auto best = std::max_element(filter.probability().begin(), filter.probability().end());
      right += best - filter.probability().begin() == rows.states[t] ? 1 : 0;
    }
    ASSERT_NEAR(lane_sum(filter.probability()), 1.0, 1e-15);
    ASSERT_TRUE(std::isfinite(filter.state().log2_likelihood));
  }
  EXPECT_EQ(filter.state().rows, 10'000'000u);
  EXPECT_GT(right, 900u);  // of the last thousand: it still tells the states apart
}

TEST(HmmFilter, a_row_that_is_missing_only_lets_time_pass) {
  const GaussianHmm hmm = test::four_regimes();
  HmmFilter filter(hmm);
  filter.step(std::vector<float>{2.0F, 0.5F});
  const StateLanes before = filter.probability();
  filter.step(std::vector<float>{kNaN, -kInfinity});
  for (std::size_t j = 0; j < 4; ++j) {
    double expected = 0.0;
    for (std::size_t i = 0; i < 4; ++i) expected += before[i] * hmm.transition[i][j];
    EXPECT_NEAR(filter.probability()[j], expected, 1e-15);
  }
  EXPECT_EQ(filter.state().missing, 2u);
  EXPECT_NEAR(filter.state().log2_likelihood, 0.0, 1e-15);
  // What is known fades to what the transitions alone say.
  for (int i = 0; i < 2'000; ++i) filter.step(std::vector<float>{kInfinity, kNaN});
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(filter.probability()[i], 0.25, 1e-9);
}

TEST(HmmFilter, no_input_makes_it_anything_but_a_distribution) {
  GaussianHmm hmm = test::four_regimes();
  hmm.variance[0][0] = GaussianHmm::kVarianceMin;
  hmm.variance[3][1] = GaussianHmm::kVarianceMax;
  hmm.mean[2][0] = GaussianHmm::kMeanMax;
  hmm.transition[0] = {1.0, 0.0, 0.0, 0.0};
  ASSERT_TRUE(hmm.validate().has_value());
  HmmFilter filter(hmm);
  const std::vector<float> values = {0.0F,     -0.0F,  1.0F, kNaN,    kInfinity, -kInfinity, 3.4e38F,
                                     -3.4e38F, 1e-45F, 1e9F, -1e-38F, 1e20F,     -1e20F};
  std::mt19937_64 random(3);
  for (int i = 0; i < 100'000; ++i) {
    filter.step(std::vector<float>{values[random() % values.size()], values[random() % values.size()]});
    ASSERT_NEAR(lane_sum(filter.probability()), 1.0, 1e-14) << i;
    for (const double p : filter.probability()) ASSERT_TRUE(p >= 0.0 && p <= 1.0) << i;
    ASSERT_TRUE(std::isfinite(filter.state().log2_likelihood)) << i;
  }
}

TEST(HmmFilter, a_state_that_cannot_be_reached_stays_impossible_whatever_a_row_says) {
  GaussianHmm hmm = test::four_regimes();
  hmm.initial = {1.0, 0.0, 0.0, 0.0};
  hmm.transition[0] = {0.5, 0.5, 0.0, 0.0};
  hmm.transition[1] = {0.5, 0.5, 0.0, 0.0};
  HmmFilter filter(hmm);
  for (int i = 0; i < 100; ++i) {
    filter.step(std::vector<float>{-1000.0F, 1000.0F});  // only the states that cannot be explain this
    EXPECT_EQ(filter.probability()[2], 0.0);
    EXPECT_EQ(filter.probability()[3], 0.0);
    EXPECT_NEAR(filter.probability()[0] + filter.probability()[1], 1.0, 1e-15);
  }
}

TEST(RegimeDetector, a_restored_copy_goes_on_with_the_same_bytes) {
  const GaussianHmm hmm = test::four_regimes();
  const auto rows = test::draw_rows(hmm, 3'000, 8, 0.05);
  RegimeDetector whole(hmm, {});
  RegimeDetectorState saved{};
  RegimeChange change;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    if (t == 1'234) saved = whole.state();
    whole.step(rows.row(t), change);
  }
  RegimeDetector again(hmm, {});
  again.restore(saved);
  for (std::size_t t = 1'234; t < rows.size(); ++t) again.step(rows.row(t), change);
  const RegimeDetectorState a = whole.state();
  const RegimeDetectorState b = again.state();
  EXPECT_EQ(std::memcmp(&a, &b, sizeof(a)), 0);
}

TEST(RegimeDetector, after_a_gap_the_states_begin_anew_but_the_regime_stays) {
  const GaussianHmm hmm = test::four_regimes();
  const std::vector<float> up = {2.0F, 0.5F};
  RegimeDetector detector(hmm, {});
  RegimeChange change;
  int changes = 0;
  for (int i = 0; i < 20; ++i) changes += detector.step(up, change) ? 1 : 0;
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(detector.current(), RegimeLabel::trending_up);
  detector.on_gap();
  EXPECT_EQ(detector.current(), RegimeLabel::trending_up);
  EXPECT_FALSE(detector.step(up, change));
  HmmFilter fresh(hmm);
  fresh.step(up);
  EXPECT_EQ(detector.filter().probability(), fresh.probability());
}

// What is said at every row of `rows`: all probabilities and the regime in force.
using Said = std::array<std::uint64_t, kHmmStatesMax + 1>;
using Sayer = std::function<std::vector<Said>(std::span<const float>)>;

Said said(const StateLanes& probability, RegimeLabel label) {
  Said out{};
  for (std::size_t i = 0; i < kHmmStatesMax; ++i) out[i] = std::bit_cast<std::uint64_t>(probability[i]);
  out[kHmmStatesMax] = static_cast<std::uint64_t>(label);
  return out;
}

std::vector<Said> filtered(const GaussianHmm& hmm, std::span<const float> values) {
  std::vector<Said> out;
  RegimeDetector detector(hmm, {});
  RegimeChange change;
  for (std::size_t at = 0; at < values.size(); at += hmm.features) {
    detector.step(values.subspan(at, hmm.features), change);
    out.push_back(said(detector.filter().probability(), detector.current()));
  }
  return out;
}

// The planted mistake: the states' probabilities given the whole stream, as the fit's own backward pass computes them.
std::vector<Said> smoothed(const GaussianHmm& hmm, std::span<const float> values) {
  std::vector<StateLanes> forward;
  HmmFilter filter(hmm);
  for (std::size_t at = 0; at < values.size(); at += hmm.features) {
    filter.step(values.subspan(at, hmm.features));
    forward.push_back(filter.probability());
  }
  for (std::size_t t = forward.size() - 1; t-- > 0;) {
    const StateLanes filtered_now = forward[t];
    StateLanes backward{};
    for (std::size_t i = 0; i < hmm.states; ++i) {
      for (std::size_t j = 0; j < hmm.states; ++j) {
        double predicted = 0.0;
        for (std::size_t k = 0; k < hmm.states; ++k) predicted += filtered_now[k] * hmm.transition[k][j];
        backward[i] += filtered_now[i] * hmm.transition[i][j] * forward[t + 1][j] / predicted;
      }
    }
    forward[t] = backward;
  }
  std::vector<Said> out;
  for (const StateLanes& probability : forward) out.push_back(said(probability, RegimeLabel::unknown));
  return out;
}

// Of `cuts` random places, at how many anything said up to there differs once what follows is cut off.
std::size_t cuts_that_differ(const Sayer& say, const test::RegimeRows& rows, std::size_t cuts) {
  const std::vector<Said> full = say(rows.values);
  std::mt19937_64 random(17);
  std::uniform_int_distribution<std::size_t> cut(1, rows.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < cuts; ++i) {
    const std::size_t end = cut(random);
    const std::vector<Said> part = say(std::span(rows.values).first(end * rows.features));
    different += std::equal(part.begin(), part.end(), full.begin()) ? 0 : 1;
  }
  return different;
}

TEST(RegimePrefix, cutting_the_stream_never_changes_what_was_said_before) {
  const GaussianHmm hmm = test::four_regimes();
  const auto rows = test::draw_rows(hmm, 2'000, 21, 0.05);
  EXPECT_EQ(cuts_that_differ([&](auto values) { return filtered(hmm, values); }, rows, 1'000), 0u);
}

TEST(RegimePrefix, a_smoother_is_caught) {
  const GaussianHmm hmm = test::four_regimes();
  const auto rows = test::draw_rows(hmm, 2'000, 21, 0.05);
  EXPECT_GT(cuts_that_differ([&](auto values) { return smoothed(hmm, values); }, rows, 100), 90u);
}

RegimeLabel label_of(const GaussianHmm& hmm, std::size_t state) { return derive_labels(hmm)[state]; }

TEST(RegimeLabels, follow_from_the_order_of_means_and_volatility) {
  using enum RegimeLabel;
  GaussianHmm hmm = test::four_regimes();
  EXPECT_EQ(label_of(hmm, 0), ranging);
  EXPECT_EQ(label_of(hmm, 1), trending_up);
  EXPECT_EQ(label_of(hmm, 2), trending_down);
  EXPECT_EQ(label_of(hmm, 3), turbulent);
  // Without a feature for it, volatility is the variance of the trend feature.
  hmm.volatility_feature = kNoHmmFeature;
  EXPECT_EQ(label_of(hmm, 3), turbulent);
  hmm.variance[1][0] = 100.0;
  EXPECT_EQ(label_of(hmm, 1), turbulent);
  EXPECT_EQ(label_of(hmm, 3), trending_up);  // the same mean as state 0, but a higher index
  // Means that are all positive still have an order.
  GaussianHmm risen = test::four_regimes();
  for (auto& mean : risen.mean) mean[0] += 10.0;
  EXPECT_EQ(derive_labels(risen), derive_labels(test::four_regimes()));
}

TEST(RegimeLabels, exist_for_any_number_of_states) {
  using enum RegimeLabel;
  GaussianHmm hmm{.states = 2, .features = 1};
  hmm.mean = {{{0.1}, {-0.1}}};
  hmm.variance = {{{4.0}, {1.0}}};
  EXPECT_EQ(label_of(hmm, 0), turbulent);
  EXPECT_EQ(label_of(hmm, 1), ranging);
  hmm.states = 3;
  hmm.mean[2] = {0.0};
  EXPECT_EQ(label_of(hmm, 0), trending_up);
  EXPECT_EQ(label_of(hmm, 1), trending_down);
  EXPECT_EQ(label_of(hmm, 2), ranging);
  for (std::uint32_t states = 4; states <= kHmmStatesMax; ++states) {
    hmm.states = states;
    std::array<int, kRegimeLabels> count{};
    for (std::uint32_t i = 0; i < states; ++i) {
      hmm.mean[i] = {static_cast<double>(i)};
      hmm.variance[i] = {1.0 + i};
    }
    const auto labels = derive_labels(hmm);
    for (std::uint32_t i = 0; i < states; ++i) ++count[static_cast<std::size_t>(labels[i])];
    EXPECT_EQ(count[0], 0) << states;
    EXPECT_EQ(count[4], 1) << states;
    EXPECT_GE(count[1], 1) << states;
    EXPECT_EQ(count[2], count[3]) << states;
  }
}

LabelProbabilities likely(RegimeLabel label, double probability) {
  LabelProbabilities out{};
  for (std::size_t i = 1; i < kRegimeLabels; ++i) out[i] = (1.0 - probability) / 3.0;
  out[static_cast<std::size_t>(label)] = probability;
  return out;
}

TEST(ChangeRule, announces_only_what_leads_by_the_margin_for_long_enough) {
  using enum RegimeLabel;
  const ChangeRuleConfig config{.probability_min = 0.6, .margin_min = 0.4, .steps_min = 3};
  ChangeRuleState state{.current = ranging};
  RegimeChange change;
  EXPECT_FALSE(announce_change(likely(turbulent, 0.9), config, state, change));
  EXPECT_FALSE(announce_change(likely(turbulent, 0.9), config, state, change));
  EXPECT_TRUE(announce_change(likely(turbulent, 0.9), config, state, change));
  EXPECT_EQ(change.from, ranging);
  EXPECT_EQ(change.to, turbulent);
  EXPECT_FLOAT_EQ(change.probability, 0.9F);
  // The one in force is announced no second time.
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(announce_change(likely(turbulent, 1.0), config, state, change));
  // Two steps and a doubt begin anew; so does another candidate.
  for (int round = 0; round < 5; ++round) {
    EXPECT_FALSE(announce_change(likely(ranging, 0.9), config, state, change));
    EXPECT_FALSE(announce_change(likely(ranging, 0.9), config, state, change));
    EXPECT_FALSE(announce_change(likely(round % 2 == 0 ? trending_up : turbulent, 0.9), config, state, change));
  }
  // Likely enough, but the one in force is nearly as likely.
  for (int i = 0; i < 10; ++i) {
    LabelProbabilities close{};
    close[1] = 0.62;
    close[4] = 0.38;
    EXPECT_FALSE(announce_change(close, config, state, change));
  }
  EXPECT_EQ(state.current, turbulent);
}

TEST(ChangeRule, nan_probabilities_announce_nothing) {
  ChangeRuleState state;
  RegimeChange change;
  LabelProbabilities none;
  none.fill(std::numeric_limits<double>::quiet_NaN());
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(announce_change(none, {}, state, change));
}

TEST(ChangeRule, bounds_the_changes_on_any_input) {
  std::mt19937_64 random(4);
  for (const std::uint32_t steps_min : {1U, 3U, 10U}) {
    const ChangeRuleConfig config{.probability_min = 0.5, .margin_min = 0.1, .steps_min = steps_min};
    ChangeRuleState state;
    RegimeChange change;
    RegimeLabel in_force = RegimeLabel::unknown;
    std::size_t changes = 0;
    for (int i = 0; i < 30'000; ++i) {
      const auto label = static_cast<RegimeLabel>(1 + (static_cast<unsigned>(i) / steps_min + random() % 2) % 4);
      if (!announce_change(likely(label, 0.95), config, state, change)) continue;
      ++changes;
      EXPECT_EQ(change.from, in_force);
      EXPECT_NE(change.to, in_force);
      in_force = change.to;
    }
    EXPECT_LE(changes, 30'000 / steps_min);
    EXPECT_GT(changes, 0u);
  }
}

TEST(RegimeChange, becomes_the_event_s_payload) {
  const Regime payload = to_payload({RegimeLabel::ranging, RegimeLabel::turbulent, 0.75F}, 99);
  EXPECT_EQ(payload.cause, 99u);
  EXPECT_EQ(payload.from, 1);
  EXPECT_EQ(payload.to, 4);
  EXPECT_EQ(payload.probability, 0.75F);
  EXPECT_EQ(regime_name(static_cast<RegimeLabel>(payload.to)), "volatile");
  EXPECT_EQ(regime_name(static_cast<RegimeLabel>(77)), "?");
}

}  // namespace
}  // namespace thintail
