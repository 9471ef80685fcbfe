// SPDX-License-Identifier: Apache-2.0
// Network kernels: the operations that networks are made of, one table of functions for each instruction set.
//   path       hot
//   invariant  the same bits on every Isa: each output's sum is built in one stated order, fused only where the source
//              says fma; integer sums are exact.
//
// Widths handed to kernels are multiples of kNetworkLanes: what lies past a layer's true width holds finite numbers that
// meet weights of zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/isa/isa.hpp"

namespace thintail {

inline constexpr std::uint32_t kNetworkLanes = 16;  // floats of the widest register
inline constexpr std::uint32_t kDenseChains =
    4;  // partial sums of each output, so that an fma need not wait for the last

constexpr std::uint32_t padded_lanes(std::uint32_t width) noexcept {
  return (width + kNetworkLanes - 1) / kNetworkLanes * kNetworkLanes;
}

enum class Activation : std::uint8_t { linear = 0, tanh, relu, elu, sigmoid, softmax };

// y[j] = base[j] + sum over i of columns[i * stride + j] x[i]. Chain c takes i = c, c + 4, ... ascending by fma, chain 0
// starting from base; then (0 + 1) + (2 + 3). `y` may be `base`.
struct DenseCall {
  const float* columns;
  std::size_t stride;
  std::uint32_t inputs;
  std::uint32_t outputs;  // a multiple of kNetworkLanes
  const float* x;
  const float* base;
  float* y;
};

// y[j] = base[j] + scale[j] * (start[j] + sum over i of weight(i, j) q[i]), the sum in integers, the rest one fma. The
// layout of `weights` and of `x` is the kernel table's: see QuantizedLayout.
struct QuantizedCall {
  const std::int8_t* weights;
  std::uint32_t inputs;  // a multiple of 4
  std::uint32_t outputs;  // a multiple of kNetworkLanes
  const void* x;
  const std::int32_t* start;
  const float* scale;
  const float* base;
  float* y;
};

// How many inputs of one output lie side by side: pairs are multiplied as i16 (madd: exact; maddubs would saturate), quads
// as u8 (value + 128) by i8 in one VNNI instruction.
enum class QuantizedLayout : std::uint8_t { pairs_i16 = 2, quads_u8 = 4 };

struct NetworkKernels {
  // Copies `count` inputs and fills up with zeros; NaN becomes 0, and what is larger than kNetworkInputMax that bound.
  void (*take_input)(const float* from, std::uint32_t count, float* to) noexcept;
  void (*dense)(const DenseCall& call) noexcept;
  // In place on `count` values, `y` being padded.
  void (*activate)(Activation activation, float* y, std::uint32_t count) noexcept;
  // gates = preactivations i, f, g, o of `width` each: c = f c + i g, h = o tanh(c).
  void (*lstm)(const float* gates, std::uint32_t width, float* c, float* h) noexcept;
  // gates = n without its recurrent part, r, z, of `width` each; u = that part, U_n h + b_n: n = tanh(gates_n + r u),
  // h = n + z (h - n).
  void (*gru)(const float* gates, const float* u, std::uint32_t width, float* h) noexcept;
  // y = (x - mean) / sqrt(variance + epsilon) * gain + offset, sums over the tree of 8 lanes.
  void (*layer_norm)(const float* x, std::uint32_t count, float epsilon, const float* gain, const float* offset,
                     float* y) noexcept;
  void (*add)(const float* x, std::uint32_t width, float* y) noexcept;  // y += x
  // q[i] = round to even((x[i] - centre[i]) * per_unit[i]), held within +-127; NaN gives -127. `count` is a multiple of
  // kNetworkLanes.
  void (*quantize)(const float* x, std::uint32_t count, const float* centre, const float* per_unit, void* q) noexcept;
  void (*quantized)(const QuantizedCall& call) noexcept;
  QuantizedLayout layout;
};

inline constexpr float kNetworkInputMax = 1e9f;
inline constexpr float kQuantizedMax = 127.0f;

extern const NetworkKernels kScalarNetworkKernels;
extern const NetworkKernels kAvx2NetworkKernels;
extern const NetworkKernels kAvx512NetworkKernels;

// The VNNI forms, for CPUs that have it beside AVX-512.
void quantize_vnni(const float* x, std::uint32_t count, const float* centre, const float* per_unit, void* q) noexcept;
void quantized_vnni(const QuantizedCall& call) noexcept;
bool vnni_available() noexcept;

// The table of an Isa, with the best integer forms that this CPU has for it.
NetworkKernels network_kernels(Isa isa) noexcept;

}  // namespace thintail
