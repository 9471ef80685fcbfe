// SPDX-License-Identifier: Apache-2.0
// TreeKernel: trees laid out for one row at a time: no branch depends on the data, no test asks for NaN.
//   path       hot: sum(); cold: construction
//   threads    immutable; any number of readers
//   invariant  the sum's bits are those of a plain walk of DecisionTrees: the start first, then leaves in tree order.
//
// A missing feature costs nothing per node: the row is written twice, once with NaN replaced by -Infinity (below
// every threshold: for nodes whose default is left) and once by +Infinity (for the others), and each node's `slot`
// says which of the two it reads. Trees of up to kCompleteDepthMax levels are padded to one depth and walked 16 at a
// time, so that the loads of one tree hide behind those of the others; deeper ones are followed link by link, 8 at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/attributes.hpp"
#include "ml/models/decision_trees.hpp"

namespace thintail {

template <class Sum>
class TreeKernel {
 public:
  static constexpr std::uint32_t kCompleteDepthMax = 8;

  TreeKernel(const DecisionTrees& trees, std::span<const std::uint32_t> roots);

  // `features`: trees.row_width() floats, NaN = missing. `start` and after it their leaves.
  TT_HOT Sum sum(const float* features, Sum start) const noexcept;

 private:
  struct Node {
    float threshold;
    std::uint32_t slot;  // into the two rows laid end to end
  };
  struct Link {
    float threshold;
    std::uint32_t slot;
    std::uint32_t next[2];  // left and right; a leaf leads to itself
  };
  static constexpr std::uint32_t kLinked = 8;  // linked trees walked at once, to the depth of the deepest of them
  static constexpr std::uint32_t kWide = 16;  // trees walked at once; more would spill the positions out of registers
  static constexpr std::uint32_t kNarrow = 4;  // and of what remains

  using Walk = Sum (*)(const TreeKernel&, const float* row, Sum sum) noexcept;

  template <std::uint32_t Depth>
  static Sum walk_complete(const TreeKernel& kernel, const float* row, Sum sum) noexcept;
  template <std::uint32_t Depth, std::uint32_t Width>
  static Sum add_group(const Node* nodes, const Sum* leaves, const float* row, Sum sum) noexcept;
  static Sum walk_linked(const TreeKernel& kernel, const float* row, Sum sum) noexcept;
  static Walk complete_walk(std::uint32_t depth) noexcept;

  std::uint32_t slot_of(const DecisionTrees::Node& node) const noexcept {
    return node.feature + (node.default_left ? 0 : row_width_);
  }
  void lay_out_complete(const DecisionTrees& trees, std::span<const std::uint32_t> roots);
  void lay_out_linked(const DecisionTrees& trees, std::span<const std::uint32_t> roots);

  Walk walk_;
  std::uint32_t row_width_;
  std::uint32_t wide_groups_ = 0;
  std::uint32_t narrow_groups_ = 0;
  // Groups one after the other; in a group the nodes of all its trees, level by level and tree by tree, so that the
  // few nodes near the roots, which every row visits, share cache lines. Leaves likewise.
  std::vector<Node> nodes_;
  std::vector<Sum> leaves_;
  std::vector<Link> links_;  // their leaves stand in leaves_ at the same place
  std::vector<std::uint32_t> roots_;
  std::vector<std::uint32_t> depths_;  // by kLinked roots
};

extern template class TreeKernel<float>;
extern template class TreeKernel<double>;

}  // namespace thintail
