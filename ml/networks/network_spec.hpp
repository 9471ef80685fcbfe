// SPDX-License-Identifier: Apache-2.0
// NetworkSpec: a network as its file describes it, before it is packed for a CPU. Every reader gives one.
//   path  cold
//
// Tensors are row-major in PyTorch's orientation: a row an output. Gates follow PyTorch too: LSTM i, f, g, o; GRU r, z, n
// with h' = (1 - z) n + z h and the reset gate applied to U h + b (Keras's reset_after).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "ml/networks/network_kernel.hpp"

namespace thintail {

enum class LayerKind : std::uint8_t { dense, lstm, gru, attention, layer_norm, conv1d, activation };

// What a spec is held to: a hostile file is refused before anything is allocated for it.
inline constexpr std::uint32_t kNetworkWidthMax = 4096;
inline constexpr std::uint32_t kNetworkWindowMax = 4096;
inline constexpr std::uint32_t kNetworkTapsMax = 256;
inline constexpr std::uint32_t kNetworkLayersMax = 128;
inline constexpr std::uint64_t kNetworkWeightsMax = 1u << 26;
inline constexpr std::uint64_t kNetworkStateMax = 1u << 24;  // floats an instrument
inline constexpr float kNetworkWeightMax = 1e9f;  // with kNetworkInputMax: no layer's sum overflows

struct LayerSpec {
  LayerKind kind = LayerKind::dense;
  Activation activation = Activation::linear;  // of dense, conv1d and activation
  bool residual = false;  // adds the layer's input to its output
  std::string name = {};  // the file's own, for errors
  std::uint32_t inputs = 0;
  std::uint32_t outputs = 0;  // lstm, gru: hidden units
  std::uint32_t heads = 1;  // attention
  std::uint32_t window = 0;  // attention: rows it looks back on, the newest included
  std::uint32_t taps = 1;  // conv1d: kernel size, the last tap on the newest row
  std::uint32_t dilation = 1;  // conv1d
  float epsilon = 1e-5f;  // layer_norm
  // dense: outputs x inputs. lstm, gru: 4 or 3 outputs x inputs. attention: 3 inputs x inputs, queries, keys, values.
  // conv1d: outputs x inputs x taps. layer_norm: gains.
  std::vector<float> weight = {};
  std::vector<float> bias = {};  // a row of `weight` each; empty: zeros. layer_norm: offsets
  std::vector<float> recurrent =
      {};  // lstm, gru: 4 or 3 outputs x outputs. attention: outputs x inputs, after the heads
  std::vector<float> recurrent_bias = {};  // a row of `recurrent` each; empty: zeros
};

struct NetworkSpec {
  std::uint32_t inputs = 0;
  std::vector<LayerSpec> layers = {};

  std::uint32_t outputs() const noexcept { return layers.empty() ? inputs : layers.back().outputs; }
};

// How many gates a recurrent layer has; 1 for the others.
constexpr std::uint32_t gates_of(LayerKind kind) noexcept {
  return kind == LayerKind::lstm ? 4 : kind == LayerKind::gru ? 3 : 1;
}

const char* layer_kind_name(LayerKind kind) noexcept;

// Sizes within bounds and equal to what the tensors hold, layers that fit each other, and finite weights.
Result<void> check_network(const NetworkSpec& spec, const std::string& file);

}  // namespace thintail
