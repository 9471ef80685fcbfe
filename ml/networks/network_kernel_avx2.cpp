// SPDX-License-Identifier: Apache-2.0
// The network kernels on eight floats at once.
#include "ml/networks/network_lanes_avx2.hpp"

namespace thintail {
namespace {

void quantize(const float* x, std::uint32_t count, const float* centre, const float* per_unit, void* q) noexcept {
  quantize_avx2(x, count, centre, per_unit, q);
}
void quantized(const QuantizedCall& call) noexcept { quantized_avx2(call); }

}  // namespace

constexpr NetworkKernels kAvx2NetworkKernels = KernelsOf<Avx2Floats>::table(&quantize, &quantized);

}  // namespace thintail
