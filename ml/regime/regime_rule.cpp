// SPDX-License-Identifier: Apache-2.0
#include "ml/regime/regime_rule.hpp"

#include <fmt/format.h>

namespace thintail {

Result<void> RegimeRuleConfig::validate() const {
  const auto check = [](double leave, double enter, double max, const char* field) -> Result<void> {
    // Written to accept: a NaN lies within no bounds.
    if (leave >= 0.0 && leave <= enter && enter <= max) return {};
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "checking a regime rule",
                 .field = field,
                 .expected = fmt::format("0 <= {0}_leave <= {0}_enter <= {1}", field, max),
                 .found = fmt::format("{}_leave {}, {}_enter {}", field, leave, field, enter)});
  };
  TT_TRY_VOID(check(adx_leave, adx_enter, 100.0, "adx"));
  TT_TRY_VOID(check(volatility_leave, volatility_enter, 1e9, "volatility"));
  return {};
}

}  // namespace thintail
