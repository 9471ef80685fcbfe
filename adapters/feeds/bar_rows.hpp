// SPDX-License-Identifier: Apache-2.0
// Rows of bar files: what each format writes, and one row of it as a bar whose time is still the source's own.
//   path  warm: one call a row
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "adapters/feeds/row_parser.hpp"
#include "core/bars/bar_builder.hpp"

namespace thintail {

enum class BarFormat : std::uint8_t { histdata_m1, mt5_export, mt5_python, csv, lean_bidask, dukascopy_candles };

// Which end of its period a row's time is.
enum class BarStamp : std::uint8_t { open, close };

// What a column of volume means. Only `traded` is volume: ticks and quoted sizes are not (CONTRACTS "Features and packs").
enum class BarVolume : std::uint8_t { none, traded, ticks, quoted };

struct BarFormatInfo {
  std::string_view name;  // "histdata-m1"
  std::string_view description;  // one line, for --help
  std::optional<BarStamp> stamp;  // empty: files of this format do not agree
  std::optional<QuoteSide> side;  // bid, ask; mid: both. Empty: the file's name or --side tells
  std::optional<BarPeriod> period;
  BarVolume volume;
};

// By BarFormat.
std::span<const BarFormatInfo> bar_formats() noexcept;
const BarFormatInfo& bar_format_info(BarFormat format) noexcept;

// One row. `bid` holds the prices of a file of one side, whichever it is.
struct BarRow {
  std::int64_t time_ns = 0;  // as written, as if the wall clock were UTC
  std::optional<std::int64_t> ahead_s;  // of UTC, where the row says so itself ("Z", "+02:00")
  Ohlc bid{};
  Ohlc ask{};
  std::int64_t volume_e9 = 0;  // of the column that the format has for it; -1 where there is none
  bool is_integer = false;  // no price of it has a decimal point
  bool is_filler = false;  // says itself that nothing was quoted in its period
};

// The columns of a file with a header: where each field stands, -1 where it has none.
struct BarColumns {
  int time = -1;
  int clock = -1;  // time of day, in a column of its own
  int open = -1, high = -1, low = -1, close = -1;
  int volume = -1;  // "volume", "<VOL>"
  int tick_volume = -1;  // "tick_volume", "<TICKVOL>"
  int count = 0;
  char separator = ',';
};

inline constexpr std::size_t kBarColumnsMax = 16;

// The header of an MT5 export, of MetaTrader's Python module, or of a generic CSV: which of them, and the columns. Empty
// where the line is no such header.
struct BarHeader {
  BarFormat format;
  BarColumns columns;
};
std::optional<BarHeader> parse_bar_header(std::string_view line) noexcept;

// The format of a file without a header, by its first line; empty where it is none.
std::optional<BarFormat> bar_format_of_row(std::string_view line) noexcept;

// One text row. `midnight_ns` is what LEAN's milliseconds count from, `columns` those of a format with a header. False with
// the fault where a field cannot be read, or the prices contradict each other.
struct BarRowRules {
  BarFormat format;
  BarColumns columns{};
  std::optional<std::int64_t> midnight_ns{};
  std::int64_t point_e9 = 0;  // of dukascopy_candles
};
bool parse_bar_row(std::string_view text, const BarRowRules& rules, BarRow& out, RowFault& fault) noexcept;

inline constexpr std::size_t kCandleBytes = 24;
// One record of a Dukascopy candle file. REQUIRES: kCandleBytes bytes.
bool parse_bar_candle(std::string_view record, const BarRowRules& rules, BarRow& out, RowFault& fault) noexcept;

}  // namespace thintail
