// SPDX-License-Identifier: Apache-2.0
// FeedSource: what a tick file's name and the configuration say of it: instrument, clock, date and hour.
//   path  cold
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/feeds/file_feed.hpp"
#include "core/base/error.hpp"

namespace thintail {

struct FeedSource {
  std::string instrument;  // "XAUUSD@oanda"
  std::string clock;       // name of a clock profile
  std::int64_t latency_ns = 0;
};

// Where the rows themselves are in UTC no clock has to be known; otherwise clock_missing is the answer to a
// name without one.
enum class RowClock : std::uint8_t { local, utc };

// `options.instrument` and `options.clock` first, then the longest prefix of the name in `options.sources`,
// then in the built-in ones.
Result<FeedSource> resolve_source(const std::string& path, const FileFeedOptions& options, RowClock row_clock);

// The clock that the built-in prefix of the file's name tells; empty where there is none, or the configuration names another.
std::string_view clock_in_name(const std::string& path, const FileFeedOptions& options);

// The instrument that the file's name tells, where that is a known one; nothing otherwise.
std::optional<std::string> instrument_in_name(const std::string& path, const FileFeedOptions& options,
                                              const InstrumentTable& instruments);

// The instrument of that name, added where it is unknown and built in. `path` is named in errors.
Result<InstrumentId> named_instrument(const std::string& name, const std::string& path, InstrumentTable& instruments);

std::string_view file_name(std::string_view path) noexcept;  // without folders

// "20140502" as a whole word of the name, as local midnight; "10h", as the hour.
std::optional<std::int64_t> midnight_in_name(std::string_view name) noexcept;
std::optional<int> hour_in_name(std::string_view name) noexcept;

}  // namespace thintail
