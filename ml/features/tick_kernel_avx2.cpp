// SPDX-License-Identifier: Apache-2.0
// The tick kernel on four doubles at once.
#include "ml/features/tick_lanes_avx2.hpp"

namespace thintail {

void weight_kernel_avx2(const TickProgram& program, double dt_ns, DecayWeights& out) noexcept {
  weight_kernel<Avx2Lanes>(program, dt_ns, out);
}

void tick_kernel_avx2(const TickProgram& program, const TickCall& call) noexcept {
  tick_kernel<Avx2Lanes>(program, call);
}

}  // namespace thintail
