// SPDX-License-Identifier: Apache-2.0
// The 128-bit integers that money and exact window sums are held in.
#pragma once

#include <cstdint>

namespace thintail {

__extension__ typedef __int128 i128;            // NOLINT: -Wpedantic accepts only the typedef form
__extension__ typedef unsigned __int128 u128;  // NOLINT

// An i128 crosses memory boundaries as two words: its alignment of 16 would not fit a 40-byte payload.
struct WideWords {
  std::uint64_t low;
  std::int64_t high;
};

constexpr WideWords to_words(i128 value) noexcept {
  return {static_cast<std::uint64_t>(value), static_cast<std::int64_t>(value >> 64)};
}

constexpr i128 from_words(std::uint64_t low, std::int64_t high) noexcept {
  return (static_cast<i128>(high) << 64) | static_cast<i128>(low);
}

}  // namespace thintail
