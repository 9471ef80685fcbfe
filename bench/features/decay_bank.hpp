// SPDX-License-Identifier: Apache-2.0
// DecayBank: decayed means alone: signals over 16 half-lives in trading time, in the engine's own state layout, with its
// kernel for the weights, which are most of the work. plain_decay(): the same by a loop with std::exp2.
//   path  hot: add()
#pragma once

#include <immintrin.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include "core/base/attributes.hpp"
#include "ml/features/tick_kernel.hpp"

namespace thintail::bench {

// From a quarter of a second to more than two hours, each twice the one before.
constexpr std::array<double, kDecayLanes> bank_half_lives_ns() {
  std::array<double, kDecayLanes> out{};
  double half_life_ns = 0.25e9;
  for (double& one : out) {
    one = half_life_ns;
    half_life_ns *= 2;
  }
  return out;
}

class DecayBank {
 public:
  explicit DecayBank(Isa isa) : weights_(kWeightKernels[isa]) {
    for (unsigned i = 0; i < kDecayLanes; ++i) program_.per_ns[i] = 1.0 / bank_half_lives_ns()[i];
    program_.half_lives = kDecayLanes;
  }

  // `means` as bank_index() has it, aligned to a cache line: what held for `dt_ns` enters.
  template <std::size_t kSignals>
  TT_HOT void add(double* means, const std::array<double, kSignals>& inputs, double dt_ns) const noexcept {
    DecayWeights weights;
    weights_(program_, dt_ns, weights);
    // As the tick kernel does it: left to the compiler, loads of other widths wait for the weights' stores.
    for (unsigned quad = 0; quad < kDecayLanes; quad += kQuad) {
      const __m256d weight = _mm256_load_pd(weights.weight + quad);
      for (std::size_t signal = 0; signal < kSignals; ++signal, means += kQuad) {
        const __m256d mean = _mm256_load_pd(means);
        _mm256_store_pd(means, _mm256_fmadd_pd(weight, _mm256_sub_pd(_mm256_set1_pd(inputs[signal]), mean), mean));
      }
    }
  }

 private:
  WeightKernel weights_;
  TickProgram program_{};
};

// Where a mean lies in the engine's layout: quads of half-lives, in each of them the signals.
constexpr std::size_t bank_index(std::size_t signals, std::size_t signal, std::size_t half_life) noexcept {
  return (half_life / kQuad * signals + signal) * kQuad + half_life % kQuad;
}

// e += w (x - e), w = 1 - 2^(-dt / h).
[[gnu::noinline]] inline void plain_decay(std::span<double> means, std::span<const double> inputs,
                                          double dt_ns) noexcept {
  constexpr auto kHalfLives = bank_half_lives_ns();
  for (std::size_t lane = 0; lane < kDecayLanes; ++lane) {
    const double weight = 1.0 - std::exp2(-dt_ns / kHalfLives[lane]);
    for (std::size_t signal = 0; signal < inputs.size(); ++signal) {
      double& mean = means[bank_index(inputs.size(), signal, lane)];
      mean += weight * (inputs[signal] - mean);
    }
  }
}

// How many of `ours` are those of the plain loop, whose weight 1 - 2^-x cancels where x is small.
inline std::uint64_t near_means(std::span<const double> ours, std::span<const double> plain) {
  std::uint64_t near = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) near += std::abs(ours[i] - plain[i]) <= 1e-9 * std::abs(plain[i]);
  return near;
}

}  // namespace thintail::bench
