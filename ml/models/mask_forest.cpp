// SPDX-License-Identifier: Apache-2.0
// MaskForest: records and leaves of the mask kernels.
#include "ml/models/mask_forest.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace thintail {

namespace {

// Visits the nodes below `root` that are no leaves, with their number in the heap.
template <class OnNode, class OnLeaf>
void walk_heap(const DecisionTrees& trees, std::uint32_t root, OnNode&& on_node, OnLeaf&& on_leaf) {
  struct Visit {
    std::uint32_t node;
    std::uint32_t number;
    std::uint32_t depth;
  };
  std::vector<Visit> stack = {{root, 1, 0}};
  while (!stack.empty()) {
    const Visit visit = stack.back();
    stack.pop_back();
    const DecisionTrees::Node& node = trees.nodes[visit.node];
    if (node.is_leaf()) {
      on_leaf(node, visit.number, visit.depth);
      continue;
    }
    on_node(node, visit.number);
    stack.push_back({node.right, 2 * visit.number + 1, visit.depth + 1});
    stack.push_back({node.left, 2 * visit.number, visit.depth + 1});
  }
}

}  // namespace

template <class Sum>
std::optional<MaskForest<Sum>> MaskForest<Sum>::create(const DecisionTrees& trees,
                                                       std::span<const std::uint32_t> roots) {
  if (trees.depth_max > kMaskDepthMax) return std::nullopt;
  RankLanes lanes(trees, roots);
  if (lanes.size() > std::size_t{kMaskLanes} * kMaskTilesMax) return std::nullopt;
  return MaskForest(trees, roots, std::move(lanes));
}

template <class Sum>
MaskForest<Sum>::MaskForest(const DecisionTrees& trees, std::span<const std::uint32_t> roots, RankLanes lanes)
    : lanes_(std::move(lanes)) {
  view_.ranks = lanes_.tables();
  view_.depth = std::max(1U, trees.depth_max);
  view_.words = view_.depth <= 6 ? 1 : view_.depth == 7 ? 2 : kMaskWordsMax;
  view_.trees = (static_cast<std::uint32_t>(roots.size()) + kTreesAtOnce - 1) / kTreesAtOnce * kTreesAtOnce;

  const std::size_t records = std::size_t{view_.ranks.tiles} * view_.words * view_.trees;
  records_ = AlignedArray<unsigned char>(records * kRecordBytes, 0);
  for (std::size_t record = 0; record < records; ++record) {
    for (std::size_t i = kMaskLanes; i < kRecordBytes; ++i) records_[record * kRecordBytes + i] = kNeverRight;
  }
  // Adding -0 changes no sum, not even one of -0, whose sign adding +0 would lose.
  leaves_ = AlignedArray<Sum>(std::size_t{view_.trees} << view_.depth, Sum{-0.0F});
  for (std::size_t tree = 0; tree < roots.size(); ++tree) lay_out_tree(trees, tree, roots[tree]);
  view_.records = records_.data();
  view_.leaves = leaves_.data();
}

template <class Sum>
void MaskForest<Sum>::lay_out_tree(const DecisionTrees& trees, std::size_t tree, std::uint32_t root) {
  const auto on_node = [&](const DecisionTrees::Node& node, std::uint32_t number) {
    const RankLanes::Place place = lanes_.place_of(node);
    const std::uint32_t tile = place.lane / kMaskLanes;
    const std::size_t record = std::size_t{tile * view_.words + number / kMaskLanes} * view_.trees + tree;
    unsigned char* const bytes = &records_[record * kRecordBytes];
    bytes[number % kMaskLanes] = RankLanes::lane_byte(place, node);
    bytes[kMaskLanes + number % kMaskLanes] = place.cut;
  };
  // A leaf above the last level stands below all the ends that it is above of.
  const auto on_leaf = [&](const DecisionTrees::Node& leaf, std::uint32_t number, std::uint32_t depth) {
    const std::uint32_t below = view_.depth - depth;
    const std::size_t first = (tree << view_.depth) + (std::size_t{number} << below) - (std::size_t{1} << view_.depth);
    for (std::size_t i = 0; i < std::size_t{1} << below; ++i) leaves_[first + i] = static_cast<Sum>(leaf.value);
  };
  walk_heap(trees, root, on_node, on_leaf);
}

template class MaskForest<float>;
template class MaskForest<double>;

}  // namespace thintail
