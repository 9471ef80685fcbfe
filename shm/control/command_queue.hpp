// SPDX-License-Identifier: Apache-2.0
// CommandQueue: requests from one client process to the core, in memory that the client may write whatever it likes to.
//   path       hot: take() with nothing there
//   threads    offer(): the client. take(), repair(): the core.
//   progress   wait-free. A client killed at any instruction leaves a whole queue: a request counts once its index is stored.
//   invariant  whatever the bytes say, the core reads only cells of this queue, one a call. Its place in the queue is its own copy;
//              the one in shared memory is only ever written.
//   abi        v1
//
// The queue is Boost's, and clients push with Boost's own code. The core does not pop with it: pop() takes both indices from
// shared memory, unchecked, and an index of 2^40 would have it read far outside. So take() checks what it loads, once, and uses
// no other copy of it.
#pragma once

#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>

#include "core/base/attributes.hpp"
#include "core/event/payloads.hpp"

namespace thintail::shm {

struct CommandRequest {
  std::uint64_t command_id = 0;  // chosen by the sender, not 0
  std::uint32_t epoch = 0;  // of the core that it is meant for
  std::uint16_t kind = 0;  // CommandKind, as a number: nobody has checked it yet
  std::uint16_t reserved = 0;
  std::uint64_t check = 0;  // command_check(): bytes that nobody meant as a request do not pass for one

  static CommandRequest of(CommandKind kind, std::uint64_t command_id, std::uint32_t epoch) noexcept;
  bool is_whole() const noexcept;
};
static_assert(sizeof(CommandRequest) == 24 && alignof(CommandRequest) == 8);

// Never 0, so that a cell that was taken, or never written, holds no request. The constants are splitmix64's.
constexpr std::uint64_t command_check(std::uint64_t command_id, std::uint64_t rest) noexcept {
  std::uint64_t mixed = command_id * 0x9e37'79b9'7f4a'7c15 ^ (rest + 0xbf58'476d'1ce4'e5b9);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58'476d'1ce4'e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11eb;
  return (mixed ^ (mixed >> 31)) | 1;
}

constexpr std::uint64_t rest_of(const CommandRequest& request) noexcept {
  return std::uint64_t{request.epoch} << 32 | std::uint64_t{request.kind} << 16 | request.reserved;
}

inline CommandRequest CommandRequest::of(CommandKind kind, std::uint64_t command_id, std::uint32_t epoch) noexcept {
  CommandRequest request{command_id, epoch, static_cast<std::uint16_t>(kind), 0, 0};
  request.check = command_check(command_id, rest_of(request));
  return request;
}

inline bool CommandRequest::is_whole() const noexcept { return check == command_check(command_id, rest_of(*this)); }

inline constexpr std::size_t kCommandsPerSlot = 64;

enum class Offered : std::uint8_t { queued, full, damaged };
enum class Taken : std::uint8_t { nothing, request, damaged };

class CommandQueue : private boost::lockfree::spsc_queue<CommandRequest, boost::lockfree::capacity<kCommandsPerSlot>> {
 public:
  static constexpr std::uint32_t kCells = kCommandsPerSlot + 1;  // Boost keeps one free to tell full from empty

  // `damaged`: an index points outside, where pushing would write; the core mends that once its slot is free.
  Offered offer(const CommandRequest& request) noexcept {
    if (is_damaged()) return Offered::damaged;
    return push(request) ? Offered::queued : Offered::full;  // push() releases the cell with its index: Q1, pairs Q2
  }

  bool is_damaged() const noexcept {
    return write_index_.load(std::memory_order_relaxed) >= kCells;  // relaxed: only compared
  }

  // The core's side. `read` is its place in the queue, kept in its own memory.
  TT_HOT bool has_unread(std::uint32_t read) const noexcept {
    return write_index_.load(std::memory_order_relaxed) != read;  // relaxed: take() looks again
  }
  Taken take(std::uint32_t& read, CommandRequest& out) noexcept {
    const std::size_t written =
        write_index_.load(std::memory_order_acquire);  // Q2: the cell before its index; pairs Q1
    if (written == read) return Taken::nothing;
    if (written >= kCells) return Taken::damaged;
    // Word by word through atomics: what is checked afterwards is this copy, which the client cannot change any more, and the compiler
    // may not fetch it a second time.
    std::uint64_t* const cell = words(read);
    const auto word = [cell](std::size_t i) {
      return std::atomic_ref(cell[i]).load(
          std::memory_order_relaxed);  // relaxed: Q2 orders it; a hostile writer is found by the check
    };
    const std::uint64_t rest = word(1);
    out = {word(0), static_cast<std::uint32_t>(rest), static_cast<std::uint16_t>(rest >> 32),
           static_cast<std::uint16_t>(rest >> 48), word(2)};
    // An index gone astray leads back to cells already taken: without its check none of them is a request again.
    std::atomic_ref(cell[2]).store(0, std::memory_order_relaxed);  // relaxed: Q3 orders it
    read = read + 1 == kCells ? 0 : read + 1;
    read_index_.store(read, std::memory_order_release);  // Q3: copied out before it is free; pairs push()'s acquire
    return Taken::request;
  }
  bool needs_repair(std::uint32_t read) const noexcept {
    return is_damaged() ||
           (!has_unread(read) && read_index_.load(std::memory_order_relaxed) != read);  // relaxed: only compared
  }
  // Empty again, at the core's own place. REQUIRES: no client holds the slot.
  void repair(std::uint32_t read) noexcept {
    read_index_.store(read, std::memory_order_relaxed);  // relaxed: the slot's lock hands both to the next client
    write_index_.store(read, std::memory_order_relaxed);  // relaxed: as above
  }

 private:
  using Indices = boost::lockfree::detail::ringbuffer_base<CommandRequest>;

  // Boost's cells lie right behind its indices, which the assertion below and the round-trip test hold it to.
  std::uint64_t* words(std::uint32_t cell) noexcept {
    return reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::byte*>(this) + sizeof(Indices) +
                                            cell * sizeof(CommandRequest));
  }
};

static_assert(sizeof(CommandQueue) == 72 + CommandQueue::kCells * sizeof(CommandRequest),
              "Boost's indices, then its cells");
static_assert(std::atomic<std::size_t>::is_always_lock_free, "processes share no lock table");

}  // namespace thintail::shm
