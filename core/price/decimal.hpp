// SPDX-License-Identifier: Apache-2.0
// Exact decimals with nine places: Price (quote currency) and Quantity (base units). Text becomes integers
// without ever passing through a double.
//   path  hot (arithmetic), cold (text)
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "core/base/int128.hpp"

namespace thintail {

inline constexpr std::int64_t kE9 = 1'000'000'000;

enum class DecimalFault : std::uint8_t {
  none,
  empty,          // no digit at all
  not_a_number,   // a byte that is no digit, sign or first point
  too_precise,    // more than nine places that are not zero: it cannot be held exactly
  out_of_range,   // beyond +-9,223,372,036.854775807
};

std::string_view describe(DecimalFault fault) noexcept;

// "-1284.0650" -> -1284065000000. Accepts a leading sign, missing integer or fraction part ("5.", ".5"), and
// any number of trailing zeros; no exponent, no spaces, no thousands separators.
DecimalFault parse_decimal_e9(std::string_view text, std::int64_t& out_e9) noexcept;

// Shortest exact form ("1284.065"); with `places`, padded with zeros to at least that many ("1284.0650").
std::string format_decimal_e9(std::int64_t value_e9, int places = 0);

// The same for 128-bit money held in 1e-18 (a price times a quantity), rounded half away from zero.
std::string format_money_e18(i128 value_e18, int places = 2);

// A distinct type for each meaning: a price cannot be passed where a quantity is wanted.
template <class Tag>
struct Decimal9 {
  std::int64_t e9 = 0;

  friend constexpr auto operator<=>(Decimal9, Decimal9) noexcept = default;

  // Checked arithmetic: false on overflow, `out` then unchanged.
  [[nodiscard]] static constexpr bool add(Decimal9 a, Decimal9 b, Decimal9& out) noexcept {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a.e9, b.e9, &sum)) return false;
    out.e9 = sum;
    return true;
  }
  [[nodiscard]] static constexpr bool subtract(Decimal9 a, Decimal9 b, Decimal9& out) noexcept {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(a.e9, b.e9, &difference)) return false;
    out.e9 = difference;
    return true;
  }

  static DecimalFault parse(std::string_view text, Decimal9& out) noexcept { return parse_decimal_e9(text, out.e9); }
  std::string text(int places = 0) const { return format_decimal_e9(e9, places); }
};

using Price = Decimal9<struct PriceTag>;        // quote currency per base unit
using Quantity = Decimal9<struct QuantityTag>;  // base units; negative = short or sell where a sign is meant

// Exact value of a quantity at a price, in 1e-18 quote units. Cannot overflow.
constexpr i128 notional_e18(Price price, Quantity quantity) noexcept {
  return static_cast<i128>(price.e9) * quantity.e9;
}

}  // namespace thintail
