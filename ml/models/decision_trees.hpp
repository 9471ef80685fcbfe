// SPDX-License-Identifier: Apache-2.0
// DecisionTrees: a checked model in plain form, between the reader of a file and the layout that is evaluated.
//   path       cold
//   invariant  every child and feature index is in range; each tree's nodes are reached from its root exactly once,
//              parents before children; thresholds are not NaN, and not -Infinity where NaN goes left; leaves are
//              finite.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace thintail {

// Bounds on what a file may ask for. They keep a hostile file's cost bounded, and lie far above what trains well on
// market data.
inline constexpr std::size_t kModelBytesMax = std::size_t{512} << 20;
inline constexpr std::size_t kModelTreesMax = 16'384;
inline constexpr std::size_t kModelNodesMax = std::size_t{4} << 20;
inline constexpr std::size_t kModelFeaturesMax = 1'024;  // evaluation keeps two rows of them on the stack

struct DecisionTrees {
  struct Node {
    float value = 0;  // threshold (left: feature < threshold); at a leaf, what it adds
    std::uint32_t feature = 0;
    std::uint32_t left = 0;  // index into `nodes`; 0, which only a first root can have, marks a leaf
    std::uint32_t right = 0;
    bool default_left = false;  // where a missing feature (NaN) goes

    bool is_leaf() const noexcept { return left == 0; }
  };

  float base_margin = 0;
  std::uint32_t feature_count = 0;
  std::uint32_t depth_max = 0;  // compares on the longest way from a root to a leaf
  std::string objective;
  std::vector<std::uint32_t> roots;  // in file order, which is the order of addition
  std::vector<Node> nodes;
};

// An XGBoost model saved as JSON. Anything that would be evaluated differently from the library is refused
// (docs/models.md).
Result<DecisionTrees> read_xgboost_json(std::string_view json, std::string_view file);

}  // namespace thintail
