// SPDX-License-Identifier: Apache-2.0
// Sixteen floats in an AVX-512 register; reductions stay at eight, as everywhere. In an unnamed namespace, as the AVX2
// lanes.
//   path  hot
#pragma once

#include "ml/networks/network_lanes_avx2.hpp"

#ifdef __AVX512F__
namespace thintail {
namespace {

struct Avx512Floats {
  using V = __m512;
  using Eight = Avx2Floats;
  static constexpr std::uint32_t kWidth = 16;
  static constexpr unsigned kFloatPanel = 4;  // by four chains
  TT_ALWAYS_INLINE static V set(float value) noexcept { return _mm512_set1_ps(value); }
  TT_ALWAYS_INLINE static V load(const float* from) noexcept { return _mm512_loadu_ps(from); }
  TT_ALWAYS_INLINE static void store(float* to, V value) noexcept { _mm512_storeu_ps(to, value); }
  TT_ALWAYS_INLINE static V add(V a, V b) noexcept { return _mm512_add_ps(a, b); }
  TT_ALWAYS_INLINE static V sub(V a, V b) noexcept { return _mm512_sub_ps(a, b); }
  TT_ALWAYS_INLINE static V mul(V a, V b) noexcept { return _mm512_mul_ps(a, b); }
  TT_ALWAYS_INLINE static V div(V a, V b) noexcept { return _mm512_div_ps(a, b); }
  TT_ALWAYS_INLINE static V fma(V a, V b, V c) noexcept { return _mm512_fmadd_ps(a, b, c); }
  TT_ALWAYS_INLINE static V fms(V a, V b, V c) noexcept { return _mm512_fmsub_ps(a, b, c); }
  TT_ALWAYS_INLINE static V min(V a, V b) noexcept { return _mm512_min_ps(a, b); }
  TT_ALWAYS_INLINE static V max(V a, V b) noexcept { return _mm512_max_ps(a, b); }
  TT_ALWAYS_INLINE static V abs(V a) noexcept { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
  TT_ALWAYS_INLINE static V with_sign(V size, V sign) noexcept {
    return _mm512_or_ps(size, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign));
  }
  TT_ALWAYS_INLINE static void split(V t, V& k, V& power) noexcept {
    const V shifted = _mm512_add_ps(t, _mm512_set1_ps(kNetworkRounding));
    k = _mm512_sub_ps(shifted, _mm512_set1_ps(kNetworkRounding));
    power = _mm512_castsi512_ps(
        _mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(shifted), 23), _mm512_set1_epi32(0x3f800000)));
  }
  // Permutes by the low four bits, hence twice the eight.
  TT_ALWAYS_INLINE static V eighths(V t) noexcept {
    const __m512i bits = _mm512_castps_si512(t);
    const __m512i table = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(kEighths)));
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_permutexvar_epi32(bits, table), _mm512_slli_epi32(bits, 20)));
  }
  TT_ALWAYS_INLINE static V from_integers(V a) noexcept { return _mm512_cvtepi32_ps(_mm512_castps_si512(a)); }
  TT_ALWAYS_INLINE static V number_or_zero(V a, V b) noexcept {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), b);
  }
  TT_ALWAYS_INLINE static V canonical(V a) noexcept {
    const V nan = _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000));
    return _mm512_mask_mov_ps(_mm512_add_ps(a, _mm512_setzero_ps()), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), nan);
  }
  TT_ALWAYS_INLINE static __m512i lanes_from(std::uint32_t first) noexcept {
    return _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)),
                            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  }
  TT_ALWAYS_INLINE static V below(V a, std::uint32_t first, std::uint32_t count) noexcept {
    return _mm512_maskz_mov_ps(_mm512_cmplt_epi32_mask(lanes_from(first), _mm512_set1_epi32(static_cast<int>(count))),
                               a);
  }
  TT_ALWAYS_INLINE static V with_lane(V a, std::uint32_t first, std::uint32_t at, V other) noexcept {
    return _mm512_mask_mov_ps(a, _mm512_cmpeq_epi32_mask(lanes_from(first), _mm512_set1_epi32(static_cast<int>(at))),
                              other);
  }
};

}  // namespace
}  // namespace thintail
#endif  // __AVX512F__
