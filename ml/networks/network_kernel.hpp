// SPDX-License-Identifier: Apache-2.0
// Network kernels: the operations that networks are made of, one table of functions for each instruction set.
//   path       hot
//   invariant  the same bits on every Isa: each output's float sum is built in one stated order, fused only where the
//              source says fma; integer sums are exact, in whatever order.
//
// Widths handed to kernels are multiples of kNetworkLanes: what lies past a layer's true width holds finite numbers that
// meet weights of zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/isa/isa.hpp"

namespace thintail {

inline constexpr std::uint32_t kNetworkLanes = 16;  // floats of the widest register; a block of outputs
inline constexpr std::uint32_t kDenseChains =
    4;  // partial sums of each output, so that an fma need not wait for the last

constexpr std::uint32_t padded_lanes(std::uint32_t width) noexcept {
  return (width + kNetworkLanes - 1) / kNetworkLanes * kNetworkLanes;
}

enum class Activation : std::uint8_t { linear = 0, tanh, relu, elu, sigmoid, softmax };

// What a matrix's weights and inputs are multiplied as. The numbers stand in packs.
enum class MatrixForm : std::uint8_t { int8 = 0, float32 = 1, int16 = 2 };
inline constexpr std::size_t kMatrixForms = 3;
constexpr std::size_t bytes_of(MatrixForm form) noexcept {
  return form == MatrixForm::int8 ? 1 : form == MatrixForm::int16 ? 2 : 4;
}

inline constexpr float kNetworkInputMax = 1e9f;
inline constexpr float kInt8Max = 127.0f;  // steps of a weight or an input, either way
inline constexpr float kInt16Max = 2047.0f;  // 512 products of such sum up to less than 2^31
inline constexpr std::uint32_t kInt16InputsMax =
    4096;  // weights then have 256 steps; with more inputs, fewer than int8's

inline constexpr std::uint32_t kWindowRowsAtOnce = 4;  // at most

// One matrix and the row it is applied to. Outputs come in blocks of kNetworkLanes. A layer with gates has one block of each
// gate beside each other, those of the same 16 units: with 4 gates block 4 u + g is gate g of the units [16 u, 16 u + 16).
//
// float32: y[j] = base[j] + sum over i of w[j][i] x[i]. Chain c takes i = c, c + 4, ... ascending by fma, chain 0 starting
// from base; then (0 + 1) + (2 + 3).
// Integers: q[i] = round to even((x[i] - centre[i]) * per_unit[i]), held within the form's steps, NaN at the least;
// y[j] = base[j] + scale[j] * (start[j] + sum over i of w[j][i] q[i]), the sum in i32, the rest one fma.
struct MatrixCall {
  const void* weights;  // in panels: see MatrixKernels
  std::uint32_t inputs;
  std::uint32_t units;  // blocks of 16 units, each of as many blocks of outputs as there are gates
  const float* x;  // padded_lanes(inputs) of them
  const float* centre;  // of integers, as the next four
  const float* per_unit;
  const std::int32_t* start;
  const float* scale;
  void* steps;  // room for two bytes an input, padded, for each of kWindowRowsAtOnce rows
  const float* base;  // 16 gates floats a block of units; of 3 gates 64
  float* y;  // as base, which it may be
};

// The kernels of one form. Weights lie in panels: as many blocks of outputs as are summed at once, and of those, input after
// input, `together` inputs of an output side by side.
struct MatrixKernels {
  // y = max(floor, base + W x).
  void (*apply)(const MatrixCall& call, float floor) noexcept;
  // The same of 3 gates: r, z, n to the first 48 of 64 floats for each 16 units.
  void (*apply_gru)(const MatrixCall& call) noexcept;
  // base + W x = i, f, g, o: c = f c + i g, h = o tanh(c).
  void (*lstm)(const MatrixCall& call, float* c, float* h) noexcept;
  // base + W x = n without its recurrent part, r, z; after these three blocks in `base` that part, u = U_n h + b_n:
  // n = tanh(gate_n + r u), h = n + z (h - n).
  void (*gru)(const MatrixCall& call, float* h) noexcept;
  // For windows, where the same weights meet many rows: the integer sums alone into y, as bits, and lstm() of such sums in
  // the place of weights, with one input. Null in float32, whose sums begin with the base. `rows_at_once` rows, one after
  // the other in x and y by the strides; steps have room for as many.
  void (*sums)(const MatrixCall& call, std::size_t x_stride, std::size_t y_stride) noexcept = nullptr;
  void (*lstm_of_sums)(const MatrixCall& call, float* c, float* h) noexcept = nullptr;
  std::uint32_t rows_at_once = 1;
  std::uint32_t panel_blocks = 0;  // largest panel
  std::uint32_t together = 0;
  std::int32_t inputs_offset = 0;  // added to each q before it is multiplied; `start` takes it off again
};

// Blocks of 16 units that the next panel takes when `left` remain; 0 where a panel is one block, whatever its gate.
constexpr std::uint32_t panel_units(std::uint32_t gates, std::uint32_t panel_blocks, std::uint32_t left) noexcept {
  std::uint32_t units = 0;
  for (std::uint32_t next = 1; next * gates <= panel_blocks && next <= left; next *= 2) units = next;
  return units;
}

// One head of attention over the rows that a ring holds, the newest among them.
struct AttentionCall {
  const float* query;  // scaled by 1 / sqrt(width)
  const float* newest;  // the newest row's key
  const float* keys;  // transposed: `columns` slots to each of `width` rows; the newest's slot holds anything finite
  const float* values;  // a slot each `value_stride` floats, the newest among them
  std::size_t value_stride;
  std::uint32_t width;
  std::uint32_t columns;
  std::uint32_t slot;  // the newest's
  std::uint32_t count;  // slots filled, the newest among them
  float* scores;  // room for `columns`
  float* out;  // room for padded_lanes(width)
};

struct NetworkKernels {
  // Copies `count` inputs and fills up with zeros; NaN becomes 0, and what is larger than kNetworkInputMax that bound.
  void (*take_input)(const float* from, std::uint32_t count, float* to) noexcept;
  // Copies `count` answers: one NaN and one zero, whatever made them.
  void (*give_output)(const float* from, std::uint32_t count, float* to) noexcept;
  // In place on `count` values, `y` being padded.
  void (*activate)(Activation activation, float* y, std::uint32_t count) noexcept;
  void (*attend)(const AttentionCall& call) noexcept;
  // y = (x - mean) / sqrt(variance + epsilon) * gain + offset, sums over the tree of 8 lanes.
  void (*layer_norm)(const float* x, std::uint32_t count, float epsilon, const float* gain, const float* offset,
                     float* y) noexcept;
  void (*add)(const float* x, std::uint32_t width, float* y) noexcept;  // y += x
  // By registers of this Isa's width: a load waits long for two narrower stores.
  void (*copy)(const float* from, std::uint32_t width, float* to) noexcept;
  MatrixKernels forms[kMatrixForms];  // by MatrixForm

  const MatrixKernels& of(MatrixForm form) const noexcept { return forms[static_cast<std::size_t>(form)]; }
};

extern const NetworkKernels kScalarNetworkKernels;
extern const NetworkKernels kAvx2NetworkKernels;
extern const NetworkKernels kAvx512NetworkKernels;

// The integer forms in VNNI, for CPUs that have it beside AVX-512.
extern const MatrixKernels kVnniInt8Kernels;
extern const MatrixKernels kVnniInt16Kernels;
bool vnni_available() noexcept;

// The table of an Isa, with the best integer forms that this CPU has for it.
NetworkKernels network_kernels(Isa isa) noexcept;

}  // namespace thintail
