// SPDX-License-Identifier: Apache-2.0
// Ends: what a pipeline reads ticks from and appends events to: real streams, or plain memory as the control.
//   path     hot
//   threads  publish(): the feed's; everything else: the engine's. PlainEnds: one thread for both.
#pragma once

#include <sys/mman.h>

#include <cstring>
#include <utility>

#include "core/base/assert.hpp"
#include "core/thread/memory.hpp"
#include "shm/stream/gated_reader.hpp"
#include "shm/stream/stream_writer.hpp"

namespace thintail::bench {

// The daemon's own sizes (core/config/settings.hpp).
inline constexpr std::uint64_t kEventSlots = 1u << 20;
inline constexpr std::uint64_t kTickSlots = 1u << 16;

// Pages that are present, and zeroed again at will.
class Memory {
 public:
  static Result<Memory> create(std::size_t size_bytes) {
    void* pages = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
      return fail({.code = ErrorCode::system_call, .doing = "mapping memory for a stream", .found = errno_text(errno)});
    }
    Memory memory(pages, size_bytes);
    TT_TRY_VOID(prefault(pages, size_bytes));
    return memory;
  }
  ~Memory() {
    if (pages_ != nullptr) ::munmap(pages_, size_bytes_);
  }
  Memory(Memory&& other) noexcept : pages_(std::exchange(other.pages_, nullptr)), size_bytes_(other.size_bytes_) {}
  Memory& operator=(Memory&&) = delete;

  void* zeroed() noexcept { return std::memset(pages_, 0, size_bytes_); }

 private:
  Memory(void* pages, std::size_t size_bytes) noexcept : pages_(pages), size_bytes_(size_bytes) {}
  void* pages_;
  std::size_t size_bytes_;
};

class StreamEnds {
 public:
  using Source = shm::GatedReader;
  using Sink = shm::StreamWriter;

  // One run at a time may use the pages.
  struct Pages {
    Memory ticks;
    Memory events;
    static Result<Pages> create() {
      TT_TRY(Memory ticks, Memory::create(shm::Stream::bytes_for(kTickSlots)));
      TT_TRY(Memory events, Memory::create(shm::Stream::bytes_for(kEventSlots)));
      return Pages{std::move(ticks), std::move(events)};
    }
  };

  explicit StreamEnds(Pages& pages) noexcept
      : ticks_(shm::Stream::create(pages.ticks.zeroed(), kTickSlots, 1)),
        events_(shm::Stream::create(pages.events.zeroed(), kEventSlots, 1)),
        source_(*ticks_, *ticks_->add_gate("engine")),
        sink_(*events_),
        feed_(*ticks_) {}

  TT_HOT void publish(const Event& tick) noexcept {
    Event copy = tick;
    feed_.append(copy);
  }
  Source& source() noexcept { return source_; }
  Sink& sink() noexcept { return sink_; }
  std::uint64_t appended() const noexcept { return events_->head(); }
  // REQUIRES: the engine is not appending, and kEventSlots were enough. `sequence` is from 1.
  Event event(std::uint64_t sequence) const noexcept {
    const shm::Cell& cell = events_->cells()[sequence & (kEventSlots - 1)];
    TT_CHECK(cell.holds(sequence), "a ring that was not lapped");
    return cell.event();
  }

 private:
  shm::Stream* ticks_;
  shm::Stream* events_;
  Source source_;
  Sink sink_;
  shm::StreamWriter feed_;
};

class PlainEnds {
 public:
  struct Source {
    const Event* tick = nullptr;
    TT_HOT bool poll(Event& out) noexcept {
      if (tick == nullptr) return false;
      out = *std::exchange(tick, nullptr);
      return true;
    }
  };
  struct Sink {
    Event* events;
    std::uint64_t sequence = 0;
    TT_HOT std::uint64_t append(Event& event) noexcept {
      event.sequence = ++sequence;
      events[sequence & (kEventSlots - 1)] = event;
      return sequence;
    }
  };

  struct Pages {
    Memory events;
    static Result<Pages> create() {
      TT_TRY(Memory events, Memory::create(kEventSlots * sizeof(Event)));
      return Pages{std::move(events)};
    }
  };

  explicit PlainEnds(Pages& pages) noexcept : sink_{static_cast<Event*>(pages.events.zeroed())} {}

  TT_HOT void publish(const Event& tick) noexcept { source_.tick = &tick; }
  Source& source() noexcept { return source_; }
  Sink& sink() noexcept { return sink_; }
  std::uint64_t appended() const noexcept { return sink_.sequence; }
  Event event(std::uint64_t sequence) const noexcept {
    const Event found = sink_.events[sequence & (kEventSlots - 1)];
    TT_CHECK(found.sequence == sequence, "a ring that was not lapped");
    return found;
  }

 private:
  Source source_;
  Sink sink_;
};

}  // namespace thintail::bench
