// SPDX-License-Identifier: Apache-2.0
#include "core/instrument/instrument_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/price/decimal.hpp"

namespace thintail {
namespace {

constexpr std::uint8_t kDigitsMax = 9;

// Base currencies stand left of quote currencies in this order, by the market's convention: EURUSD, USDCAD, CADJPY.
constexpr std::array<std::string_view, 17> kCurrencies = {"EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "SGD", "HKD",
                                                          "NOK", "SEK", "DKK", "MXN", "ZAR", "PLN", "CNH", "JPY"};

struct BuiltIn {
  std::string_view base, quote;
  std::uint8_t digits;
  std::int64_t lot_step_e9, contract_size_e9;
  CalendarId calendar;
};

// Where venues quote to different places the finest is taken: every venue's price is then a whole number of points.
constexpr std::array kMetalsAndCrypto = {
    BuiltIn{"XAU", "USD", 3, 1 * kE9, 100 * kE9, CalendarId::gold},
    BuiltIn{"XAG", "USD", 5, 1 * kE9, 5'000 * kE9, CalendarId::gold},
    BuiltIn{"BTC", "USD", 2, kE9 / 100'000, 1 * kE9, CalendarId::always},
    BuiltIn{"BTC", "USDT", 2, kE9 / 100'000, 1 * kE9, CalendarId::always},
    BuiltIn{"ETH", "USD", 2, kE9 / 100'000, 1 * kE9, CalendarId::always},
    BuiltIn{"ETH", "USDT", 2, kE9 / 100'000, 1 * kE9, CalendarId::always},
};

// Where a venue's prices move in steps of several points: its tick size.
struct VenueTick {
  std::string_view symbol, venue;
  std::int64_t tick_size_e9;
};
constexpr std::array kVenueTicks = {VenueTick{"BTCUSDT", "binance-usdm", kE9 / 10}};

constexpr std::int64_t point_e9(std::uint8_t digits) noexcept {
  std::int64_t point = kE9;
  for (std::uint8_t i = 0; i < digits; ++i) point /= 10;
  return point;
}

std::optional<BuiltIn> find_built_in(std::string_view symbol) {
  for (const BuiltIn& row : kMetalsAndCrypto) {
    if (symbol.starts_with(row.base) && symbol.substr(row.base.size()) == row.quote) return row;
  }
  if (symbol.size() != 6) return std::nullopt;
  const auto* base = std::ranges::find(kCurrencies, symbol.substr(0, 3));
  const auto* quote = std::ranges::find(kCurrencies, symbol.substr(3));
  if (quote == kCurrencies.end() || base >= quote) return std::nullopt;
  const std::uint8_t digits = *quote == "JPY" ? 3 : 5;
  return BuiltIn{*base, *quote, digits, 1'000 * kE9, 100'000 * kE9, CalendarId::fx};
}

constexpr bool is_letter_or_digit(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_symbol(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || std::string_view("._#+/-").contains(c);
  });
}

bool is_venue(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 16 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool is_currency(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 16 && std::ranges::all_of(text, is_letter_or_digit);
}

std::unexpected<Error> invalid(const Instrument& row, std::string field, std::string expected, std::string found) {
  return fail({.code = ErrorCode::config_bad_value,
               .doing = fmt::format("checking instrument {}", printable(row.name())),
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", printable(text)); }

}  // namespace

std::optional<Instrument> built_in_instrument(std::string_view symbol, std::string_view venue) {
  const auto row = find_built_in(symbol);
  if (!row) return std::nullopt;
  const auto* coarser = std::ranges::find_if(
      kVenueTicks, [&](const VenueTick& tick) { return tick.symbol == symbol && tick.venue == venue; });
  return Instrument{.symbol = std::string(symbol),
                    .venue = std::string(venue),
                    .base = std::string(row->base),
                    .quote = std::string(row->quote),
                    .digits = row->digits,
                    .tick_size_e9 = coarser != kVenueTicks.end() ? coarser->tick_size_e9 : point_e9(row->digits),
                    .lot_step_e9 = row->lot_step_e9,
                    .contract_size_e9 = row->contract_size_e9,
                    .calendar = row->calendar};
}

Result<void> validate(const Instrument& row) {
  if (!is_symbol(row.symbol)) return invalid(row, "symbol", "1 to 32 of [A-Za-z0-9._#+/-]", quoted(row.symbol));
  if (!is_venue(row.venue)) return invalid(row, "venue", "1 to 16 of [a-z0-9_-]", quoted(row.venue));
  if (!row.base.empty() && !is_currency(row.base)) {
    return invalid(row, "base", "nothing, or 1 to 16 letters and digits", quoted(row.base));
  }
  if (!is_currency(row.quote)) return invalid(row, "quote", "1 to 16 letters and digits", quoted(row.quote));
  if (row.digits > kDigitsMax) return invalid(row, "digits", "0 to 9", std::to_string(row.digits));
  for (const auto& [field, size_e9] : {std::pair{"tick_size", row.tick_size_e9}, std::pair{"lot_step", row.lot_step_e9},
                                       std::pair{"contract_size", row.contract_size_e9}}) {
    if (size_e9 <= 0) return invalid(row, field, "more than 0", format_decimal_e9(size_e9));
  }
  if (row.tick_size_e9 % point_e9(row.digits) != 0) {
    return invalid(row, "tick_size", fmt::format("at most {} decimal places (digits)", row.digits),
                   format_decimal_e9(row.tick_size_e9));
  }
  return {};
}

InstrumentTable::InstrumentTable(std::size_t capacity) : capacity_(capacity) {
  rows_.reserve(capacity);
  by_name_.reserve(capacity);
}

Result<InstrumentId> InstrumentTable::add(Instrument instrument) {
  TT_TRY_VOID(validate(instrument));
  if (rows_.size() == capacity_) {
    return invalid(instrument, "core.instruments_max", "room for one more instrument",
                   fmt::format("all {} rows in use", capacity_));
  }
  const auto id = static_cast<InstrumentId>(rows_.size());
  const auto [row, is_new] = by_name_.emplace(instrument.name(), id);
  if (!is_new) return invalid(instrument, "name", "a name not yet in use", quoted(row->first));
  rows_.push_back(std::move(instrument));
  return id;
}

std::optional<InstrumentId> InstrumentTable::find(std::string_view name) const {
  const auto row = by_name_.find(std::string(name));
  return row == by_name_.end() ? std::nullopt : std::optional(row->second);
}

}  // namespace thintail
