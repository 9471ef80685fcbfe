// SPDX-License-Identifier: Apache-2.0
// SegmentHeader: the first page of a segment: what it is, who writes it, and where each region lies.
//   threads    the writer fills it while the state is `building`; afterwards only state and heartbeat change.
//   abi        v1. Magic, versions and state keep their offsets in every version, so that any build can refuse, and
//              any newer one retire, a segment that it cannot read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/attributes.hpp"
#include "shm/tables/text.hpp"

namespace thintail::shm {

inline constexpr std::uint64_t kSegmentMagic = 0x4c4941544e494854;  // the bytes "THINTAIL"
inline constexpr std::uint16_t kSegmentMajor = 1;  // raised when a reader of the old layout would misread
inline constexpr std::uint16_t kSegmentMinor = 0;  // raised when something is appended

// building until complete; ready while in force; stopped by its writer in order; retired once a new one took its name.
enum class SegmentState : std::uint32_t { building = 0, ready = 1, stopped = 2, retired = 3 };

// What a region is made of. Values are never reused.
enum class ElementType : std::uint32_t {
  none = 0,
  event_stream = 1,
  quote_table = 2,
  position_table = 3,
  health_table = 4,
  histogram = 5,
  counter_table = 6,
  instrument_names = 7,
  run_status = 8,
  risk_table = 9,
  model_table = 10,
};

struct Region {
  Text<32> name;
  ElementType type;
  std::uint32_t element_bytes;
  std::uint64_t element_count;
  std::uint64_t offset_bytes;  // from the segment's start, a multiple of 128
  std::uint64_t size_bytes;
};

struct SegmentHeader {
  static constexpr std::size_t kRegionsMax = 32;

  std::uint64_t magic;
  std::uint16_t major;
  std::uint16_t minor;
  std::uint32_t header_bytes;
  std::atomic<SegmentState> state;
  std::uint32_t epoch;
  std::uint64_t layout_hash;  // of the sizes and offsets of everything that lies in the regions
  std::uint64_t segment_bytes;
  std::uint32_t page_bytes;
  std::uint32_t region_count;
  std::int32_t writer_pid;  // together with the next two: who, even if the pid is used again
  std::uint32_t reserved;
  std::uint64_t writer_start_ticks;  // field 22 of /proc/<pid>/stat
  Text<48> boot_id;
  Text<80> build_id;
  alignas(kCacheLinePairBytes) std::atomic<std::int64_t> heartbeat_ns;  // when the writer last said it was alive, UTC
  alignas(kCacheLinePairBytes) std::array<Region, kRegionsMax> regions;
};

// FNV-1a over numbers: small, constexpr and good enough to notice a changed layout, which is no adversary.
constexpr std::uint64_t layout_hash_of(std::span<const std::uint64_t> numbers) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint64_t number : numbers) {
    for (unsigned shift = 0; shift < 64; shift += 8) hash = (hash ^ ((number >> shift) & 0xff)) * 0x100000001b3;
  }
  return hash;
}

static_assert(sizeof(Region) == 64);
static_assert(offsetof(SegmentHeader, magic) == 0 && offsetof(SegmentHeader, major) == 8 &&
                  offsetof(SegmentHeader, minor) == 10 && offsetof(SegmentHeader, header_bytes) == 12 &&
                  offsetof(SegmentHeader, state) == 16,
              "the same in every version");
static_assert(offsetof(SegmentHeader, heartbeat_ns) == 256 && offsetof(SegmentHeader, regions) == 384);
static_assert(sizeof(SegmentHeader) == 2432);
static_assert(std::atomic<SegmentState>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free,
              "processes share no lock table");

}  // namespace thintail::shm
