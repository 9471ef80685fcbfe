// SPDX-License-Identifier: Apache-2.0
// Reader of LightGBM's text models, v2 to v4: numeric and categorical features, any number of classes,
// boosting, dart and random forest.
//   path    cold
//   source  shared/MODEL_FORMATS.md section 2: keys, decision bits, and what the sums mean
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "ml/models/decision_trees.hpp"
#include "ml/models/number_text.hpp"

namespace thintail {

namespace {

constexpr std::string_view kDoing = "reading a LightGBM model";

// Bits of a decision_type.
constexpr std::int32_t kCategorical = 1;
constexpr std::int32_t kDefaultLeft = 2;
constexpr std::int32_t kMissingShift = 2;  // above them, Missing
constexpr std::int32_t kDecisionMax = 11;
enum class Missing : std::uint8_t { none = 0, zero = 1, nan = 2 };

// The smallest float32 above `threshold`: for a float32 x, x <= threshold is x < that.
float first_above(double threshold) noexcept {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (threshold >= static_cast<double>(std::numeric_limits<float>::max())) return kInfinity;
  if (threshold < static_cast<double>(std::numeric_limits<float>::lowest()))
    return std::numeric_limits<float>::lowest();
  const float nearest = static_cast<float>(threshold);
  return static_cast<double>(nearest) > threshold ? nearest : std::nextafter(nearest, kInfinity);
}

class LightgbmReader {
 public:
  LightgbmReader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Result<DecisionTrees> read() {
    trees_.sum_type = SumType::float64;
    TT_TRY_VOID(read_header());
    while (line_ != "end of trees") {
      if (at_end_) return refuse("", "a block \"Tree=\" or \"end of trees\"", "the end of the file");
      if (line_.empty()) {
        next_line();
        continue;
      }
      TT_TRY_VOID(read_tree());
    }
    const std::size_t outputs = trees_.base_margins.size();
    if (trees_.roots.size() % outputs != 0) {
      return refuse("num_tree_per_iteration", fmt::format("a multiple of {} trees", outputs),
                    std::to_string(trees_.roots.size()), ErrorCode::model_invalid_tree);
    }
    if (is_average_) trees_.averaged_over = std::max(1U, static_cast<std::uint32_t>(trees_.roots.size() / outputs));
    TT_TRY_VOID(set_missing_kinds());
    trees_.category_sets = sets_.in_order();
    return std::move(trees_);
  }

 private:
  // What a tree's block says, by key; the views are into the text.
  enum Key : std::size_t {
    kNumLeaves,
    kNumCat,
    kSplitFeature,
    kThreshold,
    kDecisionType,
    kLeftChild,
    kRightChild,
    kLeafValue,
    kIsLinear,
    kCatBoundaries,
    kCatThreshold,
    kKeys
  };
  static constexpr std::array<std::string_view, kKeys> kNames = {
      "num_leaves",  "num_cat",    "split_feature", "threshold",      "decision_type", "left_child",
      "right_child", "leaf_value", "is_linear",     "cat_boundaries", "cat_threshold"};
  struct Entry {
    std::string_view value;
    std::size_t line = 0;  // 0: absent
  };
  struct RawTree {
    std::vector<std::int32_t> feature, decision, left, right;
    std::vector<double> threshold, leaf;
    std::vector<std::uint32_t> boundaries;  // where each set's words begin, and where the last one's end
    std::vector<std::uint32_t> words;
  };

  // --- lines -------------------------------------------------------------------------------------------------------

  void next_line() {
    if (next_ >= text_.size()) {
      at_end_ = true;
      line_ = {};
      return;
    }
    std::size_t end = text_.find('\n', next_);
    if (end == std::string_view::npos) end = text_.size();
    line_ = text_.substr(next_, end - next_);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    next_ = end + 1;
    ++line_number_;
  }

  static std::pair<std::string_view, std::string_view> split(std::string_view line) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return {line, {}};
    return {line.substr(0, equals), line.substr(equals + 1)};
  }

  // --- the header --------------------------------------------------------------------------------------------------

  Result<void> read_header() {
    next_line();
    if (line_ != "tree") return refuse("", "\"tree\", the first line of a LightGBM model", found());
    std::set<std::string_view> seen;
    std::int64_t classes = -1;
    std::int64_t outputs = -1;
    std::int64_t last_feature = -1;
    bool has_version = false;
    for (next_line(); !line_.starts_with("Tree=") && line_ != "end of trees"; next_line()) {
      if (at_end_) return refuse("", "a block \"Tree=\" or \"end of trees\"", "the end of the file");
      if (line_.empty()) continue;
      const auto [key, value] = split(line_);
      if (!seen.insert(key).second) return refuse(key, "it once", "it again");
      if (seen.size() > kHeaderKeysMax) return refuse("", fmt::format("at most {} keys", kHeaderKeysMax), "more");
      if (key == "version") {
        has_version = true;
        if (value != "v2" && value != "v3" && value != "v4") {
          return refuse(key, "v2, v3 or v4", printable(value), ErrorCode::model_unsupported);
        }
        trees_.saved_by = fmt::format("LightGBM text {}", value);
      } else if (key == "num_class") {
        TT_TRY(classes, integer(key, value, 1, kModelOutputsMax));
      } else if (key == "num_tree_per_iteration") {
        TT_TRY(outputs, integer(key, value, 1, kModelOutputsMax));
      } else if (key == "max_feature_idx") {
        TT_TRY(last_feature, integer(key, value, 0, kModelFeaturesMax - 1));
      } else if (key == "objective") {
        trees_.objective = printable(value);
      } else if (key == "average_output") {
        is_average_ = true;
      }
    }
    if (!has_version) return refuse("version", "a value before the first tree", "none");
    if (classes < 0) return refuse("num_class", "a value before the first tree", "none");
    if (outputs < 0) return refuse("num_tree_per_iteration", "a value before the first tree", "none");
    if (last_feature < 0) return refuse("max_feature_idx", "a value before the first tree", "none");
    if (outputs != classes) {
      return refuse("num_tree_per_iteration", fmt::format("num_class ({})", classes), std::to_string(outputs),
                    ErrorCode::model_unsupported);
    }
    trees_.base_margins.assign(static_cast<std::size_t>(outputs), 0.0);
    trees_.feature_count = static_cast<std::uint32_t>(last_feature) + 1;
    return {};
  }

  // --- a tree ------------------------------------------------------------------------------------------------------

  Result<void> read_tree() {
    const std::size_t tree = trees_.roots.size();
    if (tree == kModelTreesMax) {
      return refuse("", fmt::format("at most {} trees", kModelTreesMax), "more", ErrorCode::model_unsupported);
    }
    if (line_ != fmt::format("Tree={}", tree)) return refuse("", fmt::format("\"Tree={}\"", tree), found());
    tree_line_ = line_number_;
    std::array<Entry, kKeys> entries;
    std::set<std::string_view> seen;
    for (next_line(); !line_.starts_with("Tree=") && line_ != "end of trees"; next_line()) {
      if (at_end_) return refuse("", "the tree's keys and \"end of trees\"", "the end of the file");
      if (line_.empty()) continue;
      const auto [key, value] = split(line_);
      if (!seen.insert(key).second) return refuse(key, "it once in a tree", "it again");
      if (seen.size() > kTreeKeysMax) return refuse("", fmt::format("at most {} keys in a tree", kTreeKeysMax), "more");
      const auto name = std::ranges::find(kNames, key);
      if (name != kNames.end()) entries[static_cast<std::size_t>(name - kNames.begin())] = {value, line_number_};
    }
    TT_TRY(const RawTree raw, parse_tree(entries));
    TT_TRY_VOID(add_tree(raw));
    trees_.groups.push_back(static_cast<std::uint32_t>(tree % trees_.base_margins.size()));
    return {};
  }

  Result<RawTree> parse_tree(const std::array<Entry, kKeys>& entries) {
    TT_TRY(const std::int64_t leaves, integer_entry(entries, kNumLeaves, 1, kModelNodesMax));
    std::int64_t categorical = 0;
    if (entries[kNumCat].line != 0) {
      TT_TRY(categorical, integer_entry(entries, kNumCat, 0, kModelNodesMax));
    }
    if (entries[kIsLinear].line != 0 && entries[kIsLinear].value != "0") {
      return refuse_at(entries[kIsLinear].line, "is_linear", "constant leaves (0)", printable(entries[kIsLinear].value),
                       ErrorCode::model_unsupported);
    }
    if (trees_.nodes.size() + 2 * static_cast<std::size_t>(leaves) > kModelNodesMax) {
      return refuse_at(entries[kNumLeaves].line, "num_leaves", fmt::format("at most {} nodes", kModelNodesMax), "more",
                       ErrorCode::model_unsupported);
    }
    const auto count = static_cast<std::size_t>(leaves);
    RawTree raw;
    TT_TRY_VOID(read_list(entries, kLeafValue, count, raw.leaf));
    if (count == 1) return raw;  // its other lists are empty or absent
    TT_TRY_VOID(read_list(entries, kSplitFeature, count - 1, raw.feature));
    TT_TRY_VOID(read_list(entries, kThreshold, count - 1, raw.threshold));
    TT_TRY_VOID(read_list(entries, kDecisionType, count - 1, raw.decision));
    TT_TRY_VOID(read_list(entries, kLeftChild, count - 1, raw.left));
    TT_TRY_VOID(read_list(entries, kRightChild, count - 1, raw.right));
    if (categorical != 0) TT_TRY_VOID(read_sets(entries, static_cast<std::size_t>(categorical), raw));
    return raw;
  }

  Result<void> read_sets(const std::array<Entry, kKeys>& entries, std::size_t count, RawTree& raw) {
    constexpr std::size_t kWordsMax = kCategoriesMax / 32;
    TT_TRY_VOID(read_list(entries, kCatBoundaries, count + 1, raw.boundaries));
    for (std::size_t i = 0; i <= count; ++i) {
      const std::uint32_t least = i == 0 ? 0 : raw.boundaries[i - 1];
      if (raw.boundaries[i] >= least && raw.boundaries[i] - least <= (i == 0 ? 0 : kWordsMax)) continue;
      return refuse_at(entries[kCatBoundaries].line, fmt::format("cat_boundaries[{}]", i),
                       i == 0 ? "0" : fmt::format("{} to {}", least, least + kWordsMax),
                       std::to_string(raw.boundaries[i]), ErrorCode::model_invalid_tree);
    }
    return read_list(entries, kCatThreshold, raw.boundaries.back(), raw.words);
  }

  template <class Number>
  Result<void> read_list(const std::array<Entry, kKeys>& entries, Key key, std::size_t count,
                         std::vector<Number>& out) {
    const Entry& entry = entries[key];
    if (entry.line == 0) return refuse_at(tree_line_, kNames[key], fmt::format("{} values", count), "none");
    std::string_view rest = entry.value;
    while (!rest.empty()) {
      const std::size_t space = std::min(rest.find(' '), rest.size());
      const std::string_view word = rest.substr(0, space);
      rest.remove_prefix(std::min(space + 1, rest.size()));
      if (word.empty()) continue;
      Number number{};
      if (!parse_number(word, number)) {
        return refuse_at(entry.line, fmt::format("{}[{}]", kNames[key], out.size()), "a number", printable(word, 40));
      }
      if (out.size() == count) return refuse_at(entry.line, kNames[key], fmt::format("{} values", count), "more");
      out.push_back(number);
    }
    if (out.size() == count) return {};
    return refuse_at(entry.line, kNames[key], fmt::format("{} values", count), std::to_string(out.size()));
  }

  // Inner nodes count from 0 up, leaves from -1 down.
  Result<void> add_tree(const RawTree& raw) {
    struct Visit {
      std::int32_t node;
      std::uint32_t depth;
      std::uint32_t parent;  // in trees_.nodes
      bool is_right;
    };
    const auto root = static_cast<std::uint32_t>(trees_.nodes.size());
    std::vector<bool> seen_inner(raw.feature.size());
    std::vector<bool> seen_leaf(raw.leaf.size());
    std::vector<Visit> stack = {{raw.feature.empty() ? -1 : 0, 0, root, false}};
    while (!stack.empty()) {
      const Visit visit = stack.back();
      stack.pop_back();
      const bool is_leaf = visit.node < 0;
      const auto at = static_cast<std::size_t>(is_leaf ? ~visit.node : visit.node);
      std::vector<bool>& seen = is_leaf ? seen_leaf : seen_inner;
      if (at >= seen.size()) {
        return refuse_at(tree_line_, "children",
                         fmt::format("inner nodes below {}, leaves below {}", seen_inner.size(), seen_leaf.size()),
                         fmt::format("{}", visit.node), ErrorCode::model_invalid_tree);
      }
      if (seen[at]) {
        return refuse_at(tree_line_, "children", "every node and leaf to have one parent",
                         fmt::format("{} reached twice", visit.node), ErrorCode::model_invalid_tree);
      }
      seen[at] = true;
      const auto index = static_cast<std::uint32_t>(trees_.nodes.size());
      if (index != root) (visit.is_right ? trees_.nodes[visit.parent].right : trees_.nodes[visit.parent].left) = index;
      if (is_leaf) {
        if (!std::isfinite(raw.leaf[at])) {
          return refuse_at(tree_line_, fmt::format("leaf_value[{}]", at), "a finite leaf",
                           fmt::format("{}", raw.leaf[at]), ErrorCode::model_invalid_tree);
        }
        trees_.depth_max = std::max(trees_.depth_max, visit.depth);
        trees_.nodes.push_back({.value = raw.leaf[at]});
        continue;
      }
      TT_TRY(const DecisionTrees::Node node, checked_node(raw, at));
      trees_.nodes.push_back(node);
      // What is in a set goes to the left here; its lane is 1, which goes to the right in our nodes.
      const bool swapped = (raw.decision[at] & kCategorical) != 0;
      stack.push_back({swapped ? raw.left[at] : raw.right[at], visit.depth + 1, index, true});
      stack.push_back({swapped ? raw.right[at] : raw.left[at], visit.depth + 1, index, false});
    }
    trees_.roots.push_back(root);
    return {};
  }

  Result<DecisionTrees::Node> checked_node(const RawTree& raw, std::size_t at) {
    const std::int32_t feature = raw.feature[at];
    const std::int32_t decision = raw.decision[at];
    const double threshold = raw.threshold[at];
    if (feature < 0 || static_cast<std::uint32_t>(feature) >= trees_.feature_count) {
      return refuse_at(tree_line_, fmt::format("split_feature[{}]", at),
                       fmt::format("a feature up to max_feature_idx ({})", trees_.feature_count - 1),
                       std::to_string(feature), ErrorCode::model_invalid_tree);
    }
    if (decision < 0 || decision > kDecisionMax) {
      return refuse_at(tree_line_, fmt::format("decision_type[{}]", at), "0 to 11", std::to_string(decision),
                       ErrorCode::model_invalid_tree);
    }
    if ((decision & kCategorical) != 0) return categorical_node(raw, at);
    if (!std::isfinite(threshold)) {
      return refuse_at(tree_line_, fmt::format("threshold[{}]", at), "a finite number", fmt::format("{}", threshold),
                       ErrorCode::model_invalid_tree);
    }
    const auto missing = static_cast<Missing>(decision >> kMissingShift);
    DecisionTrees::Node node{.value = static_cast<double>(first_above(threshold))};
    node.feature = static_cast<std::uint32_t>(feature);
    // Where no value counts as missing, NaN is taken for 0.
    node.default_left = missing == Missing::none ? 0.0 <= threshold : (decision & kDefaultLeft) != 0;
    kinds_.resize(trees_.feature_count);
    (missing == Missing::zero ? kinds_[node.feature].zero : kinds_[node.feature].other) = true;
    return node;
  }

  // Whatever its missing type: NaN and what lies below 0 are in no set, and go right.
  Result<DecisionTrees::Node> categorical_node(const RawTree& raw, std::size_t at) {
    const double number = raw.threshold[at];
    const std::size_t sets = raw.boundaries.empty() ? 0 : raw.boundaries.size() - 1;
    if (!(number >= 0 && number < static_cast<double>(sets)) || number != std::floor(number)) {
      return refuse_at(tree_line_, fmt::format("threshold[{}]", at), fmt::format("a set of num_cat ({})", sets),
                       fmt::format("{}", number), ErrorCode::model_invalid_tree);
    }
    const auto set = static_cast<std::size_t>(number);
    const auto word = [&](std::size_t boundary) {
      return raw.words.begin() + static_cast<std::ptrdiff_t>(raw.boundaries[boundary]);
    };
    const auto lane = sets_.add({.feature = static_cast<std::uint32_t>(raw.feature[at]),
                                 .cuts_first = true,
                                 .words = {word(set), word(set + 1)}});
    if (!lane) {
      return refuse_at(tree_line_, "cat_threshold", fmt::format("at most {} different sets", kCategorySetsMax), "more",
                       ErrorCode::model_unsupported);
    }
    DecisionTrees::Node node{.value = kSetThreshold};
    node.feature = trees_.feature_count + *lane;
    node.default_left = true;  // the children are swapped
    return node;
  }

  // The library keeps the kind of missing values by feature. Zeros become NaN once a row, so all nodes of a feature must
  // take them for missing, or none.
  Result<void> set_missing_kinds() {
    for (std::uint32_t feature = 0; feature < kinds_.size(); ++feature) {
      if (!kinds_[feature].zero) continue;
      if (kinds_[feature].other) {
        return refuse("decision_type", "zero as missing in all splits of a feature, or in none",
                      fmt::format("both for feature {}", feature), ErrorCode::model_unsupported);
      }
      trees_.zero_is_missing.push_back(feature);
    }
    return {};
  }

  // --- faults ------------------------------------------------------------------------------------------------------

  Result<std::int64_t> integer(std::string_view key, std::string_view value, std::int64_t min, std::size_t max) {
    return integer_at(line_number_, key, value, min, max);
  }
  Result<std::int64_t> integer_entry(const std::array<Entry, kKeys>& entries, Key key, std::int64_t min,
                                     std::size_t max) {
    if (entries[key].line == 0) return refuse_at(tree_line_, kNames[key], "a value", "none");
    return integer_at(entries[key].line, kNames[key], entries[key].value, min, max);
  }
  Result<std::int64_t> integer_at(std::size_t line, std::string_view key, std::string_view value, std::int64_t min,
                                  std::size_t max) {
    std::int64_t number = 0;
    if (!parse_number(value, number)) return refuse_at(line, key, "an integer", printable(value, 40));
    if (number < min || number > static_cast<std::int64_t>(max)) {
      return refuse_at(line, key, fmt::format("{} to {}", min, max), std::to_string(number),
                       ErrorCode::model_unsupported);
    }
    return number;
  }
  std::string found() const { return at_end_ ? "the end of the file" : fmt::format("\"{}\"", printable(line_, 40)); }
  std::unexpected<Error> refuse(std::string_view field, std::string expected, std::string found,
                                ErrorCode code = ErrorCode::model_syntax) const {
    return refuse_at(std::max<std::size_t>(1, line_number_), field, std::move(expected), std::move(found), code);
  }
  std::unexpected<Error> refuse_at(std::size_t line, std::string_view field, std::string expected, std::string found,
                                   ErrorCode code = ErrorCode::model_syntax) const {
    return fail({.code = code,
                 .doing = std::string(kDoing),
                 .file = std::string(file_),
                 .line = line,
                 .field = printable(field, 60),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  }

  // Far above what the library writes; they bound what a hostile file makes us remember.
  static constexpr std::size_t kHeaderKeysMax = 256;
  static constexpr std::size_t kTreeKeysMax = 64;

  std::string_view text_;
  std::string_view file_;
  std::string_view line_;
  std::size_t next_ = 0;
  std::size_t line_number_ = 0;
  std::size_t tree_line_ = 0;
  bool at_end_ = false;
  bool is_average_ = false;
  struct Kinds {
    bool zero = false;
    bool other = false;
  };
  std::vector<Kinds> kinds_;  // by feature
  CategorySets sets_;
  DecisionTrees trees_;
};

}  // namespace

Result<DecisionTrees> read_lightgbm_text(std::string_view text, std::string_view file) {
  if (text.size() > kModelBytesMax) {
    return fail({.code = ErrorCode::model_unsupported,
                 .doing = std::string(kDoing),
                 .file = std::string(file),
                 .expected = fmt::format("at most {} bytes", kModelBytesMax),
                 .found = std::to_string(text.size())});
  }
  return LightgbmReader(text, file).read();
}

}  // namespace thintail
