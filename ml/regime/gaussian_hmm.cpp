// SPDX-License-Identifier: Apache-2.0
#include "ml/regime/gaussian_hmm.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace thintail {
namespace {

Result<void> refuse(std::string field, std::string expected, std::string found) {
  return fail({.code = ErrorCode::config_bad_value,
               .doing = "checking a regime model",
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

// Written to accept: a NaN lies within no bounds.
Result<void> check(double value, double low, double high, std::string field) {
  if (value >= low && value <= high) return {};
  return refuse(std::move(field), fmt::format("a number from {} to {}", low, high), fmt::format("{}", value));
}

Result<void> check_distribution(const StateLanes& row, std::uint32_t states, const std::string& field) {
  double sum = 0.0;
  for (std::uint32_t i = 0; i < states; ++i) {
    TT_TRY_VOID(check(row[i], 0.0, 1.0, fmt::format("{}[{}]", field, i)));
    sum += row[i];
  }
  if (sum >= 1.0 - GaussianHmm::kSumTolerance && sum <= 1.0 + GaussianHmm::kSumTolerance) return {};
  return refuse(field, "probabilities that sum to 1", fmt::format("a sum of {}", sum));
}

}  // namespace

Result<void> GaussianHmm::validate() const {
  if (states < 2 || states > kHmmStatesMax)
    return refuse("states", fmt::format("2 to {} states", kHmmStatesMax), fmt::format("{}", states));
  if (features < 1 || features > kHmmFeaturesMax)
    return refuse("features", fmt::format("1 to {} features", kHmmFeaturesMax), fmt::format("{}", features));
  if (trend_feature >= features)
    return refuse("trend_feature", fmt::format("one of {} features", features),
                  fmt::format("number {}", trend_feature));
  if (volatility_feature != kNoHmmFeature && volatility_feature >= features) {
    return refuse("volatility_feature", fmt::format("one of {} features", features),
                  fmt::format("number {}", volatility_feature));
  }
  TT_TRY_VOID(check_distribution(initial, states, "initial"));
  for (std::uint32_t i = 0; i < states; ++i) {
    TT_TRY_VOID(check_distribution(transition[i], states, fmt::format("transition[{}]", i)));
  }
  for (std::uint32_t i = 0; i < states; ++i) {
    for (std::uint32_t f = 0; f < features; ++f) {
      TT_TRY_VOID(check(mean[i][f], -kMeanMax, kMeanMax, fmt::format("states[{}].mean[{}]", i, f)));
      TT_TRY_VOID(check(variance[i][f], kVarianceMin, kVarianceMax, fmt::format("states[{}].variance[{}]", i, f)));
    }
  }
  return {};
}

std::array<RegimeLabel, kHmmStatesMax> derive_labels(const GaussianHmm& hmm) {
  std::array<RegimeLabel, kHmmStatesMax> labels{};
  std::array<std::uint32_t, kHmmStatesMax> order{};
  std::uint32_t left = hmm.states;
  for (std::uint32_t i = 0; i < left; ++i) order[i] = i;
  const auto volatility = [&](std::uint32_t i) {
    return hmm.volatility_feature != kNoHmmFeature ? hmm.mean[i][hmm.volatility_feature]
                                                   : hmm.variance[i][hmm.trend_feature];
  };
  if (hmm.states != 3) {
    std::stable_sort(order.begin(), order.begin() + left,
                     [&](std::uint32_t a, std::uint32_t b) { return volatility(a) < volatility(b); });
    labels[order[--left]] = RegimeLabel::turbulent;
  }
  std::stable_sort(order.begin(), order.begin() + left, [&](std::uint32_t a, std::uint32_t b) {
    const double mean_a = hmm.mean[a][hmm.trend_feature];
    const double mean_b = hmm.mean[b][hmm.trend_feature];
    return mean_a != mean_b ? mean_a < mean_b : a < b;
  });
  for (std::uint32_t rank = 0; rank < left; ++rank) {
    const std::uint32_t below = rank;
    const std::uint32_t above = left - 1 - rank;
    const bool is_middle = below == above || below + 1 == above || above + 1 == below;
    labels[order[rank]] = is_middle       ? RegimeLabel::ranging
                          : below < above ? RegimeLabel::trending_down
                                          : RegimeLabel::trending_up;
  }
  return labels;
}

HmmEmissions::HmmEmissions(const GaussianHmm& hmm) noexcept : features_(hmm.features) {
  constexpr double kLog2E = 0x1.71547652b82fep0;
  constexpr double kTwoPi = 0x1.921fb54442d18p2;
  for (std::size_t f = 0; f < hmm.features; ++f) {
    for (std::size_t j = 0; j < hmm.states; ++j) {
      mean_[f][j] = hmm.mean[j][f];
      half_precision_[f][j] = kLog2E / (2.0 * hmm.variance[j][f]);
      peak_[f][j] = -0.5 * numeric::log2(kTwoPi * hmm.variance[j][f]);
    }
  }
}

}  // namespace thintail
