// SPDX-License-Identifier: Apache-2.0
// TreeKernel: layout and walks.
#include "ml/models/tree_kernel.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace thintail {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

TreeKernel::TreeKernel(const DecisionTrees& trees)
    : walk_(&walk_linked), base_margin_(trees.base_margin), feature_count_(trees.feature_count) {
  if (trees.depth_max <= kCompleteDepthMax) {
    walk_ = complete_walk(trees.depth_max);
    lay_out_complete(trees);
  } else {
    lay_out_linked(trees);
  }
}

float TreeKernel::margin(const float* features) const noexcept {
  alignas(kCacheLineBytes) std::array<float, 2 * kModelFeaturesMax> row;  // NOLINT: only what is used is written
  float* below = row.data();
  float* above = below + feature_count_;
  for (std::uint32_t i = 0; i < feature_count_; ++i) {
    const float value = features[i];
    const bool missing = value != value;
    below[i] = missing ? -kInfinity : value;
    above[i] = missing ? kInfinity : value;
  }
  return walk_(*this, row.data(), base_margin_);
}

// --- complete trees ------------------------------------------------------------------------------------------------

template <std::uint32_t Depth, std::uint32_t Width>
TT_ALWAYS_INLINE float TreeKernel::add_group(const Node* nodes, const float* leaves, const float* row,
                                             float sum) noexcept {
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

template <std::uint32_t Depth>
float TreeKernel::walk_complete(const TreeKernel& kernel, const float* row, float sum) noexcept {
  constexpr std::size_t kNodes = (std::size_t{1} << Depth) - 1;
  constexpr std::size_t kLeaves = std::size_t{1} << Depth;
  const Node* nodes = kernel.nodes_.data();
  const float* leaves = kernel.leaves_.data();
  for (std::uint32_t group = 0; group < kernel.wide_groups_; ++group) {
    sum = add_group<Depth, kWide>(nodes, leaves, row, sum);
    nodes += kWide * kNodes;
    leaves += kWide * kLeaves;
  }
  for (std::uint32_t group = 0; group < kernel.narrow_groups_; ++group) {
    sum = add_group<Depth, kNarrow>(nodes, leaves, row, sum);
    nodes += kNarrow * kNodes;
    leaves += kNarrow * kLeaves;
  }
  return sum;
}

TreeKernel::Walk TreeKernel::complete_walk(std::uint32_t depth) noexcept {
  return [&]<std::uint32_t... Depths>(std::integer_sequence<std::uint32_t, Depths...>) {
    constexpr std::array<Walk, sizeof...(Depths)> kWalks = {&walk_complete<Depths>...};
    return kWalks[depth];
  }(std::make_integer_sequence<std::uint32_t, kCompleteDepthMax + 1>{});
}

void TreeKernel::lay_out_complete(const DecisionTrees& trees) {
  const std::size_t tree_count = trees.roots.size();
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
      level.push_back(tree < tree_count ? &trees.nodes[trees.roots[tree]] : &filler);
    }
    for (std::uint32_t depth = 0; depth < trees.depth_max; ++depth) {
      std::vector<const DecisionTrees::Node*> below;
      below.reserve(2 * level.size());
      for (const DecisionTrees::Node* node : level) {
        nodes_.push_back(node->is_leaf() ? Node{0, 0} : Node{node->value, slot_of(*node)});
        below.push_back(node->is_leaf() ? node : &trees.nodes[node->left]);
        below.push_back(node->is_leaf() ? node : &trees.nodes[node->right]);
      }
      level = std::move(below);
    }
    for (const DecisionTrees::Node* node : level) leaves_.push_back(node->value);
    first += width;
  }
}

// --- linked trees --------------------------------------------------------------------------------------------------

float TreeKernel::walk_linked(const TreeKernel& kernel, const float* row, float sum) noexcept {
  for (const std::uint32_t root : kernel.roots_) {
    const Link* link = &kernel.links_[root];
    while (link->next[0] != kLeaf) link = &kernel.links_[link->next[row[link->slot] < link->value ? 0 : 1]];
    sum += link->value;
  }
  return sum;
}

void TreeKernel::lay_out_linked(const DecisionTrees& trees) {
  roots_ = trees.roots;
  links_.reserve(trees.nodes.size());
  for (const DecisionTrees::Node& node : trees.nodes) {
    links_.push_back(node.is_leaf() ? Link{node.value, 0, {kLeaf, kLeaf}}
                                    : Link{node.value, slot_of(node), {node.left, node.right}});
  }
}

}  // namespace thintail
