// SPDX-License-Identifier: Apache-2.0
#include "bench/spine/suite.hpp"

#include <memory>

namespace thintail::bench {

Suite spine_suite() {
  auto shop = std::make_shared<Workshop>();
  const auto bound = [&](auto* run) { return [shop, run](const Options& options) { return run(*shop, options); }; };
  return {"spine",
          "tick to intent, replay, parsing, start",
          {{"tick_to_intent_inline", "32 features, 100 trees, signal and risk on one thread, ticks back to back",
            bound(&tick_to_intent_inline)},
           {"tick_to_intent_no_model", "the same with a rule instead of features and trees",
            bound(&tick_to_intent_no_model)},
           {"tick_to_intent_paced", "the same with model, a tick every 100 us: a cold arrival",
            bound(&tick_to_intent_paced)},
           {"tick_to_intent_pipelined", "feed and engine on two cores", bound(&tick_to_intent_pipelined)},
           {"replay_pipeline", "tick files through the whole pipeline on one core", bound(&replay_pipeline)},
           {"replay_no_model", "the same without features and trees", bound(&replay_no_model)},
           {"parse_lean", "LEAN tick rows, from bytes to events' payloads", bound(&parse_lean)},
           {"start_to_first_tick", "from starting `thintail run` to the first tick that another process can see",
            bound(&start_to_first_tick)}}};
}

}  // namespace thintail::bench
