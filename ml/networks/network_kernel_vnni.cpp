// SPDX-License-Identifier: Apache-2.0
// The integer forms in AVX-512 VNNI: four u8 by i8 products, or two of i16, and their sum in one instruction. int8 steps are
// stored plus 128; what that adds to each sum is constant and already taken off in `start`.
#include "ml/networks/network_lanes_avx512.hpp"

namespace thintail {
namespace {

template <class Integer>
struct VnniProduct {
  using Lanes = Avx512Floats;
  using Weight = Integer;
  static constexpr bool kIsInt8 = sizeof(Integer) == 1;
  static constexpr unsigned kPanel = 8;
  static constexpr unsigned kTogether = kIsInt8 ? 4 : 2;
  static constexpr bool kQuick = true;
  static constexpr float kMost = kIsInt8 ? kInt8Max : kInt16Max;

  TT_ALWAYS_INLINE static void take(const MatrixCall& call) noexcept {
    const StepsOf<Avx512Floats> steps(call, kMost, kIsInt8 ? 128.0f : 0.0f);
    auto* const to = static_cast<char*>(call.steps);
    for (std::uint32_t i = 0, end = call.inputs; i < end; i += 16) {
      const __m512i bits = _mm512_castps_si512(steps.at(i));
      if constexpr (kIsInt8) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm512_cvtepi32_epi8(bits));
      } else {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + std::size_t{2} * i), _mm512_cvtepi32_epi16(bits));
      }
    }
  }

  TT_ALWAYS_INLINE static __m512i multiplied(__m512i sum, __m512i x, __m512i weights) noexcept {
    return kIsInt8 ? _mm512_dpbusd_epi32(sum, x, weights) : _mm512_dpwssd_epi32(sum, x, weights);
  }

  template <unsigned Blocks>
  TT_ALWAYS_INLINE static void raw(const MatrixCall& call, const Integer* weights, std::size_t block,
                                   __m512* y) noexcept {
    // An instruction takes four cycles and two begin in each: at least eight sums at once.
    constexpr unsigned kChains = Blocks > 4 ? 2 : 4;
    __m512i sum[kChains][Blocks];
#pragma GCC unroll 8
    for (unsigned b = 0; b < Blocks; ++b) {
      sum[0][b] = _mm512_loadu_si512(call.start + (block + b) * kNetworkLanes);
#pragma GCC unroll 4
      for (unsigned c = 1; c < kChains; ++c) sum[c][b] = _mm512_setzero_si512();
    }
    const auto* x = static_cast<const char*>(call.steps);
    const auto* column = reinterpret_cast<const char*>(weights);
    const auto step = [&](std::uint32_t group, __m512i(&of)[Blocks]) noexcept {
      int together;
      __builtin_memcpy(&together, x + std::size_t{4} * group, sizeof together);
      const __m512i all = _mm512_set1_epi32(together);
#pragma GCC unroll 8
      for (unsigned b = 0; b < Blocks; ++b) of[b] = multiplied(of[b], all, _mm512_loadu_si512(column + 64 * b));
      column += std::size_t{64} * Blocks;
    };
    const std::uint32_t groups = (call.inputs + kTogether - 1) / kTogether;
    std::uint32_t group = 0;
    for (; group + kChains <= groups; group += kChains) {
#pragma GCC unroll 4
      for (unsigned c = 0; c < kChains; ++c) step(group + c, sum[c]);
    }
    for (; group < groups; ++group) step(group, sum[0]);
#pragma GCC unroll 8
    for (unsigned b = 0; b < Blocks; ++b) {
#pragma GCC unroll 4
      for (unsigned c = 1; c < kChains; ++c) sum[0][b] = _mm512_add_epi32(sum[0][b], sum[c][b]);
      y[b] = _mm512_castsi512_ps(sum[0][b]);
    }
  }
};

// The sums of four rows, so that a panel is read once for them.
template <class Integer>
struct VnniRows {
  using Product = VnniProduct<Integer>;
  static constexpr unsigned kRows = kWindowRowsAtOnce;

  // `Blocks` of a panel of `Wide`.
  template <unsigned Blocks, unsigned Wide = Blocks>
  TT_ALWAYS_INLINE static void panel(const MatrixCall& call, const char* column, std::size_t block,
                                     std::size_t steps_stride, std::size_t y_stride) noexcept {
    __m512i sum[kRows][Blocks];
#pragma GCC unroll 4
    for (unsigned b = 0; b < Blocks; ++b) {
#pragma GCC unroll 4
      for (unsigned r = 0; r < kRows; ++r) sum[r][b] = _mm512_loadu_si512(call.start + (block + b) * kNetworkLanes);
    }
    const auto* x = static_cast<const char*>(call.steps);
    const std::uint32_t groups = (call.inputs + Product::kTogether - 1) / Product::kTogether;
    for (std::uint32_t group = 0; group < groups; ++group, x += 4, column += std::size_t{64} * Wide) {
      __m512i weights[Blocks];
#pragma GCC unroll 4
      for (unsigned b = 0; b < Blocks; ++b) weights[b] = _mm512_loadu_si512(column + 64 * b);
#pragma GCC unroll 4
      for (unsigned r = 0; r < kRows; ++r) {
        int together;
        __builtin_memcpy(&together, x + r * steps_stride, sizeof together);
        const __m512i all = _mm512_set1_epi32(together);
#pragma GCC unroll 4
        for (unsigned b = 0; b < Blocks; ++b) sum[r][b] = Product::multiplied(sum[r][b], all, weights[b]);
      }
    }
#pragma GCC unroll 4
    for (unsigned r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (unsigned b = 0; b < Blocks; ++b) {
        _mm512_storeu_si512(call.y + r * y_stride + (block + b) * kNetworkLanes, sum[r][b]);
      }
    }
  }

  static void sums(const MatrixCall& call, std::size_t x_stride, std::size_t y_stride) noexcept {
    const std::size_t steps_stride = std::size_t{padded_lanes(call.inputs)} * sizeof(Integer);
    for (unsigned r = 0; r < kRows; ++r) {
      MatrixCall one = call;
      one.x += r * x_stride;
      one.steps = static_cast<char*>(call.steps) + r * steps_stride;
      Product::take(one);
    }
    const auto* column = static_cast<const char*>(call.weights);
    const std::size_t block_bytes = panel_weights<Product, 1>(call.inputs) * sizeof(Integer);
    // In halves of the panels of eight blocks that the weights lie in.
    std::size_t block = 0;
    for (; block + 8 <= call.units; block += 8, column += 8 * block_bytes) {
      panel<4, 8>(call, column, block, steps_stride, y_stride);
      panel<4, 8>(call, column + 256, block + 4, steps_stride, y_stride);
    }
    for (; block + 4 <= call.units; block += 4, column += 4 * block_bytes)
      panel<4>(call, column, block, steps_stride, y_stride);
    for (; block + 2 <= call.units; block += 2, column += 2 * block_bytes)
      panel<2>(call, column, block, steps_stride, y_stride);
    for (; block < call.units; ++block, column += block_bytes) panel<1>(call, column, block, steps_stride, y_stride);
  }
};

template <class Integer>
constexpr MatrixKernels vnni_table(std::int32_t inputs_offset) noexcept {
  MatrixKernels out = IntegerFormOf<VnniProduct<Integer>>::table(inputs_offset);
  out.sums = &VnniRows<Integer>::sums;
  out.rows_at_once = VnniRows<Integer>::kRows;
  return out;
}

}  // namespace

constexpr MatrixKernels kVnniInt8Kernels = vnni_table<std::int8_t>(128);
constexpr MatrixKernels kVnniInt16Kernels = vnni_table<std::int16_t>(0);

}  // namespace thintail
