// SPDX-License-Identifier: Apache-2.0
// Categorical splits of LightGBM and XGBoost against evaluators that know nothing of ours: each walks the library's own
// arrays by its written rules (shared/MODEL_FORMATS.md sections 1 and 2). No LightGBM is here to ask; XGBoost is asked in
// tests/tools/xgboost_formats_test.cpp.
#include "ml/models/category_set.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "tests/support/data.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::array kIsas = {Isa::scalar, Isa::avx2, Isa::avx512};

using test::Json;

// Around the categories' own numbers: halves, what lies below 0, far beyond every set, no number.
float any_value(std::mt19937_64& random) {
  switch (random() % 12) {
    case 0: return kNaN;
    case 1: return random() % 2 == 0 ? kInfinity : -kInfinity;
    case 2: return random() % 2 == 0 ? -0.5F : -1.0F;
    case 3: return random() % 2 == 0 ? -0.0F : 0.0F;
    case 4: return std::nextafter(-1.0F, 0.0F);
    case 5: return random() % 2 == 0 ? 2147483648.0F : 16777216.0F;
    case 6: return -static_cast<float>(random() % 40);
    case 7: return static_cast<float>(random() % 90) + 0.75F;
    default: return static_cast<float>(random() % 90);
  }
}

// --- LightGBM --------------------------------------------------------------------------------------------------------

struct LightgbmTree {
  std::vector<int> feature, decision, left, right;
  std::vector<double> threshold, leaf;
  std::vector<std::uint32_t> boundaries = {0}, words;
};

// Feature 0 and 1 are categorical; of the others feature 2 takes zeros for missing.
constexpr int kFeatures = 5;

LightgbmTree make_lightgbm_tree(std::mt19937_64& random, int leaves) {
  LightgbmTree tree;
  std::vector<int*> open;
  int root = -1;
  tree.left.resize(static_cast<std::size_t>(leaves) - 1);
  tree.right.resize(tree.left.size());
  open.push_back(&root);
  for (int node = 0; node + 1 < leaves; ++node) {
    const std::size_t at = random() % open.size();
    const int kept = *open[at];
    *open[at] = node;
    const auto here = static_cast<std::size_t>(node);
    tree.left[here] = kept;
    tree.right[here] = ~(node + 1);
    open[at] = &tree.left[here];
    open.push_back(&tree.right[here]);
    const int feature = static_cast<int>(random() % kFeatures);
    tree.feature.push_back(feature);
    if (feature < 2) {
      tree.threshold.push_back(static_cast<double>(tree.boundaries.size() - 1));
      for (std::uint64_t words = random() % 4; words > 0; --words) {
        tree.words.push_back(static_cast<std::uint32_t>(random() % 3 == 0 ? 0 : random() & random()));
      }
      tree.boundaries.push_back(static_cast<std::uint32_t>(tree.words.size()));
      tree.decision.push_back(random() % 2 == 0 ? 1 : 9);
    } else {
      tree.threshold.push_back(static_cast<double>(random() % 60) - 5.5);
      tree.decision.push_back(static_cast<int>(feature == 2 ? 4 + random() % 2 * 2 : 8 + random() % 2 * 2));
    }
  }
  for (int leaf = 0; leaf < leaves; ++leaf) tree.leaf.push_back(static_cast<double>(random() % 2'000) * 1.1e-3);
  return tree;
}

std::string lightgbm_text(const std::vector<LightgbmTree>& trees) {
  std::string out = fmt::format(
      "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx={}\nobjective="
      "regression\n"
      "feature_infos=0:1:2 3:1 [0:1] [0:1] [0:1]\n\n",
      kFeatures - 1);
  for (std::size_t i = 0; i < trees.size(); ++i) {
    const LightgbmTree& tree = trees[i];
    const auto line = [](const char* key, const auto& values) {
      return fmt::format("{}={}\n", key, fmt::join(values, " "));
    };
    out += fmt::format("Tree={}\nnum_leaves={}\nnum_cat={}\n", i, tree.leaf.size(), tree.boundaries.size() - 1);
    out += line("split_feature", tree.feature) + line("threshold", tree.threshold) +
           line("decision_type", tree.decision) + line("left_child", tree.left) + line("right_child", tree.right) +
           line("leaf_value", tree.leaf);
    if (tree.boundaries.size() > 1) {
      out += line("cat_boundaries", tree.boundaries) + line("cat_threshold", tree.words);
    }
    out += "is_linear=0\nshrinkage=1\n\n\n";
  }
  return out + "end of trees\n";
}

enum class Mutant { none, members_go_right, fractions_are_no_category, missing_goes_left };

double naive_lightgbm(const LightgbmTree& tree, const std::vector<float>& row, Mutant mutant) {
  int node = 0;
  while (node >= 0) {
    const auto at = static_cast<std::size_t>(node);
    auto x = static_cast<double>(row[static_cast<std::size_t>(tree.feature[at])]);
    bool left = false;
    if ((tree.decision[at] & 1) != 0) {
      const auto set = static_cast<std::size_t>(tree.threshold[at]);
      const bool below = mutant == Mutant::fractions_are_no_category ? x < 0 : x <= -1;
      if (std::isnan(x)) {
        left = mutant == Mutant::missing_goes_left;
      } else if (!below && x < 2147483648.0) {
        const auto category = static_cast<std::size_t>(static_cast<int>(x));
        const std::size_t word = tree.boundaries[set] + category / 32;
        left = word < tree.boundaries[set + 1] && (tree.words[word] >> category % 32 & 1U) != 0;
        if (mutant == Mutant::members_go_right) left = !left;
      }
    } else {
      const int missing = tree.decision[at] >> 2;
      if (std::isnan(x) && missing != 2) x = 0;
      const bool is_missing = missing == 1 ? std::abs(x) <= 1e-35 : std::isnan(x);
      left = is_missing ? (tree.decision[at] & 2) != 0 : x <= tree.threshold[at];
    }
    node = (left ? tree.left : tree.right)[at];
  }
  return tree.leaf[static_cast<std::size_t>(~node)];
}

// Rows on which an Isa's sum differs from the naive one.
int lightgbm_differences(std::uint64_t seed, int tree_count, int leaves, int rows, Mutant mutant = Mutant::none) {
  std::mt19937_64 random(seed);
  std::vector<LightgbmTree> trees;
  for (int i = 0; i < tree_count; ++i) trees.push_back(make_lightgbm_tree(random, leaves));
  const std::string text = lightgbm_text(trees);
  std::vector<TreeEnsemble> ours;
  for (const Isa isa : kIsas) {
    if (!isa_available(isa)) continue;
    auto one = TreeEnsemble::from_lightgbm_text(text, "model.txt", isa);
    EXPECT_TRUE(one) << one.error().message();
    if (!one) return -1;
    ours.push_back(std::move(*one));
  }
  int differing = 0;
  std::vector<float> row(kFeatures);
  for (int i = 0; i < rows; ++i) {
    for (float& value : row) value = any_value(random);
    double expected = 0;
    for (const LightgbmTree& tree : trees) expected += naive_lightgbm(tree, row, mutant);
    bool differs = false;
    for (const TreeEnsemble& one : ours) {
      double sum = 0;
      one.margins(row.data(), &sum);
      differs |= std::bit_cast<std::uint64_t>(sum) != std::bit_cast<std::uint64_t>(expected);
    }
    differing += differs ? 1 : 0;
  }
  return differing;
}

TEST(CategorySets, lightgbm_models_equal_their_written_rules) {
  for (const int leaves : {2, 3, 8, 31, 120}) {
    for (const int trees : {1, 7, 30}) EXPECT_EQ(lightgbm_differences(7, trees, leaves, 1'000), 0) << leaves;
  }
  for (std::uint64_t seed = 0; seed < (test::is_long_run() ? 3'000 : 60); ++seed) {
    EXPECT_EQ(lightgbm_differences(seed, 5, 20, 300), 0) << "seed " << seed;
  }
}

TEST(CategorySets, the_control_notices_mutants) {
  for (const Mutant mutant : {Mutant::members_go_right, Mutant::fractions_are_no_category, Mutant::missing_goes_left}) {
    EXPECT_GT(lightgbm_differences(7, 30, 31, 1'000, mutant), 0) << static_cast<int>(mutant);
  }
}

TEST(CategorySets, equal_sets_of_a_model_are_one) {
  std::mt19937_64 random(1);
  LightgbmTree tree = make_lightgbm_tree(random, 60);
  for (std::size_t node = 0; node < tree.feature.size(); ++node) {
    tree.feature[node] = 0;
    tree.decision[node] = 1;
    tree.threshold[node] = static_cast<double>(node % 4);
  }
  tree.boundaries = {0, 2, 3, 4, 6};  // sets 0 and 1 differ by a word of zeros, sets 2 and 3 by their bits
  tree.words = {5, 0, 5, 6, 6, 1};
  const auto trees = read_lightgbm_text(lightgbm_text({tree}), "model.txt");
  ASSERT_TRUE(trees) << trees.error().message();
  EXPECT_EQ(trees->category_sets.size(), 3U);
  EXPECT_EQ(trees->row_width(), kFeatures + 3U);
}

struct Damage {
  const char* from;
  const char* to;
  ErrorCode code;
  const char* field;
};

TEST(CategorySets, damaged_sets_of_lightgbm_are_refused) {
  const std::string good =
      "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\n\nTree=0\nnum_leaves=3\nnum_cat=2\n"
      "split_feature=0 0\nthreshold=0 1\ndecision_type=1 1\nleft_child=1 -1\nright_child=-3 -2\nleaf_value=1 2 3\n"
      "cat_boundaries=0 1 3\ncat_threshold=5 7 9\n\nend of trees\n";
  ASSERT_TRUE(read_lightgbm_text(good, "model.txt")) << read_lightgbm_text(good, "model.txt").error().message();
  constexpr auto kInvalid = ErrorCode::model_invalid_tree;
  for (const Damage& one : {
           Damage{"threshold=0 1", "threshold=0 2", kInvalid, "threshold[1]"},
           Damage{"threshold=0 1", "threshold=0 -1", kInvalid, "threshold[1]"},
           Damage{"threshold=0 1", "threshold=0 0.5", kInvalid, "threshold[1]"},
           Damage{"threshold=0 1", "threshold=0 nan", kInvalid, "threshold[1]"},
           Damage{"threshold=0 1", "threshold=0 4294967296", kInvalid, "threshold[1]"},
           Damage{"num_cat=2", "num_cat=3", ErrorCode::model_syntax, "cat_boundaries"},
           Damage{"num_cat=2", "num_cat=0", kInvalid, "threshold[0]"},
           Damage{"num_cat=2", "num_cat=-1", ErrorCode::model_unsupported, "num_cat"},
           Damage{"num_cat=2", "num_cat=4294967295", ErrorCode::model_unsupported, "num_cat"},
           Damage{"cat_boundaries=0 1 3", "cat_boundaries=1 1 3", kInvalid, "cat_boundaries[0]"},
           Damage{"cat_boundaries=0 1 3", "cat_boundaries=0 3 1", kInvalid, "cat_boundaries[2]"},
           Damage{"cat_boundaries=0 1 3", "cat_boundaries=0 1 2049", ErrorCode::model_syntax, "cat_threshold"},
           Damage{"cat_boundaries=0 1 3", "cat_boundaries=0 1 2050", kInvalid, "cat_boundaries[2]"},
           Damage{"cat_boundaries=0 1 3", "cat_boundaries=0 1 4294967295", kInvalid, "cat_boundaries[2]"},
           Damage{"cat_boundaries=0 1 3", "cat_boundaries=0 1 -3", ErrorCode::model_syntax, "cat_boundaries[2]"},
           Damage{"cat_threshold=5 7 9", "cat_threshold=5 7", ErrorCode::model_syntax, "cat_threshold"},
           Damage{"cat_threshold=5 7 9", "cat_threshold=5 7 9 1", ErrorCode::model_syntax, "cat_threshold"},
           Damage{"cat_threshold=5 7 9", "cat_threshold=5 7 4294967296", ErrorCode::model_syntax, "cat_threshold[2]"},
           Damage{"cat_threshold", "cat_thresholt", ErrorCode::model_syntax, "cat_threshold"},
       }) {
    std::string text = good;
    text.replace(text.find(one.from), std::string_view(one.from).size(), one.to);
    const auto read = read_lightgbm_text(text, "model.txt");
    ASSERT_FALSE(read) << one.to;
    EXPECT_EQ(read.error().code, one.code) << read.error().message();
    EXPECT_EQ(read.error().field, one.field) << read.error().message();
  }
}

TEST(CategorySets, more_different_sets_than_the_bound_are_refused) {
  std::mt19937_64 random(1);
  LightgbmTree tree;
  const int leaves = static_cast<int>(kCategorySetsMax) + 2;
  for (int node = 0; node + 1 < leaves; ++node) {
    tree.feature.push_back(0);
    tree.decision.push_back(1);
    tree.left.push_back(node + 2 < leaves ? node + 1 : -1);
    tree.right.push_back(~(node + 1));
    tree.threshold.push_back(node);
    tree.words.push_back(static_cast<std::uint32_t>(node) + 1);
    tree.boundaries.push_back(static_cast<std::uint32_t>(node) + 1);
  }
  tree.leaf.assign(static_cast<std::size_t>(leaves), 1.0);
  const auto read = read_lightgbm_text(lightgbm_text({tree}), "model.txt");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::model_unsupported);
  EXPECT_EQ(read.error().field, "cat_threshold");
  tree.words.back() = 1;  // the first again
  EXPECT_TRUE(read_lightgbm_text(lightgbm_text({tree}), "model.txt"));
}

// --- XGBoost ---------------------------------------------------------------------------------------------------------

// Features 0 and 1 of a made-up model become categorical: their splits get a set of categories, listed in ascending order.
Json make_xgboost(std::uint64_t seed, int trees, int depth) {
  std::mt19937_64 random(seed);
  Json model = test::make_model({.trees = trees, .depth = depth, .features = 4, .seed = seed});
  model["learner"]["feature_types"] = {"c", "c", "float", "float"};
  for (Json& tree : test::trees_of(model)) {
    std::vector<int> nodes, begins, sizes, categories;
    for (std::size_t node = 0; node < tree["left_children"].size(); ++node) {
      if (tree["left_children"][node] == -1 || tree["left_children"][node] == 1'000'000) continue;
      if (tree["split_indices"][node].get<int>() > 1) continue;
      tree["split_type"][node] = 1;
      nodes.push_back(static_cast<int>(node));
      begins.push_back(static_cast<int>(categories.size()));
      const auto first = static_cast<int>(categories.size());
      for (int category = 0; category < 80; ++category) {
        if (random() % 3 == 0) categories.push_back(category);
      }
      sizes.push_back(static_cast<int>(categories.size()) - first);
    }
    tree["categories_nodes"] = nodes;
    tree["categories_segments"] = begins;
    tree["categories_sizes"] = sizes;
    tree["categories"] = categories;
  }
  return model;
}

float naive_xgboost(const Json& model, const std::vector<float>& row) {
  float sum = 0.5F;
  for (const Json& tree : model["learner"]["gradient_booster"]["model"]["trees"]) {
    std::size_t node = 0;
    while (tree["left_children"][node] != -1) {
      const float x = row[tree["split_indices"][node].get<std::size_t>()];
      bool left = x < tree["split_conditions"][node].get<float>();
      if (tree["split_type"][node] == 1) {
        left = true;
        for (std::size_t i = 0; i < tree["categories_nodes"].size(); ++i) {
          if (tree["categories_nodes"][i] != node) continue;
          const auto begin = tree["categories_segments"][i].get<std::size_t>();
          for (std::size_t k = begin; k < begin + tree["categories_sizes"][i].get<std::size_t>(); ++k) {
            if (x >= 0 && x < 16777216.0F && static_cast<int>(x) == tree["categories"][k].get<int>()) left = false;
          }
        }
      }
      if (std::isnan(x)) left = tree["default_left"][node] == 1;
      node = tree[left ? "left_children" : "right_children"][node].get<std::size_t>();
    }
    sum += tree["split_conditions"][node].get<float>();
  }
  return sum;
}

TEST(CategorySets, xgboost_models_equal_their_written_rules) {
  for (const int depth : {1, 3, 6, 10}) {
    const Json model = make_xgboost(static_cast<std::uint64_t>(depth), 5, depth);
    for (const Isa isa : kIsas) {
      if (!isa_available(isa)) continue;
      const auto ours = TreeEnsemble::from_xgboost_json(model.dump(), "model.json", isa);
      ASSERT_TRUE(ours) << ours.error().message();
      std::mt19937_64 random(9);
      std::vector<float> row(4);
      for (int i = 0; i < (depth > 6 ? 60 : 300); ++i) {
        for (float& value : row) value = any_value(random);
        EXPECT_EQ(std::bit_cast<std::uint32_t>(ours->margin(row.data())),
                  std::bit_cast<std::uint32_t>(naive_xgboost(model, row)));
      }
    }
  }
}

TEST(CategorySets, damaged_sets_of_xgboost_are_refused) {
  const Json good = make_xgboost(3, 2, 3);
  ASSERT_TRUE(read_xgboost_json(good.dump(), "m.json")) << read_xgboost_json(good.dump(), "m.json").error().message();
  const auto refused = [&](auto&& damage, ErrorCode code, std::string_view field) {
    Json model = good;
    damage(test::trees_of(model)[0], model);
    const auto read = read_xgboost_json(model.dump(), "m.json");
    ASSERT_FALSE(read) << field;
    EXPECT_EQ(read.error().code, code) << read.error().message();
    EXPECT_NE(read.error().field.find(field), std::string::npos) << read.error().message();
  };
  constexpr auto kInvalid = ErrorCode::model_invalid_tree;
  constexpr auto kUnsupported = ErrorCode::model_unsupported;
  refused([](Json& tree, Json&) { tree["categories_nodes"][0] = -1; }, kInvalid, "trees[0]");
  refused([](Json& tree, Json&) { tree["categories_nodes"][0] = 1'000'000; }, kInvalid, "trees[0]");
  refused([](Json& tree, Json&) { tree["categories_nodes"].push_back(tree["categories_nodes"][0]); }, kInvalid,
          "trees[0]");
  refused([](Json& tree, Json&) { tree["categories_segments"][0] = 1; }, kInvalid, "trees[0]");
  refused([](Json& tree, Json&) { tree["categories_sizes"][0] = -5; }, kInvalid, "trees[0]");
  refused([](Json& tree, Json&) { tree["categories_sizes"][0] = 2'147'483'647; }, kInvalid, "trees[0]");
  refused([](Json& tree, Json&) { tree["categories"].push_back(1); }, kInvalid, "trees[0]");
  refused([](Json& tree, Json&) { tree["categories"] = Json::array(); }, kInvalid, "trees[0]");
  refused([](Json& tree, Json&) { tree["categories"][0] = -1; }, kUnsupported, "trees[0]");
  refused([](Json& tree, Json&) { tree["categories"][0] = 65'536; }, kUnsupported, "trees[0]");
  refused([](Json& tree, Json&) { tree["split_type"][0] = 2; }, kUnsupported, "trees[0]");
  refused(
      [](Json& tree, Json&) {
        for (const char* key : {"categories_nodes", "categories_segments", "categories_sizes", "categories"})
          tree.erase(key);
      },
      kInvalid, "trees[0]");
  refused([](Json&, Json& model) { model["learner"]["learner_model_param"]["num_feature"] = "1"; }, kInvalid,
          "split_indices");
  refused(
      [](Json&, Json& model) {
        model["learner"]["gradient_booster"]["model"]["cats"] = {{"enc", {{{"type", 0}}}},
                                                                 {"feature_segments", {0, 1}}};
      },
      kUnsupported, "cats.enc");
}

}  // namespace
}  // namespace thintail
