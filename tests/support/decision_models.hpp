// SPDX-License-Identifier: Apache-2.0
// Decision models made up for tests, and ticks turned into what a predictor takes.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "ml/predictor/predictor.hpp"
#include "ml/regime/hmm_fit.hpp"
#include "tests/support/feature_run.hpp"
#include "tests/support/feature_ticks.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail::test {

// What a tick gives a predictor; the row is valid until the next one.
struct PredictorInput {
  const FeatureRow* row;
  std::int64_t twice_mid_e9;
  std::uint32_t closed;
  std::int64_t time_ns;
};

// One instrument's ticks through bars and features, in the order that the pipeline keeps.
class PredictorInputs {
 public:
  PredictorInputs(const FeatureSet& set, Isa isa) : engine_(set, isa, 1) {
    engine_.enable(0, *built_in_instrument("XAUUSD", "oanda"));
  }
  PredictorInput next(const Tick& tick) {
    PredictorInput out{nullptr, tick.bid_e9 + tick.ask_e9, 0, tick.venue_ns};
    bars_.close_until(tick.venue_ns, [&](const ClosedBar& bar) {
      engine_.on_bar(0, bar);
      out.closed |= 1u << static_cast<unsigned>(bar.period);
    });
    bars_.add(tick.bid_e9, tick.ask_e9, tick.venue_ns);
    out.row = &engine_.on_tick(0, tick, tick.venue_ns);
    return out;
  }

 private:
  FeatureEngine engine_;
  BarBuilder bars_{Zone::new_york()};
};

inline TreeEnsemble made_up_trees(int trees, int features, Isa isa, std::uint64_t seed = 5) {
  const std::string json = make_model({.trees = trees, .depth = 6, .features = features, .seed = seed}).dump();
  auto made = TreeEnsemble::from_xgboost_json(json, "made up", isa);
  if (!made) ADD_FAILURE() << made.error().message();
  return std::move(made.value());
}

inline Network made_up_network(const NetworkSpec& spec, bool quantized, Isa isa) {
  const auto rows = RandomNetworks(9).numbers(std::size_t{200} * spec.inputs, 1.0f);
  auto exact = Network::make(spec, isa);
  if (!exact) ADD_FAILURE() << exact.error().message();
  if (!quantized) return std::move(exact.value());
  auto made = Network::make_quantized(spec, exact->calibrate(rows), isa);
  if (!made) ADD_FAILURE() << made.error().message();
  return std::move(made.value());
}

inline std::vector<std::uint16_t> first_lanes(std::size_t count) {
  std::vector<std::uint16_t> lanes(count);
  for (std::size_t i = 0; i < count; ++i) lanes[i] = static_cast<std::uint16_t>(i);
  return lanes;
}

// A model without members: add them, then call finish().
inline DecisionModel empty_model(const FeatureSet& set) {
  DecisionModel model;
  model.features = &set;
  model.mandatory = set.mandatory();
  return model;
}

inline ModelMember trees_member(TreeEnsemble trees) {
  std::vector<std::uint16_t> lanes = first_lanes(trees.feature_count());
  return {.name = "trees", .model = std::move(trees), .lanes = std::move(lanes), .scaling = {}, .period = {}};
}

inline ModelMember network_member(Network network) {
  std::vector<std::uint16_t> lanes = first_lanes(network.inputs());
  return {.name = "network", .model = std::move(network), .lanes = std::move(lanes), .scaling = {}, .period = {}};
}

// Soft voting of all members, each for `age_ns`.
inline DecisionModel finish(DecisionModel model, std::int64_t age_ns = kSecondNs) {
  model.ensemble.members = static_cast<std::uint32_t>(model.members.size());
  for (auto& member : model.ensemble.member) member.age_ns_max = age_ns;
  model.digest[0] = static_cast<std::uint8_t>(model.members.size());
  const auto checked = model.validate();
  if (!checked) ADD_FAILURE() << checked.error().message();
  return model;
}

// Regimes of the minutes of these ticks, by the last 64 moves and the volatility over a minute.
inline RegimeModel regime_of(const FeatureSet& set, std::span<const Tick> ticks) {
  RegimeModel regime{.name = "minutes", .features = {"window_move_64t", "volatility_60s"}};
  std::vector<float> rows;
  PredictorInputs inputs(set, best_isa());
  for (const Tick& tick : ticks) {
    const PredictorInput input = inputs.next(tick);
    if ((input.closed & 1) == 0) continue;
    for (const std::string& name : regime.features) rows.push_back(input.row->values[set.lane(name).value()]);
  }
  auto fit = fit_hmm(rows, 2, {}, {.states = 3, .trend_feature = 0, .volatility_feature = 1});
  if (!fit) ADD_FAILURE() << fit.error().message();
  regime.hmm = fit.value().hmm;
  regime.change = {.probability_min = 0.6, .margin_min = 0.2, .steps_min = 2};
  regime.table.members = 3;
  for (std::size_t i = 0; i < kRegimeLabels; ++i) {
    regime.table.rows[i].risk_scale = 1.0 / static_cast<double>(1 + i);
    regime.table.rows[i].weights = {1.0, 0.25 * static_cast<double>(i), 2.0};
  }
  return regime;
}

// Trees and a quantized LSTM on ticks, a perceptron on M1 bars; weights learned online, scaled by the regime.
inline DecisionModel three_members(const FeatureSet& set, const RegimeModel& regime, Isa isa) {
  DecisionModel model = empty_model(set);
  model.members.push_back(trees_member(made_up_trees(40, 64, isa)));
  RandomNetworks random(31);
  NetworkSpec lstm{.inputs = 64};
  lstm.layers.push_back(random.layer(LayerKind::lstm, 64, 24));
  lstm.layers.push_back(random.layer(LayerKind::dense, 24, 1));
  ModelMember recurrent = network_member(made_up_network(lstm, true, isa));
  recurrent.scaling.assign(64, {.mean = 0.1f, .per_unit = 0.5f, .clip = 3.0f});
  recurrent.warm_up_steps = 50;
  recurrent.scale = 2.0;
  model.members.push_back(std::move(recurrent));
  NetworkSpec dense{.inputs = 16};
  dense.layers.push_back(random.layer(LayerKind::dense, 16, 12, Activation::relu));
  dense.layers.push_back(random.layer(LayerKind::dense, 12, 2));
  ModelMember minutes = network_member(made_up_network(dense, false, isa));
  for (std::size_t i = 0; i < 16; ++i) minutes.lanes[i] = static_cast<std::uint16_t>(63 - 3 * i);
  minutes.scaling.assign(16, {.mean = 0.0f, .per_unit = 0.25f, .clip = 2.0f});
  minutes.output = 1;
  minutes.period = BarPeriod::m1;
  minutes.offset = 0.01;
  model.members.push_back(std::move(minutes));
  model.regime = regime;
  model.regime_period = BarPeriod::m1;
  for (const std::string& name : regime.features)
    model.regime_lanes.push_back(static_cast<std::uint16_t>(set.lane(name).value()));
  model.ensemble.rule = EnsembleRule::online;
  model.ensemble.outcome = {.horizon_ns = 30 * kSecondNs, .sample_ns = kSecondNs, .silence_ns_max = 30 * kSecondNs};
  model.sequence_gap_ns = 600 * kSecondNs;
  model = finish(std::move(model), 2 * kSecondNs);
  model.ensemble.member[2].age_ns_max = 90 * kSecondNs;
  return model;
}

}  // namespace thintail::test
