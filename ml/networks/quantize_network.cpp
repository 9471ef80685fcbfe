// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/quantize_network.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
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

constexpr std::size_t kPartsMax = 8;
constexpr std::size_t kPartRowsMin = 4'096;  // fewer say little of how f varies

double worst_error(std::span<const float> quantized, std::span<const float> exact, std::uint32_t outputs) {
  const std::size_t rows = exact.size() / outputs;
  const std::size_t parts = std::clamp<std::size_t>(rows / kPartRowsMin, 1, kPartsMax);
  double worst = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t first = rows * part / parts * outputs;
    const std::size_t count = rows * (part + 1) / parts * outputs - first;
    worst = std::max(worst, quantization_error(quantized.subspan(first, count), exact.subspan(first, count)));
  }
  return worst;
}

// Matrix 0 takes the network's inputs where the first layer is one of matrices; a convolution takes them tap by tap.
bool is_first_matrix_of_inputs(LayerKind kind) noexcept {
  return kind != LayerKind::layer_norm && kind != LayerKind::activation;
}

void widen_to(NetworkRanges& ranges, std::span<const float> input_bounds) {
  std::vector<NetworkRanges::Range>& inputs = ranges.inputs.front();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const float bound = input_bounds[i % input_bounds.size()];
    inputs[i].least = std::min(inputs[i].least, -bound);
    inputs[i].largest = std::max(inputs[i].largest, bound);
  }
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
                                         Isa isa, const std::string& file, std::span<const float> input_bounds) {
  TT_TRY(const Network exact, Network::make(spec, isa, file));
  NetworkRanges ranges = exact.calibrate(rows);
  if (!input_bounds.empty() && exact.matrices() != 0 && is_first_matrix_of_inputs(spec.layers.front().kind)) {
    widen_to(ranges, input_bounds);
  }
  const std::vector<float> expected = answers(exact, rows);
  ranges.forms.assign(exact.matrices(), MatrixForm::int8);

  // What each matrix costs alone, in squared error for each byte that it saves: a small one that costs much goes first.
  std::vector<std::pair<double, std::size_t>> costs;
  for (std::size_t matrix = 0; matrix < exact.matrices(); ++matrix) {
    NetworkRanges alone = ranges;
    alone.forms.assign(exact.matrices(), MatrixForm::float32);
    alone.forms[matrix] = MatrixForm::int8;
    TT_TRY(const Network network, Network::make_quantized(spec, alone, isa, file));
    const double error = worst_error(answers(network, rows), expected, spec.outputs());
    const auto saved = static_cast<double>(exact.weight_bytes() - network.weight_bytes());
    if (network.quantized_matrices() != 0) costs.emplace_back(error * error / saved, matrix);
  }
  std::ranges::sort(costs, std::greater{});

  const auto made = [&]() -> Result<QuantizedNetwork> {
    TT_TRY(Network network, Network::make_quantized(spec, ranges, isa, file));
    const double error = worst_error(answers(network, rows), expected, spec.outputs());
    return QuantizedNetwork{std::move(network), ranges, error};
  };
  TT_TRY(QuantizedNetwork found, made());
  for (const MatrixForm finer : {MatrixForm::int16, MatrixForm::float32}) {
    for (const auto& [cost, matrix] : costs) {
      if (found.error <= error_max) break;
      ranges.forms[matrix] = finer;
      TT_TRY(found, made());
    }
  }
  // What was made finer before a matrix that mattered more may not have been needed.
  for (const auto& [cost, matrix] : costs) {
    const MatrixForm kept = std::exchange(ranges.forms[matrix], MatrixForm::int8);
    if (kept == MatrixForm::int8) continue;
    TT_TRY(QuantizedNetwork coarser, made());
    if (coarser.error <= error_max) {
      found = std::move(coarser);
    } else {
      ranges.forms[matrix] = kept;
    }
  }
  return found;
}

}  // namespace thintail
