// SPDX-License-Identifier: Apache-2.0
// Stopwatch: intervals of single operations by the time-stamp counter, fenced so that nothing of the operation leaks
// out of them.
//   path  hot
//
// An unfenced rdtsc may execute before what precedes it has finished: on an out-of-order core a 200 ns operation then
// reads 100. Reading and fences cost 10 to 20 ns of each interval (stopwatch_cost_ns() says how much here), which is
// left in every figure, ours and peers' alike. The counter itself moves in steps of 10 ns on FIGURES.md's machines.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/attributes.hpp"
#include "core/time/engine_clock.hpp"

namespace thintail::bench {

// Everything before it has finished; nothing after it has begun.
TT_ALWAYS_INLINE std::uint64_t stamp() noexcept {
  _mm_lfence();
  const std::uint64_t now = read_tsc();
  _mm_lfence();
  return now;
}

// Room for samples that is present before the first one: a page fault would be measured otherwise.
inline std::vector<double> sample_room(std::size_t samples_max) {
  std::vector<double> samples(samples_max);
  samples.clear();
  return samples;
}

// What an empty interval reads: the median of many.
inline double stopwatch_cost_ns(const EngineClock& clock) {
  std::vector<double> samples = sample_room(10'001);
  for (int i = 0; i < 10'001; ++i) {
    const std::uint64_t begin = stamp();
    samples.push_back(static_cast<double>(clock.to_ns(stamp() - begin)));
  }
  std::ranges::nth_element(samples, samples.begin() + 5'000);
  return samples[5'000];
}

}  // namespace thintail::bench
