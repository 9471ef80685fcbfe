// SPDX-License-Identifier: Apache-2.0
#include "tools/report/compute_features.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>

#include "adapters/feeds/feed_source.hpp"
#include "adapters/feeds/tick_file.hpp"
#include "core/bars/bar_resampler.hpp"
#include "core/config/nearest_name.hpp"
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

std::string tick_format_names() {
  return fmt::format("{}", fmt::join(feed_formats() | std::views::transform(&FormatInfo::name), ", "));
}
std::string bar_format_names() {
  return fmt::format("{}", fmt::join(bar_formats() | std::views::transform(&BarFormatInfo::name), ", "));
}

Result<void> require_known_format(const ComputeOptions& options) {
  const std::string& format = options.bars.format;
  std::vector<std::string> known;
  for (const FormatInfo& info : feed_formats()) known.emplace_back(info.name);
  for (const BarFormatInfo& info : bar_formats()) known.emplace_back(info.name);
  if (format.empty() || std::ranges::find(known, format) != known.end()) return {};
  return fail({.code = ErrorCode::format_unknown,
               .doing = "computing features",
               .file = options.file,
               .field = "--format",
               .expected = fmt::format("of ticks {}, or of bars {}; the nearest is {}", tick_format_names(),
                                       bar_format_names(), nearest_name(format, known)),
               .found = fmt::format("\"{}\"", printable(format))});
}

Result<void> refuse_bar_options(const ComputeOptions& options) {
  std::vector<std::string_view> given;
  if (!options.bars.stamp.empty()) given.emplace_back("--stamp");
  if (!options.bars.side.empty()) given.emplace_back("--side");
  if (!options.bars.period.empty()) given.emplace_back("--period");
  if (!options.bars.volume.empty()) given.emplace_back("--volume");
  if (given.empty()) return {};
  return fail({.code = ErrorCode::usage,
               .doing = "computing features",
               .file = options.file,
               .expected = "a bar file, or none of --stamp, --side, --period and --volume: they are of bars",
               .found = fmt::format("a file of ticks and {}", fmt::join(given, ", "))});
}

// Whether two profiles read every local time alike: names differ where clocks do not ("utc", "utc+0").
Result<bool> is_same_clock(const std::string& one, const std::string& other) {
  constexpr std::int64_t kWeekNs = 7LL * 86'400 * 1'000'000'000;
  constexpr std::int64_t kFromNs = 946'728'000LL * 1'000'000'000;  // 2000-01-01 12:00
  TT_TRY(ClockProfile a, ClockProfile::find(one));
  TT_TRY(ClockProfile b, ClockProfile::find(other));
  // The dates on which clocks change differ by whole weeks.
  for (std::int64_t week = 0; week < 40 * 52; ++week) {
    const std::int64_t local_ns = kFromNs + week * kWeekNs;
    if (a.to_utc_ns(local_ns) != b.to_utc_ns(local_ns)) return false;
  }
  return true;
}

// A clock that is named against what is known of the file would shift every bar and session.
Result<void> require_clock(const ComputeOptions& options, const std::vector<std::string>& known,
                           std::string_view known_from) {
  const std::string& clock = options.bars.clock;
  if (clock.empty() || known.empty()) return {};
  for (const std::string& one : known) {
    TT_TRY(const bool is_same, is_same_clock(clock, one));
    if (is_same) return {};
  }
  return fail({.code = ErrorCode::usage,
               .doing = "computing features",
               .file = options.file,
               .field = "--clock",
               .expected = fmt::format("{}, as {}", fmt::join(known, " or "), known_from),
               .found = clock});
}

std::string_view clock_from(bool is_format) {
  return is_format ? "the rows of this format have it"
                   : "the prefix of the file's name has it ([sources] of the configuration may name another)";
}

void check_instrument(const ComputeOptions& options, const InstrumentTable& instruments, ComputeReport& report) {
  const std::string& named = options.bars.instrument;
  const auto known = named.empty() ? std::nullopt : instrument_in_name(options.file, options.ticks, instruments);
  if (!known || *known == named) return;
  report.warnings.push_back(
      fmt::format("--instrument says {}, but the name of {} says {}", named, options.file, *known));
}

Result<ComputeReport> compute_bars(const ComputeOptions& options, InstrumentTable& instruments,
                                   const OnFeatureRow& on_row) {
  TT_TRY(const BarFile file, identify_bar_file(options.file, options.bars, instruments));
  if (!file.known_clock.empty()) TT_TRY_VOID(require_clock(options, {file.known_clock}, clock_from(false)));
  TT_TRY_VOID(options.set->require(needs_served(file), options.file));
  TT_TRY_VOID(require_period(*options.set, file));
  TT_TRY(const auto reader, BarReader::open(file, instruments, options.bars.strict));
  ComputeReport report;
  report.instrument = instruments[file.instrument].name();
  report.has_bars = true;
  check_instrument(options, instruments, report);
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
  if (file.volume == BarVolume::traded && report.rows != 0 && report.bars.with_volume == 0) {
    report.warnings.push_back(
        fmt::format("--volume says traded, but {} has a volume of 0 in each of {} bars", options.file, report.rows));
  }
  return report;
}

std::vector<std::string> known_clocks(const TickFile& file, const ComputeOptions& options) {
  if (has_utc_rows(file.format)) return {"utc"};
  const std::string_view in_name = clock_in_name(options.file, options.ticks);
  if (in_name.empty()) return {};
  // HistData changed its clock with the files of 2019; its name does not tell the year.
  if (file.format == TickFormat::histdata_tick && in_name == "new-york") return {"histdata-2018", "histdata-2019"};
  return {std::string(in_name)};
}

Result<ComputeReport> compute_ticks(const ComputeOptions& options, InstrumentTable& instruments,
                                    const OnFeatureRow& on_row) {
  TT_TRY_VOID(refuse_bar_options(options));
  auto file = identify_tick_file(options.file, options.ticks, instruments);
  if (!file) {
    if (file.error().code == ErrorCode::format_unknown) {
      file.error().doing = "computing features";
      file.error().expected =
          fmt::format("a row of ticks ({}) or of bars ({})", tick_format_names(), bar_format_names());
    }
    return fail(std::move(file).error());
  }
  TT_TRY_VOID(require_clock(options, known_clocks(*file, options), clock_from(has_utc_rows(file->format))));
  TT_TRY(FileFeed feed, FileFeed::open({options.file}, options.ticks, instruments));
  TT_TRY_VOID(options.set->require(needs_served(feed.contents(), 1), options.file));
  FeatureRun run(instruments, *options.set, options.isa);
  ComputeReport report;
  check_instrument(options, instruments, report);
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
  TT_TRY_VOID(require_known_format(options));
  TT_TRY(const bool has_bars, is_bar_file(options.file, options.bars.format));
  return has_bars ? compute_bars(options, instruments, on_row) : compute_ticks(options, instruments, on_row);
}

}  // namespace thintail
