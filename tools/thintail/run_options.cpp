// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/run_options.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "core/time/clock_profile.hpp"
#include "strategies/model/decision_model_file.hpp"

namespace thintail {

void RunOptions::add_config_to(CLI::App& command) {
  command.add_option("--config", config_path, "Configuration file (TOML); see thintail.toml");
  command.add_option("--set", sets, "One setting over file and environment, e.g. --set strategy.cooldown_ms=500")
      ->type_name("SECTION.KEY=VALUE");
}

void RunOptions::add_ticks_to(CLI::App& command) {
  command.add_option("--clock", clock, "Clock profile of the files' local times, e.g. utc, utc-5, new-york");
  command.add_option("--format", format, "Format of the files instead of detecting it");
  command.add_option("--instrument", instrument,
                     "Instrument of the files, e.g. XAUUSD@oanda, instead of from their names");
  command.add_flag("--strict", strict, "Refuse bad rows, crossed quotes and backward times instead of counting them");
}

void RunOptions::add_model_to(CLI::App& command) {
  command.add_option("--model", model, "Model pack (.ttm of kind events): strategy model_edge");
  command.add_option("--isa", isa, "Instruction set of the kernels: auto, scalar, avx2, avx512");
}

Result<Config> RunOptions::load(const Settings& defaults) const {
  std::vector<Override> overrides;
  for (const std::string& text : sets) {
    TT_TRY(Override one, parse_override(text));
    overrides.push_back(std::move(one));
  }
  if (!model.empty()) {
    // The journal must name a file that a later replay finds from any folder.
    overrides.push_back({"model.path", std::filesystem::absolute(model).lexically_normal().string(), "--model"});
    overrides.push_back({"strategy.kind", "model_edge", "--model"});
  }
  if (!isa.empty()) overrides.push_back({"core.isa", isa, "--isa"});
  if (strict) overrides.push_back({"feed.strict", "true", "--strict"});
  const std::optional<std::filesystem::path> path =
      config_path.empty() ? std::nullopt : std::optional<std::filesystem::path>(config_path);
  TT_TRY(Config config, load_config(path, overrides, thintail_environment(), defaults));
  // The journal must name files that a later replay finds from any folder.
  const auto absolute = [](std::string& file) { file = std::filesystem::absolute(file).lexically_normal().string(); };
  if (FeatureSet::is_path(config.settings.features.set)) absolute(config.settings.features.set);
  if (!config.settings.model.path.empty()) absolute(config.settings.model.path);
  return config;
}

FileFeedOptions RunOptions::feed_options(const Settings& settings) const {
  return {format, clock, instrument, settings.feed.strict, settings.sources};
}

Result<InstrumentTable> configured_instruments(const Settings& settings) {
  InstrumentTable table(settings.core.instruments_max);
  for (const auto& [name, instrument] : settings.instruments) TT_TRY_VOID(table.add(instrument));
  return table;
}

Result<const FeatureSet*> configured_features(const Settings& settings) {
  if (settings.features.set.empty()) return nullptr;
  return FeatureSet::find(settings.features.set);
}

Result<void> check_feed(const Settings& settings, const std::optional<DecisionModel>& model,
                        const FeedContents& contents, const InstrumentTable& instruments, std::string_view source) {
  TT_TRY(const FeatureSet* set, configured_features(settings));
  if (model) set = model->features;
  return set == nullptr ? Result<void>() : set->require(needs_served(contents, instruments.size()), source);
}

Result<std::optional<DecisionModel>> configured_model(const Settings& settings) {
  std::optional<DecisionModel> model;
  if (!settings.model.path.empty()) {
    TT_TRY(const FeatureSet* features, configured_features(settings));
    TT_TRY(const Isa isa, isa_from_name(settings.core.isa));
    TT_TRY(DecisionModel loaded, load_decision_model(settings.model.path, isa, features));
    model.emplace(std::move(loaded));
  } else if (settings.strategy.kind == StrategyKind::model_edge) {
    return fail({.code = ErrorCode::config_missing,
                 .doing = "preparing strategy model_edge",
                 .field = "model.path",
                 .expected = "a model file (or --model)",
                 .found = "none"});
  }
  return model;
}

std::string strategy_text(const Settings& settings, const DecisionModel* model) {
  switch (settings.strategy.kind) {
    case StrategyKind::flat: return "flat";
    case StrategyKind::fade_last_move: return "fade_last_move";
    case StrategyKind::model_edge: break;
  }
  if (model == nullptr) return "model_edge";
  return fmt::format("model_edge ({} on {}, {} over {} s, entry at {} costs, exit at {})", describe(*model),
                     model->features->name(), model->meaning.label, model->meaning.horizon_ns / 1'000'000'000,
                     settings.strategy.entry_cost_multiple, settings.strategy.exit_cost_multiple);
}

std::string ticks_help() {
  std::string text = "Formats:\n";
  for (const auto& row : feed_formats()) text += fmt::format("  {:<16} {}\n", row.name, row.description);
  text += "Clocks:\n";
  for (const auto& row : clock_profiles()) text += fmt::format("  {:<16} {}\n", row.name, row.description);
  return text;
}

}  // namespace thintail
