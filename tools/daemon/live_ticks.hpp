// SPDX-License-Identifier: Apache-2.0
// LiveTicks: ticks as a live engine takes them: a lossy observer, since a slow engine must never hold a live feed back.
// What it missed becomes one Gap.
//   path     hot
//   threads  the reading one's
#pragma once

#include "core/event/payloads.hpp"
#include "core/time/engine_clock.hpp"
#include "shm/stream/observer.hpp"

namespace thintail {

class LiveTicks {
 public:
  LiveTicks(const shm::Stream& ticks, const EngineClock& clock)
      : observer_(shm::Observer::from_sequence(ticks, ticks.first_sequence())), clock_(&clock) {}

  TT_HOT bool poll(Event& out) noexcept {
    switch (observer_.next(out)) {
      case shm::Observed::nothing: return false;
      case shm::Observed::event: return true;
      case shm::Observed::lapped: break;
    }
    out = Event::make(clock_->now_ns(), kNoInstrument,
                      Gap{observer_.missed(), observer_.next_sequence() - observer_.missed(), {}});
    return true;
  }

 private:
  shm::Observer observer_;
  const EngineClock* clock_;
};

}  // namespace thintail
