// SPDX-License-Identifier: Apache-2.0
// tick_to_intent_inline, tick_to_intent_no_model: one thread publishes each tick into a real ticks stream, takes it out
// and decides, into a real events stream, tick after tick. Controls: the same pipeline between plain memory, and
// XGBoost scoring the same rows.
#include <fmt/format.h>

#include <bit>

#include "bench/harness/ping_pong.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/spine/pipeline_run.hpp"
#include "bench/spine/suite.hpp"
#include "bench/spine/xgboost_check.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kTicksPerRepetition = 50'000;
constexpr int kRepetitions = 7;
constexpr std::size_t kPeerRows = 2'048;  // of 18 us each
constexpr std::size_t kLimitSamples = 500;
constexpr const char* kStraightLine = "straight-line function without streams";

// What a run says of itself, to be held against its peers'.
struct RunRecord {
  Sha256Digest decision_hash{};
  std::uint64_t events = 0;
  std::vector<Prediction> predictions;  // of the measured ticks
};

template <class Ends>
RunRecord timed_run(typename Ends::Pages& pages, const Work& work, const DecisionModel* model, const Options& options,
                    std::size_t measured, Latencies& out) {
  PipelineRun<Ends> run(pages, work, model, options.isa);
  run_timed(run, work, measured, out, [] {});
  if (options.ours_alone) return {};
  RunRecord record{run.decision_hash(), run.appended(), {}};
  std::size_t ticks = 0;
  run.for_each_event([&](const Event& event) {
    ticks += event.type == EventType::tick;
    if (event.type == EventType::prediction && ticks > work.first_measured) {
      record.predictions.push_back(event.as<Prediction>());
    }
  });
  return record;
}

std::string note_of(const Work& work, const DecisionModel* model, const Latencies& ours) {
  const std::string_view what =
      model != nullptr
          ? "core-32, 100 trees of depth 6, strategy model_edge with entry at 0.05 costs so that ticks end in intents"
          : "strategy fade_last_move: quote, bars, signal, risk gate, portfolio; no features";
  return fmt::format(
      "{}; {}; fills and timers due before a tick are inside its time; {} of {} ticks ended in an intent; an "
      "empty interval reads {:.0f} ns, not subtracted; the counter steps by 10 ns",
      work.source_text, what, ours.with_intent_ns.size(), ours.all_ns.size(), stopwatch_cost_ns(work.clock));
}

Result<std::vector<CaseResult>> measure(const std::string& name, std::string target, const Work& work,
                                        const DecisionModel* model, std::optional<XgboostCheck> xgboost,
                                        std::string xgboost_absent, const Options& options) {
  const std::vector<int> cpus = allowed_cpus();
  const Pinned pinned(cpus.back());
  TT_TRY(StreamEnds::Pages streams, StreamEnds::Pages::create());
  TT_TRY(PlainEnds::Pages plain, PlainEnds::Pages::create());
  const std::size_t measured = measured_ticks(work, options.iterations_or(kTicksPerRepetition));
  const int repetitions = options.repetitions(kRepetitions);
  Latencies ours(measured * static_cast<std::size_t>(repetitions));
  Latencies control = ours;
  std::vector<double> library_ns = sample_room(kPeerRows * static_cast<std::size_t>(repetitions));
  std::vector<double> one_way_ns;
  RunRecord record;
  std::string decided;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    record = timed_run<StreamEnds>(streams, work, model, options, measured, ours);
    if (options.ours_alone) continue;
    const RunRecord straight = timed_run<PlainEnds>(plain, work, model, options, measured, control);
    TT_TRY(decided,
           same_decisions(record.decision_hash, straight.decision_hash, record.events, options.mutant, kStraightLine));
    if (xgboost) TT_TRY_VOID(xgboost->time_rows(work, library_ns));
    if (cpus.size() > 1) ping_pong(cpus.back(), cpus.front(), kLimitSamples, work.clock, one_way_ns);
  }
  const std::string note = note_of(work, model, ours);
  const Stats control_stats = stats_of(control.all_ns);
  const Stats control_with_intent = stats_of(control.with_intent_ns);

  CaseResult all{.name = name, .unit = "ns", .ours = stats_of(ours.all_ns), .target = std::move(target), .note = note};
  CaseResult with_intent{.name = name + "_with_intent",
                         .unit = "ns",
                         .ours = stats_of(ours.with_intent_ns),
                         .target = "stated",
                         .note = "only the ticks that ended in an intent"};
  if (options.ours_alone) {
    all.add_left_out(kStraightLine);
    with_intent.add_left_out(kStraightLine);
    return std::vector<CaseResult>{std::move(all), std::move(with_intent)};
  }
  all.add_peer(kStraightLine, control_stats, decided);
  with_intent.add_peer(kStraightLine, control_with_intent, std::move(decided));
  if (xgboost) {
    TT_TRY(std::string checked, xgboost->compare(record.predictions));
    all.add_peer(XgboostRow::name(), stats_of(library_ns), std::move(checked));
  } else if (!xgboost_absent.empty()) {
    all.add_absent("xgboost in-place predict", std::move(xgboost_absent));
  }
  if (!one_way_ns.empty()) {
    const double one_way = stats_of(one_way_ns).p50;
    all.set_limit(fmt::format("raw ping-pong, one way ({})", distance_name(one_way)), one_way);
  }
  return std::vector<CaseResult>{std::move(all), std::move(with_intent)};
}

}  // namespace

Result<std::vector<CaseResult>> tick_to_intent_inline(Workshop& shop, const Options& options) {
  TT_TRY(const Work* work, shop.work(options));
  TT_TRY(const DecisionModel* model, shop.model(options));
  constexpr const char* kName = "tick_to_intent_inline";
  constexpr const char* kTarget = "< 1000";
  if (options.ours_alone) return measure(kName, kTarget, *work, model, {}, {}, options);
  TT_TRY(const std::string json, shop.model_json(options));
  const std::uint64_t rows = std::min<std::uint64_t>(kPeerRows, options.iterations_or(kTicksPerRepetition));
  auto xgboost = XgboostCheck::create(*work, *model, json, options.isa, static_cast<std::size_t>(rows));
  if (!xgboost) return measure(kName, kTarget, *work, model, {}, xgboost.error().message(), options);
  return measure(kName, kTarget, *work, model, std::move(*xgboost), {}, options);
}

Result<std::vector<CaseResult>> tick_to_intent_no_model(Workshop& shop, const Options& options) {
  TT_TRY(const Work* work, shop.work(options));
  return measure("tick_to_intent_no_model", "< 300", *work, nullptr, {}, {}, options);
}

}  // namespace thintail::bench
