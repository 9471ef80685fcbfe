// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "adapters/journal/plain_disk.hpp"
#include "tests/support/data.hpp"
#include "tests/support/journal.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// What the next writes and syncs are to do, set by the test.
struct FaultPlan {
  std::size_t write_bytes_max = SIZE_MAX;  // a longer write is cut short
  int write_error = 0;
  int sync_error = 0;
  bool sync_drops_pages = false;  // as a kernel may after a failed sync: what was written never reaches the disk
  bool stalled = false;           // no outcome arrives
  bool lies = false;              // says yes and writes nothing
  std::uint64_t starts = 0;
};

class FaultyDisk final : public JournalDisk {
 public:
  explicit FaultyDisk(FaultPlan& plan) : plan_(plan) {}

  void start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept override {
    ++plan_.starts;
    std::size_t wanted = 0;
    std::size_t written = 0;
    for (const auto& piece : pieces) {
      wanted += piece.iov_len;
      const std::size_t part = std::min(piece.iov_len, plan_.write_bytes_max - written);
      if (plan_.write_error != 0 || plan_.lies || part == 0) continue;
      const std::vector<std::byte> zeros(part);
      const void* bytes = plan_.sync_drops_pages ? zeros.data() : piece.iov_base;
      EXPECT_EQ(::pwrite(fd, bytes, part, static_cast<off_t>(offset + written)), static_cast<ssize_t>(part));
      written += part;
    }
    if (plan_.lies) written = wanted;
    outcome_.written = plan_.write_error != 0 ? -plan_.write_error : static_cast<std::int64_t>(written);
    outcome_.sync_error = plan_.write_error != 0 || written < wanted ? ECANCELED : plan_.sync_error;
    pending_ = true;
  }

  std::optional<DiskOutcome> poll() noexcept override {
    if (!pending_ || plan_.stalled) return std::nullopt;
    pending_ = false;
    return outcome_;
  }

  DiskOutcome wait() noexcept override {
    pending_ = false;
    return outcome_;
  }

 private:
  FaultPlan& plan_;
  DiskOutcome outcome_;
  bool pending_ = false;
};

class JournalWriterTest : public ::testing::Test {
 protected:
  JournalOptions options() const { return {.directory = folder_.path(), .instance = "gold"}; }

  JournalWriter faulty(std::uint32_t buffers = 4) {
    auto settings = options();
    settings.buffers = buffers;
    return *JournalWriter::create(settings, std::make_unique<FaultyDisk>(plan_));
  }

  // Reads the file from the start; every event must be there and right.
  void expect_events(const JournalWriter& writer, std::uint64_t count) {
    auto reader = JournalReader::open(writer.path());
    ASSERT_TRUE(reader.has_value()) << reader.error().message();
    EXPECT_EQ(test::count_events(*reader, 1), count);
    EXPECT_FALSE(reader->error().has_value()) << reader->error()->message();
    EXPECT_FALSE(reader->torn().has_value()) << reader->torn()->message();
  }

  test::TempFolder folder_;
  FaultPlan plan_;
};

TEST_F(JournalWriterTest, a_million_events_come_back_as_they_were_written) {
  constexpr std::uint64_t kEvents = 1'000'000;
  auto writer = JournalWriter::create(options());
  ASSERT_TRUE(writer.has_value()) << writer.error().message();
  std::mt19937_64 random(1);
  for (std::uint64_t next = 1; next <= kEvents;) {
    const auto batch = test::numbered_events(next, std::min<std::size_t>(1 + random() % 3000, kEvents + 1 - next));
    for (std::size_t done = 0; done < batch.size();) {
      done += writer->append(std::span(batch).subspan(done));
      writer->poll(0);
    }
    next += batch.size();
  }
  ASSERT_TRUE(writer->close().has_value());
  EXPECT_EQ(writer->durable_sequence(), kEvents);
  EXPECT_EQ(writer->stats().events, kEvents);
  EXPECT_EQ(writer->stats().bytes, test::file_bytes(writer->path()).size());
  expect_events(*writer, kEvents);
}

TEST_F(JournalWriterTest, one_event_at_a_time_fills_the_same_blocks) {
  auto writer = JournalWriter::create(options());
  for (std::uint64_t next = 1; next <= 2 * kBlockEventsMax; ++next)
    ASSERT_TRUE(writer->append(test::numbered_event(next)));
  ASSERT_TRUE(writer->flush_and_wait().has_value());
  EXPECT_EQ(writer->stats().blocks, 2U);
  expect_events(*writer, 2 * kBlockEventsMax);
}

TEST_F(JournalWriterTest, a_partial_block_is_written_when_it_is_old_enough) {
  auto writer = faulty();
  writer.append(test::numbered_events(1, 5));
  EXPECT_EQ(writer.poll(100 * kMs), 0U);
  EXPECT_EQ(writer.poll(119 * kMs), 0U);
  EXPECT_EQ(writer.poll(120 * kMs), 1U) << "20 ms after poll() first saw it";
  EXPECT_EQ(writer.durable_sequence(), 0U) << "written, but nothing is known of the sync yet";
  EXPECT_EQ(writer.poll(120 * kMs), 1U);
  EXPECT_EQ(writer.durable_sequence(), 5U);
  EXPECT_EQ(plan_.starts, 1U);
}

TEST_F(JournalWriterTest, a_flush_asked_for_does_not_wait_for_age) {
  auto writer = faulty();
  writer.append(test::numbered_events(1, 5));
  writer.request_flush();
  writer.poll(0);
  writer.poll(0);
  EXPECT_EQ(writer.durable_sequence(), 5U);
  writer.append(test::numbered_events(6, 1));
  writer.poll(0);
  writer.poll(0);
  EXPECT_EQ(writer.durable_sequence(), 5U) << "a flush is asked for once";
}

TEST_F(JournalWriterTest, full_blocks_behind_a_slow_sync_share_the_next_one) {
  auto writer = faulty(8);
  plan_.stalled = true;
  writer.append(test::numbered_events(1, kBlockEventsMax));
  writer.poll(0);
  writer.append(test::numbered_events(1 + kBlockEventsMax, 3 * kBlockEventsMax));
  writer.poll(0);
  EXPECT_EQ(plan_.starts, 1U);
  plan_.stalled = false;
  writer.poll(0);
  writer.poll(0);
  EXPECT_EQ(plan_.starts, 2U);
  EXPECT_EQ(writer.durable_sequence(), 4 * kBlockEventsMax);
}

TEST_F(JournalWriterTest, a_stalled_disk_holds_the_caller_back_and_loses_nothing) {
  auto writer = faulty(4);
  plan_.stalled = true;
  const auto events = test::numbered_events(1, 5 * kBlockEventsMax);
  std::size_t accepted = 0;
  for (int i = 0; i < 10; ++i) {
    accepted += writer.append(std::span(events).subspan(accepted));
    writer.poll(i * kMs);
  }
  EXPECT_EQ(accepted, 4 * kBlockEventsMax);
  EXPECT_EQ(writer.free_events(), 0U);
  EXPECT_FALSE(writer.append(events[accepted]));
  EXPECT_EQ(writer.durable_sequence(), 0U);
  plan_.stalled = false;
  writer.poll(11 * kMs);
  EXPECT_EQ(writer.free_events(), 2 * kBlockEventsMax) << "half of the buffers were under way";
  accepted += writer.append(std::span(events).subspan(accepted));
  EXPECT_EQ(accepted, events.size());
  ASSERT_TRUE(writer.flush_and_wait().has_value());
  expect_events(writer, events.size());
}

TEST_F(JournalWriterTest, many_flushes_against_a_stalled_disk_cost_no_memory) {
  auto writer = faulty(2);
  plan_.stalled = true;
  for (std::uint64_t next = 1; next <= kBlockEventsMax; ++next) {
    ASSERT_TRUE(writer.append(test::numbered_event(next))) << next;
    writer.request_flush();
    writer.poll(static_cast<std::int64_t>(next) * 100 * kMs);
  }
  EXPECT_EQ(writer.stats().blocks, 1U) << "the second block goes on filling";
}

TEST_F(JournalWriterTest, short_writes_are_continued_and_acknowledged_only_when_complete) {
  std::mt19937_64 random(7);
  auto writer = faulty(4);
  std::uint64_t next = 1;
  for (int round = 0; round < 400; ++round) {
    plan_.write_bytes_max = 1 + random() % 90'000;
    next += writer.append(test::numbered_events(next, random() % 1500));
    if (round % 3 == 0) writer.request_flush();
    writer.poll(round * kMs);
    // Whatever is called durable must be readable from the file at this moment.
    auto reader = JournalReader::open(writer.path());
    ASSERT_TRUE(reader.has_value());
    ASSERT_GE(test::count_events(*reader, 1), writer.durable_sequence());
  }
  plan_.write_bytes_max = SIZE_MAX;
  ASSERT_TRUE(writer.close().has_value());
  EXPECT_GT(writer.stats().short_writes, 100U);
  EXPECT_EQ(writer.stats().failures, 0U);
  expect_events(writer, next - 1);
}

TEST_F(JournalWriterTest, a_full_disk_keeps_events_waiting_and_recovers_when_space_returns) {
  auto writer = faulty(4);
  writer.append(test::numbered_events(1, 10));
  ASSERT_TRUE(writer.flush_and_wait().has_value());
  plan_.write_error = ENOSPC;
  writer.append(test::numbered_events(11, 2000));
  writer.poll(0);
  writer.poll(1 * kMs);
  ASSERT_TRUE(writer.error().has_value());
  EXPECT_EQ(writer.error()->code, ErrorCode::journal_io);
  EXPECT_EQ(writer.error()->file, writer.path());
  EXPECT_EQ(writer.error()->field, "writev");
  EXPECT_EQ(writer.error()->found, errno_text(ENOSPC));
  EXPECT_EQ(writer.durable_sequence(), 10U);
  const auto starts = plan_.starts;
  writer.poll(50 * kMs);
  EXPECT_EQ(plan_.starts, starts) << "it pauses before it tries again";
  plan_.write_error = 0;
  writer.poll(101 * kMs);
  writer.poll(102 * kMs);
  EXPECT_FALSE(writer.error().has_value());
  ASSERT_TRUE(writer.flush_and_wait().has_value());
  EXPECT_EQ(writer.durable_sequence(), 2010U);
  expect_events(writer, 2010);
}

TEST_F(JournalWriterTest, after_a_failed_sync_everything_not_acknowledged_is_written_again) {
  auto writer = faulty(4);
  writer.append(test::numbered_events(1, 1500));
  plan_.sync_error = EIO;
  plan_.sync_drops_pages = true;
  const auto flushed = writer.flush_and_wait();
  ASSERT_FALSE(flushed.has_value());
  EXPECT_EQ(flushed.error().field, "fdatasync");
  EXPECT_EQ(writer.durable_sequence(), 0U);
  plan_.sync_error = 0;
  plan_.sync_drops_pages = false;
  ASSERT_TRUE(writer.flush_and_wait().has_value());
  EXPECT_EQ(writer.durable_sequence(), 1500U);
  expect_events(writer, 1500);
}

// A journal's fence, as the lock's file is in the daemon: open until the test closes it.
class FencedWriterTest : public JournalWriterTest {
 protected:
  JournalWriter fenced(bool asks = true) {
    auto settings = options();
    if (asks) settings.may_write = [this] { return ++asked_, is_open_; };
    return *JournalWriter::create(settings, std::make_unique<FaultyDisk>(plan_));
  }
  bool is_open_ = true;
  int asked_ = 0;
};

TEST_F(FencedWriterTest, one_that_was_replaced_writes_nothing_any_more) {
  auto writer = fenced();
  ASSERT_EQ(writer.append(test::numbered_events(1, 10)), 10u);
  ASSERT_TRUE(writer.flush_and_wait().has_value());
  EXPECT_FALSE(writer.is_fenced());
  const auto before = test::file_bytes(writer.path());
  is_open_ = false;
  ASSERT_EQ(writer.append(test::numbered_events(11, 3'000)), 3'000u);
  const auto starts = plan_.starts;
  for (std::int64_t turn = 1; turn < 100; ++turn) writer.poll(turn * 1'000 * kMs);
  EXPECT_TRUE(writer.is_fenced());
  EXPECT_EQ(plan_.starts, starts);
  EXPECT_EQ(writer.durable_sequence(), 10u);
  ASSERT_TRUE(writer.error().has_value());
  EXPECT_EQ(writer.error()->code, ErrorCode::shm_lost);
  // Nor does it come back, or end the journal as if in good order.
  is_open_ = true;
  writer.poll(1'000'000 * kMs);
  const auto closed = writer.close();
  ASSERT_FALSE(closed.has_value());
  EXPECT_EQ(closed.error().code, ErrorCode::shm_lost);
  EXPECT_EQ(test::file_bytes(writer.path()), before);
}

TEST_F(FencedWriterTest, one_that_is_replaced_during_a_write_does_not_acknowledge_it) {
  auto writer = fenced();
  ASSERT_EQ(writer.append(test::numbered_events(1, 10)), 10u);
  plan_.stalled = true;
  writer.request_flush();
  writer.poll(1);
  ASSERT_EQ(plan_.starts, 1u);
  is_open_ = false;
  plan_.stalled = false;
  writer.poll(2);
  EXPECT_TRUE(writer.is_fenced());
  EXPECT_EQ(writer.durable_sequence(), 0u);
}

TEST_F(FencedWriterTest, mutant_that_does_not_ask_is_told_from_one_that_does) {
  auto writer = fenced(false);
  is_open_ = false;
  ASSERT_EQ(writer.append(test::numbered_events(1, 10)), 10u);
  EXPECT_TRUE(writer.flush_and_wait().has_value());
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(writer.durable_sequence(), 10u) << "so the tests above would fail";
}

TEST_F(JournalWriterTest, a_disk_that_takes_nothing_without_a_reason_is_an_error_and_no_endless_loop) {
  auto writer = faulty(4);
  plan_.write_bytes_max = 0;
  writer.append(test::numbered_event(1));
  EXPECT_FALSE(writer.flush_and_wait().has_value());
  EXPECT_EQ(writer.stats().failures, 1U);
}

TEST_F(JournalWriterTest, without_io_uring_the_journal_is_the_same) {
  auto settings = options();
  auto uring = JournalWriter::create(settings);
  settings.directory += "/plain";
  auto plain = JournalWriter::create(settings, std::make_unique<PlainDisk>());
  for (auto* writer : {&*uring, &*plain}) {
    writer->append(test::numbered_events(1, 1500));
    ASSERT_TRUE(writer->flush_and_wait().has_value());
    writer->append(test::numbered_events(1501, 1500));
    ASSERT_TRUE(writer->close().has_value());
  }
  EXPECT_EQ(test::file_bytes(uring->path()), test::file_bytes(plain->path()));
}

// Layout v1 is a promise: the documentation shows it byte for byte, and this holds us to it.
TEST_F(JournalWriterTest, the_documentation_s_worked_example_is_what_is_written) {
  auto settings = options();
  settings.epoch = 7;
  settings.first_sequence = 1'000'001;
  settings.created_ns = 1'398'988'800'000'000'000;
  settings.boot_id = "0f8e2a7c-6f0e-4d0b-8a55-3f8d3c1b2a10";
  settings.build_id = "thintail 0.1.0";
  auto writer = JournalWriter::create(settings);
  ASSERT_TRUE(writer.has_value());
  auto event = Event::make(1'398'988'800'123'000'000, 0,
                           Tick{.bid_e9 = 1'284'065'000'000,
                                .ask_e9 = 1'284'405'000'000,
                                .bid_size = 0,
                                .ask_size = 0,
                                .venue_ns = 1'398'988'800'123'000'000,
                                .source_sequence = 1});
  event.sequence = 1'000'001;
  ASSERT_TRUE(writer->append(event));
  ASSERT_TRUE(writer->close().has_value());

  const auto bytes = test::file_bytes(writer->path());
  std::ifstream page(THINTAIL_SOURCE_DIR "/docs/journal.md");
  std::size_t compared = 0;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("0000") || !line.ends_with("|")) continue;
    std::istringstream words(line.substr(0, line.find('|')));
    std::size_t offset = 0;
    words >> std::hex >> offset;
    for (unsigned value = 0; words >> value; ++offset, ++compared) {
      ASSERT_LT(offset, bytes.size());
      ASSERT_EQ(std::to_integer<unsigned>(bytes[offset]), value) << "at byte " << offset;
    }
  }
  EXPECT_GE(compared, 300U);
}

TEST_F(JournalWriterTest, a_bad_number_of_buffers_is_refused) {
  auto settings = options();
  settings.buffers = 1;
  const auto writer = JournalWriter::create(settings);
  ASSERT_FALSE(writer.has_value());
  EXPECT_EQ(writer.error().field, "buffers");
}

using JournalWriterDeathTest = JournalWriterTest;

TEST_F(JournalWriterDeathTest, a_sequence_that_does_not_follow_on_is_a_bug_of_ours) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto writer = faulty();
  auto events = test::numbered_events(1, 5);
  events[3].sequence = 9;
  EXPECT_DEATH(writer.append(events), "sequences to follow on");
}

// A file-size limit refuses writes as a full disk does, in the kernel's own way: a short write first, then the error.
TEST_F(JournalWriterTest, a_real_refusal_of_the_kernel_is_survived) {
  const auto path = folder_.path();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    auto writer = JournalWriter::create({.directory = path, .instance = "gold"});
    const rlimit small{.rlim_cur = 100'000, .rlim_max = RLIM_INFINITY};
    const rlimit large{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    bool ok = ::setrlimit(RLIMIT_FSIZE, &small) == 0;
    ok = ok && writer->append(test::numbered_events(1, 3000)) == 3000;
    const auto refused = writer->flush_and_wait();
    ok = ok && !refused && refused.error().found == errno_text(EFBIG) && writer->durable_sequence() < 3000;
    ok = ok && ::setrlimit(RLIMIT_FSIZE, &large) == 0;
    ok = ok && writer->close().has_value() && writer->durable_sequence() == 3000;
    ::_exit(ok ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  auto reader = JournalReader::open(path + "/gold/journal-0000000001.ttj");
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(test::count_events(*reader, 1), 3000U);
  EXPECT_TRUE(reader->closed());
}

// Appends in a child process that reports each durable sequence over a pipe, kills it after `reports` of them, and returns
// how many acknowledged events the journal lacks. Nothing but what was acknowledged may be missing or wrong.
std::uint64_t acknowledged_but_lost(const std::string& directory, std::uint32_t epoch, int reports, bool disk_lies) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    FaultPlan plan{.lies = disk_lies};
    const JournalOptions options{
        .directory = directory, .instance = "gold", .epoch = epoch, .buffers = 8, .flush_ns = kMs};
    auto writer =
        disk_lies ? JournalWriter::create(options, std::make_unique<FaultyDisk>(plan)) : JournalWriter::create(options);
    std::mt19937_64 random(epoch);
    std::uint64_t next = 1;
    std::uint64_t told = 0;
    for (std::int64_t now_ns = 0;; now_ns += kMs / 10) {
      next += writer->append(test::numbered_events(next, random() % 300));
      writer->poll(now_ns);
      if (const auto durable = writer->durable_sequence(); durable != told) {
        told = durable;
        if (::write(ends[1], &told, sizeof told) != sizeof told) ::_exit(1);
      }
    }
  }
  ::close(ends[1]);
  std::uint64_t acknowledged = 0;
  for (int i = 0; i < reports; ++i) {
    if (::read(ends[0], &acknowledged, sizeof acknowledged) != sizeof acknowledged) break;
  }
  ::kill(child, SIGKILL);
  // What the child still said between our last read and its death counts as acknowledged too.
  while (::read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
  }
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  EXPECT_GT(acknowledged, 0U);
  auto reader = JournalReader::open(journal_path(directory, "gold", epoch));
  if (!reader) return acknowledged;
  const auto present = test::count_events(*reader, 1);
  EXPECT_FALSE(reader->error().has_value()) << reader->error()->message();
  return acknowledged - std::min(acknowledged, present);
}

TEST_F(JournalWriterTest, no_acknowledged_event_is_lost_when_the_writer_is_killed) {
  const std::uint32_t kills = test::is_long_run() ? 2'000 : 50;
  for (std::uint32_t epoch = 1; epoch <= kills; ++epoch) {
    ASSERT_EQ(acknowledged_but_lost(folder_.path(), epoch, 1 + static_cast<int>(epoch % 17), false), 0U) << epoch;
    std::filesystem::remove(journal_path(folder_.path(), "gold", epoch));
  }
}

TEST_F(JournalWriterTest, the_kill_test_finds_a_disk_that_acknowledges_what_it_never_wrote) {
  EXPECT_GT(acknowledged_but_lost(folder_.path(), 1, 3, true), 0U);
}

}  // namespace
}  // namespace thintail
