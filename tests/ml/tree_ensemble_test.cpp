// SPDX-License-Identifier: Apache-2.0
// TreeEnsemble against a plain walk of the same JSON, bit for bit. tests/tools/train_self_check_test.sh holds it against
// XGBoost itself.
#include "ml/models/tree_ensemble.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <utility>

#include "ml/models/decision_trees.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail {
namespace {

using test::Json;
using test::make_model;
using test::make_row;
using test::naive_margin;

constexpr int kRows = 400;

TreeEnsemble read(const Json& model) {
  auto trees = TreeEnsemble::from_xgboost_json(model.dump(), "model.json");
  if (!trees) throw std::runtime_error(trees.error().message());
  return *std::move(trees);
}

// How many of kRows random rows get other bits than the control's.
int differences(const TreeEnsemble& trees, const Json& control, int features, float base = 0.5F) {
  std::mt19937_64 random(99);
  int differing = 0;
  for (int i = 0; i < kRows; ++i) {
    const std::vector<float> row = make_row(features, random);
    const float ours = trees.margin(row.data());
    differing += std::bit_cast<std::uint32_t>(ours) != std::bit_cast<std::uint32_t>(naive_margin(control, row, base));
  }
  return differing;
}

TEST(TreeEnsemble, margins_equal_a_plain_walk_at_every_depth) {
  for (int depth = 0; depth <= 11; ++depth) {
    const Json model = make_model({.trees = 23, .depth = depth, .features = 6, .seed = 7});
    const TreeEnsemble trees = read(model);
    EXPECT_EQ(trees.depth_max(), static_cast<std::uint32_t>(depth));
    EXPECT_EQ(differences(trees, model, 6), 0) << "depth " << depth;
  }
}

TEST(TreeEnsemble, margins_equal_a_plain_walk_for_every_count_of_trees) {
  for (int count = 0; count <= 50; ++count) {
    const Json model = make_model({.trees = count, .depth = 3, .features = 5, .seed = 3});
    const TreeEnsemble trees = read(model);
    EXPECT_EQ(trees.tree_count(), static_cast<std::uint32_t>(count));
    EXPECT_EQ(differences(trees, model, 5), 0) << count << " trees";
  }
}

TEST(TreeEnsemble, the_control_notices_less_or_equal) {
  const Json model = make_model({.trees = 8, .depth = 4});
  Json wrong = model;
  for (Json& tree : test::trees_of(wrong)) {
    for (std::size_t node = 0; node < tree["left_children"].size(); ++node) {
      if (tree["left_children"][node] == -1) continue;
      tree["split_conditions"][node] =
          std::nextafter(tree["split_conditions"][node].get<float>(), std::numeric_limits<float>::infinity());
    }
  }
  EXPECT_GT(differences(read(wrong), model, 4), 0);
}

TEST(TreeEnsemble, the_control_notices_a_flipped_default) {
  const Json model = make_model({.trees = 8, .depth = 4});
  Json wrong = model;
  for (Json& tree : test::trees_of(wrong)) {
    for (Json& left : tree["default_left"]) left = 1 - left.get<int>();
  }
  EXPECT_GT(differences(read(wrong), model, 4), 0);
}

TEST(TreeEnsemble, the_control_notices_another_order_of_trees) {
  const Json model = make_model({.trees = 40, .depth = 4});
  Json wrong = model;
  std::ranges::reverse(test::trees_of(wrong));
  EXPECT_GT(differences(read(wrong), model, 4), 0);
}

TEST(TreeEnsemble, a_sum_of_negative_zeros_stays_negative_zero) {
  Json model = make_model({.trees = 1, .depth = 0});
  test::trees_of(model)[0]["split_conditions"][0] = -0.0F;
  model["learner"]["learner_model_param"]["base_score"] = "-0";
  const std::vector<float> row(4, 1.0F);
  EXPECT_TRUE(std::signbit(read(model).margin(row.data())));
}

TEST(TreeEnsemble, logistic_base_score_becomes_the_librarys_logit) {
  Json model = make_model({.trees = 2, .depth = 2});
  model["learner"]["objective"]["name"] = "binary:logistic";
  for (const float p : {0.5F, 0.3F, 0.0123F, 0.97F}) {
    model["learner"]["learner_model_param"]["base_score"] = fmt::format("{}", p);
    EXPECT_EQ(differences(read(model), model, 4, -std::log(1.0F / p - 1.0F)), 0) << p;
  }
}

TEST(TreeEnsemble, poisson_base_score_becomes_its_logarithm) {
  Json model = make_model({.trees = 2, .depth = 2});
  model["learner"]["objective"]["name"] = "count:poisson";
  model["learner"]["learner_model_param"]["base_score"] = "1.7E0";
  EXPECT_EQ(differences(read(model), model, 4, std::log(1.7F)), 0);
}

TEST(TreeEnsemble, base_score_in_brackets_is_read) {
  Json model = make_model({.trees = 2, .depth = 2});
  model["learner"]["learner_model_param"]["base_score"] = "[2.5E-1]";
  EXPECT_EQ(differences(read(model), model, 4, 0.25F), 0);
}

TEST(TreeEnsemble, describes_itself) {
  const std::string json = make_model({.trees = 5, .depth = 2, .features = 3}).dump();
  const auto trees = TreeEnsemble::from_xgboost_json(json, "model.json");
  ASSERT_TRUE(trees) << trees.error().message();
  EXPECT_EQ(trees->feature_count(), 3U);
  EXPECT_EQ(trees->tree_count(), 5U);
  EXPECT_EQ(trees->objective(), "reg:squarederror");
  EXPECT_EQ(trees->sha256(), sha256(json));
}

}  // namespace
}  // namespace thintail
