// SPDX-License-Identifier: Apache-2.0
// TickFile: everything that must be known of a file before its rows can be read: format, compression, clock,
// instrument.
//   path  cold
#pragma once

#include <memory>
#include <string>

#include "adapters/feeds/file_feed.hpp"
#include "adapters/feeds/row_reader.hpp"
#include "core/time/clock_profile.hpp"

namespace thintail {

enum class TickFormat : std::uint8_t { lean, dukascopy_bi5, dukascopy_json, truefx, histdata_tick, binance_capture };

struct TickFile {
  std::string path;
  TickFormat format{};
  Compression compression = Compression::none;
  bool is_empty = false;  // an hour without a tick: Dukascopy publishes it as a file of no bytes
  std::int64_t base_ns = 0;  // local midnight or hour that the rows count from; 0 where they hold their date
  std::int64_t point_e9 = 0;  // of dukascopy_bi5
  ClockProfile clock;
  InstrumentId instrument = 0;
  std::string symbol;  // of the instrument: what rows that name theirs must name
  std::int64_t latency_ns = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t refused_rows = 0;  // at the start, for stamps that the rows behind them contradict
};

std::string_view format_name(TickFormat format) noexcept;
FeedContents contents_of(TickFormat format) noexcept;
bool has_utc_rows(TickFormat format) noexcept;  // whatever clock is named

// Looks at name, configuration and first bytes. Adds the instrument where it is unknown and built in.
Result<TickFile> identify_tick_file(const std::string& path, const FileFeedOptions& options,
                                    InstrumentTable& instruments);

// Rows from the start of the file, in its local time. REQUIRES: a format of ticks alone: a capture holds more (binance_capture.hpp).
Result<std::unique_ptr<RowReader>> open_rows(const TickFile& file);

}  // namespace thintail
