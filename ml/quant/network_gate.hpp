// SPDX-License-Identifier: Apache-2.0
// The gate over two networks: runs both over held-out rows, state carried, and judges one of their outputs.
//   path  cold
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ml/networks/network.hpp"
#include "ml/quant/quantization_gate.hpp"

namespace thintail {

// Consecutive rows of `inputs` numbers each, as the network takes them.
struct NetworkGateRows {
  std::span<const float> rows;
  std::span<const float> labels;
  std::span<const float> cost = {};
  std::uint32_t output = 0;  // the score is offset + scale * this one
  double scale = 1.0;
  double offset = 0.0;
};

// The scores of rows from a fresh state.
std::vector<float> network_scores(const Network& network, std::span<const float> rows, std::uint32_t output,
                                  double scale = 1.0, double offset = 0.0);

// What a tenth of the scores lies below, and what a tenth lies above: thresholds of who acts on a fifth of the rows.
std::vector<double> tenth_thresholds(std::span<const float> scores);

// Networks that remember must also show that their error does not grow.
Result<GateReport> judge_network(const Network& exact, const Network& quantized, const NetworkGateRows& rows,
                                 const GateSettings& settings);

}  // namespace thintail
