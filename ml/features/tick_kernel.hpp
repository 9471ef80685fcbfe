// SPDX-License-Identifier: Apache-2.0
// Tick kernel: decays one instrument's state by the time gone and writes the lanes that follow from it.
//   path       hot
//   invariant  the same bits on every Isa: IEEE operations in one order, fused only where the source says fma.
//   abi        plain arrays and no standard-library calls: what these translation units share with others must not be
//              a function, or the linker could hand AVX-512 code to all of them.
#pragma once

#include <cstdint>

#include "core/base/attributes.hpp"
#include "core/isa/isa.hpp"
#include "ml/features/core_32.hpp"

namespace thintail {

// Prices are in twice the mid, bid + ask, so that no half is lost. `_before` is the value of the tick before.
struct alignas(64) TickState {
  double mean_mid2[core_32::kHalfLives];  // exponential average
  double coverage[core_32::kHalfLives];   // share of the decay's weight that lies after the first tick, 0 to 1
  double ticks[core_32::kHalfLives];      // decayed sums from here on
  double square[core_32::kHalfLives];     // of the declustered move, bp^2
  double net[core_32::kHalfLives];        // of its sign
  double gross[core_32::kHalfLives];      // of its sign without sign
  double mid2_before;
  double mid2_before_that;
  double move_before_bp;
  double spread_before_bp;
  double crossed_before;
  // At 240 s only.
  double spread_mean_bp;
  double spread_variance_bp2;
  double crossed_share;
  double move_product_bp2;
  double move_square_bp2;
};

struct TickInput {
  double mid2;       // bid + ask in e9
  double bp_factor;  // 1e4 / mid2; 0 where mid2 <= 0
  double spread_bp;
  double crossed;  // 1 or 0
  double dt_ns;    // trading time since the tick before
};

// Updates `state` and writes the lanes kSpreadZ to kIntensityRatio of `row`.
using TickKernel = void (*)(TickState& state, const TickInput& input, float* row) noexcept;

void tick_kernel_scalar(TickState& state, const TickInput& input, float* row) noexcept;
void tick_kernel_avx2(TickState& state, const TickInput& input, float* row) noexcept;
void tick_kernel_avx512(TickState& state, const TickInput& input, float* row) noexcept;

inline constexpr KernelTable<TickKernel> kTickKernels{&tick_kernel_scalar, &tick_kernel_avx2, &tick_kernel_avx512};

// The row's form of a value: rounded once, -0 as +0.
TT_ALWAYS_INLINE float to_lane(double value) noexcept { return static_cast<float>(value) + 0.0f; }

}  // namespace thintail
