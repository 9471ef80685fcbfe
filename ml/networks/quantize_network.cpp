// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/quantize_network.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace thintail {
namespace {

std::vector<float> answers(const Network& network, std::span<const float> rows) {
  NetworkBlock state_block = network.make_state();
  NetworkBlock scratch_block = network.make_scratch();
  auto* const state = reinterpret_cast<float*>(state_block.data());
  auto* const scratch = reinterpret_cast<float*>(scratch_block.data());
  const std::size_t count = rows.size() / network.inputs();
  std::vector<float> out(count * network.outputs());
  for (std::size_t row = 0; row < count; ++row) {
    network.step(rows.data() + row * network.inputs(), state, scratch, out.data() + row * network.outputs());
  }
  return out;
}

}  // namespace

double quantization_error(std::span<const float> quantized, std::span<const float> exact) noexcept {
  double sum = 0;
  for (const float value : exact) sum += double{value};
  const double mean = sum / static_cast<double>(exact.size());
  double spread = 0;
  double square = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double f = double{exact[i]};
    spread += (f - mean) * (f - mean);
    square += (double{quantized[i]} - f) * (double{quantized[i]} - f);
  }
  if (square == 0.0) return 0.0;
  return spread > 0.0 ? std::sqrt(square / spread) : std::numeric_limits<double>::infinity();
}

Result<QuantizedNetwork> quantize_within(const NetworkSpec& spec, std::span<const float> rows, double error_max,
                                         Isa isa, const std::string& file) {
  TT_TRY(const Network exact, Network::make(spec, isa, file));
  NetworkRanges ranges = exact.calibrate(rows);
  const std::vector<float> expected = answers(exact, rows);
  ranges.in_float.assign(exact.matrices(), 0);

  // What each matrix costs alone, in squared error for each byte that it saves: a small one that costs much goes first.
  std::vector<std::pair<double, std::size_t>> costs;
  for (std::size_t matrix = 0; matrix < exact.matrices(); ++matrix) {
    NetworkRanges alone = ranges;
    alone.in_float.assign(exact.matrices(), 1);
    alone.in_float[matrix] = 0;
    TT_TRY(const Network network, Network::make_quantized(spec, alone, isa, file));
    const double error = quantization_error(answers(network, rows), expected);
    const auto saved = static_cast<double>(exact.weight_bytes() - network.weight_bytes());
    if (network.quantized_matrices() != 0) costs.emplace_back(error * error / saved, matrix);
  }
  std::ranges::sort(costs);

  for (;;) {
    TT_TRY(Network network, Network::make_quantized(spec, ranges, isa, file));
    const double error = quantization_error(answers(network, rows), expected);
    if (error <= error_max || costs.empty()) return QuantizedNetwork{std::move(network), std::move(ranges), error};
    ranges.in_float[costs.back().second] = 1;
    costs.pop_back();
  }
}

}  // namespace thintail
