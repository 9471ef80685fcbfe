// SPDX-License-Identifier: Apache-2.0
// PingPong: the raw cost of moving one cache line between two cores, which no hand-over between threads can beat.
//   path     hot inside
//   threads  pins the caller and one thread of its own for as long as it runs
//
// On virtual machines it jumps within a second between near (45 to 70 ns one way) and far (200 to 390): it must be
// sampled right beside every cross-core figure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/time/engine_clock.hpp"

namespace thintail::bench {

inline constexpr double kNearMaxNs = 120;

constexpr std::string_view distance_name(double one_way_ns) noexcept {
  return one_way_ns <= kNearMaxNs ? "near" : "far";
}

// Round trips of one call: those before it is warm, then those of its samples.
inline constexpr std::uint64_t kPingPongTripsPerSample = 32;
constexpr std::uint64_t ping_pong_warm_up(std::size_t lines) noexcept {
  return lines == 1 ? kPingPongTripsPerSample : 2 * lines;  // until every line was both sides'
}
constexpr std::uint64_t ping_pong_trips(std::size_t samples, std::size_t lines) noexcept {
  return ping_pong_warm_up(lines) + samples * kPingPongTripsPerSample;
}

// Appends `samples` one-way times to `out_ns`, each of them the mean of a few round trips, halved: a single trip cannot
// be resolved by a counter with 10 ns steps.
//
// `lines` 1 is the least that is possible: the answer goes back in the line that just arrived. More of them are taken in
// turn, a fresh line for each message in both directions, as in every ring: nothing but a flag in each.
// Returns how many flags came back, each with the number that it was waited for with.
std::uint64_t ping_pong(int near_cpu, int far_cpu, std::size_t samples, const EngineClock& clock,
                        std::vector<double>& out_ns, std::size_t lines = 1);

}  // namespace thintail::bench
