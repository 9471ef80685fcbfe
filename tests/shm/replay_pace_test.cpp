// SPDX-License-Identifier: Apache-2.0
// ReplayPace: a pace set by other processes while its replay lives, and by nobody after that.
#include "shm/control/replay_pace.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::shm {
namespace {

namespace fs = std::filesystem;

class ReplayPaceTest : public testing::Test {
 protected:
  auto create(PaceWord start = {.speed_thousandths = 60'000}) const {
    return ReplayPace::create(folder_.path(), "demo", start, 100, 500);
  }
  auto open() const { return ReplayControl::open(folder_.path(), "demo"); }
  std::string file() const { return folder_.path() + "/thintail-demo.replay"; }

  test::TempFolder folder_{test::kMemoryFolder};
};

TEST_F(ReplayPaceTest, what_is_set_at_one_end_is_wanted_at_the_other) {
  const auto pace = create();
  ASSERT_TRUE(pace.has_value());
  auto one = open();
  auto other = open();
  ASSERT_TRUE(one.has_value() && other.has_value());
  EXPECT_EQ(one->wanted().speed(), 60.0);
  EXPECT_FALSE(one->wanted().is_paused);
  EXPECT_EQ(one->from_ns(), 100);
  EXPECT_EQ(one->to_ns(), 500);
  one->set_paused(true);
  other->set_speed(2'500);
  const PaceWord wanted = PaceWord::of((*pace)->wanted());
  EXPECT_TRUE(wanted.is_paused) << "the speed's change leaves the pause";
  EXPECT_EQ(wanted.speed(), 2.5);
  EXPECT_FALSE(one->set_paused(false).is_paused);
  EXPECT_EQ(PaceWord::of((*pace)->wanted()).speed(), 2.5) << "and the other way round";
  (*pace)->begin_anew();
  (*pace)->begin_anew();
  EXPECT_EQ(one->loops(), 2u);
}

TEST_F(ReplayPaceTest, a_speed_out_of_bounds_is_no_speed) {
  EXPECT_FALSE(PaceWord{.speed_thousandths = 0}.is_valid());
  EXPECT_FALSE(PaceWord{.speed_thousandths = 99}.is_valid());
  EXPECT_TRUE(PaceWord{.speed_thousandths = 100}.is_valid());
  EXPECT_TRUE(PaceWord{.speed_thousandths = 100'000'000}.is_valid());
  EXPECT_FALSE(PaceWord{.speed_thousandths = 100'000'001}.is_valid());
  EXPECT_FALSE(PaceWord::of(~std::uint64_t{0}).is_valid());
}

TEST_F(ReplayPaceTest, nobody_steers_a_replay_that_is_not_there_or_has_ended) {
  EXPECT_EQ(open().error().code, ErrorCode::shm_not_found);
  {
    const auto pace = create();
    ASSERT_TRUE(pace.has_value());
    EXPECT_TRUE(open().has_value());
  }
  EXPECT_FALSE(fs::exists(file()));
  EXPECT_EQ(open().error().code, ErrorCode::shm_not_found);
}

TEST_F(ReplayPaceTest, nobody_steers_a_replay_that_was_killed_and_the_next_takes_its_place) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto pace = create({.speed_thousandths = 7'000, .is_paused = true});
    while (pace) ::pause();
    ::_exit(1);
  }
  ASSERT_TRUE(test::eventually([&] { return open().has_value(); }));
  EXPECT_EQ(create().error().code, ErrorCode::shm_held) << "one replay of a name at a time";
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(fs::exists(file()));
  EXPECT_EQ(open().error().code, ErrorCode::shm_not_found);
  const auto next = create();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(PaceWord::of((*next)->wanted()).speed(), 60.0) << "nothing is left of the one before";
  EXPECT_FALSE(PaceWord::of((*next)->wanted()).is_paused);
}

// Whoever opened the file just before its owner took the name away would lock a file that nobody finds.
TEST_F(ReplayPaceTest, of_many_that_begin_and_end_each_that_begins_is_found) {
  std::atomic<int> begun{0};
  std::atomic<int> lost{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 3'000; ++turn) {
        const auto pace = create();
        if (!pace) continue;
        begun.fetch_add(1, std::memory_order_relaxed);  // relaxed: joined before it is read
        if (!open()) lost.fetch_add(1, std::memory_order_relaxed);  // relaxed: as above
      }
    });
  }
  threads.clear();
  EXPECT_GT(begun.load(std::memory_order_relaxed), 0);  // relaxed: as above
  EXPECT_EQ(lost.load(std::memory_order_relaxed), 0);  // relaxed: as above
}

TEST_F(ReplayPaceTest, a_file_that_is_none_of_ours_is_refused) {
  std::ofstream(file()) << "abc";
  ::chmod(file().c_str(), 0640);
  EXPECT_EQ(open().error().code, ErrorCode::shm_not_found) << "too short for one";
  fs::remove(file());
  std::ofstream(folder_.path() + "/other") << std::string(4'096, 'x');
  fs::create_symlink(folder_.path() + "/other", file());
  EXPECT_EQ(open().error().code, ErrorCode::shm_hostile);
  EXPECT_EQ(create().error().code, ErrorCode::shm_hostile);
  EXPECT_EQ(ReplayControl::open(folder_.path(), "../x").error().code, ErrorCode::config_bad_value);
}

}  // namespace
}  // namespace thintail::shm
