// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/histdata_parser.hpp"

#include <array>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

constexpr std::size_t kStampSize = 18;  // "20200101 170000065"

bool parse_stamp(std::string_view text, std::int64_t& out_ns) noexcept {
  std::int64_t day_ns = 0;
  std::int64_t clock = 0;  // HHMMSSmmm
  if (text.size() != kStampSize || text[8] != ' ' || !parse_date(text.substr(0, 8), day_ns) ||
      !parse_digits(text.substr(9), clock)) {
    return false;
  }
  const std::int64_t ms = clock % 1'000;
  const std::int64_t seconds = clock / 1'000 % 100;
  const std::int64_t minutes = clock / 100'000 % 100;
  const std::int64_t hours = clock / 10'000'000;
  if (hours > 23 || minutes > 59 || seconds > 59) return false;
  out_ns = day_ns + ((hours * 60 + minutes) * 60 + seconds) * kNsPerSecond + ms * kNsPerMs;
  return true;
}

bool parse_line(std::string_view text, Tick& tick, RowFault& fault) noexcept {
  std::array<std::string_view, 4> fields;
  if (!split_fields(text, fields)) {
    fault = {.field = "row", .expected = "YYYYMMDD HHMMSSmmm,bid,ask,volume", .found = text};
    return false;
  }
  if (!parse_stamp(fields[0], tick.venue_ns)) {
    fault = {.field = "time", .expected = "YYYYMMDD HHMMSSmmm", .found = fields[0]};
    return false;
  }
  if (!parse_price(fields[1], "bid", tick.bid_e9, fault) || !parse_price(fields[2], "ask", tick.ask_e9, fault)) {
    return false;
  }
  // The column is 0 throughout in what HistData publishes. It is checked as part of the row's shape and not
  // used: nothing says which side it would belong to.
  std::int64_t volume_e9 = 0;
  if (parse_decimal_e9(fields[3], volume_e9) == DecimalFault::none && volume_e9 >= 0) return true;
  fault = {.field = "volume", .expected = "a decimal of 0 or more", .found = fields[3]};
  return false;
}

}  // namespace

ParsedRows HistDataParser::parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                                 std::span<Tick> out) noexcept {
  return parse_lines(bytes, is_last, first_row, out, parse_line);
}

bool starts_like_histdata(std::string_view line) noexcept {
  std::int64_t ignored_ns = 0;
  return line.size() > kStampSize && line[kStampSize] == ',' && parse_stamp(line.substr(0, kStampSize), ignored_ns);
}

}  // namespace thintail
