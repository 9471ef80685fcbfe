// SPDX-License-Identifier: Apache-2.0
// Tick kernel: brings one instrument's decays and windows up to a tick and writes the row that follows.
//   path       hot
//   invariant  the same bits on every Isa: IEEE operations in one order, fused only where the source says fma.
#pragma once

#include "core/base/attributes.hpp"
#include "core/isa/isa.hpp"
#include "ml/features/tick_program.hpp"

namespace thintail {

// Weights for `dt_ns` of trading time. Apart from the rest, since they take longest and need least: called as soon as
// the time is known, they are worked on while the tick's other inputs are.
using WeightKernel = void (*)(const TickProgram& program, double dt_ns, DecayWeights& out) noexcept;
// Updates the call's quads and windows, fills its scratch from kSlots on, and writes program.lanes values of the row.
using TickKernel = void (*)(const TickProgram& program, const TickCall& call) noexcept;

void weight_kernel_scalar(const TickProgram& program, double dt_ns, DecayWeights& out) noexcept;
void weight_kernel_avx2(const TickProgram& program, double dt_ns, DecayWeights& out) noexcept;
void weight_kernel_avx512(const TickProgram& program, double dt_ns, DecayWeights& out) noexcept;
void tick_kernel_scalar(const TickProgram& program, const TickCall& call) noexcept;
void tick_kernel_avx2(const TickProgram& program, const TickCall& call) noexcept;
void tick_kernel_avx512(const TickProgram& program, const TickCall& call) noexcept;

inline constexpr KernelTable<WeightKernel> kWeightKernels{&weight_kernel_scalar, &weight_kernel_avx2,
                                                          &weight_kernel_avx512};
inline constexpr KernelTable<TickKernel> kTickKernels{&tick_kernel_scalar, &tick_kernel_avx2, &tick_kernel_avx512};

// The row's form of a value: rounded once, -0 as +0.
TT_ALWAYS_INLINE float to_lane(double value) noexcept { return static_cast<float>(value) + 0.0f; }

// Added to what decays take in: far below what a lane resolves, but a sum that nothing feeds then settles here instead
// of at the smallest subnormal, where some cores take 150 cycles for every operation.
constexpr double kTinyInput = 1e-200;

}  // namespace thintail
