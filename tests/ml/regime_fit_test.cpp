// SPDX-License-Identifier: Apache-2.0
#include "ml/regime/hmm_fit.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "ml/regime/regime_detector.hpp"
#include "tests/support/regime_rows.hpp"

namespace thintail {
namespace {

HmmFit fit_of(const test::RegimeRows& rows, const HmmFitOptions& options, std::span<const std::size_t> starts = {}) {
  auto fit = fit_hmm(rows.values, static_cast<std::uint32_t>(rows.features), starts, options);
  if (!fit) ADD_FAILURE() << fit.error().message();
  return fit ? std::move(*fit) : HmmFit{};
}

// Of rows whose state is known, the part whose label the filter has most probable.
double accuracy(const GaussianHmm& hmm, const GaussianHmm& truth, const test::RegimeRows& rows) {
  const auto labels = derive_labels(truth);
  RegimeDetector detector(hmm, {});
  RegimeChange change;
  std::size_t right = 0;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    detector.step(rows.row(t), change);
    const auto p = detector.probabilities();
    const auto best = std::max_element(p.begin(), p.end()) - p.begin();
    right += best == static_cast<std::ptrdiff_t>(labels[rows.states[t]]) ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(rows.size());
}

void expect_recovered(const GaussianHmm& fitted, const GaussianHmm& truth) {
  const auto labels = derive_labels(fitted);
  const auto true_labels = derive_labels(truth);
  const auto find = [&](RegimeLabel label) {
    return static_cast<std::size_t>(std::find(labels.begin(), labels.end(), label) - labels.begin());
  };
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t k = find(true_labels[i]);
    ASSERT_LT(k, 4u) << regime_name(true_labels[i]);
    for (std::size_t f = 0; f < 2; ++f) {
      const double spread = std::sqrt(truth.variance[i][f]);
      EXPECT_NEAR(fitted.mean[k][f], truth.mean[i][f], 0.06 * spread) << i << ' ' << f;
      EXPECT_NEAR(fitted.variance[k][f] / truth.variance[i][f], 1.0, 0.1) << i << ' ' << f;
    }
    for (std::size_t j = 0; j < 4; ++j)
      EXPECT_NEAR(fitted.transition[k][find(true_labels[j])], truth.transition[i][j], 0.01) << i << ' ' << j;
  }
}

TEST(HmmFit, recovers_the_model_that_made_the_rows) {
  const GaussianHmm truth = test::four_regimes();
  const auto rows = test::draw_rows(truth, 20'000, 31);
  const HmmFit fit = fit_of(rows, {.volatility_feature = 1});
  EXPECT_TRUE(fit.converged);
  expect_recovered(fit.hmm, truth);
  const auto fresh = test::draw_rows(truth, 20'000, 32);
  EXPECT_GT(accuracy(fit.hmm, truth, fresh), accuracy(truth, truth, fresh) - 0.005);
}

TEST(HmmFit, recovers_it_from_rows_with_missing_features_and_gaps) {
  const GaussianHmm truth = test::four_regimes();
  const auto rows = test::draw_rows(truth, 20'000, 33, 0.2);
  const std::vector<std::size_t> starts = {5'000, 5'001, 12'000};
  expect_recovered(fit_of(rows, {.volatility_feature = 1}, starts).hmm, truth);
}

TEST(HmmFit, the_likelihood_never_falls_and_is_that_of_the_filter) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto rows = test::draw_rows(test::random_hmm(3, 2, seed), 2'000, seed, 0.1);
    const HmmFit fit = fit_of(rows, {.states = 3, .iterations_max = 60, .gain_min = 0.0, .restarts = 2});
    ASSERT_GT(fit.log2_likelihood.size(), 3u);
    for (std::size_t i = 1; i < fit.log2_likelihood.size(); ++i) {
      EXPECT_GE(fit.log2_likelihood[i], fit.log2_likelihood[i - 1] - 1e-9 * std::abs(fit.log2_likelihood[i])) << i;
    }
    EXPECT_GT(fit.log2_likelihood.back(), fit.log2_likelihood.front());
    HmmFilter filter(fit.hmm);
    double likelihood = 0.0;
    for (std::size_t t = 0; t < rows.size(); ++t) {
      filter.step(rows.row(t));
      likelihood += filter.state().log2_likelihood;
    }
    EXPECT_NEAR(likelihood, fit.log2_likelihood.back(), 1e-9 * std::abs(likelihood));
  }
}

TEST(HmmFit, is_at_least_as_likely_as_the_model_that_made_the_rows) {
  const GaussianHmm truth = test::four_regimes();
  const auto rows = test::draw_rows(truth, 5'000, 34);
  HmmFilter filter(truth);
  double likelihood = 0.0;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    filter.step(rows.row(t));
    likelihood += filter.state().log2_likelihood;
  }
  EXPECT_GT(fit_of(rows, {.volatility_feature = 1}).log2_likelihood.back(), likelihood);
}

TEST(HmmFit, gives_the_same_bits_again) {
  const auto rows = test::draw_rows(test::four_regimes(), 3'000, 35);
  const HmmFit a = fit_of(rows, {.iterations_max = 20});
  const HmmFit b = fit_of(rows, {.iterations_max = 20});
  EXPECT_EQ(std::memcmp(&a.hmm, &b.hmm, sizeof(a.hmm)), 0);
  EXPECT_EQ(a.log2_likelihood, b.log2_likelihood);
}

TEST(HmmFit, survives_rows_that_no_state_explains) {
  auto rows = test::draw_rows(test::four_regimes(), 3'000, 36);
  rows.values[1'000] = 3e37F;
  rows.values[2'001] = -3e37F;
  rows.values[2'500] = std::numeric_limits<float>::infinity();
  // A variance of 1e72 is refused rather than fitted ...
  const auto refused = fit_hmm(rows.values, 2, {}, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message().find("feature 0"), std::string::npos) << refused.error().message();
  // ... one that only looks absurd is fitted, to something valid.
  rows.values[1'000] = 1e8F;
  rows.values[2'001] = -1e8F;
  const HmmFit fit = fit_of(rows, {.iterations_max = 50});
  EXPECT_TRUE(fit.hmm.validate().has_value());
  for (const double likelihood : fit.log2_likelihood) EXPECT_TRUE(std::isfinite(likelihood));
}

TEST(HmmFit, refuses_what_cannot_be_fitted_and_names_it) {
  const auto rows = test::draw_rows(test::four_regimes(), 200, 37);
  const auto refusal = [&](std::span<const float> values, std::uint32_t features, std::vector<std::size_t> starts,
                           HmmFitOptions options) {
    const auto fit = fit_hmm(values, features, starts, options);
    return fit ? std::string("fitted") : fit.error().field;
  };
  EXPECT_EQ(refusal(rows.values, 0, {}, {}), "features");
  EXPECT_EQ(refusal(rows.values, 9, {}, {}), "features");
  EXPECT_EQ(refusal(rows.values, 2, {}, {.states = 1}), "states");
  EXPECT_EQ(refusal(rows.values, 2, {}, {.states = 9}), "states");
  EXPECT_EQ(refusal(rows.values, 2, {}, {.trend_feature = 2}), "trend_feature");
  EXPECT_EQ(refusal(rows.values, 2, {}, {.volatility_feature = 2}), "volatility_feature");
  EXPECT_EQ(refusal(rows.values, 2, {}, {.restarts = 0}), "restarts");
  EXPECT_EQ(refusal(rows.values, 2, {}, {.variance_floor = std::nan("")}), "variance_floor");
  EXPECT_EQ(refusal(std::span(rows.values).first(399), 2, {}, {}), "rows");
  EXPECT_EQ(refusal(std::span(rows.values).first(20), 2, {}, {}), "rows");
  EXPECT_EQ(refusal(rows.values, 2, {200}, {}), "starts[0]");
  EXPECT_EQ(refusal(rows.values, 2, {5, 5}, {}), "starts[1]");
  std::vector<float> constant(400, 1.0F);
  EXPECT_EQ(refusal(constant, 2, {}, {}), "feature 0");
  std::vector<float> absent(400, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(refusal(absent, 2, {}, {}), "feature 0");
}

}  // namespace
}  // namespace thintail
