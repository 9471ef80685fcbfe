// SPDX-License-Identifier: Apache-2.0
// tick_to_intent_paced: a tick every 100 us, so that each finds caches and branch predictors as a quiet market leaves
// them. One sample a tick. Control: the same ticks back to back.
#include <fmt/format.h>

#include "bench/harness/pinned.hpp"
#include "bench/spine/pipeline_run.hpp"
#include "bench/spine/suite.hpp"
#include "perf/jitter/jitter.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kTicksPerRepetition = 4'000;
constexpr int kRepetitions = 5;
constexpr std::int64_t kPeriodNs = 100'000;
constexpr const char* kHot = "the same ticks back to back (hot)";

}  // namespace

Result<std::vector<CaseResult>> tick_to_intent_paced(Workshop& shop, const Options& options) {
  TT_TRY(const Work* work, shop.work(options));
  TT_TRY(const DecisionModel* model, shop.model(options));
  const Pinned pinned(allowed_cpus().back());
  TT_TRY(StreamEnds::Pages streams, StreamEnds::Pages::create());
  const std::size_t measured = measured_ticks(*work, options.iterations_or(kTicksPerRepetition));
  const int repetitions = options.repetitions(kRepetitions);
  Latencies paced(measured * static_cast<std::size_t>(repetitions));
  Latencies hot = paced;
  std::string decided;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    Sha256Digest paced_hash{};
    {
      PipelineRun<StreamEnds> run(streams, *work, model, options.isa);
      const std::uint64_t start = read_tsc();
      std::int64_t due_ns = 0;
      run_timed(run, *work, measured, paced, [&] {
        // The first one is due at once; a late one does not hurry the next.
        const std::int64_t now_ns = work->clock.to_ns(read_tsc() - start);
        due_ns = due_ns == 0 ? now_ns : std::max(due_ns + kPeriodNs, now_ns);
        while (work->clock.to_ns(read_tsc() - start) < due_ns) _mm_pause();
      });
      paced_hash = run.decision_hash();
    }
    if (options.ours_alone) continue;
    PipelineRun<StreamEnds> run(streams, *work, model, options.isa);
    run_timed(run, *work, measured, hot, [] {});
    TT_TRY(decided, same_decisions(paced_hash, run.decision_hash(), run.appended(), options.mutant,
                                   "the same ticks back to back"));
  }
  TT_TRY(const perf::JitterReport jitter, perf::measure_jitter(std::chrono::milliseconds(200)));

  CaseResult all{
      .name = "tick_to_intent_paced",
      .unit = "ns",
      .ours = stats_of(paced.all_ns),
      .target = "stated beside the hot case",
      .note = fmt::format("{}; the engine spins for its tick, as with wait = spin; this core meanwhile: {}; from about "
                          "p99 on, that is what is measured",
                          work->source_text, perf::summary(jitter))};
  CaseResult with_intent{.name = "tick_to_intent_paced_with_intent",
                         .unit = "ns",
                         .ours = stats_of(paced.with_intent_ns),
                         .target = "stated",
                         .note = "only the ticks that ended in an intent"};
  if (options.ours_alone) {
    all.add_left_out(kHot);
    with_intent.add_left_out(kHot);
  } else {
    all.add_peer(kHot, stats_of(hot.all_ns), decided);
    with_intent.add_peer(kHot, stats_of(hot.with_intent_ns), std::move(decided));
  }
  return std::vector<CaseResult>{std::move(all), std::move(with_intent)};
}

}  // namespace thintail::bench
