// SPDX-License-Identifier: Apache-2.0
// `thintail replay`: recorded ticks through the whole pipeline, or a journal through it again and compared with itself.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "adapters/feeds/paced_source.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "core/config/demo_settings.hpp"
#include "strategies/backtest/backtest.hpp"
#include "strategies/backtest/feature_pass.hpp"
#include "strategies/backtest/replayer.hpp"
#include "strategies/backtest/run_comparison.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/report/bar_dump.hpp"
#include "tools/report/counted_bar_dump.hpp"
#include "tools/report/feature_dump.hpp"
#include "tools/report/report_text.hpp"
#include "tools/thintail/commands.hpp"
#include "tools/thintail/replay_swaps.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {
namespace {

struct ReplayArguments {
  RunOptions run;
  std::vector<std::string> inputs;
  std::string speed = "max";
  std::string dump_bars;
  std::string dump_features;
  std::string period;  // empty: M1
  std::string bars;
  std::string compare;
  std::uint64_t swap_every = 0;
  bool json = false;
};

// The events of a journal's last run, from its Session{started} on.
class LastRun {
 public:
  static Result<LastRun> open(const std::string& path) {
    TT_TRY(JournalReader first, JournalReader::open(path));
    std::uint64_t start = 0;
    Event event;
    while (first.poll(event)) {
      if (event.type == EventType::session && event.as<Session>().state == SessionState::started)
        start = event.sequence;
    }
    if (first.error()) return fail(*first.error());
    TT_TRY(JournalReader reader, JournalReader::open(path));
    return LastRun(std::move(reader), start);
  }

  bool next(Event& event) {
    while (reader_.poll(event)) {
      if (event.sequence >= start_) return true;
    }
    return false;
  }

 private:
  LastRun(JournalReader reader, std::uint64_t start) : reader_(std::move(reader)), start_(start) {}
  JournalReader reader_;
  std::uint64_t start_;
};

bool is_journal(const std::string& path) {
  std::error_code ignored;
  return path.ends_with(".ttj") || std::filesystem::is_directory(path, ignored);
}

// The feature rows of a run, from the events that stand in it. Where its model reads the same set, each prediction's digest
// must be that of the row made here: what is written is what was decided on.
class FeatureRecorder {
 public:
  static Result<FeatureRecorder> create(const ReplayArguments& arguments, const Settings& settings,
                                        const FileFeed& feed, const InstrumentTable& instruments, Isa isa,
                                        const DecisionModel* model) {
    TT_TRY(const FeatureSet* set, configured_features(settings));
    if (set == nullptr && model != nullptr) set = model->features;
    const auto refuse = [&](std::string field, std::string expected, std::string found) {
      return fail({.code = ErrorCode::usage,
                   .doing = "reading --dump-features",
                   .field = std::move(field),
                   .expected = std::move(expected),
                   .found = std::move(found)});
    };
    if (set == nullptr) return refuse("--set", "the name of a feature set, e.g. --set scalper-64", "none");
    TT_TRY_VOID(set->require(needs_served(feed.contents(), 1), arguments.inputs.front()));
    TT_TRY(FeatureDump dump, FeatureDump::create(arguments.dump_features, *set));
    return FeatureRecorder(std::move(dump), std::make_unique<FeatureRun>(instruments, *set, isa), instruments,
                           model != nullptr && model->features == set);
  }

  void add(const Event& event) {
    if (event.type == EventType::prediction && checks_digests_) {
      differing_ +=
          row_ != nullptr && event.as<Prediction>().feature_digest != run_->market().features()->digest(*row_);
    }
    const FeatureRow* const row = run_->take(event);
    if (row == nullptr) return;
    row_ = row;
    if (dump_.rows() == 0) instrument_ = event.instrument;
    other_instruments_ |= event.instrument != instrument_;
    dump_.add(event.time_ns, *row);
  }

  Result<void> finish(const std::vector<std::string>& inputs) {
    const auto refuse = [&](ErrorCode code, std::string expected, std::string found) {
      return fail({.code = code,
                   .doing = "writing features",
                   .file = dump_.path(),
                   .expected = std::move(expected),
                   .found = std::move(found)});
    };
    if (other_instruments_) return refuse(ErrorCode::usage, "ticks of one instrument", "those of several");
    if (differing_ != 0) {
      return refuse(ErrorCode::replay_differs, "the rows that the model saw",
                    fmt::format("{} that differ", differing_));
    }
    return dump_.finish((*instruments_)[instrument_].name(), inputs);
  }

  const FeatureDump& dump() const noexcept { return dump_; }

 private:
  FeatureRecorder(FeatureDump dump, std::unique_ptr<FeatureRun> run, const InstrumentTable& instruments,
                  bool checks_digests)
      : dump_(std::move(dump)), run_(std::move(run)), instruments_(&instruments), checks_digests_(checks_digests) {}

  FeatureDump dump_;
  std::unique_ptr<FeatureRun> run_;
  const InstrumentTable* instruments_;
  bool checks_digests_;
  const FeatureRow* row_ = nullptr;  // of the last tick
  InstrumentId instrument_ = 0;
  bool other_instruments_ = false;
  std::uint64_t differing_ = 0;
};

// What --dump-bars asks for: bars by the clock, or with --bars by what happened.
class BarRecorder {
 public:
  static Result<BarRecorder> create(const ReplayArguments& arguments, const FeedContents& contents,
                                    const InstrumentTable& instruments) {
    BarRecorder recorder;
    BarPeriod period{};
    const auto refuse = [](std::string field, std::string expected, std::string found) {
      return fail({.code = ErrorCode::usage,
                   .doing = "reading " + std::move(field),
                   .expected = std::move(expected),
                   .found = std::move(found)});
    };
    if (!bar_period_from_name(arguments.period.empty() ? "M1" : arguments.period, period)) {
      return refuse("--period", "M1, M5, M15, M30, H1, H4 or D1", '"' + printable(arguments.period) + '"');
    }
    if (!arguments.bars.empty()) {
      if (arguments.dump_bars.empty()) {
        return refuse("--bars", "--dump-bars FILE.csv beside it, the file that the bars are written to", "none");
      }
      if (!arguments.period.empty()) return refuse("--bars", "no --period: these bars have none", arguments.period);
      TT_TRY(CountedBarSpec spec, CountedBarSpec::parse(arguments.bars));
      TT_TRY_VOID(spec.require(contents, arguments.inputs.front()));
      TT_TRY(CountedBarDump dump, CountedBarDump::create(arguments.dump_bars, std::move(spec), instruments));
      recorder.counted_.emplace(std::move(dump));
    } else if (!arguments.dump_bars.empty()) {
      TT_TRY(BarDump dump, BarDump::create(arguments.dump_bars, period, instruments));
      recorder.by_clock_.emplace(std::move(dump));
    }
    return recorder;
  }

  void add(const Event& event) {
    if (by_clock_) by_clock_->add(event);
    if (counted_) counted_->add(event);
  }

  // How many were written; nothing where none were asked for.
  Result<std::optional<std::uint64_t>> finish() {
    std::optional<std::uint64_t> rows;
    if (by_clock_) {
      TT_TRY(rows, by_clock_->finish());
    }
    if (counted_) {
      TT_TRY(rows, counted_->finish());
    }
    return rows;
  }

 private:
  std::optional<BarDump> by_clock_;
  std::optional<CountedBarDump> counted_;
};

Error differs(const EventDifference& difference, const std::string& journal) {
  return {.code = ErrorCode::replay_differs,
          .doing = fmt::format("event {} {}", difference.sequence, difference.what),
          .file = journal,
          .field = difference.field,
          .expected = difference.recorded.empty() ? "no event" : difference.recorded,
          .found = difference.replayed.empty() ? "no event" : difference.replayed};
}

Result<ExitCode> replay_ticks(const ReplayArguments& arguments) {
  // Without a file of their own, ticks run on the demo's limits and quantities: on none at all, every order would be
  // refused.
  TT_TRY(const Config config, arguments.run.load(arguments.run.config_path.empty() ? demo_settings() : Settings{}));
  const Settings& settings = config.settings;
  TT_TRY(const Isa isa, isa_from_name(settings.core.isa));
  TT_TRY(const Pace pace, Pace::parse(arguments.speed));
  TT_TRY(InstrumentTable instruments, configured_instruments(settings));
  TT_TRY(const auto model, configured_model(settings));
  TT_TRY(FileFeed feed, FileFeed::open(arguments.inputs, arguments.run.feed_options(settings), instruments));
  TT_TRY_VOID(check_feed(settings, model, feed.contents(), instruments, arguments.inputs.front()));
  PacedSource source(feed, pace);
  TT_TRY(BarRecorder bars, BarRecorder::create(arguments, feed.contents(), instruments));
  std::optional<FeatureRecorder> features;
  if (!arguments.dump_features.empty()) {
    TT_TRY(FeatureRecorder created,
           FeatureRecorder::create(arguments, settings, feed, instruments, isa, model ? &*model : nullptr));
    features.emplace(std::move(created));
  }
  std::optional<LastRun> recorded;
  std::optional<RunComparison> comparison;
  if (!arguments.compare.empty()) {
    TT_TRY(LastRun opened, LastRun::open(arguments.compare));
    recorded.emplace(std::move(opened));
    comparison.emplace([&](Event& event) { return recorded->next(event); });
  }

  std::optional<ReplaySwaps> swaps;
  if (arguments.swap_every != 0) {
    if (!model) {
      return fail({.code = ErrorCode::usage,
                   .doing = "reading --swap-every",
                   .field = "--model",
                   .expected = "the model to swap in",
                   .found = "none"});
    }
    swaps.emplace([&] { return load_decision_model(model->path, isa, model->features); }, instruments.size(),
                  arguments.swap_every);
  }

  RunReport report(instruments);
  const BacktestOptions options{isa, 1, model ? &*model : nullptr, swaps ? &*swaps : nullptr};
  const auto start = std::chrono::steady_clock::now();
  const BacktestResult result = run_backtest(source, settings, instruments, options, [&](const Event& event) {
    report.add(event);
    bars.add(event);
    if (features) features->add(event);
    if (comparison) comparison->add(event);
  });
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (feed.error()) return fail(*feed.error());
  if (swaps && swaps->error()) return fail(*swaps->error());
  if (report.count(EventType::tick) == 0) {
    return fail({.code = ErrorCode::no_ticks, .doing = "replaying", .file = arguments.inputs.front()});
  }
  TT_TRY(const auto bars_written, bars.finish());
  if (features) TT_TRY_VOID(features->finish(arguments.inputs));

  ReportInput input;
  input.title = "Replay";
  input.source =
      arguments.inputs.size() == 1 ? arguments.inputs.front() : fmt::format("{} files", arguments.inputs.size());
  input.strategy = strategy_text(settings, model ? &*model : nullptr);
  input.run = &report;
  input.feed = feed.stats();
  input.isa = isa_name(isa);
  input.decision_hash = result.decision_hash;
  input.hashed_outputs = result.outputs;
  input.wall_s = wall_s;
  if (swaps) input.swaps = swaps->times();
  fmt::print("{}", arguments.json ? report_json(input) : report_text(input));
  if (bars_written && !arguments.json) {
    fmt::print("\n{} bars written to {}\n", grouped(*bars_written), arguments.dump_bars);
  }
  if (features && !arguments.json) {
    fmt::print("\n{} feature rows written to {}\n", grouped(features->dump().rows()), features->dump().path());
  }
  if (comparison) {
    if (const auto& difference = comparison->finish()) return fail(differs(*difference, arguments.compare));
    if (!arguments.json) fmt::print("\nequal to {}: {} events\n", arguments.compare, grouped(comparison->compared()));
  }
  return ExitCode::ok;
}

// Where a journal, a file or a folder of them, lies.
std::string folder_of(const std::string& journal) {
  std::error_code ignored;
  return std::filesystem::is_directory(journal, ignored) ? journal
                                                         : std::filesystem::path(journal).parent_path().string();
}

Result<ExitCode> replay_recorded(const ReplayArguments& arguments) {
  TT_TRY(const Config config, arguments.run.load(demo_settings()));
  TT_TRY(const Isa isa, isa_from_name(config.settings.core.isa));
  for (const std::string& path : arguments.inputs) {
    TT_TRY(JournalReader reader, JournalReader::open(path));
    const auto start = std::chrono::steady_clock::now();
    TT_TRY(const ReplayResult result, replay_journal([&](Event& event) { return reader.poll(event); },
                                                     {isa, arguments.run.model, ModelStore::beside(folder_of(path))}));
    const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (reader.error()) return fail(*reader.error());
    if (result.difference) return fail(differs(*result.difference, path));
    if (arguments.json) {
      const nlohmann::ordered_json row{{"schema", "thintail-replay/1"},
                                       {"journal", path},
                                       {"events", result.events},
                                       {"inputs", result.inputs},
                                       {"outputs_compared", result.outputs_compared},
                                       {"epochs", result.epochs},
                                       {"equal", true},
                                       {"decision_hash", to_hex(result.decision_hash)},
                                       {"isa", isa_name(isa)},
                                       {"wall_s", wall_s}};
      fmt::print("{}\n", row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    } else {
      fmt::print("{}: {} events, {} inputs replayed, {} outputs equal byte for byte, {} epoch{}\n  decision hash {}\n",
                 path, grouped(result.events), grouped(result.inputs), grouped(result.outputs_compared), result.epochs,
                 result.epochs == 1 ? "" : "s", to_hex(result.decision_hash));
    }
  }
  return ExitCode::ok;
}

Result<ExitCode> replay(const ReplayArguments& arguments) {
  std::size_t journals = 0;
  for (const std::string& path : arguments.inputs) journals += is_journal(path);
  if (journals != 0 && journals != arguments.inputs.size()) {
    return fail(
        {.code = ErrorCode::usage, .doing = "replaying", .expected = "either tick files or journals", .found = "both"});
  }
  if (journals == 0) return replay_ticks(arguments);
  if (arguments.swap_every != 0) {
    return fail({.code = ErrorCode::usage,
                 .doing = "replaying a journal with --swap-every",
                 .expected = "tick files; a journal has the swaps that it had",
                 .found = arguments.inputs.front()});
  }
  for (const auto& [option, value] :
       {std::pair{"--dump-features", &arguments.dump_features}, std::pair{"--dump-bars", &arguments.dump_bars},
        std::pair{"--bars", &arguments.bars}}) {
    if (value->empty()) continue;
    return fail({.code = ErrorCode::usage,
                 .doing = fmt::format("replaying a journal with {}", option),
                 .expected = "tick files",
                 .found = arguments.inputs.front()});
  }
  // A journal is always held against itself; naming another one compares nothing that this would not.
  if (!arguments.compare.empty() && arguments.inputs != std::vector{arguments.compare}) {
    return fail({.code = ErrorCode::usage,
                 .doing = "replaying a journal with --compare",
                 .expected = "the same journal (two journals are compared by the ticks that made them)",
                 .found = arguments.compare});
  }
  return replay_recorded(arguments);
}

}  // namespace

void add_replay(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("replay", "Recorded ticks, or a journal, through the whole pipeline");
  auto arguments = std::make_shared<ReplayArguments>();
  command->add_option("FILE|JOURNAL", arguments->inputs, "Tick files (merged by time), or journals")->required();
  command->add_option("--speed", arguments->speed, "max, or a multiple of real time such as 1x or 10x");
  command->add_option("--dump-bars", arguments->dump_bars, "Write closed bars to this CSV file");
  command->add_option("--dump-features", arguments->dump_features,
                      "Write the row of each tick to this .npy file; --set NAME names the feature set");
  command->add_option("--period", arguments->period, "Period of the dumped bars: M1 (default) M5 M15 M30 H1 H4 D1");
  command->add_option("--bars", arguments->bars,
                      "Instead of a period, what ends a dumped bar: ticks:N quotes, volume:N traded base units, or "
                      "range:N points of the bid");
  command->add_option("--compare", arguments->compare, "Journal whose events must equal this run's; exit 2 where not");
  command
      ->add_option("--swap-every", arguments->swap_every,
                   "Load, verify and put in force the model anew after every N inputs of the feed, while they flow")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", arguments->json, "Report as JSON");
  arguments->run.add_config_to(*command);
  arguments->run.add_ticks_to(*command);
  arguments->run.add_model_to(*command);
  command->footer(ticks_help());
  command->callback([arguments, &chosen] {
    // `--set scalper-64` names a feature set: the setting features.set.
    for (std::string& text : arguments->run.sets) {
      if (!text.contains('=')) text.insert(0, "features.set=");
    }
    chosen = [arguments] { return replay(*arguments); };
  });
}

}  // namespace thintail
