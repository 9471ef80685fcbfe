// SPDX-License-Identifier: Apache-2.0
// SplitMix: random numbers that are the same on every machine, which the standard library's distributions are not.
//   path    cold
//   source  S. Vigna's splitmix64 (public domain)
#pragma once

#include <cstdint>

#include "core/base/int128.hpp"

namespace thintail::numeric {

class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // [0, 1), of 53 bits.
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }
  // [0, end), by Lemire's multiplication; the bias is below end / 2^64.
  std::uint64_t below(std::uint64_t end) noexcept {
    return static_cast<std::uint64_t>((static_cast<u128>(next()) * end) >> 64);
  }

 private:
  std::uint64_t state_;
};

}  // namespace thintail::numeric
