// SPDX-License-Identifier: Apache-2.0
// EngineTime: engine time of recorded inputs as the engine makes it (Engine, SimulatedDriver), for passes over them that
// decide nothing.
//   path       warm
//   invariant  time never decreases; one timer for each whole second stands before any input at or after it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace thintail {

class EngineTime {
 public:
  // The input's engine time; `on_timer(ns)` sees the timers due before it.
  template <class OnTimer>
  std::int64_t advance(std::int64_t time_ns, OnTimer&& on_timer) {
    time_ns = std::max(time_ns, last_ns_);
    if (next_timer_ns_ == kUnset) next_timer_ns_ = (time_ns + kSecondNs - 1) / kSecondNs * kSecondNs;
    for (; next_timer_ns_ <= time_ns; next_timer_ns_ += kSecondNs) on_timer(next_timer_ns_);
    last_ns_ = time_ns;
    return time_ns;
  }

 private:
  static constexpr std::int64_t kSecondNs = 1'000'000'000;
  static constexpr std::int64_t kUnset = std::numeric_limits<std::int64_t>::max();
  std::int64_t last_ns_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t next_timer_ns_ = kUnset;
};

}  // namespace thintail
