// SPDX-License-Identifier: Apache-2.0
// Golden events: inputs made up for a feature set, and what a model makes of them: from event to score, on the path that live ticks take.
//   path       cold
//   invariant  the same inputs on every machine; the same rows for the same model, set and inputs on every Isa.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/event/event.hpp"
#include "core/isa/isa.hpp"
#include "ml/pack/golden_events.hpp"
#include "ml/predictor/decision_model.hpp"

namespace thintail {

// How long the made-up market runs: slow features need days, and members that speak at bars need many bars.
struct GoldenSpan {
  std::uint32_t ticks = 6'144;
  std::uint32_t sparseness = 1;  // silences become so many times longer
};

// Two weeks from 2014-02-26 on at sparseness 1: the instruments that the set's peers name, bursts and silences, two weekends, between them
// the change to summer time in New York, crossed and locked quotes, late stamps, ticks exactly at a bar's end, gaps; sizes, trades and book
// updates where the set needs them, and where it does not, none.
std::vector<Event> golden_inputs(const FeatureSet& set, const GoldenSpan& span);

// Runs the inputs through MarketState and Predictor. Refuses inputs whose instruments are none.
// REQUIRES: `events` as decode_golden_events() or golden_inputs() gives them.
Result<std::vector<pack::GoldenRow>> run_golden(const DecisionModel& model, std::span<const Event> events, Isa isa);

// Recomputes and compares: the first row that differs is refused with its index and byte.
Result<void> check_golden_events(const DecisionModel& model, const pack::GoldenEvents& golden, Isa isa,
                                 std::string_view file);

// Inputs long enough that the model speaks, and what it says, computed on the plainest kernels. REQUIRES: `model` is laid out for Isa::scalar.
Result<pack::GoldenEvents> make_golden_events(const DecisionModel& model);

}  // namespace thintail
