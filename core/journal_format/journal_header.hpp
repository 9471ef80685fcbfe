// SPDX-License-Identifier: Apache-2.0
// JournalHeader: the first 4 KiB of a journal file, which say whose events follow, from which sequence on, in what layout.
//   path  cold
//   abi   v1, docs/journal.md#file-header. Little-endian; a reader refuses another major, and reads a later minor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/base/error.hpp"

namespace thintail {

inline constexpr std::uint64_t kJournalMagic = 0x4c4e'5255'4f4a'5454;  // "TTJOURNL" in memory order
inline constexpr std::uint16_t kJournalMajor = 1;
inline constexpr std::uint16_t kJournalMinor = 0;
inline constexpr std::size_t kJournalHeaderBytes = 4096;

// After power loss an epoch starts this much later, so that no sequence that a client may have seen is given twice.
inline constexpr std::uint64_t kPowerLossSkip = std::uint64_t{1} << 32;

struct JournalHeader {
  std::uint64_t magic;
  std::uint64_t checksum;  // XXH3 of every header byte after this field
  std::uint16_t major;
  std::uint16_t minor;
  std::uint32_t header_bytes;
  std::uint32_t event_bytes;
  std::uint32_t block_bytes_max;
  std::uint32_t epoch;
  std::uint32_t reserved0;
  std::uint64_t first_sequence;  // of the epoch's first event
  std::int64_t created_ns;  // UTC ns since 1970
  std::array<char, 40> instance_text;  // these three are padded with zeros
  std::array<char, 40> boot_id_text;  // /proc/sys/kernel/random/boot_id of the writer
  std::array<char, 64> build_id_text;
  std::array<std::byte, 3896> reserved;

  std::string_view instance() const noexcept;
  std::string_view boot_id() const noexcept;
  std::string_view build_id() const noexcept;
};

static_assert(sizeof(JournalHeader) == kJournalHeaderBytes);
static_assert(std::is_trivially_copyable_v<JournalHeader> && std::is_standard_layout_v<JournalHeader>);
static_assert(std::has_unique_object_representations_v<JournalHeader>, "no padding: every byte is checksummed");
static_assert(offsetof(JournalHeader, epoch) == 32 && offsetof(JournalHeader, first_sequence) == 40);
static_assert(offsetof(JournalHeader, instance_text) == 56 && offsetof(JournalHeader, reserved) == 200);

struct JournalIdentity {
  std::string_view instance;  // [A-Za-z0-9_-]{1,32}: it also names the journal's folder
  std::uint32_t epoch = 1;
  std::uint64_t first_sequence = 1;
  std::int64_t created_ns = 0;
  std::string_view boot_id;  // up to 39 characters
  std::string_view build_id;  // up to 63
};

// Refuses an instance name that could leave its folder, and texts that do not fit.
Result<JournalHeader> make_journal_header(const JournalIdentity& identity);

// The header at the start of `bytes`. `file` is for the error's words only. journal_format: not ours, or of a version we do
// not read; journal_corrupt: ours, but damaged.
Result<JournalHeader> parse_journal_header(std::span<const std::byte> bytes, std::string_view file);

// The rule for sequences from one epoch to the next: they follow on, or skip once for power loss.
constexpr bool epoch_follows(std::uint64_t last_sequence, std::uint64_t first_sequence) noexcept {
  return first_sequence == last_sequence + 1 || first_sequence == last_sequence + 1 + kPowerLossSkip;
}

}  // namespace thintail
