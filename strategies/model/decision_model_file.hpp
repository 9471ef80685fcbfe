// SPDX-License-Identifier: Apache-2.0
// Packs of kind `events` as models that run: written with golden events, and read only where this CPU computes the very same from them.
//   path     cold
//   threads  any; each call on its own
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/isa/isa.hpp"
#include "ml/pack/events_pack.hpp"
#include "ml/predictor/decision_model.hpp"

namespace thintail {

// The bytes of a pack, golden events computed and the whole read back. `file` names the model in errors.
Result<std::string> encode_decision_model(const pack::DecisionModelSpec& spec, const std::string& file);

// A model in its two forms: to run, and as its pack holds it.
struct LoadedPack {
  DecisionModel model;
  pack::EventsPack pack;
};

// `in_force`: the set that the model must have been made for; null: the set in the pack, which then lives as long as the process.
// Refused: a pack of kind vector; another set; golden events that give another bit here. Time and memory are bounded, whatever the bytes are.
Result<LoadedPack> decode_pack(std::string_view bytes, const std::string& file, Isa isa = best_isa(),
                               const FeatureSet* in_force = nullptr);
Result<DecisionModel> decode_decision_model(std::string_view bytes, const std::string& file, Isa isa = best_isa(),
                                            const FeatureSet* in_force = nullptr);
Result<DecisionModel> load_decision_model(const std::string& path, Isa isa = best_isa(),
                                          const FeatureSet* in_force = nullptr);

// "100 trees", "lstm", "3 members (online)": what the model is, in few words.
std::string describe(const DecisionModel& model);

}  // namespace thintail
