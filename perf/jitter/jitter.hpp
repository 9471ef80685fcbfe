// SPDX-License-Identifier: Apache-2.0
// Jitter: how often, and for how long, the machine takes the core away from a thread that only spins.
//   threads  measures the core of the calling thread; pin it first
//
// No latency below these gaps can be promised on this machine, and none should be read without them beside it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "core/base/error.hpp"

namespace thintail::perf {

struct JitterReport {
  // gaps[i] counts those of [2^i, 2^(i+1)) microseconds; the last one also everything longer (from 32.8 ms).
  static constexpr std::size_t kBuckets = 16;

  std::int64_t measured_ns = 0;
  std::int64_t lost_ns = 0;     // inside gaps of a microsecond or more
  std::int64_t gap_ns_max = 0;
  std::uint64_t gaps_1us = 0;   // of at least 1 us
  std::uint64_t gaps_10us = 0;
  std::uint64_t gaps_100us = 0;
  std::array<std::uint64_t, kBuckets> gaps = {};

  double per_second(std::uint64_t count) const noexcept {
    return measured_ns > 0 ? static_cast<double>(count) * 1e9 / static_cast<double>(measured_ns) : 0.0;
  }
  // One gap between two readings of the counter; shorter ones than a microsecond are the loop itself.
  void count_gap(std::int64_t gap_ns) noexcept;
};

// Spins for that long. Fails where the time-stamp counter cannot be trusted (EngineClock::calibrate).
Result<JitterReport> measure_jitter(std::chrono::milliseconds duration);

// One line to print beside a latency: "412 gaps/s over 10 us, longest 1.3 ms".
std::string summary(const JitterReport& report);
// The histogram, a line for each length, as `thintail perf jitter` prints it.
std::string table(const JitterReport& report);

}  // namespace thintail::perf
