// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/network.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace thintail {
namespace {

// At the head of the state of layers that keep past rows.
struct Past {
  std::uint32_t next;  // slot of the next row
  std::uint32_t count;  // slots filled
  std::uint32_t has_key;  // attention: the newest row's key waits beside its ring
};

TT_ALWAYS_INLINE Past past_of(const float* state) noexcept {
  Past past;
  __builtin_memcpy(&past, state, sizeof past);
  return past;
}

TT_ALWAYS_INLINE void keep_past(Past past, float* state) noexcept { __builtin_memcpy(state, &past, sizeof past); }

TT_ALWAYS_INLINE Past advanced(Past past, std::uint32_t slots) noexcept {
  past.next = past.next + 1 == slots ? 0 : past.next + 1;
  past.count = past.count < slots ? past.count + 1 : slots;
  return past;
}

constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

}  // namespace

template <class Watch>
TT_ALWAYS_INLINE MatrixCall Network::call_of(std::size_t matrix, const float* x, const float* base, float* y,
                                             float* scratch, const Watch& watch) const noexcept {
  const Matrix& m = matrices_[matrix];
  watch(matrix, x);
  const void* const weights =
      m.form == MatrixForm::float32
          ? static_cast<const void*>(floats() + m.weights)
          : static_cast<const void*>(reinterpret_cast<const std::int8_t*>(bytes_.data()) + m.weights);
  return {.weights = weights,
          .inputs = m.inputs,
          .units = m.units,
          .x = x,
          .centre = floats() + m.centre,
          .per_unit = floats() + m.per_unit,
          .start = reinterpret_cast<const std::int32_t*>(integers_.data()) + m.start,
          .scale = floats() + m.scale,
          .steps = scratch + 2 * row_floats_ + work_floats_,
          .base = base,
          .y = y};
}

// Keys stand transposed, a column a row of the past, so that all scores of a head are one dense layer, and so is the
// weighted sum of the values. The newest key enters its column after the answer: see attend_kernel.
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
  float* const key = state + kNetworkLanes;
  float* const keys = key + padded;
  float* const values = keys + std::size_t{width} * columns;
  form_of(layer.matrix).apply(call_of(layer.matrix, x, bias_of(layer.matrix), projected, scratch, watch), kNoFloor);
  Past past = past_of(state);
  kernels_.copy(projected + padded, padded, key);
  kernels_.copy(projected + 2 * padded, padded, values + std::size_t{past.next} * value_stride);
  past.has_key = 1;
  keep_past(past, state);
  const std::uint32_t count = advanced(past, layer.window).count;
  for (std::uint32_t first = 0; first < width; first += layer.head_width) {
    // Writes past the head's width; the next head, or nobody, reads there.
    kernels_.attend({.query = projected + first,
                     .newest = projected + padded + first,
                     .keys = keys + std::size_t{first} * columns,
                     .values = values + first,
                     .value_stride = value_stride,
                     .width = layer.head_width,
                     .columns = columns,
                     .slot = past.next,
                     .count = count,
                     .scores = scores,
                     .out = context + first});
  }
  form_of(layer.matrix + 1)
      .apply(call_of(layer.matrix + 1, context, bias_of(layer.matrix + 1), y, scratch, watch), kNoFloor);
}

void Network::take_key(const Layer& layer, float* state) const noexcept {
  const Past past = past_of(state);
  if (past.has_key == 0) return;
  const std::uint32_t columns = padded_lanes(layer.window);
  const float* const key = state + kNetworkLanes;
  float* const keys = state + kNetworkLanes + padded_lanes(layer.inputs);
  for (std::uint32_t i = 0; i < layer.inputs; ++i) keys[std::size_t{i} * columns + past.next] = key[i];
  Past next = advanced(past, layer.window);
  next.has_key = 0;
  keep_past(next, state);
}

TT_ALWAYS_INLINE void Network::finish(const Layer& layer, float* y) const noexcept {
  if (layer.activation != Activation::linear && layer.activation != Activation::relu)
    kernels_.activate(layer.activation, y, layer.outputs);
}

template <class Watch>
void Network::convolve(const Layer& layer, const float* x, float* y, float* state, float* scratch,
                       const Watch& watch) const noexcept {
  const std::uint32_t stride = padded_lanes(layer.inputs);
  const std::uint32_t slots = (layer.taps - 1) * layer.dilation + 1;
  float* const rows = state + kNetworkLanes;
  float* const gathered = scratch + 2 * row_floats_;
  const Past past = past_of(state);
  kernels_.copy(x, stride, rows + std::size_t{past.next} * stride);
  // The slot after the newest is the oldest, which is what the first tap meets.
  std::uint32_t slot = past.next + 1 == slots ? 0 : past.next + 1;
  for (std::uint32_t tap = 0; tap < layer.taps; ++tap) {
    __builtin_memcpy(gathered + std::size_t{tap} * layer.inputs, rows + std::size_t{slot} * stride,
                     layer.inputs * sizeof(float));
    slot += layer.dilation;
    if (slot >= slots) slot -= slots;
  }
  keep_past(advanced(past, slots), state);
  form_of(layer.matrix).apply(call_of(layer.matrix, gathered, bias_of(layer.matrix), y, scratch, watch), layer.floor);
  finish(layer, y);
}

template <class Watch>
const float* Network::run_layer(const Layer& layer, const float* x, float* y, float* state, float* scratch,
                                const Watch& watch) const noexcept {
  const std::uint32_t padded = padded_lanes(layer.outputs);
  switch (layer.kind) {
    case LayerKind::dense:
      form_of(layer.matrix).apply(call_of(layer.matrix, x, bias_of(layer.matrix), y, scratch, watch), layer.floor);
      finish(layer, y);
      return y;
    case LayerKind::lstm:
      form_of(layer.matrix)
          .lstm(call_of(layer.matrix, x, state + 2 * padded, nullptr, scratch, watch), state + padded, state);
      return state;
    case LayerKind::gru:
    // After h, for each 16 units: the bias of n, which does not change, and U h + b of r, z and n.
      form_of(layer.matrix).gru(call_of(layer.matrix, x, state + padded, nullptr, scratch, watch), state);
      return state;
    case LayerKind::attention: attend(layer, x, y, state, scratch, watch); return y;
    case LayerKind::conv1d: convolve(layer, x, y, state, scratch, watch); return y;
    case LayerKind::layer_norm:
      kernels_.layer_norm(x, layer.inputs, layer.epsilon, floats() + layer.gain, floats() + layer.gain + padded, y);
      return y;
    case LayerKind::activation:
      kernels_.copy(x, padded, y);
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
      if (made != y) kernels_.copy(made, padded_lanes(layer.outputs), y);
      kernels_.add(x, padded_lanes(layer.outputs), y);
      made = y;
    }
    x = made;
  }
  kernels_.give_output(x, outputs_, out);
}

template <class Watch>
TT_ALWAYS_INLINE void Network::prepare_layer(const Layer& layer, float* of, float* scratch,
                                             const Watch& watch) const noexcept {
  const std::size_t back = layer.matrix + 1;
  const std::uint32_t padded = padded_lanes(layer.outputs);
  if (layer.kind == LayerKind::lstm) {
    // Four gates' blocks lie as those of one dense layer.
    MatrixCall call = call_of(back, of, bias_of(back), of + 2 * padded, scratch, watch);
    call.units *= gates_of(LayerKind::lstm);
    form_of(back).apply(call, kNoFloor);
  } else if (layer.kind == LayerKind::gru) {
    form_of(back).apply_gru(call_of(back, of, bias_of(back), of + padded + kNetworkLanes, scratch, watch));
  } else if (layer.kind == LayerKind::attention) {
    take_key(layer, of);
  }
}

template <class Watch>
TT_ALWAYS_INLINE void Network::run_prepare(float* state, float* scratch, const Watch& watch) const noexcept {
  for (const Layer& layer : layers_) prepare_layer(layer, state + layer.state, scratch, watch);
}

void Network::predict(const float* row, float* state, float* scratch, float* out) const noexcept {
  run(row, state, scratch, out, NoWatch{});
}

void Network::prepare(float* state, float* scratch) const noexcept { run_prepare(state, scratch, NoWatch{}); }

void Network::reset(float* state, float* scratch) const noexcept {
  std::fill_n(state, state_floats_, 0.0f);
  for (const Layer& layer : layers_) {
    if (layer.kind != LayerKind::gru) continue;
    float* const prepared = state + layer.state + padded_lanes(layer.outputs);
    for (std::uint32_t unit = 0; unit < matrices_[layer.matrix].units; ++unit) {
      kernels_.copy(bias_of(layer.matrix) + std::size_t{unit} * 64, kNetworkLanes, prepared + std::size_t{unit} * 64);
    }
  }
  prepare(state, scratch);
}

NetworkBlock Network::make_state() const {
  NetworkBlock state(state_floats_ / kNetworkLanes);
  NetworkBlock scratch = make_scratch();
  reset(reinterpret_cast<float*>(state.data()), reinterpret_cast<float*>(scratch.data()));
  return state;
}

// An LSTM's W x of all rows first: then only U is read again and again, and half as much must stay in the cache.
void Network::window_layer(const Layer& layer, std::size_t rows, const float* x, float* y, float* sums, float* state,
                           float* scratch) const noexcept {
  const NoWatch none;
  const MatrixKernels& kernels = form_of(layer.matrix);
  const std::uint32_t padded = padded_lanes(layer.outputs);
  const bool is_split = layer.kind == LayerKind::lstm && kernels.sums != nullptr && rows >= kernels.rows_at_once;
  // The last ones overlap those before.
  const std::size_t at_once = kernels.rows_at_once;
  for (std::size_t row = 0; is_split && row < rows; row += at_once) {
    if (row + at_once > rows) row = rows - at_once;
    MatrixCall call = call_of(layer.matrix, x + row * row_floats_, nullptr, sums + row * sums_floats_, scratch, none);
    call.units *= gates_of(LayerKind::lstm);
    kernels.sums(call, row_floats_, sums_floats_);
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const float* const from = x + row * row_floats_;
    float* const to = y + row * row_floats_;
    const float* made = state;
    if (is_split) {
      MatrixCall call = call_of(layer.matrix, from, state + 2 * padded, nullptr, scratch, none);
      call.weights = sums + row * sums_floats_;
      call.inputs = 1;
      kernels.lstm_of_sums(call, state + padded, state);
    } else {
      made = run_layer(layer, from, to, state, scratch, none);
    }
    if (made != to) kernels_.copy(made, padded, to);
    if (layer.residual) kernels_.add(from, padded, to);
    prepare_layer(layer, state, scratch, none);
  }
}

void Network::window(std::span<const float> rows, float* state, float* scratch, float* out) const noexcept {
  reset(state, scratch);
  const std::size_t count = rows.size() / inputs_;
  if (count == 0) return;
  float* x = scratch + scratch_floats_;
  float* y = x + count * row_floats_;
  float* const sums = y + count * row_floats_;
  for (std::size_t row = 0; row < count; ++row) {
    kernels_.take_input(rows.data() + row * inputs_, inputs_, x + row * row_floats_);
  }
  for (const Layer& layer : layers_) {
    window_layer(layer, count, x, y, sums, state + layer.state, scratch);
    std::swap(x, y);
  }
  kernels_.give_output(x + (count - 1) * row_floats_, outputs_, out);
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

std::size_t Network::matrices_in(MatrixForm form) const noexcept {
  return static_cast<std::size_t>(std::ranges::count(matrices_, form, &Matrix::form));
}

std::size_t Network::weight_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const Matrix& m : matrices_) {
    const std::size_t outputs = std::size_t{m.units} * m.gates * kNetworkLanes;
    const std::uint32_t together = form_of(static_cast<std::size_t>(&m - matrices_.data())).together;
    const std::size_t inputs = (m.inputs + together - 1) / together * together;
    bytes += outputs * inputs * bytes_of(m.form);
  }
  return bytes;
}

}  // namespace thintail
