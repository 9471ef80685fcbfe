// SPDX-License-Identifier: Apache-2.0
// Eight floats in an AVX2 register, for the AVX2 kernels and for the reductions of the AVX-512 ones. In an unnamed
// namespace, so that each kernel has its own copy, compiled for its own Isa.
//   path  hot
#pragma once

#include <immintrin.h>

#include "ml/networks/network_kernel_inl.hpp"

namespace thintail {
namespace {

struct Avx2Floats {
  using V = __m256;
  using Eight = Avx2Floats;
  static constexpr std::uint32_t kWidth = 8;
  static constexpr unsigned kBlockVectors = 2;
  TT_ALWAYS_INLINE static V set(float value) noexcept { return _mm256_set1_ps(value); }
  TT_ALWAYS_INLINE static V load(const float* from) noexcept { return _mm256_loadu_ps(from); }
  TT_ALWAYS_INLINE static void store(float* to, V value) noexcept { _mm256_storeu_ps(to, value); }
  TT_ALWAYS_INLINE static V add(V a, V b) noexcept { return _mm256_add_ps(a, b); }
  TT_ALWAYS_INLINE static V sub(V a, V b) noexcept { return _mm256_sub_ps(a, b); }
  TT_ALWAYS_INLINE static V mul(V a, V b) noexcept { return _mm256_mul_ps(a, b); }
  TT_ALWAYS_INLINE static V div(V a, V b) noexcept { return _mm256_div_ps(a, b); }
  TT_ALWAYS_INLINE static V fma(V a, V b, V c) noexcept { return _mm256_fmadd_ps(a, b, c); }
  TT_ALWAYS_INLINE static V min(V a, V b) noexcept { return _mm256_min_ps(a, b); }
  TT_ALWAYS_INLINE static V max(V a, V b) noexcept { return _mm256_max_ps(a, b); }
  TT_ALWAYS_INLINE static V sqrt(V a) noexcept { return _mm256_sqrt_ps(a); }
  TT_ALWAYS_INLINE static V abs(V a) noexcept { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  TT_ALWAYS_INLINE static V with_sign(V size, V sign) noexcept {
    return _mm256_or_ps(size, _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
  }
  TT_ALWAYS_INLINE static void split(V t, V& k, V& power) noexcept {
    const V shifted = _mm256_add_ps(t, _mm256_set1_ps(kNetworkRounding));
    k = _mm256_sub_ps(shifted, _mm256_set1_ps(kNetworkRounding));
    power = _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23), _mm256_set1_epi32(0x3f800000)));
  }
  TT_ALWAYS_INLINE static float sum_of(V a) noexcept {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  TT_ALWAYS_INLINE static float max_of(V a) noexcept {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
};

// Eight steps at a time, as i16.
TT_ALWAYS_INLINE void quantize_avx2(const float* x, std::uint32_t count, const float* centre, const float* per_unit,
                                    void* q) noexcept {
  auto* to = static_cast<std::int16_t*>(q);
  const __m256i magic = _mm256_castps_si256(_mm256_set1_ps(kNetworkRounding));
  for (std::uint32_t i = 0; i < count; i += 8) {
    const __m256i steps =
        _mm256_sub_epi32(_mm256_castps_si256(steps_of<Avx2Floats>(x + i, centre + i, per_unit + i)), magic);
    const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(steps), _mm256_extracti128_si256(steps, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), narrow);
  }
}

template <unsigned Vectors>
TT_ALWAYS_INLINE void quantized_block_avx2(const QuantizedCall& call, std::uint32_t first) noexcept {
  __m256i sum[Vectors];
#pragma GCC unroll 8
  for (unsigned v = 0; v < Vectors; ++v) {
    sum[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(call.start + first + 8 * v));
  }
  const std::int8_t* weights = call.weights + std::size_t{2} * first;
  const auto* x = static_cast<const std::int16_t*>(call.x);
  for (std::uint32_t i = 0; i < call.inputs; i += 2, weights += std::size_t{2} * call.outputs) {
    int pair;
    __builtin_memcpy(&pair, x + i, sizeof pair);
    const __m256i both = _mm256_set1_epi32(pair);
#pragma GCC unroll 8
    for (unsigned v = 0; v < Vectors; ++v) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights + 16 * v));
      sum[v] = _mm256_add_epi32(sum[v], _mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes), both));
    }
  }
#pragma GCC unroll 8
  for (unsigned v = 0; v < Vectors; ++v) {
    const std::uint32_t at = first + 8 * v;
    _mm256_storeu_ps(call.y + at, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[v]), _mm256_loadu_ps(call.scale + at),
                                                  _mm256_loadu_ps(call.base + at)));
  }
}

TT_ALWAYS_INLINE void quantized_avx2(const QuantizedCall& call) noexcept {
  std::uint32_t first = 0;
  for (; first + 64 <= call.outputs; first += 64) quantized_block_avx2<8>(call, first);
  for (; first < call.outputs; first += 16) quantized_block_avx2<2>(call, first);
}

}  // namespace
}  // namespace thintail
