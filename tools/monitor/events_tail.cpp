// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/events_tail.hpp"

#include <algorithm>

namespace thintail {

void EventsTail::read() noexcept {
  Event event{};
  // The first look is at the place where we stopped: an overtaking shows there, before anything is skipped.
  for (std::uint64_t looks = 0; looks < kEventsPerLook; ++looks) {
    const shm::Observed observed = observer_.next(event);
    if (observed == shm::Observed::nothing) return;
    if (observed == shm::Observed::lapped) {
      ++counts_.lapped;
      counts_.missed += observer_.missed();
      catch_up();
      continue;
    }
    take(event);
    if (looks == 0) catch_up();
  }
}

void EventsTail::catch_up() noexcept {
  const std::uint64_t head = events_->head();
  // Half a ring at most: the older half may be overwritten while we look.
  const std::uint64_t reach = std::min(kEventsPerLook, events_->capacity() / 2);
  if (head < observer_.next_sequence() + reach) return;
  const std::uint64_t next = head - reach + 1;
  counts_.skipped += next - observer_.next_sequence();
  observer_ = shm::Observer::from_sequence(*events_, next);
}

void EventsTail::take(const Event& event) noexcept {
  ++counts_.seen;
  if (event.type != EventType::prediction) return;
  const auto prediction = event.as<Prediction>();
  if (prediction.model_slot >= last_.size()) return;
  last_[prediction.model_slot] = SeenPrediction{prediction.score, prediction.state, event.instrument, event.time_ns};
}

}  // namespace thintail
