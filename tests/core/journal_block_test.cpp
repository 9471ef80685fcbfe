// SPDX-License-Identifier: Apache-2.0
#include "core/journal_format/journal_block.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/event/payloads.hpp"

namespace thintail {
namespace {

constexpr BlockSeal kSeal{.file_offset = 8192,
                          .first_sequence = 100,
                          .durable_offset = 4096,
                          .durable_sequence = 42,
                          .epoch = 3,
                          .flags = kBlockRecovered};

std::vector<std::byte> sealed_bytes(std::size_t events, std::uint64_t first_event_sequence = 100) {
  const auto block = std::make_unique<JournalBlock>();
  for (std::size_t i = 0; i < events; ++i) {
    block->events[i] = Event::make(1'000, 1, Timer{.second_s = 5, .reserved = {}});
    block->events[i].sequence = first_event_sequence + i;
  }
  seal_block(*block, events, kSeal);
  std::vector<std::byte> bytes(block_bytes(events));
  std::memcpy(bytes.data(), block.get(), bytes.size());
  return bytes;
}

std::string_view fault_of(std::span<const std::byte> bytes, std::uint64_t offset = 8192, std::uint32_t epoch = 3) {
  const auto block = check_block(bytes, offset, epoch);
  return block ? "" : block.error().field;
}

TEST(JournalBlock, what_was_sealed_is_valid_where_it_stands) {
  for (const std::size_t events : {std::size_t{0}, std::size_t{1}, std::size_t{17}, kBlockEventsMax}) {
    const auto block = check_block(sealed_bytes(events), 8192, 3);
    ASSERT_TRUE(block.has_value()) << block.error().field;
    EXPECT_EQ(block->events, events);
    EXPECT_EQ(block->first_sequence, 100U);
    EXPECT_EQ(block->durable_offset, 4096U);
    EXPECT_EQ(block->durable_sequence, 42U);
    EXPECT_EQ(block->flags, kBlockRecovered);
  }
}

TEST(JournalBlock, bytes_after_it_do_not_matter) {
  auto bytes = sealed_bytes(2);
  bytes.resize(bytes.size() + 640, std::byte{0xee});
  EXPECT_EQ(fault_of(bytes), "");
}

TEST(JournalBlock, every_flipped_bit_is_found) {
  auto bytes = sealed_bytes(5);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      bytes[i] ^= std::byte{1} << bit;
      ASSERT_NE(fault_of(bytes), "") << "byte " << i << " bit " << bit;
      bytes[i] ^= std::byte{1} << bit;
    }
  }
}

TEST(JournalBlock, every_cut_is_found) {
  const auto bytes = sealed_bytes(5);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_EQ(fault_of(std::span(bytes).first(size)), "bytes") << size;
  }
}

TEST(JournalBlock, is_valid_neither_elsewhere_nor_in_another_epoch) {
  EXPECT_EQ(fault_of(sealed_bytes(2), 8256), "file_offset");
  EXPECT_EQ(fault_of(sealed_bytes(2), 8192, 4), "epoch");
}

TEST(JournalBlock, zeros_are_no_block) { EXPECT_EQ(fault_of(std::vector<std::byte>(4096)), "magic"); }

TEST(JournalBlock, events_that_do_not_follow_on_are_found_under_a_right_checksum) {
  EXPECT_EQ(fault_of(sealed_bytes(2, 101)), "sequence");
}

TEST(JournalBlock, a_count_beyond_the_largest_block_is_refused_before_it_is_used) {
  auto bytes = sealed_bytes(kBlockEventsMax);
  const std::uint16_t events = kBlockEventsMax + 1;
  std::memcpy(bytes.data() + offsetof(BlockHeader, events), &events, sizeof events);
  EXPECT_EQ(fault_of(bytes), "events");
}

TEST(JournalBlock, a_fault_prints_patterns_as_hex_and_counts_as_numbers) {
  EXPECT_EQ((BlockFault{"magic", 0x10, 0x20}).expected_text(), "0x0000000000000010");
  EXPECT_EQ((BlockFault{"events", 16, 32}).found_text(), "32");
}

}  // namespace
}  // namespace thintail
