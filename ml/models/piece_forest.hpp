// SPDX-License-Identifier: Apache-2.0
// PieceForest: trees of any depth, such as LightGBM grows leaf by leaf, in pieces of four levels for the mask kernels.
//   path       hot: sum(); cold: construction
//   threads    immutable; any number of readers
//   invariant  the sum's bits are those of a plain walk of DecisionTrees: the start first, then leaves in tree order.
//
// A walk link by link waits for a node, then for the feature that it asks about, at every level. A piece gives its 15
// decisions at once: a row waits once in four levels, and 16 trees are followed together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/isa/isa.hpp"
#include "ml/models/aligned_array.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/mask_kernel.hpp"
#include "ml/models/rank_lanes.hpp"

namespace thintail {

template <class Sum>
class PieceForest {
 public:
  // The trees at `roots`, or nothing where they ask more than one register of lanes holds, or are too many or too large
  // for the exits' 16 bits: TreeKernel takes those.
  static std::optional<PieceForest> create(const DecisionTrees& trees, std::span<const std::uint32_t> roots);

  // REQUIRES: kernel_available(isa).
  TT_HOT Sum sum(Isa isa, const float* features, Sum start) const noexcept {
    return isa == Isa::avx512 ? piece_sum_avx512(view_, features, start) : piece_sum_scalar(view_, features, start);
  }
  static bool kernel_available(Isa isa) noexcept {
    return isa == Isa::scalar || (isa == Isa::avx512 && byte_permute_available());
  }

 private:
  struct Piece {
    unsigned char lanes[kPieceExits];
    unsigned char cuts[kPieceExits];
    std::uint16_t exits[kPieceExits];
  };
  static_assert(sizeof(Piece) == kPieceBytes);

  explicit PieceForest(RankLanes lanes) : lanes_(std::move(lanes)) {}
  // False where an exit would need more than 15 bits.
  bool add_tree(const DecisionTrees& trees, std::uint32_t root);
  void add_fillers();
  void lay_out();

  PieceTrees view_ = {};
  RankLanes lanes_;
  std::vector<Piece> cut_;  // until lay_out()
  std::vector<Sum> leaf_;
  std::vector<std::uint32_t> first_of_tree_, first_leaf_of_tree_;
  AlignedArray<unsigned char> tops_, pieces_;
  AlignedArray<std::int32_t> first_piece_;
  AlignedArray<std::uint32_t> first_leaf_;
  AlignedArray<Sum> leaves_;
};

extern template class PieceForest<float>;
extern template class PieceForest<double>;

}  // namespace thintail
