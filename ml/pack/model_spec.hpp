// SPDX-License-Identifier: Apache-2.0
// DecisionModelSpec: a DecisionModel before it is laid out for a CPU: trees and networks in plain form. What a pack of kind `events` stores.
//   path  cold
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/isa/isa.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/networks/network.hpp"
#include "ml/networks/network_spec.hpp"
#include "ml/predictor/decision_model.hpp"

namespace thintail::pack {

// Where a pack's model came from.
struct Origin {
  std::string producer;  // the program that wrote the pack: "thintail 0.1.0"
  std::string source;  // what its importer says: "XGBoost 1.7", "LightGBM text v4"
  Sha256Digest source_sha256{};  // of the file that was imported
};

// How long a lone member's answer counts: it speaks on every tick.
inline constexpr std::int64_t kMemberAgeNs = 60'000'000'000;

struct NetworkSource {
  NetworkSpec spec;
  std::optional<NetworkRanges> ranges;  // int8 where it has them, float32 without
};

struct MemberSpec {
  std::string name;  // [a-z0-9._-]{1,64}, one of its own
  std::string source;  // as Origin's
  Sha256Digest source_sha256{};
  std::variant<DecisionTrees, NetworkSource> model;
  // As ModelMember's.
  std::vector<std::uint16_t> lanes;
  std::vector<LaneScaling> scaling;
  std::uint32_t output = 0;
  std::uint32_t warm_up_steps = 0;
  std::optional<BarPeriod> period;
  double scale = 1.0;
  double offset = 0.0;

  bool is_trees() const noexcept { return std::holds_alternative<DecisionTrees>(model); }
};

struct DecisionModelSpec {
  std::string producer;
  ModelMeaning meaning;
  const FeatureSet* features = nullptr;  // lives as long as the process
  LaneMask mandatory;
  std::vector<MemberSpec> members;
  EnsembleConfig ensemble{};
  std::optional<RegimeModel> regime;  // its features name lanes of the set
  std::optional<BarPeriod> regime_period;
  std::int64_t sequence_gap_ns = 0;  // as DecisionModel's
};

// A spec of one member over every lane of the set in its order, with the set's own mandatory lanes: what a trainer or importer starts from.
DecisionModelSpec spec_of_one(const FeatureSet& features, std::variant<DecisionTrees, NetworkSource> model,
                              Origin origin, ModelMeaning meaning);

// A network for this CPU, in float32 or int8 as its source says. `file` is what errors name.
Result<Network> make_network(const NetworkSource& source, Isa isa, const std::string& file);

// Checks that the parts fit each other, and lays them out.
Result<DecisionModel> make_decision_model(const DecisionModelSpec& spec, const Sha256Digest& digest,
                                          const std::string& path, Isa isa);

}  // namespace thintail::pack
