// SPDX-License-Identifier: Apache-2.0
#include "core/time/engine_clock.hpp"

#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <thread>
#include <vector>

namespace thintail {
namespace {

std::int64_t kernel_ns(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

class EngineClockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto calibrated = EngineClock::calibrate();
    if (!calibrated) GTEST_SKIP() << "no invariant counter here: " << calibrated.error().message();
    clock_ = *calibrated;
  }
  EngineClock clock_;
};

// Our reading must lie between two of the kernel's taken around it, however long we were stopped in between.
TEST_F(EngineClockTest, shows_utc) {
  constexpr std::int64_t kSlackNs = 100'000;  // the wall clock may be slewed by 500 ppm meanwhile
  const auto before = kernel_ns(CLOCK_REALTIME);
  const auto now = clock_.now_ns();
  const auto after = kernel_ns(CLOCK_REALTIME);
  EXPECT_GE(now, before - kSlackNs);
  EXPECT_LE(now, after + kSlackNs);
}

TEST_F(EngineClockTest, runs_at_the_rate_of_the_kernels_raw_clock) {
  const auto outer_begin = kernel_ns(CLOCK_MONOTONIC_RAW);
  const auto begin = clock_.now_ns();
  const auto inner_begin = kernel_ns(CLOCK_MONOTONIC_RAW);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto inner_end = kernel_ns(CLOCK_MONOTONIC_RAW);
  const auto end = clock_.now_ns();
  const auto outer_end = kernel_ns(CLOCK_MONOTONIC_RAW);
  constexpr double kRateError = 1e-4;  // calibration gives a few ppm
  const auto elapsed = static_cast<double>(end - begin);
  EXPECT_GE(elapsed, static_cast<double>(inner_end - inner_begin) * (1 - kRateError));
  EXPECT_LE(elapsed, static_cast<double>(outer_end - outer_begin) * (1 + kRateError));
}

TEST_F(EngineClockTest, never_goes_back_on_any_thread) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([clock = clock_] {
      auto last = clock.now_ns();
      for (int i = 0; i < 200'000; ++i) {
        const auto now = clock.now_ns();
        ASSERT_GE(now, last);
        last = now;
      }
    });
  }
}

TEST_F(EngineClockTest, converts_a_day_of_ticks_without_overflow) {
  const double ticks = clock_.tsc_ghz() * 86'400e9;
  EXPECT_NEAR(static_cast<double>(clock_.to_ns(static_cast<std::uint64_t>(ticks))), 86'400e9, 1e6);
}

}  // namespace
}  // namespace thintail
