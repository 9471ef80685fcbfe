// SPDX-License-Identifier: Apache-2.0
#include "ml/quant/reference_networks.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/numeric/split_mix.hpp"
#include "ml/train/network_training.hpp"

namespace thintail {
namespace {

constexpr std::uint32_t kLstmUnits = 64;
constexpr double kRidge = 1e-5;
constexpr std::size_t kTrainingRows = 65'536;  // spread over the earlier ones: neighbours say nearly the same
constexpr float kNoise = 0.65f;  // its deviation: what makes the AUC about 0.9

// Every n-th of the earlier rows.
ScaledRows thinned(const ScaledRows& rows) {
  ScaledRows out{.inputs = rows.inputs};
  const std::size_t count = rows.earlier_labels.size();
  const std::size_t stride = (count + kTrainingRows - 1) / kTrainingRows;
  for (std::size_t row = 0; row < count; row += stride) {
    const auto first = rows.earlier.begin() + static_cast<std::ptrdiff_t>(row * rows.inputs);
    out.earlier.insert(out.earlier.end(), first, first + rows.inputs);
    out.earlier_labels.push_back(rows.earlier_labels[row]);
  }
  return out;
}

}  // namespace

std::vector<float> strong_signal(std::span<const float> rows, std::uint32_t inputs, std::uint64_t seed) {
  numeric::SplitMix random(seed);
  std::vector<float> out;
  out.reserve(rows.size() / inputs);
  for (std::size_t at = 0; at + inputs <= rows.size(); at += inputs) {
    const auto lane = [&](std::uint32_t eighth) { return std::clamp(rows[at + inputs * eighth / 8], -2.0f, 2.0f); };
    const float signal = 0.6f * lane(1) * lane(3) + 0.8f * (std::abs(lane(5)) - 0.7f) + 0.8f * lane(7);
    double noise = -6.0;
    for (int i = 0; i < 12; ++i) noise += random.uniform();
    out.push_back(signal + kNoise * static_cast<float>(noise));
  }
  return out;
}

Result<std::vector<ReferenceNetwork>> reference_networks(const ScaledRows& rows, std::uint64_t seed) {
  std::vector<ReferenceNetwork> out;
  const DenseTraining training{.seed = seed};
  const ScaledRows some = thinned(rows);
  TT_TRY(NetworkSpec mlp, train_dense(some.earlier, rows.inputs, some.earlier_labels, training));
  out.push_back({"mlp", "two hidden layers of 128 and 64 with relu, softmax of 3, on the rows' label", std::move(mlp),
                 kUpOutput, rows.later_labels});
  TT_TRY(NetworkSpec strong,
         train_dense(some.earlier, rows.inputs, strong_signal(some.earlier, rows.inputs, seed), training));
  out.push_back({"mlp_strong", "the same on a strong signal of four inputs, a product among them", std::move(strong),
                 kUpOutput, strong_signal(rows.later, rows.inputs, seed + 1)});
  TT_TRY(NetworkSpec lstm,
         with_readout(lstm_reservoir(rows.inputs, kLstmUnits, seed), rows.earlier, rows.earlier_labels, kRidge));
  out.push_back({"lstm", "an LSTM of 64 units and random weights, and a fitted readout, on the rows' label",
                 std::move(lstm), 0, rows.later_labels});
  return out;
}

}  // namespace thintail
