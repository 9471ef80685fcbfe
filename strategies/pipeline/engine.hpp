// SPDX-License-Identifier: Apache-2.0
// Engine: the one order of things. Every input gets its time and its place in the events stream, then the pipeline decides.
//   path       hot
//   threads    one: it owns all decision state
//   invariant  time never decreases in the stream; one Timer for each whole second stands before any input at or after it.
#pragma once

#include <algorithm>
#include <limits>

#include "strategies/pipeline/decision_pipeline.hpp"

namespace thintail {

template <EventSink Sink, class Probe = NoProbe>
class Engine {
 public:
  Engine(DecisionPipeline& pipeline, Sink& sink, Probe& probe) noexcept
      : pipeline_(&pipeline), sink_(&sink), probe_(&probe) {}

  // Appends an input and everything decided on it. REQUIRES: timers up to input.time_ns were taken (next_timer_ns()).
  TT_HOT void take(Event& input) noexcept {
    probe_->begin();
    input.time_ns = std::max(input.time_ns, last_ns_);
    last_ns_ = input.time_ns;
    sink_->append(input);
    if (input.type == EventType::tick) probe_->mark(Stage::append_input);
    pipeline_->on_input(input, *sink_, *probe_);
  }

  // The whole second at which the next Timer is due. The first input's time sets the phase.
  std::int64_t next_timer_ns() const noexcept { return next_timer_ns_; }
  void start_timers(std::int64_t first_input_ns) noexcept {
    if (next_timer_ns_ == kUnset) next_timer_ns_ = (first_input_ns + kSecondNs - 1) / kSecondNs * kSecondNs;
  }
  void take_timer(unsigned flags) noexcept {
    Event timer = Event::make(next_timer_ns_, kNoInstrument, Timer{next_timer_ns_ / kSecondNs, {}}, flags);
    next_timer_ns_ += kSecondNs;
    take(timer);
  }

  std::int64_t last_ns() const noexcept { return last_ns_; }
  DecisionPipeline& pipeline() noexcept { return *pipeline_; }

 private:
  static constexpr std::int64_t kSecondNs = 1'000'000'000;
  static constexpr std::int64_t kUnset = std::numeric_limits<std::int64_t>::max();

  DecisionPipeline* pipeline_;
  Sink* sink_;
  Probe* probe_;
  std::int64_t last_ns_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t next_timer_ns_ = kUnset;
};

}  // namespace thintail
