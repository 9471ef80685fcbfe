// SPDX-License-Identifier: Apache-2.0
// DecisionTrees: a checked model in plain form, between the reader of a file and the layout that is evaluated.
//   path       cold
//   invariant  every child and feature index is in range; each tree's nodes are reached from its root exactly once,
//              parents before children; thresholds are not NaN, and not -Infinity where NaN goes left; leaves are
//              finite; there is one group a root and one base margin a group.
//
// Every node compares a number with a threshold. A categorical split is a node over a CategorySet's lane: feature
// feature_count + k of a node is what category_sets[k] makes of the row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/whole_file.hpp"
#include "ml/models/category_set.hpp"

namespace thintail {

// Bounds on what a file may ask for. They keep a hostile file's cost bounded, and lie far above what trains well on
// market data.
inline constexpr std::size_t kModelBytesMax = std::size_t{512} << 20;
inline constexpr std::size_t kModelTreesMax = 16'384;
inline constexpr std::size_t kModelNodesMax = std::size_t{4} << 20;
inline constexpr std::size_t kModelFeaturesMax = 1'024;
// A row as nodes see it: features, then category sets. Evaluation keeps two of them on the stack.
inline constexpr std::size_t kModelRowMax = kModelFeaturesMax + kCategorySetsMax;

// How model files are read.
constexpr FileReading model_reading(std::string_view doing) noexcept {
  return {.doing = doing,
          .expected = "a readable file",
          .bytes_max = kModelBytesMax,
          .missing = ErrorCode::model_missing,
          .too_long = ErrorCode::model_unsupported};
}

inline constexpr std::size_t kModelOutputsMax = 256;

// What a library adds leaves in. Every value of a model with float32 sums is a float32.
enum class SumType : std::uint8_t { float32, float64 };

struct DecisionTrees {
  struct Node {
    double value = 0;  // threshold, a float32 (left: feature < threshold); at a leaf, what it adds
    std::uint32_t feature = 0;  // below row_width()
    std::uint32_t left = 0;  // index into `nodes`; 0, which only a first root can have, marks a leaf
    std::uint32_t right = 0;
    bool default_left = false;  // where a missing feature (NaN) goes

    bool is_leaf() const noexcept { return left == 0; }
  };

  SumType sum_type = SumType::float32;
  std::vector<double> base_margins;  // by group (output): what its sum starts from
  std::uint32_t feature_count = 0;
  std::uint32_t depth_max = 0;  // compares on the longest way from a root to a leaf
  std::string objective;
  std::string saved_by;  // "XGBoost 1.7", "LightGBM text v4": as the file says
  // The library's prediction is the mean over so many iterations of what we sum up; 1: it is the sum itself.
  std::uint32_t averaged_over = 1;
  std::vector<std::uint32_t> roots;  // in file order, which is the order of addition
  std::vector<std::uint32_t> groups;  // by root
  std::vector<Node> nodes;
  // Features of which a value this near to 0 counts as missing (LightGBM's zero_as_missing); ascending.
  static constexpr float kZeroMax = 1e-35F;
  std::vector<std::uint32_t> zero_is_missing;
  std::vector<CategorySet> category_sets;

  std::uint32_t row_width() const noexcept { return feature_count + static_cast<std::uint32_t>(category_sets.size()); }
  std::vector<std::uint32_t> roots_of(std::uint32_t group) const {
    std::vector<std::uint32_t> own;
    for (std::size_t tree = 0; tree < roots.size(); ++tree) {
      if (groups[tree] == group) own.push_back(roots[tree]);
    }
    return own;
  }
};

// An XGBoost model saved as JSON. Anything that would be evaluated differently from the library is refused
// (docs/models.md).
Result<DecisionTrees> read_xgboost_json(std::string_view json, std::string_view file);
// The same saved as Universal Binary JSON.
Result<DecisionTrees> read_xgboost_ubj(std::string_view ubj, std::string_view file);
// A LightGBM model as text. Inputs are float32: a threshold T becomes the smallest float32 above it.
Result<DecisionTrees> read_lightgbm_text(std::string_view text, std::string_view file);

}  // namespace thintail
