// SPDX-License-Identifier: Apache-2.0
#include "core/journal_format/journal_header.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace thintail {
namespace {

constexpr JournalIdentity kIdentity{.instance = "gold-1",
                                    .epoch = 7,
                                    .first_sequence = 1'000'001,
                                    .created_ns = 1'399'000'000'000'000'000,
                                    .boot_id = "0f8e2a7c-6f0e-4d0b-8a55-3f8d3c1b2a10",
                                    .build_id = "thintail 0.1.0"};

std::vector<std::byte> header_bytes() {
  const auto header = make_journal_header(kIdentity);
  std::vector<std::byte> bytes(sizeof *header);
  std::memcpy(bytes.data(), &*header, bytes.size());
  return bytes;
}

TEST(JournalHeader, what_was_made_is_parsed_again) {
  const auto header = parse_journal_header(header_bytes(), "x.ttj");
  ASSERT_TRUE(header.has_value()) << header.error().message();
  EXPECT_EQ(header->instance(), kIdentity.instance);
  EXPECT_EQ(header->epoch, kIdentity.epoch);
  EXPECT_EQ(header->first_sequence, kIdentity.first_sequence);
  EXPECT_EQ(header->created_ns, kIdentity.created_ns);
  EXPECT_EQ(header->boot_id(), kIdentity.boot_id);
  EXPECT_EQ(header->build_id(), kIdentity.build_id);
}

TEST(JournalHeader, starts_with_its_name_in_letters) {
  EXPECT_EQ(std::memcmp(header_bytes().data(), "TTJOURNL", 8), 0);
}

TEST(JournalHeader, every_flipped_byte_is_refused) {
  auto bytes = header_bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= std::byte{0x10};
    const auto header = parse_journal_header(bytes, "x.ttj");
    ASSERT_FALSE(header.has_value()) << "byte " << i;
    EXPECT_TRUE(header.error().code == ErrorCode::journal_format || header.error().code == ErrorCode::journal_corrupt);
    EXPECT_EQ(header.error().file, "x.ttj");
    bytes[i] ^= std::byte{0x10};
  }
}

TEST(JournalHeader, every_cut_is_refused) {
  const auto bytes = header_bytes();
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    EXPECT_FALSE(parse_journal_header(std::span(bytes).first(size), "x.ttj").has_value()) << size;
  }
}

TEST(JournalHeader, another_major_version_is_a_format_that_we_do_not_read) {
  auto bytes = header_bytes();
  bytes[offsetof(JournalHeader, major)] = std::byte{2};
  const auto header = parse_journal_header(bytes, "x.ttj");
  ASSERT_FALSE(header.has_value());
  EXPECT_EQ(header.error().code, ErrorCode::journal_format);
  EXPECT_EQ(header.error().field, "major");
  EXPECT_EQ(header.error().expected, "1");
  EXPECT_EQ(header.error().found, "2");
}

TEST(JournalHeader, instance_names_that_could_leave_the_folder_are_refused) {
  for (const char* name : {"", "..", "a/b", "a b", "a\nb", "\xc3\xa9", "123456789012345678901234567890123"}) {
    auto identity = kIdentity;
    identity.instance = name;
    const auto header = make_journal_header(identity);
    ASSERT_FALSE(header.has_value()) << name;
    EXPECT_EQ(header.error().field, "instance");
  }
}

TEST(JournalHeader, texts_that_do_not_fit_are_refused_rather_than_cut) {
  const std::string long_text(64, 'x');
  auto identity = kIdentity;
  identity.build_id = long_text;
  ASSERT_FALSE(make_journal_header(identity).has_value());
  EXPECT_EQ(make_journal_header(identity).error().field, "build_id");
}

TEST(JournalHeader, an_epoch_follows_on_or_skips_once_for_power_loss) {
  EXPECT_TRUE(epoch_follows(41, 42));
  EXPECT_TRUE(epoch_follows(41, 42 + kPowerLossSkip));
  EXPECT_FALSE(epoch_follows(41, 41));
  EXPECT_FALSE(epoch_follows(41, 43));
  EXPECT_FALSE(epoch_follows(41, 43 + kPowerLossSkip));
}

}  // namespace
}  // namespace thintail
