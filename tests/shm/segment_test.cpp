// SPDX-License-Identifier: Apache-2.0
#include "shm/segment/segment.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/event/payloads.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/segment/process_identity.hpp"
#include "shm/stream/gated_reader.hpp"
#include "shm/stream/observer.hpp"
#include "shm/stream/stream_writer.hpp"

namespace thintail::shm {
namespace {

using testing::HasSubstr;

// A folder of its own on the shared-memory file system, removed afterwards.
class SegmentTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/dev/shm/tt-test-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  CoreSegmentOptions small(std::uint32_t epoch = 1, std::uint64_t first_sequence = 1) const {
    CoreSegmentOptions options;
    options.core.instruments_max = 4;
    options.core.lock_memory = false;
    options.shm.directory = directory_;
    options.shm.events_slots = 4096;
    options.shm.ticks_slots = 1024;
    options.epoch = epoch;
    options.first_event_sequence = first_sequence;
    options.build_id = "test build";
    return options;
  }
  Result<CoreSegment> start(std::uint32_t epoch = 1, std::uint64_t first_sequence = 1) const {
    TT_TRY(WriterLock lock, WriterLock::acquire(directory_, "x"));
    TT_TRY(CoreSegment core, CoreSegment::create(small(epoch, first_sequence), std::move(lock)));
    TT_TRY_VOID(core.publish());
    return core;
  }
  std::string path(std::string_view suffix = "") const { return directory_ + "/thintail-x" + std::string(suffix); }

  std::string directory_;
};

Event event_of(std::uint64_t number) {
  const auto word = static_cast<std::int64_t>(number);
  return Event::make(word, 7, Bar{word, word + 1, word + 2, word + 3, 0, static_cast<std::uint32_t>(number)});
}
bool is_whole(const Event& event) {
  Event expected = event_of(event.sequence);
  expected.sequence = event.sequence;
  return std::memcmp(&event, &expected, sizeof(event)) == 0;
}

// Runs `body` in a child and returns its exit status: 0 where `body` returned true, 1 where false, 128 + signal if
// killed.
int in_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(SegmentTest, everything_written_is_read_by_another_process) {
  auto core = start(3, 1'000'001);
  ASSERT_TRUE(core) << core.error().message();
  StreamWriter events(*(*core)->events);
  for (int i = 0; i < 100; ++i) {
    Event event = event_of(1'000'001 + static_cast<std::uint64_t>(i));
    events.append(event);
  }
  (*(*core)->quotes)[2].store({2, 0, 10, 11, 12, 13, 14});
  (*core)->instruments->append(InstrumentNameRow{Text<52>::of("XAUUSD@oanda"), 3, 1, 0, 1'000'000});
  (*core)->counters->append("feed.ticks")->add(5);
  (*core)->stage(Stage::tick_to_intent).record(700);
  (*core)->run->set_durable(1'000'050);
  core->segment().heartbeat(77);
  EXPECT_EQ(in_child([&] {
              const auto view = CoreView::open(directory_, "x");
              if (!view) return false;
              const auto& header = view->segment().header();
              auto observer = Observer::from_oldest(*(*view)->events);
              Event event;
              std::uint64_t count = 0;
              while (observer.next(event) == Observed::event) count += is_whole(event) ? 1 : 0;
              QuoteRow quote{};
              return header.epoch == 3 && header.build_id.view() == "test build" && header.writer_pid == getppid() &&
                     view->segment().state() == SegmentState::ready && view->segment().writer_is_alive() &&
                     view->segment().is_current() && view->segment().heartbeat_ns() == 77 && count == 100 &&
                     event.sequence == 1'000'100 && (*(*view)->quotes)[2].load(quote) && quote.ticks == 14 &&
                     (*view)->instruments->size() == 1 && (*(*view)->instruments)[0].name.view() == "XAUUSD@oanda" &&
                     (*(*view)->counters)[0].name() == "feed.ticks" && (*(*view)->counters)[0].value() == 5 &&
                     (*view)->stage(Stage::tick_to_intent).snapshot().count == 1 &&
                     (*view)->run->durable() == 1'000'050;
            }),
            0);
}

TEST_F(SegmentTest, a_reader_that_writes_to_the_segment_dies_and_the_writer_does_not) {
  auto core = start();
  ASSERT_TRUE(core);
  EXPECT_EQ(in_child([&] {
              std::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would make an ordinary exit of it
              const auto view = CoreView::open(directory_, "x");
              if (!view) return false;
              const_cast<Stream*>((*view)->events)->set_head(7);
              return true;
            }),
            128 + SIGSEGV);
  EXPECT_EQ((*core)->events->head(), 0u);
}

TEST_F(SegmentTest, there_is_nothing_to_open_before_publish_and_nothing_left_of_an_unpublished_one) {
  {
    auto lock = WriterLock::acquire(directory_, "x");
    ASSERT_TRUE(lock);
    const auto core = CoreSegment::create(small(), *std::move(lock));
    ASSERT_TRUE(core) << core.error().message();
    EXPECT_TRUE(std::filesystem::exists(path(".new")));
    const auto view = CoreView::open(directory_, "x");
    ASSERT_FALSE(view);
    EXPECT_EQ(view.error().code, ErrorCode::shm_not_found);
  }
  EXPECT_FALSE(std::filesystem::exists(path(".new")));
}

TEST_F(SegmentTest, a_second_writer_is_refused_by_name_of_the_first) {
  const auto core = start();
  ASSERT_TRUE(core);
  EXPECT_EQ(in_child([&] {
              const auto second = WriterLock::acquire(directory_, "x");
              return !second && second.error().code == ErrorCode::shm_held &&
                     second.error().found == "pid " + std::to_string(getppid());
            }),
            0);
  EXPECT_FALSE(WriterLock::acquire(directory_, "x")) << "nor may this process write it twice";
  EXPECT_TRUE(WriterLock::acquire(directory_, "y")) << "another instance is free";
}

TEST_F(SegmentTest, the_lock_of_a_dead_writer_is_free) {
  EXPECT_EQ(in_child([&] {
              auto core = start();
              if (!core) return false;
              kill(getpid(), SIGKILL);
              return true;
            }),
            128 + SIGKILL);
  const auto view = CoreView::open(directory_, "x");
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->segment().writer_is_alive());
  EXPECT_TRUE(WriterLock::acquire(directory_, "x"));
}

TEST_F(SegmentTest, asking_for_the_lock_does_not_take_it) {
  ASSERT_TRUE(WriterLock::acquire(directory_, "x"));
  const auto held = WriterLock::is_held(directory_, "x");
  ASSERT_TRUE(held);
  EXPECT_FALSE(*held);
  const auto lock = WriterLock::acquire(directory_, "x");
  ASSERT_TRUE(lock);
  EXPECT_TRUE(*WriterLock::is_held(directory_, "x"));
  EXPECT_FALSE(*WriterLock::is_held(directory_, "never-started"));
}

TEST_F(SegmentTest, a_restart_retires_the_old_segment_and_readers_notice) {
  auto old_core = std::make_optional(start(1, 1));
  ASSERT_TRUE(*old_core);
  const auto old_view = CoreView::open(directory_, "x");
  ASSERT_TRUE(old_view);
  StreamWriter old_events(*(**old_core)->events);
  for (std::uint64_t number = 1; number <= 10; ++number) {
    Event event = event_of(number);
    old_events.append(event);
  }
  old_core.reset();

  auto lock = WriterLock::acquire(directory_, "x");
  ASSERT_TRUE(lock);
  const auto previous = CoreView::open_previous(*lock);
  ASSERT_TRUE(previous) << previous.error().message();
  ASSERT_TRUE(previous->has_value());
  EXPECT_EQ((**previous)->events->head(), 10u);
  auto core = CoreSegment::create(small(2, 11), *std::move(lock));
  ASSERT_TRUE(core);
  EXPECT_TRUE(old_view->segment().is_current()) << "until the new one is published";
  ASSERT_TRUE(core->publish());
  EXPECT_FALSE(old_view->segment().is_current());
  EXPECT_EQ(old_view->segment().state(), SegmentState::retired);
  EXPECT_TRUE(core->segment().is_current());
  const auto view = CoreView::open(directory_, "x");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->segment().header().epoch, 2u);
  EXPECT_EQ((*view)->events->first_sequence(), 11u);
  EXPECT_EQ((*view)->run->durable(), 10u);
}

// FAULTS.md row 2. An observer asks every 100 ms: what it must never do is to be told that an orphan is in force.
TEST_F(SegmentTest, each_of_a_thousand_restarts_is_noticed_at_the_first_look) {
  auto core = std::make_optional(start(1, 1));
  ASSERT_TRUE(*core);
  for (std::uint32_t epoch = 2; epoch <= 1'001; ++epoch) {
    const auto view = CoreView::open(directory_, "x");
    ASSERT_TRUE(view) << view.error().message();
    ASSERT_EQ(view->segment().header().epoch, epoch - 1);
    ASSERT_TRUE(view->segment().is_current());
    core.reset();
    core.emplace(start(epoch, epoch));
    ASSERT_TRUE(*core) << core->error().message();
    ASSERT_FALSE(view->segment().is_current()) << "epoch " << epoch;
    ASSERT_EQ(view->segment().state(), SegmentState::retired);
  }
}

// FAULTS.md row 3: who holds the lock is alive, whoever has the pid.
TEST_F(SegmentTest, a_pid_that_was_given_out_again_is_not_taken_for_the_writer) {
  constexpr int kSkipped = 2;
  constexpr int kReuses = 100;
  const auto in_own_pids = [&]() -> bool {
    std::filesystem::remove(path());
    int reused = 0;
    for (int attempt = 0; attempt < 10 * kReuses && reused < kReuses; ++attempt) {
      const pid_t writer = fork();
      if (writer == 0) {
        auto core = start();
        kill(getpid(), SIGKILL);
        _exit(core ? 0 : 1);
      }
      waitpid(writer, nullptr, 0);
      usleep(11'000);  // the kernel tells start times in hundredths of a second
      std::ofstream("/proc/sys/kernel/ns_last_pid") << writer - 1;
      const pid_t impostor = fork();
      if (impostor == 0) {
        const auto view = CoreView::open(directory_, "x");
        if (!view || getpid() != view->segment().header().writer_pid) _exit(kSkipped);
        const auto& header = view->segment().header();
        const ProcessIdentity dead{header.writer_pid, header.writer_start_ticks, std::string(header.boot_id.view())};
        const bool misjudged = view->segment().writer_is_alive() || is_running(dead) || !is_running(this_process()) ||
                               !WriterLock::acquire(directory_, "x");
        _exit(misjudged ? 1 : 0);
      }
      int status = 0;
      waitpid(impostor, &status, 0);
      if (!WIFEXITED(status) || WEXITSTATUS(status) == 1) return false;
      reused += WEXITSTATUS(status) == 0 ? 1 : 0;
    }
    return reused == kReuses;
  };
  const int status = in_child([&]() -> bool {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) _exit(kSkipped);
    const pid_t first = fork();  // process 1 of the new namespace
    if (first == 0) {
      if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          mount("proc", "/proc", "proc", 0, nullptr) != 0) {
        _exit(kSkipped);
      }
      _exit(in_own_pids() ? 0 : 1);
    }
    int inner = 0;
    waitpid(first, &inner, 0);
    _exit(WIFEXITED(inner) ? WEXITSTATUS(inner) : 1);
  });
  if (status == kSkipped) GTEST_SKIP() << "a pid namespace is not permitted here";
  EXPECT_EQ(status, 0);
}

TEST_F(SegmentTest, a_process_that_has_ended_does_not_run_even_before_it_was_waited_for) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const ProcessIdentity self = this_process();
    if (write(ready[1], &self.start_ticks, 8) != 8) _exit(1);
    pause();
  }
  ProcessIdentity identity = this_process();
  identity.pid = child;
  ASSERT_EQ(read(ready[0], &identity.start_ticks, 8), 8);
  EXPECT_TRUE(is_running(identity));
  kill(child, SIGSTOP);
  EXPECT_TRUE(is_running(identity)) << "it stands still, and may go on";
  auto other = identity;
  ++other.start_ticks;
  EXPECT_FALSE(is_running(other)) << "another process of the same pid";
  other = identity;
  other.boot_id = "another";
  EXPECT_FALSE(is_running(other));
  kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(is_running(identity)) << "nobody has waited for it yet";
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(is_running(identity));
  close(ready[0]);
  close(ready[1]);
}

TEST_F(SegmentTest, a_lock_file_that_is_taken_away_is_noticed_by_its_holder) {
  const auto lock = WriterLock::acquire(directory_, "x");
  ASSERT_TRUE(lock);
  const LockWatch watch = lock->watch();
  EXPECT_TRUE(watch.is_in_place());
  EXPECT_EQ(watch.path(), path(".lock"));
  std::filesystem::remove(path(".lock"));
  EXPECT_FALSE(watch.is_in_place());
  const auto second = WriterLock::acquire(directory_, "x");
  ASSERT_TRUE(second) << "this is why it has to be noticed";
  EXPECT_FALSE(watch.is_in_place());
  EXPECT_TRUE(second->watch().is_in_place());
}

TEST_F(SegmentTest, removal_of_the_name_is_noticed_by_both_sides) {
  auto core = start();
  ASSERT_TRUE(core);
  const auto view = CoreView::open(directory_, "x");
  ASSERT_TRUE(view);
  std::filesystem::remove(path());
  EXPECT_FALSE(core->segment().is_current());
  EXPECT_FALSE(view->segment().is_current());
}

TEST_F(SegmentTest, remove_takes_only_its_own_name_away) {
  auto core = start();
  ASSERT_TRUE(core);
  std::filesystem::rename(path(), path(".kept"));
  std::ofstream(path()) << "somebody else's";
  core->segment().remove();
  EXPECT_TRUE(std::filesystem::exists(path()));
  std::filesystem::rename(path(".kept"), path());
  core->segment().remove();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SegmentTest, without_a_previous_segment_there_is_nothing_to_take_over) {
  const auto lock = WriterLock::acquire(directory_, "x");
  ASSERT_TRUE(lock);
  const auto previous = CoreView::open_previous(*lock);
  ASSERT_TRUE(previous);
  EXPECT_FALSE(previous->has_value());
}

// Changes bytes of the published segment's header.
template <class Value>
void overwrite(const std::string& file, std::size_t offset, Value value, std::size_t bytes = sizeof(Value)) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.write(reinterpret_cast<const char*>(&value), static_cast<std::streamsize>(bytes));
}

TEST_F(SegmentTest, a_previous_segment_of_an_earlier_boot_is_not_taken_over) {
  ASSERT_TRUE(start());
  overwrite(path(), offsetof(SegmentHeader, boot_id), std::array<char, 8>{"another"});
  const auto lock = WriterLock::acquire(directory_, "x");
  const auto previous = CoreView::open_previous(*lock);
  ASSERT_TRUE(previous) << previous.error().message();
  EXPECT_FALSE(previous->has_value());
}

TEST_F(SegmentTest, a_previous_segment_of_another_build_blocks_the_start_unless_it_was_stopped_in_order) {
  auto core = std::make_optional(start());
  ASSERT_TRUE(*core);
  overwrite(path(), offsetof(SegmentHeader, layout_hash), std::uint64_t{1});
  (**core).segment().mark_stopped();
  core.reset();
  const auto lock = WriterLock::acquire(directory_, "x");
  const auto stopped = CoreView::open_previous(*lock);
  ASSERT_TRUE(stopped) << stopped.error().message();
  EXPECT_FALSE(stopped->has_value());
  overwrite(path(), offsetof(SegmentHeader, state), SegmentState::ready);
  const auto crashed = CoreView::open_previous(*lock);
  ASSERT_FALSE(crashed);
  EXPECT_EQ(crashed.error().code, ErrorCode::shm_layout_mismatch);
}

TEST_F(SegmentTest, another_layout_is_refused_naming_both) {
  ASSERT_TRUE(start());
  overwrite(path(), offsetof(SegmentHeader, major), std::uint16_t{9});
  const auto view = CoreView::open(directory_, "x");
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, ErrorCode::shm_layout_mismatch);
  EXPECT_THAT(view.error().message(), HasSubstr("version 1.0"));
  EXPECT_THAT(view.error().message(), HasSubstr("version 9.0"));
  EXPECT_THAT(view.error().message(), HasSubstr("test build"));
}

TEST_F(SegmentTest, no_mutated_header_is_followed_out_of_the_segment) {
  ASSERT_TRUE(start());
  std::vector<char> good(sizeof(SegmentHeader));
  std::ifstream(path(), std::ios::binary).read(good.data(), static_cast<std::streamsize>(good.size()));
  std::mt19937 random(7);
  int refused = 0;
  for (std::size_t offset = 0; offset + 8 <= offsetof(SegmentHeader, regions) + 11 * sizeof(Region); offset += 8) {
    for (const std::uint64_t value : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{random()}}) {
      overwrite(path(), offset, value);
      // In a child: whoever is led astray dies of it, which is what must not happen.
      const int status = in_child([&] {
        const auto view = CoreView::open(directory_, "x");
        if (!view) return false;
        Event event;
        auto observer = Observer::from_oldest(*(*view)->events);
        while (observer.next(event) == Observed::event) {
        }
        std::vector<QuoteRow> quotes((*view)->quotes->rows());
        return (*view)->quotes->snapshot(quotes) == 0 && (*view)->stages[7].snapshot().count == 0;
      });
      EXPECT_LE(status, 1) << "offset " << offset << " value " << value;
      refused += status == 1 ? 1 : 0;
    }
    std::uint64_t original = 0;
    std::memcpy(&original, good.data() + offset, sizeof(original));
    overwrite(path(), offset, original);
  }
  EXPECT_GT(refused, 100);
  EXPECT_TRUE(CoreView::open(directory_, "x")) << "the header is as it was";
}

// FAULTS.md row 5: nothing that tells where things lie may be other than this build has it.
TEST_F(SegmentTest, each_field_of_the_layout_is_refused_when_it_is_changed) {
  ASSERT_TRUE(start());
  struct Field {
    const char* name;
    std::size_t offset, bytes;
  };
  std::vector<Field> fields = {{"magic", offsetof(SegmentHeader, magic), 8},
                               {"major", offsetof(SegmentHeader, major), 2},
                               {"header_bytes", offsetof(SegmentHeader, header_bytes), 4},
                               {"layout_hash", offsetof(SegmentHeader, layout_hash), 8},
                               {"segment_bytes", offsetof(SegmentHeader, segment_bytes), 8},
                               {"region_count", offsetof(SegmentHeader, region_count), 4}};
  const auto regions = CoreView::open(directory_, "x")->segment().header().region_count;
  for (std::size_t i = 0; i < regions; ++i) {
    const std::size_t at = offsetof(SegmentHeader, regions) + i * sizeof(Region);
    fields.push_back({"name", at + offsetof(Region, name), 8});
    fields.push_back({"type", at + offsetof(Region, type), 4});
    fields.push_back({"element_bytes", at + offsetof(Region, element_bytes), 4});
    fields.push_back({"offset_bytes", at + offsetof(Region, offset_bytes), 8});
    fields.push_back({"size_bytes", at + offsetof(Region, size_bytes), 8});
  }
  const auto code = [&] {
    const auto view = CoreView::open(directory_, "x");
    return view ? ErrorCode{} : view.error().code;
  };
  for (const Field& field : fields) {
    std::array<char, 8> original{};
    std::ifstream file(path(), std::ios::binary);
    file.seekg(static_cast<std::streamoff>(field.offset));
    file.read(original.data(), static_cast<std::streamsize>(field.bytes));
    for (const int fill : {0x00, 0xff}) {
      auto changed = original;
      std::fill_n(changed.begin(), field.bytes, static_cast<char>(fill));
      overwrite(path(), field.offset, changed, field.bytes);
      EXPECT_EQ(code(), ErrorCode::shm_layout_mismatch) << field.name << " at " << field.offset << " of " << fill;
    }
    overwrite(path(), field.offset, original, field.bytes);
  }
  EXPECT_EQ(code(), ErrorCode{}) << "the header is as it was";
}

TEST_F(SegmentTest, files_that_are_not_ours_are_hostile) {
  const auto code = [&] {
    const auto view = CoreView::open(directory_, "x");
    return view ? ErrorCode{} : view.error().code;
  };
  ASSERT_TRUE(start());
  EXPECT_EQ(code(), ErrorCode{});
  chmod(path().c_str(), 0666);
  EXPECT_EQ(code(), ErrorCode::shm_hostile) << "writable by all";
  chmod(path().c_str(), 0640);
  std::filesystem::rename(path(), path(".real"));
  std::filesystem::create_symlink(path(".real"), path());
  EXPECT_EQ(code(), ErrorCode::shm_hostile) << "a link";
  std::filesystem::remove(path());
  ASSERT_EQ(mkfifo(path().c_str(), 0640), 0);
  EXPECT_EQ(code(), ErrorCode::shm_hostile) << "a pipe";
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  EXPECT_EQ(code(), ErrorCode::shm_hostile) << "a folder";
  std::filesystem::remove(path());
  EXPECT_EQ(code(), ErrorCode::shm_not_found);
  std::ofstream(path()) << "";
  chmod(path().c_str(), 0640);
  EXPECT_EQ(code(), ErrorCode::shm_layout_mismatch) << "an empty file";
  if (geteuid() == 0) {
    ASSERT_EQ(chown(path().c_str(), 12345, 12345), 0);
    EXPECT_EQ(code(), ErrorCode::shm_hostile) << "somebody else's";
  }
}

TEST_F(SegmentTest, a_writer_does_not_publish_over_a_hostile_file_nor_lock_one) {
  std::filesystem::create_symlink("/etc/passwd", path());
  auto core = start();
  ASSERT_FALSE(core);
  EXPECT_EQ(core.error().code, ErrorCode::shm_hostile);
  EXPECT_TRUE(std::filesystem::is_symlink(path())) << "it is left for the operator to look at";
  std::filesystem::remove(path(".lock"));
  std::filesystem::create_symlink("/etc/passwd", path(".lock"));
  const auto lock = WriterLock::acquire(directory_, "x");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, ErrorCode::shm_hostile);
}

TEST_F(SegmentTest, a_writer_refuses_names_that_somebody_else_prepared) {
  const auto refused = [&] {
    const auto core = start();
    return core ? ErrorCode{} : core.error().code;
  };
  for (const auto* suffix : {"", ".lock"}) {
    const std::string prepared = path(suffix);
    const auto prepare = [&](mode_t mode) {
      std::filesystem::remove_all(prepared);
      std::ofstream(prepared) << "";
      ASSERT_EQ(chmod(prepared.c_str(), mode), 0);
    };
    prepare(0666);
    EXPECT_EQ(refused(), ErrorCode::shm_hostile) << prepared << " that all may write";
    prepare(04640);
    EXPECT_EQ(refused(), ErrorCode::shm_hostile) << prepared << " with more than access bits";
    if (geteuid() == 0) {
      prepare(0640);
      ASSERT_EQ(chown(prepared.c_str(), 12345, 12345), 0);
      EXPECT_EQ(refused(), ErrorCode::shm_hostile) << prepared << " of another user";
    }
    std::filesystem::remove(prepared);
    ASSERT_EQ(mkfifo(prepared.c_str(), 0640), 0);
    EXPECT_EQ(refused(), ErrorCode::shm_hostile) << prepared << " as a pipe";
    std::filesystem::remove(prepared);
  }
  std::filesystem::create_directory(path(".new"));
  EXPECT_EQ(refused(), ErrorCode::shm_hostile) << "a folder where the new one is built";
  std::filesystem::remove(path(".new"));
  EXPECT_EQ(refused(), ErrorCode{});
}

// Gives up root for a user who is only in the group of the files. False where that is not permitted.
bool become_a_reader_of_the_group(const std::string& directory) {
  return chmod(directory.c_str(), 0755) == 0 && setgroups(0, nullptr) == 0 && setgid(getgid()) == 0 &&
         setuid(65'534) == 0;
}

// FAULTS.md row 7: whoever may only read cannot shorten the file under the core, which would die of it.
TEST_F(SegmentTest, a_reader_can_neither_write_nor_shorten_the_segment) {
  constexpr int kSkipped = 2;
  auto core = start();
  ASSERT_TRUE(core) << core.error().message();
  const int status = in_child([&] {
    if (geteuid() != 0 || !become_a_reader_of_the_group(directory_)) _exit(kSkipped);
    const auto view = CoreView::open(directory_, "x");
    const int reading = open(path().c_str(), O_RDONLY);
    return view && reading >= 0 && ftruncate(reading, 0) != 0 && truncate(path().c_str(), 0) != 0 &&
           open(path().c_str(), O_RDWR) < 0 && unlink(path().c_str()) != 0 &&
           open(fmt::format("/proc/self/fd/{}", reading).c_str(), O_RDWR) < 0;
  });
  if (status == kSkipped) GTEST_SKIP() << "not permitted to become another user";
  EXPECT_EQ(status, 0);
  // All of it is still there to be written.
  StreamWriter events(*(*core)->events);
  for (std::uint64_t number = 1; number <= 4'096; ++number) {
    Event event = event_of(number);
    ASSERT_EQ(events.append(event), number);
  }
}

TEST_F(SegmentTest, the_owner_who_shortens_it_is_what_the_reader_s_rights_keep_away) {
  // Without those rights it would work: the writer that meets the end of a shortened file dies of SIGBUS.
  EXPECT_EQ(in_child([&] {
              std::signal(SIGBUS, SIG_DFL);
              auto core = start();
              if (!core || truncate(path().c_str(), sizeof(SegmentHeader)) != 0) return false;
              StreamWriter events(*(*core)->events);
              for (std::uint64_t number = 1; number <= 4'096; ++number) {
                Event event = event_of(number);
                events.append(event);
              }
              return true;
            }),
            128 + SIGBUS);
}

// FAULTS.md row 9.
TEST_F(SegmentTest, a_memlock_limit_is_told_at_the_start_and_stops_nothing) {
  constexpr int kSkipped = 2;
  ASSERT_EQ(chmod(directory_.c_str(), 0777), 0);
  const int status = in_child([&] {
    const rlimit little{4'096, 4'096};
    if (geteuid() != 0 || setrlimit(RLIMIT_MEMLOCK, &little) != 0 || setuid(65'534) != 0) _exit(kSkipped);
    auto options = small();
    options.core.lock_memory = true;
    auto lock = WriterLock::acquire(directory_, "limited");
    if (!lock) return false;
    auto core = CoreSegment::create(options, *std::move(lock));
    if (!core || !core->publish()) return false;
    const auto& notes = core->segment().notes();
    const bool is_told = std::ranges::any_of(notes, [](const std::string& note) {
      return note.find("mlock2") != std::string::npos &&
             note.find("memlock limit (now 4096 bytes)") != std::string::npos;
    });
    StreamWriter events(*(*core)->events);
    for (std::uint64_t number = 1; number <= 4'096; ++number) {
      Event event = event_of(number);
      events.append(event);
    }
    return is_told && (*core)->events->head() == 4'096;
  });
  if (status == kSkipped) GTEST_SKIP() << "not permitted to become another user";
  EXPECT_EQ(status, 0);
}

TEST_F(SegmentTest, a_link_planted_in_the_building_place_is_not_followed) {
  const std::string victim = directory_ + "/victim";
  std::ofstream(victim) << "precious";
  std::filesystem::create_symlink(victim, path(".new"));
  ASSERT_TRUE(start());
  EXPECT_EQ(std::filesystem::file_size(victim), 8u);
  EXPECT_FALSE(std::filesystem::is_symlink(path()));
}

TEST_F(SegmentTest, files_are_closed_to_others_even_under_umask_0) {
  const mode_t before = umask(0);
  ASSERT_TRUE(start());
  umask(before);
  for (const auto* suffix : {"", ".lock"}) {
    struct stat status{};
    ASSERT_EQ(stat(path(suffix).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0640u) << suffix;
  }
}

TEST_F(SegmentTest, names_that_would_leave_the_folder_are_refused) {
  const std::vector<std::string> names = {"", "../x", "a/b", "a.lock", "x y", "%2e", std::string(33, 'a')};
  for (const std::string& name : names) {
    const auto lock = WriterLock::acquire(directory_, name);
    ASSERT_FALSE(lock) << name;
    EXPECT_EQ(lock.error().code, ErrorCode::config_bad_value);
  }
}

TEST_F(SegmentTest, sizes_that_are_no_power_of_two_are_refused_naming_the_setting) {
  auto options = small();
  options.shm.events_slots = 5000;
  const auto core = CoreSegment::create(options, *WriterLock::acquire(directory_, "x"));
  ASSERT_FALSE(core);
  EXPECT_EQ(core.error().code, ErrorCode::config_bad_value);
  EXPECT_EQ(core.error().field, "shm.events_slots");
}

TEST_F(SegmentTest, what_the_system_refused_is_noted_and_the_start_succeeds) {
  auto options = small();
  options.core.numa_node = 63;
  options.shm.huge_pages = true;
  auto core = CoreSegment::create(options, *WriterLock::acquire(directory_, "x"));
  ASSERT_TRUE(core) << core.error().message();
  EXPECT_THAT(core->segment().notes(), testing::Contains(HasSubstr("numa_node")));
  ASSERT_TRUE(core->publish());
}

TEST_F(SegmentTest, pages_beyond_the_prefault_limit_can_be_added_beside_the_writer) {
  const std::array regions = {
      RegionSpec{"events", ElementType::event_stream, sizeof(Cell), 4096, Stream::bytes_for(4096)}};
  auto segment = Segment::create({.build_id = "", .lock_memory = false, .prefault_bytes_max = 10'000}, regions,
                                 *WriterLock::acquire(directory_, "x"));
  ASSERT_TRUE(segment) << segment.error().message();
  StreamWriter writer(*Stream::create(segment->region("events").data(), 4096, 1));
  Event event = event_of(1);
  writer.append(event);
  ASSERT_TRUE(segment->prefault_rest());
  EXPECT_EQ(Stream::open(segment->region("events").data(), segment->region("events").size())->head(), 1u);
}

TEST_F(SegmentTest, a_full_file_system_is_an_error_with_both_sizes_and_never_a_signal) {
  int skipped = 2;
  const int status = in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=1m") != 0) {
      _exit(skipped);
    }
    for (std::uint64_t slots = 4096; slots <= 65'536; slots *= 2) {
      auto options = small();
      options.shm.events_slots = slots;
      auto lock = WriterLock::acquire(directory_, "x");
      if (!lock) return false;
      const auto core = CoreSegment::create(options, *std::move(lock));
      if (core || core.error().code != ErrorCode::shm_too_small || core.error().expected.empty() ||
          core.error().found.find("bytes available") == std::string::npos) {
        return false;
      }
      if (std::filesystem::exists(path(".new"))) return false;
    }
    return true;
  });
  if (status == skipped) GTEST_SKIP() << "mounting a small tmpfs is not permitted here";
  EXPECT_EQ(status, 0);
}

// --- a writer killed at a random moment ---

struct PublishFirst : CellProtocol {
  static constexpr bool kPublishesLast = false;
};

struct KillOutcome {
  std::uint64_t acknowledged = 0;  // the last sequence that the writer had said was published
  std::uint64_t head = 0;
  std::uint64_t first_read = 0, last_read = 0;
  std::uint64_t corrupt = 0;
  bool in_mid_write = false;
};

class KillTest : public SegmentTest {
 protected:
  // Starts a writer that appends from `first` as fast as it can, kills it within 2 ms of its first acknowledgement,
  // and reads what it left, as the next writer would.
  template <class Protocol>
  void kill_a_writer(std::uint32_t epoch, std::uint64_t first, KillOutcome& outcome) {
    int acknowledgements[2];
    ASSERT_EQ(pipe(acknowledgements), 0);
    const pid_t child = fork();
    if (child == 0) append_until_killed<Protocol>(epoch, first, acknowledgements[1]);
    close(acknowledgements[1]);
    const auto read_one = [&] { return read(acknowledgements[0], &outcome.acknowledged, 8) == 8; };
    ASSERT_TRUE(read_one()) << "the writer is at work";
    // Reading on, so that the writer never waits in the pipe.
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(random_() % 2'000);
    while (std::chrono::steady_clock::now() < end) ASSERT_TRUE(read_one());
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read_one()) {
    }
    close(acknowledgements[0]);
    read_what_is_left(outcome);
  }

 private:
  template <class Protocol>
  [[noreturn]] void append_until_killed(std::uint32_t epoch, std::uint64_t first, int acknowledgements) {
    auto core = start(epoch, first);
    if (!core) _exit(1);
    BasicStreamWriter<WordCopy, Protocol> events(*(*core)->events);
    for (std::uint64_t number = first;; ++number) {
      Event event = event_of(number);
      if (events.append(event) != number) _exit(1);
      if (number % 20'000 == 0 && write(acknowledgements, &number, sizeof(number)) != sizeof(number)) _exit(1);
    }
  }

  void read_what_is_left(KillOutcome& outcome) {
    const auto lock = WriterLock::acquire(directory_, "x");
    ASSERT_TRUE(lock) << "the kernel released the dead writer's lock";
    const auto previous = CoreView::open_previous(*lock);
    ASSERT_TRUE(previous) << previous.error().message();
    ASSERT_TRUE(previous->has_value());
    const Stream& stream = *(**previous)->events;
    auto observer = Observer::from_oldest(stream);
    outcome.head = stream.head();
    outcome.first_read = observer.next_sequence();
    std::uint64_t expected = outcome.first_read;
    for (Event event; observer.next(event) == Observed::event; ++expected) {
      ASSERT_EQ(event.sequence, expected);
      if (!is_whole(event)) ++outcome.corrupt;
    }
    ASSERT_EQ(observer.lapped_total(), 0u);
    outcome.last_read = expected - 1;
    outcome.in_mid_write = stream.cells()[expected % stream.capacity()].sequence() == 0;
  }

  std::mt19937 random_{11};
};

TEST_F(KillTest, at_any_moment_leaves_every_published_event_readable_whole_and_in_order) {
  const int kills = std::getenv("THINTAIL_LONG") != nullptr ? 2'000 : 50;
  const std::uint64_t capacity = small().shm.events_slots;
  std::uint64_t first = 1, in_mid_write = 0;
  for (int round = 1; round <= kills; ++round) {
    KillOutcome left;
    ASSERT_NO_FATAL_FAILURE(kill_a_writer<CellProtocol>(static_cast<std::uint32_t>(round), first, left));
    EXPECT_EQ(left.corrupt, 0u);
    EXPECT_GE(left.last_read, left.acknowledged);
    EXPECT_TRUE(left.last_read == left.head || left.last_read == left.head + 1);
    EXPECT_GE(left.last_read - left.first_read + 1, std::min(left.last_read - first + 1, capacity - 2));
    in_mid_write += left.in_mid_write && left.head >= first + capacity ? 1 : 0;
    first = left.last_read + 1;
  }
  RecordProperty("in_mid_write", std::to_string(in_mid_write));
}

TEST_F(KillTest, mutant_that_publishes_first_is_caught) {
  constexpr int kKillsMax = 2'000;  // about one kill in ten lands between its two steps
  KillOutcome left;
  for (int round = 1; round <= kKillsMax && left.corrupt == 0; ++round) {
    ASSERT_NO_FATAL_FAILURE(kill_a_writer<PublishFirst>(static_cast<std::uint32_t>(round), 1, left));
  }
  EXPECT_GT(left.corrupt, 0u);
}

}  // namespace
}  // namespace thintail::shm
