// SPDX-License-Identifier: Apache-2.0
// The network kernels on sixteen floats at once (compiled with -march=x86-64-v4); reductions stay at eight, as everywhere,
// and so do integers, which VNNI computes where a CPU has it.
#include "ml/networks/network_lanes_avx2.hpp"

namespace thintail {
namespace {

struct Avx512Floats {
  using V = __m512;
  using Eight = Avx2Floats;
  static constexpr std::uint32_t kWidth = 16;
  static constexpr unsigned kBlockVectors = 4;
  TT_ALWAYS_INLINE static V set(float value) noexcept { return _mm512_set1_ps(value); }
  TT_ALWAYS_INLINE static V load(const float* from) noexcept { return _mm512_loadu_ps(from); }
  TT_ALWAYS_INLINE static void store(float* to, V value) noexcept { _mm512_storeu_ps(to, value); }
  TT_ALWAYS_INLINE static V add(V a, V b) noexcept { return _mm512_add_ps(a, b); }
  TT_ALWAYS_INLINE static V sub(V a, V b) noexcept { return _mm512_sub_ps(a, b); }
  TT_ALWAYS_INLINE static V mul(V a, V b) noexcept { return _mm512_mul_ps(a, b); }
  TT_ALWAYS_INLINE static V div(V a, V b) noexcept { return _mm512_div_ps(a, b); }
  TT_ALWAYS_INLINE static V fma(V a, V b, V c) noexcept { return _mm512_fmadd_ps(a, b, c); }
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
};

void quantize(const float* x, std::uint32_t count, const float* centre, const float* per_unit, void* q) noexcept {
  quantize_avx2(x, count, centre, per_unit, q);
}
void quantized(const QuantizedCall& call) noexcept { quantized_avx2(call); }

}  // namespace

constexpr NetworkKernels kAvx512NetworkKernels = KernelsOf<Avx512Floats>::table(&quantize, &quantized);

}  // namespace thintail
