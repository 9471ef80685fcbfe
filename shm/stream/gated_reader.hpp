// SPDX-License-Identifier: Apache-2.0
// GatedReader: reads every event of a stream; the writer never overtakes it.
//   path       hot
//   threads    one at a time, in the writer's process: a reader that hangs stops the writer
//   progress   wait-free; nothing ready is `false`, an empty span or 0, and the caller decides how to wait
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "shm/stream/stream.hpp"

namespace thintail::shm {

class GatedReader {
 public:
  // REQUIRES: `gate` was added to `stream` and belongs to this reader alone.
  GatedReader(const Stream& stream, Gate& gate) noexcept
      : cells_(stream.cells()), mask_(stream.capacity() - 1), next_(gate.consumed() + 1), gate_(&gate) {}

  // The next event in place, or nullptr. It stays until advance().
  TT_HOT const Event* peek() const noexcept {
    const Cell& cell = cells_[next_ & mask_];
    return cell.holds(next_) ? &cell.event() : nullptr;
  }

  // The next events in place, as many as are ready, lie side by side and `events_max` allows. They stay until
  // advance().
  TT_HOT std::span<const Event> peek_batch(std::size_t events_max) const noexcept {
    const std::uint64_t index = next_ & mask_;
    const std::size_t reach = std::min<std::size_t>(events_max, mask_ + 1 - index);
    const Cell* first = cells_ + index;
    std::size_t ready = 0;
    while (ready < reach && first[ready].holds(next_ + ready)) ++ready;
    return {&first->event(), ready};
  }

  // The next `events`, or those before the ring's end, if all of them are ready; otherwise nothing. Only the last one is
  // looked at, so a reader that can wait a little stays off the lines that the writer is filling: a third more
  // throughput where both run at full speed. They stay until advance().
  TT_HOT std::span<const Event> peek_full(std::size_t events) const noexcept {
    const std::uint64_t index = next_ & mask_;
    const std::size_t count = std::min<std::size_t>(events, mask_ + 1 - index);
    const Cell* first = cells_ + index;
    // The writer publishes in order, so the last one's sequence answers for all before it (G1).
    if (!first[count - 1].holds(next_ + count - 1)) return {};
    return {&first->event(), count};
  }

  // Gives the next `events` cells back to the writer. REQUIRES: they were peeked.
  TT_HOT void advance(std::size_t events = 1) noexcept {
    next_ += events;
    gate_->set_consumed(next_ - 1);
  }

  // In two steps, for a reader whose copy is not safe yet: goes on past `events` peeked ones, whose cells stay, and
  // gives those up to `sequence` back later. REQUIRES: they were passed.
  TT_HOT void pass(std::size_t events) noexcept { next_ += events; }
  TT_HOT void release(std::uint64_t sequence) noexcept { gate_->set_consumed(sequence); }

  // Copies the next event and gives its cell back.
  TT_HOT bool poll(Event& out) noexcept {
    const Event* event = peek();
    if (event == nullptr) return false;
    out = *event;
    advance();
    return true;
  }

  // Copies up to out.size() ready events, gives their cells back and returns how many: one cursor store for all of
  // them.
  TT_HOT std::size_t read_batch(std::span<Event> out) noexcept {
    std::size_t count = 0;
    while (count < out.size()) {
      const Cell& cell = cells_[(next_ + count) & mask_];
      if (!cell.holds(next_ + count)) break;
      out[count++] = cell.event();
    }
    if (count > 0) advance(count);
    return count;
  }

  std::uint64_t next_sequence() const noexcept { return next_; }

 private:
  const Cell* cells_;
  std::uint64_t mask_;
  std::uint64_t next_;
  Gate* gate_;
};

static_assert(EventSource<GatedReader>);

}  // namespace thintail::shm
