// SPDX-License-Identifier: Apache-2.0
// TickSource: recorded files or the simulator, opened as often as a pass over them is needed. An EventSource.
//   path  warm
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "adapters/feeds/file_feed.hpp"
#include "adapters/feeds/market_simulator.hpp"
#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "core/instrument/instrument_table.hpp"

namespace thintail {

// Where simulated time begins unless told otherwise: Monday 2024-01-08 00:00 UTC, with every built-in calendar open.
inline constexpr std::int64_t kSimulatorStartNs = 1'704'672'000LL * 1'000'000'000;

struct TickSourceOptions {
  std::vector<std::string> files;       // empty: the simulator
  std::vector<Instrument> instruments;  // configured ones, known before any is met
  FileFeedOptions file_feed;
  SimulatorSettings simulator;
  std::int64_t simulator_start_ns = kSimulatorStartNs;
};

class TickSource {
 public:
  // Adds its instruments to `instruments`. Every opening gives the same ticks.
  static Result<TickSource> open(const TickSourceOptions& options, InstrumentTable& instruments);

  bool poll(Event& out) noexcept {
    return std::visit([&out](auto& source) { return source.poll(out); }, source_);
  }
  double progress() const noexcept {
    return std::visit([](const auto& source) { return source.progress(); }, source_);
  }
  FeedContents contents() const noexcept {
    return std::visit([](const auto& source) { return source.contents(); }, source_);
  }
  // Why poll() returned false before the end; empty at a clean end.
  std::optional<Error> error() const;

 private:
  using Source = std::variant<FileFeed, MarketSimulator>;
  explicit TickSource(Source source) noexcept : source_(std::move(source)) {}
  Source source_;
};

// "oanda_xauusd_tick_20140501.csv.zst and 5 more files", "simulator, seed 1".
std::string describe(const TickSourceOptions& options);

}  // namespace thintail
