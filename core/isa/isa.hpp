// SPDX-License-Identifier: Apache-2.0
// Isa: which instruction set the kernels run with, chosen once at start. Every kernel computes the same bits on each.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail {

enum class Isa : std::uint8_t { scalar = 0, avx2 = 1, avx512 = 2 };

std::string_view isa_name(Isa isa) noexcept;
bool isa_available(Isa isa) noexcept;  // CPU and operating system both support it
Isa best_isa() noexcept;
// Beyond what Isa::avx512 asks for: byte permutes of whole registers (VBMI), which the first CPUs with AVX-512 lack.
bool byte_permute_available() noexcept;
// "auto" gives best_isa(); a known but unavailable one is ErrorCode::isa_unavailable.
Result<Isa> isa_from_name(std::string_view name);

// A set of functions of one kernel family, one for each Isa: KernelTable<Fn>{scalar, avx2, avx512}[isa].
template <class Function>
struct KernelTable {
  Function scalar;
  Function avx2;
  Function avx512;
  Function operator[](Isa isa) const noexcept { return isa == Isa::avx512 ? avx512 : isa == Isa::avx2 ? avx2 : scalar; }
};

}  // namespace thintail
