// SPDX-License-Identifier: Apache-2.0
// Work: what all cases of the suite run on: consecutive ticks in memory, and a model trained on their first part.
//   path  cold
//
// Real gold ticks where there are any ($THINTAIL_DATA, else ../shared/data beside the checkout), because a simulated
// market is kinder to branch predictors than a real one; else the simulator, and every note says so.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/feeds/tick_source.hpp"
#include "bench/harness/harness.hpp"
#include "core/config/settings.hpp"
#include "core/time/engine_clock.hpp"
#include "ml/predictor/decision_model.hpp"

namespace thintail::bench {

struct Work {
  TickSourceOptions source;
  std::string source_text;  // for notes: "real ticks: oanda_xauusd_tick_20140501.csv.zst and 1 more file"
  InstrumentTable instruments;
  std::vector<Event> ticks;  // consecutive, at most kTicksMax
  std::size_t first_measured = 0;  // ticks before it warm features and caches up
  Settings with_model;  // strategy model_edge
  Settings without_model;  // strategy fade_last_move
  EngineClock clock;

  static constexpr std::size_t kTicksMax = 500'000;
};

// Made on first use and then shared, so that one case alone pays only for what it needs.
class Workshop {
 public:
  Result<const Work*> work(const Options& options);
  // 100 trees of depth 6 on core-32, trained on the first 40 % of the source's time span; or the one that the options
  // name.
  Result<const DecisionModel*> model(const Options& options);
  // The same as XGBoost reads it; empty where the options name a pack, which does not hold it.
  Result<std::string> model_json(const Options& options);
  // The bytes of its pack.
  Result<std::string> pack(const Options& options);

 private:
  Result<const DecisionModel*> keep_model(const std::string& path, std::string json);

  std::unique_ptr<Work> work_;
  std::unique_ptr<DecisionModel> model_;
  std::string model_json_;
  std::string pack_;
};

// The market data files that the suite uses where none are named; empty where there are none.
std::vector<std::string> default_tick_files();

}  // namespace thintail::bench
