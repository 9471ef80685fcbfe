// SPDX-License-Identifier: Apache-2.0
// Replayer: feeds a journal's inputs through the pipeline again and holds what comes out against what the journal says came out.
//   path  warm
//
// A replay never makes a Timer, Gap or Session: it reads them. Events of the epoch's preamble build the pipeline.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/base/hash.hpp"
#include "strategies/backtest/run_comparison.hpp"
#include "strategies/pipeline/decision_pipeline.hpp"
#include "strategies/swap/model_store.hpp"

namespace thintail {

struct ReplayOptions {
  Isa isa = Isa::scalar;
  std::string model_path;  // empty: the path that the recorded configuration names
  std::optional<ModelStore> models = {};  // that Model events name
};

struct ReplayResult {
  std::uint64_t events = 0;
  std::uint64_t inputs = 0;
  std::uint64_t outputs_compared = 0;
  std::uint32_t epochs = 0;
  Sha256Digest decision_hash{};  // of the last epoch's run
  std::optional<EventDifference> difference;
};

// `next` gives the journal's events in order and false at its end; `on_event` (may be empty) sees each event of the journal once it has been
// taken in. Stops at the first difference.
Result<ReplayResult> replay_journal(const std::function<bool(Event&)>& next, const ReplayOptions& options,
                                    const std::function<void(const Event&)>& on_event = {});

}  // namespace thintail
