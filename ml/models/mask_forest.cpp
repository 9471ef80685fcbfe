// SPDX-License-Identifier: Apache-2.0
// MaskForest: lanes, cuts, records and leaves of the mask kernels.
#include "ml/models/mask_forest.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace thintail {

namespace {

constexpr unsigned char kNeverRight = 255;  // no rank is above it

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

constexpr auto kNoLeaf = [](const auto&...) {};

}  // namespace

template <class Sum>
std::optional<MaskForest<Sum>> MaskForest<Sum>::create(const DecisionTrees& trees,
                                                       std::span<const std::uint32_t> roots) {
  if (trees.depth_max > kMaskDepthMax) return std::nullopt;
  const Plan plan = plan_lanes(trees, roots);
  if (plan.lanes.size() > std::size_t{kMaskLanes} * kMaskTilesMax) return std::nullopt;
  return MaskForest(trees, roots, plan);
}

// A lane for each feature that is asked about, several where it has more than kCutsMax cuts: rank and cut index are then
// relative to the lane's first cut.
template <class Sum>
auto MaskForest<Sum>::plan_lanes(const DecisionTrees& trees, std::span<const std::uint32_t> roots) -> Plan {
  std::vector<std::vector<float>> cuts(trees.feature_count);
  for (const std::uint32_t root : roots) {
    walk_heap(
        trees, root,
        [&](const DecisionTrees::Node& node, std::uint32_t) {
          cuts[node.feature].push_back(static_cast<float>(node.value));
        },
        kNoLeaf);
  }
  std::size_t unused = 0;
  bool one_lane_each = trees.feature_count <= kMaskLanes * kMaskTilesMax;
  for (std::vector<float>& own : cuts) {
    std::ranges::sort(own);
    own.erase(std::ranges::unique(own).begin(), own.end());  // -0 equals +0, here and in the comparisons
    unused += own.empty() ? 1 : 0;
    one_lane_each = one_lane_each && own.size() <= kCutsMax;
  }
  // Reading the row in place, unused features too, costs less than copying the used ones unless many are unused.
  const bool keep_unused = one_lane_each && unused * 4 <= cuts.size();

  Plan plan;
  plan.first_lane.resize(cuts.size());
  for (std::uint32_t feature = 0; feature < cuts.size(); ++feature) {
    const std::vector<float>& own = cuts[feature];
    plan.first_lane[feature] = static_cast<std::uint32_t>(plan.lanes.size());
    if (own.empty() && keep_unused) plan.lanes.push_back({feature, {}});
    for (std::size_t at = 0; at < own.size(); at += kCutsMax) {
      const auto first = own.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(kCutsMax, own.size() - at));
      plan.lanes.push_back({feature, {first, first + count}});
    }
  }
  return plan;
}

template <class Sum>
MaskForest<Sum>::MaskForest(const DecisionTrees& trees, std::span<const std::uint32_t> roots, const Plan& plan) {
  view_.lanes = static_cast<std::uint32_t>(plan.lanes.size());
  view_.tiles = std::max(1U, (view_.lanes + kMaskLanes - 1) / kMaskLanes);
  view_.depth = std::max(1U, trees.depth_max);
  view_.words = view_.depth <= 6 ? 1 : view_.depth == 7 ? 2 : kMaskWordsMax;
  view_.trees = (static_cast<std::uint32_t>(roots.size()) + kTreesAtOnce - 1) / kTreesAtOnce * kTreesAtOnce;
  lay_out_cuts(plan);

  const std::size_t records = std::size_t{view_.tiles} * view_.words * view_.trees;
  records_ = Aligned<unsigned char>(records * kRecordBytes, 0);
  for (std::size_t record = 0; record < records; ++record) {
    for (std::size_t i = kMaskLanes; i < kRecordBytes; ++i) records_[record * kRecordBytes + i] = kNeverRight;
  }
  // Adding -0 changes no sum, not even one of -0, whose sign adding +0 would lose.
  leaves_ = Aligned<Sum>(std::size_t{view_.trees} << view_.depth, Sum{-0.0F});
  for (std::size_t tree = 0; tree < roots.size(); ++tree) lay_out_tree(trees, plan, tree, roots[tree]);
  view_.records = records_.data();
  view_.leaves = leaves_.data();
}

template <class Sum>
void MaskForest<Sum>::lay_out_cuts(const Plan& plan) {
  constexpr float kUncounted = std::numeric_limits<float>::quiet_NaN();
  constexpr std::size_t kStride = kCutsOfBlock + 1;  // a block and the pivot after it
  const std::size_t groups = (plan.lanes.size() + kLanesAtOnce - 1) / kLanesAtOnce;
  pivot_counts_ = Aligned<std::uint32_t>(groups, 0);
  first_cut_ = Aligned<std::uint32_t>(groups * kLanesAtOnce, 0);
  feature_of_ = Aligned<std::uint32_t>(plan.lanes.size(), 0);
  std::uint32_t cut_places = 0;
  bool in_place = true;
  for (std::size_t lane = 0; lane < plan.lanes.size(); ++lane) {
    const auto pivots = static_cast<std::uint32_t>(plan.lanes[lane].cuts.size() / kStride);
    std::uint32_t& most = pivot_counts_[lane / kLanesAtOnce];
    most = std::max(most, pivots);
    first_cut_[lane] = cut_places;
    cut_places += (pivots + 1) * kCutsOfBlock;
    feature_of_[lane] = plan.lanes[lane].feature;
    in_place = in_place && plan.lanes[lane].feature == lane;
  }
  pivots_ = Aligned<float>(groups * kLanesAtOnce * kCutsOfBlock, kUncounted);
  blocks_ = Aligned<float>(cut_places, kUncounted);
  for (std::size_t lane = 0; lane < plan.lanes.size(); ++lane) {
    const std::vector<float>& cuts = plan.lanes[lane].cuts;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      const std::size_t block = i / kStride;
      const std::size_t within = i % kStride;
      if (within == kCutsOfBlock) {
        pivots_[(lane / kLanesAtOnce * kCutsOfBlock + block) * kLanesAtOnce + lane % kLanesAtOnce] = cuts[i];
      } else {
        blocks_[first_cut_[lane] + block * kCutsOfBlock + within] = cuts[i];
      }
    }
  }
  view_.pivots = pivots_.data();
  view_.pivot_counts = pivot_counts_.data();
  view_.blocks = blocks_.data();
  view_.first_cut = first_cut_.data();
  view_.feature_of = in_place ? nullptr : feature_of_.data();
}

template <class Sum>
void MaskForest<Sum>::lay_out_tree(const DecisionTrees& trees, const Plan& plan, std::size_t tree, std::uint32_t root) {
  const auto on_node = [&](const DecisionTrees::Node& node, std::uint32_t number) {
    const auto cut = static_cast<float>(node.value);
    std::uint32_t lane = plan.first_lane[node.feature];
    while (plan.lanes[lane].cuts.back() < cut) ++lane;
    const auto at = std::ranges::lower_bound(plan.lanes[lane].cuts, cut) - plan.lanes[lane].cuts.begin();
    const std::uint32_t tile = lane / kMaskLanes;
    const std::size_t record = std::size_t{tile * view_.words + number / kMaskLanes} * view_.trees + tree;
    unsigned char* const bytes = &records_[record * kRecordBytes];
    bytes[number % kMaskLanes] = static_cast<unsigned char>(lane % kMaskLanes + (node.default_left ? 0 : kMaskLanes));
    bytes[kMaskLanes + number % kMaskLanes] = static_cast<unsigned char>(at);
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
