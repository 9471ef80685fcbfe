// SPDX-License-Identifier: Apache-2.0
// DurableLatency: how long events take from their append until they are on stable storage, found out by the journal thread alone: an
// event bears no time of its own append, and the engine spends nothing on one.
//   path       warm
//   threads    the journal thread's
//   invariant  never understated: each turn notes up to which event the stream had come, so what lies between two notes was appended
//              after the first. Overstated by at most one turn of the thread. One value for each turn that saw new events.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/histogram/histogram.hpp"

namespace thintail {

class DurableLatency {
 public:
  // `sequence`: the last event before the stream's first. `now_ns` here and below: of any one monotonic clock.
  DurableLatency(Histogram& histogram, std::uint64_t sequence, std::int64_t now_ns) noexcept
      : histogram_(&histogram), seen_(sequence), seen_ns_(now_ns), durable_(sequence), durable_ns_(now_ns) {}

  // At `now_ns` nothing after `sequence` had been appended.
  void seen(std::uint64_t sequence, std::int64_t now_ns) noexcept {
    if (sequence > seen_) {
      if (sequence <= durable_) {
        record(durable_ns_, seen_ns_);  // a disk that answers at once: durable within the turn that took it
      } else if (count_ < kNotesMax) {
        notes_[(first_ + count_++) % kNotesMax] = {sequence, seen_ns_};
      }  // else: a stalled disk, of which there are enough notes
      seen_ = sequence;
    }
    seen_ns_ = now_ns;
  }

  // At `now_ns` everything up to `sequence` was on disk.
  void durable(std::uint64_t sequence, std::int64_t now_ns) noexcept {
    durable_ = sequence;
    durable_ns_ = now_ns;
    while (count_ > 0 && notes_[first_].sequence <= sequence) {
      record(now_ns, notes_[first_].before_ns);
      first_ = (first_ + 1) % kNotesMax;
      --count_;
    }
  }

 private:
  // A turn that takes events takes one at least: two flushes' worth of turns at ten microseconds each.
  static constexpr std::size_t kNotesMax = 4096;

  struct Note {
    std::uint64_t sequence;  // the last event seen in the turn
    std::int64_t before_ns;  // none of its events had been appended then
  };

  void record(std::int64_t now_ns, std::int64_t then_ns) noexcept {
    histogram_->record(now_ns > then_ns ? static_cast<std::uint64_t>(now_ns - then_ns) : 0);
  }

  Histogram* histogram_;
  std::uint64_t seen_;
  std::int64_t seen_ns_;
  std::uint64_t durable_;
  std::int64_t durable_ns_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::array<Note, kNotesMax> notes_{};
};

}  // namespace thintail
