// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/bar_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <vector>

#include "adapters/feeds/dukascopy_bi5.hpp"
#include "adapters/feeds/feed_source.hpp"
#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
constexpr std::size_t kRowsForPeriod = 64;
constexpr std::int64_t kHistDataChangedNs = 1'546'300'800LL * kNsPerSecond;  // 2019-01-01

// Files of these prefixes are declared by where they come from.
struct BuiltInSource {
  std::string_view prefix;
  BarStamp stamp;
  QuoteSide side;
};
constexpr std::array kBuiltInSources = {BuiltInSource{"mt5_", BarStamp::open, QuoteSide::bid}};

Error error_of(ErrorCode code, const std::string& path, std::string field, std::string expected, std::string found) {
  return {.code = code,
          .doing = "opening a bar file",
          .file = path,
          .field = std::move(field),
          .expected = std::move(expected),
          .found = std::move(found)};
}

std::string format_names() {
  std::string names;
  for (const BarFormatInfo& info : bar_formats()) names += fmt::format("{}{}", names.empty() ? "" : ", ", info.name);
  return names;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// Whether `word` is a whole word of the name, in any case.
bool has_word(std::string_view name, std::string_view word) {
  constexpr std::string_view kSeparators = "_.-";
  while (!name.empty()) {
    const std::size_t end = std::min(name.find_first_of(kSeparators), name.size());
    if (lower_case(name.substr(0, end)) == word) return true;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return false;
}

bool is_candle_name(std::string_view name) { return name.contains(".bi5") && name.contains("candle"); }

// The first bytes of the file as it is to be parsed.
struct Head {
  Compression compression = Compression::none;
  std::string bytes;
};

Result<Head> read_head(const std::string& path) {
  Head head;
  TT_TRY(auto plain, open_bytes(path, Compression::none));
  std::string_view piece = plain->next();
  std::unique_ptr<ByteSource> unpacked;
  if (path.ends_with(".zst") || piece.starts_with(kZstdMagic)) {
    head.compression = Compression::zstd;
    TT_TRY(unpacked, open_bytes(path, Compression::zstd));
    piece = unpacked->next();
    if (piece.empty() && unpacked->error()) return fail(*unpacked->error());
  }
  head.bytes = piece.substr(0, 64 * 1024);
  return head;
}

std::string_view line_of(std::string_view bytes, std::size_t number) {
  TextLine line;
  for (std::size_t i = 0; i <= number; ++i) {
    line = {};
    if (!next_line(bytes, true, line)) return {};
    bytes.remove_prefix(line.consumed);
  }
  return line.text;
}

std::optional<BarHeader> header_of(std::string_view bytes) {
  std::string_view first = line_of(bytes, 0);
  if (first.starts_with("\xef\xbb\xbf")) first.remove_prefix(3);  // a byte order mark
  return parse_bar_header(first);
}

Result<void> find_format(BarFile& file, const Head& head, const BarFileOptions& options) {
  if (head.bytes.empty()) {
    return fail(error_of(ErrorCode::no_ticks, file.path, "", "rows of bars", "an empty file"));
  }
  const auto header = header_of(head.bytes);
  if (!options.format.empty()) {
    const auto* const row = std::ranges::find(bar_formats(), options.format, &BarFormatInfo::name).base();
    if (row == bar_formats().data() + bar_formats().size()) {
      return fail(error_of(ErrorCode::format_unknown, file.path, "format", "one of " + format_names(),
                           printable(options.format)));
    }
    file.rules.format = static_cast<BarFormat>(row - bar_formats().data());
    const bool wants_header = file.rules.format == BarFormat::csv || file.rules.format == BarFormat::mt5_export ||
                              file.rules.format == BarFormat::mt5_python;
    if (wants_header && !header) {
      return fail(error_of(ErrorCode::format_mismatch, file.path, "first line",
                           "a header with time, open, high, low, close",
                           fmt::format("\"{}\"", printable(line_of(head.bytes, 0)))));
    }
    if (wants_header) file.rules.columns = header->columns;
    file.header_lines = wants_header ? 1 : 0;
    return {};
  }
  if (is_candle_name(file_name(file.path))) {
    file.rules.format = BarFormat::dukascopy_candles;
  } else if (header) {
    file.rules.format = header->format;
    file.rules.columns = header->columns;
    file.header_lines = 1;
  } else if (const auto format = bar_format_of_row(line_of(head.bytes, 0))) {
    file.rules.format = *format;
  } else {
    return fail(error_of(ErrorCode::format_unknown, file.path, "first line", "a row or header of " + format_names(),
                         fmt::format("\"{}\"", printable(line_of(head.bytes, 0)))));
  }
  return {};
}

Result<void> find_stamp(BarFile& file, const BarFileOptions& options, const BuiltInSource* source) {
  std::optional<BarStamp> known = bar_format_info(file.rules.format).stamp;
  if (!known && source != nullptr) known = source->stamp;
  if (options.stamp.empty()) {
    if (!known) {
      return fail(error_of(ErrorCode::bars_undeclared, file.path, "stamp",
                           "--stamp open or --stamp close: which end of its period a row's time is", "no declaration"));
    }
    file.stamp = *known;
    return {};
  }
  if (options.stamp != "open" && options.stamp != "close") {
    return fail(error_of(ErrorCode::usage, file.path, "stamp", "open or close", printable(options.stamp)));
  }
  file.stamp = options.stamp == "open" ? BarStamp::open : BarStamp::close;
  if (known && *known != file.stamp) {
    return fail(error_of(ErrorCode::bars_undeclared, file.path, "stamp",
                         fmt::format("open, as {} has it", bar_format_info(file.rules.format).name), options.stamp));
  }
  return {};
}

Result<void> find_side(BarFile& file, const BarFileOptions& options, const BuiltInSource* source) {
  std::optional<QuoteSide> known = bar_format_info(file.rules.format).side;
  if (!known && source != nullptr) known = source->side;
  const std::string_view name = file_name(file.path);
  if (!known && has_word(name, "bid") != has_word(name, "ask"))
    known = has_word(name, "bid") ? QuoteSide::bid : QuoteSide::ask;
  if (options.side.empty()) {
    if (!known) {
      return fail(error_of(ErrorCode::bars_undeclared, file.path, "side",
                           "--side bid or --side ask, or one of them as a word of the file's name", printable(name)));
    }
    file.side = *known;
    return {};
  }
  if (options.side != "bid" && options.side != "ask") {
    return fail(error_of(ErrorCode::usage, file.path, "side", "bid or ask", printable(options.side)));
  }
  file.side = options.side == "bid" ? QuoteSide::bid : QuoteSide::ask;
  if (known && *known != file.side) {
    return fail(error_of(
        ErrorCode::bars_undeclared, file.path, "side",
        *known == QuoteSide::mid ? "none: the file has both sides" : "as the format or the name has it", options.side));
  }
  return {};
}

Result<void> find_volume(BarFile& file, const BarFileOptions& options) {
  file.volume = bar_format_info(file.rules.format).volume;
  if (options.volume.empty()) return {};
  if (options.volume != "traded" || file.rules.columns.volume < 0) {
    return fail(error_of(ErrorCode::usage, file.path, "volume", "traded, of a file with a column of volume",
                         options.volume == "traded" ? "no such column" : printable(options.volume)));
  }
  file.volume = BarVolume::traded;
  return {};
}

std::optional<BarPeriod> period_in_name(std::string_view name) {
  for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
    if (has_word(name, lower_case(kBarPeriodNames[i]))) return static_cast<BarPeriod>(i);
  }
  return std::nullopt;
}

// The first rows that can be read, for what only rows tell.
std::vector<BarRow> first_rows(std::string_view bytes, const BarFile& file) {
  std::vector<BarRow> rows;
  TextLine line;
  for (std::size_t i = 0; i < file.header_lines + kRowsForPeriod && next_line(bytes, true, line); ++i) {
    bytes.remove_prefix(line.consumed);
    BarRow row;
    RowFault ignored;
    if (i >= file.header_lines && parse_bar_row(line.text, file.rules, row, ignored)) rows.push_back(row);
    line = {};
  }
  return rows;
}

Result<void> find_period(BarFile& file, const BarFileOptions& options, std::span<const BarRow> rows) {
  const auto refuse = [&](ErrorCode code, std::string expected, std::string found) {
    return fail(error_of(code, file.path, "period", std::move(expected), std::move(found)));
  };
  std::optional<BarPeriod> known = bar_format_info(file.rules.format).period;
  if (!known) known = period_in_name(file_name(file.path));
  if (!options.period.empty()) {
    if (!bar_period_from_name(options.period, file.period)) {
      return refuse(ErrorCode::usage, "M1, M5, M15, M30, H1, H4 or D1", printable(options.period));
    }
    if (known && *known != file.period) {
      return refuse(
          ErrorCode::bars_undeclared,
          fmt::format("{}, as the format or the name has it", kBarPeriodNames[static_cast<std::size_t>(*known)]),
          options.period);
    }
    return {};
  }
  if (!known) {
    std::int64_t step_ns = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 1; i < rows.size(); ++i) {
      const std::int64_t step = rows[i].time_ns - rows[i - 1].time_ns;
      if (step > 0) step_ns = std::min(step_ns, step);
    }
    for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
      if (step_ns == bar_period_seconds(static_cast<BarPeriod>(i)) * kNsPerSecond) known = static_cast<BarPeriod>(i);
    }
  }
  if (!known) {
    return refuse(ErrorCode::bars_undeclared, "--period, a period in the file's name, or rows one period apart",
                  fmt::format("{} first rows that do not tell it", rows.size()));
  }
  file.period = *known;
  return {};
}

// True where the profile was chosen for this file or its source, rather than known of its name's prefix.
bool names_clock(std::string_view name, const BarFileOptions& options) {
  if (!options.clock.empty()) return true;
  const SourceSettings* best = nullptr;
  std::size_t longest = 0;
  for (const auto& [prefix, settings] : options.sources) {
    if (!name.starts_with(prefix) || (best != nullptr && prefix.size() <= longest)) continue;
    best = &settings;
    longest = prefix.size();
  }
  return best != nullptr && !best->clock.empty();
}

Result<void> find_clock(BarFile& file, const std::string& profile, std::span<const BarRow> rows) {
  const auto refuse = [&](std::string expected, std::string found) {
    return fail(error_of(ErrorCode::clock_missing, file.path, "clock", std::move(expected), std::move(found)));
  };
  if (file.has_own_offsets) {
    if (file.clock_is_named && profile != "utc") {
      return refuse("no --clock, or utc: the rows have UTC offsets of their own", profile);
    }
    TT_TRY(file.clock, ClockProfile::find("utc"));
    return {};
  }
  TT_TRY(file.clock, ClockProfile::find(profile));
  if (file.rules.format == BarFormat::histdata_m1 && !file.clock_is_named && !rows.empty() &&
      rows.front().time_ns >= kHistDataChangedNs) {
    return refuse("--clock histdata-2019 (HistData's files from 2019 keep another clock than those before)",
                  "no --clock");
  }
  return {};
}

// Date and point size, where the rows leave them out.
Result<void> complete_from_name(BarFile& file, std::string_view symbol, std::string_view first_line) {
  const bool has_candles = file.rules.format == BarFormat::dukascopy_candles;
  const bool counts_from_midnight =
      file.rules.format == BarFormat::lean_bidask && first_line.find(' ') == std::string_view::npos;
  if (!has_candles && !counts_from_midnight) return {};
  file.rules.midnight_ns = midnight_in_name(file_name(file.path));
  if (!file.rules.midnight_ns) {
    return fail(error_of(ErrorCode::name_undatable, file.path, "name", "a date YYYYMMDD between _ or .",
                         printable(file_name(file.path))));
  }
  if (!has_candles) return {};
  const auto point_e9 = dukascopy_point_e9(symbol);
  if (!point_e9) {
    return fail(error_of(ErrorCode::instrument_unknown, file.path, "instrument",
                         "a symbol whose Dukascopy point size is known (FX pairs, metals, BTC, ETH)",
                         printable(symbol)));
  }
  file.rules.point_e9 = *point_e9;
  return {};
}

}  // namespace

Result<BarFile> identify_bar_file(const std::string& path, const BarFileOptions& options,
                                  InstrumentTable& instruments) {
  BarFile file;
  file.path = path;
  TT_TRY(const Head head, read_head(path));
  file.compression = head.compression;
  TT_TRY_VOID(find_format(file, head, options));
  const bool is_binary = file.rules.format == BarFormat::dukascopy_candles;
  if (is_binary && file.compression == Compression::zstd) {
    return fail(error_of(ErrorCode::format_mismatch, path, "compression", "the .bi5 file as it is published", "zstd"));
  }
  const std::string_view name = file_name(path);
  const auto* const declared = std::ranges::find_if(
      kBuiltInSources, [&](const BuiltInSource& source) { return name.starts_with(source.prefix); });
  const BuiltInSource* const source = declared == kBuiltInSources.end() ? nullptr : declared;
  TT_TRY_VOID(find_stamp(file, options, source));
  TT_TRY_VOID(find_side(file, options, source));
  TT_TRY_VOID(find_volume(file, options));

  file.rules.midnight_ns = 0;  // for a first look; complete_from_name() decides
  const std::vector<BarRow> rows = is_binary ? std::vector<BarRow>{} : first_rows(head.bytes, file);
  file.rules.midnight_ns.reset();
  // MetaTrader's Python module ends its times with a Z, whatever the server's clock shows.
  file.has_own_offsets = file.rules.format == BarFormat::csv && !rows.empty() && rows.front().ahead_s.has_value();
  file.clock_is_named = names_clock(name, options);
  const FileFeedOptions named{.clock = options.clock, .instrument = options.instrument, .sources = options.sources};
  auto known = resolve_source(path, named, file.has_own_offsets ? RowClock::utc : RowClock::local);
  if (!known) {
    known.error().doing = "opening a bar file";
    return fail(std::move(known).error());
  }
  TT_TRY_VOID(find_clock(file, known->clock, rows));
  if (!file.has_own_offsets) file.known_clock = clock_in_name(path, named);
  if (file.rules.format == BarFormat::histdata_m1 && file.known_clock == "new-york" && !rows.empty() &&
      rows.front().time_ns >= kHistDataChangedNs) {
    file.known_clock = "histdata-2019";
  }
  TT_TRY_VOID(complete_from_name(file, std::string_view(known->instrument).substr(0, known->instrument.find('@')),
                                 is_binary ? std::string_view{} : line_of(head.bytes, 0)));
  TT_TRY_VOID(find_period(file, options, rows));
  TT_TRY(file.instrument, named_instrument(known->instrument, path, instruments));
  return file;
}

Result<bool> is_bar_file(const std::string& path, const std::string& format) {
  if (!format.empty()) return std::ranges::find(bar_formats(), format, &BarFormatInfo::name) != bar_formats().end();
  if (is_candle_name(file_name(path))) return true;
  TT_TRY(const Head head, read_head(path));
  return header_of(head.bytes).has_value() || bar_format_of_row(line_of(head.bytes, 0)).has_value();
}

}  // namespace thintail
