// SPDX-License-Identifier: Apache-2.0
// Four doubles, i32 and i64 at once, for the kernels of AVX2 and AVX-512. Internal linkage: each of them has its own.
#pragma once

#include <immintrin.h>

#include <xsimd/xsimd.hpp>

#include "ml/features/tick_kernel_inl.hpp"

namespace thintail {
namespace {

struct Avx2Lanes {
  using V = xsimd::batch<double, xsimd::fma3<xsimd::avx2>>;
  using Bits = xsimd::batch<std::int64_t, xsimd::fma3<xsimd::avx2>>;
  using Wide = Avx2Lanes;
  static constexpr unsigned kWidth = 4;
  static V load(const double* from) noexcept { return V::load_aligned(from); }
  static void store(double* to, V value) noexcept { value.store_aligned(to); }
  static V set(double value) noexcept { return V(value); }
  static V min(V a, V b) noexcept { return xsimd::min(a, b); }
  static V max(V a, V b) noexcept { return _mm256_max_pd(a, b); }
  static V sqrt(V value) noexcept { return xsimd::sqrt(value); }
  // Named, since xsimd's own is fused for some architectures only.
  static V fma(V a, V b, V c) noexcept { return _mm256_fmadd_pd(a, b, c); }
  static V where_greater(V a, V b, V yes, V no) noexcept {
    return _mm256_blendv_pd(no, yes, _mm256_cmp_pd(a, b, _CMP_GT_OQ));
  }
  static void split(V x, V& k, V& p) noexcept {
    const V shifted = x + V(kRoundingMagic);
    k = shifted - V(kRoundingMagic);
    p = xsimd::bitwise_cast<V>(Bits(kExponentOfOne) - (xsimd::bitwise_cast<Bits>(shifted) << 52));
  }

  using N = __m128i;
  static N set_n(std::int32_t value) noexcept { return _mm_set1_epi32(value); }
  static N subtract(N a, N b) noexcept { return _mm_sub_epi32(a, b); }
  static N absolute(N a) noexcept { return _mm_abs_epi32(a); }
  static N sign(N a) noexcept { return _mm_sign_epi32(_mm_set1_epi32(1), a); }
  static N clamp_move(N a) noexcept {
    return _mm_min_epi32(_mm_max_epi32(a, _mm_set1_epi32(-kMoveMax)), _mm_set1_epi32(kMoveMax));
  }
  static V to_double_n(N a) noexcept { return _mm256_cvtepi32_pd(a); }
  static void gather_window(const WindowState& state, std::uint32_t at, const std::int32_t* ticks, N& x0, N& x1, N& x2,
                            N& spread, N& time) noexcept {
    const auto slot = [&](unsigned i) { return (at - static_cast<std::uint32_t>(ticks[i])) % kWindowRing; };
    const auto mids = [&](std::uint32_t from) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(state.mid + from));
    };
    const std::uint32_t s0 = slot(0);
    const std::uint32_t s1 = slot(1);
    const std::uint32_t s2 = slot(2);
    const std::uint32_t s3 = slot(3);
    const __m128i low01 = _mm_unpacklo_epi32(mids(s0), mids(s1));
    const __m128i low23 = _mm_unpacklo_epi32(mids(s2), mids(s3));
    const __m128i high01 = _mm_unpackhi_epi32(mids(s0), mids(s1));
    const __m128i high23 = _mm_unpackhi_epi32(mids(s2), mids(s3));
    x0 = _mm_unpacklo_epi64(low01, low23);
    x1 = _mm_unpackhi_epi64(low01, low23);
    x2 = _mm_unpacklo_epi64(high01, high23);
    const auto points = [&](std::uint32_t of) { return state.spread_points[of]; };
    const auto stamp = [&](std::uint32_t of) { return static_cast<std::int32_t>(state.time[(of + 1) % kWindowRing]); };
    spread = _mm_set_epi32(points(s3), points(s2), points(s1), points(s0));
    time = _mm_set_epi32(stamp(s3), stamp(s2), stamp(s1), stamp(s0));
  }

  using I = __m256i;
  static I load_i(const std::int64_t* from) noexcept {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static void store_i(std::int64_t* to, I value) noexcept { _mm256_store_si256(reinterpret_cast<__m256i*>(to), value); }
  static I widen(N a) noexcept { return _mm256_cvtepi32_epi64(a); }
  static I multiply(N a, N b) noexcept { return _mm256_mul_epi32(widen(a), widen(b)); }
  static I add_i(I a, I b) noexcept { return _mm256_add_epi64(a, b); }
  static I subtract_i(I a, I b) noexcept { return _mm256_sub_epi64(a, b); }
  // AVX2 has no such conversion. The upper half with 2^84 + 2^63 and the lower with 2^52 are put together as exponents'
  // fractions; both are exact, so the one sum rounds once, as the instruction of AVX-512 does.
  static V to_double(I a) noexcept {
    const __m256i high_magic = _mm256_castpd_si256(_mm256_set1_pd(0x1p84 + 0x1p63));
    const __m256i low_magic = _mm256_castpd_si256(_mm256_set1_pd(0x1p52));
    const __m256d all_magic = _mm256_set1_pd(0x1p84 + 0x1p63 + 0x1p52);
    const __m256i low = _mm256_blend_epi32(low_magic, a, 0b01010101);
    __m256i high = _mm256_srli_epi64(a, 32);
    high = _mm256_xor_si256(high, high_magic);
    return _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), all_magic), _mm256_castsi256_pd(low));
  }

  static constexpr unsigned kRowWidth = 4;
  static void gather_row(float* to, const double* scratch, const std::uint16_t* sources) noexcept {
    const __m128d low = _mm_loadh_pd(_mm_load_sd(scratch + sources[0]), scratch + sources[1]);
    const __m128d high = _mm_loadh_pd(_mm_load_sd(scratch + sources[2]), scratch + sources[3]);
    _mm_store_ps(to, _mm_add_ps(_mm256_cvtpd_ps(_mm256_set_m128d(high, low)), _mm_setzero_ps()));
  }
};

}  // namespace
}  // namespace thintail
