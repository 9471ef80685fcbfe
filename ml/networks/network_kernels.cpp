// SPDX-License-Identifier: Apache-2.0
// Chooses the kernels of an instruction set. Apart from the kernels' own sources, since these define no other symbol.
#include "ml/networks/network_kernel.hpp"

namespace thintail {

bool vnni_available() noexcept { return isa_available(Isa::avx512) && __builtin_cpu_supports("avx512vnni"); }

NetworkKernels network_kernels(Isa isa) noexcept {
  if (isa == Isa::scalar) return kScalarNetworkKernels;
  if (isa == Isa::avx2) return kAvx2NetworkKernels;
  NetworkKernels kernels = kAvx512NetworkKernels;
  if (vnni_available()) {
    kernels.forms[static_cast<std::size_t>(MatrixForm::int8)] = kVnniInt8Kernels;
    kernels.forms[static_cast<std::size_t>(MatrixForm::int16)] = kVnniInt16Kernels;
  }
  return kernels;
}

}  // namespace thintail
