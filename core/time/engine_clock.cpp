// SPDX-License-Identifier: Apache-2.0
#include "core/time/engine_clock.hpp"

#include <cpuid.h>
#include <time.h>

#include <cerrno>
#include <fstream>
#include <limits>
#include <string>

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

constexpr std::int64_t to_nanoseconds(const timespec& time) noexcept { return time.tv_sec * kSecondNs + time.tv_nsec; }

struct Reading {
  std::uint64_t tsc;
  std::int64_t ns;
};

// Counter and kernel clock at the same instant: of several readings bracketed by the counter the tightest is taken,
// since an interrupt between them only ever widens the bracket.
Reading read_together(clockid_t clock) noexcept {
  constexpr int kAttempts = 32;
  Reading best{};
  auto width_min = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < kAttempts; ++i) {
    timespec time{};
    const std::uint64_t before = read_tsc();
    clock_gettime(clock, &time);
    const std::uint64_t width = read_tsc() - before;
    if (width >= width_min) continue;
    width_min = width;
    best = {before + width / 2, to_nanoseconds(time)};
  }
  return best;
}

std::string kernel_clocksource() {
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string name;
  file >> name;
  return name;
}

// CPUID 0x80000007, EDX bit 8: the counter runs at one rate in every power state (constant_tsc and nonstop_tsc).
bool cpu_says_invariant() noexcept {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0x8000'0007, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1u << 8)) != 0;
}

void sleep_ns(std::int64_t duration_ns) noexcept {
  timespec rest{duration_ns / kSecondNs, duration_ns % kSecondNs};
  while (nanosleep(&rest, &rest) == -1 && errno == EINTR) {
  }
}

}  // namespace

Result<EngineClock> EngineClock::calibrate(std::int64_t calibration_ns) {
  const std::string source = kernel_clocksource();
  EngineClock clock;
  clock.kernel_uses_tsc_ = source == "tsc";
  if (!clock.kernel_uses_tsc_ && !cpu_says_invariant()) {
    return fail({.code = ErrorCode::system_call,
                 .doing = "calibrating the engine clock",
                 .field = "clocksource",
                 .expected = "tsc, or a CPU whose time-stamp counter is invariant",
                 .found = source.empty() ? "none named by /sys" : printable(source)});
  }

  // The anchor is the earlier reading: a core whose counter lags a few ticks still reads a value after it, where a
  // difference below zero would wrap around.
  const Reading utc = read_together(CLOCK_REALTIME);
  const Reading first = read_together(CLOCK_MONOTONIC_RAW);
  sleep_ns(calibration_ns);
  const Reading last = read_together(CLOCK_MONOTONIC_RAW);
  if (last.tsc <= first.tsc || last.ns <= first.ns) {
    return fail({.code = ErrorCode::system_call,
                 .doing = "calibrating the engine clock",
                 .field = "time-stamp counter",
                 .expected = "to advance with CLOCK_MONOTONIC_RAW",
                 .found = "none or a backward step"});
  }
  clock.tsc_anchor_ = utc.tsc;
  clock.utc_anchor_ns_ = utc.ns;
  clock.ns_per_tick_q32_ =
      static_cast<std::uint64_t>((static_cast<u128>(last.ns - first.ns) << 32) / (last.tsc - first.tsc));
  return clock;
}

}  // namespace thintail
