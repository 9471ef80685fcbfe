// SPDX-License-Identifier: Apache-2.0
// FeatureView: the features of the champion's set, computed from the core's events by the code that the engine computes them with.
//   path       cold
//   threads    take(): the feed's. row(): any
//   invariant  a row is the engine's own, bit for bit, where the run was seen from its beginning; the engine's digest says whether it is
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event/text_collector.hpp"
#include "core/instrument/instrument_table.hpp"
#include "ml/features/feature_engine.hpp"
#include "ml/features/feature_set.hpp"
#include "strategies/pipeline/market_state.hpp"

namespace thintail::gateway {

struct SeenFeatures {
  std::uint64_t sequence = 0;  // of the tick
  std::int64_t time_ns = 0;
  FeatureRow row{};
  // Whether the engine's digest of its row of that tick is this row's; nothing where it told none.
  std::optional<bool> is_engines;
};

class FeatureView {
 public:
  // `set` lives as long as the process.
  explicit FeatureView(const FeatureSet& set) : set_(&set) {}

  // The next event. Where some are missing before it, nothing is known until a run begins.
  void take(const Event& event);
  // The newest row of an instrument, by its name. Nothing: none yet, or this run's beginning was not seen.
  std::optional<SeenFeatures> row(std::string_view instrument) const;
  const FeatureSet& set() const noexcept { return *set_; }

 private:
  struct Row {
    SeenFeatures seen;
    std::uint64_t digest = 0;
  };
  void begin_run();
  void forget_run();
  void add_instrument();  // text_ names it

  const FeatureSet* set_;
  mutable std::mutex mutex_;
  std::unique_ptr<InstrumentTable> instruments_;
  std::unique_ptr<MarketState> market_;
  std::map<std::string, InstrumentId, std::less<>> ids_;
  std::vector<Row> rows_;
  TextCollector text_{256};
  std::uint64_t next_sequence_ = 0;
};

}  // namespace thintail::gateway
