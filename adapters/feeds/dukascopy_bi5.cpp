// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/dukascopy_bi5.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

constexpr std::size_t kRecordBytes = 20;
constexpr std::uint32_t kMsPerHour = 3'600'000;
constexpr float kUnitsPerMillion = 1'000'000.0F;

std::uint32_t load_big_endian(const char* at) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return std::byteswap(value);
}

bool load_size(const char* at, float& out) noexcept {
  const auto millions = std::bit_cast<float>(load_big_endian(at));
  out = millions * kUnitsPerMillion;
  return std::isfinite(out) && out >= 0.0F;
}

bool is_among(std::span<const std::string_view> names, std::string_view name) noexcept {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

ParsedRows DukascopyBi5Parser::parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                                     std::span<Tick> out) noexcept {
  ParsedRows done;
  const auto refuse = [&done](std::string_view field, std::string_view expected, std::string_view found, bool fatal) {
    done.is_bad = true;
    done.fault = {field, expected, found, fatal};
    return done;
  };
  while (done.ticks < out.size()) {
    const std::string_view rest = bytes.substr(done.bytes);
    if (rest.size() < kRecordBytes) {
      if (!is_last || rest.empty()) break;
      done.bytes = bytes.size();
      ++done.rows;
      return refuse("record", "20 bytes", "less at the end of the data", true);
    }
    const char* record = rest.data();
    done.bytes += kRecordBytes;
    ++done.rows;

    const std::uint32_t ms = load_big_endian(record);
    if (ms >= kMsPerHour) {
      return refuse("ms", "milliseconds below 3600000 (a tick record)", "a value outside the hour, as in candle files",
                    true);
    }
    if (ms < last_ms_) return refuse("ms", "a time not before the previous record's", "an earlier one", true);
    last_ms_ = ms;

    const std::uint32_t ask_points = load_big_endian(record + 4);
    const std::uint32_t bid_points = load_big_endian(record + 8);
    if (ask_points == 0 || bid_points == 0) {
      return refuse(ask_points == 0 ? "ask" : "bid", "a price above 0", "0", false);
    }
    Tick& tick = out[done.ticks];
    if (!load_size(record + 12, tick.ask_size) || !load_size(record + 16, tick.bid_size)) {
      return refuse("volume", "a finite volume of 0 or more", "another value", false);
    }
    tick.bid_e9 = bid_points * point_e9_;
    tick.ask_e9 = ask_points * point_e9_;
    tick.venue_ns = hour_ns_ + ms * kNsPerMs;
    tick.source_sequence = first_row + done.rows - 1;
    ++done.ticks;
  }
  return done;
}

std::optional<std::int64_t> dukascopy_point_e9(std::string_view symbol) noexcept {
  constexpr std::array<std::string_view, 4> kThreeDecimalQuotes = {"JPY", "RUB", "HUF", "THB"};
  constexpr std::array<std::string_view, 4> kMetals = {"XAU", "XAG", "XPT", "XPD"};
  constexpr std::array<std::string_view, 2> kOneDecimalCoins = {"BTC", "ETH"};
  constexpr std::array<std::string_view, 16> kCurrencies = {"AUD", "CAD", "CHF", "CNH", "DKK", "EUR", "GBP", "HKD",
                                                            "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "USD", "ZAR"};
  if (symbol.size() != 6) return std::nullopt;
  const std::string_view base = symbol.substr(0, 3);
  const std::string_view quote = symbol.substr(3);
  if (is_among(kMetals, base) || is_among(kThreeDecimalQuotes, quote)) return 1'000'000;
  if (is_among(kOneDecimalCoins, base)) return 100'000'000;
  if (is_among(kCurrencies, base) && is_among(kCurrencies, quote)) return 10'000;
  return std::nullopt;
}

}  // namespace thintail
