// SPDX-License-Identifier: Apache-2.0
#include "ml/regime/regime_table.hpp"

#include <fmt/format.h>

namespace thintail {

Result<void> RegimeTable::validate() const {
  const auto refuse = [](std::string field, std::string expected, std::string found) -> Result<void> {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "checking a regime table",
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  if (members > kRegimeMembersMax)
    return refuse("weights", fmt::format("at most {} members", kRegimeMembersMax), fmt::format("{}", members));
  for (std::size_t i = 0; i < kRegimeLabels; ++i) {
    const RegimeRow& row = rows[i];
    // Written to accept: a NaN lies within no bounds.
    if (!(row.risk_scale >= 0.0 && row.risk_scale <= 1.0)) {
      return refuse(fmt::format("regimes.{}.risk_scale", kRegimeNames[i]), "a number from 0 to 1",
                    fmt::format("{}", row.risk_scale));
    }
    for (std::uint32_t member = 0; member < members; ++member) {
      if (row.weights[member] >= 0.0 && row.weights[member] <= 1e6) continue;
      return refuse(fmt::format("regimes.{}.weights[{}]", kRegimeNames[i], member), "a number from 0 to 1e6",
                    fmt::format("{}", row.weights[member]));
    }
  }
  return {};
}

}  // namespace thintail
