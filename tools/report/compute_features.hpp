// SPDX-License-Identifier: Apache-2.0
// compute_features(): a file of ticks or bars through the feature engine, a row a tick or a closed bar.
//   path       cold: opening; warm: a row
//   threads    ticks are read and parsed by a thread of their own; rows come on the caller's
//   invariant  tick rows are those of a run of the same file (strategies/backtest/feature_pass.hpp).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "adapters/feeds/bar_reader.hpp"
#include "adapters/feeds/file_feed.hpp"
#include "core/base/error.hpp"
#include "ml/features/feature_engine.hpp"

namespace thintail {

struct ComputeOptions {
  std::string file;
  const FeatureSet* set = nullptr;
  Isa isa = Isa::scalar;
  FileFeedOptions ticks;
  BarFileOptions bars;
  std::vector<Instrument> instruments;  // configured ones, known before any is met
  std::uint64_t rows_max = ~std::uint64_t{0};
};

struct ComputeReport {
  std::string instrument;
  std::uint64_t rows = 0;
  bool has_bars = false;  // the file holds bars: `bars` counts its rows, otherwise `ticks` does
  std::vector<std::string> warnings;  // what options and file tell differently
  bool is_whole = true;   // false: rows_max was reached; rows read ahead are counted too
  FeedStats ticks;
  BarStats bars;
};

// `on_row(time_ns, row)`: engine time of the tick, or the end of the bar. The row is valid until the next call.
using OnFeatureRow = std::function<void(std::int64_t time_ns, const FeatureRow& row)>;

// Refuses, before a row is made, data that lacks what the set needs, and options that contradict the file.
Result<ComputeReport> compute_features(const ComputeOptions& options, const OnFeatureRow& on_row);

}  // namespace thintail
