// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_reader.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <random>
#include <thread>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_writer.hpp"
#include "tests/support/journal.hpp"

namespace thintail {
namespace {

// Where each block of a journal ends, given the events of each; the closing block is not among them.
std::vector<std::uint64_t> block_ends(const std::vector<std::size_t>& blocks) {
  std::vector<std::uint64_t> ends;
  std::uint64_t end = kJournalHeaderBytes;
  for (const std::size_t events : blocks) ends.push_back(end += block_bytes(events));
  return ends;
}

class JournalReaderTest : public ::testing::Test {
 protected:
  std::string write(const std::vector<std::size_t>& blocks, std::uint32_t epoch = 1, std::uint64_t first = 1) {
    return test::write_journal(
        {.directory = folder_.path(), .instance = "gold", .epoch = epoch, .first_sequence = first}, blocks);
  }

  test::TempFolder folder_;
  test::TempFolder memory_{test::kMemoryFolder};
};

TEST_F(JournalReaderTest, a_closed_journal_ends_without_a_note) {
  auto reader = JournalReader::open(write({3, 1023, 1}));
  ASSERT_TRUE(reader.has_value()) << reader.error().message();
  EXPECT_EQ(reader->last_sequence(), 0U);
  EXPECT_EQ(test::count_events(*reader, 1), 1027U);
  EXPECT_EQ(reader->last_sequence(), 1027U);
  EXPECT_TRUE(reader->closed());
  EXPECT_FALSE(reader->error().has_value());
  EXPECT_FALSE(reader->torn().has_value());
  EXPECT_EQ(reader->torn_bytes(), 0U);
}

TEST_F(JournalReaderTest, a_journal_without_events_is_empty_rather_than_wrong) {
  auto reader = JournalReader::open(write({}, 4, 77));
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(reader->last_sequence(), 76U);
  EXPECT_EQ(test::count_events(*reader, 77), 0U);
  EXPECT_FALSE(reader->error().has_value());
}

TEST_F(JournalReaderTest, cut_anywhere_it_gives_exactly_the_complete_blocks) {
  const std::vector<std::size_t> blocks{5, 2, 9};
  const auto bytes = test::file_bytes(write(blocks));
  const auto ends = block_ends(blocks);
  const auto path = memory_.path() + "/cut.ttj";
  for (std::size_t size = kJournalHeaderBytes; size <= bytes.size(); ++size) {
    test::write_file(path, std::span(bytes).first(size));
    std::uint64_t whole_events = 0;
    std::uint64_t whole_bytes = kJournalHeaderBytes;
    for (std::size_t i = 0; i < blocks.size() && ends[i] <= size; ++i) {
      whole_events += blocks[i];
      whole_bytes = ends[i];
    }
    if (size == bytes.size()) whole_bytes = size;
    auto reader = JournalReader::open(path);
    ASSERT_TRUE(reader.has_value()) << size;
    ASSERT_EQ(test::count_events(*reader, 1), whole_events) << size;
    ASSERT_FALSE(reader->error().has_value()) << reader->error()->message();
    ASSERT_EQ(reader->torn_bytes(), size - whole_bytes);
    ASSERT_EQ(reader->torn().has_value(), size != whole_bytes);
    ASSERT_EQ(reader->closed(), size == bytes.size());
    if (reader->torn()) {
      ASSERT_EQ(reader->torn()->code, ErrorCode::journal_torn);
    }
  }
}

TEST_F(JournalReaderTest, cut_inside_the_header_it_is_refused) {
  const auto bytes = test::file_bytes(write({1}));
  const auto path = memory_.path() + "/cut.ttj";
  for (std::size_t size = 0; size < kJournalHeaderBytes; size += 61) {
    test::write_file(path, std::span(bytes).first(size));
    const auto reader = JournalReader::open(path);
    ASSERT_FALSE(reader.has_value());
    EXPECT_EQ(reader.error().code, ErrorCode::journal_format);
  }
}

// Every block here was durable before the next was sealed, so damage to any but the closing block is damage to
// acknowledged data. The header's bytes are flipped in journal_header_test.
TEST_F(JournalReaderTest, every_flipped_byte_is_reported_and_nothing_after_it_is_given) {
  const std::vector<std::size_t> blocks{3, 1, 4};
  auto bytes = test::file_bytes(write(blocks));
  const auto ends = block_ends(blocks);
  const auto path = memory_.path() + "/flipped.ttj";
  for (std::size_t at = kJournalHeaderBytes; at < bytes.size(); ++at) {
    bytes[at] ^= std::byte{0x04};
    test::write_file(path, bytes);
    bytes[at] ^= std::byte{0x04};
    auto reader = JournalReader::open(path);
    ASSERT_TRUE(reader.has_value());
    std::uint64_t whole_events = 0;
    for (std::size_t i = 0; i < blocks.size() && ends[i] <= at; ++i) whole_events += blocks[i];
    ASSERT_EQ(test::count_events(*reader, 1), whole_events) << at;
    if (at < ends.back()) {
      ASSERT_TRUE(reader->error().has_value()) << at;
      ASSERT_EQ(reader->error()->code, ErrorCode::journal_corrupt);
      ASSERT_EQ(reader->error()->file, path);
      ASSERT_FALSE(reader->error()->field.empty());
    } else {
      ASSERT_TRUE(reader->torn().has_value()) << at;
    }
  }
}

TEST_F(JournalReaderTest, random_damage_to_a_large_journal_is_never_silent) {
  std::mt19937_64 random(20140502);
  std::vector<std::size_t> blocks(40);
  for (auto& events : blocks) events = 1 + random() % kBlockEventsMax;
  auto bytes = test::file_bytes(write(blocks));
  const std::uint64_t total = std::accumulate(blocks.begin(), blocks.end(), std::uint64_t{0});
  const auto path = memory_.path() + "/damaged.ttj";
  for (int round = 0; round < 100; ++round) {
    const std::size_t at = kJournalHeaderBytes + random() % (bytes.size() - kJournalHeaderBytes);
    const std::byte kept = bytes[at];
    bytes[at] ^= static_cast<std::byte>(1 + random() % 255);
    test::write_file(path, bytes);
    bytes[at] = kept;
    auto reader = JournalReader::open(path);
    ASSERT_TRUE(reader.has_value());
    const auto given = test::count_events(*reader, 1);
    ASSERT_TRUE(reader->error().has_value() || reader->torn().has_value()) << at;
    ASSERT_TRUE(given < total || at >= bytes.size() - sizeof(BlockHeader));
  }
}

TEST_F(JournalReaderTest, damage_is_told_with_file_byte_field_expected_and_found) {
  const std::vector<std::size_t> blocks{3, 1, 4};
  const auto path = write(blocks);
  auto bytes = test::file_bytes(path);
  bytes[block_ends(blocks)[0] + sizeof(BlockHeader) + 30] ^= std::byte{1};
  test::write_file(path, bytes);
  auto reader = JournalReader::open(path);
  EXPECT_EQ(test::count_events(*reader, 1), 3U);
  ASSERT_TRUE(reader->error().has_value());
  EXPECT_EQ(reader->error()->doing, fmt::format("reading the block at byte {}", block_ends(blocks)[0]));
  EXPECT_EQ(reader->error()->field, "checksum");
  EXPECT_EQ(reader->error()->expected.size(), 18U);
  EXPECT_EQ(reader->error()->found.size(), 18U);
  Event event;
  EXPECT_FALSE(reader->poll(event)) << "an error is final";
}

// Power loss: the disk wrote a later block and not an earlier one of the same write. Neither was acknowledged.
TEST_F(JournalReaderTest, a_hole_in_what_was_never_acknowledged_is_a_torn_tail) {
  auto writer = JournalWriter::create({.directory = folder_.path(), .instance = "gold"});
  ASSERT_TRUE(writer.has_value());
  writer->append(test::numbered_events(1, 10));
  ASSERT_TRUE(writer->flush_and_wait().has_value());
  writer->append(test::numbered_events(11, 2 * kBlockEventsMax));
  ASSERT_TRUE(writer->flush_and_wait().has_value());
  const auto path = memory_.path() + "/torn.ttj";
  auto bytes = test::file_bytes(writer->path());
  const auto hole = kJournalHeaderBytes + block_bytes(10);
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(hole), 4096, std::byte{0});
  test::write_file(path, bytes);
  auto reader = JournalReader::open(path);
  EXPECT_EQ(test::count_events(*reader, 1), 10U);
  EXPECT_FALSE(reader->error().has_value());
  ASSERT_TRUE(reader->torn().has_value());
  EXPECT_EQ(reader->torn_bytes(), bytes.size() - hole);
}

TEST_F(JournalReaderTest, zeros_at_the_end_are_a_torn_tail) {
  const auto path = write({4});
  auto bytes = test::file_bytes(path);
  bytes.resize(bytes.size() + 10'000);
  test::write_file(path, bytes);
  auto reader = JournalReader::open(path);
  EXPECT_EQ(test::count_events(*reader, 1), 4U);
  EXPECT_EQ(reader->torn_bytes(), 10'000U);
}

TEST_F(JournalReaderTest, a_live_journal_is_followed) {
  auto writer = JournalWriter::create({.directory = folder_.path(), .instance = "gold"});
  auto reader = JournalReader::open(writer->path());
  ASSERT_TRUE(reader.has_value());
  for (std::uint64_t first = 1; first < 5'000; first += 700) {
    EXPECT_EQ(test::count_events(*reader, first), 0U);
    writer->append(test::numbered_events(first, 700));
    ASSERT_TRUE(writer->flush_and_wait().has_value());
    EXPECT_EQ(test::count_events(*reader, first), 700U);
    EXPECT_FALSE(reader->closed());
  }
}

TEST_F(JournalReaderTest, read_while_it_is_written_it_never_looks_damaged) {
  constexpr std::uint64_t kEvents = 400'000;
  auto writer = JournalWriter::create({.directory = folder_.path(), .instance = "gold", .buffers = 8});
  ASSERT_TRUE(writer.has_value());
  std::atomic<bool> stop{false};
  std::thread writing([&] {
    std::uint64_t next = 1;
    for (std::int64_t now_ns = 0; next <= kEvents; now_ns += 1'000'000) {
      next += writer->append(test::numbered_events(next, std::min<std::size_t>(500, kEvents + 1 - next)));
      writer->poll(now_ns);
    }
    EXPECT_TRUE(writer->close().has_value());
    stop.store(true, std::memory_order_release);  // W1: the file is complete before the reader sees stop; pairs R1
  });
  auto reader = JournalReader::open(writer->path());
  std::uint64_t expected = 1;
  for (bool last_look = false; !last_look;) {
    last_look = stop.load(std::memory_order_acquire);  // R1: pairs W1
    expected += test::count_events(*reader, expected);
    if (reader->error()) break;
  }
  writing.join();
  EXPECT_FALSE(reader->error().has_value()) << reader->error()->message();
  EXPECT_EQ(expected, kEvents + 1);
  EXPECT_TRUE(reader->closed());
}

TEST_F(JournalReaderTest, the_epochs_of_a_folder_are_one_stream) {
  write({10, 20}, 1, 1);
  write({}, 2, 31);
  write({5}, 4, 31 + kPowerLossSkip);
  auto reader = JournalReader::open(journal_folder(folder_.path(), "gold"));
  ASSERT_TRUE(reader.has_value()) << reader.error().message();
  std::vector<std::uint32_t> epochs;
  std::uint64_t events = 0;
  for (Event event; reader->poll(event); ++events) {
    ASSERT_TRUE(test::same_bytes(event, test::numbered_event(event.sequence)));
    if (epochs.empty() || epochs.back() != reader->header().epoch) epochs.push_back(reader->header().epoch);
  }
  EXPECT_FALSE(reader->error().has_value());
  EXPECT_EQ(events, 35U);
  EXPECT_EQ(epochs, (std::vector<std::uint32_t>{1, 4}));
  EXPECT_EQ(reader->last_sequence(), 35 + kPowerLossSkip);
}

TEST_F(JournalReaderTest, an_epoch_that_does_not_follow_on_is_refused_after_the_events_before_it) {
  write({10}, 1, 1);
  const auto second = write({10}, 2, 12);
  auto reader = JournalReader::open(journal_folder(folder_.path(), "gold"));
  EXPECT_EQ(test::count_events(*reader, 1), 10U);
  ASSERT_TRUE(reader->error().has_value());
  EXPECT_EQ(reader->error()->code, ErrorCode::journal_corrupt);
  EXPECT_EQ(reader->error()->file, second);
  EXPECT_EQ(reader->error()->field, "first_sequence");
  EXPECT_EQ(reader->error()->found, "12");
}

TEST_F(JournalReaderTest, a_journal_of_another_instance_in_the_folder_is_refused) {
  write({10}, 1, 1);
  const auto foreign =
      test::write_journal({.directory = folder_.path(), .instance = "silver", .epoch = 2, .first_sequence = 11}, {1});
  std::filesystem::copy_file(foreign, journal_path(folder_.path(), "gold", 2));
  auto reader = JournalReader::open(journal_folder(folder_.path(), "gold"));
  EXPECT_EQ(test::count_events(*reader, 1), 10U);
  ASSERT_TRUE(reader->error().has_value());
  EXPECT_EQ(reader->error()->field, "instance");
}

TEST_F(JournalReaderTest, what_is_not_a_journal_is_refused_by_name) {
  EXPECT_EQ(JournalReader::open(folder_.path() + "/absent").error().code, ErrorCode::file_missing);
  EXPECT_EQ(JournalReader::open(folder_.path()).error().code, ErrorCode::file_missing) << "a folder without journals";
  const auto path = folder_.path() + "/text";
  test::write_file(path, std::vector<std::byte>(8192, std::byte{'x'}));
  const auto reader = JournalReader::open(path);
  ASSERT_FALSE(reader.has_value());
  EXPECT_EQ(reader.error().code, ErrorCode::journal_format);
  EXPECT_EQ(reader.error().file, path);
  EXPECT_EQ(reader.error().field, "magic");
}

}  // namespace
}  // namespace thintail
