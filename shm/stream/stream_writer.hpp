// SPDX-License-Identifier: Apache-2.0
// StreamWriter: appends events to a stream; there is exactly one for each stream.
//   path       hot
//   threads    one at a time
//   progress   wait-free. It never waits for a reader: where a gating one is a whole ring behind, it refuses.
#pragma once

#include <cstdint>

#include "shm/stream/stream.hpp"

namespace thintail::shm {

template <class Copy = WordCopy, class Protocol = CellProtocol>
class BasicStreamWriter {
 public:
  // REQUIRES: every gate has been added.
  explicit BasicStreamWriter(Stream& stream) noexcept
      : cells_(stream.cells()),
        mask_(stream.capacity() - 1),
        next_(stream.head() + 1),
        limit_(stream.write_limit()),
        stream_(&stream) {}

  // Stamps the next sequence into `event`, publishes it and returns that sequence. Returns 0, changes nothing and
  // counts a refusal where a gating reader would be overtaken; who asks has_room() first never sees that.
  TT_HOT std::uint64_t append(Event& event) noexcept {
    const std::uint64_t sequence = next_;
    if (sequence > limit_ && !refresh_until(sequence)) [[unlikely]] {
      stream_->count_refusal();
      return 0;
    }
    cells_[sequence & mask_].template publish<Copy, Protocol>(event, sequence);
    stream_->set_head(sequence);
    event.sequence = sequence;  // only now: a wide load of the event would have to wait for this narrow store
    next_ = sequence + 1;
    return sequence;
  }

  // Whether `slots` more events fit. The rungs of the back-pressure ladder are such questions: the first asks
  // has_room(capacity() / 2), false exactly while the stream is more than half full. Looks at the readers' cursors only
  // when what it remembers of them does not suffice, so a reader that keeps up costs the writer one cache miss a lap.
  // REQUIRES: slots <= capacity().
  TT_HOT bool has_room(std::uint64_t slots) noexcept {
    const std::uint64_t last = next_ + slots - 1;
    return last <= limit_ || refresh_until(last);
  }

  // How many events fit now: capacity() without gating readers.
  std::uint64_t free_slots() noexcept {
    limit_ = stream_->write_limit();
    return limit_ == Stream::kNoLimit ? capacity() : limit_ - next_ + 1;
  }

  std::uint64_t next_sequence() const noexcept { return next_; }
  std::uint64_t capacity() const noexcept { return mask_ + 1; }

 private:
  TT_COLD bool refresh_until(std::uint64_t sequence) noexcept {
    limit_ = stream_->write_limit();
    return sequence <= limit_;
  }

  Cell* cells_;
  std::uint64_t mask_;
  std::uint64_t next_;
  std::uint64_t limit_;  // highest sequence known to overtake nobody
  Stream* stream_;
};

using StreamWriter = BasicStreamWriter<>;
static_assert(EventSink<StreamWriter>);

}  // namespace thintail::shm
