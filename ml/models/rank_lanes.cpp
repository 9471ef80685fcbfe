// SPDX-License-Identifier: Apache-2.0
// RankLanes: cuts gathered, and laid out in pivots and blocks.
#include "ml/models/rank_lanes.hpp"

#include <algorithm>
#include <limits>

namespace thintail {

namespace {

// `visit(node)` of every node below `root` that is no leaf.
template <class OnNode>
void for_each_split(const DecisionTrees& trees, std::uint32_t root, OnNode&& visit) {
  std::vector<std::uint32_t> stack = {root};
  while (!stack.empty()) {
    const DecisionTrees::Node& node = trees.nodes[stack.back()];
    stack.pop_back();
    if (node.is_leaf()) continue;
    visit(node);
    stack.push_back(node.right);
    stack.push_back(node.left);
  }
}

}  // namespace

RankLanes::RankLanes(const DecisionTrees& trees, std::span<const std::uint32_t> roots) {
  std::vector<std::vector<float>> cuts(trees.row_width());
  for (const std::uint32_t root : roots) {
    for_each_split(trees, root, [&](const DecisionTrees::Node& node) {
      cuts[node.feature].push_back(static_cast<float>(node.value));
    });
  }
  std::size_t unused = 0;
  bool one_lane_each = cuts.size() <= kMaskLanes * kMaskTilesMax;
  for (std::vector<float>& own : cuts) {
    std::ranges::sort(own);
    own.erase(std::ranges::unique(own).begin(), own.end());  // -0 equals +0, here and in the comparisons
    unused += own.empty() ? 1 : 0;
    one_lane_each = one_lane_each && own.size() <= kCutsMax;
  }
  // Reading the row in place, unused features too, costs less than copying the used ones unless many are unused.
  const bool keep_unused = one_lane_each && unused * 4 <= cuts.size();

  first_lane_.resize(cuts.size());
  for (std::uint32_t feature = 0; feature < cuts.size(); ++feature) {
    const std::vector<float>& own = cuts[feature];
    first_lane_[feature] = static_cast<std::uint32_t>(lanes_.size());
    if (own.empty() && keep_unused) lanes_.push_back({feature, {}});
    for (std::size_t at = 0; at < own.size(); at += kCutsMax) {
      const auto first = own.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(kCutsMax, own.size() - at));
      lanes_.push_back({feature, {first, first + count}});
    }
  }
  lay_out();
}

void RankLanes::lay_out() {
  constexpr float kUncounted = std::numeric_limits<float>::quiet_NaN();
  constexpr std::size_t kStride = kCutsOfBlock + 1;  // a block and the pivot after it
  const std::size_t groups = (lanes_.size() + kLanesAtOnce - 1) / kLanesAtOnce;
  pivot_counts_ = AlignedArray<std::uint32_t>(groups, 0);
  first_cut_ = AlignedArray<std::uint32_t>(groups * kLanesAtOnce, 0);
  feature_of_ = AlignedArray<std::uint32_t>(lanes_.size(), 0);
  std::uint32_t cut_places = 0;
  bool in_place = true;
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    const auto pivots = static_cast<std::uint32_t>(lanes_[lane].cuts.size() / kStride);
    std::uint32_t& most = pivot_counts_[lane / kLanesAtOnce];
    most = std::max(most, pivots);
    first_cut_[lane] = cut_places;
    cut_places += (pivots + 1) * kCutsOfBlock;
    feature_of_[lane] = lanes_[lane].feature;
    in_place = in_place && lanes_[lane].feature == lane;
  }
  pivots_ = AlignedArray<float>(groups * kLanesAtOnce * kCutsOfBlock, kUncounted);
  blocks_ = AlignedArray<float>(cut_places, kUncounted);
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    const std::vector<float>& cuts = lanes_[lane].cuts;
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
  tables_ = {.pivots = pivots_.data(),
             .pivot_counts = pivot_counts_.data(),
             .blocks = blocks_.data(),
             .first_cut = first_cut_.data(),
             .feature_of = in_place ? nullptr : feature_of_.data(),
             .lanes = static_cast<std::uint32_t>(lanes_.size()),
             .tiles = std::max(1U, (static_cast<std::uint32_t>(lanes_.size()) + kMaskLanes - 1) / kMaskLanes)};
}

RankLanes::Place RankLanes::place_of(const DecisionTrees::Node& node) const {
  const auto cut = static_cast<float>(node.value);
  std::uint32_t lane = first_lane_[node.feature];
  while (lanes_[lane].cuts.back() < cut) ++lane;
  const auto at = std::ranges::lower_bound(lanes_[lane].cuts, cut) - lanes_[lane].cuts.begin();
  return {lane, static_cast<unsigned char>(at)};
}

}  // namespace thintail
