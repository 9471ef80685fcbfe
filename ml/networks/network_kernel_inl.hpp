// SPDX-License-Identifier: Apache-2.0
// The network kernels' one source, compiled once for each Isa. `Lanes` supplies the vectors, a `Product` the sums of a form.
//   path  hot
//
// Lanes: V, kWidth floats (8 or 16) with set, load, store (neither asks for alignment) and the operations of
// activation_math.hpp, sqrt; min and max give their second operand where one is NaN; number_or_zero and canonical (one NaN,
// one zero); below(v, first, count) and with_lane(v, first, at, other), of lanes numbered from `first`. Eight, the same with
// 8 floats: every reduction adds lane i mod 8 ascending, then (0+4), (1+5), (2+6), (3+7), then halves again.
//
// Product: Lanes, Weight, kPanel blocks at most, kTogether inputs side by side, kQuick where its layers' gates take the
// quick forms; take(call) readies the inputs; sums<Blocks, Gates>(call, weights, block, base, y) gives a panel's outputs.
// The integer ones are made of Integers that have raw<Blocks>(call, weights, block, y) instead: a panel's sums, as bits.
//
// Lanes and products have internal linkage, and so the kernels have.
#pragma once

#include "ml/networks/activation_math.hpp"
#include "ml/networks/network_kernel.hpp"

namespace thintail {

constexpr float kLowest = -3.402823466e38f;

template <class Lanes>
constexpr unsigned kVectorsOf = kNetworkLanes / Lanes::kWidth;  // of one block

// Of block `block` of a layer's preactivations; 3 gates have room for a fourth.
template <unsigned Gates>
constexpr std::size_t base_at(std::size_t block) noexcept {
  return Gates == 3 ? block / 3 * 64 + block % 3 * 16 : block * 16;
}

template <class Product, unsigned Blocks>
TT_ALWAYS_INLINE std::size_t panel_weights(std::uint32_t inputs) noexcept {
  constexpr std::uint32_t kTogether = Product::kTogether;
  return std::size_t{(inputs + kTogether - 1) / kTogether * kTogether} * Blocks * kNetworkLanes;
}

template <class Product, unsigned Gates, unsigned Units, class Use>
TT_ALWAYS_INLINE void panels_of(const MatrixCall& call, const typename Product::Weight* weights, std::uint32_t unit,
                                const Use& use) noexcept {
  using Lanes = typename Product::Lanes;
  constexpr unsigned kBlocks = Units * Gates;
  constexpr unsigned kPanel = kBlocks <= Product::kPanel ? kBlocks : 1;
  constexpr unsigned kVectors = kVectorsOf<Lanes>;
  for (; unit + Units <= call.units; unit += Units) {
    typename Lanes::V y[kBlocks * kVectors];
    const std::size_t first = std::size_t{unit} * Gates;
#pragma GCC unroll 8
    for (unsigned b = 0; b < kBlocks; b += kPanel) {
      Product::template sums<kPanel, Gates>(call, weights, first + b, call.base + base_at<Gates>(first + b),
                                            y + b * kVectors);
      weights += panel_weights<Product, kPanel>(call.inputs);
    }
    use.template operator()<Units>(unit, y);
  }
  if constexpr (Units > 1) panels_of<Product, Gates, Units / 2>(call, weights, unit, use);
}

// use<Units>(unit, y): the outputs of `Units` blocks of units from `unit` on, in blocks of vectors.
template <class Product, unsigned Gates, class Use>
TT_ALWAYS_INLINE void each_panel(const MatrixCall& call, const Use& use) noexcept {
  constexpr unsigned kUnits = panel_units(Gates, Product::kPanel, 64);
  Product::take(call);
  panels_of<Product, Gates, kUnits == 0 ? 1 : kUnits>(call, static_cast<const typename Product::Weight*>(call.weights),
                                                      0, use);
}

// `inputs` columns of Vectors vectors, `stride` apart, times x, in the four chains that MatrixCall states.
template <class Lanes, unsigned Vectors>
TT_ALWAYS_INLINE void chained_sums(const float* column, std::size_t stride, std::uint32_t inputs, const float* x,
                                   typename Lanes::V (&sum)[kDenseChains][Vectors]) noexcept {
  using V = typename Lanes::V;
  constexpr std::uint32_t kWidth = Lanes::kWidth;
  std::uint32_t i = 0;
  for (; i + kDenseChains <= inputs; i += kDenseChains) {
#pragma GCC unroll 4
    for (unsigned c = 0; c < kDenseChains; ++c) {
      const V all = Lanes::set(x[i + c]);
#pragma GCC unroll 8
      for (unsigned v = 0; v < Vectors; ++v) sum[c][v] = Lanes::fma(Lanes::load(column + v * kWidth), all, sum[c][v]);
      column += stride;
    }
  }
#pragma GCC unroll 3
  for (unsigned c = 0; c + 1 < kDenseChains; ++c) {
    if (i + c >= inputs) break;
    const V all = Lanes::set(x[i + c]);
#pragma GCC unroll 8
    for (unsigned v = 0; v < Vectors; ++v) sum[c][v] = Lanes::fma(Lanes::load(column + v * kWidth), all, sum[c][v]);
    column += stride;
  }
#pragma GCC unroll 8
  for (unsigned v = 0; v < Vectors; ++v) {
    sum[0][v] = Lanes::add(Lanes::add(sum[0][v], sum[1][v]), Lanes::add(sum[2][v], sum[3][v]));
  }
}

template <class Of>
struct FloatProduct {
  using Lanes = Of;
  using Weight = float;
  using V = typename Lanes::V;
  static constexpr unsigned kPanel = Lanes::kFloatPanel;
  static constexpr unsigned kTogether = 1;
  static constexpr bool kQuick = false;

  TT_ALWAYS_INLINE static void take(const MatrixCall&) noexcept {}

  template <unsigned Blocks, unsigned Gates>
  TT_ALWAYS_INLINE static void sums(const MatrixCall& call, const float* weights, std::size_t, const float* base,
                                    V* y) noexcept {
    constexpr unsigned kVectors = Blocks * kVectorsOf<Lanes>;
    V sum[kDenseChains][kVectors];
#pragma GCC unroll 8
    for (unsigned v = 0; v < kVectors; ++v) {
      sum[0][v] = Lanes::load(base + base_at<Gates>(v / kVectorsOf<Lanes>) + v % kVectorsOf<Lanes> * Lanes::kWidth);
#pragma GCC unroll 4
      for (unsigned c = 1; c < kDenseChains; ++c) sum[c][v] = Lanes::set(0.0f);
    }
    chained_sums<Lanes, kVectors>(weights, Blocks * kNetworkLanes, call.inputs, call.x, sum);
#pragma GCC unroll 8
    for (unsigned v = 0; v < kVectors; ++v) y[v] = sum[0][v];
  }
};

// base + scale times sums that lie in y as bits.
template <class Lanes, unsigned Blocks, unsigned Gates>
TT_ALWAYS_INLINE void scale_sums(const MatrixCall& call, std::size_t block, const float* base,
                                 typename Lanes::V* y) noexcept {
#pragma GCC unroll 16
  for (unsigned v = 0; v < Blocks * kVectorsOf<Lanes>; ++v) {
    const std::size_t lane = std::size_t{v % kVectorsOf<Lanes>} * Lanes::kWidth;
    const auto scale = Lanes::load(call.scale + (block + v / kVectorsOf<Lanes>)*kNetworkLanes + lane);
    y[v] =
        Lanes::fma(Lanes::from_integers(y[v]), scale, Lanes::load(base + base_at<Gates>(v / kVectorsOf<Lanes>) + lane));
  }
}

template <class Integers>
struct IntegerProduct : Integers {
  template <unsigned Blocks, unsigned Gates>
  TT_ALWAYS_INLINE static void sums(const MatrixCall& call, const typename Integers::Weight* weights, std::size_t block,
                                    const float* base, typename Integers::Lanes::V* y) noexcept {
    Integers::template raw<Blocks>(call, weights, block, y);
    scale_sums<typename Integers::Lanes, Blocks, Gates>(call, block, base, y);
  }
};

// The sums alone.
template <class Integers>
struct RawProduct : Integers {
  template <unsigned Blocks, unsigned Gates>
  TT_ALWAYS_INLINE static void sums(const MatrixCall& call, const typename Integers::Weight* weights, std::size_t block,
                                    const float*, typename Integers::Lanes::V* y) noexcept {
    Integers::template raw<Blocks>(call, weights, block, y);
  }
};

// Sums made before, in the place of weights: one "input".
template <class Integers>
struct StoredProduct {
  using Lanes = typename Integers::Lanes;
  using Weight = float;
  static constexpr unsigned kPanel = Integers::kPanel;
  static constexpr unsigned kTogether = 1;
  static constexpr bool kQuick = true;

  TT_ALWAYS_INLINE static void take(const MatrixCall&) noexcept {}

  template <unsigned Blocks, unsigned Gates>
  TT_ALWAYS_INLINE static void sums(const MatrixCall& call, const float* stored, std::size_t block, const float* base,
                                    typename Lanes::V* y) noexcept {
#pragma GCC unroll 16
    for (unsigned v = 0; v < Blocks * kVectorsOf<Lanes>; ++v)
      y[v] = Lanes::load(stored + std::size_t{v} * Lanes::kWidth);
    scale_sums<Lanes, Blocks, Gates>(call, block, base, y);
  }
};

// The steps of x as floats that kNetworkRounding, and `offset`, were added to. Copies, since a store may be
// to anything.
template <class Lanes>
struct StepsOf {
  using V = typename Lanes::V;
  const float* x;
  const float* centre;
  const float* per_unit;
  V most;
  V least;
  V rounding;

  TT_ALWAYS_INLINE explicit StepsOf(const MatrixCall& call, float steps_max, float offset = 0.0f) noexcept
      : x(call.x),
        centre(call.centre),
        per_unit(call.per_unit),
        most(Lanes::set(steps_max)),
        least(Lanes::set(-steps_max)),
        rounding(Lanes::set(kNetworkRounding + offset)) {}
  TT_ALWAYS_INLINE V at(std::uint32_t i) const noexcept {
    const V steps = Lanes::mul(Lanes::sub(Lanes::load(x + i), Lanes::load(centre + i)), Lanes::load(per_unit + i));
    return Lanes::add(Lanes::min(Lanes::max(steps, least), most), rounding);
  }
};

template <class Product>
TT_ALWAYS_INLINE void apply_kernel(const MatrixCall& call, float least) noexcept {
  using Lanes = typename Product::Lanes;
  const auto floor = Lanes::set(least);
  each_panel<Product, 1>(call, [&]<unsigned Units>(std::uint32_t unit, const typename Lanes::V* y) noexcept {
#pragma GCC unroll 16
    for (unsigned v = 0; v < Units * kVectorsOf<Lanes>; ++v) {
      Lanes::store(call.y + std::size_t{unit} * kNetworkLanes + v * Lanes::kWidth, Lanes::max(floor, y[v]));
    }
  });
}

template <class Product>
TT_ALWAYS_INLINE void apply_gru_kernel(const MatrixCall& call) noexcept {
  using Lanes = typename Product::Lanes;
  constexpr unsigned kVectors = kVectorsOf<Lanes>;
  each_panel<Product, 3>(call, [&]<unsigned Units>(std::uint32_t unit, const typename Lanes::V* y) noexcept {
#pragma GCC unroll 16
    for (unsigned v = 0; v < 3 * Units * kVectors; ++v) {
      Lanes::store(call.y + base_at<3>(std::size_t{unit} * 3 + v / kVectors) + v % kVectors * Lanes::kWidth, y[v]);
    }
  });
}

template <class Product>
TT_ALWAYS_INLINE void lstm_kernel(const MatrixCall& call, float* c, float* h) noexcept {
  using Lanes = typename Product::Lanes;
  constexpr unsigned kVectors = kVectorsOf<Lanes>;
  each_panel<Product, 4>(call, [&]<unsigned Units>(std::uint32_t unit, const typename Lanes::V* y) noexcept {
#pragma GCC unroll 4
    for (unsigned v = 0; v < Units * kVectors; ++v) {
      const std::size_t at = std::size_t{unit} * kNetworkLanes + v * Lanes::kWidth;
      const auto* gate = y + v / kVectors * 4 * kVectors + v % kVectors;
      const auto i = gate[0];
      const auto f = gate[kVectors];
      const auto g = gate[2 * kVectors];
      const auto o = gate[3 * kVectors];
      if constexpr (Product::kQuick) {
        const auto cell = quick_cell<Lanes>(i, f, g, Lanes::load(c + at));
        Lanes::store(c + at, cell);
        Lanes::store(h + at, quick_sigmoid_times_tanh<Lanes>(o, cell));
      } else {
        const auto taken = sigmoid_times_tanh<Lanes>(i, g);
        const auto cell = Lanes::fma(sigmoid_of<Lanes>(f), Lanes::load(c + at), taken);
        Lanes::store(c + at, cell);
        Lanes::store(h + at, sigmoid_times_tanh<Lanes>(o, cell));
      }
    }
  });
}

template <class Product>
TT_ALWAYS_INLINE void gru_kernel(const MatrixCall& call, float* h) noexcept {
  using Lanes = typename Product::Lanes;
  constexpr unsigned kVectors = kVectorsOf<Lanes>;
  each_panel<Product, 3>(call, [&]<unsigned Units>(std::uint32_t unit, const typename Lanes::V* y) noexcept {
#pragma GCC unroll 4
    for (unsigned v = 0; v < Units * kVectors; ++v) {
      const std::size_t block = unit + v / kVectors;
      const std::size_t lane = std::size_t{v % kVectors} * Lanes::kWidth;
      const auto* gate = y + v / kVectors * 3 * kVectors + v % kVectors;
      const auto u = Lanes::load(call.base + block * 64 + 48 + lane);
      const auto past = Lanes::load(h + block * kNetworkLanes + lane);
      auto next = past;
      if constexpr (Product::kQuick) {
        next = quick_gru<Lanes>(gate[0], gate[kVectors], gate[2 * kVectors], u, past);
      } else {
        const auto reset = sigmoid_of<Lanes>(gate[kVectors]);
        const auto keep = sigmoid_of<Lanes>(gate[2 * kVectors]);
        const auto fresh = tanh_of<Lanes>(Lanes::fma(reset, u, gate[0]));
        next = Lanes::fma(keep, Lanes::sub(past, fresh), fresh);
      }
      Lanes::store(h + block * kNetworkLanes + lane, next);
    }
  });
}

// use(i, v) for each vector of `count` floats and the zeros that fill the last one up.
template <class Lanes, class Use>
TT_ALWAYS_INLINE void each_padded(const float* from, std::uint32_t count, std::uint32_t end, const Use& use) noexcept {
  std::uint32_t i = 0;
  for (; i + Lanes::kWidth <= count; i += Lanes::kWidth) use(i, Lanes::load(from + i));
  for (; i < end; i += Lanes::kWidth) {
    float last[Lanes::kWidth] = {};
    for (std::uint32_t lane = 0; i + lane < count; ++lane) last[lane] = from[i + lane];
    use(i, Lanes::load(last));
  }
}

template <class Lanes>
TT_ALWAYS_INLINE void take_input_kernel(const float* from, std::uint32_t count, float* to) noexcept {
  using V = typename Lanes::V;
  each_padded<Lanes>(from, count, padded_lanes(count), [&](std::uint32_t i, V x) noexcept {
    const V held = Lanes::min(Lanes::max(x, Lanes::set(-kNetworkInputMax)), Lanes::set(kNetworkInputMax));
    Lanes::store(to + i, Lanes::number_or_zero(x, held));
  });
}

template <class Lanes>
TT_ALWAYS_INLINE void give_output_kernel(const float* from, std::uint32_t count, float* to) noexcept {
  std::uint32_t i = 0;
  for (; i + Lanes::kWidth <= count; i += Lanes::kWidth) Lanes::store(to + i, Lanes::canonical(Lanes::load(from + i)));
  if (i == count) return;
  float last[Lanes::kWidth];
  Lanes::store(last, Lanes::canonical(Lanes::load(from + i)));
  for (std::uint32_t lane = 0; i + lane < count; ++lane) to[i + lane] = last[lane];
}

template <class Lanes, class Function>
TT_ALWAYS_INLINE void each(float* y, std::uint32_t count, Function&& function) noexcept {
  for (std::uint32_t i = 0; i < count; i += Lanes::kWidth) Lanes::store(y + i, function(Lanes::load(y + i)));
}

// y = e^(y - the largest), 0 past `count`; their sum. Shifted, so that nothing overflows.
template <class Eight>
TT_ALWAYS_INLINE float softmax_parts(float* y, std::uint32_t count) noexcept {
  const std::uint32_t end = (count + 7) / 8 * 8;
  for (std::uint32_t i = count; i < end; ++i) y[i] = kLowest;
  auto largest = Eight::set(kLowest);
  for (std::uint32_t i = 0; i < end; i += 8) largest = Eight::max(Eight::load(y + i), largest);
  const auto top = Eight::set(Eight::max_of(largest));
  auto sum = Eight::set(0.0f);
  for (std::uint32_t i = 0; i < end; i += 8) {
    const auto e = Eight::below(Exponential<Eight>(Eight::sub(Eight::load(y + i), top)).value(), i, count);
    Eight::store(y + i, e);
    sum = Eight::add(sum, e);
  }
  return Eight::sum_of(sum);
}

template <class Eight>
TT_ALWAYS_INLINE void softmax_kernel(float* y, std::uint32_t count) noexcept {
  const auto total = Eight::set(softmax_parts<Eight>(y, count));
  for (std::uint32_t i = 0; i < count; i += 8) Eight::store(y + i, Eight::div(Eight::load(y + i), total));
}

template <class Lanes>
TT_ALWAYS_INLINE void activate_kernel(Activation activation, float* y, std::uint32_t count) noexcept {
  using V = typename Lanes::V;
  switch (activation) {
    case Activation::linear: return;
    case Activation::tanh: return each<Lanes>(y, count, [](V x) noexcept { return tanh_of<Lanes>(x); });
    case Activation::relu: return each<Lanes>(y, count, [](V x) noexcept { return Lanes::max(Lanes::set(0.0f), x); });
    case Activation::elu: return each<Lanes>(y, count, [](V x) noexcept { return elu_of<Lanes>(x); });
    case Activation::sigmoid: return each<Lanes>(y, count, [](V x) noexcept { return sigmoid_of<Lanes>(x); });
    case Activation::softmax: return softmax_kernel<typename Lanes::Eight>(y, count);
  }
}

template <class Eight>
TT_ALWAYS_INLINE float dot_of(const float* a, const float* b, std::uint32_t count) noexcept {
  auto sum = Eight::set(0.0f);
  std::uint32_t i = 0;
  for (; i + 8 <= count; i += 8) sum = Eight::fma(Eight::load(a + i), Eight::load(b + i), sum);
  if (i < count) {
    float last_a[8] = {};
    float last_b[8] = {};
    for (std::uint32_t lane = 0; i + lane < count; ++lane) {
      last_a[lane] = a[i + lane];
      last_b[lane] = b[i + lane];
    }
    sum = Eight::fma(Eight::load(last_a), Eight::load(last_b), sum);
  }
  return Eight::sum_of(sum);
}

template <class Lanes, unsigned Vectors, class Use>
TT_ALWAYS_INLINE void strided_block(const float* columns, std::size_t stride, std::uint32_t inputs, const float* x,
                                    const Use& use) noexcept {
  typename Lanes::V sum[kDenseChains][Vectors];
#pragma GCC unroll 4
  for (unsigned c = 0; c < kDenseChains; ++c) {
#pragma GCC unroll 4
    for (unsigned v = 0; v < Vectors; ++v) sum[c][v] = Lanes::set(0.0f);
  }
  chained_sums<Lanes, Vectors>(columns, stride, inputs, x, sum);
#pragma GCC unroll 4
  for (unsigned v = 0; v < Vectors; ++v) use(v * Lanes::kWidth, sum[0][v]);
}

// use(j, sums of columns [j, j + kWidth)) for each vector of `outputs` columns.
template <class Lanes, class Use>
TT_ALWAYS_INLINE void strided_sums(const float* columns, std::size_t stride, std::uint32_t inputs,
                                   std::uint32_t outputs, const float* x, const Use& use) noexcept {
  using V = typename Lanes::V;
  constexpr std::uint32_t kWidth = Lanes::kWidth;
  std::uint32_t j = 0;
  if constexpr (Lanes::kWidth == kNetworkLanes) {  // AVX-512 alone has registers for four
    for (; j + 4 * kWidth <= outputs; j += 4 * kWidth)
      strided_block<Lanes, 4>(columns + j, stride, inputs, x,
                              [&](std::uint32_t k, V sum) noexcept { use(j + k, sum); });
  }
  for (; j + 2 * kWidth <= outputs; j += 2 * kWidth)
    strided_block<Lanes, 2>(columns + j, stride, inputs, x, [&](std::uint32_t k, V sum) noexcept { use(j + k, sum); });
  for (; j < outputs; j += kWidth)
    strided_block<Lanes, 1>(columns + j, stride, inputs, x, [&](std::uint32_t k, V sum) noexcept { use(j + k, sum); });
}

// The newest key is not in its column yet: sixty-four scattered stores that the next loads would have to wait for.
template <class Lanes>
TT_ALWAYS_INLINE void attend_kernel(const AttentionCall& call) noexcept {
  using V = typename Lanes::V;
  using Eight = typename Lanes::Eight;
  const V newest = Lanes::set(dot_of<Eight>(call.query, call.newest, call.width));
  strided_sums<Lanes>(call.keys, call.columns, call.width, call.columns, call.query,
                      [&](std::uint32_t j, V sum) noexcept {
                        Lanes::store(call.scores + j, Lanes::with_lane(sum, j, call.slot, newest));
                      });
  const float total = softmax_parts<Eight>(call.scores, call.count);
  const V share = Lanes::set(1.0f / total);
  strided_sums<Lanes>(call.values, call.value_stride, call.count, padded_lanes(call.width), call.scores,
                      [&](std::uint32_t j, V sum) noexcept { Lanes::store(call.out + j, Lanes::mul(sum, share)); });
}

template <class Eight>
TT_ALWAYS_INLINE void layer_norm_kernel(const float* x, std::uint32_t count, float epsilon, const float* gain,
                                        const float* offset, float* y) noexcept {
  const std::uint32_t end = (count + 7) / 8 * 8;
  auto sum = Eight::set(0.0f);
  for (std::uint32_t i = 0; i < end; i += 8) sum = Eight::add(sum, Eight::below(Eight::load(x + i), i, count));
  const auto mean = Eight::set(Eight::sum_of(sum) / static_cast<float>(count));
  auto squares = Eight::set(0.0f);
  for (std::uint32_t i = 0; i < end; i += 8) {
    const auto d = Eight::below(Eight::sub(Eight::load(x + i), mean), i, count);
    Eight::store(y + i, d);
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

// The members of a form's table.
template <class Product>
struct FormOf {
  static void apply(const MatrixCall& call, float floor) noexcept { apply_kernel<Product>(call, floor); }
  static void apply_gru(const MatrixCall& call) noexcept { apply_gru_kernel<Product>(call); }
  static void lstm(const MatrixCall& call, float* c, float* h) noexcept { lstm_kernel<Product>(call, c, h); }
  static void gru(const MatrixCall& call, float* h) noexcept { gru_kernel<Product>(call, h); }

  static constexpr MatrixKernels table() noexcept {
    return {.apply = &apply,
            .apply_gru = &apply_gru,
            .lstm = &lstm,
            .gru = &gru,
            .panel_blocks = Product::kPanel,
            .together = Product::kTogether};
  }
};

template <class Integers>
struct IntegerFormOf {
  using Lanes = typename Integers::Lanes;
  static void sums(const MatrixCall& call, std::size_t, std::size_t) noexcept {
    each_panel<RawProduct<Integers>, 1>(
        call, [&]<unsigned Units>(std::uint32_t unit, const typename Lanes::V* y) noexcept {
#pragma GCC unroll 16
          for (unsigned v = 0; v < Units * kVectorsOf<Lanes>; ++v) {
            Lanes::store(call.y + std::size_t{unit} * kNetworkLanes + v * Lanes::kWidth, y[v]);
          }
        });
  }
  static void lstm_of_sums(const MatrixCall& call, float* c, float* h) noexcept {
    lstm_kernel<StoredProduct<Integers>>(call, c, h);
  }

  static constexpr MatrixKernels table(std::int32_t inputs_offset = 0) noexcept {
    MatrixKernels out = FormOf<IntegerProduct<Integers>>::table();
    out.sums = &sums;
    out.lstm_of_sums = &lstm_of_sums;
    out.inputs_offset = inputs_offset;
    return out;
  }
};

// The members of a table, bound to one Lanes.
template <class Lanes, class Int8, class Int16>
struct KernelsOf {
  using Eight = typename Lanes::Eight;
  static void take_input(const float* from, std::uint32_t count, float* to) noexcept {
    take_input_kernel<Lanes>(from, count, to);
  }
  static void give_output(const float* from, std::uint32_t count, float* to) noexcept {
    give_output_kernel<Lanes>(from, count, to);
  }
  static void activate(Activation activation, float* y, std::uint32_t count) noexcept {
    activate_kernel<Lanes>(activation, y, count);
  }
  static void attend(const AttentionCall& call) noexcept { attend_kernel<Lanes>(call); }
  static void layer_norm(const float* x, std::uint32_t count, float epsilon, const float* gain, const float* offset,
                         float* y) noexcept {
    layer_norm_kernel<Eight>(x, count, epsilon, gain, offset, y);
  }
  static void add(const float* x, std::uint32_t width, float* y) noexcept { add_kernel<Lanes>(x, width, y); }
  static void copy(const float* from, std::uint32_t width, float* to) noexcept {
    for (std::uint32_t i = 0; i < width; i += Lanes::kWidth) Lanes::store(to + i, Lanes::load(from + i));
  }

  static constexpr NetworkKernels table() noexcept {
    return {&take_input,
            &give_output,
            &activate,
            &attend,
            &layer_norm,
            &add,
            &copy,
            {IntegerFormOf<Int8>::table(), FormOf<FloatProduct<Lanes>>::table(), IntegerFormOf<Int16>::table()}};
  }
};

}  // namespace thintail
