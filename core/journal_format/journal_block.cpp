// SPDX-License-Identifier: Apache-2.0
#include "core/journal_format/journal_block.hpp"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

#include "core/base/assert.hpp"
#include "core/base/hash.hpp"
#include "core/journal_format/journal_header.hpp"

namespace thintail {
namespace {

constexpr std::size_t kChecksumEnd = offsetof(BlockHeader, checksum) + sizeof(BlockHeader::checksum);

std::string field_text(std::string_view field, std::uint64_t value) {
  const bool is_pattern = field == "magic" || field == "checksum";
  return is_pattern ? fmt::format("{:#018x}", value) : fmt::format("{}", value);
}

}  // namespace

std::string BlockFault::expected_text() const { return field_text(field, expected); }
std::string BlockFault::found_text() const { return field_text(field, found); }

void seal_block(JournalBlock& block, std::size_t events, const BlockSeal& seal) noexcept {
  TT_CHECK(events <= kBlockEventsMax, "a block's events to fit it");
  block.header = {.magic = kBlockMagic,
                  .checksum = 0,
                  .file_offset = seal.file_offset,
                  .first_sequence = seal.first_sequence,
                  .durable_offset = seal.durable_offset,
                  .durable_sequence = seal.durable_sequence,
                  .epoch = seal.epoch,
                  .events = static_cast<std::uint16_t>(events),
                  .flags = seal.flags,
                  .reserved = 0};
  const auto* bytes = reinterpret_cast<const std::byte*>(&block);
  block.header.checksum = xxh3(bytes + kChecksumEnd, block_bytes(events) - kChecksumEnd);
}

std::expected<BlockHeader, BlockFault> check_block(std::span<const std::byte> bytes, std::uint64_t file_offset,
                                                   std::uint32_t epoch) noexcept {
  const auto fault = [](const char* field, std::uint64_t expected, std::uint64_t found) {
    return std::unexpected(BlockFault{field, expected, found});
  };
  if (bytes.size() < sizeof(BlockHeader)) return fault("bytes", sizeof(BlockHeader), bytes.size());
  BlockHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kBlockMagic) return fault("magic", kBlockMagic, header.magic);
  // The count decides how much the checksum covers, so it is bounded before it is believed.
  if (header.events > kBlockEventsMax) return fault("events", kBlockEventsMax, header.events);
  const std::size_t total_bytes = block_bytes(header.events);
  if (bytes.size() < total_bytes) return fault("bytes", total_bytes, bytes.size());
  const auto checksum = xxh3(bytes.data() + kChecksumEnd, total_bytes - kChecksumEnd);
  if (header.checksum != checksum) return fault("checksum", checksum, header.checksum);
  if (header.file_offset != file_offset) return fault("file_offset", file_offset, header.file_offset);
  if (header.epoch != epoch) return fault("epoch", epoch, header.epoch);
  if (header.durable_offset < kJournalHeaderBytes || header.durable_offset > file_offset ||
      header.durable_offset % kBlockAlignBytes != 0) {
    return fault("durable_offset", file_offset, header.durable_offset);
  }
  if (header.durable_sequence >= header.first_sequence) {
    return fault("durable_sequence", header.first_sequence - 1, header.durable_sequence);
  }
  for (std::size_t i = 0; i < header.events; ++i) {
    std::uint64_t sequence = 0;
    std::memcpy(&sequence, bytes.data() + block_bytes(i) + offsetof(Event, sequence), sizeof sequence);
    if (sequence != header.first_sequence + i) return fault("sequence", header.first_sequence + i, sequence);
  }
  return header;
}

}  // namespace thintail
