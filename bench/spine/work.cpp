// SPDX-License-Identifier: Apache-2.0
#include "bench/spine/work.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "bench/harness/market_data.hpp"
#include "bench/harness/scratch.hpp"
#include "core/base/whole_file.hpp"
#include "core/config/demo_settings.hpp"
#include "core/thread/float_mode.hpp"
#include "ml/models/decision_trees.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/train/trainer.hpp"

namespace thintail::bench {
namespace {

namespace fs = std::filesystem;

// The longest features of core-32 warm up for two half-lives of an hour; without them predictions are not valid.
constexpr std::int64_t kWarmUpNs = 3LL * 3'600 * 1'000'000'000;
constexpr std::size_t kTrainRowsMax = 60'000;
constexpr std::size_t kTrainRowsQuick = 5'000;  // with --iterations, whose figures mean nothing

Settings settings_for(StrategyKind kind) {
  Settings settings = demo_settings();
  settings.strategy.kind = kind;
  // Lower than anybody would trade by, so that enough ticks end in an intent to be counted apart.
  settings.strategy.entry_cost_multiple = 0.05;
  settings.strategy.cooldown_ms = 100;
  for (auto& [symbol, limits] : settings.risk) limits.max_orders_per_second = 100;
  return settings;
}

Result<std::unique_ptr<Work>> make_work(const Options& options) {
  set_float_mode();  // the libraries linked here may have changed it
  auto work = std::make_unique<Work>(Work{.source = {},
                                          .source_text = {},
                                          .instruments = InstrumentTable(Settings{}.core.instruments_max),
                                          .ticks = {},
                                          .with_model = settings_for(StrategyKind::model_edge),
                                          .without_model = settings_for(StrategyKind::fade_last_move),
                                          .clock = {}});
  TT_TRY(work->clock, EngineClock::calibrate());
  work->source.files = options.ticks.empty() ? default_tick_files() : options.ticks;
  work->source_text = (work->source.files.empty() ? "SIMULATED ticks: " : "real ticks: ") + describe(work->source);

  TT_TRY(TickSource source, TickSource::open(work->source, work->instruments));
  work->ticks.reserve(Work::kTicksMax);
  Event tick;
  while (work->ticks.size() < Work::kTicksMax && source.poll(tick)) work->ticks.push_back(tick);
  if (source.error()) return fail(*source.error());
  std::size_t& first = work->first_measured;
  while (first < work->ticks.size() && work->ticks[first].time_ns < work->ticks[0].time_ns + kWarmUpNs) ++first;
  if (first == work->ticks.size()) {
    return fail({.code = ErrorCode::no_ticks,
                 .doing = "reading ticks to measure with: " + describe(work->source),
                 .expected = "more than three hours of them, which warm the features up",
                 .found = fmt::format("{} ticks", work->ticks.size())});
  }
  return work;
}

}  // namespace

std::vector<std::string> default_tick_files() {
  std::vector<std::string> files;
  const fs::path folder = data_folder();
  for (const char* day : {"01", "02"}) {
    const fs::path file = folder / "ticks" / fmt::format("oanda_xauusd_tick_201405{}.csv.zst", day);
    std::error_code fault;
    if (!folder.empty() && fs::exists(file, fault)) files.push_back(file.string());
  }
  return files;
}

Result<const Work*> Workshop::work(const Options& options) {
  if (!work_) {
    TT_TRY(work_, make_work(options));
  }
  return work_.get();
}

Result<const DecisionModel*> Workshop::model(const Options& options) {
  if (model_) return model_.get();
  if (!options.model.empty()) return keep_model(options.model, {});
  TT_TRY(const Work* ready, work(options));
  TT_TRY(const Scratch scratch, Scratch::create(fs::temp_directory_path()));
  TrainOptions training;
  training.rows.source = ready->source;
  TT_TRY(training.rows.set, FeatureSet::find("core-32"));
  training.rows.isa = best_isa();
  training.rows.horizon_ns = 60LL * 1'000'000'000;
  training.rows.rows_max = options.iterations == 0 ? kTrainRowsMax : kTrainRowsQuick;
  training.out = scratch.file("model.ttm");
  Progress progress(false);
  TT_TRY(TrainReport report, train(training, progress));
  set_float_mode();
  return keep_model(training.out, std::move(report.booster_json));
}

Result<const DecisionModel*> Workshop::keep_model(const std::string& path, std::string json) {
  TT_TRY(pack_, read_whole_file(path, model_reading("reading the model")));
  TT_TRY(DecisionModel loaded, decode_decision_model(pack_, path));
  model_json_ = std::move(json);
  model_ = std::make_unique<DecisionModel>(std::move(loaded));
  return model_.get();
}

Result<std::string> Workshop::pack(const Options& options) {
  TT_TRY_VOID(model(options));
  return pack_;
}

Result<std::string> Workshop::model_json(const Options& options) {
  TT_TRY_VOID(model(options));
  return model_json_;
}

}  // namespace thintail::bench
