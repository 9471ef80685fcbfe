// SPDX-License-Identifier: Apache-2.0
// Layers from tensors that carry PyTorch's names (lstm.weight_ih_l0, fc.weight, ..).
//   path  cold
#pragma once

#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "ml/networks/named_tensor.hpp"
#include "ml/networks/network_spec.hpp"

namespace thintail {

// A layer as a file of layers asks for it: its kind and settings, and the prefix of its tensors.
struct TorchLayer {
  LayerKind kind = LayerKind::dense;
  std::string weights = {};
  std::uint32_t stack = 0;  // lstm, gru: the k of weight_ih_l{k}
  Activation activation = Activation::linear;
  bool residual = false;
  std::uint32_t heads = 1;
  std::uint32_t window = 0;
  std::uint32_t dilation = 1;
  float epsilon = 1e-5f;
};

// Every tensor must be used: one that is left over would change what the network computes.
Result<NetworkSpec> torch_network(std::uint32_t inputs, const std::vector<TorchLayer>& layers,
                                  std::vector<NamedTensor> tensors, const std::string& file);

// The layers that the tensors' names and shapes tell, in the tensors' order: LSTM, GRU, dense, without activations.
Result<NetworkSpec> torch_state_dict(std::vector<NamedTensor> tensors, const std::string& file);

}  // namespace thintail
