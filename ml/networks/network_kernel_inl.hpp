// SPDX-License-Identifier: Apache-2.0
// The network kernels' one source, compiled once for each Isa. `Lanes` supplies the vectors.
//   path  hot
//
// Lanes: V, kWidth floats (8 or 16) with set, load, store (neither asks for alignment) and the operations of
// activation_math.hpp, sqrt; min and max give their second operand where one is NaN. Eight, the same with 8 floats: every
// reduction adds lane i mod 8 ascending, then (0+4), (1+5), (2+6), (3+7), then halves again. Lanes has internal linkage,
// and so the kernels have.
#pragma once

#include "ml/networks/activation_math.hpp"
#include "ml/networks/network_kernel.hpp"

namespace thintail {

constexpr float kLowest = -3.402823466e38f;

template <class Lanes, unsigned Vectors>
TT_ALWAYS_INLINE void dense_block(const DenseCall& call, std::uint32_t first) noexcept {
  using V = typename Lanes::V;
  constexpr std::uint32_t kWidth = Lanes::kWidth;
  V sum[kDenseChains][Vectors];
#pragma GCC unroll 8
  for (unsigned v = 0; v < Vectors; ++v) {
    sum[0][v] = Lanes::load(call.base + first + v * kWidth);
#pragma GCC unroll 4
    for (unsigned c = 1; c < kDenseChains; ++c) sum[c][v] = Lanes::set(0.0f);
  }
  const float* column = call.columns + first;
  std::uint32_t i = 0;
  for (; i + kDenseChains <= call.inputs; i += kDenseChains) {
#pragma GCC unroll 4
    for (unsigned c = 0; c < kDenseChains; ++c) {
      const V x = Lanes::set(call.x[i + c]);
#pragma GCC unroll 8
      for (unsigned v = 0; v < Vectors; ++v) sum[c][v] = Lanes::fma(Lanes::load(column + v * kWidth), x, sum[c][v]);
      column += call.stride;
    }
  }
#pragma GCC unroll 3
  for (unsigned c = 0; c + 1 < kDenseChains; ++c) {
    if (i + c >= call.inputs) break;
    const V x = Lanes::set(call.x[i + c]);
#pragma GCC unroll 8
    for (unsigned v = 0; v < Vectors; ++v) sum[c][v] = Lanes::fma(Lanes::load(column + v * kWidth), x, sum[c][v]);
    column += call.stride;
  }
#pragma GCC unroll 8
  for (unsigned v = 0; v < Vectors; ++v) {
    Lanes::store(call.y + first + v * kWidth,
                 Lanes::add(Lanes::add(sum[0][v], sum[1][v]), Lanes::add(sum[2][v], sum[3][v])));
  }
}

template <class Lanes>
TT_ALWAYS_INLINE void dense_kernel(const DenseCall& call) noexcept {
  // As many vectors at once as registers hold four sums of.
  constexpr std::uint32_t kBlock = Lanes::kWidth * Lanes::kBlockVectors;
  std::uint32_t first = 0;
  for (; first + kBlock <= call.outputs; first += kBlock) dense_block<Lanes, Lanes::kBlockVectors>(call, first);
  for (; first < call.outputs; first += Lanes::kWidth) dense_block<Lanes, 1>(call, first);
}

template <class Lanes>
TT_ALWAYS_INLINE void take_input_kernel(const float* from, std::uint32_t count, float* to) noexcept {
  for (std::uint32_t i = 0; i < count; ++i) {
    const float x = from[i];
    // Written so that NaN fails both tests.
    to[i] = x >= -kNetworkInputMax ? (x <= kNetworkInputMax ? x : kNetworkInputMax)
                                   : (x < -kNetworkInputMax ? -kNetworkInputMax : 0.0f);
  }
  for (std::uint32_t i = count, end = padded_lanes(count); i < end; ++i) to[i] = 0.0f;
}

template <class Lanes, class Function>
TT_ALWAYS_INLINE void each(float* y, std::uint32_t count, Function&& function) noexcept {
  for (std::uint32_t i = 0; i < count; i += Lanes::kWidth) Lanes::store(y + i, function(Lanes::load(y + i)));
}

// Shifted by the largest, so that nothing overflows. The lanes past `count` join as e^-87.
template <class Eight>
TT_ALWAYS_INLINE void softmax_kernel(float* y, std::uint32_t count) noexcept {
  const std::uint32_t end = (count + 7) / 8 * 8;
  for (std::uint32_t i = count; i < end; ++i) y[i] = kLowest;
  auto largest = Eight::set(kLowest);
  for (std::uint32_t i = 0; i < end; i += 8) largest = Eight::max(Eight::load(y + i), largest);
  const auto top = Eight::set(Eight::max_of(largest));
  auto sum = Eight::set(0.0f);
  for (std::uint32_t i = 0; i < end; i += 8) {
    const auto e = Exponential<Eight>(Eight::sub(Eight::load(y + i), top)).value();
    Eight::store(y + i, e);
    sum = Eight::add(sum, e);
  }
  const auto total = Eight::set(Eight::sum_of(sum));
  for (std::uint32_t i = 0; i < end; i += 8) Eight::store(y + i, Eight::div(Eight::load(y + i), total));
}

template <class Lanes>
TT_ALWAYS_INLINE void activate_kernel(Activation activation, float* y, std::uint32_t count) noexcept {
  using V = typename Lanes::V;
  switch (activation) {
    case Activation::linear: return;
    case Activation::tanh: return each<Lanes>(y, count, [](V x) noexcept { return tanh_of<Lanes>(x); });
    case Activation::relu: return each<Lanes>(y, count, [](V x) noexcept { return Lanes::max(x, Lanes::set(0.0f)); });
    case Activation::elu: return each<Lanes>(y, count, [](V x) noexcept { return elu_of<Lanes>(x); });
    case Activation::sigmoid: return each<Lanes>(y, count, [](V x) noexcept { return sigmoid_of<Lanes>(x); });
    case Activation::softmax: return softmax_kernel<typename Lanes::Eight>(y, count);
  }
}

template <class Lanes>
TT_ALWAYS_INLINE void lstm_kernel(const float* gates, std::uint32_t width, float* c, float* h) noexcept {
  for (std::uint32_t i = 0; i < width; i += Lanes::kWidth) {
    const auto keep = sigmoid_of<Lanes>(Lanes::load(gates + width + i));
    const auto taken = sigmoid_times_tanh<Lanes>(Lanes::load(gates + i), Lanes::load(gates + 2 * width + i));
    const auto cell = Lanes::fma(keep, Lanes::load(c + i), taken);
    Lanes::store(c + i, cell);
    Lanes::store(h + i, sigmoid_times_tanh<Lanes>(Lanes::load(gates + 3 * width + i), cell));
  }
}

template <class Lanes>
TT_ALWAYS_INLINE void gru_kernel(const float* gates, const float* u, std::uint32_t width, float* h) noexcept {
  for (std::uint32_t i = 0; i < width; i += Lanes::kWidth) {
    const auto reset = sigmoid_of<Lanes>(Lanes::load(gates + width + i));
    const auto keep = sigmoid_of<Lanes>(Lanes::load(gates + 2 * width + i));
    const auto fresh = tanh_of<Lanes>(Lanes::fma(reset, Lanes::load(u + i), Lanes::load(gates + i)));
    Lanes::store(h + i, Lanes::fma(keep, Lanes::sub(Lanes::load(h + i), fresh), fresh));
  }
}

template <class Eight>
TT_ALWAYS_INLINE void layer_norm_kernel(const float* x, std::uint32_t count, float epsilon, const float* gain,
                                        const float* offset, float* y) noexcept {
  const std::uint32_t end = (count + 7) / 8 * 8;
  for (std::uint32_t i = 0; i < count; ++i) y[i] = x[i];
  for (std::uint32_t i = count; i < end; ++i) y[i] = 0.0f;
  auto sum = Eight::set(0.0f);
  for (std::uint32_t i = 0; i < end; i += 8) sum = Eight::add(sum, Eight::load(y + i));
  const auto mean = Eight::set(Eight::sum_of(sum) / static_cast<float>(count));
  for (std::uint32_t i = 0; i < end; i += 8) Eight::store(y + i, Eight::sub(Eight::load(y + i), mean));
  for (std::uint32_t i = count; i < end; ++i) y[i] = 0.0f;
  auto squares = Eight::set(0.0f);
  for (std::uint32_t i = 0; i < end; i += 8) {
    const auto d = Eight::load(y + i);
    squares = Eight::fma(d, d, squares);
  }
  const auto deviation = Eight::sqrt(Eight::set(Eight::sum_of(squares) / static_cast<float>(count) + epsilon));
  for (std::uint32_t i = 0; i < end; i += 8) {
    Eight::store(y + i,
                 Eight::fma(Eight::div(Eight::load(y + i), deviation), Eight::load(gain + i), Eight::load(offset + i)));
  }
}

template <class Lanes>
TT_ALWAYS_INLINE void add_kernel(const float* x, std::uint32_t width, float* y) noexcept {
  for (std::uint32_t i = 0; i < width; i += Lanes::kWidth) {
    Lanes::store(y + i, Lanes::add(Lanes::load(y + i), Lanes::load(x + i)));
  }
}

// 1.5 * 2^23: adding it rounds to an integer, to even, whose two's complement then lies in the low bits.
constexpr float kNetworkRounding = 0x1.8p23f;

// The steps of x as a float that kNetworkRounding was added to.
template <class Lanes>
TT_ALWAYS_INLINE typename Lanes::V steps_of(const float* x, const float* centre, const float* per_unit) noexcept {
  const auto steps = Lanes::mul(Lanes::sub(Lanes::load(x), Lanes::load(centre)), Lanes::load(per_unit));
  const auto held = Lanes::min(Lanes::max(steps, Lanes::set(-kQuantizedMax)), Lanes::set(kQuantizedMax));
  return Lanes::add(held, Lanes::set(kNetworkRounding));
}

// The members of a table, bound to one Lanes that also has quantize and quantized.
template <class Lanes>
struct KernelsOf {
  using Eight = typename Lanes::Eight;
  static void take_input(const float* from, std::uint32_t count, float* to) noexcept {
    take_input_kernel<Lanes>(from, count, to);
  }
  static void dense(const DenseCall& call) noexcept { dense_kernel<Lanes>(call); }
  static void activate(Activation activation, float* y, std::uint32_t count) noexcept {
    activate_kernel<Lanes>(activation, y, count);
  }
  static void lstm(const float* gates, std::uint32_t width, float* c, float* h) noexcept {
    lstm_kernel<Lanes>(gates, width, c, h);
  }
  static void gru(const float* gates, const float* u, std::uint32_t width, float* h) noexcept {
    gru_kernel<Lanes>(gates, u, width, h);
  }
  static void layer_norm(const float* x, std::uint32_t count, float epsilon, const float* gain, const float* offset,
                         float* y) noexcept {
    layer_norm_kernel<Eight>(x, count, epsilon, gain, offset, y);
  }
  static void add(const float* x, std::uint32_t width, float* y) noexcept { add_kernel<Lanes>(x, width, y); }

  static constexpr NetworkKernels table(decltype(NetworkKernels::quantize) quantize,
                                        decltype(NetworkKernels::quantized) quantized) noexcept {
    return {&take_input, &dense, &activate, &lstm,     &gru,
            &layer_norm, &add,   quantize,  quantized, QuantizedLayout::pairs_i16};
  }
};

}  // namespace thintail
