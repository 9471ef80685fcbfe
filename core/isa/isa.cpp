// SPDX-License-Identifier: Apache-2.0
#include "core/isa/isa.hpp"

#include <fmt/format.h>

#include <array>

namespace thintail {
namespace {

constexpr std::array kAll = {Isa::avx512, Isa::avx2, Isa::scalar};  // best first

}  // namespace

std::string_view isa_name(Isa isa) noexcept {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "unknown";
}

bool isa_available(Isa isa) noexcept {
  // __builtin_cpu_supports also asks the operating system (XGETBV) whether it saves the wider registers.
  switch (isa) {
    case Isa::scalar: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  return false;
}

Isa best_isa() noexcept {
  for (const Isa isa : kAll) {
    if (isa_available(isa)) return isa;
  }
  return Isa::scalar;
}

bool byte_permute_available() noexcept { return isa_available(Isa::avx512) && __builtin_cpu_supports("avx512vbmi"); }

Result<Isa> isa_from_name(std::string_view name) {
  if (name == "auto") return best_isa();
  for (const Isa isa : kAll) {
    if (name != isa_name(isa)) continue;
    if (isa_available(isa)) return isa;
    return fail({.code = ErrorCode::isa_unavailable,
                 .doing = "choosing an instruction set",
                 .field = "isa",
                 .expected = fmt::format("at most {} on this CPU", isa_name(best_isa())),
                 .found = std::string(name)});
  }
  return fail({.code = ErrorCode::config_bad_value,
               .doing = "choosing an instruction set",
               .field = "isa",
               .expected = "auto, scalar, avx2 or avx512",
               .found = fmt::format("\"{}\"", printable(name))});
}

}  // namespace thintail
