// SPDX-License-Identifier: Apache-2.0
// FeatureRun: the feature rows of a run's inputs, without a decision. feature_pass(): those of a source of recorded inputs.
//   path       hot: take()
//   threads    one
//   invariant  rows equal, byte for byte, those that a pipeline with the same set sees at the same events: both are
//              MarketState, with timers by the same rule.
#pragma once

#include <cstdint>

#include "core/event/event.hpp"
#include "strategies/pipeline/decision_pipeline.hpp"
#include "strategies/pipeline/engine_time.hpp"
#include "strategies/pipeline/market_state.hpp"

namespace thintail {

class FeatureRun {
 public:
  // Every instrument of the table takes part. `instruments` and `set` must outlive the run.
  FeatureRun(const InstrumentTable& instruments, const FeatureSet& set, Isa isa)
      : market_(instruments, &set, isa, instruments.size()) {
    for (InstrumentId id = 0; id < instruments.size(); ++id) market_.enable(id);
  }

  // Any event of a run, in its order. The row as of a tick, valid until the next call; null after every other event.
  TT_HOT const FeatureRow* take(const Event& event) {
    switch (event.type) {
      case EventType::tick: return market_.on_tick(event.instrument, event.as<Tick>(), event.time_ns, no_bar);
      case EventType::trade: market_.on_trade(event.instrument, event.as<Trade>()); break;
      case EventType::book: market_.on_book(event.instrument, event.as<Book>(), event.flags); break;
      case EventType::gap: market_.on_gap(); break;
      case EventType::timer: on_timer(event.time_ns); break;
      default: break;  // decisions, and what they were decided with
    }
    return nullptr;
  }
  void on_timer(std::int64_t time_ns) { market_.on_timer(time_ns, DecisionPipeline::kTimerBarOutputs, no_bar); }

  const MarketState& market() const noexcept { return market_; }
  MarketState& market() noexcept { return market_; }

 private:
  static void no_bar(InstrumentId, const ClosedBar&) noexcept {}

  MarketState market_;
};

// Polls `source` to its end, with timers as the engine makes them; `on_row(time_ns, const Event&, const FeatureRow&)` sees the
// row as of each tick and returns false to stop.
template <class Source, class OnRow>
void feature_pass(Source& source, FeatureRun& run, OnRow&& on_row) {
  EngineTime engine_time;
  Event event;
  while (source.poll(event)) {
    event.time_ns = engine_time.advance(event.time_ns, [&](std::int64_t timer_ns) { run.on_timer(timer_ns); });
    const FeatureRow* const row = run.take(event);
    if (row != nullptr && !on_row(event.time_ns, static_cast<const Event&>(event), *row)) return;
  }
}

}  // namespace thintail
