// SPDX-License-Identifier: Apache-2.0
// EventsPack: a .ttm of kind `events`: what turns events into features and features into scores, with golden events that prove it.
//   path       cold
//   invariant  there is one file for a model and its golden events; what decode gives was held to every bound, but the golden events are not
//              yet recomputed: strategies/model does that before anything runs.
//   abi        v1, docs/packs.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "ml/pack/golden_events.hpp"
#include "ml/pack/model_spec.hpp"

namespace thintail::pack {

struct EventsPack {
  DecisionModelSpec spec;
  GoldenEvents golden;
  Sha256Digest digest{};
  std::uint64_t file_bytes = 0;
};

// REQUIRES: make_decision_model() takes the spec.
std::string encode_events_pack(const DecisionModelSpec& spec, const GoldenEvents& golden);
// Refuses a pack of another kind: one of kind vector never runs on ticks.
Result<EventsPack> decode_events_pack(std::string_view bytes, std::string_view file);

// What recomputing golden rows may cost is bounded; refused beyond it. REQUIRES: neither number is 0.
Result<void> check_golden_cost(const DecisionModelSpec& spec, std::uint64_t ticks, std::uint64_t instruments,
                               std::string_view file);

}  // namespace thintail::pack
