// SPDX-License-Identifier: Apache-2.0
// tick_64, tick_64_paced: one tick of scalper-64 on consecutive gold ticks, from the tick to its row, bars included, one
// sample a tick. Peers of tick_64: the same engine on the scalar kernel; and only the set's windowed lanes, by their
// definitions, over the ticks that each window holds. tick_64_paced gives each tick 100 us, so that it finds caches and
// branch predictors as a quiet market leaves them; its control is the same ticks back to back.
#include <fmt/format.h>

#include "bench/features/naive_windows.hpp"
#include "bench/features/suite.hpp"
#include "bench/features/tick_work.hpp"
#include "bench/harness/pinned.hpp"
#include "perf/jitter/jitter.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kTicksMax = 200'000;
constexpr std::uint64_t kTicksPerRepetition = 30'000;
constexpr int kRepetitions = 5;
constexpr std::uint64_t kPacedTicks = 4'000;
constexpr std::int64_t kPeriodNs = 100'000;
constexpr const char* kScalar = "the same on the scalar kernel";
constexpr const char* kNaive = "the windowed lanes alone, all anew from their ticks";
constexpr const char* kHot = "the same ticks back to back (hot)";

using Digests = std::vector<std::uint64_t>;

// Ticks [0, first + measured); the last `measured` are timed, each once `before_tick()` has returned.
template <class BeforeTick>
Digests timed_run(const TickWork& work, Isa isa, std::size_t measured, std::vector<double>& samples_ns,
                  BeforeTick&& before_tick) {
  FeatureRun run(work.instruments, *work.set, isa);
  Digests digests;
  digests.reserve(measured);
  for_each_tick(work, run, work.first_measured + measured, [&](std::size_t i, const Event& event) {
    if (i < work.first_measured) {
      run.take(event);
      return;
    }
    before_tick();
    digests.push_back(measured_tick(run, event, work.clock, samples_ns));
  });
  return digests;
}

void at_once() {}

// Ticks whose windowed lanes agree, each timed.
std::uint64_t naive_run(const TickWork& work, Isa isa, std::size_t measured, std::vector<double>& samples_ns) {
  FeatureRun run(work.instruments, *work.set, isa);
  NaiveWindows naive(*work.set, work.instruments[0].calendar);
  std::uint64_t agreeing = 0;
  std::int64_t venue_ns = std::numeric_limits<std::int64_t>::min();
  for_each_tick(work, run, work.first_measured + measured, [&](std::size_t i, const Event& event) {
    const FeatureRow* const row = run.take(event);
    const auto tick = event.as<Tick>();
    venue_ns = std::max(venue_ns, tick.venue_ns);
    const std::uint64_t begin = stamp();
    naive.add(tick, venue_ns);
    const std::uint64_t end = stamp();
    if (i < work.first_measured) return;
    samples_ns.push_back(static_cast<double>(work.clock.to_ns(end - begin)));
    agreeing += naive.agrees(*row);
  });
  return agreeing;
}

std::string state_text(const TickWork& work, Isa isa) {
  const FeatureEngine engine(*work.set, isa, 1);
  return fmt::format("state {} bytes, {} of them hot", engine.state_bytes(), engine.hot_bytes());
}

}  // namespace

Result<std::vector<CaseResult>> tick_64(const Options& options) {
  TT_TRY(const TickWork work, make_tick_work(options, kTicksMax, WarmUp::needed));
  const Pinned pinned(allowed_cpus().back());
  const std::size_t measured = measured_ticks(work, options.iterations_or(kTicksPerRepetition));
  const int repetitions = options.repetitions(kRepetitions);
  std::vector<double> ours_ns = sample_room(measured * static_cast<std::size_t>(repetitions));
  std::vector<double> scalar_ns = ours_ns;
  std::vector<double> naive_ns = ours_ns;
  std::string scalar_checked;
  std::string naive_checked;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const Digests ours = timed_run(work, options.isa, measured, ours_ns, at_once);
    if (options.ours_alone) continue;
    const Digests scalar = timed_run(work, Isa::scalar, measured, scalar_ns, at_once);
    TT_TRY(scalar_checked,
           all_equal(equal_digests(ours, scalar, options.mutant), measured, "rows with the scalar kernel's"));
    if (repetition > 0) continue;  // it is several times as slow, and no less steady
    TT_TRY(naive_checked, all_equal(naive_run(work, options.isa, measured, naive_ns), measured,
                                    "ticks whose windowed lanes are what their definitions give"));
  }
  CaseResult result{
      .name = "tick_64",
      .unit = "ns",
      .ours = stats_of(ours_ns),
      .target = "<= 150",
      .note = fmt::format("tick to row, closing bars included, {}; the stopwatch alone reads {} ns; {}",
                          state_text(work, options.isa), stopwatch_cost_ns(work.clock), work.source_text)};
  if (options.ours_alone) {
    for (const char* peer : {kScalar, kNaive}) result.add_left_out(peer);
  } else {
    result.add_peer(kScalar, stats_of(scalar_ns), std::move(scalar_checked));
    result.add_peer(kNaive, stats_of(naive_ns), std::move(naive_checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

Result<std::vector<CaseResult>> tick_64_paced(const Options& options) {
  TT_TRY(const TickWork work, make_tick_work(options, kTicksMax, WarmUp::needed));
  const Pinned pinned(allowed_cpus().back());
  const std::size_t measured = measured_ticks(work, options.iterations_or(kPacedTicks));
  const int repetitions = options.repetitions(kRepetitions);
  std::vector<double> paced_ns = sample_room(measured * static_cast<std::size_t>(repetitions));
  std::vector<double> hot_ns = paced_ns;
  std::string checked;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const std::uint64_t start = read_tsc();
    std::int64_t due_ns = 0;
    const Digests paced = timed_run(work, options.isa, measured, paced_ns, [&] {
      // The first one is due at once; a late one does not hurry the next.
      const std::int64_t now_ns = work.clock.to_ns(read_tsc() - start);
      due_ns = due_ns == 0 ? now_ns : std::max(due_ns + kPeriodNs, now_ns);
      while (work.clock.to_ns(read_tsc() - start) < due_ns) _mm_pause();
    });
    if (options.ours_alone) continue;
    const Digests hot = timed_run(work, options.isa, measured, hot_ns, at_once);
    TT_TRY(checked, all_equal(equal_digests(paced, hot, options.mutant), measured, "rows with those back to back"));
  }
  TT_TRY(const perf::JitterReport jitter, perf::measure_jitter(std::chrono::milliseconds(200)));
  CaseResult result{
      .name = "tick_64_paced",
      .unit = "ns",
      .ours = stats_of(paced_ns),
      .target = "stated beside the hot case",
      .note = fmt::format("a tick every 100 us, {}; this core meanwhile: {}", work.source_text, perf::summary(jitter))};
  if (options.ours_alone) {
    result.add_left_out(kHot);
  } else {
    result.add_peer(kHot, stats_of(hot_ns), std::move(checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
