// SPDX-License-Identifier: Apache-2.0
// ChangeRule: when another regime is announced. Filtered probabilities flicker about a half; positions must not.
//   path       hot
//   invariant  between two announcements lie at least `steps_min` steps: n steps announce at most n / steps_min changes.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/attributes.hpp"
#include "ml/regime/regime_label.hpp"

namespace thintail {

using LabelProbabilities = std::array<double, kRegimeLabels>;

struct ChangeRuleConfig {
  double probability_min = 0.7;  // of the new regime
  double margin_min = 0.3;  // by which it must exceed that of the regime in force
  std::uint32_t steps_min = 3;  // for how many steps in a row, this one included

  friend bool operator==(const ChangeRuleConfig&, const ChangeRuleConfig&) = default;
};

struct ChangeRuleState {
  RegimeLabel current = RegimeLabel::unknown;
  RegimeLabel candidate = RegimeLabel::unknown;
  std::uint32_t steps = 0;  // that the candidate has led
};

// True where a change is announced. The first regime is one from unknown, which has no probability.
// REQUIRES: probability[0], of unknown, is 0.
TT_HOT inline bool announce_change(const LabelProbabilities& probability, const ChangeRuleConfig& config,
                                   ChangeRuleState& state, RegimeChange& out) noexcept {
  std::size_t best = 1;
  for (std::size_t i = 2; i < kRegimeLabels; ++i) best = probability[i] > probability[best] ? i : best;
  const auto leader = static_cast<RegimeLabel>(best);
  const double in_force = probability[static_cast<std::size_t>(state.current)];
  const bool leads = leader != state.current && probability[best] >= config.probability_min &&
                     probability[best] - in_force >= config.margin_min;
  if (!leads) {
    state.candidate = RegimeLabel::unknown;
    state.steps = 0;
    return false;
  }
  state.steps = leader == state.candidate ? state.steps + 1 : 1;
  state.candidate = leader;
  if (state.steps < config.steps_min) return false;
  out = {.from = state.current, .to = leader, .probability = static_cast<float>(probability[best])};
  state = {.current = leader};
  return true;
}

}  // namespace thintail
