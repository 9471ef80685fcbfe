// SPDX-License-Identifier: Apache-2.0
// Reads networks written as JSON: Keras's layers in RTNeural's form ({"in_shape": .., "layers": [..]}), or a bare PyTorch
// state dict ({"lstm.weight_ih_l0": [[..]], ..}), whose layers are taken in the order of their tensors.
//   path  cold
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/networks/network_spec.hpp"

namespace thintail {

// Dense, time-distributed dense, LSTM, GRU (reset_after: two rows of biases), causal conv1d and activations.
Result<NetworkSpec> read_network_json(std::string_view text, const std::string& file);

}  // namespace thintail
