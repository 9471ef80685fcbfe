// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/feed_source.hpp"

#include <algorithm>
#include <array>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

constexpr std::string_view kSeparators = "_.-";

struct BuiltInSource {
  std::string_view prefix;
  std::string_view venue;
  std::string_view clock;
};

// As measured on files of each: `../shared/data/README.md`.
constexpr std::array kBuiltInSources = {
    BuiltInSource{"oanda_", "oanda", "utc"},
    BuiltInSource{"fxcm_", "fxcm", "utc-5"},
    BuiltInSource{"dukascopy_", "dukascopy", "utc"},
    BuiltInSource{"truefx_", "truefx", "utc"},
    BuiltInSource{"histdata_", "histdata", "new-york"},
    BuiltInSource{"binance_usdm_", "binance-usdm", "utc"},
    BuiltInSource{"binance_spot_", "binance", "utc"},
    BuiltInSource{"binance_", "binance", "utc"},
};

// Calls `use(word)` for each word of the name until it returns true.
template <class Use>
void for_each_word(std::string_view name, Use&& use) {
  while (!name.empty()) {
    const std::size_t end = std::min(name.find_first_of(kSeparators), name.size());
    if (use(name.substr(0, end))) return;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
}

std::string_view first_word(std::string_view name) {
  return name.substr(0, std::min(name.find_first_of(kSeparators), name.size()));
}

std::string upper_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

const std::pair<const std::string, SourceSettings>* longest_configured(std::string_view name,
                                                                       const FileFeedOptions& options) {
  const std::pair<const std::string, SourceSettings>* best = nullptr;
  for (const auto& row : options.sources) {
    if (name.starts_with(row.first) && (best == nullptr || row.first.size() > best->first.size())) best = &row;
  }
  return best;
}

const BuiltInSource* built_in(std::string_view name) {
  const auto* const row =
      std::ranges::find_if(kBuiltInSources, [name](const auto& source) { return name.starts_with(source.prefix); });
  return row == kBuiltInSources.end() ? nullptr : row;
}

}  // namespace

Result<InstrumentId> named_instrument(const std::string& name, const std::string& path, InstrumentTable& instruments) {
  if (const auto known = instruments.find(name)) return *known;
  const std::size_t at = name.find('@');
  if (at != std::string::npos) {
    if (auto built_in = built_in_instrument(name.substr(0, at), name.substr(at + 1))) {
      return instruments.add(std::move(*built_in));
    }
  }
  return fail({.code = ErrorCode::instrument_unknown,
               .doing = "opening a market data file",
               .file = path,
               .field = "instrument",
               .expected = "a built-in SYMBOL@venue or one under [instruments]",
               .found = printable(name)});
}

std::string_view file_name(std::string_view path) noexcept {
  return path.substr(path.find_last_of('/') + 1);  // npos + 1 is 0: the whole of a bare name
}

std::optional<std::int64_t> midnight_in_name(std::string_view name) noexcept {
  std::optional<std::int64_t> found;
  for_each_word(name, [&found](std::string_view word) {
    std::int64_t midnight = 0;
    if (parse_date(word, midnight)) found = midnight;
    return found.has_value();
  });
  return found;
}

std::optional<int> hour_in_name(std::string_view name) noexcept {
  std::optional<int> found;
  for_each_word(name, [&found](std::string_view word) {
    std::int64_t hour = 0;
    if (word.size() == 3 && word[2] == 'h' && parse_digits(word.substr(0, 2), hour) && hour < 24) {
      found = static_cast<int>(hour);
    }
    return found.has_value();
  });
  return found;
}

std::string_view clock_in_name(const std::string& path, const FileFeedOptions& options) {
  const std::string_view name = file_name(path);
  const auto* const configured = longest_configured(name, options);
  if (configured != nullptr && !configured->second.clock.empty()) return {};
  const BuiltInSource* const known = built_in(name);
  return known == nullptr ? std::string_view{} : known->clock;
}

std::optional<std::string> instrument_in_name(const std::string& path, const FileFeedOptions& options,
                                              const InstrumentTable& instruments) {
  const auto source = resolve_source(path, {.sources = options.sources}, RowClock::utc);
  if (!source) return std::nullopt;
  const std::string& name = source->instrument;
  const std::size_t at = name.find('@');
  const bool is_known = instruments.find(name) || built_in_instrument(name.substr(0, at), name.substr(at + 1));
  return is_known ? std::optional(name) : std::nullopt;
}

Result<FeedSource> resolve_source(const std::string& path, const FileFeedOptions& options, RowClock row_clock) {
  const std::string_view name = file_name(path);
  const auto* const configured = longest_configured(name, options);
  const BuiltInSource* const known = built_in(name);
  FeedSource source;

  if (!options.clock.empty()) {
    source.clock = options.clock;
  } else if (configured != nullptr && !configured->second.clock.empty()) {
    source.clock = configured->second.clock;
  } else if (known != nullptr) {
    source.clock = known->clock;
  } else if (row_clock == RowClock::utc) {
    source.clock = "utc";
  } else {
    return fail({.code = ErrorCode::clock_missing,
                 .doing = "opening a tick file",
                 .file = path,
                 .field = "clock",
                 .expected = "a clock profile by --clock or by a prefix under [sources]",
                 .found = "no prefix of \"" + printable(name) + "\" among them"});
  }
  if (configured != nullptr) source.latency_ns = configured->second.latency_ns;

  if (!options.instrument.empty()) {
    source.instrument = options.instrument;
    return source;
  }
  // VENUE_SYMBOL_...: a known prefix names the venue, otherwise the name's first word does.
  std::string venue;
  std::string_view rest = name;
  if (configured != nullptr) {
    venue = configured->second.venue;
    rest.remove_prefix(configured->first.size());
  } else if (known != nullptr) {
    rest.remove_prefix(known->prefix.size());
  } else {
    rest.remove_prefix(std::min(first_word(name).size() + 1, name.size()));
  }
  if (venue.empty()) venue = known != nullptr ? std::string(known->venue) : std::string(first_word(name));
  const std::string_view symbol = first_word(rest);
  if (symbol.empty()) {
    return fail({.code = ErrorCode::instrument_unknown,
                 .doing = "opening a tick file",
                 .file = path,
                 .field = "name",
                 .expected = "VENUE_SYMBOL_... or --instrument SYMBOL@venue",
                 .found = printable(name)});
  }
  source.instrument = upper_case(symbol) + "@" + venue;
  return source;
}

}  // namespace thintail
