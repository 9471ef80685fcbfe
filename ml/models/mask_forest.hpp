// SPDX-License-Identifier: Apache-2.0
// MaskForest: trees of up to 8 levels laid out for the mask kernels.
//   path       hot: sum(); cold: construction
//   threads    immutable; any number of readers
//   invariant  the sum's bits are those of a plain walk of DecisionTrees: the start first, then leaves in tree order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <vector>

#include "core/isa/isa.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/mask_kernel.hpp"

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
  // Arrays of the kernels: aligned to their registers, in place for as long as the forest lives.
  template <class T>
  class Aligned {
   public:
    Aligned() = default;
    Aligned(std::size_t count, T fill)
        : data_(static_cast<T*>(::operator new(count * sizeof(T) + kAlign, std::align_val_t{kAlign}))) {
      std::uninitialized_fill_n(data_.get(), count, fill);
    }
    T& operator[](std::size_t at) noexcept { return data_.get()[at]; }
    const T* data() const noexcept { return data_.get(); }

   private:
    static constexpr std::size_t kAlign = 64;
    struct Free {
      void operator()(T* data) const noexcept { ::operator delete(data, std::align_val_t{kAlign}); }
    };
    std::unique_ptr<T, Free> data_;
  };
  struct Lane {
    std::uint32_t feature;
    std::vector<float> cuts;
  };
  struct Plan {
    std::vector<Lane> lanes;
    std::vector<std::uint32_t> first_lane;  // by feature
  };

  static Plan plan_lanes(const DecisionTrees& trees, std::span<const std::uint32_t> roots);
  MaskForest(const DecisionTrees& trees, std::span<const std::uint32_t> roots, const Plan& plan);
  void lay_out_cuts(const Plan& plan);
  void lay_out_tree(const DecisionTrees& trees, const Plan& plan, std::size_t tree, std::uint32_t root);

  MaskTrees view_ = {};
  Aligned<float> pivots_, blocks_;
  Aligned<std::uint32_t> pivot_counts_, first_cut_, feature_of_;
  Aligned<unsigned char> records_;
  Aligned<Sum> leaves_;
};

extern template class MaskForest<float>;
extern template class MaskForest<double>;

}  // namespace thintail
