// SPDX-License-Identifier: Apache-2.0
// Decision models made up for tests, as specs and as packs on disk.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ml/features/feature_set.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/pack/model_spec.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/regime_rows.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail::test {

inline DecisionTrees trees_of_json(const std::string& json) {
  auto trees = read_xgboost_json(json, "made up");
  EXPECT_TRUE(trees.has_value()) << (trees ? "" : trees.error().message());
  return trees ? std::move(*trees) : DecisionTrees{};
}

// One member of trees on every lane of a set.
inline pack::DecisionModelSpec trees_spec(const FeatureSet& set, DecisionTrees trees) {
  return pack::spec_of_one(set, std::move(trees),
                           {.producer = "thintail test", .source = "XGBoost 1.7", .source_sha256 = {}},
                           {.label = "mid_return_bp",
                            .horizon_ns = 10'000'000'000,
                            .trained_on = "nothing: made up for a test",
                            .trained_with = "nothing",
                            .data_hash = {}});
}

inline pack::DecisionModelSpec random_trees_spec(const FeatureSet& set, int trees = 20, int depth = 4,
                                                 std::uint64_t seed = 7) {
  const int features = static_cast<int>(set.lanes().size());
  return trees_spec(
      set, trees_of_json(make_model({.trees = trees, .depth = depth, .features = features, .seed = seed}).dump()));
}

// Everything that a pack can hold: trees on all lanes, an LSTM on a few scaled ones, an int8 MLP at M1 bars, online weights, regimes.
inline pack::DecisionModelSpec full_spec(const FeatureSet& set) {
  pack::DecisionModelSpec spec = random_trees_spec(set);
  spec.members[0].name = "trees";
  RandomNetworks random(3);
  pack::MemberSpec lstm{
      .name = "lstm", .source = "made up", .source_sha256 = {}, .model = {}, .lanes = {}, .scaling = {}, .period = {}};
  NetworkSpec lstm_network{.inputs = 6};
  lstm_network.layers.push_back(random.layer(LayerKind::lstm, 6, 16));
  lstm_network.layers.push_back(random.layer(LayerKind::dense, 16, 2));
  lstm.model = pack::NetworkSource{.spec = std::move(lstm_network), .ranges = {}};
  for (std::uint16_t lane = 0; lane < 6; ++lane) {
    lstm.lanes.push_back(static_cast<std::uint16_t>(lane * 2));
    lstm.scaling.push_back({.mean = 0.25f * static_cast<float>(lane), .per_unit = 0.3f, .clip = 4.0f});
  }
  lstm.output = 1;
  lstm.warm_up_steps = 50;
  lstm.scale = 0.7;
  lstm.offset = -0.01;
  spec.members.push_back(std::move(lstm));
  pack::MemberSpec mlp{.name = "mlp",
                       .source = "made up",
                       .source_sha256 = {},
                       .model = {},
                       .lanes = {},
                       .scaling = {},
                       .period = BarPeriod::m1};
  pack::NetworkSource mlp_network{.spec = {.inputs = 8}, .ranges = {}};
  mlp_network.spec.layers.push_back(random.layer(LayerKind::dense, 8, 24, Activation::relu));
  mlp_network.spec.layers.push_back(random.layer(LayerKind::dense, 24, 1));
  mlp_network.ranges =
      Network::make(mlp_network.spec, Isa::scalar)->calibrate(random.numbers(std::size_t{8} * 100, 2.0f));
  mlp.model = std::move(mlp_network);
  for (std::uint16_t lane = 0; lane < 8; ++lane) mlp.lanes.push_back(lane);
  spec.members.push_back(std::move(mlp));
  spec.ensemble.rule = EnsembleRule::online;
  spec.ensemble.members = 3;
  for (std::size_t i = 0; i < 3; ++i) spec.ensemble.member[i].age_ns_max = 600'000'000'000;
  spec.ensemble.outcome = {.horizon_ns = 10'000'000'000, .sample_ns = 1'000'000'000, .silence_ns_max = 60'000'000'000};
  spec.regime = RegimeModel{.name = "made-up",
                            .features = {std::string(set.lanes()[2].name), std::string(set.lanes()[3].name)},
                            .hmm = four_regimes()};
  spec.regime->table.members = 3;
  for (std::size_t row = 0; row < kRegimeLabels; ++row) {
    spec.regime->table.rows[row].risk_scale = row == 0 ? 1.0 : 0.5;
    for (std::size_t i = 0; i < 3; ++i)
      spec.regime->table.rows[row].weights[i] = 1.0 + 0.25 * static_cast<double>((row + i) % 3);
  }
  spec.regime_period = BarPeriod::m1;
  spec.sequence_gap_ns = 4 * 3'600 * std::int64_t{1'000'000'000};
  return spec;
}

inline std::string packed(const pack::DecisionModelSpec& spec) {
  auto bytes = encode_decision_model(spec, "made up");
  EXPECT_TRUE(bytes.has_value()) << (bytes ? "" : bytes.error().message());
  return bytes ? std::move(*bytes) : std::string();
}

// Writes FOLDER/NAME; returns its path.
inline std::string write_pack(const std::string& folder, const pack::DecisionModelSpec& spec,
                              std::string_view name = "model.ttm") {
  const std::string path = folder + "/" + std::string(name);
  std::ofstream(path, std::ios::binary) << packed(spec);
  return path;
}

}  // namespace thintail::test
