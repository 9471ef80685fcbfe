// SPDX-License-Identifier: Apache-2.0
// Quantizes as much of a network as its accuracy allows: matrices whose int8 form costs most for what it saves become int16,
// and then float32, until the whole is close enough on calibration rows.
//   path  cold
#pragma once

#include <span>
#include <string>

#include "core/base/error.hpp"
#include "ml/networks/network.hpp"

namespace thintail {

struct QuantizedNetwork {
  Network network;
  NetworkRanges ranges;  // with each matrix's form: make_quantized(spec, ranges, isa) gives the same network
  // RMS(q - f) / std(f) on the calibration rows; of many, in the worst of up to eight parts that follow one another: where a
  // market is quiet f varies less, and steps stay as wide as they are.
  double error = 0;
};

// `rows` are consecutive rows of spec.inputs numbers, as the network will meet them; they are run from a fresh state.
// `input_bounds`: how far from 0 each input may ever be, e.g. the clip of its scaling; empty: not known. An input that
// hardly moved in `rows` would otherwise be held at what it was.
Result<QuantizedNetwork> quantize_within(const NetworkSpec& spec, std::span<const float> rows, double error_max,
                                         Isa isa, const std::string& file = {},
                                         std::span<const float> input_bounds = {});

// RMS(q - f) / std(f) of two lists of answers; infinite where they differ and f does not vary.
double quantization_error(std::span<const float> quantized, std::span<const float> exact) noexcept;

}  // namespace thintail
