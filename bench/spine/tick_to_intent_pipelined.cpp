// SPDX-License-Identifier: Apache-2.0
// tick_to_intent_pipelined: the feed on one core, the engine on another, the ticks stream between them. A tick is
// published only once the one before it was answered, so no queue hides what the crossing costs. Control: the same
// ticks on one core; limit: one line moved between the same two cores, sampled right before and after.
#include <fmt/format.h>

#include <atomic>

#include "bench/harness/ping_pong.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/spine/pipeline_run.hpp"
#include "bench/spine/suite.hpp"
#include "core/thread/worker.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kTicksPerRepetition = 50'000;
constexpr int kRepetitions = 5;
constexpr std::size_t kLimitSamples = 500;
constexpr const char* kOneCore = "the same ticks on one core";

// Times of each tick, written by the one thread and by the other; read once both have ended.
struct Stamps {
  std::vector<std::uint64_t> published;
  std::vector<std::uint64_t> answered;
  std::vector<char> intent;
  explicit Stamps(std::size_t ticks) : published(ticks), answered(ticks), intent(ticks) {}
};

Result<void> timed_run(PipelineRun<StreamEnds>& run, const Work& work, int feed_cpu, int engine_cpu, Stamps& stamps) {
  const std::size_t ticks = stamps.published.size();
  alignas(kCacheLinePairBytes) std::atomic<std::size_t> answered{0};
  StopFlag stop;
  {
    const Pinned pinned(feed_cpu);
    Worker engine({.name = "bench-engine", .cpu = engine_cpu, .wait = WaitKind::spin}, stop, [&](Waiter&) {
      SpinWait wait;
      for (std::size_t i = 0; i < ticks; ++i) {
        while (!run.step()) wait.idle(0);
        stamps.answered[i] = stamp();
        stamps.intent[i] = run.ended_in_intent() ? 1 : 0;
        answered.store(i + 1, std::memory_order_release);  // A1: the outputs came before; pairs A2
      }
    });
    for (std::size_t i = 0; i < ticks; ++i) {
      stamps.published[i] = stamp();
      run.publish(work.ticks[i]);
      while (answered.load(std::memory_order_acquire) != i + 1) {  // A2: pairs A1
        if (stop.failed()) [[unlikely]]
          break;
        _mm_pause();
      }
    }
  }
  if (!stop.failed()) return {};
  return fail({.code = ErrorCode::internal, .doing = "running feed and engine on two cores", .found = stop.failure()});
}

}  // namespace

Result<std::vector<CaseResult>> tick_to_intent_pipelined(Workshop& shop, const Options& options) {
  TT_TRY(const Work* work, shop.work(options));
  TT_TRY(const DecisionModel* model, shop.model(options));
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) {
    CaseResult none{.name = "tick_to_intent_pipelined", .unit = "ns", .target = "stated", .note = "needs two CPUs"};
    none.add_absent(kOneCore, "this process may run on one CPU only");
    return std::vector<CaseResult>{std::move(none)};
  }
  const int feed_cpu = cpus.front();
  const int engine_cpu = cpus.back();
  TT_TRY(StreamEnds::Pages streams, StreamEnds::Pages::create());
  const std::size_t measured = measured_ticks(*work, options.iterations_or(kTicksPerRepetition));
  const int repetitions = options.repetitions(kRepetitions);
  Latencies ours(measured * static_cast<std::size_t>(repetitions));
  Latencies one_core = ours;
  Latencies near(ours.all_ns.capacity());
  Latencies far(ours.all_ns.capacity());
  std::vector<double> one_way_ns;
  std::string decided;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    std::vector<double> beside_ns;
    ping_pong(feed_cpu, engine_cpu, kLimitSamples, work->clock, beside_ns);
    Sha256Digest hash{};
    Stamps stamps(work->first_measured + measured);
    {
      PipelineRun<StreamEnds> run(streams, *work, model, options.isa);
      TT_TRY_VOID(timed_run(run, *work, feed_cpu, engine_cpu, stamps));
      hash = run.decision_hash();
    }
    ping_pong(feed_cpu, engine_cpu, kLimitSamples, work->clock, beside_ns);
    one_way_ns.insert(one_way_ns.end(), beside_ns.begin(), beside_ns.end());
    const bool is_near = stats_of(beside_ns).p50 <= kNearMaxNs;
    for (std::size_t i = work->first_measured; i < stamps.published.size(); ++i) {
      const auto latency_ns = static_cast<double>(work->clock.to_ns(stamps.answered[i] - stamps.published[i]));
      ours.add(latency_ns, stamps.intent[i] != 0);
      (is_near ? near : far).add(latency_ns, stamps.intent[i] != 0);
    }
    if (options.ours_alone) continue;
    const Pinned pinned(engine_cpu);
    PipelineRun<StreamEnds> run(streams, *work, model, options.isa);
    run_timed(run, *work, measured, one_core, [] {});
    TT_TRY(decided, same_decisions(hash, run.decision_hash(), run.appended(), options.mutant, kOneCore));
  }
  const auto distance_text = [](std::string_view name, std::vector<double>& samples) {
    if (samples.empty()) return fmt::format("no repetition {}", name);
    return fmt::format("{} p50 {:.0f} ns of {} ticks", name, stats_of(samples).p50, samples.size());
  };
  CaseResult all{
      .name = "tick_to_intent_pipelined",
      .unit = "ns",
      .ours = stats_of(ours.all_ns),
      .target = "stated beside one line's transfer",
      .note = fmt::format("{}; from before the append on the feed's core to the last output on the engine's; by the "
                          "ping-pong beside each repetition: {}, {}",
                          work->source_text, distance_text("near", near.all_ns), distance_text("far", far.all_ns))};
  const double one_way = stats_of(one_way_ns).p50;
  all.set_limit(fmt::format("raw ping-pong, one way ({})", distance_name(one_way)), one_way);
  CaseResult with_intent{.name = "tick_to_intent_pipelined_with_intent",
                         .unit = "ns",
                         .ours = stats_of(ours.with_intent_ns),
                         .target = "stated",
                         .note = "only the ticks that ended in an intent"};
  if (options.ours_alone) {
    all.add_left_out(kOneCore);
    with_intent.add_left_out(kOneCore);
  } else {
    all.add_peer(kOneCore, stats_of(one_core.all_ns), decided);
    with_intent.add_peer(kOneCore, stats_of(one_core.with_intent_ns), std::move(decided));
  }
  return std::vector<CaseResult>{std::move(all), std::move(with_intent)};
}

}  // namespace thintail::bench
