// SPDX-License-Identifier: Apache-2.0
// MaskForest: trees of up to 8 levels laid out for the mask kernels.
//   path       hot: sum(); cold: construction
//   threads    immutable; any number of readers
//   invariant  the sum's bits are those of a plain walk of DecisionTrees: the start first, then leaves in tree order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/isa/isa.hpp"
#include "ml/models/aligned_array.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/mask_kernel.hpp"
#include "ml/models/rank_lanes.hpp"

namespace thintail {

template <class Sum>
class MaskForest {
 public:
  // The trees at `roots`, or nothing where they are too deep or ask more than the lanes hold: TreeKernel takes those.
  static std::optional<MaskForest> create(const DecisionTrees& trees, std::span<const std::uint32_t> roots);

  // REQUIRES: kernel_available(isa).
  TT_HOT Sum sum(Isa isa, const float* features, Sum start) const noexcept {
    const MaskKernel<Sum> kernel =
        isa == Isa::avx512 ? MaskKernel<Sum>{&mask_sum_avx512} : MaskKernel<Sum>{&mask_sum_scalar};
    return kernel(view_, features, start);
  }
  // AVX2 has none: without a permute of 64 bytes it took longer than TreeKernel does (docs/models.md).
  static bool kernel_available(Isa isa) noexcept {
    return isa == Isa::scalar || (isa == Isa::avx512 && byte_permute_available());
  }

 private:
  MaskForest(const DecisionTrees& trees, std::span<const std::uint32_t> roots, RankLanes lanes);
  void lay_out_tree(const DecisionTrees& trees, std::size_t tree, std::uint32_t root);

  MaskTrees view_ = {};
  RankLanes lanes_;
  AlignedArray<unsigned char> records_;
  AlignedArray<Sum> leaves_;
};

extern template class MaskForest<float>;
extern template class MaskForest<double>;

}  // namespace thintail
