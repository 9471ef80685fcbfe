// SPDX-License-Identifier: Apache-2.0
// `thintail run`: the daemon: a feed into the pipeline, intents to the paper venue, everything journaled.
#include <fmt/format.h>
#include <unistd.h>

#include "core/base/int128.hpp"
#include "core/log/log.hpp"
#include "core/price/decimal.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/thintail/commands.hpp"
#include "tools/thintail/daemon_run.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {
namespace {

struct RunArguments {
  RunOptions run;
  std::string instance;
};

Result<ExitCode> run(const RunArguments& arguments) {
  RunOptions run_options = arguments.run;
  if (!arguments.instance.empty()) run_options.sets.push_back("core.instance=" + arguments.instance);
  TT_TRY(const Config config, run_options.load(Settings{}));
  const Settings& settings = config.settings;
  outlive_failed_writes();
  TT_TRY_VOID(log::start({}));
  TT_TRY(const Isa isa, isa_from_name(settings.core.isa));
  TT_TRY(const auto model, configured_model(settings));

  const bool is_live = settings.feed.kind == FeedKind::simulator;
  TickSourceOptions source;
  if (settings.feed.kind == FeedKind::files) {
    if (settings.feed.files.empty()) {
      return fail({.code = ErrorCode::config_missing,
                   .doing = "opening the feed",
                   .field = "feed.files",
                   .expected = "at least one tick file",
                   .found = "none"});
    }
    source.files = settings.feed.files;
  }
  source.file_feed = arguments.run.feed_options(settings);
  source.simulator = settings.simulator;
  TT_TRY(const EngineClock clock, EngineClock::calibrate(1'000'000));
  if (is_live) source.simulator_start_ns = clock.now_ns();
  for (const auto& [name, instrument] : settings.instruments) source.instruments.push_back(instrument);

  InstrumentTable instruments(settings.core.instruments_max);
  // A live simulator plays in real time whatever the speed setting, which is for files.
  TT_TRY(const auto feed, DaemonFeed::open(source, is_live ? "1x" : settings.feed.speed,
                                           std::numeric_limits<std::int64_t>::min(), instruments));
  TT_TRY_VOID(check_feed(settings, model, feed->contents(), instruments, describe(source)));
  DaemonOptions options;
  options.settings = settings;
  options.instruments = &instruments;
  options.model = model ? &*model : nullptr;
  if (model) {
    options.decode_model = [isa, set = model->features](std::string_view bytes, const std::string& file) {
      return decode_decision_model(bytes, file, isa, set);
    };
  }
  options.isa = isa;
  options.is_live = is_live;
  options.next_tick = [&](Event& out) { return feed->next(out); };
  options.feed_has_ended = [&] { return feed->has_ended(); };
  TT_TRY(const auto daemon, Daemon::create(std::move(options)));

  const Carried& carried = daemon->carried();
  log::info("instance {} epoch {}, pid {}, {}, isa {}, {}", settings.core.instance, carried.epoch, ::getpid(),
            describe(source), isa_name(isa), strategy_text(settings, model ? &*model : nullptr));
  if (carried.recovered_events != 0) {
    log::info("{} events of the epoch before were still only in shared memory; they are in the journal now",
              carried.recovered_events);
  }
  for (const auto& [name, position] : carried.positions) {
    log::info("carried over: {} {}, realised {}", name, format_decimal_e9(position.quantity_e9),
              format_money_e18(from_words(position.realised_low, position.realised_high)));
  }
  if (settings.risk.empty())
    log::warn("no risk limits are configured, so every order will be refused (see [risk] in thintail.toml)");
  for (const std::string& note : daemon->notes()) log::warn("{}", note);
  if (!daemon->journal_path().empty()) log::info("journal {}", daemon->journal_path());

  const Result<void> ended = watch(*daemon, [] {});
  log::info("stopped after {} events", daemon->events_appended());
  log::stop();
  TT_TRY_VOID(ended);
  if (feed->error()) return fail(*feed->error());
  return ExitCode::ok;
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("run", "The daemon, on the paper venue; SIGINT or SIGTERM ends it in order");
  auto arguments = std::make_shared<RunArguments>();
  command->add_option("--instance", arguments->instance, "Name of the segment, its lock and its journal folder");
  arguments->run.add_config_to(*command);
  arguments->run.add_ticks_to(*command);
  arguments->run.add_model_to(*command);
  command->footer(
      "Attach from another process with `thintail top`, `stat` or `events`; command it with `thintail ctl`.");
  command->callback([arguments, &chosen] { chosen = [arguments] { return run(*arguments); }; });
}

}  // namespace thintail
