// SPDX-License-Identifier: Apache-2.0
// Signal rules: from a score and a cost to the position wanted. Pure functions of their arguments.
//   path  hot
#pragma once

#include <cstdint>

#include "core/base/attributes.hpp"

namespace thintail {

enum class SignalReason : std::uint16_t { hold = 0, enter = 1, exit = 2, reverse = 3, fade = 4, flatten = 5 };

struct Decision {
  int direction;  // -1, 0, +1: side of the position wanted
  SignalReason reason;
};

// Enters when the expected move pays `entry` round trips, reverses when the opposite one does, and leaves when what is expected in the
// position's direction falls to `exit` round trips. entry > exit is the hysteresis that keeps noise around one level from trading.
// NaN scores and costs compare false everywhere and so hold nothing new: an entry needs a yes. So does a score of zero where a locked quote
// makes the round trip free: no expected move is no reason to trade.
TT_HOT inline Decision with_hysteresis(float score, float cost, int held, double entry, double exit) noexcept {
  const double edge = static_cast<double>(score);
  const double in = entry * static_cast<double>(cost);
  const double out = exit * static_cast<double>(cost);
  if (held == 0) {
    if (edge > 0 && edge >= in) return {1, SignalReason::enter};
    if (edge < 0 && edge <= -in) return {-1, SignalReason::enter};
    return {0, SignalReason::hold};
  }
  const double along = held > 0 ? edge : -edge;
  if (along < 0 && along <= -in) return {-held, SignalReason::reverse};
  if (along <= out) return {0, SignalReason::exit};
  return {held, SignalReason::hold};
}

// Against the last move of the mid. Scores well as a forecast on feeds whose mid zigzags, and loses at the touch: the control that every
// result is shown beside (CONTRACTS "Market defects").
TT_HOT inline Decision fade(double mid_move, int held) noexcept {
  if (mid_move > 0) return {-1, SignalReason::fade};
  if (mid_move < 0) return {1, SignalReason::fade};
  return {held, SignalReason::hold};
}

}  // namespace thintail
