// SPDX-License-Identifier: Apache-2.0
// TreeKernel: layout and walks.
#include "ml/models/tree_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace thintail {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

template <class Sum>
TreeKernel<Sum>::TreeKernel(const DecisionTrees& trees, std::span<const std::uint32_t> roots)
    : walk_(&walk_linked), row_width_(trees.row_width()) {
  if (trees.depth_max <= kCompleteDepthMax) {
    walk_ = complete_walk(trees.depth_max);
    lay_out_complete(trees, roots);
  } else {
    lay_out_linked(trees, roots);
  }
}

template <class Sum>
Sum TreeKernel<Sum>::sum(const float* features, Sum start) const noexcept {
  alignas(kCacheLineBytes) std::array<float, 2 * kModelRowMax> row;  // NOLINT: only what is used is written
  float* below = row.data();
  float* above = below + row_width_;
  for (std::uint32_t i = 0; i < row_width_; ++i) {
    const float value = features[i];
    const bool missing = value != value;
    below[i] = missing ? -kInfinity : value;
    above[i] = missing ? kInfinity : value;
  }
  return walk_(*this, row.data(), start);
}

// --- complete trees ------------------------------------------------------------------------------------------------

template <class Sum>
template <std::uint32_t Depth, std::uint32_t Width>
TT_ALWAYS_INLINE Sum TreeKernel<Sum>::add_group(const Node* nodes, const Sum* leaves, const float* row,
                                                Sum sum) noexcept {
  std::array<std::uint32_t, Width> at{};  // position within the level
  for (std::uint32_t level = 0; level < Depth; ++level) {
    for (std::uint32_t tree = 0; tree < Width; ++tree) {
      const Node& node = nodes[(tree << level) + at[tree]];
      at[tree] = 2 * at[tree] + (row[node.slot] < node.threshold ? 0U : 1U);
    }
    nodes += std::size_t{Width} << level;
  }
  for (std::uint32_t tree = 0; tree < Width; ++tree) sum += leaves[(tree << Depth) + at[tree]];
  return sum;
}

template <class Sum>
template <std::uint32_t Depth>
Sum TreeKernel<Sum>::walk_complete(const TreeKernel& kernel, const float* row, Sum sum) noexcept {
  constexpr std::size_t kNodes = (std::size_t{1} << Depth) - 1;
  constexpr std::size_t kLeaves = std::size_t{1} << Depth;
  const Node* nodes = kernel.nodes_.data();
  const Sum* leaves = kernel.leaves_.data();
  for (std::uint32_t group = 0; group < kernel.wide_groups_; ++group) {
    sum = TreeKernel::template add_group<Depth, kWide>(nodes, leaves, row, sum);
    nodes += kWide * kNodes;
    leaves += kWide * kLeaves;
  }
  for (std::uint32_t group = 0; group < kernel.narrow_groups_; ++group) {
    sum = TreeKernel::template add_group<Depth, kNarrow>(nodes, leaves, row, sum);
    nodes += kNarrow * kNodes;
    leaves += kNarrow * kLeaves;
  }
  return sum;
}

template <class Sum>
auto TreeKernel<Sum>::complete_walk(std::uint32_t depth) noexcept -> Walk {
  return [&]<std::uint32_t... Depths>(std::integer_sequence<std::uint32_t, Depths...>) {
    constexpr std::array<Walk, sizeof...(Depths)> kWalks = {&TreeKernel::template walk_complete<Depths>...};
    return kWalks[depth];
  }(std::make_integer_sequence<std::uint32_t, kCompleteDepthMax + 1>{});
}

template <class Sum>
void TreeKernel<Sum>::lay_out_complete(const DecisionTrees& trees, std::span<const std::uint32_t> roots) {
  const std::size_t tree_count = roots.size();
  wide_groups_ = static_cast<std::uint32_t>(tree_count / kWide);
  narrow_groups_ = static_cast<std::uint32_t>((tree_count % kWide + kNarrow - 1) / kNarrow);
  const std::size_t places = std::size_t{wide_groups_} * kWide + std::size_t{narrow_groups_} * kNarrow;
  nodes_.reserve(places * ((std::size_t{1} << trees.depth_max) - 1));
  leaves_.reserve(places << trees.depth_max);

  // Adding -0 changes no sum, not even one of -0, whose sign adding +0 would lose.
  const DecisionTrees::Node filler{.value = -0.0F};
  std::vector<const DecisionTrees::Node*> level;  // a leaf above the last level stands there as both its own children
  for (std::size_t first = 0; first < places;) {
    const std::size_t width = first < std::size_t{wide_groups_} * kWide ? kWide : kNarrow;
    level.clear();
    for (std::size_t tree = first; tree < first + width; ++tree) {
      level.push_back(tree < tree_count ? &trees.nodes[roots[tree]] : &filler);
    }
    for (std::uint32_t depth = 0; depth < trees.depth_max; ++depth) {
      std::vector<const DecisionTrees::Node*> below;
      below.reserve(2 * level.size());
      for (const DecisionTrees::Node* node : level) {
        nodes_.push_back(node->is_leaf() ? Node{0, 0} : Node{static_cast<float>(node->value), slot_of(*node)});
        below.push_back(node->is_leaf() ? node : &trees.nodes[node->left]);
        below.push_back(node->is_leaf() ? node : &trees.nodes[node->right]);
      }
      level = std::move(below);
    }
    for (const DecisionTrees::Node* node : level) leaves_.push_back(static_cast<Sum>(node->value));
    first += width;
  }
}

// --- linked trees --------------------------------------------------------------------------------------------------

template <class Sum>
Sum TreeKernel<Sum>::walk_linked(const TreeKernel& kernel, const float* row, Sum sum) noexcept {
  const Link* const links = kernel.links_.data();
  const std::uint32_t* roots = kernel.roots_.data();
  for (const std::uint32_t depth : kernel.depths_) {
    std::array<std::uint32_t, kLinked> at;
    std::copy_n(roots, kLinked, at.data());
    for (std::uint32_t level = 0; level < depth; ++level) {
      for (std::uint32_t& one : at) {
        const Link& link = links[one];
        one = link.next[row[link.slot] < link.threshold ? 0 : 1];
      }
    }
    for (const std::uint32_t one : at) sum += kernel.leaves_[one];
    roots += kLinked;
  }
  return sum;
}

template <class Sum>
void TreeKernel<Sum>::lay_out_linked(const DecisionTrees& trees, std::span<const std::uint32_t> roots) {
  const auto add = [this](Link link, Sum leaf) {
    links_.push_back(link);
    leaves_.push_back(leaf);
  };
  std::vector<std::uint32_t> depths;  // by node of the tree at hand
  for (const std::uint32_t root : roots) {
    // A tree's nodes stand together, its root first, parents before children. Here they move by the same distance.
    const auto base = static_cast<std::uint32_t>(links_.size());
    const auto next = std::ranges::upper_bound(trees.roots, root);
    const std::size_t end = next == trees.roots.end() ? trees.nodes.size() : *next;
    if (roots_.size() % kLinked == 0) depths_.push_back(0);
    roots_.push_back(base);
    depths.assign(end - root, 0);
    for (std::size_t at = root; at < end; ++at) {
      const DecisionTrees::Node& node = trees.nodes[at];
      const auto place = static_cast<std::uint32_t>(links_.size());
      if (node.is_leaf()) {
        depths_.back() = std::max(depths_.back(), depths[at - root]);
        add({0, 0, {place, place}}, static_cast<Sum>(node.value));
        continue;
      }
      for (const std::uint32_t child : {node.left, node.right}) depths[child - root] = depths[at - root] + 1;
      add({static_cast<float>(node.value), slot_of(node), {base + node.left - root, base + node.right - root}}, 0);
    }
  }
  // Adding -0 changes no sum, not even one of -0, whose sign adding +0 would lose.
  const auto filler = static_cast<std::uint32_t>(links_.size());
  if (roots_.size() % kLinked != 0) add({0, 0, {filler, filler}}, Sum{-0.0F});
  while (roots_.size() % kLinked != 0) roots_.push_back(filler);
}

template class TreeKernel<float>;
template class TreeKernel<double>;

}  // namespace thintail
