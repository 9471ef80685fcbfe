// SPDX-License-Identifier: Apache-2.0
// TickSource: opening and naming.
#include "adapters/feeds/tick_source.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace thintail {

Result<TickSource> TickSource::open(const TickSourceOptions& options, InstrumentTable& instruments) {
  for (const Instrument& instrument : options.instruments) TT_TRY_VOID(instruments.add(instrument));
  if (options.files.empty()) {
    TT_TRY(MarketSimulator simulator,
           MarketSimulator::create(options.simulator, options.simulator_start_ns, instruments));
    return TickSource(Source(std::move(simulator)));
  }
  TT_TRY(FileFeed feed, FileFeed::open(options.files, options.file_feed, instruments));
  return TickSource(Source(std::move(feed)));
}

std::optional<Error> TickSource::error() const {
  const auto* feed = std::get_if<FileFeed>(&source_);
  return feed != nullptr ? feed->error() : std::nullopt;
}

std::string describe(const TickSourceOptions& options) {
  if (options.files.empty()) return fmt::format("simulator, seed {}", options.simulator.seed);
  const std::string first = std::filesystem::path(options.files.front()).filename().string();
  if (options.files.size() == 1) return first;
  return fmt::format("{} and {} more files", first, options.files.size() - 1);
}

}  // namespace thintail
