// SPDX-License-Identifier: Apache-2.0
// The network kernels on eight floats at once.
#include "ml/networks/network_lanes_avx2.hpp"

namespace thintail {

constexpr NetworkKernels kAvx2NetworkKernels =
    KernelsOf<Avx2Floats, Avx2Product<std::int8_t>, Avx2Product<std::int16_t>>::table();

}  // namespace thintail
