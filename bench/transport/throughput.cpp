// SPDX-License-Identifier: Apache-2.0
// throughput: messages at full speed through 65,536 slots. throughput_ipc: the same to another process, whose observer
// the benchmark itself keeps from being lapped.
#include <fmt/format.h>

#include "bench/harness/ping_pong.hpp"
#include "bench/transport/links.hpp"
#include "bench/transport/suite.hpp"
#include "bench/transport/transfer.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kSlots = 1u << 16;
constexpr std::uint64_t kCount =
    500'000;  // 8 laps in a millisecond or two: less than what a busy machine takes a core for
constexpr int kRepetitions = 100;
constexpr std::size_t kLimitSamples = 50;

class Race {
 public:
  Race(Across across, CpuPair cpus, std::uint64_t count, const EngineClock& clock, SharedPages& pages)
      : across_(across), cpus_(cpus), count_(count), clock_(&clock), pages_(&pages) {}

  template <class Link>
  Contender contender(std::string name) {
    return {.name = std::move(name), .run = [this](Contender& self) -> Result<void> {
              std::byte* memory = pages_->zeroed(sizeof(Meeting) + Link::kBytes);
              auto* meeting = new (memory) Meeting;
              TT_TRY(const double elapsed_ns,
                     transfer(Link(memory + sizeof(Meeting)), *meeting, across_, cpus_, count_, *clock_, self.tally));
              self.samples.push_back(static_cast<double>(count_) * 1e3 / elapsed_ns);
              return {};
            }};
  }

 private:
  Across across_;
  CpuPair cpus_;
  std::uint64_t count_;
  const EngineClock* clock_;
  SharedPages* pages_;
};

template <class Copy>
using Gated = GatedLink<kSlots, Copy>;
template <class Copy>
using Observed = ObservedLink<kSlots, Copy>;
using Boost = BoostLink<kSlots, false>;
using BoostBatched = BoostLink<kSlots, true>;
using Control = IndexRingLink<kSlots>;

template <template <class> class Ours>
Result<std::vector<CaseResult>> run_race(const Options& options, Across across, std::string name, std::string note) {
  CaseResult result{.name = std::move(name),
                    .unit = "M/s",
                    .lower_is_better = false,
                    .target = ">= 2.5 x boost::lockfree::spsc_queue of the same capacity, aim 3 x",
                    .note = std::move(note)};
  const std::vector<int> allowed = allowed_cpus();
  if (allowed.size() < 2) {
    result.add_absent("boost::lockfree::spsc_queue", "this process may run on one CPU only");
    return std::vector<CaseResult>{std::move(result)};
  }
  const CpuPair cpus{allowed.front(), allowed.back()};
  const std::uint64_t count = options.iterations_or(kCount);
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  constexpr std::size_t kLargest = std::max({Ours<shm::WordCopy>::kBytes, Boost::kBytes, Control::kBytes});
  TT_TRY(SharedPages pages, SharedPages::create(sizeof(Meeting) + kLargest));
  Race race(across, cpus, count, clock, pages);
  constexpr bool kWords = std::same_as<shm::StreamWriter, shm::BasicStreamWriter<shm::WordCopy>>;
  using Other = std::conditional_t<kWords, shm::VectorCopy, shm::WordCopy>;
  std::vector<Contender> contenders;
  contenders.push_back(race.contender<Ours<std::conditional_t<kWords, shm::WordCopy, shm::VectorCopy>>>("ours"));
  if (!options.ours_alone) {
    contenders.push_back(race.contender<Ours<Other>>(kWords ? "ours with vector copies" : "ours with word copies"));
    contenders.push_back(race.contender<Boost>("boost::lockfree::spsc_queue push, pop"));
    contenders.push_back(race.contender<BoostBatched>("boost::lockfree::spsc_queue push, consume_all"));
    contenders.push_back(race.contender<Control>("index ring with cached indices"));
  }
  std::vector<double> one_way_ns;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    for (Contender& contender : contenders) TT_TRY_VOID(contender.run(contender));
    ping_pong(cpus.near, cpus.far, kLimitSamples, clock, one_way_ns);
  }
  if (options.mutant) contenders.front().tally.checksum ^= 1;
  result.ours = stats_of(contenders.front().samples, false);
  if (options.ours_alone) {
    result.add_left_out("boost::lockfree::spsc_queue");
  } else {
    const Tally expected = tally_of(count, all_messages());
    TT_TRY_VOID(all_equal(arrived(contenders.front().tally, expected), count, "messages that ours moved"));
    for (std::size_t i = 1; i < contenders.size(); ++i) {
      TT_TRY(std::string checked, all_equal(arrived(contenders[i].tally, expected), count, "messages moved"));
      result.add_peer(contenders[i].name, stats_of(contenders[i].samples, false), std::move(checked));
    }
  }
  const double one_way = stats_of(one_way_ns).p50;
  result.note += fmt::format("; one line moves in {:.0f} ns ({})", one_way, distance_name(one_way));
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace

Result<std::vector<CaseResult>> throughput(const Options& options) {
  return run_race<Gated>(options, Across::threads, "throughput",
                         fmt::format("{} slots of 64 bytes, two threads, one gating reader taking in place", kSlots));
}

Result<std::vector<CaseResult>> throughput_ipc(const Options& options) {
  return run_race<Observed>(
      options, Across::processes, "throughput_ipc",
      fmt::format("{} slots of 64 bytes, two processes; an observer copies each event out and may miss none", kSlots));
}

}  // namespace thintail::bench
