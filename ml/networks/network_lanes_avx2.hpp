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
  static constexpr unsigned kFloatPanel = 1;  // two registers of outputs by four chains
  TT_ALWAYS_INLINE static V set(float value) noexcept { return _mm256_set1_ps(value); }
  TT_ALWAYS_INLINE static V load(const float* from) noexcept { return _mm256_loadu_ps(from); }
  TT_ALWAYS_INLINE static void store(float* to, V value) noexcept { _mm256_storeu_ps(to, value); }
  TT_ALWAYS_INLINE static V add(V a, V b) noexcept { return _mm256_add_ps(a, b); }
  TT_ALWAYS_INLINE static V sub(V a, V b) noexcept { return _mm256_sub_ps(a, b); }
  TT_ALWAYS_INLINE static V mul(V a, V b) noexcept { return _mm256_mul_ps(a, b); }
  TT_ALWAYS_INLINE static V div(V a, V b) noexcept { return _mm256_div_ps(a, b); }
  TT_ALWAYS_INLINE static V fma(V a, V b, V c) noexcept { return _mm256_fmadd_ps(a, b, c); }
  TT_ALWAYS_INLINE static V fms(V a, V b, V c) noexcept { return _mm256_fmsub_ps(a, b, c); }
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
  TT_ALWAYS_INLINE static V eighths(V t) noexcept {
    const __m256i bits = _mm256_castps_si256(t);
    const __m256i table = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kEighths));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_permutevar8x32_epi32(table, bits), _mm256_slli_epi32(bits, 20)));
  }
  TT_ALWAYS_INLINE static V from_integers(V a) noexcept { return _mm256_cvtepi32_ps(_mm256_castps_si256(a)); }
  TT_ALWAYS_INLINE static V number_or_zero(V a, V b) noexcept {
    return _mm256_and_ps(b, _mm256_cmp_ps(a, a, _CMP_ORD_Q));
  }
  TT_ALWAYS_INLINE static V canonical(V a) noexcept {
    const V nan = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000));
    return _mm256_blendv_ps(_mm256_add_ps(a, _mm256_setzero_ps()), nan, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  }
  TT_ALWAYS_INLINE static __m256i lanes_from(std::uint32_t first) noexcept {
    return _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(first)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  TT_ALWAYS_INLINE static V below(V a, std::uint32_t first, std::uint32_t count) noexcept {
    const __m256i is_below = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes_from(first));
    return _mm256_and_ps(a, _mm256_castsi256_ps(is_below));
  }
  TT_ALWAYS_INLINE static V with_lane(V a, std::uint32_t first, std::uint32_t at, V other) noexcept {
    const __m256i is_it = _mm256_cmpeq_epi32(_mm256_set1_epi32(static_cast<int>(at)), lanes_from(first));
    return _mm256_blendv_ps(a, other, _mm256_castsi256_ps(is_it));
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

TT_ALWAYS_INLINE __m256i widened(const std::int8_t* weights) noexcept {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)));
}
TT_ALWAYS_INLINE __m256i widened(const std::int16_t* weights) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
}

// Pairs of i16 by `madd`, which is exact; `maddubs` would saturate.
template <class Integer>
struct Avx2Product {
  using Lanes = Avx2Floats;
  using Weight = Integer;
  static constexpr unsigned kPanel = 4;
  static constexpr unsigned kTogether = 2;
  static constexpr bool kQuick = true;
  static constexpr float kMost = sizeof(Integer) == 1 ? kInt8Max : kInt16Max;

  TT_ALWAYS_INLINE static void take(const MatrixCall& call) noexcept {
    const StepsOf<Avx2Floats> in_steps(call, kMost);
    auto* to = static_cast<std::int16_t*>(call.steps);
    const __m256i magic = _mm256_castps_si256(_mm256_set1_ps(kNetworkRounding));
    for (std::uint32_t i = 0, end = call.inputs; i < end; i += 8) {
      const __m256i steps = _mm256_sub_epi32(_mm256_castps_si256(in_steps.at(i)), magic);
      const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(steps), _mm256_extracti128_si256(steps, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), narrow);
    }
  }

  template <unsigned Blocks>
  TT_ALWAYS_INLINE static void raw(const MatrixCall& call, const Integer* weights, std::size_t block,
                                   __m256* y) noexcept {
    constexpr unsigned kVectors = 2 * Blocks;
    constexpr unsigned kChains = Blocks >= 3 ? 1 : Blocks == 2 ? 2 : 4;  // eight sums at once
    __m256i sum[kChains][kVectors];
#pragma GCC unroll 8
    for (unsigned v = 0; v < kVectors; ++v) {
      sum[0][v] =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(call.start + block * kNetworkLanes + std::size_t{8} * v));
#pragma GCC unroll 4
      for (unsigned c = 1; c < kChains; ++c) sum[c][v] = _mm256_setzero_si256();
    }
    const auto* x = static_cast<const std::int16_t*>(call.steps);
    const auto step = [&](std::uint32_t i, __m256i(&of)[kVectors]) noexcept {
      int pair;
      __builtin_memcpy(&pair, x + i, sizeof pair);
      const __m256i both = _mm256_set1_epi32(pair);
#pragma GCC unroll 8
      for (unsigned v = 0; v < kVectors; ++v) {
        of[v] = _mm256_add_epi32(of[v], _mm256_madd_epi16(widened(weights + std::size_t{16} * v), both));
      }
      weights += std::size_t{16} * kVectors;
    };
    std::uint32_t i = 0;
    for (; i + 2 * kChains <= call.inputs; i += 2 * kChains) {
#pragma GCC unroll 4
      for (unsigned c = 0; c < kChains; ++c) step(i + 2 * c, sum[c]);
    }
    for (; i < call.inputs; i += 2) step(i, sum[0]);
#pragma GCC unroll 8
    for (unsigned v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
      for (unsigned c = 1; c < kChains; ++c) sum[0][v] = _mm256_add_epi32(sum[0][v], sum[c][v]);
      y[v] = _mm256_castsi256_ps(sum[0][v]);
    }
  }
};

}  // namespace
}  // namespace thintail
