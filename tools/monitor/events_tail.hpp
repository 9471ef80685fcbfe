// SPDX-License-Identifier: Apache-2.0
// EventsTail: what a monitor learns from the events themselves: each model's last prediction, and whether the writer overtook it.
//   path     cold
//   threads  one at a time, in any process; the core does not notice
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/event/payloads.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/stream/observer.hpp"

namespace thintail {

struct SeenPrediction {
  float score = 0;
  PredictionState state = PredictionState::valid;
  InstrumentId instrument = kNoInstrument;
  std::int64_t time_ns = 0;
};

struct TailCounts {
  std::uint64_t seen = 0;
  std::uint64_t skipped = 0;  // passed over, to look at no more than a few thousand events
  std::uint64_t lapped = 0;  // times that the writer came round
  std::uint64_t missed = 0;  // overwritten unread
};

class EventsTail {
 public:
  // What one look takes at most: where the core makes more between two looks, the newest tell as much.
  static constexpr std::uint64_t kEventsPerLook = 4096;

  // Begins with the last few thousand, so that a core that is quiet or ended shows its last state.
  explicit EventsTail(const shm::Stream& events) noexcept
      : events_(&events), observer_(shm::Observer::from_oldest(events)) {
    catch_up();
    counts_.skipped = 0;
  }

  void read() noexcept;
  std::optional<SeenPrediction> last_of(std::uint32_t slot) const noexcept {
    return slot < last_.size() ? last_[slot] : std::nullopt;
  }
  const TailCounts& counts() const noexcept { return counts_; }

 private:
  void catch_up() noexcept;
  void take(const Event& event) noexcept;

  const shm::Stream* events_;
  shm::Observer observer_;
  TailCounts counts_;
  std::array<std::optional<SeenPrediction>, shm::kModelSlots> last_{};
};

}  // namespace thintail
