// SPDX-License-Identifier: Apache-2.0
#include "tools/train/convert.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/whole_file.hpp"
#include "core/numeric/split_mix.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/models/xgboost_binary.hpp"
#include "tools/train/booster.hpp"
#include "tools/train/parity.hpp"

namespace thintail {

namespace {

constexpr std::size_t kRows = 4'096;
constexpr std::uint64_t kSeed = 1;

// Rows that meet the trees' thresholds: at them, beside them, and missing.
std::vector<float> check_rows(const DecisionTrees& trees) {
  std::vector<std::vector<float>> cuts(trees.row_width());
  for (const DecisionTrees::Node& node : trees.nodes) {
    if (!node.is_leaf()) cuts[node.feature].push_back(static_cast<float>(node.value));
  }
  numeric::SplitMix random(kSeed);
  std::vector<float> values;
  values.reserve(kRows * trees.feature_count);
  for (std::size_t i = 0; i < kRows * trees.feature_count; ++i) {
    const std::vector<float>& own = cuts[i % trees.feature_count];
    const float cut = own.empty() ? 0.0F : own[random.below(own.size())];
    switch (random.below(5)) {
      case 0: values.push_back(std::numeric_limits<float>::quiet_NaN()); break;
      case 1: values.push_back(std::nextafter(cut, -std::numeric_limits<float>::infinity())); break;
      case 2: values.push_back(0.0F); break;
      case 3: values.push_back(cut + static_cast<float>(random.uniform())); break;
      default: values.push_back(cut);
    }
  }
  return values;
}

}  // namespace

Result<ConvertReport> convert_model(const std::string& path, const std::string& out) {
  TT_TRY(const std::string bytes, read_whole_file(path, model_reading("converting a model")));
  if (!is_xgboost_binary(bytes)) {
    return fail({.code = ErrorCode::model_unsupported,
                 .doing = "converting a model",
                 .file = path,
                 .field = "byte 0",
                 .expected = "the old binary form of XGBoost: parameters, then the name of an objective",
                 .found = printable(std::string_view(bytes).substr(0, 16))});
  }
  TT_TRY(const Booster booster, Booster::from_bytes(bytes));
  TT_TRY(const std::string json, booster.json());
  TT_TRY(const DecisionTrees trees, read_xgboost_json(json, path));
  const TreeEnsemble ours = TreeEnsemble::from_trees(trees, sha256(json));
  const std::vector<float> values = check_rows(trees);
  TT_TRY(const Matrix matrix, Matrix::create(values, trees.feature_count));
  TT_TRY(const std::vector<float> theirs, booster.margins(matrix));
  TT_TRY_VOID(check_equal_margins(ours, values, theirs, path));
  TT_TRY_VOID(replace_file(out, json, "writing a converted model"));
  return ConvertReport{.features = trees.feature_count,
                       .outputs = ours.output_count(),
                       .trees = ours.tree_count(),
                       .rows_checked = kRows};
}

}  // namespace thintail
