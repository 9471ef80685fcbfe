// SPDX-License-Identifier: Apache-2.0
// Quantizes as much of a network as its accuracy allows: matrices whose int8 form costs most for what it saves go back to
// float32 until the whole is close enough on calibration rows.
//   path  cold
#pragma once

#include <span>
#include <string>

#include "core/base/error.hpp"
#include "ml/networks/network.hpp"

namespace thintail {

struct QuantizedNetwork {
  Network network;
  NetworkRanges ranges;  // with what stays in float32: make_quantized(spec, ranges, isa) gives the same network
  double error = 0;  // RMS(q - f) / std(f) on the calibration rows
};

// `rows` are consecutive rows of spec.inputs numbers, as the network will meet them; they are run from a fresh state.
Result<QuantizedNetwork> quantize_within(const NetworkSpec& spec, std::span<const float> rows, double error_max,
                                         Isa isa, const std::string& file = {});

// RMS(q - f) / std(f) of two lists of answers; infinite where they differ and f does not vary.
double quantization_error(std::span<const float> quantized, std::span<const float> exact) noexcept;

}  // namespace thintail
