// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/assert.hpp"
#include "core/config/raw_value.hpp"
#include "core/time/zone.hpp"
#include "ml/features/built_in_sets.hpp"

namespace thintail {
namespace {

void append_text(std::string& out, std::string_view key, std::string_view value) {
  out.append(key).append(" = ").append(config::toml_string(value)).append("\n");
}

}  // namespace

const FeatureRules& FeatureRules::in_force() {
  static const FeatureRules kRules{
      .numeric_contract = "1",
      .rules =
          {{"arithmetic", "f64 state, f32 row rounded once; fused multiply-add only where written; -0 is +0"},
           {"bars",
            "[start, end) by venue time; a tick at end belongs to the next bar; no empty bars; M1 to H1 in UTC; H4 "
            "and D1 from 17:00 New York"},
           {"calendar",
            "fx: Sunday 17:00 to Friday 17:00 New York; gold: from 18:00, daily break 17:00 to 18:00; no holidays"},
           {"decay",
            "w = 1 - 2^(-dt/h), d = 2^(-dt/h), dt in trading time, dt/h at most 64; x' is x of the tick before"},
           {"missing", "NaN 0x7fc00000 and a clear mask bit"},
           {"time", "venue time, non-decreasing for each instrument"},
           {"warm_up", "a decay is defined two half-lives of trading time after the first tick"}},
      .zones = {{Zone::new_york().name(), Zone::new_york().hash()}}};
  return kRules;
}

FeatureSet::FeatureSet(std::string name, std::string description, std::vector<Feature> features,
                       std::vector<std::string> names)
    : name_(std::move(name)),
      description_(std::move(description)),
      features_(std::move(features)),
      texts_(std::move(names)) {
  TT_CHECK(features_.size() <= kMaxLanes && texts_.size() == features_.size(), "a name for each of at most 256 lanes");
  const std::size_t size = features_.size();
  for (const Feature& feature : features_) texts_.push_back(needs_text(needs_of(feature)));
  for (std::size_t i = 0; i < size; ++i) {
    const Feature& feature = features_[i];
    const FeatureFamily& family = *feature.family;
    needs_ = needs_ | needs_of(feature);
    mandatory_.set(i, feature.mandatory);
    lanes_.push_back({.name = texts_[i],
                      .unit = family.unit,
                      .basis = family.takes_basis ? basis_name(feature.basis) : family.basis,
                      .needs = texts_[size + i],
                      .warm_up = family.warm_up,
                      .formula = family.formula,
                      .version = family.version,
                      .mandatory = feature.mandatory});
  }
  text_ = canonical_text(FeatureRules::in_force());
  hash_ = sha256(text_);
}

std::string FeatureSet::canonical_text(const FeatureRules& rules) const {
  std::string text;
  append_text(text, "name", name_);
  append_text(text, "numeric_contract", rules.numeric_contract);
  text.append("\n[rules]\n");
  for (const FeatureRules::Rule& rule : rules.rules) append_text(text, rule.key, rule.text);
  for (const FeatureRules::ZoneDigest& zone : rules.zones) {
    text.append("\n[[zone]]\n");
    append_text(text, "name", zone.name);
    append_text(text, "sha256", to_hex(zone.sha256));
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const FeatureInfo& lane = lanes_[i];
    text.append("\n[[feature]]\n");
    append_text(text, "name", lane.name);
    const FeatureFamily& family = *features_[i].family;
    append_text(text, "feature", family.name);
    for (const ParameterInfo& info : family.parameters) {
      const double value = parameter_value(features_[i], info.parameter);
      text.append(fmt::format("{} = {}\n", parameter_name(info.parameter), parameter_text(info.parameter, value)));
    }
    if (family.takes_peer) append_text(text, "peer", features_[i].peer.view());
    append_text(text, "seeding", family.seeding);
    append_text(text, "source", family.source);
    append_text(text, "reference", family.reference);
    append_text(text, "unit", lane.unit);
    append_text(text, "basis", lane.basis);
    append_text(text, "needs", lane.needs);
    append_text(text, "warm_up", lane.warm_up);
    append_text(text, "formula", lane.formula);
    text.append(fmt::format("version = {}\nmandatory = {}\n", lane.version, lane.mandatory));
  }
  return text;
}

std::optional<std::size_t> FeatureSet::lane(std::string_view name) const noexcept {
  const auto found = std::ranges::find(lanes_, name, &FeatureInfo::name);
  if (found == lanes_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - lanes_.begin());
}

Result<void> FeatureSet::require(Needs have, std::string_view source) const {
  const auto missing = static_cast<Needs>(needs_ & ~have);
  if (missing == 0) return {};
  std::size_t count = 0;
  std::string_view first;
  for (std::size_t i = 0; i < features_.size(); ++i) {
    if ((needs_of(features_[i]) & missing) == 0) continue;
    if (count++ == 0) first = lanes_[i].name;
  }
  return fail({.code = ErrorCode::feature_needs,
               .doing = fmt::format("checking that {} can serve feature set {}", printable(source, 300), name_),
               .field = std::string(first),
               .expected = fmt::format("{}, which {} of {} lanes need, {} the first", needs_text(missing), count,
                                       lanes_.size(), first),
               .found = have == 0 ? "nothing of what features need" : fmt::format("{} only", needs_text(have))});
}

std::span<const FeatureSet* const> FeatureSet::all() noexcept {
  static const std::vector<FeatureSet> kSets = [] {
    std::vector<FeatureSet> built_in;
    for (const BuiltInSet& one : built_in_sets()) {
      auto set = from_toml(one.text, fmt::format("{}.toml", one.name));
      TT_CHECK(set.has_value(), set.error().message().c_str());
      TT_CHECK(set->name() == one.name, "a built-in set to have its file's name");
      built_in.push_back(std::move(*set));
    }
    return built_in;
  }();
  static const std::vector<const FeatureSet*> kPointers = [] {
    std::vector<const FeatureSet*> all;
    all.reserve(kSets.size());
    for (const FeatureSet& set : kSets) all.push_back(&set);
    return all;
  }();
  return kPointers;
}

const FeatureSet* FeatureSet::built_in(std::string_view name) noexcept {
  const auto found = std::ranges::find(all(), name, &FeatureSet::name);
  return found == all().end() ? nullptr : *found;
}

const FeatureSet& FeatureSet::core_32() {
  static const FeatureSet& set = *built_in("core-32");
  return set;
}

}  // namespace thintail
