// SPDX-License-Identifier: Apache-2.0
#include "ml/predictor/decision_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace thintail {
namespace {

constexpr double kCalibrationMax = 1e9;
constexpr float kScalingMax = 1e30f;
constexpr std::int64_t kSequenceGapMaxNs = std::int64_t{366} * 86'400 * 1'000'000'000;

Result<void> refuse(std::string field, std::string expected, std::string found) {
  return fail({.code = ErrorCode::model_unsupported,
               .doing = "checking a decision model",
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

struct ModelSize {
  std::size_t inputs;
  std::size_t outputs;
};

ModelSize size_of(const ModelMember& member) {
  return std::visit(
      [](const auto& model) -> ModelSize {
        if constexpr (requires { model.feature_count(); }) {
          return {model.feature_count(), model.output_count()};
        } else {
          return {model.inputs(), model.outputs()};
        }
      },
      member.model);
}

Result<void> check_lanes(const std::vector<std::uint16_t>& lanes, std::size_t set_lanes, std::size_t inputs,
                         const std::string& field) {
  if (lanes.size() != inputs || lanes.size() > kMaxLanes) {
    return refuse(field, fmt::format("{} lanes, one an input, and at most {}", inputs, kMaxLanes),
                  fmt::format("{}", lanes.size()));
  }
  const auto beyond = std::ranges::find_if(lanes, [&](std::uint16_t lane) { return lane >= set_lanes; });
  if (beyond == lanes.end()) return {};
  return refuse(fmt::format("{}[{}]", field, beyond - lanes.begin()),
                fmt::format("a lane of the feature set, below {}", set_lanes), fmt::format("{}", *beyond));
}

Result<void> check_scaling(const LaneScaling& scaling, const std::string& field) {
  // Written to accept: a NaN lies within no bounds.
  const bool is_sound = std::fabs(scaling.mean) <= kScalingMax && std::fabs(scaling.per_unit) <= kScalingMax &&
                        scaling.clip >= 0.0f && scaling.clip <= kScalingMax;
  if (is_sound) return {};
  return refuse(field, fmt::format("numbers within +-{:g}, the clip not below 0", kScalingMax),
                fmt::format("mean {}, per_unit {}, clip {}", scaling.mean, scaling.per_unit, scaling.clip));
}

Result<void> check_member(const ModelMember& member, std::size_t set_lanes, const std::string& field) {
  const ModelSize size = size_of(member);
  TT_TRY_VOID(check_lanes(member.lanes, set_lanes, size.inputs, field + ".lanes"));
  if (!member.scaling.empty() && member.scaling.size() != member.lanes.size()) {
    return refuse(field + ".scaling", fmt::format("none, or one for each of {} lanes", member.lanes.size()),
                  fmt::format("{}", member.scaling.size()));
  }
  for (std::size_t i = 0; i < member.scaling.size(); ++i) {
    TT_TRY_VOID(check_scaling(member.scaling[i], fmt::format("{}.scaling[{}]", field, i)));
  }
  if (member.output >= size.outputs)
    return refuse(field + ".output", fmt::format("below {}", size.outputs), fmt::format("{}", member.output));
  if (member.warm_up_steps != 0 && !member.is_recurrent()) {
    return refuse(field + ".warm_up_steps", "0: a member that remembers nothing needs no warm-up",
                  fmt::format("{}", member.warm_up_steps));
  }
  if (!(std::fabs(member.scale) <= kCalibrationMax && std::fabs(member.offset) <= kCalibrationMax)) {
    return refuse(field + ".scale", fmt::format("scale and offset within +-{:g}", kCalibrationMax),
                  fmt::format("{} and {}", member.scale, member.offset));
  }
  return {};
}

}  // namespace

Result<void> DecisionModel::validate() const {
  if (features == nullptr) return refuse("features", "a feature set", "none");
  const std::size_t set_lanes = features->lanes().size();
  for (std::size_t lane = set_lanes; lane < kMaxLanes; ++lane) {
    if (!mandatory.test(lane)) continue;
    return refuse("mandatory", fmt::format("lanes of the feature set, below {}", set_lanes), fmt::format("{}", lane));
  }
  if (members.empty() || members.size() > kMembersMax)
    return refuse("members", fmt::format("1 to {}", kMembersMax), fmt::format("{}", members.size()));
  for (std::size_t i = 0; i < members.size(); ++i) {
    TT_TRY_VOID(check_member(members[i], set_lanes, fmt::format("members[{}]", i)));
  }
  if (ensemble.members != members.size()) {
    return refuse("ensemble.members", fmt::format("the {} of the model", members.size()),
                  fmt::format("{}", ensemble.members));
  }
  TT_TRY_VOID(ensemble.validate());
  if (sequence_gap_ns < 0 || sequence_gap_ns > kSequenceGapMaxNs)
    return refuse("sequence_gap_ns", fmt::format("0 to {}", kSequenceGapMaxNs), fmt::format("{}", sequence_gap_ns));
  if (!regime) return {};
  TT_TRY_VOID(regime->hmm.validate());
  TT_TRY_VOID(regime->table.validate());
  TT_TRY_VOID(check_lanes(regime_lanes, set_lanes, regime->hmm.features, "regime_lanes"));
  if (regime->table.members != 0 && regime->table.members != members.size()) {
    return refuse("regime.weights", fmt::format("one for each of {} members, or none", members.size()),
                  fmt::format("{}", regime->table.members));
  }
  return {};
}

}  // namespace thintail
