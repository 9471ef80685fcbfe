// SPDX-License-Identifier: Apache-2.0
// JournalBlock: up to 1,023 consecutive events behind one 64-byte header with their checksum; what a journal is made of.
//   path       warm: sealed once per block by the journal thread
//   invariant  a block says where it stands and what was durable when it was sealed, so that damage to acknowledged data
//              can be told from the remains of a write that a crash cut short.
//   abi        v1, docs/journal.md#block. Little-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <type_traits>

#include "core/event/event.hpp"

namespace thintail {

inline constexpr std::uint64_t kBlockMagic = 0x314b'434f'4c42'5454;  // "TTBLOCK1" in memory order
inline constexpr std::size_t kBlockBytesMax = 64 * 1024;
inline constexpr std::size_t kBlockAlignBytes = 64;  // every block starts at a multiple of it

enum BlockFlag : std::uint16_t {
  kBlockClosing = 1u << 0,  // the writer stopped in good order; carries no events
  kBlockRecovered = 1u << 1,  // appended from shared memory after the writer had died
};

struct BlockHeader {
  std::uint64_t magic;
  std::uint64_t checksum;  // XXH3 of every byte of the block after this field, events included
  std::uint64_t file_offset;  // where the block stands: valid nowhere else
  std::uint64_t first_sequence;  // of its first event; of the next one to come where it has none
  std::uint64_t durable_offset;  // file bytes known to be on stable storage when it was sealed; ends a block
  std::uint64_t durable_sequence;  // the last sequence in those bytes
  std::uint32_t epoch;  // the file header's
  std::uint16_t events;
  std::uint16_t flags;
  std::uint64_t reserved;
};

static_assert(sizeof(BlockHeader) == 64 && std::has_unique_object_representations_v<BlockHeader>);

inline constexpr std::size_t kBlockEventsMax = (kBlockBytesMax - sizeof(BlockHeader)) / sizeof(Event);

// A block in memory, as its bytes will stand in the file: the first block_bytes(events) of them.
struct alignas(4096) JournalBlock {
  BlockHeader header;
  std::array<Event, kBlockEventsMax> events;
};

static_assert(sizeof(JournalBlock) == kBlockBytesMax && std::is_trivially_copyable_v<JournalBlock>);
static_assert(kBlockEventsMax == 1023);

constexpr std::size_t block_bytes(std::size_t events) noexcept { return sizeof(BlockHeader) + events * sizeof(Event); }

// What a block is sealed with; magic, checksum and event count apart.
struct BlockSeal {
  std::uint64_t file_offset = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t durable_offset = 0;
  std::uint64_t durable_sequence = 0;
  std::uint32_t epoch = 0;
  std::uint16_t flags = 0;
};

// Writes the header over block.events[0, events).
// REQUIRES: events <= kBlockEventsMax; their sequences are seal.first_sequence, + 1, ...
void seal_block(JournalBlock& block, std::size_t events, const BlockSeal& seal) noexcept;

// Why bytes are not a valid block; numbers, so that looking for blocks among damaged bytes costs no allocation.
struct BlockFault {
  const char* field = "";
  std::uint64_t expected = 0;
  std::uint64_t found = 0;

  std::string expected_text() const;
  std::string found_text() const;
};

// The block at the start of `bytes`, if a whole and valid block of `epoch` stands there; `file_offset` is where `bytes` come
// from. A block cut off by the end of `bytes` has the fault "bytes".
std::expected<BlockHeader, BlockFault> check_block(std::span<const std::byte> bytes, std::uint64_t file_offset,
                                                   std::uint32_t epoch) noexcept;

}  // namespace thintail
