// SPDX-License-Identifier: Apache-2.0
// CountedBarDump: bars that end by what happened instead of by the clock (core/bars/counted_bars.hpp) as CSV, prices as
// exact decimals. A bar that the data does not complete is no row.
//   path  cold
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/bars/counted_bars.hpp"
#include "core/base/error.hpp"
#include "core/event/feed_contents.hpp"
#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"

namespace thintail {

// "ticks:500", "volume:100" or "range:50".
struct CountedBarSpec {
  enum class Kind : std::uint8_t { ticks, volume, range };

  Kind kind{};
  std::int64_t size = 0;  // quotes; traded base units in e9; points of the instrument
  std::string text;

  static Result<CountedBarSpec> parse(std::string_view text);

  // Refuses volume bars of a feed without trades: quoted sizes and tick counts are no volume.
  Result<void> require(const FeedContents& contents, std::string_view source) const;
};

class CountedBarDump {
 public:
  // Writes the header. `instruments` must outlive the dump.
  static Result<CountedBarDump> create(const std::string& path, CountedBarSpec spec,
                                       const InstrumentTable& instruments);

  // Any event of a run, in order.
  void add(const Event& event);
  // Fails where a write did.
  Result<std::uint64_t> finish();

 private:
  using Bars = std::variant<std::monostate, TickBars, VolumeBars, RangeBars>;

  CountedBarDump(std::ofstream file, std::string path, CountedBarSpec spec, const InstrumentTable& instruments)
      : file_(std::move(file)), path_(std::move(path)), spec_(std::move(spec)), instruments_(&instruments) {}

  Bars& bars_of(InstrumentId instrument);
  void add_quote(const Event& event);
  void add_trade(const Event& event);
  std::string row_start(InstrumentId instrument, std::int64_t first_ns, std::int64_t last_ns) const;

  std::ofstream file_;
  std::string path_;
  CountedBarSpec spec_;
  const InstrumentTable* instruments_;
  std::vector<Bars> bars_;  // by instrument
  std::uint64_t rows_ = 0;
};

}  // namespace thintail
