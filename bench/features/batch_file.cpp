// SPDX-License-Identifier: Apache-2.0
// batch_file: a day of gold ticks from its compressed file to a finished .npy of scalper-64, as `features compute` does it:
// read, computed and written by three threads. Peers: the same rows streamed tick by tick on one thread, and not written; and
// followed from a backtest's events and written, as `replay --dump-features` does it.
#include <fmt/format.h>

#include <chrono>

#include "adapters/feeds/row_fields.hpp"
#include "adapters/feeds/tick_source.hpp"
#include "bench/features/suite.hpp"
#include "bench/features/tick_work.hpp"
#include "bench/harness/scratch.hpp"
#include "core/config/demo_settings.hpp"
#include "strategies/backtest/backtest.hpp"
#include "tools/report/compute_features.hpp"
#include "tools/report/feature_dump.hpp"

namespace thintail::bench {
namespace {

constexpr int kRepetitions = 5;
constexpr std::size_t kSimulatedMax = 100'000;
constexpr const char* kStream = "streaming on one thread, rows not written";
constexpr const char* kReplay = "replay --dump-features: a backtest followed, its rows written";

using Digests = std::vector<std::uint64_t>;

// Ends after `ticks_max` ticks.
class Limited {
 public:
  Limited(TickSource& source, std::uint64_t ticks_max) noexcept : source_(&source), left_(ticks_max) {}
  bool poll(Event& out) noexcept {
    if (left_ == 0 || !source_->poll(out)) return false;
    --left_;
    return true;
  }

 private:
  TickSource* source_;
  std::uint64_t left_;
};

struct Pass {
  double rows_per_s = 0;
  std::uint64_t rows = 0;
};

// `pass(on_row)` makes every row; digests are taken only where they are asked for, since they cost as much as a row's copy.
template <class Make>
Result<Pass> timed(const EngineClock& clock, Make&& make) {
  const std::uint64_t begin = read_tsc();
  TT_TRY(const std::uint64_t rows, make());
  const auto elapsed_ns = static_cast<double>(clock.to_ns(read_tsc() - begin));
  return Pass{static_cast<double>(rows) / elapsed_ns * 1e9, rows};
}

// The simulator's first day as LEAN would have recorded it, where no market data is.
Result<std::string> written_day(const TickWork& work, const Scratch& scratch) {
  std::string text;
  const std::int64_t midnight_ns = work.ticks[0].time_ns / kNsPerDay * kNsPerDay;
  for (const Event& event : work.ticks) {
    const auto tick = event.as<Tick>();
    if (tick.venue_ns >= midnight_ns + kNsPerDay) break;
    text += fmt::format("{},{},{}\n", (tick.venue_ns - midnight_ns) / kNsPerMs, format_decimal_e9(tick.bid_e9),
                        format_decimal_e9(tick.ask_e9));
  }
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(midnight_ns)))};
  const Instrument& instrument = work.instruments[0];
  const std::string path =
      scratch.file(fmt::format("{}_{}_tick_{:04}{:02}{:02}.csv", instrument.venue, instrument.symbol, int(date.year()),
                               unsigned(date.month()), unsigned(date.day())));
  TT_TRY_VOID(write_text_file(path, text));
  return path;
}

}  // namespace

Result<std::vector<CaseResult>> batch_file(const Options& options) {
  TT_TRY(const TickWork work, make_tick_work(options, kSimulatedMax));
  TT_TRY(const Scratch scratch, Scratch::create(std::filesystem::temp_directory_path()));
  std::string file;
  FileFeedOptions feed_options;
  if (work.files.empty()) {
    TT_TRY(file, written_day(work, scratch));
    feed_options.clock = "utc";
  } else {
    file = work.files.back();
  }
  // Not pinned: reading and writing have threads of their own, which would be pinned along.
  const std::uint64_t rows_max = options.iterations_or(~std::uint64_t{0});
  const FeatureEngine digests(*work.set, options.isa, 1);

  const auto compute = [&](Digests* out) -> Result<std::uint64_t> {
    ComputeOptions compute_options;
    compute_options.file = file;
    compute_options.set = work.set;
    compute_options.ticks = feed_options;
    compute_options.isa = options.isa;
    compute_options.rows_max = rows_max;
    TT_TRY(FeatureDump dump, FeatureDump::create(scratch.file("rows.npy"), *work.set));
    TT_TRY(const ComputeReport report,
           compute_features(compute_options, [&](std::int64_t time_ns, const FeatureRow& row) {
             dump.add(time_ns, row);
             if (out != nullptr) out->push_back(digests.digest(row));
           }));
    TT_TRY_VOID(dump.finish(report.instrument, {file}));
    return report.rows;
  };
  const auto open = [&](InstrumentTable& instruments) {
    TickSourceOptions source_options;
    source_options.files = {file};
    source_options.file_feed = feed_options;
    return TickSource::open(source_options, instruments);
  };
  const auto stream = [&](Digests* out) -> Result<std::uint64_t> {
    InstrumentTable instruments;
    TT_TRY(TickSource source, open(instruments));
    FeatureRun run(instruments, *work.set, options.isa);
    std::uint64_t rows = 0;
    feature_pass(source, run, [&](std::int64_t, const Event&, const FeatureRow& row) {
      keep(row.values[0]);
      if (out != nullptr) out->push_back(digests.digest(row));
      return ++rows < rows_max;
    });
    return rows;
  };
  const auto replay = [&](Digests* out) -> Result<std::uint64_t> {
    InstrumentTable instruments;
    TT_TRY(TickSource source, open(instruments));
    Limited limited(source, rows_max);
    FeatureRun run(instruments, *work.set, options.isa);
    Settings settings = demo_settings();
    settings.strategy.kind = StrategyKind::flat;
    TT_TRY(FeatureDump dump, FeatureDump::create(scratch.file("replayed.npy"), *work.set));
    run_backtest(limited, settings, instruments, {options.isa, 1, nullptr}, [&](const Event& event) {
      const FeatureRow* const row = run.take(event);
      if (row == nullptr) return;
      dump.add(event.time_ns, *row);
      if (out != nullptr) out->push_back(digests.digest(*row));
    });
    const std::uint64_t rows = dump.rows();
    TT_TRY_VOID(dump.finish(instruments[0].name(), {file}));
    return rows;
  };

  std::string stream_checked;
  std::string replay_checked;
  if (!options.ours_alone) {
    Digests ours;
    Digests streamed;
    Digests replayed;
    TT_TRY_VOID(compute(&ours));
    TT_TRY_VOID(stream(&streamed));
    TT_TRY_VOID(replay(&replayed));
    TT_TRY(stream_checked,
           all_equal(equal_digests(ours, streamed, options.mutant), streamed.size(), "rows with streaming"));
    TT_TRY(replay_checked,
           all_equal(equal_digests(ours, replayed, options.mutant), replayed.size(), "rows with a backtest"));
  }
  std::vector<double> ours_rate;
  std::vector<double> stream_rate;
  std::vector<double> replay_rate;
  std::uint64_t rows = 0;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    // A file in place of another costs what removing that one does.
    for (const char* name : {"rows.npy", "replayed.npy"}) std::filesystem::remove(scratch.file(name));
    TT_TRY(const Pass ours, timed(work.clock, [&] { return compute(nullptr); }));
    ours_rate.push_back(ours.rows_per_s);
    rows = ours.rows;
    if (options.ours_alone) continue;
    TT_TRY(const Pass streamed, timed(work.clock, [&] { return stream(nullptr); }));
    TT_TRY(const Pass replayed, timed(work.clock, [&] { return replay(nullptr); }));
    stream_rate.push_back(streamed.rows_per_s);
    replay_rate.push_back(replayed.rows_per_s);
  }
  CaseResult result{.name = "batch_file",
                    .unit = "rows/s",
                    .lower_is_better = false,
                    .ours = stats_of(ours_rate, false),
                    .target = "not slower than streaming",
                    .note = fmt::format("{} rows of {} from {}, {} bytes written", rows, work.set->name(),
                                        std::filesystem::path(file).filename().string(),
                                        rows * work.set->lanes().size() * sizeof(float))};
  if (options.ours_alone) {
    for (const char* peer : {kStream, kReplay}) result.add_left_out(peer);
  } else {
    result.add_peer(kStream, stats_of(stream_rate, false), std::move(stream_checked));
    result.add_peer(kReplay, stats_of(replay_rate, false), std::move(replay_checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
