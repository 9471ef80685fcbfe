// SPDX-License-Identifier: Apache-2.0
// BarFile: everything that must be known of a bar file before its rows can be used: format, stamp, period, side, clock,
// instrument. What neither the format, the name nor an option declares is never guessed.
//   path  cold
#pragma once

#include <map>
#include <optional>
#include <string>

#include "adapters/feeds/bar_rows.hpp"
#include "adapters/feeds/byte_source.hpp"
#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/time/clock_profile.hpp"

namespace thintail {

struct BarFileOptions {
  std::string format = {};  // a name of bar_formats(); empty: detected from name and first line
  std::string clock = {};  // of the rows' times; empty: from `sources`, then the built-in prefixes, else refused
  std::string instrument = {};  // "XAUUSD@mt5"; empty: from the file's name
  std::string stamp = {};  // "open" or "close"; empty: as the format has it, else refused
  std::string side = {};  // "bid" or "ask", of a file with one; empty: from format or name, else refused
  std::string period = {};  // "M1"...; empty: from format, name, or the rows' steps
  std::string volume = {};  // "traded" where the column of volume is that; empty: as the format has it
  bool strict = false;  // what is otherwise skipped and counted is an error
  std::map<std::string, SourceSettings> sources = {};
};

struct BarFile {
  std::string path;
  BarRowRules rules{};
  Compression compression = Compression::none;
  std::uint64_t header_lines = 0;
  BarStamp stamp{};
  BarPeriod period{};
  QuoteSide side{};  // mid: both
  BarVolume volume{};
  ClockProfile clock;
  // False: the profile comes from the file name's prefix alone, which cannot know of a vendor's change of clocks.
  bool clock_is_named = false;
  std::string known_clock = {};  // what format and name tell of the clock; empty: nothing
  bool has_own_offsets = false;  // the rows' own UTC offsets are used instead of the profile
  InstrumentId instrument = 0;

  bool has_bid() const noexcept { return side != QuoteSide::ask; }
  bool has_ask() const noexcept { return side != QuoteSide::bid; }
};

// Looks at name, options and first rows. Adds the instrument where it is unknown and built in.
Result<BarFile> identify_bar_file(const std::string& path, const BarFileOptions& options, InstrumentTable& instruments);

// Whether the file looks like bars rather than ticks, by its name or first line. Errors are those of opening it.
Result<bool> is_bar_file(const std::string& path, const std::string& format);

}  // namespace thintail
