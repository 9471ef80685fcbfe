// SPDX-License-Identifier: Apache-2.0
// The integer kernels in AVX-512 VNNI: four u8 by i8 products and their sum in one instruction. Steps are stored plus 128;
// what that adds to each sum is constant and already taken off in `start`.
#include <immintrin.h>

#include "ml/networks/network_kernel.hpp"

namespace thintail {
namespace {

constexpr float kRounding = 0x1.8p23f;

template <unsigned Vectors>
[[gnu::always_inline]] inline void block(const QuantizedCall& call, std::uint32_t first) noexcept {
  __m512i sum[Vectors];
#pragma GCC unroll 16
  for (unsigned v = 0; v < Vectors; ++v) sum[v] = _mm512_loadu_si512(call.start + first + 16 * v);
  const std::int8_t* weights = call.weights + std::size_t{4} * first;
  const auto* x = static_cast<const std::uint8_t*>(call.x);
  for (std::uint32_t i = 0; i < call.inputs; i += 4, weights += std::size_t{4} * call.outputs) {
    int quad;
    __builtin_memcpy(&quad, x + i, sizeof quad);
    const __m512i all = _mm512_set1_epi32(quad);
#pragma GCC unroll 16
    for (unsigned v = 0; v < Vectors; ++v) {
      sum[v] = _mm512_dpbusd_epi32(sum[v], all, _mm512_loadu_si512(weights + 64 * v));
    }
  }
#pragma GCC unroll 16
  for (unsigned v = 0; v < Vectors; ++v) {
    const std::uint32_t at = first + 16 * v;
    _mm512_storeu_ps(call.y + at, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[v]), _mm512_loadu_ps(call.scale + at),
                                                  _mm512_loadu_ps(call.base + at)));
  }
}

}  // namespace

void quantize_vnni(const float* x, std::uint32_t count, const float* centre, const float* per_unit, void* q) noexcept {
  auto* to = static_cast<std::uint8_t*>(q);
  const __m512 bound = _mm512_set1_ps(kQuantizedMax);
  for (std::uint32_t i = 0; i < count; i += 16) {
    const __m512 moved = _mm512_sub_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(centre + i));
    const __m512 steps = _mm512_mul_ps(moved, _mm512_loadu_ps(per_unit + i));
    const __m512 held = _mm512_min_ps(_mm512_max_ps(steps, _mm512_sub_ps(_mm512_setzero_ps(), bound)), bound);
    const __m512i bits = _mm512_castps_si512(_mm512_add_ps(held, _mm512_set1_ps(kRounding)));
    const __m128i bytes = _mm_xor_si128(_mm512_cvtepi32_epi8(bits), _mm_set1_epi8(static_cast<char>(0x80)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), bytes);
  }
}

void quantized_vnni(const QuantizedCall& call) noexcept {
  std::uint32_t first = 0;
  for (; first + 256 <= call.outputs; first += 256) block<16>(call, first);
  for (; first + 128 <= call.outputs; first += 128) block<8>(call, first);
  for (; first + 64 <= call.outputs; first += 64) block<4>(call, first);
  for (; first < call.outputs; first += 16) block<1>(call, first);
}

}  // namespace thintail
