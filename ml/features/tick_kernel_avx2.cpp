// SPDX-License-Identifier: Apache-2.0
// The tick kernel on four doubles at once.
#include <immintrin.h>

#include <xsimd/xsimd.hpp>

#include "ml/features/tick_kernel_inl.hpp"

namespace thintail {
namespace {

struct Avx2Lanes {
  using V = xsimd::batch<double, xsimd::fma3<xsimd::avx2>>;
  using Bits = xsimd::batch<std::int64_t, xsimd::fma3<xsimd::avx2>>;
  static constexpr unsigned kWidth = 4;
  static V load(const double* from) noexcept { return V::load_aligned(from); }
  static void store(double* to, V value) noexcept { value.store_aligned(to); }
  static V set(double value) noexcept { return V(value); }
  static V min(V a, V b) noexcept { return xsimd::min(a, b); }
  static V sqrt(V value) noexcept { return xsimd::sqrt(value); }
  // Named, since xsimd's own is fused for some architectures only.
  static V fma(V a, V b, V c) noexcept { return _mm256_fmadd_pd(a, b, c); }
  static void split(V x, V& k, V& p) noexcept {
    const V shifted = x + V(kRoundingMagic);
    k = shifted - V(kRoundingMagic);
    p = xsimd::bitwise_cast<V>(Bits(kExponentOfOne) - (xsimd::bitwise_cast<Bits>(shifted) << 52));
  }
  static void store_floats(float* to, V value) noexcept {
    _mm_storeu_ps(to, _mm_add_ps(_mm256_cvtpd_ps(value), _mm_setzero_ps()));
  }
};

}  // namespace

void tick_kernel_avx2(TickState& state, const TickInput& input, float* row) noexcept {
  tick_kernel<Avx2Lanes>(state, input, row);
}

}  // namespace thintail
