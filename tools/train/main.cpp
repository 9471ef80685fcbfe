// SPDX-License-Identifier: Apache-2.0
// thintail-train: trains boosted trees on ticks. A program of its own, since only it links XGBoost.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config/config.hpp"
#include "core/time/duration_text.hpp"
#include "tools/train/convert.hpp"
#include "tools/train/self_check.hpp"
#include "tools/train/trainer.hpp"

namespace thintail {

namespace {

struct CommandLine {
  TrainOptions train;
  std::string set;
  std::string horizon = "60s";
  std::string isa = "auto";
  std::string config;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint32_t> duration_s;
  std::size_t rows_max = 150'000;
  bool simulator = false;
  bool progress = false;
  bool self_check = false;
  std::string mutant;
  std::string convert;
};

void add_options(CLI::App& app, CommandLine& line) {
  RowPassOptions& rows = line.train.rows;
  auto* ticks = app.add_option("--ticks", rows.source.files, "Tick files, in any order")->type_name("FILE...");
  auto* simulator = app.add_flag("--simulator", line.simulator, "Train on simulated ticks")->excludes(ticks);
  app.add_option("--config", line.config, "Configuration with [sources], [instruments] and [simulator]");
  app.add_option("--seed", line.seed, "Seed of the simulator")->needs(simulator);
  app.add_option("--duration", line.duration_s, "Simulated span in seconds")
      ->needs(simulator)
      ->check(CLI::Range(60U, 100'000'000U));
  app.add_option("--start-ns", rows.source.simulator_start_ns, "Where simulated time begins, UTC ns since 1970")
      ->needs(simulator);
  app.add_option("--clock", rows.source.file_feed.clock, "Clock profile of the files' local times, e.g. utc, utc-5");
  app.add_option("--format", rows.source.file_feed.format, "Format of the files instead of detecting it");
  app.add_option("--instrument", rows.source.file_feed.instrument, "Instrument of the files, e.g. XAUUSD@oanda");
  app.add_flag("--strict", rows.source.file_feed.strict, "Refuse bad rows instead of counting them");
  app.add_option("--set", line.set,
                 "Feature set, built in or a TOML file; else features.set of the configuration, else core-32");
  app.add_option("--isa", line.isa, "Instruction set of the feature kernels: auto, scalar, avx2, avx512");
  app.add_option("--horizon", line.horizon, "How far ahead the label looks: a number and ms, s, m or h")
      ->capture_default_str();
  app.add_option("--fraction", rows.train_share, "Share of the time span to train on, from its start")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 1.0));
  app.add_option("--rounds", line.train.rounds, "Trees")->capture_default_str()->check(CLI::Range(1, 10'000));
  app.add_option("--depth", line.train.depth, "Depth of each tree")->capture_default_str()->check(CLI::Range(1, 16));
  app.add_option("--eta", line.train.learning_rate, "Learning rate")
      ->capture_default_str()
      ->check(CLI::Range(1e-4, 1.0));
  app.add_option("--rows", line.rows_max, "Most rows to train on, sampled evenly")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{2}, std::size_t{20'000'000}));
  app.add_option("--out", line.train.out, "Model pack to write; `thintail models inspect` says what it holds")
      ->type_name("MODEL.ttm");
  app.add_flag("--progress", line.progress, "Lines \"progress 0.42 stage\" on standard output, for a program");
  auto* self_check = app.add_flag("--self-check", line.self_check,
                                  "Compare the evaluator with XGBoost on small models of every kind, and end");
  app.add_option("--mutant", line.mutant, "Evaluate wrongly on purpose: the self-check must then exit with 2")
      ->needs(self_check)
      ->check(CLI::IsMember({"less-or-equal", "default-flipped", "categories-moved"}));
  app.add_option("--convert", line.convert, "Write an XGBoost model of the old binary form as JSON to --out, and end")
      ->type_name("OLD.model")
      ->excludes(self_check);
}

Error usage_error(std::string field, std::string expected, std::string found) {
  return {.code = ErrorCode::usage,
          .doing = "reading the command line",
          .field = std::move(field),
          .expected = std::move(expected),
          .found = std::move(found)};
}

// Flag over environment over file over default, as in `thintail`.
Result<void> apply_configuration(CommandLine& line, TickSourceOptions& source) {
  std::vector<Override> overrides;
  if (line.seed) overrides.push_back({"simulator.seed", std::to_string(*line.seed), "--seed"});
  if (line.duration_s) overrides.push_back({"simulator.duration_s", std::to_string(*line.duration_s), "--duration"});
  const auto path = line.config.empty() ? std::nullopt : std::optional<std::filesystem::path>(line.config);
  TT_TRY(const Config config, load_config(path, overrides, thintail_environment()));
  for (const auto& [name, instrument] : config.settings.instruments) source.instruments.push_back(instrument);
  source.file_feed.sources = config.settings.sources;
  source.file_feed.strict = source.file_feed.strict || config.settings.feed.strict;
  source.simulator = config.settings.simulator;
  if (line.set.empty()) line.set = config.settings.features.set.empty() ? "core-32" : config.settings.features.set;
  return {};
}

Result<ExitCode> run_self_check(const CommandLine& line) {
  const Mutant mutant = line.mutant == "less-or-equal"      ? Mutant::less_or_equal
                        : line.mutant == "default-flipped"  ? Mutant::default_flipped
                        : line.mutant == "categories-moved" ? Mutant::categories_moved
                                                            : Mutant::none;
  TT_TRY(const SelfCheckReport report, self_check(mutant));
  fmt::print("self-check: {} models, {} rows each, every margin equal to XGBoost's bit for bit\n", report.models,
             report.rows);
  return ExitCode::ok;
}

Result<ExitCode> run_convert(const CommandLine& line) {
  if (line.train.out.empty()) return fail(usage_error("--out", "where to write the model as JSON", "nothing"));
  TT_TRY(const ConvertReport report, convert_model(line.convert, line.train.out));
  fmt::print("converted: {} trees, {} features, {} outputs; {} rows equal XGBoost's bit for bit\n", report.trees,
             report.features, report.outputs, report.rows_checked);
  return ExitCode::ok;
}

void print_report(const TrainReport& report, const std::string& out) {
  fmt::print(
      "model      {}\n"
      "trained on {}\n"
      "parity     {} margins equal to XGBoost's bit for bit\n",
      out, report.trained_on, report.rows_checked);
  if (report.held_out_rows == 0) {
    fmt::print("held out   no rows: nothing follows the training span\n");
    return;
  }
  fmt::print(
      "held out   {} rows of the following span, before costs\n"
      "                            AUC of sign  correlation\n"
      "           model            {:11.4f}  {:11.4f}\n"
      "           minus last move  {:11.4f}  {:11.4f}\n",
      report.held_out_rows, report.model.auc, report.model.correlation, report.baseline.auc,
      report.baseline.correlation);
}

Result<ExitCode> run(CommandLine& line) {
  if (line.self_check) return run_self_check(line);
  if (!line.convert.empty()) return run_convert(line);
  RowPassOptions& rows = line.train.rows;
  if (rows.source.files.empty() && !line.simulator)
    return fail(usage_error("", "--ticks FILE... or --simulator", "neither"));
  if (line.train.out.empty()) return fail(usage_error("--out", "where to write the model", "nothing"));
  TT_TRY_VOID(apply_configuration(line, rows.source));
  if (line.simulator && rows.source.simulator.duration_s == 0) {
    return fail(usage_error("--duration", "a span that ends", "0, which is endless"));
  }
  TT_TRY(rows.set, FeatureSet::find(line.set));
  TT_TRY(rows.isa, isa_from_name(line.isa));
  TT_TRY(rows.horizon_ns, duration_ns(line.horizon, "--horizon"));
  rows.rows_max = line.rows_max;
  Progress progress(line.progress);
  TT_TRY(const TrainReport report, train(line.train, progress));
  print_report(report, line.train.out);
  return ExitCode::ok;
}

int run_main(int argc, char** argv) {
  CLI::App app("Trains boosted trees on ticks and checks that Thintail evaluates them exactly as XGBoost does.",
               "thintail-train");
  CommandLine line;
  add_options(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  const Result<ExitCode> result = run(line);
  if (result) return static_cast<int>(*result);
  fmt::print(stderr, "{}\n", result.error().message());
  return static_cast<int>(error_info(result.error().code).exit);
}

}  // namespace

}  // namespace thintail

int main(int argc, char** argv) {
  try {
    return thintail::run_main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "thintail-train: {}\n", error.what());
  } catch (...) {
    fmt::print(stderr, "thintail-train: unknown exception\n");
  }
  return static_cast<int>(thintail::ExitCode::internal);
}
