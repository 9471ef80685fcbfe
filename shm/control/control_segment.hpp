// SPDX-License-Identifier: Apache-2.0
// ControlSegment: the core's end of the one file that other processes write: a queue of commands for each client.
//   path       hot: poll()
//   threads    poll(), answer(): the engine. reset_dead_slots(): the owning thread. Any number of client processes beside them.
//   progress   poll() looks at one slot a call and takes at most one request, so clients cannot hold the engine up.
//   invariant  every byte is taken as hostile: what poll() returns is whole, of a known kind, of this epoch and with an id
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "shm/control/control_layout.hpp"
#include "shm/segment/mapping.hpp"

namespace thintail::shm {

struct ReceivedCommand {
  std::uint64_t command_id;
  CommandKind kind;
  std::uint32_t slot;
};

class ControlSegment {
 public:
  // REQUIRES: the caller holds the instance's writer lock.
  static Result<std::unique_ptr<ControlSegment>> create(std::string_view directory, std::string_view instance,
                                                        std::uint32_t epoch);
  // Takes the file's name away, unless another core's file has it by now.
  ~ControlSegment();
  ControlSegment(const ControlSegment&) = delete;
  ControlSegment& operator=(const ControlSegment&) = delete;

  // Gives the file its name, which clients open.
  Result<void> publish();
  // Whether the name still leads to this file: false once somebody removed or replaced it.
  bool is_current() const noexcept;

  // Looks at the next slot. False: it held no valid command.
  TT_HOT bool poll(ReceivedCommand& out) noexcept {
    slot_ = slot_ + 1 == kControlSlots ? 0 : slot_ + 1;
    // relaxed: only this thread writes it
    if (!layout_->slots[slot_].queue.has_unread(reads_[slot_].load(std::memory_order_relaxed))) [[likely]]
      return false;
    return take(out);
  }
  void answer(const ReceivedCommand& command, CommandAnswer answer, std::uint64_t sequence) noexcept;

  // Frees the slots of clients that died, and mends queues whose indices point nowhere once nobody holds them. Makes system calls: a few
  // times a second is enough. Returns how many it reset.
  std::uint32_t reset_dead_slots() noexcept;

  // Requests that were none: not whole, of no known kind, of another epoch.
  std::uint64_t refused() const noexcept {
    return refused_.load(std::memory_order_relaxed);  // relaxed: a figure
  }
  const std::string& path() const noexcept { return path_; }
  // All the bytes that clients can write, for tests that do.
  std::byte* data() noexcept { return mapping_.data(); }
  std::size_t size_bytes() const noexcept { return mapping_.size_bytes(); }

 private:
  ControlSegment(std::string path, FileDescriptor file, Mapping mapping, std::uint32_t epoch) noexcept;
  TT_COLD bool take(ReceivedCommand& out) noexcept;

  std::string path_;
  FileDescriptor file_;
  Mapping mapping_;
  ControlLayout* layout_;
  std::uint32_t epoch_;
  bool is_published_ = false;
  std::uint32_t slot_ = 0;
  std::uint32_t answers_ = 0;
  // The engine's places in the queues, out of the clients' reach. Atomic, since the owning thread reads them.
  std::array<std::atomic<std::uint32_t>, kControlSlots> reads_{};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace thintail::shm
