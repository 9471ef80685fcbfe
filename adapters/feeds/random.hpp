// SPDX-License-Identifier: Apache-2.0
// Random: a small seeded generator (xoshiro256++, Blackman and Vigna 2019) and the draws that the simulator
// needs.
//   path       warm
//   invariant  integers, + - * / and comparisons only: the same seed draws the same on every machine. No
//              libm, whose last bit does not.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "core/numeric/split_mix.hpp"

namespace thintail {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept {
    // splitmix64 spreads neighbouring seeds over the whole state, as the authors advise.
    numeric::SplitMix spread(seed);
    for (std::uint64_t& word : state_) word = spread.next();
  }

  std::uint64_t bits() noexcept {
    const std::uint64_t out = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return out;
  }

  // [0, 1)
  double uniform() noexcept { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  // [0, end), with a bias below end / 2^32
  std::uint32_t below(std::uint32_t end) noexcept { return static_cast<std::uint32_t>(((bits() >> 32) * end) >> 32); }

  // Mean 0, variance 1, within +-3.47: the sum of four uniform 16-bit numbers, near enough to a normal for a
  // price step.
  double bell() noexcept {
    constexpr double kMean = 4 * 65'535 / 2.0;
    constexpr double kDeviation = 37'837.227;  // sqrt(4 (65536^2 - 1) / 12)
    const std::uint64_t word = bits();
    const std::uint64_t sum = (word & 0xffff) + ((word >> 16) & 0xffff) + ((word >> 32) & 0xffff) + (word >> 48);
    return (static_cast<double>(sum) - kMean) / kDeviation;
  }

  // Exponential of mean 1 by von Neumann's comparison method (1951): exact, without a logarithm. The length
  // of a falling run of uniforms is odd with probability e^-x given its first, x; each rejected run adds a
  // whole 1.
  double exponential() noexcept {
    for (double whole = 0.0;; whole += 1.0) {
      const double first = uniform();
      double last = first;
      for (bool is_odd = true;; is_odd = !is_odd) {
        const double next = uniform();
        if (next >= last) {
          if (is_odd) return whole + first;
          break;
        }
        last = next;
      }
    }
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace thintail
