// SPDX-License-Identifier: Apache-2.0
// The trees section of a pack: DecisionTrees as arrays of fixed width.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "ml/pack/pack_sections.hpp"

namespace thintail::pack {

namespace {

struct Counts {
  std::uint32_t nodes = 0;
  std::uint32_t trees = 0;
  std::uint32_t zero_is_missing = 0;
  std::uint32_t category_sets = 0;
};
static_assert(sizeof(Counts) == 16);

// A category set: its words follow those of the sets before it, at the section's end.
struct CategoryRecord {
  std::uint32_t feature = 0;
  std::uint32_t cuts_first = 0;
  std::uint32_t words = 0;
};
static_assert(sizeof(CategoryRecord) == 12);
constexpr std::uint32_t kCategoryWordsMax = kCategoriesMax / 32;

// Where each array lies in the section. Bounds on the counts keep the sums far below 2^64.
struct Places {
  explicit Places(const Counts& counts) noexcept
      : feature(value + std::uint64_t{counts.nodes} * sizeof(double)),
        left(feature + std::uint64_t{counts.nodes} * sizeof(std::uint32_t)),
        right(left + std::uint64_t{counts.nodes} * sizeof(std::uint32_t)),
        roots(right + std::uint64_t{counts.nodes} * sizeof(std::uint32_t)),
        groups(roots + std::uint64_t{counts.trees} * sizeof(std::uint32_t)),
        zero_is_missing(groups + std::uint64_t{counts.trees} * sizeof(std::uint32_t)),
        category_sets(zero_is_missing + std::uint64_t{counts.zero_is_missing} * sizeof(std::uint32_t)),
        default_left(category_sets + std::uint64_t{counts.category_sets} * sizeof(CategoryRecord)),
        category_words(default_left + counts.nodes) {}

  std::uint64_t value = sizeof(Counts);
  std::uint64_t feature;
  std::uint64_t left;
  std::uint64_t right;
  std::uint64_t roots;
  std::uint64_t groups;
  std::uint64_t zero_is_missing;
  std::uint64_t category_sets;
  std::uint64_t default_left;
  std::uint64_t category_words;  // to the section's end
};

bool is_float32(double value) noexcept {
  if (std::isinf(value)) return true;
  return std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max()) &&
         static_cast<double>(static_cast<float>(value)) == value;
}

class TreesReader {
 public:
  TreesReader(const Section& section, std::string_view file, DecisionTrees& trees)
      : section_(section), file_(file), trees_(trees) {}

  Result<void> read() {
    TT_TRY(const Counts counts, read_counts());
    const Places places(counts);
    if (places.category_words > section_.bytes.size()) {
      return no("counts", section_.offset, fmt::format("arrays of at most {} bytes", section_.bytes.size()),
                std::to_string(places.category_words));
    }
    value_ = {section_, places.value, counts.nodes};
    feature_ = {section_, places.feature, counts.nodes};
    left_ = {section_, places.left, counts.nodes};
    right_ = {section_, places.right, counts.nodes};
    default_left_ = {section_, places.default_left, counts.nodes};
    TT_TRY_VOID(read_zero_is_missing({section_, places.zero_is_missing, counts.zero_is_missing}));
    TT_TRY_VOID(read_category_sets({section_, places.category_sets, counts.category_sets}, places.category_words));
    trees_.nodes.reserve(counts.nodes);
    depth_.assign(counts.nodes, 0);
    has_parent_.assign(counts.nodes, false);
    return read_forest({section_, places.roots, counts.trees}, {section_, places.groups, counts.trees});
  }

 private:
  using Array = ArrayView<std::uint32_t>;

  std::unexpected<Error> no(std::string_view item, std::uint64_t offset, std::string expected, std::string found,
                            ErrorCode code = ErrorCode::model_invalid_tree) const {
    return refuse(file_, section_.name, item, offset, std::move(expected), std::move(found), code);
  }

  Result<Counts> read_counts() const {
    if (section_.bytes.size() < sizeof(Counts)) {
      return no("counts", section_.offset, fmt::format("{} bytes of them", sizeof(Counts)),
                std::to_string(section_.bytes.size()));
    }
    const Counts counts = ArrayView<Counts>(section_, 0, 1)[0];
    const auto within = [](std::uint32_t count, std::size_t max) { return count <= max; };
    if (!within(counts.nodes, kModelNodesMax) || !within(counts.trees, kModelTreesMax) ||
        !within(counts.zero_is_missing, trees_.feature_count) || !within(counts.category_sets, kCategorySetsMax)) {
      return no("counts", section_.offset,
                fmt::format("at most {} nodes, {} trees, {} features and {} category sets", kModelNodesMax,
                            kModelTreesMax, trees_.feature_count, kCategorySetsMax),
                fmt::format("{}, {}, {}, {}", counts.nodes, counts.trees, counts.zero_is_missing, counts.category_sets),
                ErrorCode::model_unsupported);
    }
    return counts;
  }

  Result<void> read_zero_is_missing(const Array& features) {
    for (std::size_t index = 0; index < features.size(); ++index) {
      const std::uint32_t feature = features[index];
      if (feature >= trees_.feature_count || (index > 0 && feature <= features[index - 1])) {
        return no(fmt::format("zero_is_missing[{}]", index), features.offset_of(index),
                  fmt::format("features below {}, ascending", trees_.feature_count), std::to_string(feature));
      }
      trees_.zero_is_missing.push_back(feature);
    }
    return {};
  }

  // Their words are all that is left of the section.
  Result<void> read_category_sets(const ArrayView<CategoryRecord>& sets, std::uint64_t words_at) {
    for (std::size_t index = 0; index < sets.size(); ++index) {
      const CategoryRecord record = sets[index];
      const std::string name = fmt::format("category_sets[{}]", index);
      if (record.feature >= trees_.feature_count || record.cuts_first > 1 || record.words > kCategoryWordsMax ||
          record.words > (section_.bytes.size() - words_at) / sizeof(std::uint32_t)) {
        return no(name, sets.offset_of(index),
                  fmt::format("a feature below {}, 0 or 1, at most {} words in the section", trees_.feature_count,
                              kCategoryWordsMax),
                  fmt::format("{}, {}, {}", record.feature, record.cuts_first, record.words));
      }
      const Array words(section_, words_at, record.words);
      CategorySet set{.feature = record.feature, .cuts_first = record.cuts_first == 1, .words = {}};
      for (std::size_t word = 0; word < words.size(); ++word) set.words.push_back(words[word]);
      if (!set.words.empty() && set.words.back() == 0) {
        return no(name, words.offset_of(words.size() - 1), "a last word that is not 0", "0");
      }
      trees_.category_sets.push_back(std::move(set));
      words_at += std::uint64_t{record.words} * sizeof(std::uint32_t);
    }
    if (words_at == section_.bytes.size()) return {};
    return no("category_sets", section_.offset + words_at, "the end of the section",
              fmt::format("{} bytes more", section_.bytes.size() - words_at));
  }

  // Trees lie one after another, so a root's number says where the tree before it ends.
  Result<void> read_forest(const Array& roots, const Array& groups) {
    for (std::size_t tree = 0; tree < roots.size(); ++tree) {
      const std::uint32_t begin = roots[tree];
      const std::size_t end = tree + 1 < roots.size() ? roots[tree + 1] : left_.size();
      if (begin != trees_.nodes.size() || end <= begin || end > left_.size()) {
        return no(fmt::format("roots[{}]", tree), roots.offset_of(tree),
                  fmt::format("{}, and a node at least", trees_.nodes.size()), fmt::format("{} to {}", begin, end));
      }
      if (groups[tree] >= trees_.base_margins.size()) {
        return no(fmt::format("groups[{}]", tree), groups.offset_of(tree),
                  fmt::format("a group below {}", trees_.base_margins.size()), std::to_string(groups[tree]));
      }
      trees_.roots.push_back(begin);
      trees_.groups.push_back(groups[tree]);
      for (std::size_t node = begin; node < end; ++node) TT_TRY_VOID(read_node(node, begin, end));
    }
    if (trees_.nodes.size() == left_.size()) return {};
    return no("roots", section_.offset, fmt::format("trees of {} nodes in all", left_.size()),
              std::to_string(trees_.nodes.size()));
  }

  // Children come after their parent and have one: so no walk ever returns, and every node is reached once.
  Result<void> read_node(std::size_t at, std::size_t begin, std::size_t end) {
    if (at != begin && !has_parent_[at]) {
      return no(fmt::format("left[{}]", at), left_.offset_of(at), "a node that its tree reaches", "one that none does");
    }
    DecisionTrees::Node node{.value = value_[at]};
    const std::uint8_t default_left = default_left_[at];
    if (left_[at] == 0) {
      if (right_[at] != 0 || feature_[at] != 0 || default_left != 0) {
        return no(fmt::format("right[{}]", at), right_.offset_of(at), "zeros at a leaf", "others");
      }
      if (!std::isfinite(node.value) || (trees_.sum_type == SumType::float32 && !is_float32(node.value))) {
        return no(fmt::format("value[{}]", at), value_.offset_of(at), "a finite leaf of its type",
                  fmt::format("{}", node.value));
      }
      trees_.depth_max = std::max(trees_.depth_max, depth_[at]);
      trees_.nodes.push_back(node);
      return {};
    }
    for (const Array* child : {&left_, &right_}) {
      const std::uint32_t to = (*child)[at];
      if (to <= at || to >= end || has_parent_[to]) {
        return no(fmt::format("{}[{}]", child == &left_ ? "left" : "right", at), child->offset_of(at),
                  fmt::format("{} to {}, of one parent", at + 1, end - 1), std::to_string(to));
      }
      has_parent_[to] = true;
      depth_[to] = depth_[at] + 1;
    }
    node.feature = feature_[at];
    node.left = left_[at];
    node.right = right_[at];
    node.default_left = default_left == 1;
    if (node.feature >= trees_.row_width()) {
      return no(fmt::format("feature[{}]", at), feature_.offset_of(at),
                fmt::format("a feature or category set below {}", trees_.row_width()), std::to_string(node.feature));
    }
    if (default_left > 1) {
      return no(fmt::format("default_left[{}]", at), default_left_.offset_of(at), "0 or 1",
                std::to_string(default_left));
    }
    const bool is_everything = node.default_left && std::isinf(node.value) && node.value < 0;
    if (!is_float32(node.value) || is_everything) {
      return no(fmt::format("value[{}]", at), value_.offset_of(at),
                "a float32 threshold, not -Infinity where NaN goes left", fmt::format("{}", node.value));
    }
    trees_.nodes.push_back(node);
    return {};
  }

  const Section& section_;
  std::string_view file_;
  DecisionTrees& trees_;
  ArrayView<double> value_;
  Array feature_;
  Array left_;
  Array right_;
  ArrayView<std::uint8_t> default_left_;
  std::vector<std::uint32_t> depth_;  // by node
  std::vector<bool> has_parent_;
};

}  // namespace

std::string encode_trees(const DecisionTrees& trees) {
  using Node = DecisionTrees::Node;
  const Counts counts{.nodes = static_cast<std::uint32_t>(trees.nodes.size()),
                      .trees = static_cast<std::uint32_t>(trees.roots.size()),
                      .zero_is_missing = static_cast<std::uint32_t>(trees.zero_is_missing.size()),
                      .category_sets = static_cast<std::uint32_t>(trees.category_sets.size())};
  std::string out;
  out.reserve(Places(counts).category_words);
  append(out, counts);
  for (const Node& node : trees.nodes) append(out, node.value);
  for (const Node& node : trees.nodes) append(out, node.is_leaf() ? std::uint32_t{0} : node.feature);
  for (const Node& node : trees.nodes) append(out, node.left);
  for (const Node& node : trees.nodes) append(out, node.is_leaf() ? std::uint32_t{0} : node.right);
  for (const std::uint32_t root : trees.roots) append(out, root);
  for (const std::uint32_t group : trees.groups) append(out, group);
  for (const std::uint32_t feature : trees.zero_is_missing) append(out, feature);
  for (const CategorySet& set : trees.category_sets) {
    append(out, CategoryRecord{.feature = set.feature,
                               .cuts_first = set.cuts_first ? 1U : 0U,
                               .words = static_cast<std::uint32_t>(set.words.size())});
  }
  for (const Node& node : trees.nodes) {
    append(out, static_cast<std::uint8_t>(!node.is_leaf() && node.default_left ? 1 : 0));
  }
  for (const CategorySet& set : trees.category_sets) {
    for (const std::uint32_t word : set.words) append(out, word);
  }
  return out;
}

Result<void> decode_trees(const Section& section, std::string_view file, DecisionTrees& trees) {
  return TreesReader(section, file, trees).read();
}

}  // namespace thintail::pack
