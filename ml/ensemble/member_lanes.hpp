// SPDX-License-Identifier: Apache-2.0
// MemberLanes: one number for each member of an ensemble, and the order in which they are added.
//   path  hot
#pragma once

#include <array>
#include <cstdint>

#include "core/base/attributes.hpp"

namespace thintail {

inline constexpr std::size_t kMembersMax = 16;

using MemberLanes = std::array<double, kMembersMax>;
using MemberMask = std::uint32_t;  // bit i: member i

// The sum in the tree of 8 lanes that CONTRACTS "Numbers" fixes. REQUIRES: lanes of members that do not count are 0.
TT_ALWAYS_INLINE double member_sum(const MemberLanes& x) noexcept {
  const auto lane = [&](std::size_t i) { return x[i] + x[i + 8]; };
  return ((lane(0) + lane(4)) + (lane(2) + lane(6))) + ((lane(1) + lane(5)) + (lane(3) + lane(7)));
}

TT_ALWAYS_INLINE bool has_member(MemberMask mask, std::size_t member) noexcept { return ((mask >> member) & 1u) != 0; }

}  // namespace thintail
