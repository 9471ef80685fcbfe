// SPDX-License-Identifier: Apache-2.0
// one_way_latency: an event there and back through two links, halved. Limit: one line moved there and back with nothing
// in it, sampled right before and after each repetition. No ring can reach it, since it writes the next message to a line
// that the other side holds, where the ping-pong answers in the line that it was just given: beside it, a flag that goes
// through as many lines as our ring has cells.
#include <fmt/format.h>

#include <algorithm>

#include "bench/harness/ping_pong.hpp"
#include "bench/transport/kernel_links.hpp"
#include "bench/transport/links.hpp"
#include "bench/transport/suite.hpp"
#include "bench/transport/transfer.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kSlots = 1024;  // one event is in flight: the least ring, which stays in the nearest caches
constexpr std::uint64_t kTripsPerSample = 32;  // as the ping-pong's
constexpr std::uint64_t kSamplesPerRepetition = 20;
// Many and short ones: the machine moves between near and far cache domains within a second.
constexpr int kRepetitions = 100;
constexpr int kKernelEvery = 10;  // pipes and sockets cost a hundred times more; a tenth of the repetitions will do
constexpr std::uint64_t kWarmUpTrips = 2 * kSlots;  // until every slot has been both sides'

template <class Link>
Result<void> round_trips(SharedPages& pages, Across across, CpuPair cpus, std::uint64_t samples,
                         const EngineClock& clock, Contender& self) {
  std::byte* memory = pages.zeroed(2 * Link::kBytes);
  Link there(memory);
  Link back(memory + Link::kBytes);
  const std::uint64_t warm_up = Link::kBytes == 0 ? kTripsPerSample : kWarmUpTrips;
  const std::uint64_t trips = warm_up + samples * kTripsPerSample;
  Messages messages = all_messages();
  const Pinned pinned(cpus.near);
  TT_TRY(Opposite opposite, Opposite::start(across, cpus.far, [there, back, trips]() mutable {
           typename Link::Receiver receiver(there);
           typename Link::Sender sender(back);
           Event event{};
           for (std::uint64_t trip = 0; trip < trips; ++trip) {
             while (!receiver.pop(event)) _mm_pause();
             while (!sender.push(event)) _mm_pause();
           }
         }));
  typename Link::Sender sender(there);
  typename Link::Receiver receiver(back);
  Patience patience(opposite);
  Event event{};
  Tally tally;
  bool alive = true;
  const auto make_trips = [&](std::uint64_t count) {
    for (std::uint64_t trip = 0; trip < count && alive; ++trip) {
      while (!sender.push(messages[tally.count % kMessages]) && alive) alive = patience.idle();
      while (!receiver.pop(event) && alive) alive = patience.idle();
      tally.take(event);
    }
  };
  make_trips(warm_up);
  for (std::uint64_t sample = 0; sample < samples; ++sample) {
    const std::uint64_t begin = stamp();
    make_trips(kTripsPerSample);
    self.samples.push_back(static_cast<double>(clock.to_ns(stamp() - begin)) / (2 * kTripsPerSample));
  }
  tally.missed = receiver.missed();
  self.tally = tally;
  return opposite.join();
}

template <class Link>
Contender contender(std::string name, SharedPages& pages, Across across, CpuPair cpus, std::uint64_t samples,
                    const EngineClock& clock) {
  return {.name = std::move(name), .run = [&pages, across, cpus, samples, &clock](Contender& self) {
            return round_trips<Link>(pages, across, cpus, samples, clock, self);
          }};
}

// Ours in the repetitions of one distance, and the raw line beside them.
struct Bin {
  std::vector<double> ours_ns;
  std::vector<double> raw_ns;
  std::string text(std::string_view name) {
    if (ours_ns.empty()) return fmt::format("no repetition {}", name);
    const double ours = stats_of(ours_ns).p50;
    const double raw = stats_of(raw_ns).p50;
    return fmt::format("{} p50 {:.0f} ns beside {:.0f} ns raw", name, ours, raw);
  }
};

template <class Ours>
Result<std::vector<CaseResult>> run_latency(const Options& options, Across across, std::string name,
                                            std::string_view sides) {
  CaseResult result{.name = std::move(name), .unit = "ns", .target = "p50 <= 1.1 x the raw limit beside it"};
  const std::vector<int> allowed = allowed_cpus();
  if (allowed.size() < 2) {
    result.add_absent("boost::lockfree::spsc_queue", "this process may run on one CPU only");
    return std::vector<CaseResult>{std::move(result)};
  }
  const CpuPair cpus{allowed.front(), allowed.back()};
  const std::uint64_t samples = options.iterations_or(kSamplesPerRepetition);
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  using Boost = BoostLink<kSlots, false>;
  using Control = IndexRingLink<kSlots>;
  TT_TRY(SharedPages pages, SharedPages::create(2 * std::max({Ours::kBytes, Boost::kBytes, Control::kBytes})));
  const auto make = [&]<class Link>(std::type_identity<Link>, std::string contender_name) {
    return contender<Link>(std::move(contender_name), pages, across, cpus, samples, clock);
  };
  Contender ours = make(std::type_identity<Ours>{}, "ours");
  std::vector<Contender> peers;
  std::vector<Contender> kernel;
  if (!options.ours_alone) {
    peers.push_back(make(std::type_identity<Boost>{}, "boost::lockfree::spsc_queue"));
    peers.push_back(make(std::type_identity<Control>{}, "index ring with cached indices"));
    kernel.push_back(make(std::type_identity<KernelLink<Channel::unix_socket>>{}, "Unix socket"));
    kernel.push_back(make(std::type_identity<KernelLink<Channel::pipe>>{}, "pipe"));
  }
  Bin near;
  Bin far;
  std::vector<double> ratios;
  std::vector<double> raw_ns;
  std::vector<double> fresh_ns;
  std::uint64_t flags = 0;
  std::uint64_t flags_sent = 0;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    std::vector<double> beside_ns;
    ping_pong(cpus.near, cpus.far, samples, clock, beside_ns);
    const std::size_t first = ours.samples.size();
    TT_TRY_VOID(ours.run(ours));
    ping_pong(cpus.near, cpus.far, samples, clock, beside_ns);
    if (!options.ours_alone) {
      flags += ping_pong(cpus.near, cpus.far, samples, clock, fresh_ns, kSlots);
      flags_sent += ping_pong_trips(samples, kSlots);
    }
    std::vector<double> now_ns(ours.samples.begin() + static_cast<std::ptrdiff_t>(first), ours.samples.end());
    const double beside = stats_of(beside_ns).p50;
    ratios.push_back(stats_of(now_ns).p50 / beside);
    Bin& bin = beside <= kNearMaxNs ? near : far;
    bin.ours_ns.insert(bin.ours_ns.end(), now_ns.begin(), now_ns.end());
    bin.raw_ns.insert(bin.raw_ns.end(), beside_ns.begin(), beside_ns.end());
    raw_ns.insert(raw_ns.end(), beside_ns.begin(), beside_ns.end());
    for (Contender& peer : peers) TT_TRY_VOID(peer.run(peer));
    if (repetition % kKernelEvery != 0) continue;
    for (Contender& peer : kernel) TT_TRY_VOID(peer.run(peer));
  }
  if (options.mutant) ours.tally.checksum ^= 1;
  result.ours = stats_of(ours.samples);
  const double raw = stats_of(raw_ns).p50;
  result.set_limit(fmt::format("raw ping-pong, one way ({})", distance_name(raw)), raw);
  result.limit->ratio = stats_of(ratios).p50;
  result.note = fmt::format(
      "{}; half of a round trip, means of {}; by the ping-pong beside each of {} repetitions: {}, {}; the ratio to the "
      "limit is the median of the repetitions' own",
      sides, kTripsPerSample, ratios.size(), near.text("near"), far.text("far"));
  if (options.ours_alone) {
    result.add_left_out("boost::lockfree::spsc_queue");
    return std::vector<CaseResult>{std::move(result)};
  }
  TT_TRY(std::string flags_checked, all_equal(flags, flags_sent, "flags that came back"));
  result.add_peer("raw flag, a fresh line each time", stats_of(fresh_ns), std::move(flags_checked));
  std::ranges::move(kernel, std::back_inserter(peers));
  const Messages messages = all_messages();
  const auto checked = [&](const Contender& one) {
    const Tally expected = tally_of(one.tally.count, messages);
    return all_equal(arrived(one.tally, expected), expected.count, "messages that came back");
  };
  TT_TRY_VOID(checked(ours));
  for (Contender& peer : peers) {
    TT_TRY(std::string text, checked(peer));
    result.add_peer(peer.name, stats_of(peer.samples), std::move(text));
  }
  return std::vector<CaseResult>{std::move(result)};
}

constexpr bool kWords = std::same_as<shm::StreamWriter, shm::BasicStreamWriter<shm::WordCopy>>;
using DefaultCopy = std::conditional_t<kWords, shm::WordCopy, shm::VectorCopy>;

}  // namespace

Result<std::vector<CaseResult>> one_way_latency(const Options& options) {
  return run_latency<GatedLink<kSlots, DefaultCopy>>(options, Across::threads, "one_way_latency",
                                                     "two threads, gated readers");
}

Result<std::vector<CaseResult>> one_way_latency_ipc(const Options& options) {
  return run_latency<ObservedLink<kSlots, DefaultCopy>>(options, Across::processes, "one_way_latency_ipc",
                                                        "two processes, observers that may miss nothing");
}

}  // namespace thintail::bench
