// SPDX-License-Identifier: Apache-2.0
// The network kernels on sixteen floats at once (compiled with -march=x86-64-v4); integers stay at eight, and VNNI computes
// them where a CPU has it.
#include "ml/networks/network_lanes_avx512.hpp"

namespace thintail {

constexpr NetworkKernels kAvx512NetworkKernels =
    KernelsOf<Avx512Floats, Avx2Product<std::int8_t>, Avx2Product<std::int16_t>>::table();

}  // namespace thintail
