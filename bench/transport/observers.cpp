// SPDX-License-Identifier: Apache-2.0
// observers: a gated transfer at full speed while eight attached observers look in every millisecond, against the same
// without them; and how many instructions a publish takes in either case, which an observer cannot change.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "bench/transport/links.hpp"
#include "bench/transport/step_counter.hpp"
#include "bench/transport/suite.hpp"
#include "bench/transport/transfer.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kSlots = 1u << 16;
constexpr std::uint64_t kCount = 500'000;
constexpr int kRepetitions = 100;
constexpr int kObservers = 8;
constexpr int kReadsPerLook = 64;  // what a monitor shows at once
constexpr std::chrono::milliseconds kBetweenLooks{1};
constexpr std::uint64_t kFewPublishes = 100;
constexpr std::uint64_t kManyPublishes = 1'100;
constexpr const char* kNone = "no observer attached";

constexpr bool kWords = std::same_as<shm::StreamWriter, shm::BasicStreamWriter<shm::WordCopy>>;
using Link = GatedLink<kSlots, std::conditional_t<kWords, shm::WordCopy, shm::VectorCopy>>;

// Eight threads that observe a stream for as long as this lives, on the CPUs given.
class Watchers {
 public:
  Watchers(const shm::Stream& stream, const std::vector<int>& cpus, const Messages& messages) {
    for (int i = 0; i < kObservers; ++i) {
      const int cpu = cpus[static_cast<std::size_t>(i) % cpus.size()];
      threads_.emplace_back([this, &stream, &messages, cpu]() noexcept { watch(stream, messages, cpu); });
    }
    while (attached_.load(std::memory_order_acquire) != kObservers) std::this_thread::yield();  // V2: pairs V1
  }
  ~Watchers() { end(); }
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  void end() {
    stop_.store(true, std::memory_order_relaxed);  // relaxed: nothing is handed over with it
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  // REQUIRES: end(). Events that were seen, and those of them that were not whole.
  std::uint64_t seen() const noexcept { return seen_.load(std::memory_order_relaxed); }  // relaxed: joined
  std::uint64_t spoilt() const noexcept { return spoilt_.load(std::memory_order_relaxed); }  // relaxed: joined

 private:
  void watch(const shm::Stream& stream, const Messages& messages, int cpu) noexcept {
    const Pinned pinned(cpu);
    shm::Observer observer = shm::Observer::from_latest(stream);
    attached_.fetch_add(1, std::memory_order_release);  // V1: the observer stands; pairs V2
    Event event{};
    while (!stop_.load(std::memory_order_relaxed)) {  // relaxed: as in end()
      std::uint64_t seen = 0;
      std::uint64_t spoilt = 0;
      for (int read = 0; read < kReadsPerLook; ++read) {
        const shm::Observed observed = observer.next(event);
        if (observed == shm::Observed::nothing) break;
        if (observed == shm::Observed::lapped) continue;
        ++seen;
        spoilt += !same_message(event, messages[(event.sequence - 1) % kMessages]);
      }
      seen_.fetch_add(seen, std::memory_order_relaxed);      // relaxed: read after the threads' end
      spoilt_.fetch_add(spoilt, std::memory_order_relaxed);  // relaxed: as above
      std::this_thread::sleep_for(kBetweenLooks);
    }
  }

  std::atomic<int> attached_{0};
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> seen_{0};
  std::atomic<std::uint64_t> spoilt_{0};
  std::vector<std::thread> threads_;
};

// In M/s. With `watch_on` CPUs, eight observers are attached meanwhile.
Result<double> rate(SharedPages& pages, CpuPair cpus, std::uint64_t count, const EngineClock& clock,
                    const std::vector<int>& watch_on, Tally& tally, std::uint64_t& seen) {
  std::byte* memory = pages.zeroed(sizeof(Meeting) + Link::kBytes);
  auto* meeting = new (memory) Meeting;
  const Link link(memory + sizeof(Meeting));
  const auto* stream = shm::Stream::open(memory + sizeof(Meeting), Link::kBytes);
  const Messages messages = all_messages();
  std::optional<Watchers> watchers;
  if (!watch_on.empty()) watchers.emplace(*stream, watch_on, messages);
  TT_TRY(const double elapsed_ns, transfer(link, *meeting, Across::threads, cpus, count, clock, tally));
  if (watchers) {
    watchers->end();
    seen += watchers->seen();
    tally.out_of_order += watchers->spoilt();
  }
  return static_cast<double>(count) * 1e3 / elapsed_ns;
}

Result<CaseResult> writer_rate(const Options& options) {
  CaseResult result{.name = "observers",
                    .unit = "M/s",
                    .lower_is_better = false,
                    .target = ">= 0.95 x without observers where they have cores of their own"};
  const std::vector<int> allowed = allowed_cpus();
  if (allowed.size() < 2) {
    result.add_absent(kNone, "this process may run on one CPU only");
    return result;
  }
  const CpuPair cpus{allowed.front(), allowed[1]};
  // CPUs of their own where there are enough; otherwise they share the reader's, never the writer's.
  const bool own_cpus = allowed.size() >= 2 + kObservers;
  const std::vector<int> watch_on =
      own_cpus ? std::vector<int>(allowed.begin() + 2, allowed.end()) : std::vector<int>{cpus.far};
  const std::uint64_t count = options.iterations_or(kCount);
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(SharedPages pages, SharedPages::create(sizeof(Meeting) + Link::kBytes));
  std::vector<double> watched;
  std::vector<double> alone;
  Tally watched_tally;
  Tally alone_tally;
  std::uint64_t seen = 0;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    TT_TRY(const double with, rate(pages, cpus, count, clock, watch_on, watched_tally, seen));
    watched.push_back(with);
    if (options.ours_alone) continue;
    TT_TRY(const double without, rate(pages, cpus, count, clock, {}, alone_tally, seen));
    alone.push_back(without);
  }
  if (options.mutant) watched_tally.checksum ^= 1;
  result.ours = stats_of(watched, false);
  result.note = fmt::format(
      "one gating reader and {} observers that look in every {} ms and read up to {} events, on {}; {} events seen",
      kObservers, kBetweenLooks.count(), kReadsPerLook,
      own_cpus ? "CPUs of their own" : "the reader's CPU, for want of others", seen);
  if (options.ours_alone) {
    result.add_left_out(kNone);
    return result;
  }
  const Tally expected = tally_of(count, all_messages());
  TT_TRY_VOID(all_equal(arrived(watched_tally, expected), count, "messages beside observers"));
  TT_TRY(std::string checked, all_equal(arrived(alone_tally, expected), count, "messages without observers"));
  result.add_peer(kNone, stats_of(alone, false), std::move(checked));
  return result;
}

TT_HOT [[gnu::noinline]] void publish_some(shm::Stream& stream, Messages& messages, std::uint64_t count) noexcept {
  shm::StreamWriter writer(stream);
  for (std::uint64_t i = 0; i < count; ++i) writer.append(messages[i % kMessages]);
}

// Instructions of one publish, loop included: the difference of two runs, so that starting and ending cancel out.
Result<double> instructions_per_publish(SharedPages& pages, bool watched, int watch_cpu) {
  auto* stream = shm::Stream::create(pages.zeroed(Link::kBytes), kSlots, 1);
  Messages messages = all_messages();
  const Messages expected = messages;
  std::optional<Watchers> watchers;
  if (watched) watchers.emplace(*stream, std::vector<int>{watch_cpu}, expected);
  TT_TRY(const std::uint64_t few, count_instructions([&] { publish_some(*stream, messages, kFewPublishes); }));
  TT_TRY(const std::uint64_t many, count_instructions([&] { publish_some(*stream, messages, kManyPublishes); }));
  return static_cast<double>(many - few) / static_cast<double>(kManyPublishes - kFewPublishes);
}

Result<CaseResult> writer_instructions(const Options& options) {
  CaseResult result{.name = "observers_instructions",
                    .unit = "instructions",
                    .target = "equal",
                    .note = "of one publish with its loop, by single steps; the event is resident"};
  TT_TRY(SharedPages pages, SharedPages::create(Link::kBytes));
  const int watch_cpu = allowed_cpus().back();
  const auto watched = instructions_per_publish(pages, true, watch_cpu);
  if (!watched && watched.error().code == ErrorCode::peer_absent) {
    result.add_absent(kNone, watched.error().message());
    return result;
  }
  TT_TRY(const double with, watched);
  std::vector<double> with_samples{with};
  result.ours = stats_of(with_samples);
  if (options.ours_alone) {
    result.add_left_out(kNone);
    return result;
  }
  TT_TRY(const double without, instructions_per_publish(pages, false, watch_cpu));
  std::vector<double> without_samples{without};
  TT_TRY(std::string checked, all_equal(with == without ? 1 : 0, 1, "instructions of a publish"));
  result.add_peer(kNone, stats_of(without_samples), std::move(checked));
  return result;
}

}  // namespace

Result<std::vector<CaseResult>> observers(const Options& options) {
  TT_TRY(CaseResult rate_result, writer_rate(options));
  TT_TRY(CaseResult instructions, writer_instructions(options));
  std::vector<CaseResult> results;
  results.push_back(std::move(rate_result));
  results.push_back(std::move(instructions));
  return results;
}

}  // namespace thintail::bench
