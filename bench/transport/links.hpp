// SPDX-License-Identifier: Apache-2.0
// Links: ours and what it is measured against, as one shape: a Sender that pushes events, a Receiver that takes them.
//   path     hot
//   threads  one sender, one receiver, in any two processes that share the memory
//
// Every link is laid out in zeroed shared memory of kBytes, aligned to a line pair, and holds kSlots events.
#pragma once

#include <array>
#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstdint>
#include <new>

#include "shm/stream/gated_reader.hpp"
#include "shm/stream/observer.hpp"
#include "shm/stream/stream_writer.hpp"

namespace thintail::bench {

constexpr std::size_t whole_line_pairs(std::size_t bytes) noexcept {
  return (bytes + kCacheLinePairBytes - 1) / kCacheLinePairBytes * kCacheLinePairBytes;
}

// Ours with a gating reader: nothing is lost, nothing is copied out.
template <std::size_t kSlots, class Copy>
class GatedLink {
 public:
  static constexpr std::size_t kBytes = shm::Stream::bytes_for(kSlots);
  explicit GatedLink(std::byte* memory) noexcept
      : stream_(shm::Stream::create(memory, kSlots, 1)), gate_(stream_->add_gate("bench")) {}

  class Sender {
   public:
    explicit Sender(GatedLink& link) noexcept : writer_(*link.stream_) {}
    TT_HOT bool push(Event& event) noexcept { return writer_.append(event) != 0; }

   private:
    shm::BasicStreamWriter<Copy> writer_;
  };
  class Receiver {
   public:
    explicit Receiver(GatedLink& link) noexcept : reader_(*link.stream_, *link.gate_) {}
    TT_HOT bool pop(Event& out) noexcept { return reader_.poll(out); }
    // Hands those that are ready to `take`, up to a bound; how many. Waits a few turns for a full batch first, which keeps
    // it off the lines being filled, as a reader does that wants throughput: 200 ns at most.
    template <class Take>
    TT_HOT std::size_t drain(Take&& take) noexcept {
      auto ready = reader_.peek_full(kBatchMax);
      if (ready.empty() && waited_ < kPatience) {
        ++waited_;
        return 0;
      }
      if (ready.empty()) ready = reader_.peek_batch(kBatchMax);
      waited_ = 0;
      for (const Event& event : ready) take(event);
      if (!ready.empty()) reader_.advance(ready.size());
      return ready.size();
    }
    std::uint64_t missed() const noexcept { return 0; }

   private:
    static constexpr std::size_t kBatchMax = 64;
    static constexpr unsigned kPatience = 9;  // turns, each of them with a pause
    shm::GatedReader reader_;
    unsigned waited_ = 0;
  };

 private:
  shm::Stream* stream_;
  shm::Gate* gate_;
};

// Ours with a lossy observer, which the writer knows nothing of. So that it misses nothing, the benchmark itself holds
// the writer back: by a cursor of its own, looked at once in half a ring.
template <std::size_t kSlots, class Copy>
class ObservedLink {
  struct alignas(kCacheLinePairBytes) Pace {
    std::atomic<std::uint64_t> taken{0};
  };

 public:
  static constexpr std::size_t kBytes = sizeof(Pace) + shm::Stream::bytes_for(kSlots);
  explicit ObservedLink(std::byte* memory) noexcept
      : pace_(new(memory) Pace), stream_(shm::Stream::create(memory + sizeof(Pace), kSlots, 1)) {}

  class Sender {
   public:
    explicit Sender(ObservedLink& link) noexcept : pace_(link.pace_), writer_(*link.stream_) {}
    TT_HOT bool push(Event& event) noexcept {
      if (writer_.next_sequence() > limit_) [[unlikely]] {
        limit_ = pace_->taken.load(std::memory_order_acquire) + kSlots / 2;  // P2: pairs P1
        if (writer_.next_sequence() > limit_) return false;
      }
      writer_.append(event);
      return true;
    }

   private:
    Pace* pace_;
    shm::BasicStreamWriter<Copy> writer_;
    std::uint64_t limit_ = kSlots / 2;
  };
  class Receiver {
   public:
    explicit Receiver(ObservedLink& link) noexcept
        : pace_(link.pace_), observer_(shm::BasicObserver<Copy>::from_sequence(*link.stream_, 1)) {}
    TT_HOT bool pop(Event& out) noexcept {
      if (observer_.next(out) != shm::Observed::event) return false;
      if (observer_.next_sequence() % (kSlots / 8) == 0) {
        pace_->taken.store(observer_.next_sequence() - 1, std::memory_order_release);  // P1: they were read; pairs P2
      }
      return true;
    }
    template <class Take>
    TT_HOT std::size_t drain(Take&& take) noexcept {
      if (!pop(event_)) return 0;
      take(event_);
      return 1;
    }
    std::uint64_t missed() const noexcept { return observer_.missed_total(); }

   private:
    Pace* pace_;
    shm::BasicObserver<Copy> observer_;
    Event event_{};
  };

 private:
  Pace* pace_;
  shm::Stream* stream_;
};

// boost::lockfree::spsc_queue with its capacity at compile time, which is what lies in shared memory. kBatched: taken by
// consume_all(), in place and with one index store for all; otherwise by pop().
template <std::size_t kSlots, bool kBatched>
class BoostLink {
  using Queue = boost::lockfree::spsc_queue<Event, boost::lockfree::capacity<kSlots>>;

 public:
  static constexpr std::size_t kBytes = whole_line_pairs(sizeof(Queue));
  explicit BoostLink(std::byte* memory) noexcept : queue_(new(memory) Queue) {}

  class Sender {
   public:
    explicit Sender(BoostLink& link) noexcept : queue_(link.queue_) {}
    TT_HOT bool push(Event& event) noexcept { return queue_->push(event); }

   private:
    Queue* queue_;
  };
  class Receiver {
   public:
    explicit Receiver(BoostLink& link) noexcept : queue_(link.queue_) {}
    TT_HOT bool pop(Event& out) noexcept { return queue_->pop(out); }
    template <class Take>
    TT_HOT std::size_t drain(Take&& take) noexcept {
      if constexpr (kBatched) return queue_->consume_all(take);
      Event event;
      if (!queue_->pop(event)) return 0;
      take(event);
      return 1;
    }
    std::uint64_t missed() const noexcept { return 0; }

   private:
    Queue* queue_;
  };

 private:
  Queue* queue_;
};

// The control: two indices, each side remembering the other's, so that it looks only when it seems to be full or empty.
template <std::size_t kSlots>
class IndexRingLink {
  struct Ring {
    alignas(kCacheLinePairBytes) std::atomic<std::uint64_t> pushed{0};
    alignas(kCacheLinePairBytes) std::atomic<std::uint64_t> popped{0};
    alignas(kCacheLinePairBytes) std::array<Event, kSlots> events{};
  };

 public:
  static constexpr std::size_t kBytes = sizeof(Ring);
  explicit IndexRingLink(std::byte* memory) noexcept : ring_(new(memory) Ring) {}

  class Sender {
   public:
    explicit Sender(IndexRingLink& link) noexcept : ring_(link.ring_) {}
    TT_HOT bool push(Event& event) noexcept {
      if (next_ - popped_seen_ == kSlots) [[unlikely]] {
        popped_seen_ = ring_->popped.load(std::memory_order_acquire);  // I4: pairs I3
        if (next_ - popped_seen_ == kSlots) return false;
      }
      ring_->events[next_ % kSlots] = event;
      ring_->pushed.store(++next_, std::memory_order_release);  // I1: the event before its index; pairs I2
      return true;
    }

   private:
    Ring* ring_;
    std::uint64_t next_ = 0;
    std::uint64_t popped_seen_ = 0;
  };
  class Receiver {
   public:
    explicit Receiver(IndexRingLink& link) noexcept : ring_(link.ring_) {}
    TT_HOT bool pop(Event& out) noexcept {
      return drain([&](const Event& event) { out = event; }) != 0;
    }
    template <class Take>
    TT_HOT std::size_t drain(Take&& take) noexcept {
      if (next_ == pushed_seen_) {
        pushed_seen_ = ring_->pushed.load(std::memory_order_acquire);  // I2: pairs I1
        if (next_ == pushed_seen_) return 0;
      }
      take(ring_->events[next_ % kSlots]);
      ring_->popped.store(++next_, std::memory_order_release);  // I3: our read came before; pairs I4
      return 1;
    }
    std::uint64_t missed() const noexcept { return 0; }

   private:
    Ring* ring_;
    std::uint64_t next_ = 0;
    std::uint64_t pushed_seen_ = 0;
  };

 private:
  Ring* ring_;
};

}  // namespace thintail::bench
