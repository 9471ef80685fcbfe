// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_stage.hpp"

#include <gtest/gtest.h>

#include "adapters/journal/journal_reader.hpp"
#include "shm/stream/gated_reader.hpp"
#include "tests/support/journal.hpp"

namespace thintail {
namespace {

static_assert(EventBatchReader<shm::GatedReader>);

// A stream of numbered events of which the first `published` are there.
class FakeReader {
 public:
  explicit FakeReader(std::size_t events) : events_(test::numbered_events(1, events)) {}

  std::span<const Event> peek_batch(std::size_t events_max) noexcept {
    return std::span(events_).subspan(taken_, std::min(events_max, published_ - taken_));
  }
  void pass(std::size_t events) noexcept { taken_ += events; }
  void release(std::uint64_t sequence) noexcept { released_ = sequence; }

  void publish(std::size_t events) { published_ += events; }
  std::size_t taken() const { return taken_; }
  std::uint64_t released() const { return released_; }

 private:
  std::vector<Event> events_;
  std::size_t published_ = 0;
  std::size_t taken_ = 0;
  std::uint64_t released_ = 0;
};

// Answers only when it is told to.
class HeldDisk final : public JournalDisk {
 public:
  explicit HeldDisk(bool& held) : held_(held) {}
  void start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept override {
    outcome_ = {.written = ::pwritev(fd, pieces.data(), static_cast<int>(pieces.size()), static_cast<off_t>(offset)),
                .sync_error = 0};
  }
  std::optional<DiskOutcome> poll() noexcept override {
    return held_ ? std::nullopt : std::exchange(outcome_, std::nullopt);
  }
  DiskOutcome wait() noexcept override { return *std::exchange(outcome_, std::nullopt); }

 private:
  bool& held_;
  std::optional<DiskOutcome> outcome_;
};

class JournalStageTest : public ::testing::Test {
 protected:
  auto stage() {
    return JournalStage(reader_, writer_, [this](std::uint64_t sequence) noexcept { durable_.push_back(sequence); });
  }

  test::TempFolder folder_;
  bool held_ = false;
  FakeReader reader_{20'000};
  JournalWriter writer_ = *JournalWriter::create({.directory = folder_.path(), .instance = "gold", .buffers = 2},
                                                 std::make_unique<HeldDisk>(held_));
  std::vector<std::uint64_t> durable_;
};

TEST_F(JournalStageTest, with_nothing_to_do_it_says_so) {
  auto stage = this->stage();
  EXPECT_EQ(stage.do_work(), 0U);
  EXPECT_TRUE(durable_.empty());
}

TEST_F(JournalStageTest, events_go_to_the_journal_and_their_durability_is_told) {
  auto stage = this->stage();
  reader_.publish(100);
  EXPECT_EQ(stage.do_work(0), 100U);
  EXPECT_EQ(reader_.taken(), 100U);
  EXPECT_TRUE(durable_.empty());
  EXPECT_EQ(stage.do_work(20'000'000), 1U) << "old enough: the write starts";
  EXPECT_EQ(reader_.released(), 0U) << "a kill now would leave them in the stream alone";
  EXPECT_EQ(stage.do_work(20'000'000), 1U) << "the disk has answered";
  EXPECT_EQ(reader_.released(), 100U);
  EXPECT_EQ(durable_, std::vector<std::uint64_t>{100});
  EXPECT_EQ(stage.do_work(90'000'000), 0U);
}

TEST_F(JournalStageTest, a_stalled_disk_holds_back_the_cursor_of_the_stream_and_loses_nothing) {
  auto stage = this->stage();
  held_ = true;
  reader_.publish(20'000);
  for (int i = 0; i < 200; ++i) stage.do_work(i);
  EXPECT_EQ(reader_.taken(), 2 * kBlockEventsMax);
  EXPECT_EQ(reader_.released(), 0U);
  EXPECT_TRUE(durable_.empty());
  held_ = false;
  for (int i = 0; i < 1'000; ++i) stage.do_work(1'000'000'000 + i);
  EXPECT_EQ(reader_.taken(), 20'000U);
  EXPECT_EQ(reader_.released(), writer_.durable_sequence());
  ASSERT_TRUE(writer_.close().has_value());
  auto reader = JournalReader::open(writer_.path());
  EXPECT_EQ(test::count_events(*reader, 1), 20'000U);
}

}  // namespace
}  // namespace thintail
