// SPDX-License-Identifier: Apache-2.0
// Small networks trained here: what quantization is judged on where no network of one's own is at hand. Those that trade
// come from the libraries that are made for training.
//   path  cold
//
// Weights may differ in their last bits from CPU to CPU: sums are Eigen's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/error.hpp"
#include "ml/networks/network_spec.hpp"

namespace thintail {

struct DenseTraining {
  std::vector<std::uint32_t> hidden = {128, 64};  // widths of layers with relu
  std::uint32_t epochs = 2;
  std::uint32_t batch = 64;
  float rate = 0.02f;  // falls to 0 over the epochs
  float momentum = 0.9f;
  float decay = 1e-2f;  // of weights, a step of rate 1: what is not asked for again is forgotten
  std::uint64_t seed = 1;
};

// Three classes by softmax: labels in their lowest third, between, in their highest third. Output 2 is the chance of the
// last one, which serves as a score. By stochastic gradient descent on rows of `inputs` scaled numbers.
Result<NetworkSpec> train_dense(std::span<const float> rows, std::uint32_t inputs, std::span<const float> labels,
                                const DenseTraining& training);
inline constexpr std::uint32_t kUpOutput = 2;

// An LSTM of random weights that forgets (an echo state network), so that its states are a fading memory of the rows.
NetworkSpec lstm_reservoir(std::uint32_t inputs, std::uint32_t units, std::uint64_t seed);

// `spec` with a dense layer of one output behind it: the sign of the label by ridge regression on what `spec` puts out
// over consecutive rows.
Result<NetworkSpec> with_readout(const NetworkSpec& spec, std::span<const float> rows, std::span<const float> labels,
                                 double ridge);

}  // namespace thintail
