// SPDX-License-Identifier: Apache-2.0
// RunComparison: holds the events of a run against a recorded run, both rebased to their start, and keeps the first difference.
//   path  warm
#pragma once

#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include "core/event/describe.hpp"
#include "core/event/rebase.hpp"

namespace thintail {

struct EventDifference {
  std::uint64_t sequence = 0;  // as recorded; in the run where nothing is recorded
  std::string what;  // "differs", "missing in the replay", "not in the journal"
  std::string field;  // first differing field: "payload.score"
  std::string recorded;  // as JSON, rebased where runs are compared; empty where there is none
  std::string replayed;
};

// Either event may be null, not both.
inline EventDifference difference_of(const Event* recorded, const Event* replayed) {
  EventDifference difference;
  difference.sequence = recorded != nullptr ? recorded->sequence : replayed->sequence;
  difference.what = replayed == nullptr   ? "missing in the replay"
                    : recorded == nullptr ? "not in the journal"
                                          : "differs";
  if (recorded != nullptr) difference.recorded = to_json(*recorded);
  if (replayed != nullptr) difference.replayed = to_json(*replayed);
  if (recorded != nullptr && replayed != nullptr) difference.field = first_difference(*recorded, *replayed);
  return difference;
}

class RunComparison {
 public:
  // `next` gives the recorded run's events from its Session{started} on, and false at its end.
  explicit RunComparison(std::function<bool(Event&)> next) : next_(std::move(next)) {}

  // The next event of this run.
  void add(const Event& event) {
    if (difference_) return;
    Event recorded;
    if (!next_(recorded)) {
      difference_ = difference_of(nullptr, &event);
      return;
    }
    if (!recorded_origin_) recorded_origin_ = origin_of(recorded);
    if (!run_origin_) run_origin_ = origin_of(event);
    const Event a = rebased(recorded, *recorded_origin_);
    const Event b = rebased(event, *run_origin_);
    ++compared_;
    if (std::memcmp(&a, &b, sizeof a) == 0) return;
    difference_ = difference_of(&a, &b);
    difference_->sequence = recorded.sequence;
  }

  // This run has ended: whatever is still recorded is missing.
  const std::optional<EventDifference>& finish() {
    Event recorded;
    if (!difference_ && next_(recorded)) difference_ = difference_of(&recorded, nullptr);
    return difference_;
  }

  std::uint64_t compared() const noexcept { return compared_; }

 private:
  static RunOrigin origin_of(const Event& event) noexcept {
    return {event.sequence, event.type == EventType::session ? event.as<Session>().epoch : 1};
  }

  std::function<bool(Event&)> next_;
  std::optional<RunOrigin> recorded_origin_;
  std::optional<RunOrigin> run_origin_;
  std::optional<EventDifference> difference_;
  std::uint64_t compared_ = 0;
};

}  // namespace thintail
