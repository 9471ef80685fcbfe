// SPDX-License-Identifier: Apache-2.0
// FeatureView: the features of the model's set, computed from the core's events by the code that the engine computes them with.
//   path       cold
//   threads    take(): one. The others: any
//   invariant  a row is the engine's own, bit for bit, where the run was seen from its beginning; the engine's digest says whether it is
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.hpp"
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
  // The set of a pack; it lives as long as the process. Null: the pack was never loaded (yet).
  using SetOf = std::function<const FeatureSet*(const Sha256Digest&)>;
  explicit FeatureView(SetOf set_of) : set_of_(std::move(set_of)) {}

  // The next event. Where some are missing before it, nothing is known until a run begins.
  void take(const Event& event);
  // The newest row of an instrument, by its name. Nothing: none yet, or this run's beginning was not seen.
  std::optional<SeenFeatures> row(std::string_view instrument) const;
  const FeatureSet* set() const;  // of the run; null: none, or not known
  bool waits_for_pack() const;  // the run's model was named, but is not loaded

 private:
  struct Row {
    SeenFeatures seen;
    std::uint64_t digest = 0;
  };
  // A run's model, which every later one of it agrees with on the features, is named before its first input.
  enum class Stage : std::uint8_t { unseen, preamble, waiting, following };
  static constexpr std::size_t kHeldMax = 65'536;  // events while the pack is loaded

  void begin_run();
  void forget_run();
  void follow(const FeatureSet& set);
  void apply(const Event& event);
  void add_instrument();  // text_ names it

  SetOf set_of_;
  mutable std::mutex mutex_;
  Stage stage_ = Stage::unseen;
  const FeatureSet* set_ = nullptr;
  Sha256Digest model_{};
  std::vector<Event> held_;
  std::unique_ptr<InstrumentTable> instruments_;
  std::unique_ptr<MarketState> market_;
  std::map<std::string, InstrumentId, std::less<>> ids_;
  std::vector<Row> rows_;
  TextCollector text_{256};
  std::uint64_t next_sequence_ = 0;
};

}  // namespace thintail::gateway
