// SPDX-License-Identifier: Apache-2.0
// Pace: a replay that is held, goes on where it was, and changes its speed. No test judges how fast the machine is.
#include "adapters/feeds/paced_source.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/process.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kStartNs = 1'400'000'000 * kSecondNs;

TEST(Pace, nothing_is_due_while_it_is_held) {
  Pace pace = Pace::parse("1000000x").value();
  EXPECT_TRUE(pace.is_due(kStartNs)) << "the first tick is the start";
  pace.hold(true);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(pace.is_due(kStartNs));
  EXPECT_FALSE(pace.is_due(kStartNs + 1));
  pace.hold(true);
  pace.hold(false);
  EXPECT_TRUE(test::eventually([&] { return pace.is_due(kStartNs + 1'000 * kSecondNs); }));
}

TEST(Pace, full_speed_can_be_held_too) {
  Pace pace = Pace::parse("max").value();
  pace.hold(true);
  EXPECT_FALSE(pace.is_due(kStartNs));
  pace.hold(false);
  EXPECT_TRUE(pace.is_due(kStartNs));
}

TEST(Pace, the_time_that_it_was_held_is_not_played) {
  using Clock = std::chrono::steady_clock;
  bool is_judged = false;
  for (int attempt = 0; attempt < 50 && !is_judged; ++attempt) {
    Pace pace = Pace::parse("1000x").value();
    const auto begun = Clock::now();
    ASSERT_TRUE(pace.is_due(kStartNs));
    pace.hold(true);
    const auto held = Clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // would be 50 s of ticks
    const auto released = Clock::now();
    pace.hold(false);
    const bool is_due = pace.is_due(kStartNs + 40 * kSecondNs);
    const auto looked = Clock::now();
    // Only where the machine left us alone outside of the sleep does the answer say something.
    if ((held - begun) + (looked - released) > std::chrono::milliseconds(30)) continue;
    is_judged = true;
    EXPECT_FALSE(is_due);
  }
  EXPECT_TRUE(is_judged) << "the machine never let go";
}

TEST(Pace, a_new_speed_holds_from_here_on) {
  Pace pace = Pace::parse("1x").value();
  EXPECT_TRUE(pace.is_due(kStartNs));
  EXPECT_FALSE(pace.is_due(kStartNs + 100'000 * kSecondNs));
  pace.set_multiple(1e8);
  EXPECT_EQ(pace.multiple(), 1e8);
  EXPECT_TRUE(test::eventually([&] { return pace.is_due(kStartNs + 100'000 * kSecondNs); }));
  pace.set_multiple(0.1);
  EXPECT_TRUE(pace.is_due(kStartNs + 100'000 * kSecondNs)) << "what was due stays due";
  EXPECT_FALSE(pace.is_due(kStartNs + 1'000'000'000 * kSecondNs));
}

// A speed that the ticks cannot keep up with plays no more than the ticks that came.
TEST(Pace, a_slower_speed_after_one_that_lagged_holds_at_once) {
  Pace pace = Pace::parse("100000000x").value();
  EXPECT_TRUE(pace.is_due(kStartNs));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // would be 2,000,000 s of ticks
  EXPECT_TRUE(pace.is_due(kStartNs + kSecondNs));
  pace.set_multiple(0.1);
  EXPECT_TRUE(pace.is_due(kStartNs + kSecondNs)) << "the tick that waits is where it goes on from";
  EXPECT_FALSE(pace.is_due(kStartNs + 1'000 * kSecondNs)) << "10,000 s away";
}

TEST(Pace, a_speed_set_before_the_first_tick_is_the_first_speed) {
  Pace pace = Pace::parse("1x").value();
  pace.set_multiple(1e8);
  pace.hold(true);
  pace.hold(false);
  EXPECT_TRUE(pace.is_due(kStartNs));
  EXPECT_TRUE(test::eventually([&] { return pace.is_due(kStartNs + 100'000 * kSecondNs); }));
}

}  // namespace
}  // namespace thintail
