// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/truefx_parser.hpp"

#include <array>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

// "HH:MM" to minutes, up to and without `hours_end`.
bool parse_hours_minutes(std::string_view text, std::int64_t hours_end, std::int64_t& out_minutes) noexcept {
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (text.size() != 5 || text[2] != ':' || !parse_digits(text.substr(0, 2), hours) ||
      !parse_digits(text.substr(3), minutes) || hours >= hours_end || minutes >= 60) {
    return false;
  }
  out_minutes = hours * 60 + minutes;
  return true;
}

// "YYYY-MM-DD HH:MM:SS[.fraction]+HH:MM" to UTC ns.
bool parse_stamp(std::string_view text, std::int64_t& out_ns) noexcept {
  constexpr std::size_t kSecondsEnd = 19;  // of "2013-01-01 22:00:00"
  constexpr std::size_t kOffsetSize = 6;   // of "+00:00"
  if (text.size() < kSecondsEnd + kOffsetSize || text[4] != '-' || text[7] != '-' || text[10] != ' ' ||
      text[16] != ':') {
    return false;
  }
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  std::int64_t day_ns = 0;
  std::int64_t minutes = 0;
  std::int64_t seconds = 0;
  if (!parse_digits(text.substr(0, 4), year) || !parse_digits(text.substr(5, 2), month) ||
      !parse_digits(text.substr(8, 2), day) || !midnight_ns(year, month, day, day_ns) ||
      !parse_hours_minutes(text.substr(11, 5), 24, minutes) || !parse_digits(text.substr(17, 2), seconds) ||
      seconds > 59) {
    return false;
  }

  const std::string_view offset = text.substr(text.size() - kOffsetSize);
  std::int64_t offset_minutes = 0;
  if ((offset[0] != '+' && offset[0] != '-') || !parse_hours_minutes(offset.substr(1), 15, offset_minutes))
    return false;
  if (offset[0] == '-') offset_minutes = -offset_minutes;

  std::int64_t fraction_ns = 0;
  const std::string_view fraction = text.substr(kSecondsEnd, text.size() - kSecondsEnd - kOffsetSize);
  if (!fraction.empty()) {
    const std::string_view digits = fraction.substr(1);
    if (fraction[0] != '.' || digits.size() > 9 || !parse_digits(digits, fraction_ns)) return false;
    for (std::size_t i = digits.size(); i < 9; ++i) fraction_ns *= 10;
  }
  out_ns = day_ns + ((minutes - offset_minutes) * 60 + seconds) * kNsPerSecond + fraction_ns;
  return true;
}

bool parse_line(std::string_view text, Tick& tick, RowFault& fault) noexcept {
  std::array<std::string_view, 3> fields;
  if (!split_fields(text, fields)) {
    fault = {.field = "row", .expected = kTrueFxHeader, .found = text};
    return false;
  }
  if (!parse_stamp(fields[0], tick.venue_ns)) {
    fault = {.field = "timestamp", .expected = "YYYY-MM-DD HH:MM:SS[.fraction]+HH:MM", .found = fields[0]};
    return false;
  }
  return parse_price(fields[1], "bid", tick.bid_e9, fault) && parse_price(fields[2], "ask", tick.ask_e9, fault);
}

}  // namespace

ParsedRows TrueFxParser::parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                               std::span<Tick> out) noexcept {
  std::size_t header_bytes = 0;
  if (!started_) {
    TextLine line;
    if (!next_line(bytes, is_last, line)) return {};
    started_ = true;
    if (line.text == kTrueFxHeader) {
      header_lines_ = 1;
      header_bytes = line.consumed;
    }
  }
  ParsedRows done = parse_lines(bytes.substr(header_bytes), is_last, first_row, out, parse_line);
  done.bytes += header_bytes;
  return done;
}

}  // namespace thintail
