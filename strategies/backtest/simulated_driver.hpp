// SPDX-License-Identifier: Apache-2.0
// SimulatedDriver: an engine in simulated time: ticks from any source, timers made from their times, fills from the fill model stepped on
// the same thread. Backtest, demo and the paper run of a file are this one class.
//   path       hot: step()
//   threads    the engine's
//   invariant  order at a time T: the Timer of T, then the answers due at T, then inputs at T (CONTRACTS "Determinism").
#pragma once

#include <utility>
#include <vector>

#include "strategies/fills/fill_model.hpp"
#include "strategies/pipeline/engine.hpp"

namespace thintail {

// Hands each intent to the fill model once it stands in the events stream.
template <EventSink Inner>
class VenueSink {
 public:
  VenueSink(Inner& inner, FillModel& venue) noexcept : inner_(&inner), venue_(&venue) {}

  TT_HOT std::uint64_t append(Event& event) noexcept {
    const std::uint64_t sequence = inner_->append(event);
    if (event.type == EventType::intent) [[unlikely]] {
      // The engine tracks as many orders as the model holds, so it refuses (open_orders) before this can fail.
      static_cast<void>(venue_->on_intent(event));
    }
    return sequence;
  }

  // A sink that shows where the gate stands sees it here too.
  void stands(InstrumentId id, const RiskStanding& standing, std::int64_t time_ns) noexcept
    requires RiskSink<Inner>
  {
    inner_->stands(id, standing, time_ns);
  }
  void latched(const GateLatches& latches, std::int64_t time_ns) noexcept
    requires RiskSink<Inner>
  {
    inner_->latched(latches, time_ns);
  }

 private:
  Inner* inner_;
  FillModel* venue_;
};

template <EventSource Source, EventSink Inner, class Probe = NoProbe>
class SimulatedDriver {
 public:
  // `preamble` is appended at the time of the first tick: before it, simulated time does not exist.
  SimulatedDriver(Source& source, DecisionPipeline& pipeline, FillModel& venue, Inner& sink, Probe& probe,
                  std::vector<Event> preamble)
      : source_(&source),
        venue_(&venue),
        sink_(sink, venue),
        engine_(pipeline, sink_, probe),
        preamble_(std::move(preamble)) {}

  // Takes the next tick, and before it whatever is due; false when the source has none now.
  TT_HOT bool step() noexcept {
    Event tick;
    if (!source_->poll(tick)) return false;
    if (!preamble_.empty()) [[unlikely]]
      start(tick.time_ns);
    advance_to(tick.time_ns);
    engine_.take(tick);
    if (tick.type == EventType::tick) venue_->on_tick(tick.instrument, tick.as<Tick>());
    return true;
  }

  // Everything due at or before `time_ns`.
  TT_HOT void advance_to(std::int64_t time_ns) noexcept {
    engine_.start_timers(time_ns);
    venue_->execute_until(time_ns);
    while (std::min(engine_.next_timer_ns(), venue_->next_due_ns()) <= time_ns) [[unlikely]]
      take_due();
  }

  // The source has ended: timers go on until every order is answered and the last M1 bar has closed; longer bars stay open.
  // Then the stream says so.
  void finish() noexcept {
    if (engine_.next_timer_ns() == std::numeric_limits<std::int64_t>::max()) return;  // there was no input
    while (venue_->next_due_ns() != std::numeric_limits<std::int64_t>::max() ||
           engine_.pipeline().has_forming_minute()) {
      advance_to(engine_.next_timer_ns());
    }
    Event ended =
        Event::make(engine_.last_ns(), kNoInstrument, Session{SessionState::input_ended, 0, 0, 0, {}}, kFlagSimulated);
    engine_.take(ended);
  }

  // Any other input (preamble, commands), now.
  void take(Event& input) noexcept { engine_.take(input); }
  std::int64_t last_ns() const noexcept { return engine_.last_ns(); }

 private:
  TT_COLD void start(std::int64_t time_ns) noexcept {
    for (Event& event : std::exchange(preamble_, {})) {
      event.time_ns = time_ns;
      engine_.take(event);
    }
  }

  TT_COLD void take_due() noexcept {
    if (engine_.next_timer_ns() <= venue_->next_due_ns()) {
      engine_.take_timer(kFlagSimulated);
    } else {
      Event answer = venue_->take_answer(kFlagSimulated);
      engine_.take(answer);
    }
  }

  Source* source_;
  FillModel* venue_;
  VenueSink<Inner> sink_;
  Engine<VenueSink<Inner>, Probe> engine_;
  std::vector<Event> preamble_;
};

}  // namespace thintail
