// SPDX-License-Identifier: Apache-2.0
// RegimeLabel: what kind of market it is, and RegimeChange, the announcement of another.
//   abi  the numbers stand in Regime events (`from`, `to`): never renumber, never reuse.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/event/payloads.hpp"

namespace thintail {

enum class RegimeLabel : std::uint16_t { unknown = 0, ranging = 1, trending_up = 2, trending_down = 3, turbulent = 4 };

inline constexpr std::size_t kRegimeLabels = 5;
inline constexpr std::array<std::string_view, kRegimeLabels> kRegimeNames = {"unknown", "ranging", "trending_up",
                                                                             "trending_down", "volatile"};

constexpr std::string_view regime_name(RegimeLabel label) noexcept {
  const auto index = static_cast<std::size_t>(label);
  return index < kRegimeLabels ? kRegimeNames[index] : std::string_view("?");
}

struct RegimeChange {
  RegimeLabel from = RegimeLabel::unknown;
  RegimeLabel to = RegimeLabel::unknown;
  float probability = 0.0F;  // of `to` when it was announced; 1 where a rule without probabilities said so
};

// `cause` is the sequence of the input that brought the change.
inline Regime to_payload(const RegimeChange& change, std::uint64_t cause) noexcept {
  return {.cause = cause,
          .from = static_cast<std::uint16_t>(change.from),
          .to = static_cast<std::uint16_t>(change.to),
          .probability = change.probability,
          .reserved = {}};
}

}  // namespace thintail
