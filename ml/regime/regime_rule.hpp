// SPDX-License-Identifier: Apache-2.0
// RegimeRule: regimes by thresholds on ADX and realised volatility, as a control that a fitted model has to beat.
//   path       hot
//   threads    one
//   invariant  a threshold is entered above `enter` and left below `leave`; between them what was true stays true.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/base/attributes.hpp"
#include "core/base/error.hpp"
#include "ml/regime/regime_label.hpp"

namespace thintail {

struct RegimeRuleConfig {
  double adx_enter = 25.0;  // Wilder's own figure for a trend
  double adx_leave = 20.0;
  double volatility_enter = 1e9;  // in the unit of the volatility that is given to step(); 1e9 is never
  double volatility_leave = 1e9;

  // Names the field that is wrong.
  Result<void> validate() const;
};

struct RegimeRuleState {
  RegimeLabel current = RegimeLabel::unknown;
  std::uint8_t is_trending = 0;
  std::uint8_t is_volatile = 0;
};
static_assert(std::is_trivially_copyable_v<RegimeRuleState> && sizeof(RegimeRuleState) == 4);

class RegimeRule {
 public:
  // REQUIRES: config.validate() holds.
  explicit RegimeRule(const RegimeRuleConfig& config) noexcept : config_(config) {}

  // Volatile before trending, whose direction is that of the larger directional index. Where an input is not finite nothing
  // changes. True where `out` is a change to announce.
  TT_HOT bool step(double adx, double plus_di, double minus_di, double volatility, RegimeChange& out) noexcept {
    if (!__builtin_isfinite(adx) || !__builtin_isfinite(plus_di) || !__builtin_isfinite(minus_di) ||
        !__builtin_isfinite(volatility)) {
      return false;
    }
    state_.is_trending = adx >= (state_.is_trending != 0 ? config_.adx_leave : config_.adx_enter) ? 1 : 0;
    state_.is_volatile =
        volatility >= (state_.is_volatile != 0 ? config_.volatility_leave : config_.volatility_enter) ? 1 : 0;
    RegimeLabel label = RegimeLabel::ranging;
    if (state_.is_trending != 0) label = plus_di >= minus_di ? RegimeLabel::trending_up : RegimeLabel::trending_down;
    if (state_.is_volatile != 0) label = RegimeLabel::turbulent;
    if (label == state_.current) return false;
    out = {.from = state_.current, .to = label, .probability = 1.0F};
    state_.current = label;
    return true;
  }

  RegimeLabel current() const noexcept { return state_.current; }
  const RegimeRuleState& state() const noexcept { return state_; }
  void restore(const RegimeRuleState& state) noexcept { state_ = state; }

 private:
  RegimeRuleConfig config_;
  RegimeRuleState state_{};
};

}  // namespace thintail
