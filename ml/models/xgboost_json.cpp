// SPDX-License-Identifier: Apache-2.0
// Reader of XGBoost models saved as JSON, 1.x to 3.x: single-output gbtree models of numeric features.
//   path    cold
//   source  shared/MODEL_FORMATS.md section 1: keys, the decision rule, and how base_score becomes a margin
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "ml/models/decision_trees.hpp"
#include "ml/models/json_cursor.hpp"
#include "ml/models/number_text.hpp"

namespace thintail {

namespace {

constexpr std::string_view kDoing = "reading an XGBoost model";

// How base_score, which the file gives in the space of the output, becomes the margin that sums start from.
enum class Link : std::uint8_t { identity, logit, log };

constexpr std::array kObjectives = std::to_array<std::pair<std::string_view, Link>>({
    {"binary:hinge", Link::identity},
    {"binary:logistic", Link::logit},
    {"binary:logitraw", Link::identity},
    {"count:poisson", Link::log},
    {"rank:map", Link::identity},
    {"rank:ndcg", Link::identity},
    {"rank:pairwise", Link::identity},
    {"reg:absoluteerror", Link::identity},
    {"reg:gamma", Link::log},
    {"reg:linear", Link::identity},
    {"reg:logistic", Link::logit},
    {"reg:pseudohubererror", Link::identity},
    {"reg:squarederror", Link::identity},
    {"reg:squaredlogerror", Link::identity},
    {"reg:tweedie", Link::log},
});

// Outside of this, releases of the library differ in whether they clamp.
constexpr float kProbabilityMin = 1e-6F;
constexpr float kProbabilityMax = 1 - 1e-6F;

// Release 1.0 took base_score of binary:logitraw for a probability; 1.7 and later take it for the margin itself.
constexpr std::array<std::int32_t, 2> kLogitrawIsMargin = {1, 7};

class XgboostReader {
 public:
  XgboostReader(std::string_view json, std::string_view file) : json_(json, kDoing, file), file_(file) {}

  Result<DecisionTrees> read() {
    json_.object([this](std::string_view key) {
      if (key == "learner") {
        read_learner();
      } else if (key == "version") {
        version_ = {};
        json_.array([this](std::size_t index) {
          const std::int32_t number = json_.int32();
          if (index < version_.size()) version_[index] = number;
        });
      } else {
        json_.skip();
      }
    });
    json_.end();
    if (json_.failed()) return std::unexpected(*json_.error());
    TT_TRY_VOID(check_model());
    return std::move(trees_);
  }

 private:
  // One tree's parallel arrays as the file has them; deleted nodes may stand among them.
  struct RawTree {
    std::vector<std::int32_t> left, right, feature, split_type;
    std::vector<float> value;
    std::vector<std::uint8_t> default_left;
    std::int64_t num_nodes = -1;

    void clear() {
      for (auto* column : {&left, &right, &feature, &split_type}) column->clear();
      value.clear();
      default_left.clear();
      num_nodes = -1;
    }
  };

  // --- keys ------------------------------------------------------------------------------------------------------

  void read_learner() {
    json_.object([this](std::string_view key) {
      if (key == "learner_model_param") {
        read_learner_parameters();
      } else if (key == "objective") {
        json_.object([this](std::string_view member) {
          if (member == "name") {
            trees_.objective = json_.string();
          } else {
            json_.skip();
          }
        });
      } else if (key == "gradient_booster") {
        read_booster();
      } else if (key == "feature_types") {
        json_.array([this](std::size_t) {
          if (json_.string() == "c") unsupported("numeric features", "a categorical one");
        });
      } else {
        json_.skip();
      }
    });
  }

  void read_learner_parameters() {
    json_.object([this](std::string_view key) {
      if (key == "base_score") {
        read_base_score();
      } else if (key == "num_class" || key == "num_target") {
        require_single_output(integer());
      } else if (key == "num_feature") {
        const std::int64_t count = integer();
        if (count < 1 || count > static_cast<std::int64_t>(kModelFeaturesMax)) {
          return unsupported(fmt::format("1 to {} features", kModelFeaturesMax), std::to_string(count));
        }
        trees_.feature_count = static_cast<std::uint32_t>(count);
      } else {
        json_.skip();
      }
    });
  }

  // "5E-1" up to 3.0, "[5E-1]" since 3.1.
  void read_base_score() {
    const std::string_view text = json_.scalar_text();
    std::string_view digits = text;
    if (digits.starts_with('[') && digits.ends_with(']')) digits = digits.substr(1, digits.size() - 2);
    if (digits.contains(',')) return unsupported("one base score", printable(text));
    if (!parse_number(digits, base_score_) || !std::isfinite(base_score_)) {
      return json_.fail(ErrorCode::model_syntax, "a finite number, as is or in brackets", printable(text));
    }
    has_base_score_ = true;
  }

  void read_booster() {
    json_.object([this](std::string_view key) {
      if (key == "name") {
        booster_ = json_.string();
      } else if (key == "model") {
        read_model();
      } else {
        json_.skip();
      }
    });
  }

  void read_model() {
    json_.object([this](std::string_view key) {
      if (key == "gbtree_model_param") {
        json_.object([this](std::string_view member) {
          if (member == "num_trees") {
            num_trees_ = integer();
          } else if (member == "size_leaf_vector") {
            require_scalar_leaf(integer());
          } else {
            json_.skip();
          }
        });
      } else if (key == "tree_info") {
        tree_info_count_ = 0;
        json_.array([this](std::size_t) {
          ++tree_info_count_;
          if (json_.int32() != 0) unsupported("every tree in output group 0", "another group");
        });
      } else if (key == "weight_drop") {
        json_.array([this](std::size_t) { unsupported("trees without weights", "dropout (dart) weights"); });
      } else if (key == "trees") {
        trees_.roots.clear();
        trees_.nodes.clear();
        trees_.depth_max = 0;
        json_.array([this](std::size_t) { read_tree(); });
      } else {
        json_.skip();
      }
    });
  }

  void read_tree() {
    if (trees_.roots.size() == kModelTreesMax)
      return unsupported(fmt::format("at most {} trees", kModelTreesMax), "more");
    raw_.clear();
    json_.object([this](std::string_view key) {
      if (key == "tree_param") {
        json_.object([this](std::string_view member) {
          if (member == "num_nodes") {
            raw_.num_nodes = integer();
          } else if (member == "size_leaf_vector") {
            require_scalar_leaf(integer());
          } else {
            json_.skip();
          }
        });
      } else if (key == "left_children") {
        read_column(raw_.left, &JsonCursor::int32);
      } else if (key == "right_children") {
        read_column(raw_.right, &JsonCursor::int32);
      } else if (key == "split_indices") {
        read_column(raw_.feature, &JsonCursor::int32);
      } else if (key == "split_conditions") {
        read_column(raw_.value, &JsonCursor::float32);
      } else if (key == "default_left") {
        read_column(raw_.default_left, &JsonCursor::boolean);
      } else if (key == "split_type") {
        read_column(raw_.split_type, &JsonCursor::int32);
      } else if (key == "categories_nodes") {
        json_.array([this](std::size_t) { unsupported("numeric splits", "a categorical one"); });
      } else {
        json_.skip();
      }
    });
    if (!json_.failed()) add_tree();
  }

  template <class Value, class Element>
  void read_column(std::vector<Value>& out, Element element) {
    out.clear();
    json_.array([&](std::size_t) {
      if (trees_.nodes.size() + out.size() >= kModelNodesMax) {
        return unsupported(fmt::format("at most {} nodes", kModelNodesMax), "more");
      }
      out.push_back(static_cast<Value>((json_.*element)()));
    });
  }

  // --- one tree's structure ---------------------------------------------------------------------------------------

  // Walks from node 0, as the library does, so that deleted nodes are never looked at.
  void add_tree() {
    const std::size_t count = raw_.left.size();
    const bool same_length = raw_.right.size() == count && raw_.feature.size() == count && raw_.value.size() == count &&
                             raw_.default_left.size() == count &&
                             (raw_.split_type.empty() || raw_.split_type.size() == count);
    if (count == 0 || !same_length || raw_.num_nodes != static_cast<std::int64_t>(count)) {
      return invalid("num_nodes and all node arrays of one length, at least 1",
                     fmt::format("num_nodes {}, lengths {}, {}, {}, {}, {}", raw_.num_nodes, count, raw_.right.size(),
                                 raw_.feature.size(), raw_.value.size(), raw_.default_left.size()));
    }

    struct Visit {
      std::int32_t node;
      std::uint32_t depth;
      std::uint32_t parent;  // in trees_.nodes
      bool is_right;
    };
    const auto root = static_cast<std::uint32_t>(trees_.nodes.size());
    std::vector<bool> seen(count);
    std::vector<Visit> stack = {{0, 0, root, false}};
    while (!stack.empty() && !json_.failed()) {
      const Visit visit = stack.back();
      stack.pop_back();
      if (visit.node < 0 || static_cast<std::size_t>(visit.node) >= count) {
        return invalid(fmt::format("children from 0 to {}, or -1 twice", count - 1), std::to_string(visit.node));
      }
      const auto node = static_cast<std::size_t>(visit.node);
      if (seen[node]) return invalid("every node to have one parent", fmt::format("node {} reached twice", node));
      seen[node] = true;

      const auto index = static_cast<std::uint32_t>(trees_.nodes.size());
      if (index != root) (visit.is_right ? trees_.nodes[visit.parent].right : trees_.nodes[visit.parent].left) = index;
      trees_.nodes.push_back(checked_node(node));
      if (raw_.left[node] == -1) {
        trees_.depth_max = std::max(trees_.depth_max, visit.depth);
      } else {
        stack.push_back({raw_.right[node], visit.depth + 1, index, true});
        stack.push_back({raw_.left[node], visit.depth + 1, index, false});
      }
    }
    trees_.roots.push_back(root);
  }

  DecisionTrees::Node checked_node(std::size_t node) {
    DecisionTrees::Node out{.value = raw_.value[node]};
    if (raw_.left[node] == -1) {
      if (raw_.right[node] != -1) invalid("a leaf without children", fmt::format("node {} with a right one", node));
      if (!std::isfinite(out.value)) invalid("finite leaves", fmt::format("{} at node {}", out.value, node));
      return out;
    }
    const std::int32_t feature = raw_.feature[node];
    if (feature < 0 || static_cast<std::size_t>(feature) >= kModelFeaturesMax) {
      invalid(fmt::format("features from 0 to {}", kModelFeaturesMax - 1), fmt::format("{} at node {}", feature, node));
    }
    if (!raw_.split_type.empty() && raw_.split_type[node] != 0) unsupported("numeric splits", "a categorical one");
    out.feature = static_cast<std::uint32_t>(feature);
    out.default_left = raw_.default_left[node] != 0;
    // Evaluation puts -Infinity in place of a NaN that goes left: it must lie below the threshold.
    if (std::isnan(out.value) || (out.default_left && out.value == -std::numeric_limits<float>::infinity())) {
      invalid("thresholds that are numbers, above -Infinity where NaN goes left",
              fmt::format("{} at node {}", out.value, node));
    }
    return out;
  }

  // --- the whole model ---------------------------------------------------------------------------------------------

  Result<void> check_model() {
    if (booster_ != "gbtree") return refuse("learner.gradient_booster.name", "gbtree", printable(booster_));
    const auto* objective = std::ranges::find(kObjectives, trees_.objective, &decltype(kObjectives)::value_type::first);
    if (objective == kObjectives.end()) {
      return refuse("learner.objective.name", "a single-output objective of docs/models.md",
                    printable(trees_.objective));
    }
    if (trees_.objective == "binary:logitraw" && version_ < kLogitrawIsMargin) {
      return refuse("version", "binary:logitraw of release 1.7 or later, whose base_score is a margin",
                    fmt::format("{}.{}", version_[0], version_[1]));
    }
    if (!has_base_score_) return missing("learner.learner_model_param.base_score");
    if (trees_.feature_count == 0) return missing("learner.learner_model_param.num_feature");
    if (num_trees_ != static_cast<std::int64_t>(trees_.roots.size()) || tree_info_count_ != trees_.roots.size()) {
      return refuse("learner.gradient_booster.model.trees", fmt::format("num_trees ({}) of them", num_trees_),
                    fmt::format("{} trees, {} in tree_info", trees_.roots.size(), tree_info_count_),
                    ErrorCode::model_invalid_tree);
    }
    for (std::size_t tree = 0; tree < trees_.roots.size(); ++tree) TT_TRY_VOID(check_features(tree));
    return set_base_margin(objective->second);
  }

  // Trees may come before num_feature in the file, so their features are judged at the end.
  Result<void> check_features(std::size_t tree) const {
    const std::size_t end = tree + 1 < trees_.roots.size() ? trees_.roots[tree + 1] : trees_.nodes.size();
    for (std::size_t node = trees_.roots[tree]; node < end; ++node) {
      if (trees_.nodes[node].feature < trees_.feature_count) continue;
      return refuse(fmt::format("learner.gradient_booster.model.trees[{}].split_indices", tree),
                    fmt::format("features below num_feature ({})", trees_.feature_count),
                    std::to_string(trees_.nodes[node].feature), ErrorCode::model_invalid_tree);
    }
    return {};
  }

  // The library's own expressions in float32: another form of the logit differs in the last bit.
  Result<void> set_base_margin(Link link) {
    const std::string field = "learner.learner_model_param.base_score";
    switch (link) {
      case Link::identity: trees_.base_margin = base_score_; break;
      case Link::logit:
        if (!(base_score_ >= kProbabilityMin && base_score_ <= kProbabilityMax)) {
          return refuse(field, "a probability from 1e-6 to 1 - 1e-6", fmt::format("{}", base_score_));
        }
        trees_.base_margin = -std::log(1.0F / base_score_ - 1.0F);
        break;
      case Link::log:
        if (!(base_score_ > 0)) return refuse(field, "a positive number", fmt::format("{}", base_score_));
        trees_.base_margin = std::log(base_score_);
        break;
    }
    return {};
  }

  // --- faults ------------------------------------------------------------------------------------------------------

  void unsupported(std::string expected, std::string found) {
    json_.fail(ErrorCode::model_unsupported, std::move(expected), std::move(found));
  }
  void invalid(std::string expected, std::string found) {
    json_.fail(ErrorCode::model_invalid_tree, std::move(expected), std::move(found));
  }
  void require_single_output(std::int64_t outputs) {
    if (outputs > 1) unsupported("a single output", fmt::format("{} outputs", outputs));
  }
  void require_scalar_leaf(std::int64_t size) {
    if (size > 1) unsupported("scalar leaves", fmt::format("leaf vectors of {}", size));
  }
  std::int64_t integer() {
    const std::string_view text = json_.scalar_text();
    std::int64_t value = 0;
    if (!parse_number(text, value)) json_.fail(ErrorCode::model_syntax, "an integer", printable(text));
    return value;
  }
  std::unexpected<Error> refuse(std::string field, std::string expected, std::string found,
                                ErrorCode code = ErrorCode::model_unsupported) const {
    return thintail::fail({.code = code,
                           .doing = std::string(kDoing),
                           .file = std::string(file_),
                           .field = std::move(field),
                           .expected = std::move(expected),
                           .found = std::move(found)});
  }
  std::unexpected<Error> missing(std::string field) const {
    return refuse(std::move(field), "a value", "none", ErrorCode::model_syntax);
  }

  JsonCursor json_;
  std::string_view file_;
  DecisionTrees trees_;
  RawTree raw_;
  std::string_view booster_;
  std::array<std::int32_t, 2> version_{};
  float base_score_ = 0;
  bool has_base_score_ = false;
  std::int64_t num_trees_ = -1;
  std::size_t tree_info_count_ = 0;
};

}  // namespace

Result<DecisionTrees> read_xgboost_json(std::string_view json, std::string_view file) {
  if (json.size() > kModelBytesMax) {
    return fail({.code = ErrorCode::model_unsupported,
                 .doing = std::string(kDoing),
                 .file = std::string(file),
                 .expected = fmt::format("at most {} bytes", kModelBytesMax),
                 .found = std::to_string(json.size())});
  }
  return XgboostReader(json, file).read();
}

}  // namespace thintail
