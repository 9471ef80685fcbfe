// SPDX-License-Identifier: Apache-2.0
// TreeKernel: trees laid out for one row at a time: no branch depends on the data, no test asks for NaN.
//   path       hot: margin(); cold: construction
//   threads    immutable; any number of readers
//   invariant  the margin's bits are those of a plain walk of DecisionTrees: base margin first, then leaves in tree
//              order.
//
// A missing feature costs nothing per node: the row is written twice, once with NaN replaced by -Infinity (below
// every threshold: for nodes whose default is left) and once by +Infinity (for the others), and each node's `slot`
// says which of the two it reads. Trees of up to kCompleteDepthMax levels are padded to one depth and walked 16 at a
// time, so that the loads of one tree hide behind those of the others; deeper ones are followed link by link.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/attributes.hpp"
#include "ml/models/decision_trees.hpp"

namespace thintail {

class TreeKernel {
 public:
  static constexpr std::uint32_t kCompleteDepthMax = 8;

  explicit TreeKernel(const DecisionTrees& trees);

  // `features`: trees.feature_count floats, NaN = missing.
  TT_HOT float margin(const float* features) const noexcept;

 private:
  struct Node {
    float threshold;
    std::uint32_t slot;  // into the two rows laid end to end
  };
  struct Link {
    float value;  // threshold, or what the leaf adds
    std::uint32_t slot;
    std::uint32_t next[2];  // left and right; kLeaf in next[0] marks a leaf
  };
  static constexpr std::uint32_t kLeaf = 0xffff'ffff;
  static constexpr std::uint32_t kWide = 16;  // trees walked at once; more would spill the positions out of registers
  static constexpr std::uint32_t kNarrow = 4;  // and of what remains

  using Walk = float (*)(const TreeKernel&, const float* row, float sum) noexcept;

  template <std::uint32_t Depth>
  static float walk_complete(const TreeKernel& kernel, const float* row, float sum) noexcept;
  template <std::uint32_t Depth, std::uint32_t Width>
  static float add_group(const Node* nodes, const float* leaves, const float* row, float sum) noexcept;
  static float walk_linked(const TreeKernel& kernel, const float* row, float sum) noexcept;
  static Walk complete_walk(std::uint32_t depth) noexcept;

  std::uint32_t slot_of(const DecisionTrees::Node& node) const noexcept {
    return node.feature + (node.default_left ? 0 : feature_count_);
  }
  void lay_out_complete(const DecisionTrees& trees);
  void lay_out_linked(const DecisionTrees& trees);

  Walk walk_;
  float base_margin_;
  std::uint32_t feature_count_;
  std::uint32_t wide_groups_ = 0;
  std::uint32_t narrow_groups_ = 0;
  // Groups one after the other; in a group the nodes of all its trees, level by level and tree by tree, so that the
  // few nodes near the roots, which every row visits, share cache lines. Leaves likewise.
  std::vector<Node> nodes_;
  std::vector<float> leaves_;
  std::vector<Link> links_;
  std::vector<std::uint32_t> roots_;
};

}  // namespace thintail
