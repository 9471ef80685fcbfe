// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/gap_sampler.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <utility>

#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"

namespace thintail::gateway {
namespace {

constexpr int kWakesOfACore = 8;
constexpr std::size_t kCoresOfATurn = 8;
constexpr std::int64_t kStepNs = 1'000'000;
constexpr std::int64_t kSecondNs = 1'000'000'000;

void move_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  // Refused where a container took the core away meanwhile: what is measured is then the core that we are on.
  ::sched_setaffinity(0, sizeof set, &set);
}

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecondNs + now.tv_nsec;
}

// How long after `due_ns` we ran again.
std::uint64_t lateness_at(std::int64_t due_ns) {
  const timespec due{due_ns / kSecondNs, due_ns % kSecondNs};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr) == EINTR) {
  }
  const std::int64_t late_ns = monotonic_ns() - due_ns;
  return late_ns > 0 ? static_cast<std::uint64_t>(late_ns) : 0;
}

}  // namespace

GapSampler::GapSampler() : lateness_(std::make_unique<Histogram>()) {}
GapSampler::~GapSampler() { stop(); }

void GapSampler::start(PinnedCpus pinned) {
  pinned_ = std::move(pinned);
  allowed_ = allowed_cpus();
  thread_ = std::thread([this] {
    set_thread_name("gaps");
    try {
      run();
    } catch (const std::exception& failure) {
      log::error("gaps are no longer measured: {}", failure.what());
    } catch (...) {
      log::error("gaps are no longer measured");
    }
  });
}

void GapSampler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool GapSampler::rest() {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; });
}

std::vector<int> GapSampler::cores() const { return pinned_ ? cpus_left(allowed_, pinned_()) : allowed_; }

void GapSampler::run() {
  // Else the kernel may put wakes off by 50 us to save power, and that is what would be measured.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  std::size_t next = 0;
  while (!allowed_.empty() && !rest()) {
    const std::vector<int> now = cores();
    for (std::size_t turn = 0; turn < std::min(now.size(), kCoresOfATurn); ++turn) {
      move_to(now[next % now.size()]);
      next = (next + 1) % now.size();
      std::int64_t due_ns = monotonic_ns();
      for (int wake = 0; wake < kWakesOfACore; ++wake) {
        due_ns += kStepNs;
        const std::uint64_t late_ns = lateness_at(due_ns);
        lateness_->record(late_ns);
        // After a long gap the next points have passed already: their lateness would be this gap again.
        due_ns += static_cast<std::int64_t>(late_ns) / kStepNs * kStepNs;
      }
    }
  }
}

}  // namespace thintail::gateway
