// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_recovery.hpp"

#include <gtest/gtest.h>

#include <random>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "adapters/journal/journal_writer.hpp"
#include "tests/support/journal.hpp"

namespace thintail {
namespace {

class JournalRecoveryTest : public ::testing::Test {
 protected:
  std::string write(const std::vector<std::size_t>& blocks, std::uint32_t epoch = 1, std::uint64_t first = 1) {
    return test::write_journal(
        {.directory = folder_.path(), .instance = "gold", .epoch = epoch, .first_sequence = first}, blocks);
  }

  // As `blocks` events and then a crash: the file without its closing block and without its last `cut` bytes.
  std::string write_torn(const std::vector<std::size_t>& blocks, std::size_t cut) {
    const auto path = write(blocks);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - sizeof(BlockHeader) - cut);
    return path;
  }

  test::TempFolder folder_;
  test::TempFolder memory_{test::kMemoryFolder};
};

TEST_F(JournalRecoveryTest, the_end_of_a_closed_journal_is_its_last_event) {
  const auto path = write({5, 7}, 3, 100);
  const auto tail = find_end(path);
  ASSERT_TRUE(tail.has_value()) << tail.error().message();
  EXPECT_EQ(tail->last_sequence, 111U);
  EXPECT_EQ(tail->end_offset, std::filesystem::file_size(path));
  EXPECT_EQ(tail->torn_bytes, 0U);
  EXPECT_TRUE(tail->closed);
  EXPECT_EQ(tail->header.epoch, 3U);
}

TEST_F(JournalRecoveryTest, a_journal_without_events_ends_before_its_first_sequence) {
  const auto tail = find_end(write_torn({}, 0));
  ASSERT_TRUE(tail.has_value());
  EXPECT_EQ(tail->last_sequence, 0U);
  EXPECT_EQ(tail->end_offset, kJournalHeaderBytes);
  EXPECT_FALSE(tail->closed);
}

TEST_F(JournalRecoveryTest, found_from_the_end_it_is_where_reading_from_the_start_ends) {
  std::mt19937_64 random(3);
  std::vector<std::size_t> blocks(60);
  for (auto& events : blocks) events = 1 + random() % kBlockEventsMax;
  const auto bytes = test::file_bytes(write(blocks));
  const auto path = memory_.path() + "/cut.ttj";
  for (int round = 0; round < 60; ++round) {
    const auto size = kJournalHeaderBytes + random() % (bytes.size() - kJournalHeaderBytes);
    test::write_file(path, std::span(bytes).first(size));
    auto reader = JournalReader::open(path);
    const auto read = test::count_events(*reader, 1);
    const auto tail = find_end(path);
    ASSERT_TRUE(tail.has_value()) << tail.error().message();
    ASSERT_EQ(tail->last_sequence, read);
    ASSERT_EQ(tail->torn_bytes, reader->torn_bytes());
  }
}

// Power loss inside one write of many blocks: what comes after the hole is not part of the journal.
TEST_F(JournalRecoveryTest, the_end_lies_before_a_hole_in_what_was_never_acknowledged) {
  auto writer = JournalWriter::create({.directory = folder_.path(), .instance = "gold"});
  writer->append(test::numbered_events(1, 10));
  ASSERT_TRUE(writer->flush_and_wait().has_value());
  writer->append(test::numbered_events(11, 3 * kBlockEventsMax));
  ASSERT_TRUE(writer->flush_and_wait().has_value());
  const auto path = memory_.path() + "/torn.ttj";
  auto bytes = test::file_bytes(writer->path());
  const auto hole = kJournalHeaderBytes + block_bytes(10) + kBlockBytesMax;
  bytes[hole + 1000] ^= std::byte{1};
  test::write_file(path, bytes);
  const auto tail = find_end(path);
  ASSERT_TRUE(tail.has_value());
  EXPECT_EQ(tail->end_offset, hole);
  EXPECT_EQ(tail->last_sequence, 10 + kBlockEventsMax);

  const auto mended = append_recovered(path, test::numbered_events(5, 5000));
  ASSERT_TRUE(mended.has_value()) << mended.error().message();
  auto reader = JournalReader::open(path);
  EXPECT_EQ(test::count_events(*reader, 1), 5004U);
  EXPECT_FALSE(reader->torn().has_value());
}

TEST_F(JournalRecoveryTest, a_torn_tail_cut_anywhere_is_replaced_by_what_memory_still_holds) {
  const auto memory =
      test::numbered_events(4, 20);  // the old segment: some events that the journal has, and later ones
  const auto bytes = test::file_bytes(write_torn({3, 4, 5}, 0));
  const auto path = memory_.path() + "/cut.ttj";
  const auto first_block_end = kJournalHeaderBytes + block_bytes(3);
  for (auto size = first_block_end; size <= bytes.size(); ++size) {
    test::write_file(path, std::span(bytes).first(size));
    const auto tail = append_recovered(path, memory);
    ASSERT_TRUE(tail.has_value()) << tail.error().message();
    ASSERT_EQ(tail->last_sequence, 23U);
    ASSERT_EQ(tail->end_offset, std::filesystem::file_size(path));
    auto reader = JournalReader::open(path);
    ASSERT_EQ(test::count_events(*reader, 1), 23U) << size;
    ASSERT_FALSE(reader->error() || reader->torn()) << size;
  }
}

TEST_F(JournalRecoveryTest, doing_it_twice_changes_nothing) {
  const auto path = write_torn({100}, 10);
  const auto memory = test::numbered_events(1, 3000);
  ASSERT_TRUE(append_recovered(path, memory).has_value());
  const auto once = test::file_bytes(path);
  const auto again = append_recovered(path, memory);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->last_sequence, 3000U);
  EXPECT_EQ(test::file_bytes(path), once);
}

TEST_F(JournalRecoveryTest, a_journal_that_has_everything_is_left_alone) {
  const auto path = write({50});
  const auto before = test::file_bytes(path);
  const auto tail = append_recovered(path, test::numbered_events(20, 31));
  ASSERT_TRUE(tail.has_value());
  EXPECT_TRUE(tail->closed);
  EXPECT_EQ(test::file_bytes(path), before);
}

TEST_F(JournalRecoveryTest, events_missing_between_journal_and_memory_are_refused_and_nothing_is_written) {
  const auto path = write_torn({10}, 0);
  const auto before = test::file_bytes(path);
  const auto tail = append_recovered(path, test::numbered_events(12, 3));
  ASSERT_FALSE(tail.has_value());
  EXPECT_EQ(tail.error().code, ErrorCode::journal_corrupt);
  EXPECT_EQ(tail.error().expected, "11");
  EXPECT_EQ(tail.error().found, "12");
  EXPECT_EQ(test::file_bytes(path), before);
}

TEST_F(JournalRecoveryTest, damage_after_recovery_is_damage_to_acknowledged_data) {
  const auto path = write_torn({10}, 0);
  ASSERT_TRUE(append_recovered(path, test::numbered_events(11, 5)).has_value());
  auto bytes = test::file_bytes(path);
  bytes[kJournalHeaderBytes + 100] ^= std::byte{1};
  test::write_file(path, bytes);
  auto reader = JournalReader::open(path);
  EXPECT_EQ(test::count_events(*reader, 1), 0U);
  ASSERT_TRUE(reader->error().has_value());
  EXPECT_EQ(reader->error()->code, ErrorCode::journal_corrupt);
}

TEST_F(JournalRecoveryTest, the_newest_journal_of_an_instance_is_the_one_of_its_highest_epoch) {
  EXPECT_FALSE(find_newest_end(folder_.path(), "gold")->has_value());
  write({10}, 9, 1);
  write({5}, 10, 11);
  const auto tail = find_newest_end(folder_.path(), "gold");
  ASSERT_TRUE(tail.has_value() && tail->has_value());
  EXPECT_EQ((*tail)->header.epoch, 10U);
  EXPECT_EQ((*tail)->last_sequence, 15U);
  EXPECT_EQ((*tail)->path, journal_path(folder_.path(), "gold", 10));
}

TEST_F(JournalRecoveryTest, the_next_epoch_goes_on_where_recovery_ended) {
  const auto path = write_torn({10}, 17);
  const auto tail = append_recovered(path, test::numbered_events(1, 25));
  ASSERT_TRUE(tail.has_value());
  write({5}, 2, tail->last_sequence + 1);
  auto reader = JournalReader::open(journal_folder(folder_.path(), "gold"));
  EXPECT_EQ(test::count_events(*reader, 1), 30U);
  EXPECT_FALSE(reader->error().has_value());
  EXPECT_TRUE(reader->closed());
}

TEST_F(JournalRecoveryTest, a_writer_that_still_has_the_file_open_does_not_reach_the_copy_in_its_place) {
  for (const bool is_copied : {false, true}) {
    const std::string instance = is_copied ? "copied" : "shared";
    auto late = JournalWriter::create({.directory = folder_.path(), .instance = instance});
    ASSERT_TRUE(late.has_value()) << late.error().message();
    ASSERT_EQ(late->append(test::numbered_events(1, 100)), 100U);
    ASSERT_TRUE(late->flush_and_wait().has_value());
    if (is_copied) {
      ASSERT_TRUE(replace_with_copy(late->path()).has_value());
    }
    ASSERT_TRUE(append_recovered(late->path(), test::numbered_events(1, 500)).has_value());
    const auto recovered = test::file_bytes(late->path());
    ASSERT_EQ(late->append(test::numbered_events(101, 50)), 50U);
    ASSERT_TRUE(late->flush_and_wait().has_value());
    // Without the copy it writes over what was recovered: that this shows is what makes the other half a proof.
    EXPECT_EQ(test::file_bytes(late->path()) == recovered, is_copied);
    auto reader = JournalReader::open(late->path());
    ASSERT_TRUE(reader.has_value());
    EXPECT_EQ(test::count_events(*reader, 1) == 500U, is_copied);
  }
}

TEST_F(JournalRecoveryTest, a_copy_is_the_journal_byte_for_byte) {
  const auto path = write({5, 700, 1});
  const auto bytes = test::file_bytes(path);
  ASSERT_TRUE(replace_with_copy(path).has_value());
  EXPECT_EQ(test::file_bytes(path), bytes);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  const auto none = replace_with_copy(path + ".absent");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::journal_io);
}

}  // namespace
}  // namespace thintail
