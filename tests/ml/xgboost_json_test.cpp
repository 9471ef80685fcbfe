// SPDX-License-Identifier: Apache-2.0
// The reader of XGBoost's JSON: what it accepts, what it refuses and where it points, and that no damage crashes it.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_kernel.hpp"
#include "tests/support/data.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail {
namespace {

using test::Json;
using test::make_model;
using test::trees_of;

Result<DecisionTrees> read(std::string_view json) { return read_xgboost_json(json, "model.json"); }

struct Refusal {
  const char* name;
  std::function<void(Json&)> spoil;
  ErrorCode code;
  const char* field;  // the error's, from its start
};

Json& learner(Json& model) { return model["learner"]; }
Json& parameters(Json& model) { return learner(model)["learner_model_param"]; }
Json& booster(Json& model) { return learner(model)["gradient_booster"]; }
Json& tree(Json& model) { return trees_of(model)[1]; }
// An inner node of the second tree: its root, as depth > 0.
constexpr std::size_t kInner = 0;

// One leaf of the second tree that the walk reaches.
std::size_t leaf(Json& model) {
  std::size_t node = 0;
  while (tree(model)["left_children"][node] != -1) node = tree(model)["left_children"][node].get<std::size_t>();
  return node;
}

const std::vector<Refusal>& refusals() {
  constexpr auto kSyntax = ErrorCode::model_syntax;
  constexpr auto kUnsupported = ErrorCode::model_unsupported;
  constexpr auto kInvalid = ErrorCode::model_invalid_tree;
  static const std::string kTrees = "learner.gradient_booster.model.trees";
  static const std::vector<Refusal> kRefusals = {
      {"no learner", [](Json& m) { m.erase("learner"); }, kUnsupported, "learner.gradient_booster.name"},
      {"dart of too few weights",
       [](Json& m) { booster(m) = {{"name", "dart"}, {"gbtree", booster(m)}, {"weight_drop", {1.0}}}; }, kInvalid,
       "learner.gradient_booster.weight_drop"},
      {"dart in the newest form, of too few weights", [](Json& m) { booster(m)["model"]["weight_drop"] = {1.0}; },
       kInvalid, "learner.gradient_booster.weight_drop"},
      {"dart without weights", [](Json& m) { booster(m) = {{"name", "dart"}, {"gbtree", booster(m)}}; }, kSyntax,
       "learner.gradient_booster.weight_drop"},
      {"dart whose leaves overflow",
       [](Json& m) {
         booster(m)["model"]["weight_drop"] = {1.0, 3e38, 1.0};
         tree(m)["split_conditions"][leaf(m)] = 1e3;
       },
       kInvalid, "learner.gradient_booster.weight_drop[1]"},
      {"gblinear", [](Json& m) { booster(m) = {{"name", "gblinear"}, {"model", {{"weights", {0.5, 1}}}}}; },
       kUnsupported, "learner.gradient_booster.name"},
      {"unknown objective", [](Json& m) { learner(m)["objective"]["name"] = "survival:cox"; }, kUnsupported,
       "learner.objective.name"},
      {"softmax", [](Json& m) { learner(m)["objective"]["name"] = "multi:softprob"; }, kUnsupported,
       "learner.objective.name"},
      {"classes", [](Json& m) { parameters(m)["num_class"] = "3"; }, kUnsupported,
       "learner.learner_model_param.num_class"},
      {"too many classes", [](Json& m) { parameters(m)["num_class"] = "257"; }, kUnsupported,
       "learner.learner_model_param.num_class"},
      {"targets", [](Json& m) { parameters(m)["num_target"] = "2"; }, kUnsupported,
       "learner.learner_model_param.num_target"},
      {"output group", [](Json& m) { booster(m)["model"]["tree_info"][1] = 1; }, kUnsupported,
       "learner.gradient_booster.model.tree_info[1]"},
      {"base scores", [](Json& m) { parameters(m)["base_score"] = "[5E-1,5E-1]"; }, kUnsupported,
       "learner.learner_model_param.base_score"},
      {"base score no number", [](Json& m) { parameters(m)["base_score"] = "half"; }, kSyntax,
       "learner.learner_model_param.base_score"},
      {"base score infinite", [](Json& m) { parameters(m)["base_score"] = "inf"; }, kSyntax,
       "learner.learner_model_param.base_score"},
      {"no base score", [](Json& m) { parameters(m).erase("base_score"); }, kSyntax,
       "learner.learner_model_param.base_score"},
      {"logistic base score 0",
       [](Json& m) {
         learner(m)["objective"]["name"] = "binary:logistic";
         parameters(m)["base_score"] = "0";
       },
       kUnsupported, "learner.learner_model_param.base_score"},
      {"poisson base score 0",
       [](Json& m) {
         learner(m)["objective"]["name"] = "count:poisson";
         parameters(m)["base_score"] = "0";
       },
       kUnsupported, "learner.learner_model_param.base_score"},
      {"logitraw of an old release",
       [](Json& m) {
         learner(m)["objective"]["name"] = "binary:logitraw";
         m["version"] = {1, 0, 2};
       },
       kUnsupported, "version"},
      {"no features", [](Json& m) { parameters(m)["num_feature"] = "0"; }, kUnsupported,
       "learner.learner_model_param.num_feature"},
      {"too many features", [](Json& m) { parameters(m)["num_feature"] = "1025"; }, kUnsupported,
       "learner.learner_model_param.num_feature"},
      {"2^32 features", [](Json& m) { parameters(m)["num_feature"] = "4294967297"; }, kUnsupported,
       "learner.learner_model_param.num_feature"},
      {"categorical split without categories", [](Json& m) { tree(m)["split_type"][kInner] = 1; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"categories without segments", [](Json& m) { tree(m)["categories_nodes"] = {0}; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"unknown split type", [](Json& m) { tree(m)["split_type"][kInner] = 2; }, kUnsupported,
       "learner.gradient_booster.model.trees[1]"},
      {"leaf vectors", [](Json& m) { tree(m)["tree_param"]["size_leaf_vector"] = "3"; }, kUnsupported,
       "learner.gradient_booster.model.trees[1].tree_param.size_leaf_vector"},
      {"more trees than stated", [](Json& m) { booster(m)["model"]["gbtree_model_param"]["num_trees"] = "2"; },
       kInvalid, "learner.gradient_booster.model.trees"},
      {"2^32 - 1 trees stated", [](Json& m) { booster(m)["model"]["gbtree_model_param"]["num_trees"] = "4294967295"; },
       kInvalid, "learner.gradient_booster.model.trees"},
      {"short tree_info", [](Json& m) { booster(m)["model"]["tree_info"] = {0}; }, kInvalid,
       "learner.gradient_booster.model.trees"},
      {"2^32 - 1 nodes stated", [](Json& m) { tree(m)["tree_param"]["num_nodes"] = "4294967295"; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"nodes unstated", [](Json& m) { tree(m).erase("tree_param"); }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"no nodes",
       [](Json& m) {
         for (const char* key :
              {"left_children", "right_children", "split_indices", "split_conditions", "default_left", "split_type"}) {
           tree(m)[key] = Json::array();
         }
         tree(m)["tree_param"]["num_nodes"] = "0";
       },
       kInvalid, "learner.gradient_booster.model.trees[1]"},
      {"short thresholds", [](Json& m) { tree(m)["split_conditions"].erase(0); }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"short defaults", [](Json& m) { tree(m)["default_left"].erase(0); }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"child out of range", [](Json& m) { tree(m)["left_children"][kInner] = 100'000; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"child below -1", [](Json& m) { tree(m)["left_children"][kInner] = -2; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"one child only", [](Json& m) { tree(m)["right_children"][kInner] = -1; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"leaf with a right child", [](Json& m) { tree(m)["right_children"][leaf(m)] = 0; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"self-loop", [](Json& m) { tree(m)["left_children"][kInner] = kInner; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"cycle",
       [](Json& m) {
         const std::size_t last = leaf(m);
         tree(m)["left_children"][last] = 0;
         tree(m)["right_children"][last] = 0;
       },
       kInvalid, "learner.gradient_booster.model.trees[1]"},
      {"shared child", [](Json& m) { tree(m)["right_children"][kInner] = tree(m)["left_children"][kInner]; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"feature beyond num_feature", [](Json& m) { tree(m)["split_indices"][kInner] = 4; }, kInvalid,
       "learner.gradient_booster.model.trees[1].split_indices"},
      {"feature beyond every limit", [](Json& m) { tree(m)["split_indices"][kInner] = 2'147'483'647; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"negative feature", [](Json& m) { tree(m)["split_indices"][kInner] = -1; }, kInvalid,
       "learner.gradient_booster.model.trees[1]"},
      {"child no integer", [](Json& m) { tree(m)["left_children"][kInner] = 1.5; }, kSyntax,
       "learner.gradient_booster.model.trees[1].left_children[0]"},
      {"child beyond 32 bits", [](Json& m) { tree(m)["left_children"][kInner] = 4'294'967'297; }, kSyntax,
       "learner.gradient_booster.model.trees[1].left_children[0]"},
      {"threshold beyond float32", [](Json& m) { tree(m)["split_conditions"][kInner] = 1e300; }, kSyntax,
       "learner.gradient_booster.model.trees[1].split_conditions[0]"},
      {"threshold a string", [](Json& m) { tree(m)["split_conditions"][kInner] = "0"; }, kSyntax,
       "learner.gradient_booster.model.trees[1].split_conditions[0]"},
      {"trees an object", [](Json& m) { booster(m)["model"]["trees"] = Json::object(); }, kSyntax,
       "learner.gradient_booster.model.trees"},
      {"learner an array", [](Json& m) { m["learner"] = Json::array(); }, kSyntax, "learner"},
  };
  return kRefusals;
}

TEST(XgboostJson, refuses_what_would_be_evaluated_differently_and_says_where) {
  for (const Refusal& refusal : refusals()) {
    Json model = make_model({});
    refusal.spoil(model);
    const auto trees = read(model.dump());
    ASSERT_FALSE(trees) << refusal.name;
    EXPECT_EQ(trees.error().code, refusal.code) << refusal.name << ": " << trees.error().message();
    EXPECT_TRUE(trees.error().field.starts_with(refusal.field)) << refusal.name << ": " << trees.error().message();
    EXPECT_EQ(trees.error().file, "model.json");
  }
}

// Words that a JSON library would not write: they are put in as text.
std::string with_root_threshold(const std::string& word, int default_left) {
  Json model = make_model({});
  trees_of(model)[1]["split_conditions"][0] = 77777;
  trees_of(model)[1]["default_left"][0] = default_left;
  std::string json = model.dump();
  json.replace(json.find("77777"), 5, word);
  return json;
}

TEST(XgboostJson, refuses_thresholds_that_break_the_rule_for_missing_values) {
  for (const int default_left : {0, 1}) EXPECT_FALSE(read(with_root_threshold("NaN", default_left)));
  EXPECT_FALSE(read(with_root_threshold("-Infinity", 1)));
}

TEST(XgboostJson, reads_the_infinities_that_do_not) {
  const auto below = read(with_root_threshold("-Infinity", 0));
  ASSERT_TRUE(below) << below.error().message();
  EXPECT_EQ(below->nodes[below->roots[1]].value, -std::numeric_limits<float>::infinity());
  for (const int default_left : {0, 1}) EXPECT_TRUE(read(with_root_threshold("Infinity", default_left)));
}

TEST(XgboostJson, refuses_leaves_that_are_not_finite) {
  for (const char* word : {"NaN", "Infinity", "-Infinity"}) {
    Json model = make_model({.trees = 1, .depth = 0});
    trees_of(model)[0]["split_conditions"][0] = 77777;
    std::string json = model.dump();
    json.replace(json.find("77777"), 5, word);
    const auto trees = read(json);
    ASSERT_FALSE(trees) << word;
    EXPECT_EQ(trees.error().code, ErrorCode::model_invalid_tree);
  }
}

TEST(XgboostJson, reads_floats_from_their_digits_without_a_detour_through_double) {
  // The decimal lies just above the midpoint of 1 and the float after it. As a double it rounds to the midpoint,
  // which ties to 1.
  const auto trees = read(with_root_threshold("1.000000059604644775390625000001", 0));
  ASSERT_TRUE(trees) << trees.error().message();
  EXPECT_EQ(trees->nodes[trees->roots[1]].value, std::nextafter(1.0F, 2.0F));
  const auto smallest = read(with_root_threshold("1E-45", 0));
  ASSERT_TRUE(smallest) << smallest.error().message();
  EXPECT_EQ(smallest->nodes[smallest->roots[1]].value, std::numeric_limits<float>::denorm_min());
}

TEST(XgboostJson, reads_defaults_written_as_words) {
  Json model = make_model({});
  for (Json& one : trees_of(model)) {
    for (Json& left : one["default_left"]) left = left == 1;
  }
  EXPECT_TRUE(read(model.dump()));
}

TEST(XgboostJson, reads_models_without_split_types_or_with_keys_it_does_not_know) {
  Json model = make_model({});
  for (Json& one : trees_of(model)) one.erase("split_type");
  model["learner"]["gradient_booster"]["model"]["cats"] = {
      {"enc", Json::array()}, {"null", nullptr}, {"text", "a\\\"b"}};
  const auto trees = read(model.dump(2));
  EXPECT_TRUE(trees) << trees.error().message();
}

TEST(XgboostJson, names_line_and_column) {
  const auto trees = read("{\n  \"learner\": 7}");
  ASSERT_FALSE(trees);
  EXPECT_EQ(trees.error().line, 2U);
  EXPECT_EQ(trees.error().column, 14U);
}

TEST(XgboostJson, a_cut_at_any_byte_is_refused) {
  const std::string json = make_model({.trees = 2, .depth = 1, .features = 2}).dump();
  ASSERT_TRUE(read(json));
  for (std::size_t size = 0; size < json.size(); ++size) {
    EXPECT_FALSE(read(std::string_view(json).substr(0, size))) << size;
  }
}

TEST(XgboostJson, text_after_the_end_is_refused) {
  const std::string json = make_model({}).dump();
  EXPECT_TRUE(read(json + " \n"));
  EXPECT_FALSE(read(json + "x"));
  EXPECT_FALSE(read(json + json));
}

TEST(XgboostJson, deep_nesting_is_refused) {
  for (const char* bracket : {"[", "{\"a\":"}) {
    std::string json = "{\"unknown\":";
    for (int i = 0; i < 100'000; ++i) json += bracket;
    const auto trees = read(json);
    ASSERT_FALSE(trees);
    EXPECT_EQ(trees.error().code, ErrorCode::model_syntax);
  }
}

TEST(XgboostJson, more_trees_than_the_bound_are_refused) {
  Json model = make_model({.trees = 1, .depth = 0});
  const std::string one = trees_of(model)[0].dump();
  trees_of(model) = Json::array();
  std::string many;
  for (std::size_t i = 0; i <= kModelTreesMax; ++i) many += (i == 0 ? "" : ",") + one;
  std::string json = model.dump();
  json.replace(json.find("\"trees\":[]"), 10, "\"trees\":[" + many + "]");
  const auto trees = read(json);
  ASSERT_FALSE(trees);
  EXPECT_EQ(trees.error().code, ErrorCode::model_unsupported);
}

TEST(XgboostJson, more_nodes_than_the_bound_are_refused) {
  Json model = make_model({.trees = 1, .depth = 0});
  std::string children(2 * (kModelNodesMax + 1), '0');
  for (std::size_t i = 1; i < children.size(); i += 2) children[i] = ',';
  children.back() = ']';
  std::string json = model.dump();
  const std::string key = "\"left_children\":[";
  const std::size_t at = json.find(key) + key.size();
  json.replace(at, json.find(']', at) + 1 - at, children);
  const auto trees = read(json);
  ASSERT_FALSE(trees);
  EXPECT_EQ(trees.error().code, ErrorCode::model_unsupported);
}

// Damage must end in a refusal or in a model that can be evaluated: never in a crash or an endless walk.
TEST(XgboostJson, damaged_bytes_never_crash) {
  const std::string json = make_model({.trees = 3, .depth = 3}).dump();
  constexpr std::string_view kBytes = "0123456789-.eE,:[]{}\"ntf\\ \n\0\xff";
  std::mt19937_64 random(5);
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < (test::is_long_run() ? 2'000'000 : 20'000); ++i) {
    std::string damaged = json;
    for (std::uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      damaged[random() % damaged.size()] = kBytes[random() % kBytes.size()];
    }
    const auto trees = read(damaged);
    if (!trees) {
      ++refused;
      continue;
    }
    ++accepted;
    const std::vector<float> row = test::make_row(static_cast<int>(trees->feature_count), random);
    EXPECT_FALSE(std::isnan(TreeKernel<float>(*trees, trees->roots).sum(row.data(), 0)));
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace thintail
