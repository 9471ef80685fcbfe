// SPDX-License-Identifier: Apache-2.0
// JournalStage: one turn of the journal thread: events of a stream into the writer, the durable sequence out of it.
//   path       warm
//   threads    the journal thread, which the daemon owns
//   invariant  an event's slot is given back to the stream only once the event is on stable storage: until then shared
//              memory is the copy that outlives this process. A stalled disk holds back the cursor, and nothing is ever
//              dropped.
//   source     docs/decisions/0002-slots-until-durable.md
#pragma once

#include <time.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "adapters/journal/journal_writer.hpp"

namespace thintail {

// A gated reader of a stream (shm::GatedReader): shows the next events in place, and keeps them there until they are
// given back.
template <class R>
concept EventBatchReader = requires(R& reader, std::size_t events, std::uint64_t sequence) {
  { reader.peek_batch(events) } noexcept -> std::convertible_to<std::span<const Event>>;
  { reader.pass(events) } noexcept;
  { reader.release(sequence) } noexcept;
};

// Told every new durable sequence; in the daemon it stores it where acknowledgements look.
template <class P>
concept DurablePublisher = requires(P& publish, std::uint64_t sequence) {
  { publish(sequence) } noexcept;
};

template <EventBatchReader Reader, DurablePublisher Publish>
class JournalStage {
 public:
  // REQUIRES: reader and writer outlive the stage; the reader's next sequence is the writer's last + 1.
  JournalStage(Reader& reader, JournalWriter& writer, Publish publish) noexcept
      : reader_(reader), writer_(writer), publish_(std::move(publish)), published_(writer.durable_sequence()) {}

  std::uint32_t do_work() noexcept { return do_work(monotonic_ns()); }

  // The same at a given time of a monotonic clock, for tests and for callers that read it anyway.
  std::uint32_t do_work(std::int64_t now_ns) noexcept {
    const std::span<const Event> ready = reader_.peek_batch(kBatchEvents);
    const std::size_t taken = writer_.append(ready);
    reader_.pass(taken);
    const std::uint32_t disk_work = writer_.poll(now_ns);
    if (writer_.durable_sequence() != published_) {
      published_ = writer_.durable_sequence();
      reader_.release(published_);
      publish_(published_);
    }
    return static_cast<std::uint32_t>(taken) + disk_work;
  }

 private:
  // A quarter of a block: the disk's answers are asked for often enough under load.
  static constexpr std::size_t kBatchEvents = 256;

  static std::int64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

  Reader& reader_;
  JournalWriter& writer_;
  Publish publish_;
  std::uint64_t published_;
};

}  // namespace thintail
