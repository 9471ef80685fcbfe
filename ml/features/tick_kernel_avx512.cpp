// SPDX-License-Identifier: Apache-2.0
// The tick kernel on eight doubles at once (compiled with -march=x86-64-v4).
#include <immintrin.h>

#include <xsimd/xsimd.hpp>

#include "ml/features/tick_kernel_inl.hpp"

namespace thintail {
namespace {

struct Avx512Lanes {
  using V = xsimd::batch<double, xsimd::avx512dq>;
  using Bits = xsimd::batch<std::int64_t, xsimd::avx512dq>;
  static constexpr unsigned kWidth = 8;
  static V load(const double* from) noexcept { return V::load_aligned(from); }
  static void store(double* to, V value) noexcept { value.store_aligned(to); }
  static V set(double value) noexcept { return V(value); }
  static V min(V a, V b) noexcept { return xsimd::min(a, b); }
  static V sqrt(V value) noexcept { return xsimd::sqrt(value); }
  // xsimd 8.1 has no fused fma for AVX-512: its own rounds twice and differs in the last bit from the other kernels.
  static V fma(V a, V b, V c) noexcept { return _mm512_fmadd_pd(a, b, c); }
  static void split(V x, V& k, V& p) noexcept {
    const V shifted = x + V(kRoundingMagic);
    k = shifted - V(kRoundingMagic);
    p = xsimd::bitwise_cast<V>(Bits(kExponentOfOne) - (xsimd::bitwise_cast<Bits>(shifted) << 52));
  }
  static void store_floats(float* to, V value) noexcept {
    _mm256_storeu_ps(to, _mm256_add_ps(_mm512_cvtpd_ps(value), _mm256_setzero_ps()));
  }
};

}  // namespace

void tick_kernel_avx512(TickState& state, const TickInput& input, float* row) noexcept {
  tick_kernel<Avx512Lanes>(state, input, row);
}

}  // namespace thintail
