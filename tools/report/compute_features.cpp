// SPDX-License-Identifier: Apache-2.0
#include "tools/report/compute_features.hpp"

#include <fmt/format.h>

#include "core/bars/bar_resampler.hpp"
#include "strategies/backtest/feature_pass.hpp"
#include "tools/report/read_ahead.hpp"

namespace thintail {
namespace {

Needs needs_served(const BarFile& file) noexcept {
  Needs have = 0;
  if (file.has_bid()) have = have | static_cast<Needs>(Need::bid);
  if (file.has_ask()) have = have | static_cast<Needs>(Need::ask);
  if (file.volume == BarVolume::traded) have = have | static_cast<Needs>(Need::volume);
  return have;
}

// A lane of bars shorter than the file's would never be defined.
Result<void> require_period(const FeatureSet& set, const BarFile& file) {
  for (std::size_t lane = 0; lane < set.features().size(); ++lane) {
    const Feature& feature = set.features()[lane];
    if (feature.family->group != FamilyGroup::bar || feature.period >= file.period) continue;
    return fail(
        {.code = ErrorCode::feature_needs,
         .doing = fmt::format("computing {}", set.name()),
         .file = file.path,
         .field = std::string(set.lanes()[lane].name),
         .expected = fmt::format("bars of {} or shorter", kBarPeriodNames[static_cast<std::size_t>(feature.period)]),
         .found = fmt::format("bars of {}", kBarPeriodNames[static_cast<std::size_t>(file.period)])});
  }
  return {};
}

Result<ComputeReport> compute_bars(const ComputeOptions& options, InstrumentTable& instruments,
                                   const OnFeatureRow& on_row) {
  TT_TRY(const BarFile file, identify_bar_file(options.file, options.bars, instruments));
  TT_TRY_VOID(options.set->require(needs_served(file), options.file));
  TT_TRY_VOID(require_period(*options.set, file));
  TT_TRY(const auto reader, BarReader::open(file, instruments, options.bars.strict));
  ComputeReport report;
  report.instrument = instruments[file.instrument].name();
  report.has_bars = true;
  FeatureEngine engine(*options.set, options.isa, instruments.size());
  engine.enable(file.instrument, instruments[file.instrument]);
  BarResampler resampler(Zone::new_york(), file.period);
  FileBar bar;
  while (reader->next(bar)) {
    report.is_whole = report.rows < options.rows_max;
    if (!report.is_whole) break;
    resampler.add(bar.bar, bar.volume,
                  [&](const ClosedBar& closed, double volume) { engine.on_bar(file.instrument, closed, volume); });
    on_row(std::int64_t{bar.bar.end_s} * 1'000'000'000, engine.on_close(file.instrument, bar.bar));
    ++report.rows;
  }
  if (reader->error()) return fail(*reader->error());
  report.bars = reader->stats();
  return report;
}

Result<ComputeReport> compute_ticks(const ComputeOptions& options, InstrumentTable& instruments,
                                    const OnFeatureRow& on_row) {
  TT_TRY(FileFeed feed, FileFeed::open({options.file}, options.ticks, instruments));
  TT_TRY_VOID(options.set->require(needs_served(feed.contents(), 1), options.file));
  FeatureRun run(instruments, *options.set, options.isa);
  ComputeReport report;
  ReadAhead source(feed);
  feature_pass(source, run, [&](std::int64_t time_ns, const Event& event, const FeatureRow& row) {
    if (report.rows == 0) report.instrument = instruments[event.instrument].name();
    report.is_whole = report.rows < options.rows_max;
    if (!report.is_whole) return false;
    on_row(time_ns, row);
    ++report.rows;
    return true;
  });
  if (const auto failed = source.finish()) return fail(*failed);
  if (feed.error() && report.is_whole) return fail(*feed.error());
  report.ticks = feed.stats();
  return report;
}

}  // namespace

Result<ComputeReport> compute_features(const ComputeOptions& options, const OnFeatureRow& on_row) {
  InstrumentTable instruments;
  for (const Instrument& instrument : options.instruments) TT_TRY_VOID(instruments.add(instrument));
  TT_TRY(const bool has_bars, is_bar_file(options.file, options.bars.format));
  return has_bars ? compute_bars(options, instruments, on_row) : compute_ticks(options, instruments, on_row);
}

}  // namespace thintail
