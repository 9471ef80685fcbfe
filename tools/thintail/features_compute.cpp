// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/features_compute.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <chrono>
#include <memory>

#include "core/config/demo_settings.hpp"
#include "core/time/clock_profile.hpp"
#include "tools/report/compute_features.hpp"
#include "tools/report/feature_dump.hpp"
#include "tools/report/report_text.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {
namespace {

struct ComputeArguments {
  RunOptions run;
  std::string file;
  std::string set;
  std::string out;
  std::string stamp;
  std::string side;
  std::string period;
  std::string volume;
  std::string isa = "auto";
  std::string limit;  // empty: all
};

std::string counted(std::uint64_t count, std::string_view what) {
  return count == 0 ? std::string{} : fmt::format("; {} {}", grouped(count), what);
}

std::string input_text(const ComputeReport& report) {
  if (!report.is_whole) return "its beginning";
  if (!report.has_bars) {
    const FeedStats& stats = report.ticks;
    // Without a snapshot no update follows on anything, and every lane of the book stays undefined.
    const bool lacks_book = stats.book_updates != 0 && stats.book_snapshots == 0;
    return fmt::format("{} ticks{}{}{}{}{}{}{}", grouped(stats.ticks), counted(stats.bad_rows, "bad rows skipped"),
                       counted(stats.crossed, "crossed"), counted(stats.backwards, "stamped before the row above"),
                       counted(stats.trades, "trades"), counted(stats.book_updates, "book updates"),
                       counted(stats.book_snapshots, stats.book_snapshots == 1 ? "snapshot" : "snapshots"),
                       lacks_book ? ", but no snapshot of it" : "");
  }
  const BarStats& stats = report.bars;
  return fmt::format("{} bars{}{}{}{}{}{}", grouped(stats.bars), counted(stats.bad_rows, "bad rows skipped"),
                     counted(stats.repeated, "repeated rows skipped"),
                     counted(stats.backwards, "rows of a time that was passed, skipped"),
                     counted(stats.fillers, "rows without a quote, skipped"),
                     counted(stats.gaps, "gaps within sessions"), counted(stats.crossed, "crossed at the close"));
}

const std::optional<Error>& first_bad_row(const ComputeReport& report) {
  return report.has_bars ? report.bars.first_bad_row : report.ticks.first_bad_row;
}

std::string formats_help() {
  std::string text = "Bar formats (--format; detected where none is named):\n";
  for (const BarFormatInfo& row : bar_formats()) text += fmt::format("  {:<18} {}\n", row.name, row.description);
  return text + "Tick f" + ticks_help().substr(1);
}

Result<std::uint64_t> rows_max(const std::string& limit) {
  if (limit.empty()) return ~std::uint64_t{0};
  std::uint64_t rows = 0;
  const char* const end = limit.data() + limit.size();
  const auto [stop, fault] = std::from_chars(limit.data(), end, rows);
  if (fault == std::errc() && stop == end && rows != 0) return rows;
  return fail({.code = ErrorCode::usage,
               .doing = "computing features",
               .field = "--limit",
               .expected = "a whole number of rows, 1 or more (without --limit all are computed)",
               .found = fmt::format("\"{}\"", printable(limit))});
}

// How much of the rows is there: a set may need more days, or another feed, than the file has.
std::string lanes_text(const FeatureDump& dump, const FeatureSet& set) {
  constexpr std::size_t kNamed = 6;
  std::string text;
  const std::vector<std::string_view> never = dump.never_defined();
  if (!never.empty()) {
    text += fmt::format("  undefined  {} of {} lanes in every row: {}", never.size(), set.lanes().size(),
                        fmt::join(std::span(never).first(std::min(never.size(), kNamed)), ", "));
    if (never.size() > kNamed) text += fmt::format(" and {} more (the sidecar names them)", never.size() - kNamed);
    text += "\n";
  }
  text += fmt::format("  complete   {} rows have all {} mandatory lanes\n", grouped(dump.complete_rows()),
                      set.mandatory().count());
  if (dump.complete_rows() == 0) {
    text += "  warning: no row has every mandatory lane: a model on this set would make no prediction from this file\n";
  }
  return text;
}

Result<ExitCode> compute(const ComputeArguments& arguments) {
  TT_TRY(const Config config, arguments.run.load(demo_settings()));
  const Settings& settings = config.settings;
  ComputeOptions options;
  options.file = arguments.file;
  TT_TRY(options.set, FeatureSet::find(arguments.set));
  TT_TRY(options.isa, isa_from_name(arguments.isa));
  options.ticks = arguments.run.feed_options(settings);
  options.bars = {.format = arguments.run.format,
                  .clock = arguments.run.clock,
                  .instrument = arguments.run.instrument,
                  .stamp = arguments.stamp,
                  .side = arguments.side,
                  .period = arguments.period,
                  .volume = arguments.volume,
                  .strict = settings.feed.strict,
                  .sources = settings.sources};
  for (const auto& [name, instrument] : settings.instruments) options.instruments.push_back(instrument);
  TT_TRY(options.rows_max, rows_max(arguments.limit));

  TT_TRY(FeatureDump dump, FeatureDump::create(arguments.out, *options.set));
  const auto start = std::chrono::steady_clock::now();
  TT_TRY(const ComputeReport report,
         compute_features(options, [&](std::int64_t time_ns, const FeatureRow& row) { dump.add(time_ns, row); }));
  for (const std::string& warning : report.warnings) fmt::print(stderr, "warning: {}\n", warning);
  TT_TRY_VOID(dump.finish(report.instrument, {arguments.file}));
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  fmt::print(
      "{}: {} rows of {} ({} lanes), {} rows/s\n  input      {}: {}\n  instrument {}\n  times      {}\n"
      "  sidecar    {}\n{}",
      dump.path(), grouped(report.rows), options.set->name(), options.set->lanes().size(),
      grouped(static_cast<std::uint64_t>(static_cast<double>(report.rows) / std::max(wall_s, 1e-9))), arguments.file,
      input_text(report), report.instrument, beside(dump.path(), ".times.npy"), beside(dump.path(), ".json"),
      lanes_text(dump, *options.set));
  if (const auto& bad = first_bad_row(report)) fmt::print("  first bad row: {}\n", bad->message());
  return ExitCode::ok;
}

}  // namespace

void add_features_compute(CLI::App& features, Action& chosen) {
  auto* command = features.add_subcommand("compute", "Feature rows of a file of ticks or bars, as a numpy array");
  auto arguments = std::make_shared<ComputeArguments>();
  command->add_option("FILE", arguments->file, "Tick file (a row a tick) or bar file (a row a closed bar)")->required();
  command->add_option("--set", arguments->set, "Feature set: a built-in name or the path of a TOML file")->required();
  command->add_option("--out", arguments->out, "F.npy; F.times.npy and F.json are written beside it")->required();
  command->add_option("--config", arguments->run.config_path, "Configuration file (TOML): instruments and sources");
  command->add_option("--stamp", arguments->stamp, "Bars: which end of its period a row's time is: open, close");
  command->add_option("--side", arguments->side, "Bars of one side: bid, ask");
  command->add_option("--period", arguments->period, "Bars: M1 M5 M15 M30 H1 H4 D1");
  command->add_option("--volume", arguments->volume, "Bars: `traded` where the column of volume is traded volume");
  command->add_option("--isa", arguments->isa, "Instruction set of the kernels: auto, scalar, avx2, avx512");
  command->add_option("--limit", arguments->limit, "So many rows, from the first");
  arguments->run.add_ticks_to(*command);
  command->footer(formats_help());
  command->callback([arguments, &chosen] { chosen = [arguments] { return compute(*arguments); }; });
}

}  // namespace thintail
