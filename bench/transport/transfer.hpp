// SPDX-License-Identifier: Apache-2.0
// Transfer: so many messages through a link at full speed, from one CPU to another.
//   path     hot inside
//   threads  pins the caller and one thread or process of its own for as long as it runs
#pragma once

#include <immintrin.h>

#include <atomic>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "bench/harness/harness.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/transport/messages.hpp"
#include "bench/transport/opposite.hpp"
#include "bench/transport/shared_pages.hpp"

namespace thintail::bench {

struct CpuPair {
  int near;
  int far;
};

// Where both sides meet before and after, in shared memory.
struct alignas(kCacheLinePairBytes) Meeting {
  std::atomic<std::uint32_t> ready{0};
  alignas(kCacheLinePairBytes) std::atomic<std::uint32_t> done{0};
  Tally tally{};  // the receiver's
};

// Returns how long it took from the first push until the receiver had all, in ns, and the receiver's tally.
template <class Link>
Result<double> transfer(Link link, Meeting& meeting, Across across, CpuPair cpus, std::uint64_t count,
                        const EngineClock& clock, Tally& tally) {
  Messages messages = all_messages();
  const Pinned pinned(cpus.near);
  TT_TRY(Opposite opposite, Opposite::start(across, cpus.far, [&meeting, link, count]() mutable {
           typename Link::Receiver receiver(link);
           Tally got;
           meeting.ready.store(1, std::memory_order_release);  // M1: our cursors stand; pairs M2
           while (got.count + receiver.missed() < count) {
             if (receiver.drain([&](const Event& event) { got.take(event); }) == 0) _mm_pause();
           }
           got.missed = receiver.missed();
           meeting.tally = got;
           meeting.done.store(1, std::memory_order_release);  // M3: the tally before done; pairs M4
         }));
  typename Link::Sender sender(link);
  Patience patience(opposite);
  bool alive = true;
  while (alive && meeting.ready.load(std::memory_order_acquire) == 0) alive = patience.idle();  // M2: pairs M1
  const std::uint64_t begin = stamp();
  for (std::uint64_t i = 0; i < count && alive; ++i) {
    while (!sender.push(messages[i % kMessages]) && alive) alive = patience.idle();
  }
  while (alive && meeting.done.load(std::memory_order_acquire) == 0) alive = patience.idle();  // M4: pairs M3
  const std::uint64_t end = stamp();
  TT_TRY_VOID(opposite.join());
  // It may have ended in order between two looks, having taken everything.
  if (meeting.done.load(std::memory_order_acquire) == 0) {  // M4
    return fail(
        {.code = ErrorCode::child_failed, .doing = "handing events over", .found = "an end before the last one"});
  }
  tally = meeting.tally;
  return static_cast<double>(clock.to_ns(end - begin));
}

// One of several links to be measured in turn.
struct Contender {
  std::string name;
  std::function<Result<void>(Contender&)> run;  // appends to samples, sets tally
  std::vector<double> samples = {};
  Tally tally = {};
};

// How many of `count` messages came in order, whole, with the expected checksum: `count`, or fewer.
inline std::uint64_t arrived(const Tally& tally, const Tally& expected) noexcept {
  if (tally == expected) return expected.count;
  const std::uint64_t wrong = tally.out_of_order + tally.missed;
  return expected.count - std::min(expected.count, std::max<std::uint64_t>(wrong, 1));
}

}  // namespace thintail::bench
