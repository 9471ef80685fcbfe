// SPDX-License-Identifier: Apache-2.0
// FileFeed: what one or many recorded files hold as one stream in receive-time order: ticks, of captures trades and book events
// too. An EventSource.
//   path       warm: poll() hands out events that were parsed a batch at a time
//   threads    one
//   invariant  ordered by receive time, ties by instrument then by the order the files were named; time_ns
//              never decreases.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "core/event/feed_contents.hpp"
#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"

namespace thintail {

struct FormatInfo {
  std::string_view name;  // "lean", "dukascopy-bi5", "dukascopy-json", "truefx", "histdata-tick", "binance-capture"
  std::string_view description;  // one line, for --help
};

// Every format that is read; each may lie in a .zst.
std::span<const FormatInfo> feed_formats() noexcept;

struct FileFeedOptions {
  std::string format = {};  // empty: detected from name and first bytes
  std::string clock = {};  // empty: from `sources`, then the built-in prefixes, else refused
  std::string instrument = {};  // "XAUUSD@oanda"; empty: from the file's name
  bool strict = false;  // bad rows, crossed quotes and backward times are errors instead of counted warnings
  std::map<std::string, SourceSettings> sources = {};
};

// Counted, never silent. Rows are parsed a batch ahead of poll(), and counted when parsed.
struct FeedStats {
  std::uint64_t rows = 0;  // the sum of the next five
  std::uint64_t ticks = 0;
  std::uint64_t trades = 0;
  std::uint64_t book_updates = 0;
  std::uint64_t book_snapshots = 0;
  std::uint64_t bad_rows = 0;
  std::uint64_t crossed = 0;  // ask < bid
  std::uint64_t locked = 0;  // ask == bid
  std::uint64_t backwards = 0;  // venue time (of captures: receive time) before the previous row's of the file
  std::uint64_t same_time = 0;  // that of the previous row
  std::optional<Error> first_bad_row;  // an example for the report
};

class FileFeed {
 public:
  // Opens and checks every file and adds unknown instruments that are built in to `instruments`. Each file's
  // first rows are parsed here, so that a wrong format fails before anything runs; then it is closed until
  // its first tick is due, so that a year of daily files costs as little memory as one day.
  static Result<FileFeed> open(const std::vector<std::string>& paths, const FileFeedOptions& options,
                               InstrumentTable& instruments);
  ~FileFeed();
  FileFeed(FileFeed&&) noexcept;

  // Next Tick, Trade or Book event: time_ns, instrument, flags, payload set; sequence 0. False at the end
  // or after an error.
  bool poll(Event& out) noexcept;
  // Why poll() returned false before the end (truncated or damaged file, strict violation); empty at a clean
  // end.
  const std::optional<Error>& error() const noexcept;
  const FeedStats& stats() const noexcept;  // sum over files
  double progress() const noexcept;  // 0..1, by compressed bytes consumed
  FeedContents contents() const noexcept;  // of every file

 private:
  struct Impl;
  explicit FileFeed(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// Receive times of the first and the last tick, and how many there are: what a progress bar and a split by
// time need.
struct TimeSpan {
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  std::uint64_t ticks = 0;
};

// Reads the files through once (about 100 ns a tick, most of it zstd). Fails as the feed itself would, or
// with no_ticks.
Result<TimeSpan> scan_span(const std::vector<std::string>& paths, const FileFeedOptions& options,
                           InstrumentTable& instruments);

}  // namespace thintail
