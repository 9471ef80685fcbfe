// SPDX-License-Identifier: Apache-2.0
// Rows for tree benchmarks, and the plain walk that is their control.
//   path  warm
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "ml/models/decision_trees.hpp"

namespace thintail::bench {

struct TreeRows {
  std::size_t features = 0;
  std::vector<float> values;  // row by row
  std::vector<float> labels;

  std::size_t count() const noexcept { return labels.size(); }
  // From the first again after the last.
  const float* row(std::size_t at) const noexcept { return values.data() + at % count() * features; }
};

// How many rows a profiler's run of `iterations` makes: a few, so that making them is no part of an iteration.
inline constexpr std::size_t kProfiledRows = 64;

// Normal features of which some decide the label, with noise; of `missing_of` values one is missing (0: none).
inline TreeRows make_tree_rows(std::size_t count, std::size_t features, unsigned missing_of, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  TreeRows rows{.features = features, .values = {}, .labels = {}};
  rows.values.resize(count * features);
  for (std::size_t i = 0; i < count; ++i) {
    float* const row = rows.values.data() + i * features;
    float label = normal(random);
    for (std::size_t feature = 0; feature < features; ++feature) {
      row[feature] = normal(random);
      const float weight = 1.0F / static_cast<float>(1 + feature % 8);
      label += weight * (feature % 2 == 0 ? row[feature] : row[feature] * row[feature / 2]);
    }
    for (std::size_t feature = 0; feature < features; ++feature) {
      if (missing_of != 0 && random() % missing_of == 0) row[feature] = std::numeric_limits<float>::quiet_NaN();
    }
    rows.labels.push_back(label);
  }
  return rows;
}

// What every kernel must equal: node by node, tree by tree.
template <class Sum>
Sum plain_walk(const DecisionTrees& trees, const float* row) noexcept {
  Sum sum = static_cast<Sum>(trees.base_margins[0]);
  for (const std::uint32_t root : trees.roots) {
    const DecisionTrees::Node* node = &trees.nodes[root];
    while (!node->is_leaf()) {
      const float x = row[node->feature];
      const bool left = x != x ? node->default_left : x < static_cast<float>(node->value);
      node = &trees.nodes[left ? node->left : node->right];
    }
    sum += static_cast<Sum>(node->value);
  }
  return sum;
}

}  // namespace thintail::bench
