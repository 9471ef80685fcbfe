// SPDX-License-Identifier: Apache-2.0
// Text<N>: a short name inside a shared-memory record: cut to N - 1 bytes, padded with zeros.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace thintail::shm {

template <std::size_t N>
struct Text {
  std::array<char, N> bytes;

  static constexpr Text of(std::string_view text) noexcept {
    Text out{};
    std::ranges::copy(text.substr(0, N - 1), out.bytes.begin());
    return out;
  }
  // Ends at the first zero, or at N where a damaged record has none.
  constexpr std::string_view view() const noexcept {
    return {bytes.data(), static_cast<std::size_t>(std::ranges::find(bytes, '\0') - bytes.begin())};
  }
};

}  // namespace thintail::shm
