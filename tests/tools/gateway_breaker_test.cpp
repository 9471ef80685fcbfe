// SPDX-License-Identifier: Apache-2.0
// The circuit breaker's phases, with a clock of the test's own.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tools/gateway/circuit_breaker.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
std::atomic<std::int64_t> g_now_ns{0};  // of the test's clock
std::int64_t now() { return g_now_ns.load(std::memory_order_relaxed); }  // relaxed: one number
void pass(std::int64_t ns) { g_now_ns.fetch_add(ns, std::memory_order_relaxed); }  // relaxed: one number

class Breaker : public ::testing::Test {
 protected:
  void fail_once() {
    ASSERT_TRUE(breaker_.lets_through());
    breaker_.unanswered();
  }
  void open() {
    for (int i = 0; i < 3; ++i) fail_once();
    ASSERT_EQ(breaker_.state().phase, BreakerPhase::open);
  }
  CircuitBreaker breaker_{{.upstream = "core", .failures_to_open = 3, .open_ns = 2 * kSecond}, now};
};

TEST_F(Breaker, opens_after_so_many_unanswered_calls_in_a_row_and_no_fewer) {
  for (int round = 0; round < 5; ++round) {
    fail_once();
    fail_once();
    ASSERT_TRUE(breaker_.lets_through());
    breaker_.answered();
    EXPECT_EQ(breaker_.state().phase, BreakerPhase::closed) << "an answer begins the count anew";
  }
  open();
  const BreakerState state = breaker_.state();
  EXPECT_EQ(state.upstream, "core");
  EXPECT_EQ(state.failures, 3u);
  EXPECT_EQ(state.opened, 1u);
}

TEST_F(Breaker, an_open_one_refuses_until_its_time_is_over_and_says_how_long) {
  open();
  EXPECT_EQ(breaker_.retry_after_s(), 2);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(breaker_.lets_through());
  EXPECT_EQ(breaker_.state().refused, 10u);
  pass(2 * kSecond - 1);
  EXPECT_FALSE(breaker_.lets_through());
  EXPECT_EQ(breaker_.retry_after_s(), 1);
  pass(1);
  EXPECT_TRUE(breaker_.lets_through());
  EXPECT_EQ(breaker_.state().phase, BreakerPhase::half_open);
}

TEST_F(Breaker, half_open_lets_one_through_and_its_outcome_decides) {
  open();
  pass(2 * kSecond);
  EXPECT_TRUE(breaker_.lets_through());
  EXPECT_FALSE(breaker_.lets_through()) << "one is on its way";
  breaker_.unanswered();
  EXPECT_EQ(breaker_.state().phase, BreakerPhase::open) << "one is enough";
  EXPECT_FALSE(breaker_.lets_through());
  pass(2 * kSecond);
  EXPECT_TRUE(breaker_.lets_through());
  breaker_.answered();
  EXPECT_EQ(breaker_.state().phase, BreakerPhase::closed);
  EXPECT_EQ(breaker_.state().failures, 0u);
  EXPECT_TRUE(breaker_.lets_through());
  EXPECT_EQ(breaker_.state().opened, 2u);
}

TEST_F(Breaker, a_trial_that_never_tells_its_outcome_does_not_keep_it_shut_for_ever) {
  open();
  pass(2 * kSecond);
  ASSERT_TRUE(breaker_.lets_through());
  pass(2 * kSecond);
  EXPECT_TRUE(breaker_.lets_through());
}

TEST_F(Breaker, signs_of_life_close_it_without_a_call_but_not_before_its_time) {
  breaker_.is_alive();
  EXPECT_EQ(breaker_.state().phase, BreakerPhase::closed);
  open();
  breaker_.is_alive();
  EXPECT_EQ(breaker_.state().phase, BreakerPhase::open) << "it has just been silent three times";
  pass(2 * kSecond);
  breaker_.is_alive();
  EXPECT_EQ(breaker_.state().phase, BreakerPhase::closed);
  fail_once();
  EXPECT_EQ(breaker_.state().phase, BreakerPhase::open) << "alive, and silent again";
  pass(2 * kSecond);
  ASSERT_TRUE(breaker_.lets_through());
  breaker_.is_alive();
  EXPECT_EQ(breaker_.state().phase, BreakerPhase::half_open) << "the call that tries decides";
}

TEST_F(Breaker, of_many_threads_one_gets_the_trial) {
  for (int round = 0; round < 50; ++round) {
    open();
    pass(2 * kSecond);
    std::atomic<int> passed{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int turn = 0; turn < 50; ++turn) {
          if (breaker_.lets_through())
            passed.fetch_add(1, std::memory_order_relaxed);  // relaxed: joined before it is read
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(passed.load(std::memory_order_relaxed), 1);  // relaxed: as above
    breaker_.answered();
  }
}

}  // namespace
}  // namespace thintail::gateway
