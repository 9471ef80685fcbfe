// SPDX-License-Identifier: Apache-2.0
// LiveDriver: an engine in real time: ticks, venue answers and timers as they come, under the back-pressure ladder.
//   path       hot: do_work()
//   threads    the engine's
//   invariant  no input is taken unless everything it may decide fits the events stream, so no output is ever lost. A tick stream that
//              runs over shows as a Gap (its source makes it), never as silence.
//   source     CONTRACTS "Back-pressure"
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>
#include <vector>

#include "strategies/pipeline/engine.hpp"

namespace thintail {

// An events stream that knows how far its gating readers are behind.
template <class S>
concept BoundedSink = EventSink<S> && requires(S& sink, std::uint64_t slots) {
  { sink.has_room(slots) } noexcept -> std::same_as<bool>;
  { sink.capacity() } noexcept -> std::convertible_to<std::uint64_t>;
};

enum class Ladder : std::uint8_t {
  normal = 0,
  lagging = 1,  // more than half full: no new risk
  reserved = 2,  // three quarters: ticks wait in their stream, answers and timers still flow
  halted = 3,  // no room for one more input
};

template <EventSource Ticks, EventSource Answers, BoundedSink Sink, class Probe = NoProbe>
class LiveDriver {
 public:
  LiveDriver(Ticks& ticks, Answers& answers, DecisionPipeline& pipeline, Sink& sink, Probe& probe,
             std::vector<Event> preamble)
      : ticks_(&ticks),
        answers_(&answers),
        sink_(&sink),
        engine_(pipeline, sink, probe),
        preamble_(std::move(preamble)) {}

  // One turn at engine time `now_ns`; returns how many inputs it took.
  TT_HOT std::uint32_t do_work(std::int64_t now_ns) noexcept {
    if (!preamble_.empty()) [[unlikely]]
      start(now_ns);
    std::uint32_t work = 0;
    update_ladder(now_ns);
    if (is_polled_ && !take_polled(work)) [[unlikely]]
      return work;
    while (work < kBatch && has_room() && answers_->poll(polled_)) {
      if (!take_polled(work)) return work;
    }
    while (work < kBatch && ladder_ < Ladder::reserved && has_room() && ticks_->poll(polled_)) {
      if (!take_polled(work)) return work;
      update_ladder(polled_.time_ns);
    }
    while (engine_.next_timer_ns() <= now_ns && has_room()) {
      engine_.take_timer(0);
      ++work;
    }
    return work;
  }

  // Any other input (commands, the end of the session). False where the timers due before it have filled the stream: it was not taken, and
  // is to be offered again.
  bool take(Event& input) noexcept {
    while (engine_.next_timer_ns() <= input.time_ns) {
      if (!has_room()) return false;
      engine_.take_timer(0);
    }
    if (!has_room()) return false;
    engine_.take(input);
    return true;
  }

  Ladder ladder() const noexcept { return ladder_; }
  std::int64_t last_ns() const noexcept { return engine_.last_ns(); }

 private:
  static constexpr std::uint32_t kBatch = 16;  // so that timers and answers never wait for a burst of ticks

  // Takes what was polled last; where there is no room for it, it waits for the next turn.
  TT_HOT bool take_polled(std::uint32_t& work) noexcept {
    is_polled_ = !take(polled_);
    work += is_polled_ ? 0 : 1;
    return !is_polled_;
  }

  bool has_room() noexcept { return sink_->has_room(DecisionPipeline::kOutputsMax); }

  TT_HOT void update_ladder(std::int64_t now_ns) noexcept {
    const std::uint64_t capacity = sink_->capacity();
    if (ladder_ == Ladder::normal && sink_->has_room(capacity / 2)) [[likely]]
      return;
    climb(now_ns, capacity);
  }

  TT_COLD void climb(std::int64_t now_ns, std::uint64_t capacity) noexcept {
    if (!has_room()) {
      ladder_ = Ladder::halted;
    } else if (!sink_->has_room(capacity / 4)) {
      ladder_ = Ladder::reserved;
    } else if (!sink_->has_room(capacity / 2)) {
      ladder_ = Ladder::lagging;
    } else if (ladder_ == Ladder::normal || sink_->has_room(capacity / 4 * 3)) {
      ladder_ = Ladder::normal;  // only once it is down to a quarter, so that the gate does not flap
    } else {
      ladder_ = Ladder::lagging;
    }
    // A halt has no room to be announced in: then the announcement waits for the rung that follows it.
    const bool lags = ladder_ != Ladder::normal;
    if (lags == announced_lag_ || ladder_ == Ladder::halted) return;
    if (announce(lags ? SessionState::journal_lagging : SessionState::journal_caught_up, now_ns)) announced_lag_ = lags;
  }

  bool announce(SessionState state, std::int64_t now_ns) noexcept {
    Event session = Event::make(now_ns, kNoInstrument, Session{state, 0, 0, 0, {}});
    return take(session);
  }

  TT_COLD void start(std::int64_t now_ns) noexcept {
    for (Event& event : std::exchange(preamble_, {})) {
      event.time_ns = now_ns;
      engine_.take(event);
    }
    engine_.start_timers(now_ns);
  }

  Ticks* ticks_;
  Answers* answers_;
  Sink* sink_;
  Engine<Sink, Probe> engine_;
  std::vector<Event> preamble_;
  Ladder ladder_ = Ladder::normal;
  bool announced_lag_ = false;
  bool is_polled_ = false;  // polled_ waits for room
  Event polled_{};
};

}  // namespace thintail
