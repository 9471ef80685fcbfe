// SPDX-License-Identifier: Apache-2.0
// Options that several commands share: configuration, ticks, model and instruction set; and what they lead to.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/feeds/file_feed.hpp"
#include "core/config/config.hpp"
#include "core/isa/isa.hpp"
#include "ml/features/feature_set.hpp"
#include "ml/predictor/decision_model.hpp"

namespace thintail {

struct RunOptions {
  std::string config_path;
  std::vector<std::string> sets;  // --set section.key=value
  std::string clock;
  std::string format;
  std::string instrument;
  std::string model;
  std::string isa;
  bool strict = false;

  // Adds --config and --set.
  void add_config_to(CLI::App& command);
  // Adds --clock, --format, --instrument, --strict.
  void add_ticks_to(CLI::App& command);
  // Adds --model and --isa.
  void add_model_to(CLI::App& command);

  // Configuration with this command line over environment over file over `defaults`.
  Result<Config> load(const Settings& defaults) const;
  FileFeedOptions feed_options(const Settings& settings) const;
};

// Instruments of the configuration, ready for feeds to add theirs.
Result<InstrumentTable> configured_instruments(const Settings& settings);

// The set that the settings name; null where they name none.
Result<const FeatureSet*> configured_features(const Settings& settings);

// Refuses a feed that lacks what the features in force need: the model's, or else the configured ones.
Result<void> check_feed(const Settings& settings, const std::optional<DecisionModel>& model,
                        const FeedContents& contents, const InstrumentTable& instruments, std::string_view source);

// The model that the settings name; empty where they name none. With strategy model_edge a model is required.
Result<std::optional<DecisionModel>> configured_model(const Settings& settings);

// "model_edge (100 trees on core-32, horizon 60 s)". `model` may be null.
std::string strategy_text(const Settings& settings, const DecisionModel* model);

// Formats and clocks, for --help.
std::string ticks_help();

}  // namespace thintail
