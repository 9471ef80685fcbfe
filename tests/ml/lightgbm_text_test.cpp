// SPDX-License-Identifier: Apache-2.0
// The reader of LightGBM's text: its predictions against the library's own, what it refuses and where it points, and that
// no damage crashes it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>

#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/models/tree_kernel.hpp"
#include "tests/support/data.hpp"

namespace thintail {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Two trees over three features: a tree of three leaves, then a single leaf.
struct Text {
  std::string header =
      "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=2\n"
      "objective=regression\nfeature_names=a b=c d\nfeature_infos=[0:1] [0:1] none\ntree_sizes=1 2\n\n";
  std::string threshold = "threshold=0.5 -1.25";
  std::string feature = "split_feature=0 2";
  std::string decision = "decision_type=2 8";
  std::string left = "left_child=1 -1";
  std::string right = "right_child=-3 -2";
  std::string leaves = "leaf_value=1.5 -0.1 0.30000000000000004";
  std::string more = "is_linear=0\n";

  std::string str() const {
    return header + "Tree=0\nnum_leaves=3\nnum_cat=0\n" + feature + "\nsplit_gain=1 2\n" + threshold + "\n" + decision +
           "\n" + left + "\n" + right + "\n" + leaves + "\nleaf_weight=1 2 3\n" + more + "shrinkage=0.1\n\n\n" +
           "Tree=1\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nthreshold=\nleaf_value=0.25\nshrinkage=1\n\n\n" +
           "end of trees\n\nfeature_importances:\na=1\n\nparameters:\n[boosting: gbdt]\nend of parameters\n";
  }
};

Result<DecisionTrees> read(const std::string& text) { return read_lightgbm_text(text, "model.txt"); }

double margin(const Text& text, std::vector<float> row) {
  const auto trees = TreeEnsemble::from_lightgbm_text(text.str(), "model.txt");
  if (!trees) throw std::runtime_error(trees.error().message());
  double out = 0;
  trees->margins(row.data(), &out);
  return out;
}

TEST(LightgbmText, sums_in_float64_in_the_order_of_the_file) {
  EXPECT_EQ(margin({}, {0.5F, 0, -1.25F}), 1.5 + 0.25);  // both exactly at their thresholds: left
  EXPECT_EQ(margin({}, {0.5F, 0, -1.2F}), -0.1 + 0.25);
  EXPECT_EQ(margin({}, {std::nextafter(0.5F, 1.0F), 0, 0}), 0.30000000000000004 + 0.25);
}

TEST(LightgbmText, a_missing_value_is_zero_where_the_type_is_none) {
  EXPECT_EQ(margin({}, {kNaN, 0, -2}), 1.5 + 0.25);  // 0 <= 0.5
  EXPECT_EQ(margin({.threshold = "threshold=-0.5 -1.25"}, {kNaN, 0, -2}), 0.30000000000000004 + 0.25);
}

TEST(LightgbmText, a_missing_value_takes_the_default_where_the_type_is_nan) {
  EXPECT_EQ(margin({}, {0, 0, kNaN}), -0.1 + 0.25);  // 8: to the right
  EXPECT_EQ(margin({.decision = "decision_type=2 10"}, {0, 0, kNaN}), 1.5 + 0.25);
  EXPECT_EQ(margin({.decision = "decision_type=2 10"}, {0, 0, 0}), -0.1 + 0.25);  // 0 is not missing
}

TEST(LightgbmText, zero_and_nan_take_the_default_where_the_type_is_zero) {
  for (const float zero : {0.0F, -0.0F, kNaN, 1e-36F, -1e-35F, 1e-35F}) {
    EXPECT_EQ(margin({.decision = "decision_type=2 6"}, {0, 0, zero}), 1.5 + 0.25) << zero;
    EXPECT_EQ(margin({.decision = "decision_type=2 4"}, {0, 0, zero}), -0.1 + 0.25) << zero;
  }
  EXPECT_EQ(margin({.decision = "decision_type=2 6"}, {0, 0, 2e-35F}), -0.1 + 0.25);
  EXPECT_EQ(margin({.threshold = "threshold=0.5 1", .decision = "decision_type=2 4"}, {0, 0, 2e-35F}), 1.5 + 0.25);
}

// A threshold between two float32, at the ends of their range, around 0.
TEST(LightgbmText, float32_values_take_the_way_that_they_take_as_doubles) {
  for (const char* threshold : {"0.1", "-0.1", "0", "1e-300", "-1e-300", "1e300", "-1e300", "3.4028234663852886e38",
                                "-3.4028234663852886e38", "1.0000000180025095e-35", "1e-45", "0.30000001192092896"}) {
    const double cut = std::stod(threshold);
    const Text text{.threshold = std::string("threshold=") + threshold + " -1.25"};
    const auto near = static_cast<float>(std::clamp(cut, -3.4e38, 3.4e38));
    for (const float x : {near, std::nextafter(near, kInfinity), std::nextafter(near, -kInfinity), 0.0F, -0.0F,
                          std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max(),
                          std::numeric_limits<float>::lowest(), kInfinity, -kInfinity}) {
      const double expected = static_cast<double>(x) <= cut ? 1.5 + 0.25 : 0.30000000000000004 + 0.25;
      EXPECT_EQ(margin(text, {x, 0, -2}), expected) << threshold << " " << x;
    }
  }
}

TEST(LightgbmText, random_forests_sum_and_say_what_to_divide_by) {
  Text text;
  text.header.insert(text.header.find("feature_names"), "average_output\n");
  const auto trees = read(text.str());
  ASSERT_TRUE(trees) << trees.error().message();
  EXPECT_EQ(trees->averaged_over, 2U);
  EXPECT_EQ(margin(text, {0, 0, -2}), 1.5 + 0.25);
}

// The file's inputs are decimals. Rounded down, x <= T stays as it was for doubles wherever x and T do not share a float32
// that is not theirs; rounded to the nearest, an x equal to its threshold can pass it (1 of the 500 rows).
float rounded_down(double value) {
  const auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value ? std::nextafter(nearest, -kInfinity) : nearest;
}

std::vector<std::vector<double>> numbers(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::vector<double>> rows;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    rows.emplace_back();
    for (double value = 0; words >> value;) rows.back().push_back(value);
  }
  return rows;
}

TEST(LightgbmText, a_real_multiclass_model_predicts_what_the_library_does_without_any_error) {
  const std::filesystem::path folder = test::data_dir() / "models/gbdt";
  TT_REQUIRE_DATA(folder / "lgmulticlass.model");
  std::ifstream in(folder / "lgmulticlass.model");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto inputs = numbers(folder / "multiclass_test.tsv");
  const auto outputs = numbers(folder / "lgmulticlass_true_raw_predictions.txt");
  ASSERT_EQ(inputs.size(), outputs.size());
  ASSERT_GE(inputs.size(), 100U);
  for (const Isa isa : {Isa::scalar, best_isa()}) {
    const auto trees = TreeEnsemble::from_lightgbm_text(text, "lgmulticlass.model", isa);
    ASSERT_TRUE(trees) << trees.error().message();
    ASSERT_EQ(trees->output_count(), 5U);
    double error_max = 0;
    std::vector<double> raw(trees->output_count());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      std::vector<float> row;
      for (std::size_t column = 1; column < inputs[i].size(); ++column) {
        row.push_back(rounded_down(inputs[i][column]));
      }
      ASSERT_EQ(row.size(), trees->feature_count());
      trees->margins(row.data(), raw.data());
      for (std::size_t k = 0; k < raw.size(); ++k) error_max = std::max(error_max, std::abs(raw[k] - outputs[i][k]));
    }
    EXPECT_EQ(error_max, 0.0) << isa_name(isa);
  }
}

// --- hostile files ---------------------------------------------------------------------------------------------------

void refused(const std::string& text, ErrorCode code, std::string_view field, std::string_view found) {
  const auto trees = read(text);
  ASSERT_FALSE(trees) << field;
  EXPECT_EQ(trees.error().code, code) << trees.error().message();
  EXPECT_EQ(trees.error().file, "model.txt");
  EXPECT_GT(trees.error().line, 0U) << trees.error().message();
  EXPECT_NE(trees.error().expected, "");
  EXPECT_EQ(trees.error().field, field) << trees.error().message();
  EXPECT_NE(trees.error().found.find(found), std::string::npos) << trees.error().message();
}

std::string with(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("nothing to replace");
  return text.replace(at, from.size(), to);
}

TEST(LightgbmText, refuses_what_it_cannot_evaluate_exactly_and_says_where) {
  constexpr auto kSyntax = ErrorCode::model_syntax;
  constexpr auto kUnsupported = ErrorCode::model_unsupported;
  constexpr auto kInvalid = ErrorCode::model_invalid_tree;
  const std::string good = Text{}.str();
  ASSERT_TRUE(read(good)) << read(good).error().message();
  refused("", kSyntax, "", "end of the file");
  refused(with(good, "tree\n", "wood\n"), kSyntax, "", "wood");
  refused(with(good, "version=v4", "version=v5"), kUnsupported, "version", "v5");
  refused(with(good, "num_class=1", "num_class=0"), kUnsupported, "num_class", "0");
  refused(with(good, "num_class=1", "num_class=99999999999999999999"), kSyntax, "num_class", "9");
  refused(with(good, "num_class=1", "num_class=3"), kUnsupported, "num_tree_per_iteration", "1");
  refused(with(good, "max_feature_idx=2", "max_feature_idx=4294967295"), kUnsupported, "max_feature_idx", "4294967295");
  refused(with(good, "max_feature_idx=2\n", ""), kSyntax, "max_feature_idx", "none");
  refused(with(good, "label_index=0", "num_class=1"), kSyntax, "num_class", "again");
  refused(with(good, "Tree=1", "Tree=2"), kSyntax, "", "Tree=2");
  refused(with(good, "num_leaves=3", "num_leaves=2147483647"), kUnsupported, "num_leaves", "2147483647");
  refused(with(good, "num_leaves=3", "num_leaves=4"), kSyntax, "leaf_value", "3");
  refused(with(good, "num_leaves=3", "num_leaves=2"), kSyntax, "leaf_value", "more");
  refused(with(good, "num_leaves=3", "num_leaves=-3"), kUnsupported, "num_leaves", "-3");
  refused(with(good, "num_cat=0", "num_cat=1"), kSyntax, "cat_boundaries", "none");
  refused(with(good, "is_linear=0", "is_linear=1"), kUnsupported, "is_linear", "1");
  refused(with(good, "leaf_weight", "leaf_value"), kSyntax, "leaf_value", "again");
  refused(Text{.feature = "split_feature=0 3"}.str(), kInvalid, "split_feature[1]", "3");
  refused(Text{.feature = "split_feature=0 -1"}.str(), kInvalid, "split_feature[1]", "-1");
  refused(Text{.decision = "decision_type=2 9"}.str(), kInvalid, "threshold[1]", "-1.25");  // the number of a set
  refused(Text{.decision = "decision_type=2 12"}.str(), kInvalid, "decision_type[1]", "12");
  refused(Text{.feature = "split_feature=0 0", .decision = "decision_type=2 6"}.str(), kUnsupported, "decision_type",
          "feature 0");
  refused(Text{.threshold = "threshold=0.5 nan"}.str(), kInvalid, "threshold[1]", "nan");
  refused(Text{.threshold = "threshold=0.5 inf"}.str(), kInvalid, "threshold[1]", "inf");
  refused(Text{.threshold = "threshold=0.5 x"}.str(), kSyntax, "threshold[1]", "x");
  refused(Text{.leaves = "leaf_value=1 nan 2"}.str(), kInvalid, "leaf_value[1]", "nan");
  refused(Text{.left = "left_child=2 -1"}.str(), kInvalid, "children", "2");
  refused(Text{.left = "left_child=1 -4"}.str(), kInvalid, "children", "-4");
  refused(Text{.left = "left_child=1 -2147483648"}.str(), kInvalid, "children", "-2147483648");
  refused(Text{.left = "left_child=0 -1"}.str(), kInvalid, "children", "0 reached twice");
  refused(Text{.left = "left_child=1 0"}.str(), kInvalid, "children", "0 reached twice");
  refused(Text{.right = "right_child=-3 -1"}.str(), kInvalid, "children", "-1 reached twice");
}

TEST(LightgbmText, a_cut_at_any_byte_before_the_last_tree_ends_is_refused) {
  const std::string text = Text{}.str();
  const std::size_t end = text.find("end of trees") + std::string_view("end of trees").size();
  for (std::size_t size = 0; size < end; ++size) EXPECT_FALSE(read(text.substr(0, size))) << size;
  EXPECT_TRUE(read(text.substr(0, end)));
}

TEST(LightgbmText, more_trees_or_keys_than_the_bounds_are_refused) {
  std::string many = Text{}.header;
  for (std::size_t i = 0; i <= kModelTreesMax; ++i) many += fmt::format("Tree={}\nnum_leaves=1\nleaf_value=1\n\n", i);
  const auto trees = read(many + "end of trees\n");
  ASSERT_FALSE(trees);
  EXPECT_EQ(trees.error().code, ErrorCode::model_unsupported);
  std::string keys = "tree\n";
  for (int i = 0; i < 100'000; ++i) keys += fmt::format("key{}=1\n", i);
  EXPECT_FALSE(read(keys));
}

// Damage must end in a refusal or in a model that can be evaluated: never in a crash or an endless walk.
TEST(LightgbmText, damaged_bytes_never_crash) {
  const std::string text = Text{}.str();
  constexpr std::string_view kBytes = "0123456789-.eE= \nTree\r\0\xff";
  std::mt19937_64 random(5);
  int accepted = 0;
  int refusals = 0;
  for (int i = 0; i < (test::is_long_run() ? 2'000'000 : 20'000); ++i) {
    std::string damaged = text;
    for (std::uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      damaged[random() % damaged.size()] = kBytes[random() % kBytes.size()];
    }
    const auto trees = read(damaged);
    if (!trees) {
      ++refusals;
      continue;
    }
    ++accepted;
    const std::vector<float> row(trees->feature_count, 0.5F);
    EXPECT_FALSE(std::isnan(TreeKernel<double>(*trees, trees->roots).sum(row.data(), 0)));
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refusals, 100);
}

}  // namespace
}  // namespace thintail
