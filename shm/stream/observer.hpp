// SPDX-License-Identifier: Apache-2.0
// Observer: reads a stream from anywhere without the writer's knowledge, and says how many events it missed.
//   path       hot
//   threads    one at a time, in any process; a read-only mapping is enough
//   progress   wait-free. An observer that was lapped goes on half a ring behind the writer: resuming at the oldest
//              event would lose the race at once again.
//   invariant  events come in order, each whole and at most once; delivered + missed_total() = sequences gone past
#pragma once

#include <algorithm>
#include <cstdint>

#include "shm/stream/stream.hpp"

namespace thintail::shm {

enum class Observed : std::uint8_t { nothing, event, lapped };

template <class Copy = WordCopy, class Protocol = CellProtocol>
class BasicObserver {
 public:
  // Starts with the next event to be published.
  static BasicObserver from_latest(const Stream& stream) noexcept { return {stream, stream.head() + 1}; }
  // Starts with the oldest event that is surely still there. With a dead writer that is all that can be read: its
  // last, unfinished append may already have taken one cell, or been finished without head() moving.
  static BasicObserver from_oldest(const Stream& stream) noexcept {
    const std::uint64_t next_but_one = stream.head() + 2;
    return {stream, next_but_one > stream.capacity() ? next_but_one - stream.capacity() : 1};
  }
  // Starts with `sequence`; numbers before the stream's first one do not count as missed.
  static BasicObserver from_sequence(const Stream& stream, std::uint64_t sequence) noexcept {
    return {stream, sequence};
  }

  // `event`: `out` holds the next one. `lapped`: missed() events were overwritten unread; call again for the next
  // that is left. `nothing`: none is ready now.
  TT_HOT Observed next(Event& out) noexcept {
    const Cell& cell = cells_[next_ & mask_];
    const std::uint64_t seen = cell.sequence();
    if (seen == next_) [[likely]] {
      if (!cell.template copy_whole<Copy, Protocol>(out, next_)) return resume();
      ++next_;
      return Observed::event;
    }
    // Below next_: the event of a lap ago, or 0 for none yet, or 0 for an overwriting in flight, after which the
    // sequence will say that we were lapped. Only a writer that died in flight leaves such a 0 for good.
    if (seen < next_) [[likely]] {
      return seen == 0 && --zeros_until_look_ == 0 ? look_whether_lost() : Observed::nothing;
    }
    return resume();
  }

  std::uint64_t next_sequence() const noexcept { return next_; }
  std::uint64_t missed() const noexcept { return missed_; }  // by the last lapping
  std::uint64_t missed_total() const noexcept { return missed_total_; }
  std::uint64_t lapped_total() const noexcept { return lapped_total_; }

 private:
  BasicObserver(const Stream& stream, std::uint64_t next) noexcept
      : cells_(stream.cells()),
        mask_(stream.capacity() - 1),
        next_(std::max(next, stream.first_sequence())),
        stream_(&stream) {}

  // Polling head() beside the cell would pull a second line from the writer at every turn, hence rarely; but at the first
  // zero already, so that who reads a dead writer's stream to its end learns of a loss at once.
  static constexpr std::uint32_t kZerosBetweenLooks = 1024;

  TT_COLD Observed look_whether_lost() noexcept {
    zeros_until_look_ = kZerosBetweenLooks;
    if (stream_->head() < next_) return Observed::nothing;
    // Ours was published. Either that happened just now, or it is gone again.
    return cells_[next_ & mask_].sequence() == next_ ? Observed::nothing : resume();
  }

  TT_COLD Observed resume() noexcept {
    // The writer has at least begun to write next_ + capacity, so it published the one before, whatever
    // head() shows us.
    const std::uint64_t head = std::max(stream_->head(), next_ + mask_);
    const std::uint64_t resumed = head - mask_ / 2;
    missed_ = resumed - next_;
    missed_total_ += missed_;
    ++lapped_total_;
    next_ = resumed;
    return Observed::lapped;
  }

  const Cell* cells_;
  std::uint64_t mask_;
  std::uint64_t next_;
  const Stream* stream_;
  std::uint32_t zeros_until_look_ = 1;
  std::uint64_t missed_ = 0;
  std::uint64_t missed_total_ = 0;
  std::uint64_t lapped_total_ = 0;
};

using Observer = BasicObserver<>;

}  // namespace thintail::shm
