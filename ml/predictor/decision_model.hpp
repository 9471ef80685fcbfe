// SPDX-License-Identifier: Apache-2.0
// DecisionModel: everything that turns feature rows into the scores that decisions are made on, as a pack of kind `events` holds it.
//   path     cold to make
//   threads  immutable once made; any number of predictors read it
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "ml/ensemble/ensemble.hpp"
#include "ml/features/feature_set.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/networks/network.hpp"
#include "ml/regime/regime_file.hpp"

namespace thintail {

// What the scores mean, and what they were made from. For people and checks: nothing of it enters a score.
struct ModelMeaning {
  std::string label;  // "mid_return_bp": forward return of the mid in basis points
  std::int64_t horizon_ns = 0;
  std::string trained_on;  // in words: files or simulator, span, rows
  std::string trained_with;  // libraries, their versions, instruction set: "XGBoost 1.7.4, avx512"
  Sha256Digest data_hash{};  // of the rows and labels trained on
  double entry_cost_multiple = 0;  // thresholds, costs and latency that it was judged at
  double exit_cost_multiple = 0;
  double commission_per_million = 0;
  std::int64_t latency_us = 0;
};

// x' = clamp((x - mean) * per_unit, -clip, clip). An undefined lane gives a network 0; for trees it stays missing.
struct LaneScaling {
  float mean = 0.0f;
  float per_unit = 1.0f;
  float clip = 1e9f;
};

struct ModelMember {
  std::string name;
  std::variant<TreeEnsemble, Network> model;
  std::vector<std::uint16_t> lanes = {};  // of the feature set, in the model's order
  std::vector<LaneScaling> scaling = {};  // one a lane; empty: values as they are
  std::uint32_t output = 0;  // which of the model's outputs is the score
  std::uint32_t warm_up_steps = 0;  // rows that a network must have seen of an instrument before its answer counts
  std::optional<BarPeriod> period = {};  // speaks on the first tick after such a bar has closed; none: on every tick
  double scale = 1.0;  // calibration: score = offset + scale * output
  double offset = 0.0;

  bool is_recurrent() const noexcept {
    const auto* network = std::get_if<Network>(&model);
    return network != nullptr && network->state_floats() != 0;
  }
};

struct DecisionModel {
  std::string path;
  Sha256Digest digest{};  // of the pack: what Model events carry
  ModelMeaning meaning;
  const FeatureSet* features = nullptr;  // lives as long as the process
  LaneMask mandatory;  // one undefined: no valid prediction
  std::vector<ModelMember> members;  // at least one
  EnsembleConfig ensemble{};  // over all members; of one member: soft
  std::optional<RegimeModel> regime;
  std::vector<std::uint16_t> regime_lanes;  // of the feature set, in the regime model's order
  std::optional<BarPeriod> regime_period;  // as ModelMember::period
  // Rows of an instrument that lie further apart than this (engine time) begin a new sequence: what recurrent members and the regime
  // filter remember starts afresh, as it did at such gaps in training. 0: they never do.
  std::int64_t sequence_gap_ns = 0;

  // Names the first field with which no predictor can run: lanes, outputs and members that do not fit each other, numbers out of
  // range. A reader of packs calls it last.
  Result<void> validate() const;

  // Whether scores depend on rows before: then a new model is warmed up before it comes into force.
  bool remembers() const noexcept {
    return regime.has_value() || std::ranges::any_of(members, [](const ModelMember& member) {
             return member.is_recurrent() || member.period.has_value();
           });
  }
};

}  // namespace thintail
