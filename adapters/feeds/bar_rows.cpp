// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/bar_rows.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

constexpr std::array kFormats = {
    BarFormatInfo{"histdata-m1", "HistData M1: YYYYMMDD HHMMSS;open;high;low;close;volume (bid, stamped with the open)",
                  BarStamp::open, QuoteSide::bid, BarPeriod::m1, BarVolume::none},
    BarFormatInfo{"mt5-export", "MetaTrader 5 export: <DATE> <TIME> <OPEN> ... <TICKVOL> <VOL> <SPREAD> (bid, open)",
                  BarStamp::open, QuoteSide::bid, std::nullopt, BarVolume::none},
    BarFormatInfo{"mt5-python", "MetaTrader 5 by Python: time,open,high,low,close,tick_volume (bid, open)",
                  BarStamp::open, QuoteSide::bid, std::nullopt, BarVolume::ticks},
    BarFormatInfo{"csv", "time|datetime|timestamp,open,high,low,close[,volume]: needs --stamp, and --side or a name",
                  std::nullopt, std::nullopt, std::nullopt, BarVolume::none},
    BarFormatInfo{"lean-bidask", "LEAN minute or hour bars: time, bid open..close, size, ask open..close, size (open)",
                  BarStamp::open, QuoteSide::mid, std::nullopt, BarVolume::quoted},
    BarFormatInfo{"dukascopy-candles", "Dukascopy .bi5 candles of one day, BID or ASK in the file's name (open)",
                  BarStamp::open, std::nullopt, BarPeriod::m1, BarVolume::quoted},
};

constexpr std::string_view kOhlcNames[] = {"open", "high", "low", "close"};

struct Fields {
  std::array<std::string_view, kBarColumnsMax> text;
  std::size_t count = 0;
};

// False where there are more than kBarColumnsMax.
bool split(std::string_view line, char separator, Fields& out) noexcept {
  out.count = 0;
  for (;;) {
    if (out.count == kBarColumnsMax) return false;
    const std::size_t end = line.find(separator);
    out.text[out.count++] = line.substr(0, end);
    if (end == std::string_view::npos) return true;
    line.remove_prefix(end + 1);
  }
}

// Names of columns, whatever their case and brackets.
bool is_named(std::string_view column, std::string_view name) noexcept {
  if (column.size() > 2 && column.front() == '<' && column.back() == '>') column = column.substr(1, column.size() - 2);
  return std::ranges::equal(column, name, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

// --- times -------------------------------------------------------------------------------------------------------------

constexpr std::string_view kTimeExpected =
    "a Gregorian date from 1970 to 2100 (a Buddhist-era year is 543 more) and a time";
constexpr std::int64_t kYearMax = 2100;  // a bar's end in u32 seconds

bool date_ns(std::int64_t year, std::int64_t month, std::int64_t day, std::int64_t& out_ns) noexcept {
  return year <= kYearMax && midnight_ns(year, month, day, out_ns);
}

// "20140502"
bool compact_date_ns(std::string_view text, std::int64_t& out_ns) noexcept {
  std::int64_t digits = 0;
  return text.size() == 8 && parse_digits(text, digits) &&
         date_ns(digits / 10'000, digits / 100 % 100, digits % 100, out_ns);
}

// "2014-05-02", "2014.05.02", "2014/05/02"
bool spaced_date_ns(std::string_view text, std::int64_t& out_ns) noexcept {
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  return text.size() == 10 && (text[4] == '-' || text[4] == '.' || text[4] == '/') && text[7] == text[4] &&
         parse_digits(text.substr(0, 4), year) && parse_digits(text.substr(5, 2), month) &&
         parse_digits(text.substr(8, 2), day) && date_ns(year, month, day, out_ns);
}

// "HH:MM", "HH:MM:SS", and any fraction of it: bars begin and end on whole seconds, so that only zeros may follow.
bool time_of_day_ns(std::string_view text, std::int64_t& out_ns) noexcept {
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  std::int64_t seconds = 0;
  if (text.size() < 5 || text[2] != ':' || !parse_digits(text.substr(0, 2), hours) ||
      !parse_digits(text.substr(3, 2), minutes)) {
    return false;
  }
  if (text.size() > 5) {
    if (text.size() < 8 || text[5] != ':' || !parse_digits(text.substr(6, 2), seconds)) return false;
    const std::string_view fraction = text.substr(8);
    if (!fraction.empty() &&
        (fraction[0] != '.' || fraction.substr(1).find_first_not_of('0') != std::string_view::npos))
      return false;
  }
  if (hours > 23 || minutes > 59 || seconds > 59) return false;
  out_ns = ((hours * 60 + minutes) * 60 + seconds) * kNsPerSecond;
  return true;
}

// The offset at the end of `text`, which is cut off: "Z", "+00:00", "-0500".
bool take_offset(std::string_view& text, std::optional<std::int64_t>& ahead_s) noexcept {
  if (text.ends_with('Z')) {
    text.remove_suffix(1);
    ahead_s = 0;
    return true;
  }
  const std::size_t sign = text.find_last_of("+-");
  if (sign == std::string_view::npos || sign < 11) return true;  // the dashes of the date
  std::string_view offset = text.substr(sign + 1);
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (offset.size() < 2 || !parse_digits(offset.substr(0, 2), hours)) return false;
  offset.remove_prefix(2);
  if (offset.starts_with(':')) offset.remove_prefix(1);
  if (!offset.empty() && (offset.size() != 2 || !parse_digits(offset, minutes))) return false;
  if (hours > 14 || minutes > 59) return false;
  ahead_s = (hours * 60 + minutes) * 60 * (text[sign] == '-' ? -1 : 1);
  text = text.substr(0, sign);
  return true;
}

// "2025-12-19T06:05:00.000Z", "2024-03-21 01:15:00", "2012-02-01 00:00:00+00:00", "2014.05.02 00:00"
bool iso_time(std::string_view text, BarRow& out) noexcept {
  std::int64_t day_ns = 0;
  std::int64_t clock_ns = 0;
  if (text.size() < 16 || (text[10] != ' ' && text[10] != 'T') || !take_offset(text, out.ahead_s) || text.size() < 16 ||
      !spaced_date_ns(text.substr(0, 10), day_ns) || !time_of_day_ns(text.substr(11), clock_ns)) {
    return false;
  }
  out.time_ns = day_ns + clock_ns;
  return true;
}

// "20190101 170200"
bool histdata_time(std::string_view text, std::int64_t& out_ns) noexcept {
  std::int64_t day_ns = 0;
  std::int64_t clock = 0;
  if (text.size() != 15 || text[8] != ' ' || !compact_date_ns(text.substr(0, 8), day_ns) ||
      !parse_digits(text.substr(9), clock)) {
    return false;
  }
  const std::int64_t hours = clock / 10'000;
  const std::int64_t minutes = clock / 100 % 100;
  const std::int64_t seconds = clock % 100;
  if (hours > 23 || minutes > 59 || seconds > 59) return false;
  out_ns = day_ns + ((hours * 60 + minutes) * 60 + seconds) * kNsPerSecond;
  return true;
}

// "60000" (ms since midnight), "20060320 01:00"
bool lean_time(std::string_view text, const BarRowRules& rules, std::int64_t& out_ns) noexcept {
  if (text.size() == 14 && text[8] == ' ') {
    std::int64_t day_ns = 0;
    std::int64_t clock_ns = 0;
    if (!compact_date_ns(text.substr(0, 8), day_ns) || !time_of_day_ns(text.substr(9), clock_ns)) return false;
    out_ns = day_ns + clock_ns;
    return true;
  }
  std::int64_t ms = 0;
  if (!rules.midnight_ns || !parse_digits(text, ms) || ms >= kNsPerDay / kNsPerMs) return false;
  out_ns = *rules.midnight_ns + ms * kNsPerMs;
  return true;
}

// --- prices ------------------------------------------------------------------------------------------------------------

bool check_prices(const Ohlc& bar, std::string_view (&texts)[4], RowFault& fault) noexcept {
  if (bar.high_e9 < std::max(bar.open_e9, bar.close_e9) || bar.high_e9 < bar.low_e9) {
    fault = {.field = "high", .expected = "at least the open, the low and the close", .found = texts[1]};
    return false;
  }
  if (bar.low_e9 > std::min(bar.open_e9, bar.close_e9)) {
    fault = {.field = "low", .expected = "at most the open and the close", .found = texts[2]};
    return false;
  }
  return true;
}

bool read_prices(std::string_view (&texts)[4], Ohlc& out, BarRow& row, RowFault& fault) noexcept {
  std::int64_t* const prices[] = {&out.open_e9, &out.high_e9, &out.low_e9, &out.close_e9};
  for (std::size_t i = 0; i < 4; ++i) {
    if (!parse_price(texts[i], kOhlcNames[i], *prices[i], fault)) return false;
    if (texts[i].find('.') != std::string_view::npos) row.is_integer = false;
  }
  return check_prices(out, texts, fault);
}

bool read_volume(std::string_view text, BarRow& row, RowFault& fault) noexcept {
  if (parse_decimal_e9(text, row.volume_e9) == DecimalFault::none && row.volume_e9 >= 0) return true;
  fault = {.field = "volume", .expected = "a decimal of 0 or more", .found = text};
  return false;
}

bool wrong_shape(std::string_view expected, std::string_view text, RowFault& fault) noexcept {
  fault = {.field = "row", .expected = expected, .found = text};
  return false;
}

bool wrong_time(std::string_view text, RowFault& fault) noexcept {
  fault = {.field = "time", .expected = kTimeExpected, .found = text};
  return false;
}

bool parse_histdata(std::string_view text, BarRow& out, RowFault& fault) noexcept {
  Fields fields;
  if (!split(text, ';', fields) || fields.count != 6) {
    return wrong_shape("YYYYMMDD HHMMSS;open;high;low;close;volume", text, fault);
  }
  if (!histdata_time(fields.text[0], out.time_ns)) return wrong_time(fields.text[0], fault);
  std::string_view prices[] = {fields.text[1], fields.text[2], fields.text[3], fields.text[4]};
  return read_prices(prices, out.bid, out, fault) && read_volume(fields.text[5], out, fault);
}

bool parse_lean(std::string_view text, const BarRowRules& rules, BarRow& out, RowFault& fault) noexcept {
  Fields fields;
  if (!split(text, ',', fields) || fields.count != 11) {
    return wrong_shape("time, bid open, high, low, close, size, ask open, high, low, close, size", text, fault);
  }
  if (!lean_time(fields.text[0], rules, out.time_ns)) return wrong_time(fields.text[0], fault);
  std::string_view bid[] = {fields.text[1], fields.text[2], fields.text[3], fields.text[4]};
  std::string_view ask[] = {fields.text[6], fields.text[7], fields.text[8], fields.text[9]};
  return read_prices(bid, out.bid, out, fault) && read_prices(ask, out.ask, out, fault) &&
         read_volume(fields.text[5], out, fault) && read_volume(fields.text[10], out, fault);
}

bool parse_columns(std::string_view text, const BarColumns& columns, BarRow& out, RowFault& fault) noexcept {
  Fields fields;
  if (!split(text, columns.separator, fields) || fields.count != static_cast<std::size_t>(columns.count)) {
    return wrong_shape("as many columns as the header has", text, fault);
  }
  const auto field = [&](int column) { return fields.text[static_cast<std::size_t>(column)]; };
  if (columns.clock >= 0) {
    std::int64_t day_ns = 0;
    std::int64_t clock_ns = 0;
    if (!spaced_date_ns(field(columns.time), day_ns)) return wrong_time(field(columns.time), fault);
    if (!time_of_day_ns(field(columns.clock), clock_ns)) return wrong_time(field(columns.clock), fault);
    out.time_ns = day_ns + clock_ns;
  } else if (!iso_time(field(columns.time), out)) {
    return wrong_time(field(columns.time), fault);
  }
  std::string_view prices[] = {field(columns.open), field(columns.high), field(columns.low), field(columns.close)};
  if (!read_prices(prices, out.bid, out, fault)) return false;
  if (columns.volume >= 0 && !read_volume(field(columns.volume), out, fault)) return false;
  if (columns.tick_volume < 0) return true;
  BarRow ticks;  // a part of the row's shape; nothing else uses it
  return read_volume(field(columns.tick_volume), ticks, fault);
}

}  // namespace

std::span<const BarFormatInfo> bar_formats() noexcept { return kFormats; }

const BarFormatInfo& bar_format_info(BarFormat format) noexcept { return kFormats[static_cast<std::size_t>(format)]; }

std::optional<BarHeader> parse_bar_header(std::string_view line) noexcept {
  const bool is_export = line.starts_with('<');
  BarColumns columns;
  columns.separator = line.find('\t') != std::string_view::npos  ? '\t'
                      : line.find(';') != std::string_view::npos ? ';'
                                                                 : ',';
  Fields fields;
  if (!split(line, columns.separator, fields)) return std::nullopt;
  columns.count = static_cast<int>(fields.count);
  bool has_ticks_only = false;
  for (int i = 0; i < columns.count; ++i) {
    const std::string_view name = fields.text[static_cast<std::size_t>(i)];
    // `time` is the second column of an export, after its date.
    const bool is_date = is_named(name, "date");
    if (is_date || is_named(name, "datetime") || is_named(name, "timestamp") ||
        (is_named(name, "time") && columns.time < 0)) {
      if (columns.time >= 0) return std::nullopt;
      columns.time = i;
    } else if (is_named(name, "time")) {
      columns.clock = i;
    }
    if (is_named(name, "open")) columns.open = i;
    if (is_named(name, "high")) columns.high = i;
    if (is_named(name, "low")) columns.low = i;
    if (is_named(name, "close")) columns.close = i;
    if (is_named(name, "volume") || is_named(name, "vol") || is_named(name, "real_volume")) columns.volume = i;
    if (is_named(name, "tick_volume") || is_named(name, "tickvol")) {
      columns.tick_volume = i;
      has_ticks_only = true;
    }
  }
  if (columns.time < 0 || columns.open < 0 || columns.high < 0 || columns.low < 0 || columns.close < 0) {
    return std::nullopt;
  }
  return BarHeader{is_export        ? BarFormat::mt5_export
                   : has_ticks_only ? BarFormat::mt5_python
                                    : BarFormat::csv,
                   columns};
}

std::optional<BarFormat> bar_format_of_row(std::string_view line) noexcept {
  // By shape alone: a date that is none is for the reader to refuse, with its reason.
  const auto has_digits = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789 :") == std::string_view::npos;
  };
  Fields fields;
  if (split(line, ';', fields) && fields.count == 6 && fields.text[0].size() == 15 && has_digits(fields.text[0])) {
    return BarFormat::histdata_m1;
  }
  if (split(line, ',', fields) && fields.count == 11 && has_digits(fields.text[0])) return BarFormat::lean_bidask;
  return std::nullopt;
}

bool parse_bar_row(std::string_view text, const BarRowRules& rules, BarRow& out, RowFault& fault) noexcept {
  out = {};
  out.volume_e9 = -1;
  out.is_integer = true;
  switch (rules.format) {
    case BarFormat::histdata_m1: return parse_histdata(text, out, fault);
    case BarFormat::lean_bidask: return parse_lean(text, rules, out, fault);
    case BarFormat::mt5_export:
    case BarFormat::mt5_python:
    case BarFormat::csv: return parse_columns(text, rules.columns, out, fault);
    case BarFormat::dukascopy_candles: break;  // has no lines
  }
  return wrong_shape("a text row", text, fault);
}

bool parse_bar_candle(std::string_view record, const BarRowRules& rules, BarRow& out, RowFault& fault) noexcept {
  const auto word = [&](std::size_t index) {
    std::uint32_t value = 0;
    std::memcpy(&value, record.data() + index * sizeof value, sizeof value);
    return std::byteswap(value);
  };
  out = {};
  out.volume_e9 = -1;
  const std::uint32_t second = word(0);
  if (second >= 86'400 || second % 60 != 0) {
    fault = {"second", "a whole minute below 86400 (a candle record)", "another value, as in tick files", true};
    return false;
  }
  out.time_ns = *rules.midnight_ns + second * kNsPerSecond;
  const auto price = [&](std::size_t index) { return word(index) * rules.point_e9; };
  out.bid = {price(1), price(4), price(3), price(2)};  // written open, close, low, high
  for (std::size_t i = 1; i <= 4; ++i) {
    if (word(i) == 0) {
      fault = {"price", "a price above 0", "0", false};
      return false;
    }
  }
  const auto volume = std::bit_cast<float>(word(5));
  if (!std::isfinite(volume) || volume < 0.0F) {
    fault = {"volume", "a finite volume of 0 or more", "another value", false};
    return false;
  }
  out.is_filler = volume == 0.0F;
  std::string_view texts[] = {"an open", "a smaller one", "a greater one", "a close"};
  return check_prices(out.bid, texts, fault);
}

}  // namespace thintail
