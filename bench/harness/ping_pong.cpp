// SPDX-License-Identifier: Apache-2.0
#include "bench/harness/ping_pong.hpp"

#include <immintrin.h>

#include <atomic>
#include <thread>
#include <vector>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"

namespace thintail::bench {
namespace {

// Ours are the odd numbers, the other thread's the even ones.
struct alignas(kCacheLineBytes) Ball {
  std::atomic<std::uint64_t> number{0};
};

// acquire and release, as every hand-over of a payload needs: B1 (store) pairs B2 (load), in both directions
void hit(Ball& ball, std::uint64_t number) noexcept { ball.number.store(number, std::memory_order_release); }  // B1
void await(const Ball& ball, std::uint64_t number) noexcept {
  while (ball.number.load(std::memory_order_acquire) != number) _mm_pause();  // B2
}

}  // namespace

std::uint64_t ping_pong(int near_cpu, int far_cpu, std::size_t samples, const EngineClock& clock,
                        std::vector<double>& out_ns, std::size_t lines) {
  const std::uint64_t warm_up = ping_pong_warm_up(lines);
  const std::uint64_t trips = ping_pong_trips(samples, lines);
  // One line: there and back in the same. More: the first half goes there, the second half back.
  std::vector<Ball> balls(2 * lines);
  const auto there = [&](std::uint64_t trip) noexcept -> Ball& { return balls[trip % lines]; };
  const auto back = [&](std::uint64_t trip) noexcept -> Ball& { return balls[lines == 1 ? 0 : lines + trip % lines]; };
  const Pinned pinned(near_cpu);
  std::thread other([&]() noexcept {
    const Pinned pinned_too(far_cpu);
    for (std::uint64_t trip = 0; trip < trips; ++trip) {
      await(there(trip), 2 * trip + 1);
      hit(back(trip), 2 * trip + 2);
    }
  });
  for (std::uint64_t trip = 0; trip < trips;) {
    const std::uint64_t begin = stamp();
    const bool is_warm = trip >= warm_up;
    for (const std::uint64_t end = trip + (is_warm ? kPingPongTripsPerSample : warm_up); trip < end; ++trip) {
      hit(there(trip), 2 * trip + 1);
      await(back(trip), 2 * trip + 2);
    }
    const auto elapsed_ns = static_cast<double>(clock.to_ns(stamp() - begin));
    if (is_warm) out_ns.push_back(elapsed_ns / (2 * kPingPongTripsPerSample));
  }
  other.join();
  // relaxed: the other thread has ended
  return back(trips - 1).number.load(std::memory_order_relaxed) / 2;
}

}  // namespace thintail::bench
