// SPDX-License-Identifier: Apache-2.0
// The control segment's bytes: a header and a slot for each client. Clients write them; the core believes none of them.
//   path  cold
//   abi   v1: sizes asserted
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "shm/control/command_queue.hpp"
#include "shm/segment/segment_file.hpp"
#include "shm/tables/seq_cell.hpp"

namespace thintail::shm {

inline constexpr std::uint64_t kControlMagic = 0x3130'4c54'4354'5454;  // "TTTCTL01", little endian
inline constexpr std::uint32_t kControlMajor = 1;
inline constexpr std::uint32_t kControlSlots = 16;

struct ControlHeader {
  std::uint64_t magic;
  std::uint32_t major;
  std::uint32_t epoch;  // of the core that made it
  std::uint32_t slots;
  std::uint32_t slot_bytes;
};

enum class CommandAnswer : std::uint32_t { none = 0, applied = 1, repeated = 2, refused = 3 };

struct CommandReply {
  std::uint64_t command_id;
  std::uint64_t sequence;  // of the Command event; 0 where refused
  CommandAnswer answer;
  std::uint32_t number;  // of the core's answers: tells an answer from the same one given before
};

struct alignas(kCacheLinePairBytes) ControlSlot {
  std::atomic<std::int32_t> owner_pid{0};  // for people and for noticing who died; the lock on the slot's byte decides
  SeqCell<CommandReply> reply;
  CommandQueue queue;
};

struct ControlLayout {
  ControlHeader header;
  std::array<ControlSlot, kControlSlots> slots;
};
static_assert(ShmRecord<CommandReply> && sizeof(ControlSlot) % kCacheLinePairBytes == 0);

inline std::string control_path(const SegmentPaths& paths) { return paths.segment + ".control"; }

// The right to use a slot: a lock on the file's byte of its number, which the kernel releases when the holder dies. False where
// another open file holds it.
bool lock_slot(int descriptor, std::uint32_t slot) noexcept;
void unlock_slot(int descriptor, std::uint32_t slot) noexcept;

}  // namespace thintail::shm
