// SPDX-License-Identifier: Apache-2.0
// TickWork: consecutive ticks in memory with the set that the tick cases compute on them, and how a tick is timed.
//   path  cold, but for measured_tick()
//
// Real gold ticks where there are any, because a simulated market is kinder to branch predictors than a real one; else the
// simulator, and every note says so.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/harness/harness.hpp"
#include "bench/harness/stopwatch.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/time/engine_clock.hpp"
#include "ml/features/feature_set.hpp"
#include "strategies/backtest/feature_pass.hpp"

namespace thintail::bench {

struct TickWork {
  std::vector<std::string> files;  // empty: simulated
  std::string source_text;  // for notes
  InstrumentTable instruments;
  std::vector<Event> ticks;  // of instrument 0, engine time final
  std::size_t first_measured = 0;  // ticks before it warm features, bars and caches up; all of them where WarmUp::none
  const FeatureSet* set = nullptr;
  EngineClock clock;
};

// Whether a case measures after the features have warmed up, or does not care.
enum class WarmUp : std::uint8_t { none, needed };

// scalper-64 on at most `ticks_max` ticks.
Result<TickWork> make_tick_work(const Options& options, std::size_t ticks_max, WarmUp needs = WarmUp::none);

// How many ticks of `work` a case measures where it wants `wanted`.
std::size_t measured_ticks(const TickWork& work, std::uint64_t wanted);

// One pass over the first `count` ticks of `work`, timers between them: `on_tick(index, event)` must take each in.
template <class OnTick>
void for_each_tick(const TickWork& work, FeatureRun& run, std::size_t count, OnTick&& on_tick) {
  EngineTime engine_time;
  for (std::size_t i = 0; i < count; ++i) {
    engine_time.advance(work.ticks[i].time_ns, [&](std::int64_t timer_ns) { run.on_timer(timer_ns); });
    on_tick(i, work.ticks[i]);
  }
}

// Takes `event` in, with its duration in `samples_ns`; the row's digest after it, outside of that time.
TT_HOT inline std::uint64_t measured_tick(FeatureRun& run, const Event& event, const EngineClock& clock,
                                          std::vector<double>& samples_ns) {
  const std::uint64_t begin = stamp();
  const FeatureRow* const row = run.take(event);
  const std::uint64_t end = stamp();
  samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
  return run.market().features()->digest(*row);
}

// How many of `ours` equal `theirs`, position by position; with `mutant` the first of ours is spoiled.
std::uint64_t equal_digests(std::vector<std::uint64_t> ours, const std::vector<std::uint64_t>& theirs, bool mutant);

}  // namespace thintail::bench
