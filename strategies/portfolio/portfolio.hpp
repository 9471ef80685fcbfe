// SPDX-License-Identifier: Apache-2.0
// Holding: one instrument's position, cost and realised P&L in exact integers.
//   path       hot (once a fill)
//   invariant  money is i128 in 1e-18 of the quote currency; averages are derived for display only, so nothing is lost to rounding:
//              when the position returns to zero, realised + commissions equals proceeds - purchases to the last digit.
#pragma once

#include <limits>

#include "core/event/payloads.hpp"
#include "core/price/decimal.hpp"

namespace thintail {

class Holding {
 public:
  // Beyond these a sum could wrap: the largest position at the highest price costs just less than 2^126.
  static constexpr std::int64_t kQuantityMaxE9 = std::numeric_limits<std::int64_t>::max();
  static constexpr i128 kMoneyMaxE18 = static_cast<i128>(1) << 126;

  // Books a fill. False, and nothing is changed, where it has no side, quantity or price, or exceeds what can be held exactly.
  // A reduction releases cost in proportion, rounded toward zero; the remainder stays with the rest.
  [[nodiscard]] TT_HOT bool fill(Side side, std::int64_t price_e9, std::int64_t quantity_e9,
                                 std::int64_t commission_e9) noexcept {
    if (!((side == Side::buy || side == Side::sell) && price_e9 > 0 && quantity_e9 > 0)) return false;
    const std::int64_t direction = side == Side::buy ? 1 : -1;
    const i128 commission_e18 = static_cast<i128>(commission_e9) * kE9;
    Holding next = *this;
    i128 gain_e18 = -commission_e18;
    std::int64_t open_e9 = quantity_e9;
    if (quantity_e9_ != 0 && (quantity_e9_ > 0) != (direction > 0)) {
      const std::int64_t held_e9 = quantity_e9_ > 0 ? quantity_e9_ : -quantity_e9_;
      const std::int64_t closed_e9 = quantity_e9 < held_e9 ? quantity_e9 : held_e9;
      const i128 released_e18 = proportion(cost_e18_, closed_e9, held_e9);
      gain_e18 += static_cast<i128>(price_e9) * closed_e9 * -direction - released_e18;
      next.cost_e18_ -= released_e18;
      next.quantity_e9_ += direction * closed_e9;
      open_e9 -= closed_e9;
    }
    if (__builtin_add_overflow(next.quantity_e9_, direction * open_e9, &next.quantity_e9_)) return false;
    next.cost_e18_ += static_cast<i128>(price_e9) * open_e9 * direction;
    if (__builtin_add_overflow(realised_e18_, gain_e18, &next.realised_e18_)) return false;
    next.commission_e18_ += commission_e18;
    if (!next.is_in_range()) return false;
    *this = next;
    return true;
  }

  std::int64_t quantity_e9() const noexcept { return quantity_e9_; }  // signed
  i128 cost_e18() const noexcept { return cost_e18_; }  // of the open quantity, signed like it
  i128 realised_e18() const noexcept { return realised_e18_; }  // after commission
  i128 commission_e18() const noexcept { return commission_e18_; }  // of the fills booked here, none restored
  // Realised plus what closing now at `price_e9` would add, before its commission. REQUIRES: price_e9 >= 0.
  i128 pnl_e18(std::int64_t price_e9) const noexcept {
    return realised_e18_ + (static_cast<i128>(price_e9) * quantity_e9_ - cost_e18_);
  }

  Position to_payload() const noexcept {
    const WideWords cost = to_words(cost_e18_);
    const WideWords realised = to_words(realised_e18_);
    return {quantity_e9_, cost.low, cost.high, realised.low, realised.high};
  }
  // Takes over a position from an earlier epoch. False, and nothing is changed, where no fills can have led to it.
  [[nodiscard]] bool restore(const Position& position) noexcept {
    Holding restored;
    restored.quantity_e9_ = position.quantity_e9;
    restored.cost_e18_ = from_words(position.cost_low, position.cost_high);
    restored.realised_e18_ = from_words(position.realised_low, position.realised_high);
    if (!restored.is_in_range() || !restored.is_signed_alike()) return false;
    *this = restored;
    return true;
  }

 private:
  bool is_in_range() const noexcept {
    return quantity_e9_ >= -kQuantityMaxE9 && cost_e18_ >= -kMoneyMaxE18 && cost_e18_ <= kMoneyMaxE18 &&
           realised_e18_ >= -kMoneyMaxE18 && realised_e18_ <= kMoneyMaxE18;
  }
  bool is_signed_alike() const noexcept {
    return quantity_e9_ == 0 ? cost_e18_ == 0 : cost_e18_ == 0 || (cost_e18_ > 0) == (quantity_e9_ > 0);
  }

  // total * part / whole, rounded toward zero, without overflow: |total / whole * part| <= |total|, and the rest is a product of two
  // quantities.
  static i128 proportion(i128 total, std::int64_t part, std::int64_t whole) noexcept {
    return total / whole * part + total % whole * part / whole;
  }

  std::int64_t quantity_e9_ = 0;
  i128 cost_e18_ = 0;
  i128 realised_e18_ = 0;
  i128 commission_e18_ = 0;
};

}  // namespace thintail
