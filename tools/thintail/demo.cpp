// SPDX-License-Identifier: Apache-2.0
// `thintail demo`: the main job end to end: trains a small model on the first part of the ticks, runs the core on the
// rest through shared memory, and reports.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/journal/journal_files.hpp"
#include "core/config/demo_settings.hpp"
#include "core/event/decision_hash.hpp"
#include "strategies/backtest/backtest.hpp"
#include "tools/thintail/child_program.hpp"
#include "tools/thintail/commands.hpp"
#include "tools/thintail/daemon_run.hpp"
#include "tools/thintail/demo_serve.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {
namespace {

constexpr double kTrainShare = 0.4;

struct DemoArguments {
  RunOptions run;
  std::vector<std::string> ticks;
  std::string speed = "max";
  std::string folder;
  std::optional<std::uint64_t> seed;
  bool json = false;
  bool serve = false;
  std::uint16_t port = 8000;
};

// The folder chosen, or the demo's own: model and journal of the last demo stay until the next one. It starts without
// them: with the positions of a run before it, the same seed would not decide the same.
Result<std::string> prepare_folder(const std::string& chosen, Settings& settings) {
  namespace fs = std::filesystem;
  std::error_code fault;
  // Two demos at once: the second one gets a name of its own.
  const auto held = shm::WriterLock::is_held(settings.shm.directory, settings.core.instance);
  const std::string suffix = held && *held ? fmt::format("-{}", ::getpid()) : "";
  settings.core.instance += suffix;
  fs::path folder;
  if (!chosen.empty()) {
    folder =
        fs::absolute(chosen, fault).lexically_normal();  // the journal names the model in it, to be found from anywhere
  } else {
    folder = fs::temp_directory_path(fault) / fmt::format("thintail-demo-{}{}", ::getuid(), suffix);
  }
  settings.journal.directory = folder / "journal";
  fs::remove_all(journal_folder(settings.journal.directory, settings.core.instance), fault);
  fs::create_directories(folder, fault);
  if (fault) {
    return fail({.code = ErrorCode::file_unwritable,
                 .doing = "making the demo's folder",
                 .file = folder.string(),
                 .found = fault.message()});
  }
  return folder.string();
}

Result<void> write_config(const Config& config, const std::string& path) {
  std::ofstream file(path, std::ios::trunc);
  file << show(config, false);
  file.close();
  if (!file)
    return fail({.code = ErrorCode::file_unwritable, .doing = "writing the demo's configuration", .file = path});
  return {};
}

// `config`: a file with every setting of this run, so that the trainer sees the same market.
Result<void> train(const DemoArguments& arguments, const TickSourceOptions& source, const std::string& config,
                   const std::string& model, ProgressBar& bar) {
  TT_TRY(const std::string program, find_program("thintail-train"));
  std::vector<std::string> command{
      "--config", config, "--out", model, "--progress", "--fraction", fmt::format("{}", kTrainShare)};
  if (source.files.empty()) {
    command.emplace_back("--simulator");
  } else {
    command.push_back("--ticks");
    command.insert(command.end(), source.files.begin(), source.files.end());
    for (const auto& [flag, value] : {std::pair{"--clock", &arguments.run.clock},
                                      {"--format", &arguments.run.format},
                                      {"--instrument", &arguments.run.instrument}}) {
      if (!value->empty()) command.insert(command.end(), {flag, *value});
    }
  }
  // XGBoost's OpenMP threads spin while they wait for one another: on a busy machine that takes ten times as long as
  // sleeping does.
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  std::string held_out;
  TT_TRY_VOID(run_program(program, command, [&](std::string_view line) {
    // "progress 0.42 computing features"; other lines are the trainer's own report.
    if (!line.starts_with("progress ")) {
      held_out += fmt::format("  {}\n", line);
      return;
    }
    line.remove_prefix(9);
    double share = 0;
    const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), share);
    if (fault == std::errc{}) bar.show("training", share, line.substr(static_cast<std::size_t>(end - line.data())));
  }));
  bar.finish("training", fmt::format("done\n{}", held_out));
  return {};
}

BaselineRow baseline(std::string name, const RunReport& report) {
  return {std::move(name), report.count(EventType::intent), report.count(EventType::fill), report.money()};
}

// The same ticks, costs and limits under the rule that fades every move.
Result<BaselineRow> fade_baseline(const Settings& settings, const TickSourceOptions& source, std::int64_t from_ns,
                                  Isa isa) {
  Settings fading = settings;
  fading.strategy.kind = StrategyKind::fade_last_move;
  InstrumentTable instruments(settings.core.instruments_max);
  TT_TRY(const auto feed, DaemonFeed::open(source, "max", from_ns, instruments));
  struct Source {
    DaemonFeed* feed;
    bool poll(Event& out) noexcept { return feed->next(out); }
  } ticks{feed.get()};
  RunReport report(instruments);
  run_backtest(ticks, fading, instruments, {isa, 1, nullptr}, [&](const Event& event) { report.add(event); });
  return baseline("minus last move", report);
}

Result<TimeSpan> span_of(const TickSourceOptions& source, const Settings& settings) {
  if (source.files.empty()) {
    const std::int64_t length_ns = static_cast<std::int64_t>(source.simulator.duration_s) * 1'000'000'000;
    return TimeSpan{source.simulator_start_ns, source.simulator_start_ns + length_ns, 0};
  }
  InstrumentTable scratch(settings.core.instruments_max);
  for (const Instrument& row : source.instruments) TT_TRY_VOID(scratch.add(row));
  return scan_span(source.files, source.file_feed, scratch);
}

Result<ExitCode> demo(const DemoArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  Settings defaults = demo_settings();
  defaults.core.instance = "demo";
  TT_TRY(Config config, arguments.run.load(defaults));
  Settings& settings = config.settings;
  TT_TRY(const Isa isa, isa_from_name(settings.core.isa));
  TT_TRY(const std::string folder, prepare_folder(arguments.folder, settings));

  TickSourceOptions source;
  source.files = arguments.ticks;
  source.file_feed = arguments.run.feed_options(settings);
  if (arguments.seed) settings.simulator.seed = *arguments.seed;
  source.simulator = settings.simulator;
  for (const auto& [name, instrument] : settings.instruments) source.instruments.push_back(instrument);

  ProgressBar bar;
  bar.show("reading", 0, describe(source));
  TT_TRY(const TimeSpan span, span_of(source, settings));
  if (settings.model.path.empty()) {
    const std::string demo_config = folder + "/demo.toml";
    TT_TRY_VOID(write_config(config, demo_config));
    settings.model.path = folder + "/model.ttm";
    settings.strategy.kind = StrategyKind::model_edge;
    TT_TRY_VOID(train(arguments, source, demo_config, settings.model.path, bar));
  }
  TT_TRY(auto model, configured_model(settings));
  const std::int64_t split_ns =
      span.first_ns + static_cast<std::int64_t>(static_cast<double>(span.last_ns - span.first_ns) * kTrainShare);

  if (arguments.serve) {
    const std::string speed = arguments.speed == "max" ? "60x" : arguments.speed;
    return serve_demo({settings, source, std::move(model), isa, split_ns, span.last_ns, speed, folder, arguments.port});
  }

  InstrumentTable instruments(settings.core.instruments_max);
  TT_TRY(const auto feed, DaemonFeed::open(source, arguments.speed, split_ns, instruments));
  TT_TRY_VOID(check_feed(settings, model, feed->contents(), instruments, describe(source)));
  RunReport report(instruments);
  std::optional<DecisionHash> hash;
  DaemonOptions options;
  options.settings = settings;
  options.instruments = &instruments;
  options.model = model ? &*model : nullptr;
  options.isa = isa;
  options.next_tick = [&](Event& out) { return feed->next(out); };
  options.feed_has_ended = [&] { return feed->has_ended(); };
  options.on_event = [&](const Event& event) {
    report.add(event);
    hash->add(event);
  };
  TT_TRY(const auto daemon, Daemon::create(std::move(options)));
  hash.emplace(daemon->carried().epoch);

  const auto run_start = std::chrono::steady_clock::now();
  const double span_ns = static_cast<double>(std::max<std::int64_t>(1, span.last_ns - split_ns));
  TT_TRY_VOID(watch(*daemon, [&] {
    shm::ProgressRow row{};
    if (daemon->core()->run->progress.load(row) && row.time_ns > split_ns) {
      bar.show("running", static_cast<double>(row.time_ns - split_ns) / span_ns,
               fmt::format("{} ticks, {}", grouped(row.inputs), utc_text(row.time_ns)));
    }
  }));
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - run_start).count();
  daemon->remove_segment();
  if (feed->error()) return fail(*feed->error());
  if (report.count(EventType::tick) == 0) return fail({.code = ErrorCode::no_ticks, .doing = "running the demo"});
  bar.finish("running",
             fmt::format("{} ticks, {} events through shared memory in {:.2f} s",
                         grouped(report.count(EventType::tick)), grouped(daemon->events_appended()), wall_s));

  ReportInput input;
  input.title = "Thintail demo";
  input.source = fmt::format("{}; the last {:.0f} % of the span, the model knows only what came before",
                             describe(source), (1 - kTrainShare) * 100);
  input.strategy = strategy_text(settings, model ? &*model : nullptr);
  input.run = &report;
  TT_TRY(BaselineRow fading, fade_baseline(settings, source, split_ns, isa));
  input.baselines = {std::move(fading), {"always flat", 0, 0, {}}};
  input.latency = latency_rows(*daemon->core().operator->());
  if (arguments.speed == "max" && settings.core.topology == Topology::pipelined) {
    input.latency_note =
        "in_ring is queueing: at full speed the feed runs ahead of the engine by as much as the ring holds";
  }
  input.jitter = machine_jitter();
  input.isa = isa_name(isa);
  input.decision_hash = hash->digest();
  input.hashed_outputs = hash->outputs();
  input.wall_s = wall_s;
  const std::string journal = daemon->journal_path();
  input.next_steps = {fmt::format("./thintail replay {}    every output of this run again, byte for byte", journal),
                      arguments.ticks.empty()
                          ? "./thintail demo --ticks FILE...    the same on recorded ticks"
                          : "./thintail replay FILE --dump-bars m1.csv    the bars behind the features",
                      "./thintail run --config thintail.toml    the daemon; ./thintail top watches it",
                      "./thintail bench spine    how fast, against what"};
  if (arguments.json) {
    fmt::print("{}", report_json(input));
  } else {
    fmt::print("\n{}\nreport after {:.1f} s; model and journal in {}\n", report_text(input),
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), folder);
  }
  return ExitCode::ok;
}

}  // namespace

void add_demo(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("demo", "The main job end to end: train, run through shared memory, report");
  auto arguments = std::make_shared<DemoArguments>();
  command->add_option("--ticks", arguments->ticks, "Recorded tick files; without them a simulated market")
      ->type_name("FILE...");
  command->add_option("--seed", arguments->seed, "Seed of the simulated market");
  command->add_option("--speed", arguments->speed, "max, or a multiple of real time such as 60x");
  command->add_option("--folder", arguments->folder, "Where model and journal go, instead of the temporary folder");
  command->add_flag("--json", arguments->json, "Report as JSON");
  command->add_flag("--serve", arguments->serve, "Goes on at 60x, over and over, with the dashboard: prints a link");
  command->add_option("--port", arguments->port, "Port of the dashboard");
  arguments->run.add_config_to(*command);
  arguments->run.add_ticks_to(*command);
  arguments->run.add_model_to(*command);
  command->footer(ticks_help());
  command->callback([arguments, &chosen] { chosen = [arguments] { return demo(*arguments); }; });
}

}  // namespace thintail
