// SPDX-License-Identifier: Apache-2.0
// XGBoost models made up for tests, and the control that evaluates them: a plain walk over the parsed JSON that asks
// for NaN by name. It shares no line with ml/models.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace thintail::test {

using Json = nlohmann::json;

struct ModelShape {
  int trees = 3;
  int depth = 3;
  int features = 4;
  std::uint64_t seed = 1;
};

// Thresholds, leaves and row values come from a small grid, so that rows often hit a threshold exactly.
inline float grid_value(std::mt19937_64& random) {
  return static_cast<float>(static_cast<int>(random() % 17) - 8) * 0.25F;
}

// Uneven trees (a node above the last level is a leaf now and then), each with a deleted node among its arrays.
inline Json make_tree(const ModelShape& shape, std::mt19937_64& random, int id) {
  std::vector<int> left, right, feature, default_left;
  std::vector<float> value;
  const auto add_node = [&] {
    left.push_back(-1);
    right.push_back(-1);
    feature.push_back(0);
    default_left.push_back(0);
    value.push_back(static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 1.1e-3F);
    return static_cast<int>(left.size()) - 1;
  };
  const auto grow = [&](auto& self, int depth) -> int {
    const int node = add_node();
    if (node == 0 && shape.depth > 0) {  // what a pruned node leaves behind: indices that nothing may follow
      const auto deleted = static_cast<std::size_t>(add_node());
      left[deleted] = 1'000'000;
      feature[deleted] = 2'147'483'647;
    }
    if (depth == shape.depth || (depth > 0 && random() % 5 == 0)) return node;
    const int to_left = self(self, depth + 1);
    const int to_right = self(self, depth + 1);
    const auto at = static_cast<std::size_t>(node);
    left[at] = to_left;
    right[at] = to_right;
    feature[at] = static_cast<int>(random() % static_cast<std::uint64_t>(shape.features));
    default_left[at] = static_cast<int>(random() % 2);
    value[at] = grid_value(random);
    return node;
  };
  grow(grow, 0);
  return {{"id", id},
          {"tree_param",
           {{"num_nodes", std::to_string(left.size())},
            {"num_feature", std::to_string(shape.features)},
            {"num_deleted", "1"},
            {"size_leaf_vector", "0"}}},
          {"left_children", left},
          {"right_children", right},
          {"split_indices", feature},
          {"split_conditions", value},
          {"default_left", default_left},
          {"split_type", std::vector<int>(left.size(), 0)},
          {"categories", Json::array()},
          {"categories_nodes", Json::array()}};
}

inline Json make_model(const ModelShape& shape) {
  std::mt19937_64 random(shape.seed);
  Json trees = Json::array();
  for (int i = 0; i < shape.trees; ++i) trees.push_back(make_tree(shape, random, i));
  return {{"version", {1, 7, 4}},
          {"learner",
           {{"learner_model_param",
             {{"base_score", "5E-1"},
              {"boost_from_average", "1"},
              {"num_class", "0"},
              {"num_feature", std::to_string(shape.features)},
              {"num_target", "1"}}},
            {"attributes", Json::object()},
            {"feature_names", Json::array()},
            {"feature_types", Json::array()},
            {"objective", {{"name", "reg:squarederror"}, {"reg_loss_param", {{"scale_pos_weight", "1"}}}}},
            {"gradient_booster",
             {{"name", "gbtree"},
              {"model",
               {{"gbtree_model_param",
                 {{"num_trees", std::to_string(shape.trees)}, {"num_parallel_tree", "1"}, {"size_leaf_vector", "0"}}},
                {"tree_info", std::vector<int>(static_cast<std::size_t>(shape.trees), 0)},
                {"trees", trees}}}}}}}};
}

inline Json& trees_of(Json& model) { return model["learner"]["gradient_booster"]["model"]["trees"]; }

// Values from the thresholds' grid, missing ones, infinities and both zeros.
inline std::vector<float> make_row(int features, std::mt19937_64& random) {
  std::vector<float> row(static_cast<std::size_t>(features));
  for (float& value : row) {
    switch (random() % 10) {
      case 0: value = std::numeric_limits<float>::quiet_NaN(); break;
      case 1: value = std::numeric_limits<float>::infinity(); break;
      case 2: value = -std::numeric_limits<float>::infinity(); break;
      case 3: value = -0.0F; break;
      default: value = grid_value(random);
    }
  }
  return row;
}

// The control. `base` is the margin before the first tree.
inline float naive_margin(const Json& model, std::span<const float> row, float base) {
  float sum = base;
  for (const Json& tree : model["learner"]["gradient_booster"]["model"]["trees"]) {
    std::size_t node = 0;
    while (tree["left_children"][node].get<int>() != -1) {
      const float value = row[tree["split_indices"][node].get<std::size_t>()];
      const bool left = std::isnan(value) ? tree["default_left"][node].get<int>() == 1
                                          : value < tree["split_conditions"][node].get<float>();
      node = tree[left ? "left_children" : "right_children"][node].get<std::size_t>();
    }
    sum += tree["split_conditions"][node].get<float>();
  }
  return sum;
}

}  // namespace thintail::test
