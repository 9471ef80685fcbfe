// SPDX-License-Identifier: Apache-2.0
#include "core/price/decimal.hpp"

#include <algorithm>
#include <array>

namespace thintail {
namespace {

constexpr int kPlaces = 9;

std::string digits_of(u128 value) {
  std::array<char, 40> buffer{};
  auto* end = buffer.data() + buffer.size();
  auto* at = end;
  do {
    *--at = static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  return {at, end};
}

}  // namespace

std::string_view describe(DecimalFault fault) noexcept {
  switch (fault) {
    case DecimalFault::none: return "a decimal number";
    case DecimalFault::empty: return "nothing";
    case DecimalFault::not_a_number: return "a byte that belongs to no decimal number";
    case DecimalFault::too_precise: return "more than 9 decimal places";
    case DecimalFault::out_of_range: return "a number beyond +-9223372036.854775807";
  }
  return "an unknown fault";
}

DecimalFault parse_decimal_e9(std::string_view text, std::int64_t& out_e9) noexcept {
  std::size_t at = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) at = 1;
  if (at == text.size()) return DecimalFault::empty;

  // Accumulated as a magnitude in u128: 19 digits of i64 plus one more always fit, and more is refused at once.
  u128 magnitude = 0;
  int places = -1;  // -1 until the point is seen
  bool any_digit = false;
  const u128 limit = static_cast<u128>(std::numeric_limits<std::int64_t>::max()) + 1;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.') {
      if (places >= 0) return DecimalFault::not_a_number;
      places = 0;
      continue;
    }
    if (c < '0' || c > '9') return DecimalFault::not_a_number;
    any_digit = true;
    if (places == kPlaces) {
      if (c != '0') return DecimalFault::too_precise;
      continue;
    }
    if (places >= 0) ++places;
    magnitude = magnitude * 10 + static_cast<unsigned>(c - '0');
    if (magnitude > limit) return DecimalFault::out_of_range;
  }
  if (!any_digit) return DecimalFault::empty;
  for (int i = std::max(places, 0); i < kPlaces; ++i) magnitude *= 10;
  if (magnitude > limit || (!negative && magnitude == limit)) return DecimalFault::out_of_range;
  out_e9 = static_cast<std::int64_t>(negative ? -static_cast<i128>(magnitude) : static_cast<i128>(magnitude));
  return DecimalFault::none;
}

std::string format_decimal_e9(std::int64_t value_e9, int places) {
  const auto wide = static_cast<i128>(value_e9);
  const auto magnitude = static_cast<u128>(wide < 0 ? -wide : wide);
  std::string fraction = digits_of(magnitude % kE9);
  fraction.insert(0, static_cast<std::size_t>(kPlaces) - fraction.size(), '0');
  const auto last = fraction.find_last_not_of('0');
  const std::size_t keep = std::max<std::size_t>(last == std::string::npos ? 0 : last + 1,
                                                 static_cast<std::size_t>(std::clamp(places, 0, kPlaces)));
  fraction.resize(keep);
  std::string text = value_e9 < 0 ? "-" : "";
  text += digits_of(magnitude / kE9);
  if (!fraction.empty()) text += "." + fraction;
  return text;
}

std::string format_money_e18(i128 value_e18, int places) {
  const int kept = std::clamp(places, 0, 18);
  u128 unit = 1;
  for (int i = kept; i < 18; ++i) unit *= 10;
  const bool negative = value_e18 < 0;
  const auto magnitude = negative ? -static_cast<u128>(value_e18) : static_cast<u128>(value_e18);
  const u128 rounded = (magnitude + unit / 2) / unit;
  u128 scale = 1;
  for (int i = 0; i < kept; ++i) scale *= 10;
  std::string text = negative && rounded != 0 ? "-" : "";
  text += digits_of(rounded / scale);
  if (kept > 0) {
    std::string fraction = digits_of(rounded % scale);
    fraction.insert(0, static_cast<std::size_t>(kept) - fraction.size(), '0');
    text += "." + fraction;
  }
  return text;
}

}  // namespace thintail
