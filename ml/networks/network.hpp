// SPDX-License-Identifier: Apache-2.0
// Network: a checked NetworkSpec packed for one instruction set, run a row at a time.
//   path       hot: predict, prepare, step; cold: construction, reset
//   threads    immutable; any number of readers, each with its own state and scratch
//   invariant  the same bits on every Isa, in float32 and quantized; nothing is allocated after construction.
//
// What a layer remembers (h, c, keys and values, past rows) lies in a state block of the caller, one for each instrument:
// plain floats without addresses, which may be copied and stored. It also holds U h + b of each recurrent layer, which
// prepare() computes after the answer is out, so that only W x remains before the next one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/attributes.hpp"
#include "core/base/error.hpp"
#include "ml/networks/network_spec.hpp"

namespace thintail {

// Between what each input of each matrix of a network lay, matrices in the network's order: what int8 steps are made of.
struct NetworkRanges {
  struct Range {
    float least;
    float largest;
    float mean;
  };
  std::vector<std::vector<Range>> inputs;
  std::vector<MatrixForm> forms;  // of each matrix; empty: all int8

  MatrixForm form_of(std::size_t matrix) const noexcept {
    return matrix < forms.size() ? forms[matrix] : MatrixForm::int8;
  }
};

// 64-byte aligned floats, zeros at first: what states and scratch are made of.
struct alignas(kCacheLineBytes) NetworkLine {
  float lanes[kNetworkLanes];
};
using NetworkBlock = std::vector<NetworkLine>;

class Network {
 public:
  // Matrices with fewer inputs stay in float32: a group of four is what one integer instruction takes, and a lone input
  // carries more than 8 bits.
  static constexpr std::uint32_t kQuantizedInputsMin = 4;

  // In float32. `file` is what errors name.
  static Result<Network> make(const NetworkSpec& spec, Isa isa, const std::string& file = {});
  // Weights int8 for each output, activations int8 in 255 steps over each input's own range (int16: both in 4,095), sums in
  // i32. What an input's centre contributes is added in float32 to the biases, so that a small signal on a large level keeps
  // its digits.
  static Result<Network> make_quantized(const NetworkSpec& spec, const NetworkRanges& ranges, Isa isa,
                                        const std::string& file = {});

  std::uint32_t inputs() const noexcept { return inputs_; }
  std::uint32_t outputs() const noexcept { return outputs_; }
  std::size_t matrices() const noexcept { return matrices_.size(); }
  std::size_t matrices_in(MatrixForm form) const noexcept;
  std::size_t quantized_matrices() const noexcept { return matrices() - matrices_in(MatrixForm::float32); }
  std::size_t weight_bytes() const noexcept;  // of the matrices: what a step reads
  std::size_t state_floats() const noexcept { return state_floats_; }

  NetworkBlock make_state() const;  // a state that has seen nothing
  NetworkBlock make_scratch() const { return NetworkBlock(scratch_floats_ / kNetworkLanes); }
  NetworkBlock make_window_scratch(std::size_t rows) const {
    return NetworkBlock((scratch_floats_ + rows * (2 * row_floats_ + sums_floats_)) / kNetworkLanes);
  }

  // REQUIRES of all below: `state` and `scratch` are 64-byte aligned and as long as those of make_state, make_scratch.
  void reset(float* state, float* scratch) const noexcept;
  // One row in, `outputs()` numbers out. NaN inputs count as 0. REQUIRES: prepare() since the last predict().
  TT_HOT void predict(const float* row, float* state, float* scratch, float* out) const noexcept;
  TT_HOT void prepare(float* state, float* scratch) const noexcept;
  TT_HOT void step(const float* row, float* state, float* scratch, float* out) const noexcept {
    predict(row, state, scratch, out);
    prepare(state, scratch);
  }
  // A window by itself: reset, then every row; the answer to the last, and the state that steps would leave. Goes layer by
  // layer, so that weights are read from the nearest cache. REQUIRES: scratch of make_window_scratch(at least these rows).
  void window(std::span<const float> rows, float* state, float* scratch, float* out) const noexcept;

  // Runs rows (one after the other, from a fresh state) and notes what each matrix meets.
  NetworkRanges calibrate(std::span<const float> rows) const;

 private:
  struct Matrix {
    std::uint32_t inputs;
    std::uint32_t units;  // blocks of kNetworkLanes
    std::uint32_t gates;
    MatrixForm form;
    std::size_t weights;  // into floats_, or into bytes_ where quantized
    std::size_t bias;  // into floats_, as the next
    std::size_t scale;
    std::size_t centre;  // a float an input, as the next
    std::size_t per_unit;
    std::size_t start;  // into integers_
  };
  struct Layer {
    LayerKind kind;
    Activation activation;
    bool residual;
    std::uint32_t inputs;
    std::uint32_t outputs;
    std::uint32_t head_width;
    std::uint32_t window;
    std::uint32_t taps;
    std::uint32_t dilation;
    float epsilon;
    std::uint32_t matrix;  // into matrices_; a second one follows it in lstm, gru and attention
    std::size_t gain;  // layer_norm: into floats_; offsets follow padded
    std::size_t state;  // into the state block
    float floor;  // of dense and conv1d: what outputs are at least. relu's 0
  };
  class Packer;
  struct NoWatch {
    TT_ALWAYS_INLINE void operator()(std::size_t, const float*) const noexcept {}
  };

  Network() = default;

  // `watch(matrix, x)` sees what each matrix is about to be applied to.
  template <class Watch>
  void run(const float* row, float* state, float* scratch, float* out, const Watch& watch) const noexcept;
  template <class Watch>
  void run_prepare(float* state, float* scratch, const Watch& watch) const noexcept;
  template <class Watch>
  void prepare_layer(const Layer& layer, float* of, float* scratch, const Watch& watch) const noexcept;
  void window_layer(const Layer& layer, std::size_t rows, const float* x, float* y, float* sums, float* state,
                    float* scratch) const noexcept;
  template <class Watch>
  const float* run_layer(const Layer& layer, const float* x, float* y, float* state, float* scratch,
                         const Watch& watch) const noexcept;
  template <class Watch>
  MatrixCall call_of(std::size_t matrix, const float* x, const float* base, float* y, float* scratch,
                     const Watch& watch) const noexcept;
  template <class Watch>
  void attend(const Layer& layer, const float* x, float* y, float* state, float* scratch,
              const Watch& watch) const noexcept;
  template <class Watch>
  void convolve(const Layer& layer, const float* x, float* y, float* state, float* scratch,
                const Watch& watch) const noexcept;
  void finish(const Layer& layer, float* y) const noexcept;
  void take_key(const Layer& layer, float* state) const noexcept;
  const MatrixKernels& form_of(std::size_t matrix) const noexcept { return kernels_.of(matrices_[matrix].form); }
  const float* bias_of(std::size_t matrix) const noexcept { return floats() + matrices_[matrix].bias; }
  const float* floats() const noexcept { return reinterpret_cast<const float*>(floats_.data()); }

  NetworkKernels kernels_{};
  std::uint32_t inputs_ = 0;
  std::uint32_t outputs_ = 0;
  std::size_t state_floats_ = 0;
  std::size_t scratch_floats_ = 0;
  // Scratch: two rows that layers take turns in, then a layer's own work, then steps.
  std::size_t row_floats_ = 0;
  std::size_t work_floats_ = 0;
  std::size_t sums_floats_ = 0;  // of an LSTM, for each row of a window
  std::vector<Layer> layers_;
  std::vector<Matrix> matrices_;
  NetworkBlock floats_;
  NetworkBlock bytes_;  // as int8 and int16
  NetworkBlock integers_;  // as int32
};

}  // namespace thintail
