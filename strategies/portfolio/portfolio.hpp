// SPDX-License-Identifier: Apache-2.0
// Holding: one instrument's position, cost and realised P&L in exact integers.
//   path       hot (once a fill)
//   invariant  money is i128 in 1e-18 of the quote currency; averages are derived for display only, so nothing is lost to rounding:
//              when the position returns to zero, realised + commissions equals proceeds - purchases to the last digit.
#pragma once

#include "core/event/payloads.hpp"
#include "core/price/decimal.hpp"

namespace thintail {

class Holding {
 public:
  // REQUIRES: quantity_e9 > 0. A reduction releases cost in proportion, rounded toward zero; the remainder stays with the rest.
  TT_HOT void fill(Side side, std::int64_t price_e9, std::int64_t quantity_e9, std::int64_t commission_e9) noexcept {
    const std::int64_t direction = side == Side::buy ? 1 : -1;
    std::int64_t open_e9 = quantity_e9;
    realised_e18_ -= static_cast<i128>(commission_e9) * kE9;
    commission_e18_ += static_cast<i128>(commission_e9) * kE9;
    if (quantity_e9_ != 0 && (quantity_e9_ > 0) != (direction > 0)) {
      const std::int64_t held_e9 = quantity_e9_ > 0 ? quantity_e9_ : -quantity_e9_;
      const std::int64_t closed_e9 = quantity_e9 < held_e9 ? quantity_e9 : held_e9;
      const i128 released_e18 = proportion(cost_e18_, closed_e9, held_e9);
      realised_e18_ += static_cast<i128>(price_e9) * closed_e9 * -direction - released_e18;
      cost_e18_ -= released_e18;
      quantity_e9_ += direction * closed_e9;
      open_e9 -= closed_e9;
    }
    quantity_e9_ += direction * open_e9;
    cost_e18_ += static_cast<i128>(price_e9) * open_e9 * direction;
  }

  std::int64_t quantity_e9() const noexcept { return quantity_e9_; }  // signed
  i128 cost_e18() const noexcept { return cost_e18_; }                // of the open quantity, signed like it
  i128 realised_e18() const noexcept { return realised_e18_; }        // after commission
  i128 commission_e18() const noexcept { return commission_e18_; }
  // Realised plus what closing now at `price_e9` would add, before its commission.
  i128 pnl_e18(std::int64_t price_e9) const noexcept {
    return realised_e18_ + static_cast<i128>(price_e9) * quantity_e9_ - cost_e18_;
  }

  Position to_payload() const noexcept {
    const WideWords cost = to_words(cost_e18_);
    const WideWords realised = to_words(realised_e18_);
    return {quantity_e9_, cost.low, cost.high, realised.low, realised.high};
  }
  // Takes over a position from an earlier epoch.
  void restore(const Position& position) noexcept {
    quantity_e9_ = position.quantity_e9;
    cost_e18_ = from_words(position.cost_low, position.cost_high);
    realised_e18_ = from_words(position.realised_low, position.realised_high);
  }

 private:
  // total * part / whole without overflow: total/whole is a price (fits i64 range), the remainder is below `whole`.
  static i128 proportion(i128 total, std::int64_t part, std::int64_t whole) noexcept {
    return total / whole * part + total % whole * part / whole;
  }

  std::int64_t quantity_e9_ = 0;
  i128 cost_e18_ = 0;
  i128 realised_e18_ = 0;
  i128 commission_e18_ = 0;
};

}  // namespace thintail
