// SPDX-License-Identifier: Apache-2.0
// Reader of XGBoost models saved as JSON or UBJ, 1.x to 3.x: gbtree and dart models of numeric and categorical
// features.
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
#include "ml/models/ubj_cursor.hpp"

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
    {"multi:softmax", Link::identity},
    {"multi:softprob", Link::identity},
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

// Cursor: JsonCursor or UbjCursor.
template <class Cursor>
class XgboostReader {
 public:
  XgboostReader(std::string_view bytes, std::string_view file) : json_(bytes, kDoing, file), file_(file) {}

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
    // Categorical splits: their nodes, and where each one's categories lie.
    std::vector<std::int32_t> set_node, set_begin, set_size, category;
    std::vector<std::int32_t> set_of;  // by node: its place in set_node; -1: none
    std::int64_t num_nodes = -1;

    void clear() {
      for (auto* column :
           {&left, &right, &feature, &split_type, &set_node, &set_begin, &set_size, &category, &set_of}) {
        column->clear();
      }
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
      } else {
        json_.skip();
      }
    });
  }

  void read_learner_parameters() {
    json_.object([this](std::string_view key) {
      if (key == "base_score") {
        read_base_score();
      } else if (key == "num_class") {
        const std::int64_t count = integer();
        if (count < 0 || count > static_cast<std::int64_t>(kModelOutputsMax)) {
          return unsupported(fmt::format("0 to {} classes", kModelOutputsMax), std::to_string(count));
        }
        num_class_ = static_cast<std::size_t>(count);
      } else if (key == "num_target") {
        require_single_target(integer());
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

  // "5E-1" up to 3.0, "[5E-1]" since 3.1, there with one number an output.
  void read_base_score() {
    const std::string_view text = json_.scalar_text();
    std::string_view rest = text;
    if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
    base_scores_.clear();
    while (base_scores_.size() <= kModelOutputsMax) {
      const std::size_t comma = rest.find(',');
      float score = 0;
      if (!parse_number(rest.substr(0, comma), score) || !std::isfinite(score)) {
        return json_.fail(ErrorCode::model_syntax, "finite numbers, one as is or several in brackets", printable(text));
      }
      base_scores_.push_back(score);
      if (comma == std::string_view::npos) return;
      rest.remove_prefix(comma + 1);
    }
    unsupported(fmt::format("at most {} base scores", kModelOutputsMax), "more");
  }

  void read_booster() {
    json_.object([this](std::string_view key) {
      if (key == "name") {
        booster_ = json_.string();
      } else if (key == "model") {
        read_model();
      } else if (key == "gbtree") {  // dart's own, up to about 3.3
        json_.object([this](std::string_view member) {
          if (member == "model") {
            read_model();
          } else {
            json_.skip();
          }
        });
      } else if (key == "weight_drop") {
        read_weights();
      } else {
        json_.skip();
      }
    });
  }

  void read_weights() {
    weights_.clear();
    has_weights_ = true;
    json_.array([this](std::size_t) {
      const float weight = json_.float32();
      if (!std::isfinite(weight)) return invalid("finite weights of trees", fmt::format("{}", weight));
      if (weights_.size() == kModelTreesMax)
        return unsupported(fmt::format("at most {} trees", kModelTreesMax), "more");
      weights_.push_back(weight);
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
        trees_.groups.clear();
        json_.array([this](std::size_t) {
          const std::int32_t group = json_.int32();
          if (group < 0 || static_cast<std::size_t>(group) >= kModelOutputsMax) {
            return unsupported(fmt::format("outputs from 0 to {}", kModelOutputsMax - 1), std::to_string(group));
          }
          if (trees_.groups.size() == kModelTreesMax) {
            return unsupported(fmt::format("at most {} trees", kModelTreesMax), "more");
          }
          trees_.groups.push_back(static_cast<std::uint32_t>(group));
        });
      } else if (key == "weight_drop") {  // dart's place since about 3.3
        read_weights();
      } else if (key == "cats") {  // since 3.1: how the categories of a data frame are renumbered
        json_.object([this](std::string_view member) {
          if (member == "enc") {
            renumbers_ = false;
            json_.array([this](std::size_t) {
              renumbers_ = true;
              json_.skip();
            });
          } else {
            json_.skip();
          }
        });
      } else if (key == "trees") {
        trees_.roots.clear();
        trees_.nodes.clear();
        sets_.clear();
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
        read_column(raw_.left, &Cursor::int32);
      } else if (key == "right_children") {
        read_column(raw_.right, &Cursor::int32);
      } else if (key == "split_indices") {
        read_column(raw_.feature, &Cursor::int32);
      } else if (key == "split_conditions") {
        read_column(raw_.value, &Cursor::float32);
      } else if (key == "default_left") {
        read_column(raw_.default_left, &Cursor::boolean);
      } else if (key == "split_type") {
        read_column(raw_.split_type, &Cursor::int32);
      } else if (key == "categories_nodes") {
        read_column(raw_.set_node, &Cursor::int32);
      } else if (key == "categories_segments") {
        read_column(raw_.set_begin, &Cursor::int32);
      } else if (key == "categories_sizes") {
        read_column(raw_.set_size, &Cursor::int32);
      } else if (key == "categories") {
        read_column(raw_.category, &Cursor::int32);
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

    find_sets(count);
    if (json_.failed()) return;

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

  // Segments must follow one another, as the library writes them: overlapping ones could make a small file cost much.
  void find_sets(std::size_t nodes) {
    const std::size_t sets = raw_.set_node.size();
    if (raw_.set_begin.size() != sets || raw_.set_size.size() != sets) {
      return invalid("categories_nodes, _segments and _sizes of one length",
                     fmt::format("lengths {}, {}, {}", sets, raw_.set_begin.size(), raw_.set_size.size()));
    }
    raw_.set_of.assign(nodes, -1);
    std::int64_t end = 0;
    for (std::size_t i = 0; i < sets; ++i) {
      const std::int32_t node = raw_.set_node[i];
      if (node < 0 || static_cast<std::size_t>(node) >= nodes || raw_.set_of[static_cast<std::size_t>(node)] >= 0) {
        return invalid(fmt::format("each of categories_nodes once, from 0 to {}", nodes - 1), std::to_string(node));
      }
      if (raw_.set_begin[i] != end || raw_.set_size[i] < 0) {
        return invalid(fmt::format("a segment of categories that begins at {}", end),
                       fmt::format("{}, of {}", raw_.set_begin[i], raw_.set_size[i]));
      }
      raw_.set_of[static_cast<std::size_t>(node)] = static_cast<std::int32_t>(i);
      end += raw_.set_size[i];
    }
    if (end != static_cast<std::int64_t>(raw_.category.size())) {
      invalid(fmt::format("{} categories", end), std::to_string(raw_.category.size()));
    }
  }

  // A split by a set: the categories listed go right, all other values left.
  void set_categorical(std::size_t node, DecisionTrees::Node& out) {
    if (raw_.set_of[node] < 0) {
      return invalid("categories of every categorical split", fmt::format("none at node {}", node));
    }
    const auto set = static_cast<std::size_t>(raw_.set_of[node]);
    CategorySet categories{.feature = out.feature, .words = {}};
    for (std::int32_t i = 0; i < raw_.set_size[set]; ++i) {
      const std::int32_t category = raw_.category[static_cast<std::size_t>(raw_.set_begin[set] + i)];
      if (category < 0 || static_cast<std::uint32_t>(category) >= kCategoriesMax) {
        return unsupported(fmt::format("categories from 0 to {}", kCategoriesMax - 1), std::to_string(category));
      }
      const auto bit = static_cast<std::uint32_t>(category);
      if (categories.words.size() <= bit / 32) categories.words.resize(bit / 32 + 1);
      categories.words[bit / 32] |= 1U << bit % 32;
    }
    const auto lane = sets_.add(std::move(categories));
    if (!lane) return unsupported(fmt::format("at most {} different category sets", kCategorySetsMax), "more");
    out.feature = kFirstSet + *lane;
    out.value = kSetThreshold;
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
    out.feature = static_cast<std::uint32_t>(feature);
    out.default_left = raw_.default_left[node] != 0;
    const std::int32_t split_type = raw_.split_type.empty() ? 0 : raw_.split_type[node];
    if (split_type != 0 && split_type != 1) {
      unsupported("numeric and categorical splits (0 and 1)", std::to_string(split_type));
    } else if (split_type == 1) {
      set_categorical(node, out);
    }
    // Evaluation puts -Infinity in place of a NaN that goes left: it must lie below the threshold.
    if (std::isnan(out.value) || (out.default_left && out.value == -std::numeric_limits<double>::infinity())) {
      invalid("thresholds that are numbers, above -Infinity where NaN goes left",
              fmt::format("{} at node {}", out.value, node));
    }
    return out;
  }

  // --- the whole model ---------------------------------------------------------------------------------------------

  Result<void> check_model() {
    if (booster_ != "gbtree" && booster_ != "dart") {
      return refuse("learner.gradient_booster.name", "gbtree or dart", printable(booster_));
    }
    const auto* objective = std::ranges::find(kObjectives, trees_.objective, &decltype(kObjectives)::value_type::first);
    if (objective == kObjectives.end()) {
      return refuse("learner.objective.name", "an objective of docs/models.md", printable(trees_.objective));
    }
    const bool has_classes = trees_.objective.starts_with("multi:");
    if (has_classes && num_class_ < 2) {
      return refuse("learner.objective.name", "num_class of 2 or more for it", std::to_string(num_class_));
    }
    if (!has_classes && num_class_ > 1) {
      return refuse("learner.learner_model_param.num_class", fmt::format("1 output for {}", trees_.objective),
                    std::to_string(num_class_));
    }
    if (trees_.objective == "binary:logitraw" && version_ < kLogitrawIsMargin) {
      return refuse("version", "binary:logitraw of release 1.7 or later, whose base_score is a margin",
                    fmt::format("{}.{}", version_[0], version_[1]));
    }
    trees_.saved_by = fmt::format("XGBoost {}.{}", version_[0], version_[1]);
    if (base_scores_.empty()) return missing("learner.learner_model_param.base_score");
    if (trees_.feature_count == 0) return missing("learner.learner_model_param.num_feature");
    if (num_trees_ != static_cast<std::int64_t>(trees_.roots.size()) || trees_.groups.size() != trees_.roots.size()) {
      return refuse("learner.gradient_booster.model.trees", fmt::format("num_trees ({}) of them", num_trees_),
                    fmt::format("{} trees, {} in tree_info", trees_.roots.size(), trees_.groups.size()),
                    ErrorCode::model_invalid_tree);
    }
    trees_.category_sets = sets_.in_order();
    if (renumbers_ && !trees_.category_sets.empty()) {
      return refuse("learner.gradient_booster.model.cats.enc", "categories that are their own numbers",
                    "those of a data frame, which the library renumbers");
    }
    for (std::size_t tree = 0; tree < trees_.roots.size(); ++tree) TT_TRY_VOID(check_features(tree));
    TT_TRY_VOID(set_base_margins(objective->second, has_classes ? num_class_ : 1));
    return apply_weights();
  }

  // Trees may come before num_feature in the file, so their features are judged, and their sets' lanes numbered, at the
  // end.
  Result<void> check_features(std::size_t tree) {
    const std::size_t end = tree + 1 < trees_.roots.size() ? trees_.roots[tree + 1] : trees_.nodes.size();
    for (std::size_t at = trees_.roots[tree]; at < end; ++at) {
      DecisionTrees::Node& node = trees_.nodes[at];
      const bool asks_set = node.feature >= kFirstSet;
      const std::uint32_t feature = asks_set ? trees_.category_sets[node.feature - kFirstSet].feature : node.feature;
      if (feature >= trees_.feature_count) {
        return refuse(fmt::format("learner.gradient_booster.model.trees[{}].split_indices", tree),
                      fmt::format("features below num_feature ({})", trees_.feature_count), std::to_string(feature),
                      ErrorCode::model_invalid_tree);
      }
      if (asks_set) node.feature = trees_.feature_count + (node.feature - kFirstSet);
    }
    return {};
  }

  Result<void> set_base_margins(Link link, std::size_t outputs) {
    for (std::size_t tree = 0; tree < trees_.groups.size(); ++tree) {
      if (trees_.groups[tree] < outputs) continue;
      return refuse(fmt::format("learner.gradient_booster.model.tree_info[{}]", tree),
                    fmt::format("an output below {}", outputs), std::to_string(trees_.groups[tree]));
    }
    if (base_scores_.size() != 1 && base_scores_.size() != outputs) {
      return refuse("learner.learner_model_param.base_score", fmt::format("1 or {} of them", outputs),
                    std::to_string(base_scores_.size()));
    }
    for (std::size_t output = 0; output < outputs; ++output) {
      TT_TRY(const float margin, base_margin(link, base_scores_[base_scores_.size() == 1 ? 0 : output]));
      trees_.base_margins.push_back(margin);
    }
    return {};
  }

  // The library's own expressions in float32: another form of the logit differs in the last bit.
  Result<float> base_margin(Link link, float score) const {
    const std::string field = "learner.learner_model_param.base_score";
    switch (link) {
      case Link::identity: break;
      case Link::logit:
        if (!(score >= kProbabilityMin && score <= kProbabilityMax)) {
          return refuse(field, "a probability from 1e-6 to 1 - 1e-6", fmt::format("{}", score));
        }
        return -std::log(1.0F / score - 1.0F);
      case Link::log:
        if (!(score > 0)) return refuse(field, "a positive number", fmt::format("{}", score));
        return std::log(score);
    }
    return score;
  }

  // Dropout scales whole trees: the library sums a tree's leaf into a zero, then adds the product with its weight.
  Result<void> apply_weights() {
    if (booster_ == "dart" && !has_weights_) return missing("learner.gradient_booster.weight_drop");
    if (!has_weights_) return {};
    if (weights_.size() != trees_.roots.size()) {
      return refuse("learner.gradient_booster.weight_drop", fmt::format("{}, one a tree", trees_.roots.size()),
                    std::to_string(weights_.size()), ErrorCode::model_invalid_tree);
    }
    for (std::size_t tree = 0; tree < weights_.size(); ++tree) {
      const std::size_t end = tree + 1 < trees_.roots.size() ? trees_.roots[tree + 1] : trees_.nodes.size();
      for (std::size_t node = trees_.roots[tree]; node < end; ++node) {
        if (!trees_.nodes[node].is_leaf()) continue;
        const float weighted = (0.0F + static_cast<float>(trees_.nodes[node].value)) * weights_[tree];
        if (!std::isfinite(weighted)) {
          return refuse(fmt::format("learner.gradient_booster.weight_drop[{}]", tree), "finite weighted leaves",
                        fmt::format("{}", weighted), ErrorCode::model_invalid_tree);
        }
        trees_.nodes[node].value = weighted;
      }
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
  void require_single_target(std::int64_t targets) {
    if (targets > 1) unsupported("a single target", fmt::format("{} targets", targets));
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

  Cursor json_;
  std::string_view file_;
  DecisionTrees trees_;
  RawTree raw_;
  std::string_view booster_;
  std::array<std::int32_t, 2> version_{};
  std::vector<float> base_scores_;
  std::size_t num_class_ = 0;
  std::int64_t num_trees_ = -1;
  static constexpr std::uint32_t kFirstSet = kModelFeaturesMax;  // of the sets' lanes, until all features are known
  CategorySets sets_;
  bool renumbers_ = false;
  std::vector<float> weights_;  // dart's, by tree
  bool has_weights_ = false;
};

template <class Cursor>
Result<DecisionTrees> read_with(std::string_view bytes, std::string_view file) {
  if (bytes.size() <= kModelBytesMax) return XgboostReader<Cursor>(bytes, file).read();
  return fail({.code = ErrorCode::model_unsupported,
               .doing = std::string(kDoing),
               .file = std::string(file),
               .expected = fmt::format("at most {} bytes", kModelBytesMax),
               .found = std::to_string(bytes.size())});
}

}  // namespace

Result<DecisionTrees> read_xgboost_json(std::string_view json, std::string_view file) {
  return read_with<JsonCursor>(json, file);
}
Result<DecisionTrees> read_xgboost_ubj(std::string_view ubj, std::string_view file) {
  return read_with<UbjCursor>(ubj, file);
}

}  // namespace thintail
