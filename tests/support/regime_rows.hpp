// SPDX-License-Identifier: Apache-2.0
// A market of four regimes, made up: the hidden Markov model that makes it, and rows drawn from it with the states that made them.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "ml/regime/gaussian_hmm.hpp"

namespace thintail::test {

// Features: a return, a log volatility. States: ranging, up, down, volatile.
inline GaussianHmm four_regimes() {
  GaussianHmm hmm{.states = 4, .features = 2, .trend_feature = 0, .volatility_feature = 1};
  const double mean[4][2] = {{0.0, 0.0}, {1.5, 0.5}, {-1.5, 0.5}, {0.0, 2.5}};
  const double variance[4][2] = {{0.25, 0.2}, {0.6, 0.2}, {0.6, 0.2}, {9.0, 0.4}};
  for (std::size_t i = 0; i < 4; ++i) {
    hmm.initial[i] = 0.25;
    for (std::size_t j = 0; j < 4; ++j) hmm.transition[i][j] = i == j ? 0.97 : 0.01;
    for (std::size_t f = 0; f < 2; ++f) {
      hmm.mean[i][f] = mean[i][f];
      hmm.variance[i][f] = variance[i][f];
    }
  }
  return hmm;
}

struct RegimeRows {
  std::vector<float> values;
  std::vector<std::uint8_t> states;
  std::size_t features = 0;

  std::size_t size() const { return states.size(); }
  std::span<const float> row(std::size_t t) const { return std::span(values).subspan(t * features, features); }
};

// Each feature is missing with probability `missing`.
inline RegimeRows draw_rows(const GaussianHmm& hmm, std::size_t count, std::uint64_t seed, double missing = 0.0) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  std::normal_distribution<double> normal;
  const auto draw = [&](const StateLanes& probability) {
    double left = uniform(random);
    std::uint8_t state = 0;
    while (state + 1U < hmm.states && (left -= probability[state]) >= 0.0) ++state;
    return state;
  };
  RegimeRows rows{.values = {}, .states = {}, .features = hmm.features};
  for (std::size_t t = 0; t < count; ++t) {
    rows.states.push_back(draw(t == 0 ? hmm.initial : hmm.transition[rows.states.back()]));
    for (std::size_t f = 0; f < hmm.features; ++f) {
      const double x = hmm.mean[rows.states[t]][f] + std::sqrt(hmm.variance[rows.states[t]][f]) * normal(random);
      rows.values.push_back(uniform(random) < missing ? std::numeric_limits<float>::quiet_NaN()
                                                      : static_cast<float>(x));
    }
  }
  return rows;
}

// A model without any structure: what holds for these holds for all.
inline GaussianHmm random_hmm(std::uint32_t states, std::uint32_t features, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0.05, 1.0);
  GaussianHmm hmm{.states = states, .features = features};
  const auto distribution = [&](StateLanes& out) {
    double sum = 0.0;
    for (std::uint32_t i = 0; i < states; ++i) sum += out[i] = uniform(random);
    for (std::uint32_t i = 0; i < states; ++i) out[i] /= sum;
  };
  distribution(hmm.initial);
  for (std::uint32_t i = 0; i < states; ++i) {
    distribution(hmm.transition[i]);
    for (std::uint32_t f = 0; f < features; ++f) {
      hmm.mean[i][f] = 4.0 * uniform(random) - 2.0;
      hmm.variance[i][f] = uniform(random);
    }
  }
  return hmm;
}

}  // namespace thintail::test
