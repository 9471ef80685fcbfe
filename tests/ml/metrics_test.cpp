// SPDX-License-Identifier: Apache-2.0
#include "ml/train/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace thintail {
namespace {

TEST(Metrics, auc_is_one_for_perfect_order_and_zero_for_its_reverse) {
  const std::vector<float> labels = {-2, -1, 1, 2};
  EXPECT_EQ(auc_of_sign(std::vector<float>{1, 2, 3, 4}, labels), 1);
  EXPECT_EQ(auc_of_sign(std::vector<float>{4, 3, 2, 1}, labels), 0);
}

TEST(Metrics, auc_counts_equal_scores_as_half_and_leaves_zero_labels_out) {
  EXPECT_EQ(auc_of_sign(std::vector<float>{5, 5, 5}, std::vector<float>{1, -1, 0}), 0.5);
  EXPECT_EQ(auc_of_sign(std::vector<float>{1, 2, 2, 9}, std::vector<float>{-1, -1, 1, 0}), 0.75);
}

TEST(Metrics, auc_equals_the_count_over_all_pairs) {
  std::mt19937_64 random(3);
  std::vector<float> scores(200), labels(200);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = static_cast<float>(random() % 12);
    labels[i] = static_cast<float>(random() % 5) - 2;
  }
  double wins = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (!(labels[i] > 0 && labels[j] < 0)) continue;
      ++pairs;
      wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
    }
  }
  EXPECT_NEAR(auc_of_sign(scores, labels), wins / pairs, 1e-12);
}

TEST(Metrics, auc_of_one_sign_alone_is_not_a_number) {
  EXPECT_TRUE(std::isnan(auc_of_sign(std::vector<float>{1, 2}, std::vector<float>{1, 1})));
  EXPECT_TRUE(std::isnan(auc_of_sign({}, {})));
}

TEST(Metrics, correlation_is_signed_and_needs_two_varying_sides) {
  const std::vector<float> up = {1, 2, 3};
  EXPECT_NEAR(correlation(up, std::vector<float>{10, 20, 30}), 1, 1e-12);
  EXPECT_NEAR(correlation(up, std::vector<float>{5, 3, 1}), -1, 1e-12);
  EXPECT_TRUE(std::isnan(correlation(up, std::vector<float>{4, 4, 4})));
}

}  // namespace
}  // namespace thintail
