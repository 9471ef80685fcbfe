// SPDX-License-Identifier: Apache-2.0
// A model small enough to write by hand: three stumps over core-32, as a pack in a folder of its own.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "ml/features/feature_set.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tests/support/feed_files.hpp"
#include "tests/support/model_specs.hpp"

namespace thintail::test {

class SmallModel {
 public:
  // Leaves are plus and minus `leaf` in basis points, against the deviation from the mean of the last 1, 15 and 240 s.
  explicit SmallModel(double leaf = 3.0)
      : path_(folder_.write("small.ttm", packed(trees_spec(FeatureSet::core_32(), trees_of_json(json(leaf)))))),
        loaded_(load_decision_model(path_)) {}

  const DecisionModel& loaded() const { return loaded_.value(); }
  const std::string& path() const { return path_; }
  bool is_loaded() const { return loaded_.has_value(); }
  std::string why_not() const { return loaded_ ? "" : loaded_.error().message(); }

 private:
  static std::string stump(std::string_view lane, double leaf) {
    const std::size_t feature = FeatureSet::core_32().lane(lane).value();
    return fmt::format(
        R"({{"tree_param":{{"num_nodes":"3","size_leaf_vector":"0"}},"left_children":[1,-1,-1],"right_children":[2,-1,-1],)"
        R"("split_indices":[{},0,0],"split_conditions":[0.05,{},{}],"default_left":[1,0,0],"split_type":[0,0,0]}})",
        feature, leaf, -leaf);
  }
  static std::string json(double leaf) {
    return fmt::format(
        R"({{"version":[1,7,4],"learner":{{"learner_model_param":{{"base_score":"0","num_class":"0","num_feature":"32",)"
        R"("num_target":"1"}},"objective":{{"name":"reg:squarederror"}},"feature_names":[],"feature_types":[],)"
        R"("gradient_booster":{{"name":"gbtree","model":{{"gbtree_model_param":{{"num_trees":"3","size_leaf_vector":"0"}},)"
        R"("tree_info":[0,0,0],"trees":[{},{},{}]}}}}}}}})",
        stump("mid_deviation_1s", leaf), stump("mid_deviation_15s", leaf), stump("mid_deviation_240s", leaf));
  }

  FeedFolder folder_;
  std::string path_;
  Result<DecisionModel> loaded_;
};

}  // namespace thintail::test
