// SPDX-License-Identifier: Apache-2.0
// PipelineRun: the engine as the daemon runs it in simulated time, between two ends, one tick a step.
//   path     hot: publish(), step()
//   threads  as the ends'
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bench/harness/stopwatch.hpp"
#include "bench/spine/ends.hpp"
#include "bench/spine/work.hpp"
#include "core/event/decision_hash.hpp"
#include "strategies/backtest/backtest.hpp"

namespace thintail::bench {

template <class Ends>
class PipelineRun {
 public:
  // `model` null: the rule strategy, without features.
  PipelineRun(typename Ends::Pages& pages, const Work& work, const DecisionModel* model, Isa isa)
      : PipelineRun(pages, work, model, isa, model != nullptr ? work.with_model : work.without_model) {}

  TT_HOT void publish(const Event& tick) noexcept { ends_.publish(tick); }
  // Takes the tick that was published, and whatever is due before it; false where none was.
  TT_HOT bool step() noexcept { return driver_.step(); }

  // Whether the last step ended in an intent: it is the last output that a tick can have.
  bool ended_in_intent() const noexcept { return ends_.event(ends_.appended()).type == EventType::intent; }
  std::uint64_t appended() const noexcept { return ends_.appended(); }

  template <class OnEvent>
  void for_each_event(OnEvent&& on_event) const {
    for (std::uint64_t sequence = 1; sequence <= ends_.appended(); ++sequence) {
      Event event = ends_.event(sequence);
      event.sequence = sequence;
      on_event(event);
    }
  }
  Sha256Digest decision_hash() const {
    DecisionHash hash(kEpoch);
    for_each_event([&](const Event& event) { hash.add(event); });
    return hash.digest();
  }

 private:
  static constexpr std::uint32_t kEpoch = 1;

  PipelineRun(typename Ends::Pages& pages, const Work& work, const DecisionModel* model, Isa isa,
              const Settings& settings)
      : ends_(pages),
        pipeline_(settings, work.instruments, {isa, kEpoch, model}),
        venue_(fill_model_settings(settings.venue), work.instruments.size()),
        driver_(ends_.source(), pipeline_, venue_, ends_.sink(), probe_,
                to_events(make_preamble(settings, work.instruments, model, kEpoch), 0, kFlagSimulated)) {
    for (InstrumentId id = 0; id < work.instruments.size(); ++id) pipeline_.enable(id);
  }

  Ends ends_;
  DecisionPipeline pipeline_;
  FillModel venue_;
  NoProbe probe_;
  SimulatedDriver<typename Ends::Source, typename Ends::Sink, NoProbe> driver_;
};

// Tick-to-intent of all ticks, and of those that ended in an intent.
struct Latencies {
  std::vector<double> all_ns;
  std::vector<double> with_intent_ns;

  explicit Latencies(std::size_t samples_max)
      : all_ns(sample_room(samples_max)), with_intent_ns(sample_room(samples_max)) {}
  void add(double latency_ns, bool intent) {
    all_ns.push_back(latency_ns);
    if (intent) with_intent_ns.push_back(latency_ns);
  }
};

// Ticks [0, first_measured + measured) through `run`, each published and then stepped on this thread; the last
// `measured` are timed from the moment the tick stands in its cell to the moment the last output stands in its own.
// `before_tick()` waits for the tick's arrival.
template <class Run, class BeforeTick>
void run_timed(Run& run, const Work& work, std::size_t measured, Latencies& out, BeforeTick&& before_tick) {
  for (std::size_t i = 0; i < work.first_measured; ++i) {
    run.publish(work.ticks[i]);
    run.step();
  }
  for (std::size_t i = work.first_measured; i < work.first_measured + measured; ++i) {
    before_tick();
    run.publish(work.ticks[i]);
    const std::uint64_t begin = stamp();
    run.step();
    const std::uint64_t end = stamp();
    out.add(static_cast<double>(work.clock.to_ns(end - begin)), run.ended_in_intent());
  }
}

// How many ticks of `work` a case measures where it wants `wanted`.
inline std::size_t measured_ticks(const Work& work, std::uint64_t wanted) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(wanted, work.ticks.size() - work.first_measured));
}

// Same decisions, by hash; what a mutant spoiled is not the same.
inline Result<std::string> same_decisions(Sha256Digest ours, const Sha256Digest& theirs, std::uint64_t events,
                                          bool mutant, std::string_view what) {
  if (mutant) ours[0] ^= 1;
  if (ours == theirs) return fmt::format("{} events, same decision hash", events);
  return fail({.code = ErrorCode::check_mismatch,
               .doing = fmt::format("comparing decisions with those of {}", what),
               .expected = to_hex(theirs),
               .found = to_hex(ours)});
}

}  // namespace thintail::bench
