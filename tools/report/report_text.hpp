// SPDX-License-Identifier: Apache-2.0
// A RunReport as a page for a person and as JSON for a program.
//   path  cold
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/feeds/file_feed.hpp"
#include "core/base/hash.hpp"
#include "strategies/backtest/run_report.hpp"

namespace thintail {

struct LatencyRow {
  std::string stage;
  std::uint64_t count = 0;
  std::int64_t p50_ns = 0;
  std::int64_t p90_ns = 0;
  std::int64_t p99_ns = 0;
  std::int64_t p999_ns = 0;
};

// The same ticks under another strategy, for comparison.
struct BaselineRow {
  std::string name;
  std::uint64_t intents = 0;
  std::uint64_t fills = 0;
  std::map<std::string, RunReport::Money> money;
};

// A probe of how often the machine itself stands still (perf/jitter), without which no tail can be judged.
struct MachineJitter {
  double over_1us_per_s = 0;
  double over_10us_per_s = 0;
  double over_100us_per_s = 0;
  std::int64_t max_ns = 0;
};

// What putting other models in force took while a run went on.
struct SwapTimes {
  std::uint64_t swaps = 0;
  std::uint64_t flip_p50_ns = 0;  // of the inputs that put a model in force
  std::uint64_t flip_max_ns = 0;
  std::uint64_t next_p50_ns = 0;  // of the input after one, whose model is cold
  std::uint64_t next_max_ns = 0;
  std::uint64_t prepare_p50_us = 0;  // on the other thread: from opening the file until it is ready
};

struct ReportInput {
  std::string title;
  std::string source;    // "6 files" or "simulated market, seed 1"
  std::string strategy;  // "model_edge (100 trees, core-32)"
  const RunReport* run = nullptr;
  std::optional<FeedStats> feed;
  std::vector<BaselineRow> baselines;
  std::vector<LatencyRow> latency;
  std::string latency_note;  // how to read them, where that is not plain
  std::optional<MachineJitter> jitter;
  std::optional<SwapTimes> swaps;
  std::string isa;
  Sha256Digest decision_hash{};
  std::uint64_t hashed_outputs = 0;
  double wall_s = 0;
  std::vector<std::string> next_steps;
};

std::string report_text(const ReportInput& input);
std::string report_json(const ReportInput& input);

// "2014-05-02T12:30:00Z", with a fraction where there is one to show.
std::string utc_text(std::int64_t utc_ns, int fraction_digits = 0);
// "1,234,567"
std::string grouped(std::uint64_t value);
// "3 d 04:05:06"
std::string span_text(std::int64_t span_ns);

}  // namespace thintail
