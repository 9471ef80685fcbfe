// SPDX-License-Identifier: Apache-2.0
// XGBoost's Universal Binary JSON: the same trees as from JSON, dart and several classes in both, and no damage crashes the
// reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/models/tree_kernel.hpp"
#include "tests/support/data.hpp"
#include "tests/support/xgboost_model.hpp"
#include "tests/support/xgboost_ubj.hpp"

namespace thintail {
namespace {

using test::Json;
using test::make_model;
using test::make_row;
using test::trees_of;
using test::ubj;

Result<DecisionTrees> read(std::string_view bytes) { return read_xgboost_ubj(bytes, "model.ubj"); }

void expect_equal(const DecisionTrees& a, const DecisionTrees& b) {
  EXPECT_EQ(a.base_margins, b.base_margins);
  EXPECT_EQ(a.feature_count, b.feature_count);
  EXPECT_EQ(a.depth_max, b.depth_max);
  EXPECT_EQ(a.objective, b.objective);
  EXPECT_EQ(a.roots, b.roots);
  EXPECT_EQ(a.groups, b.groups);
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(a.nodes[i].value), std::bit_cast<std::uint64_t>(b.nodes[i].value));
    EXPECT_EQ(a.nodes[i].feature, b.nodes[i].feature);
    EXPECT_EQ(a.nodes[i].left, b.nodes[i].left);
    EXPECT_EQ(a.nodes[i].right, b.nodes[i].right);
    EXPECT_EQ(a.nodes[i].default_left, b.nodes[i].default_left);
  }
}

Json with_classes(Json model, int classes) {
  model["learner"]["learner_model_param"]["num_class"] = std::to_string(classes);
  model["learner"]["objective"]["name"] = "multi:softprob";
  Json& groups = model["learner"]["gradient_booster"]["model"]["tree_info"];
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i) % classes;
  return model;
}

Json as_dart(Json model, const std::vector<float>& weights) {
  Json& booster = model["learner"]["gradient_booster"];
  booster = Json{{"name", "dart"}, {"gbtree", booster}, {"weight_drop", weights}};
  return model;
}

TEST(XgboostUbj, gives_the_trees_that_json_gives) {
  for (const Json& model :
       {make_model({.trees = 9, .depth = 5}), make_model({.trees = 0}), with_classes(make_model({.trees = 6}), 3),
        as_dart(make_model({.trees = 3}), {1.0F, 0.25F, 0.1F})}) {
    const auto from_json = read_xgboost_json(model.dump(), "model.json");
    const auto from_ubj = read(ubj(model));
    ASSERT_TRUE(from_json) << from_json.error().message();
    ASSERT_TRUE(from_ubj) << from_ubj.error().message();
    expect_equal(*from_ubj, *from_json);
  }
}

TEST(XgboostModels, classes_get_their_trees_in_file_order) {
  const Json model = with_classes(make_model({.trees = 30, .depth = 4}), 3);
  const auto trees = TreeEnsemble::from_xgboost_ubj(ubj(model), "model.ubj");
  ASSERT_TRUE(trees) << trees.error().message();
  ASSERT_EQ(trees->output_count(), 3U);
  std::mt19937_64 random(4);
  for (int i = 0; i < 300; ++i) {
    const std::vector<float> row = make_row(4, random);
    std::vector<double> ours(3);
    trees->margins(row.data(), ours.data());
    for (std::size_t group = 0; group < 3; ++group) {
      Json own = model;
      Json kept = Json::array();
      for (std::size_t tree = group; tree < 30; tree += 3) kept.push_back(trees_of(own)[tree]);
      trees_of(own) = kept;
      EXPECT_EQ(ours[group], static_cast<double>(test::naive_margin(own, row, 0.5F)));
    }
  }
}

TEST(XgboostModels, base_scores_by_class_are_read) {
  Json model = with_classes(make_model({.trees = 3, .depth = 2}), 3);
  model["learner"]["learner_model_param"]["base_score"] = "[1E-1,2E-1,3E-1]";
  const auto trees = read(ubj(model));
  ASSERT_TRUE(trees) << trees.error().message();
  EXPECT_EQ(trees->base_margins, (std::vector<double>{0.1F, 0.2F, 0.3F}));
}

TEST(XgboostModels, dropout_weights_scale_whole_trees_in_both_forms) {
  const std::vector<float> weights = {0.3F, 1.0F, 0.7F};
  const Json model = make_model({.trees = 3, .depth = 3});
  Json newest = model;
  newest["learner"]["gradient_booster"]["model"]["weight_drop"] = weights;
  Json scaled = model;  // what the library computes: each leaf times the weight, rounded to float32
  for (std::size_t tree = 0; tree < 3; ++tree) {
    Json& one = trees_of(scaled)[tree];
    for (std::size_t node = 0; node < one["left_children"].size(); ++node) {
      if (one["left_children"][node] != -1) continue;
      one["split_conditions"][node] = one["split_conditions"][node].get<float>() * weights[tree];
    }
  }
  std::mt19937_64 random(4);
  for (const Json& dart : {as_dart(model, weights), newest}) {
    const auto trees = TreeEnsemble::from_xgboost_json(dart.dump(), "model.json");
    ASSERT_TRUE(trees) << trees.error().message();
    for (int i = 0; i < 300; ++i) {
      const std::vector<float> row = make_row(4, random);
      EXPECT_EQ(trees->margin(row.data()), test::naive_margin(scaled, row, 0.5F));
    }
  }
}

void refused(const std::string& bytes, std::string_view field, std::string_view found) {
  const auto trees = read(bytes);
  ASSERT_FALSE(trees) << found;
  EXPECT_EQ(trees.error().field, field) << trees.error().message();
  EXPECT_NE(trees.error().expected, "");
  EXPECT_NE(trees.error().found.find(found), std::string::npos) << trees.error().message();
  EXPECT_NE(trees.error().found.find("(byte "), std::string::npos) << trees.error().message();
}

std::string with(std::string bytes, std::string_view from, std::string_view to) {
  const std::size_t at = bytes.find(from);
  if (at == std::string::npos) throw std::runtime_error("nothing to replace");
  return bytes.replace(at, from.size(), to);
}

TEST(XgboostUbj, refuses_damage_and_says_where) {
  const std::string good = ubj(make_model({.trees = 1, .depth = 1}));
  ASSERT_TRUE(read(good)) << read(good).error().message();
  const std::string kTree = "learner.gradient_booster.model.trees[0]";
  refused("", "", "the end of the file");
  refused("[", "", "[");
  refused(good + "x", "", "x");
  refused(with(good, std::string("default_left[$U#L\0", 18), std::string("default_left[$U#L\x7f", 18)),
          kTree + ".default_left", "91513");  // a count far beyond the file
  refused(with(good, std::string("default_left[$U#L\0", 18), std::string("default_left[$U#L\xff", 18)),
          kTree + ".default_left", "-");
  refused(with(good, "default_left[$U", "default_left[$S"), kTree + ".default_left", "S#L");
  refused(with(good, "default_left[$U#", "default_left[$U["), kTree + ".default_left", "[L");
  refused(with(good, "default_left[$U", "default_left[$d"), kTree + ".default_left[0]", "type \"d\"");
  refused(with(good, "nameS", "name{"), "learner.gradient_booster.name", "{");
}

TEST(XgboostUbj, a_key_that_comes_again_is_refused) {
  std::string twice = ubj(make_model({.trees = 1, .depth = 1}));
  twice = with(twice, "split_indices", "left_children");
  const auto trees = read(twice);
  ASSERT_FALSE(trees);
  EXPECT_EQ(trees.error().code, ErrorCode::model_syntax);
  EXPECT_NE(trees.error().found.find("again"), std::string::npos) << trees.error().message();
  std::string json = make_model({.trees = 1, .depth = 1}).dump();
  json.insert(json.rfind('}'), ",\"learner\":{}");
  EXPECT_FALSE(read_xgboost_json(json, "model.json"));
}

TEST(XgboostUbj, a_cut_at_any_byte_is_refused) {
  const std::string bytes = ubj(make_model({.trees = 2, .depth = 1, .features = 2}));
  ASSERT_TRUE(read(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(read(std::string_view(bytes).substr(0, size))) << size;
  }
}

TEST(XgboostUbj, deep_nesting_is_refused) {
  std::string bytes = "{";
  test::put_ubj_text(bytes, "unknown");
  bytes.append(1'000'000, '[');
  const auto trees = read(bytes);
  ASSERT_FALSE(trees);
  EXPECT_EQ(trees.error().code, ErrorCode::model_syntax);
}

// Damage must end in a refusal or in a model that can be evaluated: never in a crash or an endless walk.
TEST(XgboostUbj, damaged_bytes_never_crash) {
  const std::string bytes = ubj(with_classes(make_model({.trees = 4, .depth = 3}), 2));
  ASSERT_TRUE(read(bytes));
  std::mt19937_64 random(5);
  int accepted = 0;
  int refusals = 0;
  for (int i = 0; i < (test::is_long_run() ? 2'000'000 : 20'000); ++i) {
    std::string damaged = bytes;
    for (std::uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      damaged[random() % damaged.size()] = static_cast<char>(random() % 2 == 0 ? random() % 8 : random());
    }
    const auto trees = read(damaged);
    if (!trees) {
      ++refusals;
      continue;
    }
    ++accepted;
    const std::vector<float> row = make_row(static_cast<int>(trees->feature_count), random);
    EXPECT_FALSE(std::isnan(TreeKernel<float>(*trees, trees->roots).sum(row.data(), 0)));
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refusals, 100);
}

}  // namespace
}  // namespace thintail
