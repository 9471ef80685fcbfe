// SPDX-License-Identifier: Apache-2.0
// A pipeline with an events stream in memory, fed by hand: what tests of single decisions use.
#pragma once

#include <cstdint>
#include <vector>

#include "strategies/pipeline/engine.hpp"
#include "tests/support/strategy_run.hpp"

namespace thintail::test {

struct KeepingSink {
  std::vector<Event> events;
  std::uint64_t append(Event& event) noexcept {
    event.sequence = events.size() + 1;
    events.push_back(event);
    return event.sequence;
  }
};

class PipelineDesk {
 public:
  explicit PipelineDesk(const Settings& chosen, InstrumentTable table = table_of({"XAUUSD"}), std::uint32_t epoch = 1)
      : settings(chosen),
        instruments(std::move(table)),
        pipeline(settings, instruments, {Isa::scalar, epoch, nullptr}) {
    for (InstrumentId id = 0; id < instruments.size(); ++id) pipeline.enable(id);
  }

  // Takes an input and returns what was decided on it.
  std::vector<Event> take(const Event& event) {
    Event input = event;
    engine.take(input);
    return {sink.events.begin() + static_cast<std::ptrdiff_t>(input.sequence), sink.events.end()};
  }
  std::vector<Event> tick(std::int64_t time_ns, std::int64_t bid_e9, std::int64_t ask_e9, InstrumentId id = 0) {
    return take(tick_at(time_ns, bid_e9, ask_e9, id));
  }
  // A quote of spread 0.25 around whole prices.
  std::vector<Event> quote(std::int64_t time_ns, std::int64_t bid, InstrumentId id = 0) {
    return tick(time_ns, bid * kE9, bid * kE9 + kE9 / 4, id);
  }
  std::vector<Event> timer(std::int64_t time_ns) {
    return take(Event::make(time_ns, kNoInstrument, Timer{time_ns / kSecondNs, {}}));
  }
  std::vector<Event> command(CommandKind kind) {
    return take(Event::make(engine.last_ns(), kNoInstrument, Command{1, kind, 0, 0, {}}));
  }
  std::vector<Event> session(SessionState state) {
    return take(Event::make(engine.last_ns(), kNoInstrument, Session{state, 0, 1, 0, {}}));
  }
  // The whole order, filled at its own price.
  std::vector<Event> fill(const Event& intent) {
    const auto order = intent.as<Intent>();
    return take(Event::make(
        engine.last_ns(), intent.instrument,
        Fill{order.client_order_id, order.price_e9, order.quantity_e9, 0, order.side, 1, order.strategy, 1}));
  }

  Settings settings;
  InstrumentTable instruments;
  DecisionPipeline pipeline;
  KeepingSink sink;
  NoProbe probe;
  Engine<KeepingSink> engine{pipeline, sink, probe};
};

}  // namespace thintail::test
