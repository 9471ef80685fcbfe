// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/tick_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "adapters/feeds/binance_capture.hpp"
#include "adapters/feeds/dukascopy_bi5.hpp"
#include "adapters/feeds/dukascopy_json.hpp"
#include "adapters/feeds/feed_source.hpp"
#include "adapters/feeds/histdata_parser.hpp"
#include "adapters/feeds/lean_parser.hpp"
#include "adapters/feeds/row_fields.hpp"
#include "adapters/feeds/truefx_parser.hpp"

namespace thintail {
namespace {

// By TickFormat.
constexpr std::array kFormats = {
    FormatInfo{"lean", "LEAN tick CSV: ms since midnight,bid,ask; the date in the file's name"},
    FormatInfo{"dukascopy-bi5", "Dukascopy .bi5 tick file of one hour; date and hour in the file's name"},
    FormatInfo{"dukascopy-json", "Dukascopy delta JSON: times, asks, bids as differences"},
    FormatInfo{"truefx", "TrueFX CSV with the header timestamp,bid,ask; times with their own UTC offset"},
    FormatInfo{"histdata-tick", "HistData tick CSV: YYYYMMDD HHMMSSmmm,bid,ask,volume"},
    FormatInfo{"binance-capture",
               "Binance websocket capture: receive time in ns, a space, the JSON message; quotes, trades and depth"},
};

constexpr std::int64_t kNsPerHour = 3'600 * kNsPerSecond;
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

Error error_of(ErrorCode code, const std::string& path, std::string field, std::string expected, std::string found) {
  return {.code = code,
          .doing = "opening a tick file",
          .file = path,
          .field = std::move(field),
          .expected = std::move(expected),
          .found = std::move(found)};
}

std::string format_names() {
  std::string names;
  for (const FormatInfo& info : kFormats) names += fmt::format("{}{}", names.empty() ? "" : ", ", info.name);
  return names;
}

Result<TickFormat> format_by_name(const std::string& name, const std::string& path) {
  const auto* const row = std::ranges::find(kFormats, name, &FormatInfo::name);
  if (row == kFormats.end()) {
    return fail(error_of(ErrorCode::format_unknown, path, "format", "one of " + format_names(), printable(name)));
  }
  return static_cast<TickFormat>(row - kFormats.begin());
}

// Other vendors write JSON too. Its keys may stand in any order, and the first of them tell it in any.
bool is_dukascopy_json(std::string_view head) { return head.contains("\"multiplier\"") || head.contains("\"times\""); }

Result<TickFormat> format_by_content(std::string_view head, const std::string& path) {
  if (file_name(path).contains(".bi5")) return TickFormat::dukascopy_bi5;
  if (head.empty()) return fail(error_of(ErrorCode::no_ticks, path, "", "rows of ticks", "an empty file"));
  TextLine line;
  next_line(head, true, line);
  Tick tick{};
  RowFault fault;
  if (line.text.starts_with('{') && is_dukascopy_json(head)) return TickFormat::dukascopy_json;
  if (starts_like_binance_capture(line.text)) return TickFormat::binance_capture;
  if (line.text == kTrueFxHeader) return TickFormat::truefx;
  if (starts_like_histdata(line.text)) return TickFormat::histdata_tick;
  if (LeanParser(0).parse_line(line.text, tick, fault)) return TickFormat::lean;
  return fail(error_of(ErrorCode::format_unknown, path, "first line", "a row of " + format_names(),
                       fmt::format("\"{}\"", printable(line.text))));
}

// Date, hour and point size, where the rows leave them out.
Result<void> complete_from_name(TickFile& file, std::string_view instrument) {
  if (file.format != TickFormat::lean && file.format != TickFormat::dukascopy_bi5) return {};
  const std::string_view name = file_name(file.path);
  if (file.format == TickFormat::dukascopy_bi5 && name.contains("candle")) {
    return fail(
        error_of(ErrorCode::format_mismatch, file.path, "name", "a tick file (..._10h_ticks.bi5)", "a candle file"));
  }
  const auto midnight = midnight_in_name(name);
  if (!midnight) {
    return fail(
        error_of(ErrorCode::name_undatable, file.path, "name", "a date YYYYMMDD between _ or .", printable(name)));
  }
  file.base_ns = *midnight;
  if (file.format == TickFormat::lean) return {};

  const auto hour = hour_in_name(name);
  if (!hour) {
    return fail(
        error_of(ErrorCode::name_undatable, file.path, "name", "an hour such as 10h between _ or .", printable(name)));
  }
  file.base_ns += *hour * kNsPerHour;
  const std::string_view symbol = instrument.substr(0, instrument.find('@'));
  const auto point_e9 = dukascopy_point_e9(symbol);
  if (!point_e9) {
    return fail(error_of(ErrorCode::instrument_unknown, file.path, "instrument",
                         "a symbol whose Dukascopy point size is known (FX pairs, metals, BTC, ETH)",
                         printable(symbol)));
  }
  file.point_e9 = *point_e9;
  return {};
}

}  // namespace

std::span<const FormatInfo> feed_formats() noexcept { return kFormats; }

std::string_view format_name(TickFormat format) noexcept { return kFormats[static_cast<std::size_t>(format)].name; }

FeedContents contents_of(TickFormat format) noexcept {
  switch (format) {
    case TickFormat::lean:
    case TickFormat::truefx:
    case TickFormat::histdata_tick: break;
    case TickFormat::dukascopy_bi5:
    case TickFormat::dukascopy_json: return {.sizes = true};
    case TickFormat::binance_capture: return {.sizes = true, .trades = true, .depth = true};
  }
  return {};
}

bool has_utc_rows(TickFormat format) noexcept {
  return format == TickFormat::truefx || format == TickFormat::dukascopy_json || format == TickFormat::binance_capture;
}

Result<TickFile> identify_tick_file(const std::string& path, const FileFeedOptions& options,
                                    InstrumentTable& instruments) {
  TickFile file;
  file.path = path;
  TT_TRY(file.size_bytes, file_size_bytes(path));
  TT_TRY(auto plain, open_bytes(path, Compression::none));
  std::string_view head = plain->next();
  std::unique_ptr<ByteSource> decompressed;
  if (path.ends_with(".zst") || head.starts_with(kZstdMagic)) {
    file.compression = Compression::zstd;
    TT_TRY(decompressed, open_bytes(path, Compression::zstd));
    head = decompressed->next();
    if (head.empty() && decompressed->error()) return fail(*decompressed->error());
  }
  TT_TRY(file.format, options.format.empty() ? format_by_content(head, path) : format_by_name(options.format, path));
  file.is_empty = head.empty() && file.format == TickFormat::dukascopy_bi5;

  const bool is_utc = has_utc_rows(file.format);
  TT_TRY(const FeedSource source, resolve_source(path, options, is_utc ? RowClock::utc : RowClock::local));
  TT_TRY(file.clock, ClockProfile::find(is_utc ? "utc" : source.clock));
  file.latency_ns = source.latency_ns;
  TT_TRY_VOID(complete_from_name(file, source.instrument));
  TT_TRY(file.instrument, named_instrument(source.instrument, path, instruments));
  file.symbol = instruments[file.instrument].symbol;
  return file;
}

Result<std::unique_ptr<RowReader>> open_rows(const TickFile& file) {
  TT_TRY(auto bytes, open_bytes(file.path, file.compression));
  std::unique_ptr<RowParser> parser;
  switch (file.format) {
    case TickFormat::dukascopy_json: return read_dukascopy_json(std::move(bytes), file.path);
    case TickFormat::lean: parser = std::make_unique<LeanParser>(file.base_ns); break;
    case TickFormat::truefx: parser = std::make_unique<TrueFxParser>(); break;
    case TickFormat::histdata_tick: parser = std::make_unique<HistDataParser>(); break;
    case TickFormat::dukascopy_bi5:
      parser = std::make_unique<DukascopyBi5Parser>(file.base_ns, file.point_e9);
      if (!file.is_empty) bytes = decompress(std::move(bytes), Compression::lzma_alone, file.path);
      break;
    case TickFormat::binance_capture:
      return fail(error_of(ErrorCode::format_mismatch, file.path, "format", "rows of ticks alone",
                           std::string(format_name(file.format))));
  }
  return stream_rows(std::move(bytes), std::move(parser), file.path);
}

}  // namespace thintail
