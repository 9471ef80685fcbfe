// SPDX-License-Identifier: Apache-2.0
// tick_64_cold_instrument: one tick of scalper-64, 10,258 instruments in turn, so that each finds its state in no cache but
// perhaps the last. Control: the same ticks, all of one instrument.
#include <fmt/format.h>

#include "bench/features/suite.hpp"
#include "bench/features/tick_work.hpp"
#include "bench/harness/pinned.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kInstruments = 10'258;
constexpr std::size_t kQuickInstruments = 64;  // with --iterations, whose figures mean nothing
constexpr std::size_t kRounds = 12;  // three of them to touch the memory and fill the shortest windows
constexpr std::size_t kWarmRounds = 3;
constexpr int kRepetitions = 3;
constexpr std::size_t kCheckedEach = 16;  // every so manieth instrument is held against an engine of its own
constexpr const char* kHot = "the same ticks, all of one instrument (hot)";

Result<InstrumentTable> copies_of(const Instrument& instrument, std::size_t count) {
  InstrumentTable table(count);
  for (std::size_t i = 0; i < count; ++i) {
    Instrument copy = instrument;
    copy.symbol = fmt::format("COPY{}", i);
    TT_TRY_VOID(table.add(std::move(copy)));
  }
  return table;
}

// Tick i of the round robin, for instrument i mod `instruments`.
Event tick_of(const TickWork& work, std::size_t i, std::size_t instruments) {
  Event event = work.ticks[i % work.ticks.size()];
  event.instrument = static_cast<InstrumentId>(i % instruments);
  return event;
}

// Rows of instrument `id` from an engine that knows no other one.
std::vector<std::uint64_t> alone(const TickWork& work, const InstrumentTable& table, Isa isa, std::size_t id,
                                 std::size_t rounds) {
  InstrumentTable one(1);
  FeatureSet const& set = *work.set;
  if (!one.add(table[static_cast<InstrumentId>(id)])) return {};
  FeatureRun run(one, set, isa);
  std::vector<std::uint64_t> digests;
  for (std::size_t round = 0; round < rounds; ++round) {
    Event event = tick_of(work, round * table.size() + id, table.size());
    event.instrument = 0;
    digests.push_back(run.market().features()->digest(*run.take(event)));
  }
  return digests;
}

}  // namespace

Result<std::vector<CaseResult>> tick_64_cold_instrument(const Options& options) {
  const std::size_t instruments = options.iterations == 0 ? kInstruments : kQuickInstruments;
  TT_TRY(const TickWork work, make_tick_work(options, instruments * kRounds));
  TT_TRY(const InstrumentTable table, copies_of(work.instruments[0], instruments));
  const Pinned pinned(allowed_cpus().back());
  const int repetitions = options.repetitions(kRepetitions);
  const std::size_t measured = instruments * (kRounds - kWarmRounds);
  std::vector<double> ours_ns = sample_room(measured * static_cast<std::size_t>(repetitions));
  std::vector<double> hot_ns = ours_ns;
  std::string checked;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    std::vector<std::uint64_t> digests;
    digests.reserve(instruments * kRounds);
    {
      FeatureRun run(table, *work.set, options.isa);
      std::vector<double> ignored_ns = sample_room(instruments * kWarmRounds);
      for (std::size_t i = 0; i < instruments * kRounds; ++i) {
        const Event event = tick_of(work, i, instruments);
        digests.push_back(measured_tick(run, event, work.clock, i < instruments * kWarmRounds ? ignored_ns : ours_ns));
      }
    }
    if (options.ours_alone) continue;
    {
      FeatureRun run(work.instruments, *work.set, options.isa);
      std::vector<double> ignored_ns = sample_room(instruments * kWarmRounds);
      for (std::size_t i = 0; i < instruments * kRounds; ++i) {
        measured_tick(run, tick_of(work, i, 1), work.clock, i < instruments * kWarmRounds ? ignored_ns : hot_ns);
      }
    }
    if (repetition > 0) continue;
    std::vector<std::uint64_t> ours;
    std::vector<std::uint64_t> own;
    for (std::size_t id = 0; id < instruments; id += kCheckedEach) {
      for (std::size_t round = 0; round < kRounds; ++round) ours.push_back(digests[round * instruments + id]);
      for (const std::uint64_t digest : alone(work, table, options.isa, id, kRounds)) own.push_back(digest);
    }
    TT_TRY(checked, all_equal(equal_digests(ours, own, options.mutant), own.size(),
                              "rows of instruments with those of engines that know no other"));
  }
  CaseResult result{.name = "tick_64_cold_instrument",
                    .unit = "ns",
                    .ours = stats_of(ours_ns),
                    .target = "stated beside the hot case",
                    .note = fmt::format("{} instruments in turn, {} bytes of features each; {}", instruments,
                                        FeatureEngine(*work.set, options.isa, 1).state_bytes(), work.source_text)};
  if (options.ours_alone) {
    result.add_left_out(kHot);
  } else {
    result.add_peer(kHot, stats_of(hot_ns), std::move(checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
