// SPDX-License-Identifier: Apache-2.0
// Networks to judge quantization itself by, trained on the spot on real rows: weak signal, strong signal, memory.
//   path  cold
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "ml/networks/network_spec.hpp"

namespace thintail {

// Rows as networks take them (ml/train/lane_scaling.hpp), and a label each.
struct ScaledRows {
  std::uint32_t inputs = 0;
  std::vector<float> earlier = {};  // to train and calibrate on
  std::vector<float> earlier_labels = {};
  std::vector<float> later = {};  // to judge by
  std::vector<float> later_labels = {};
};

struct ReferenceNetwork {
  std::string name;
  std::string about;
  NetworkSpec spec;
  std::uint32_t output = 0;
  std::vector<float> later_labels;
};

// mlp: 64 and 128 wide layers on the rows' own label. mlp_strong: the same on a signal that is known to be there, AUC about
// 0.9. lstm: 64 units and a readout, on the rows' own label.
Result<std::vector<ReferenceNetwork>> reference_networks(const ScaledRows& rows, std::uint64_t seed);

// A label that four of the inputs tell, not linearly, but for noise: the same rows and seed give the same labels.
std::vector<float> strong_signal(std::span<const float> rows, std::uint32_t inputs, std::uint64_t seed);

}  // namespace thintail
