// SPDX-License-Identifier: Apache-2.0
// DecisionModelSpec: held to its rules, then laid out.
#include "ml/pack/model_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace thintail::pack {

namespace {

constexpr std::size_t kNameSizeMax = 64;

std::unexpected<Error> refuse_spec(const std::string& file, std::string field, std::string expected,
                                   std::string found) {
  return fail({.code = ErrorCode::model_unsupported,
               .doing = "putting a model together",
               .file = file,
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

Result<void> check_names(const std::vector<MemberSpec>& members, const std::string& file) {
  for (std::size_t index = 0; index < members.size(); ++index) {
    const std::string& name = members[index].name;
    const bool is_name = !name.empty() && name.size() <= kNameSizeMax && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    });
    if (is_name && std::ranges::count(members, name, &MemberSpec::name) == 1) continue;
    return refuse_spec(file, fmt::format("members[{}].name", index),
                       fmt::format("1 to {} of [a-z0-9._-], of one member only", kNameSizeMax), printable(name, 100));
  }
  return {};
}

// Nothing of it enters a score, but a file must be able to hold it.
Result<void> check_meaning(const ModelMeaning& meaning, const std::string& file) {
  if (meaning.horizon_ns < 0 || meaning.latency_us < 0) {
    return refuse_spec(file, "meaning.horizon_ns", "0 or more, as latency_us",
                       fmt::format("{}, {}", meaning.horizon_ns, meaning.latency_us));
  }
  for (const double cost : {meaning.entry_cost_multiple, meaning.exit_cost_multiple, meaning.commission_per_million}) {
    if (!std::isfinite(cost))
      return refuse_spec(file, "meaning.entry_cost_multiple", "finite, as all costs", fmt::format("{}", cost));
  }
  return {};
}

Result<std::vector<std::uint16_t>> lanes_of(const RegimeModel& regime, const FeatureSet& features,
                                            const std::string& file) {
  std::vector<std::uint16_t> out;
  for (const std::string& name : regime.features) {
    const auto lane = features.lane(name);
    if (!lane)
      return refuse_spec(file, "regime.features", fmt::format("lanes of set {}", features.name()), printable(name));
    out.push_back(static_cast<std::uint16_t>(*lane));
  }
  return out;
}

}  // namespace

DecisionModelSpec spec_of_one(const FeatureSet& features, std::variant<DecisionTrees, NetworkSource> model,
                              Origin origin, ModelMeaning meaning) {
  DecisionModelSpec spec{.producer = std::move(origin.producer),
                         .meaning = std::move(meaning),
                         .features = &features,
                         .mandatory = features.mandatory(),
                         .members = {},
                         .ensemble = {},
                         .regime = {},
                         .regime_period = {},
                         .sequence_gap_ns = 0};
  MemberSpec member{.name = "main",
                    .source = std::move(origin.source),
                    .source_sha256 = origin.source_sha256,
                    .model = std::move(model),
                    .lanes = {},
                    .scaling = {},
                    .period = {}};
  for (std::size_t lane = 0; lane < features.lanes().size(); ++lane)
    member.lanes.push_back(static_cast<std::uint16_t>(lane));
  spec.members.push_back(std::move(member));
  spec.ensemble.members = 1;
  spec.ensemble.member[0].age_ns_max = kMemberAgeNs;
  return spec;
}

Result<Network> make_network(const NetworkSource& source, Isa isa, const std::string& file) {
  return source.ranges ? Network::make_quantized(source.spec, *source.ranges, isa, file)
                       : Network::make(source.spec, isa, file);
}

Result<DecisionModel> make_decision_model(const DecisionModelSpec& spec, const Sha256Digest& digest,
                                          const std::string& path, Isa isa) {
  if (spec.features == nullptr) return refuse_spec(path, "features", "a feature set", "none");
  if (spec.ensemble.meta.evaluate != nullptr) {
    return refuse_spec(path, "ensemble", "no meta-model of code: a file cannot hold one", "one");
  }
  TT_TRY_VOID(check_names(spec.members, path));
  TT_TRY_VOID(check_meaning(spec.meaning, path));
  DecisionModel model{.path = path,
                      .digest = digest,
                      .meaning = spec.meaning,
                      .features = spec.features,
                      .mandatory = spec.mandatory,
                      .members = {},
                      .ensemble = spec.ensemble,
                      .regime = spec.regime,
                      .regime_lanes = {},
                      .regime_period = spec.regime_period,
                      .sequence_gap_ns = spec.sequence_gap_ns};
  if (spec.regime) {
    TT_TRY(model.regime_lanes, lanes_of(*spec.regime, *spec.features, path));
  }
  for (const MemberSpec& one : spec.members) {
    std::optional<std::variant<TreeEnsemble, Network>> laid_out;
    if (const auto* trees = std::get_if<DecisionTrees>(&one.model)) {
      laid_out = TreeEnsemble::from_trees(*trees, digest, isa);
    } else {
      TT_TRY(laid_out, make_network(std::get<NetworkSource>(one.model), isa, path));
    }
    model.members.push_back({.name = one.name,
                             .model = std::move(*laid_out),
                             .lanes = one.lanes,
                             .scaling = one.scaling,
                             .output = one.output,
                             .warm_up_steps = one.warm_up_steps,
                             .period = one.period,
                             .scale = one.scale,
                             .offset = one.offset});
  }
  if (auto valid = model.validate(); !valid) {
    valid.error().file = path;
    return std::unexpected(std::move(valid).error());
  }
  return model;
}

}  // namespace thintail::pack
