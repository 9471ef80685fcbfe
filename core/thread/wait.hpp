// SPDX-License-Identifier: Apache-2.0
// Wait strategies: what a thread does between two turns of its loop, told how much the last turn achieved.
//   path  hot. SpinWait makes no system call; the others may.
//
//   while (!stop.requested()) waiter.idle(stage.do_work());
#pragma once

#include <immintrin.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <concepts>
#include <cstdint>

#include "core/base/attributes.hpp"
#include "core/config/settings.hpp"

namespace thintail {

template <class W>
concept WaitStrategy = requires(W& wait, std::uint32_t work_count) {
  { wait.idle(work_count) } noexcept;
};

// Answers within nanoseconds and needs a core of its own. The pause leaves the line that we poll to its writer for a
// moment, which makes the crossing faster, not slower (FIGURES.md, "Transport").
class SpinWait {
 public:
  TT_HOT void idle(std::uint32_t work_count) noexcept {
    if (work_count == 0) _mm_pause();
  }
};

// Gives the core to whoever else wants it, and keeps it otherwise.
class YieldWait {
 public:
  TT_HOT void idle(std::uint32_t work_count) noexcept {
    if (work_count == 0) give_way();
  }

 private:
  TT_COLD static void give_way() noexcept { sched_yield(); }
};

// Spins, then yields, then sleeps twice as long each time: for threads that share a core or may be idle for long.
class ParkWait {
 public:
  static constexpr std::uint32_t kSpins = 64;   // about 1.5 us of pauses: an answer that is nearly there
  static constexpr std::uint32_t kYields = 16;  // a turn for each of the other threads
  static constexpr std::int64_t kSleepMinNs = 20'000;   // below it, the sleep itself (12-40 us measured) dominates
  static constexpr std::int64_t kSleepMaxNs = 500'000;  // 2,000 wake-ups a second: about 1 % of a core

  TT_HOT void idle(std::uint32_t work_count) noexcept {
    if (work_count > 0) {
      turns_ = 0;
      return;
    }
    if (turns_ < kSpins) {
      ++turns_;
      _mm_pause();
      return;
    }
    wait_longer();
  }

 private:
  TT_COLD void wait_longer() noexcept {
    if (turns_ < kSpins + kYields) {
      ++turns_;
      sleep_ns_ = kSleepMinNs;
      sched_yield();
      return;
    }
    const timespec duration{.tv_sec = 0, .tv_nsec = sleep_ns_};
    nanosleep(&duration, nullptr);  // an early wake-up is as good as a late one: the loop looks again
    sleep_ns_ = std::min(2 * sleep_ns_, kSleepMaxNs);
  }

  std::uint32_t turns_ = 0;
  std::int64_t sleep_ns_ = kSleepMinNs;
};

// The strategy that `automatic` stands for: spin only where each hot thread has a core of its own, else park; any
// other kind stands for itself.
constexpr WaitKind resolve_wait(WaitKind kind, int hot_threads, int cpus) noexcept {
  if (kind != WaitKind::automatic) return kind;
  return hot_threads <= cpus ? WaitKind::spin : WaitKind::park;
}

// A strategy chosen at run time.
class Waiter {
 public:
  // REQUIRES: kind is not `automatic`; resolve_wait() comes first.
  explicit Waiter(WaitKind kind) noexcept : kind_(kind) {}

  TT_HOT void idle(std::uint32_t work_count) noexcept {
    switch (kind_) {
      case WaitKind::spin: return SpinWait{}.idle(work_count);
      case WaitKind::yield: return YieldWait{}.idle(work_count);
      default: return park_.idle(work_count);
    }
  }
  WaitKind kind() const noexcept { return kind_; }

 private:
  WaitKind kind_;
  ParkWait park_;
};

static_assert(WaitStrategy<SpinWait> && WaitStrategy<YieldWait> && WaitStrategy<ParkWait> && WaitStrategy<Waiter>);

}  // namespace thintail
