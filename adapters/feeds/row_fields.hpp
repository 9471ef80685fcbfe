// SPDX-License-Identifier: Apache-2.0
// Fields of text rows: splitting, prices, and digits of fixed width, with the fault named where one cannot be
// read.
//   path  warm
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "adapters/feeds/row_parser.hpp"
#include "core/price/decimal.hpp"

namespace thintail {

inline constexpr std::int64_t kNsPerMs = 1'000'000;
inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::int64_t kNsPerDay = 86'400 * kNsPerSecond;

// Splits `text` into exactly N fields; false where it has another number of them.
template <std::size_t N>
bool split_fields(std::string_view text, std::array<std::string_view, N>& out) noexcept {
  for (std::size_t i = 0; i + 1 < N; ++i) {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) return false;
    out[i] = text.substr(0, comma);
    text.remove_prefix(comma + 1);
  }
  out[N - 1] = text;
  return text.find(',') == std::string_view::npos;
}

// A decimal above zero, exactly.
inline bool parse_price(std::string_view text, std::string_view field, std::int64_t& out_e9, RowFault& fault) noexcept {
  const DecimalFault decimal = parse_decimal_e9(text, out_e9);
  if (decimal == DecimalFault::none && out_e9 > 0) return true;
  fault = {.field = field,
           .expected = decimal == DecimalFault::too_precise    ? "a price of at most 9 decimal places"
                       : decimal == DecimalFault::out_of_range ? "a price below 9223372036.854775807"
                       : decimal == DecimalFault::none         ? "a price above 0"
                                                               : "a decimal price",
           .found = text};
  return false;
}

// Exactly `text.size()` digits, at most 18.
inline bool parse_digits(std::string_view text, std::int64_t& out) noexcept {
  if (text.empty() || text.size() > 18) return false;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  out = value;
  return true;
}

// Midnight of a civil date as UTC ns; false where there is no such day or i64 ns cannot hold it.
inline bool midnight_ns(std::int64_t year, std::int64_t month, std::int64_t day, std::int64_t& out_ns) noexcept {
  if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31) return false;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  out_ns = std::chrono::sys_days(date).time_since_epoch().count() * kNsPerDay;
  return true;
}

// "20140502" likewise.
inline bool parse_date(std::string_view text, std::int64_t& out_ns) noexcept {
  std::int64_t digits = 0;
  return text.size() == 8 && parse_digits(text, digits) &&
         midnight_ns(digits / 10'000, digits / 100 % 100, digits % 100, out_ns);
}

}  // namespace thintail
