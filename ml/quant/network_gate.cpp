// SPDX-License-Identifier: Apache-2.0
#include "ml/quant/network_gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace thintail {
namespace {

// Of each 10,000 carried steps the last 1,000 are compared, with a pair that began 1,000 rows before them: by then what a
// fresh start lacks has faded.
constexpr std::size_t kCompared = 1'000;
constexpr std::size_t kWarmUp = 1'000;

double square_error(std::span<const float> a, std::span<const float> b) {
  return std::transform_reduce(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(), [](float x, float y) {
    const double error = double{x} - double{y};
    return error * error;
  });
}

CarriedError carried_error(const Network& exact, const Network& quantized, const NetworkGateRows& rows,
                           std::span<const float> exact_scores, std::span<const float> quantized_scores) {
  CarriedError out{.steps = exact_scores.size()};
  double carried = 0;
  double restarted = 0;
  for (std::size_t end = kGateCarriedSteps; end <= exact_scores.size(); end += kGateCarriedSteps) {
    const std::size_t first = end - kCompared;
    carried += square_error(exact_scores.subspan(first, kCompared), quantized_scores.subspan(first, kCompared));
    const auto anew = rows.rows.subspan((first - kWarmUp) * exact.inputs(), (kWarmUp + kCompared) * exact.inputs());
    const std::vector<float> f = network_scores(exact, anew, rows.output, rows.scale, rows.offset);
    const std::vector<float> q = network_scores(quantized, anew, rows.output, rows.scale, rows.offset);
    restarted += square_error(std::span(f).subspan(kWarmUp), std::span(q).subspan(kWarmUp));
    out.compared += kCompared;
  }
  if (out.compared == 0) return out;
  out.carried = std::sqrt(carried / static_cast<double>(out.compared));
  out.restarted = std::sqrt(restarted / static_cast<double>(out.compared));
  return out;
}

}  // namespace

std::vector<float> network_scores(const Network& network, std::span<const float> rows, std::uint32_t output,
                                  double scale, double offset) {
  NetworkBlock state_block = network.make_state();
  NetworkBlock scratch_block = network.make_scratch();
  auto* const state = reinterpret_cast<float*>(state_block.data());
  auto* const scratch = reinterpret_cast<float*>(scratch_block.data());
  std::vector<float> out(network.outputs());
  std::vector<float> scores;
  scores.reserve(rows.size() / network.inputs());
  for (std::size_t at = 0; at + network.inputs() <= rows.size(); at += network.inputs()) {
    network.step(rows.data() + at, state, scratch, out.data());
    scores.push_back(static_cast<float>(offset + scale * double{out[output]}));
  }
  return scores;
}

std::vector<double> tenth_thresholds(std::span<const float> scores) {
  std::vector<float> sorted(scores.begin(), scores.end());
  std::ranges::sort(sorted);
  if (sorted.empty()) return {};
  const std::size_t tenth = sorted.size() / 10;
  return {double{sorted[tenth]}, double{sorted[sorted.size() - 1 - tenth]}};
}

Result<GateReport> judge_network(const Network& exact, const Network& quantized, const NetworkGateRows& rows,
                                 const GateSettings& settings) {
  if (exact.inputs() != quantized.inputs() || exact.outputs() != quantized.outputs() ||
      rows.output >= exact.outputs()) {
    return fail({.code = ErrorCode::quantization_unjudged,
                 .doing = "judging a quantization",
                 .field = "output",
                 .expected = fmt::format("one of {} outputs of two forms of one network", exact.outputs()),
                 .found = fmt::format("output {} of networks of {} and {} inputs", rows.output, exact.inputs(),
                                      quantized.inputs())});
  }
  const std::vector<float> f = network_scores(exact, rows.rows, rows.output, rows.scale, rows.offset);
  const std::vector<float> q = network_scores(quantized, rows.rows, rows.output, rows.scale, rows.offset);
  std::optional<CarriedError> carried;
  if (exact.state_floats() != 0) carried = carried_error(exact, quantized, rows, f, q);
  return judge_quantization({.exact = f, .quantized = q, .labels = rows.labels, .cost = rows.cost}, settings, carried);
}

}  // namespace thintail
