// SPDX-License-Identifier: Apache-2.0
// RegimeTable: what each regime selects: how much of the configured risk is taken, and how much each ensemble member counts.
//   path  hot: of()
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/base/attributes.hpp"
#include "core/base/error.hpp"
#include "ml/regime/regime_label.hpp"

namespace thintail {

inline constexpr std::size_t kRegimeMembersMax = 16;  // of an ensemble: ml/ensemble's kMembersMax

struct RegimeRow {
  double risk_scale = 1.0;  // of positions and limits; never above 1: a regime can only make the core more careful
  std::array<double, kRegimeMembersMax> weights{};

  friend bool operator==(const RegimeRow&, const RegimeRow&) = default;
};

struct RegimeTable {
  std::uint32_t members = 0;  // 0: regimes do not weigh members
  std::array<RegimeRow, kRegimeLabels> rows{};  // by label; `unknown` is in force until the first announcement

  // A number that is no label, as an event of a later release could hold, is unknown.
  TT_HOT const RegimeRow& of(RegimeLabel label) const noexcept {
    const auto index = static_cast<std::size_t>(label);
    return rows[index < kRegimeLabels ? index : 0];
  }
  std::span<const double> weights(RegimeLabel label) const noexcept { return {of(label).weights.data(), members}; }

  // Names the field that is out of range, as it stands in a file.
  Result<void> validate() const;

  friend bool operator==(const RegimeTable&, const RegimeTable&) = default;
};

}  // namespace thintail
