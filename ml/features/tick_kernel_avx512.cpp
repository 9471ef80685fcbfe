// SPDX-License-Identifier: Apache-2.0
// The tick kernel with weights on eight doubles at once (compiled with -march=x86-64-v4). State is in quads: what works
// on them stays at four, where 32 registers and the conversions of AVX-512 still help.
#include "ml/features/tick_lanes_avx2.hpp"

namespace thintail {
namespace {

struct Avx512Wide {
  using V = xsimd::batch<double, xsimd::avx512dq>;
  using Bits = xsimd::batch<std::int64_t, xsimd::avx512dq>;
  static constexpr unsigned kWidth = 8;
  static V load(const double* from) noexcept { return V::load_aligned(from); }
  static void store(double* to, V value) noexcept { value.store_aligned(to); }
  static V set(double value) noexcept { return V(value); }
  static V min(V a, V b) noexcept { return xsimd::min(a, b); }
  // xsimd 8.1 has no fused fma for AVX-512: its own rounds twice and differs in the last bit from the other kernels.
  static V fma(V a, V b, V c) noexcept { return _mm512_fmadd_pd(a, b, c); }
  static void split(V x, V& k, V& p) noexcept {
    const V shifted = x + V(kRoundingMagic);
    k = shifted - V(kRoundingMagic);
    p = xsimd::bitwise_cast<V>(Bits(kExponentOfOne) - (xsimd::bitwise_cast<Bits>(shifted) << 52));
  }
};

struct Avx512Lanes : Avx2Lanes {
  using Wide = Avx512Wide;
  static V to_double(I a) noexcept { return _mm256_cvtepi64_pd(a); }
};

}  // namespace

void weight_kernel_avx512(const TickProgram& program, double dt_ns, DecayWeights& out) noexcept {
  weight_kernel<Avx512Lanes>(program, dt_ns, out);
}

void tick_kernel_avx512(const TickProgram& program, const TickCall& call) noexcept {
  tick_kernel<Avx512Lanes>(program, call);
}

}  // namespace thintail
