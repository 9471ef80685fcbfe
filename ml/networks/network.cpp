// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/network.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace thintail {
namespace {

// At the head of the state of layers that keep past rows.
struct Past {
  std::uint32_t next;  // slot of the next row
  std::uint32_t count;  // slots filled
};

TT_ALWAYS_INLINE Past past_of(const float* state) noexcept {
  Past past;
  __builtin_memcpy(&past, state, sizeof past);
  return past;
}

TT_ALWAYS_INLINE void advance(Past past, std::uint32_t slots, float* state) noexcept {
  past.next = past.next + 1 == slots ? 0 : past.next + 1;
  past.count = past.count < slots ? past.count + 1 : slots;
  __builtin_memcpy(state, &past, sizeof past);
}

TT_ALWAYS_INLINE void copy_lanes(const float* from, std::uint32_t count, float* to) noexcept {
  __builtin_memcpy(to, from, std::size_t{padded_lanes(count)} * sizeof(float));
}

}  // namespace

template <class Watch>
TT_ALWAYS_INLINE void Network::apply(std::size_t matrix, const float* x, const float* base, float* y, float* scratch,
                                     const Watch& watch) const noexcept {
  const Matrix& m = matrices_[matrix];
  watch(matrix, x);
  if (!m.quantized) {
    kernels_.dense({floats() + m.columns, m.outputs, m.inputs, m.outputs, x, base, y});
    return;
  }
  float* const steps = scratch + 2 * row_floats_ + work_floats_;
  kernels_.quantize(x, padded_lanes(m.inputs), floats() + m.centre, floats() + m.per_unit, steps);
  kernels_.quantized({reinterpret_cast<const std::int8_t*>(bytes_.data()) + m.columns, (m.inputs + 3) & ~3u, m.outputs,
                      steps, reinterpret_cast<const std::int32_t*>(integers_.data()) + m.start, floats() + m.scale,
                      base, y});
}

// Keys stand transposed, a column a row of the past, so that all scores of a head are one dense layer, and so is the
// weighted sum of the values.
template <class Watch>
void Network::attend(const Layer& layer, const float* x, float* y, float* state, float* scratch,
                     const Watch& watch) const noexcept {
  const std::uint32_t width = layer.inputs;
  const std::uint32_t padded = padded_lanes(width);
  const std::uint32_t columns = padded_lanes(layer.window);
  const std::uint32_t value_stride = padded + kNetworkLanes;
  float* const projected = scratch + 2 * row_floats_;
  float* const context = projected + 3 * padded;
  float* const scores = context + padded + kNetworkLanes;
  float* const keys = state + kNetworkLanes;
  float* const values = keys + std::size_t{width} * columns;
  apply(layer.matrix, x, bias_of(layer.matrix), projected, scratch, watch);
  Past past = past_of(state);
  for (std::uint32_t i = 0; i < width; ++i) keys[std::size_t{i} * columns + past.next] = projected[padded + i];
  copy_lanes(projected + 2 * padded, width, values + std::size_t{past.next} * value_stride);
  advance(past, layer.window, state);
  past = past_of(state);
  const float* const zeros = floats() + zeros_;
  for (std::uint32_t first = 0; first < width; first += layer.head_width) {
    kernels_.dense(
        {keys + std::size_t{first} * columns, columns, layer.head_width, columns, projected + first, zeros, scores});
    kernels_.activate(Activation::softmax, scores, past.count);
    // Writes past the head's width; the next head, or nobody, reads there.
    kernels_.dense(
        {values + first, value_stride, past.count, padded_lanes(layer.head_width), scores, zeros, context + first});
  }
  apply(layer.matrix + 1, context, bias_of(layer.matrix + 1), y, scratch, watch);
}

template <class Watch>
void Network::convolve(const Layer& layer, const float* x, float* y, float* state, float* scratch,
                       const Watch& watch) const noexcept {
  const std::uint32_t stride = padded_lanes(layer.inputs);
  const std::uint32_t slots = (layer.taps - 1) * layer.dilation + 1;
  float* const rows = state + kNetworkLanes;
  float* const gathered = scratch + 2 * row_floats_;
  const Past past = past_of(state);
  copy_lanes(x, layer.inputs, rows + std::size_t{past.next} * stride);
  // The slot after the newest is the oldest, which is what the first tap meets.
  std::uint32_t slot = past.next + 1 == slots ? 0 : past.next + 1;
  for (std::uint32_t tap = 0; tap < layer.taps; ++tap) {
    __builtin_memcpy(gathered + std::size_t{tap} * layer.inputs, rows + std::size_t{slot} * stride,
                     layer.inputs * sizeof(float));
    slot += layer.dilation;
    if (slot >= slots) slot -= slots;
  }
  advance(past, slots, state);
  apply(layer.matrix, gathered, bias_of(layer.matrix), y, scratch, watch);
  kernels_.activate(layer.activation, y, layer.outputs);
}

template <class Watch>
const float* Network::run_layer(const Layer& layer, const float* x, float* y, float* state, float* scratch,
                                const Watch& watch) const noexcept {
  const std::uint32_t padded = padded_lanes(layer.outputs);
  float* const work = scratch + 2 * row_floats_;
  switch (layer.kind) {
    case LayerKind::dense:
      apply(layer.matrix, x, bias_of(layer.matrix), y, scratch, watch);
      kernels_.activate(layer.activation, y, layer.outputs);
      return y;
    case LayerKind::lstm:
      apply(layer.matrix, x, state + 2 * padded, work, scratch, watch);
      kernels_.lstm(work, padded, state + padded, state);
      return state;
    case LayerKind::gru:
      // After h: the bias of n, which does not change, and U h + b of r, z and n.
      apply(layer.matrix, x, state + padded, work, scratch, watch);
      kernels_.gru(work, state + 4 * padded, padded, state);
      return state;
    case LayerKind::attention: attend(layer, x, y, state, scratch, watch); return y;
    case LayerKind::conv1d: convolve(layer, x, y, state, scratch, watch); return y;
    case LayerKind::layer_norm:
      kernels_.layer_norm(x, layer.inputs, layer.epsilon, floats() + layer.gain, floats() + layer.gain + padded, y);
      return y;
    case LayerKind::activation:
      copy_lanes(x, layer.inputs, y);
      kernels_.activate(layer.activation, y, layer.outputs);
      return y;
  }
  return x;
}

template <class Watch>
TT_ALWAYS_INLINE void Network::run(const float* row, float* state, float* scratch, float* out,
                                   const Watch& watch) const noexcept {
  kernels_.take_input(row, inputs_, scratch);
  const float* x = scratch;
  for (const Layer& layer : layers_) {
    float* const y = x == scratch ? scratch + row_floats_ : scratch;
    const float* made = run_layer(layer, x, y, state + layer.state, scratch, watch);
    if (layer.residual) {
      if (made != y) copy_lanes(made, layer.outputs, y);
      kernels_.add(x, padded_lanes(layer.outputs), y);
      made = y;
    }
    x = made;
  }
  // One NaN and one zero, whatever made them.
  for (std::uint32_t i = 0; i < outputs_; ++i) {
    out[i] = x[i] == x[i] ? x[i] + 0.0f : std::numeric_limits<float>::quiet_NaN();
  }
}

template <class Watch>
TT_ALWAYS_INLINE void Network::run_prepare(float* state, float* scratch, const Watch& watch) const noexcept {
  for (const Layer& layer : layers_) {
    if (layer.kind != LayerKind::lstm && layer.kind != LayerKind::gru) continue;
    float* const of = state + layer.state;
    apply(layer.matrix + 1, of, bias_of(layer.matrix + 1), of + 2 * padded_lanes(layer.outputs), scratch, watch);
  }
}

void Network::predict(const float* row, float* state, float* scratch, float* out) const noexcept {
  run(row, state, scratch, out, NoWatch{});
}

void Network::prepare(float* state, float* scratch) const noexcept { run_prepare(state, scratch, NoWatch{}); }

void Network::reset(float* state, float* scratch) const noexcept {
  std::fill_n(state, state_floats_, 0.0f);
  for (const Layer& layer : layers_) {
    if (layer.kind == LayerKind::gru)
      copy_lanes(bias_of(layer.matrix), layer.outputs, state + layer.state + padded_lanes(layer.outputs));
  }
  prepare(state, scratch);
}

NetworkBlock Network::make_state() const {
  NetworkBlock state(state_floats_ / kNetworkLanes);
  NetworkBlock scratch = make_scratch();
  reset(reinterpret_cast<float*>(state.data()), reinterpret_cast<float*>(scratch.data()));
  return state;
}

void Network::window(std::span<const float> rows, float* state, float* scratch, float* out) const noexcept {
  reset(state, scratch);
  for (std::size_t at = 0; at + inputs_ <= rows.size(); at += inputs_) step(rows.data() + at, state, scratch, out);
}

NetworkRanges Network::calibrate(std::span<const float> rows) const {
  constexpr float kMost = std::numeric_limits<float>::max();
  NetworkRanges ranges;
  for (const Matrix& m : matrices_) ranges.inputs.emplace_back(m.inputs, NetworkRanges::Range{kMost, -kMost, 0.0f});
  std::vector<double> seen(matrices_.size(), 0.0);
  NetworkBlock state_block = make_state();
  NetworkBlock scratch_block = make_scratch();
  auto* const state = reinterpret_cast<float*>(state_block.data());
  auto* const scratch = reinterpret_cast<float*>(scratch_block.data());
  std::vector<float> out(outputs_);
  const auto watch = [&](std::size_t matrix, const float* x) noexcept {
    for (NetworkRanges::Range& range : ranges.inputs[matrix]) {
      range.least = std::min(range.least, *x);
      range.largest = std::max(range.largest, *x);
      range.mean += static_cast<float>((double{*x++} - double{range.mean}) / (seen[matrix] + 1.0));
    }
    seen[matrix] += 1.0;
  };
  for (std::size_t at = 0; at + inputs_ <= rows.size(); at += inputs_) {
    run(rows.data() + at, state, scratch, out.data(), watch);
    run_prepare(state, scratch, watch);
  }
  for (auto& of_matrix : ranges.inputs) {
    for (NetworkRanges::Range& range : of_matrix) {
      if (range.least > range.largest) range = {0.0f, 0.0f, 0.0f};  // no row was given
    }
  }
  return ranges;
}

std::size_t Network::quantized_matrices() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(matrices_, &Matrix::quantized));
}

std::size_t Network::weight_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const Matrix& m : matrices_) {
    bytes += std::size_t{m.outputs} * (m.quantized ? (m.inputs + 3) & ~3u : m.inputs * sizeof(float));
  }
  return bytes;
}

}  // namespace thintail
