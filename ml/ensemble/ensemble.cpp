// SPDX-License-Identifier: Apache-2.0
#include "ml/ensemble/ensemble.hpp"

#include <fmt/format.h>

#include <bit>

namespace thintail {

Result<void> EnsembleConfig::validate() const {
  const auto refuse = [](std::string field, std::string expected, std::string found) -> Result<void> {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "checking an ensemble",
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  // Written to accept: a NaN lies within no bounds.
  const auto check = [&](double value, double low, double high, std::string field) -> Result<void> {
    if (value >= low && value <= high) return {};
    return refuse(std::move(field), fmt::format("a number from {} to {}", low, high), fmt::format("{}", value));
  };
  if (rule > EnsembleRule::online) return refuse("rule", "0 to 4", fmt::format("{}", static_cast<unsigned>(rule)));
  if (members < 1 || members > kMembersMax)
    return refuse("members", fmt::format("1 to {}", kMembersMax), fmt::format("{}", members));
  if (members_min < 1 || members_min > members)
    return refuse("members_min", fmt::format("1 to {}", members), fmt::format("{}", members_min));
  const double weight_min = rule == EnsembleRule::stacking ? -1e6 : 0.0;
  double weights = 0.0;
  for (std::uint32_t i = 0; i < members; ++i) {
    if (member[i].age_ns_max < 1)
      return refuse(fmt::format("member[{}].age_ns_max", i), "1 or more", fmt::format("{}", member[i].age_ns_max));
    TT_TRY_VOID(check(member[i].weight, weight_min, 1e6, fmt::format("member[{}].weight", i)));
    TT_TRY_VOID(check(member[i].vote_min, 0.0, 1e9, fmt::format("member[{}].vote_min", i)));
    TT_TRY_VOID(check(member[i].missing_score, -1e9, 1e9, fmt::format("member[{}].missing_score", i)));
    weights += member[i].weight;
  }
  if ((rule == EnsembleRule::weighted || rule == EnsembleRule::online) && !(weights > 0.0))
    return refuse("member[].weight", "one that is above 0", "none");
  TT_TRY_VOID(check(unanimous_score, 1e-9, 1e9, "unanimous_score"));
  TT_TRY_VOID(check(bias, -1e9, 1e9, "bias"));
  if (rule != EnsembleRule::online) return {};
  TT_TRY_VOID(check(hedge.score_max, 1e-6, 1e9, "hedge.score_max"));
  TT_TRY_VOID(check(hedge.rate, 0.0, 100.0, "hedge.rate"));
  TT_TRY_VOID(check(hedge.half_life_outcomes, 0.0, 1e12, "hedge.half_life_outcomes"));
  TT_TRY_VOID(check(hedge.lag_max, 1.0, 1e9, "hedge.lag_max"));
  if (hedge.loss > HedgeLoss::squared)
    return refuse("hedge.loss", "0 or 1", fmt::format("{}", static_cast<unsigned>(hedge.loss)));
  constexpr std::int64_t kWeekNs = std::int64_t{7} * 86'400 * 1'000'000'000;
  if (outcome.horizon_ns < 1 || outcome.horizon_ns > kWeekNs)
    return refuse("outcome.horizon_ns", fmt::format("1 to {}", kWeekNs), fmt::format("{}", outcome.horizon_ns));
  const std::int64_t sample_min = (outcome.horizon_ns + static_cast<std::int64_t>(kOutcomesMax) - 2) /
                                  (static_cast<std::int64_t>(kOutcomesMax) - 1);
  if (outcome.sample_ns < sample_min || outcome.sample_ns > kWeekNs) {
    return refuse(
        "outcome.sample_ns",
        fmt::format("{} to {}, so that at most {} predictions of this horizon wait", sample_min, kWeekNs, kOutcomesMax),
        fmt::format("{}", outcome.sample_ns));
  }
  if (outcome.silence_ns_max < 0 || outcome.silence_ns_max > kWeekNs)
    return refuse("outcome.silence_ns_max", fmt::format("0 to {}", kWeekNs), fmt::format("{}", outcome.silence_ns_max));
  return {};
}

Ensemble::Ensemble(const EnsembleConfig& config) noexcept : config_(config), hedge_(config.hedge, config.members) {
  for (std::uint32_t i = 0; i < config.members; ++i) {
    mandatory_ |= config.member[i].is_mandatory ? MemberMask{1} << i : 0;
    state_.multiplier[i] = 1.0;
  }
  learned_ = hedge_.weights(state_.hedge);
}

MemberMask Ensemble::counting(std::int64_t now_ns) const noexcept {
  MemberMask used = 0;
  for (std::size_t i = 0; i < config_.members; ++i) {
    const bool counts = has_member(state_.valid, i) && state_.multiplier[i] > 0.0 && now_ns >= state_.time_ns[i] &&
                        now_ns - state_.time_ns[i] <= config_.member[i].age_ns_max;
    used |= counts ? MemberMask{1} << i : 0;
  }
  return used;
}

MemberLanes Ensemble::prior(MemberMask used) const noexcept {
  const bool is_configured = config_.rule == EnsembleRule::weighted || config_.rule == EnsembleRule::online;
  MemberLanes out{};
  for (std::size_t i = 0; i < config_.members; ++i) {
    if (has_member(used, i)) out[i] = state_.multiplier[i] * (is_configured ? config_.member[i].weight : 1.0);
  }
  return out;
}

MemberLanes Ensemble::weights(MemberMask used) const noexcept {
  MemberLanes out = prior(used);
  if (config_.rule != EnsembleRule::online) return out;
  for (std::size_t i = 0; i < config_.members; ++i) out[i] *= learned_[i];
  return out;
}

double Ensemble::stacked(MemberMask used) const noexcept {
  MemberLanes input{};
  for (std::size_t i = 0; i < config_.members; ++i)
    input[i] = has_member(used, i) ? state_.score[i] : config_.member[i].missing_score;
  if (config_.meta.evaluate != nullptr)
    return config_.meta.evaluate(config_.meta.context, input.data(), used, config_.members);
  for (std::size_t i = 0; i < config_.members; ++i) input[i] *= config_.member[i].weight;
  return config_.bias + member_sum(input);
}

EnsemblePrediction Ensemble::predict(std::int64_t now_ns) const noexcept {
  EnsemblePrediction out{.score = 0.0, .used = counting(now_ns), .fault = EnsembleFault::none};
  const auto faulty = [&](EnsembleFault fault) {
    out.fault = fault;
    return out;
  };
  if (out.used == 0) return faulty(EnsembleFault::no_member);
  if ((mandatory_ & ~out.used) != 0) return faulty(EnsembleFault::mandatory_missing);
  if (static_cast<std::uint32_t>(std::popcount(out.used)) < config_.members_min) return faulty(EnsembleFault::too_few);
  double score = 0.0;
  if (config_.rule == EnsembleRule::stacking) {
    score = stacked(out.used);
  } else {
    const MemberLanes weight = weights(out.used);
    MemberLanes part{};
    for (std::size_t i = 0; i < config_.members; ++i) {
      const double said = state_.score[i];
      const double vote_min = config_.member[i].vote_min;
      const double value = config_.rule == EnsembleRule::hard     ? (said > vote_min) - (said < -vote_min)
                           : config_.rule == EnsembleRule::online ? held_within(said, config_.hedge.score_max)
                                                                  : said;
      part[i] = weight[i] * value;
    }
    const double total = member_sum(weight);
    if (!(total > 0.0)) return faulty(EnsembleFault::no_weight);
    score = member_sum(part) / total;
    if (config_.rule == EnsembleRule::hard) score *= config_.unanimous_score;
  }
  if (!__builtin_isfinite(score)) return faulty(EnsembleFault::not_finite);
  out.score = score + 0.0;  // -0 becomes +0
  return out;
}

EnsemblePrediction Ensemble::predict_and_remember(std::int64_t now_ns) noexcept {
  on_time(now_ns);
  const EnsemblePrediction out = predict(now_ns);
  if (config_.rule == EnsembleRule::online && out.fault == EnsembleFault::none &&
      now_ns >= state_.outcomes.next_sample_ns) {
    MemberLanes said{};
    for (std::size_t i = 0; i < config_.members; ++i) said[i] = has_member(out.used, i) ? state_.score[i] : 0.0;
    keep_prediction(state_.outcomes, config_.outcome, now_ns, said, prior(out.used), out.used);
  }
  return out;
}

void Ensemble::on_time(std::int64_t now_ns) noexcept {
  settle_until(state_.outcomes, config_.outcome, now_ns, [&](const PendingOutcome& due, double outcome) {
    if (hedge_.learn(due.score, due.prior, due.used, outcome, state_.hedge)) learned_ = hedge_.weights(state_.hedge);
  });
}

MemberLanes Ensemble::shares(std::int64_t now_ns) const noexcept {
  MemberLanes out = weights(counting(now_ns));
  const double total = member_sum(out);
  for (double& share : out) share = total > 0.0 ? share / total : 0.0;
  return out;
}

}  // namespace thintail
