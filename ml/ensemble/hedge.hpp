// SPDX-License-Identifier: Apache-2.0
// Hedge: weights that follow how well each member foretold what came: w = 2^(-rate log2(e) (its loss - the best member's)).
//   path       hot
//   invariant  a pure function of the outcomes in their order, without libm: a replay gives the same bits. Whatever scores say and
//              however long it runs, weights are finite, the best member's is 1, and none is NaN: losses lie in [0, 1], and what is
//              kept is only how far each member is behind the best.
//   source     Freund & Schapire (1997); Cesa-Bianchi & Lugosi, Prediction, Learning, and Games (2006), theorems 2.2, 2.3 and
//              section 3.3; members that were absent: Freund, Schapire, Singer & Warmuth (1997)
//
// Bounds on (the ensemble's loss - the best member's) after n outcomes of N members that were never absent, learned before the next
// prediction, without forgetting and equal configured weights:
//   rate 0 (its own: sqrt(8 ln N / n))   2 sqrt(n ln N / 2) + sqrt(ln N / 8)
//   fixed rate                           ln N / rate + n rate / 8
//   squared loss, rate <= 1/2            ln N / rate, however long it runs
// Predictions of a horizon overlap, so the outcome of one comes after the next were made; with d in flight the first two grow by up
// to a factor of sqrt(d).
#pragma once

#include <cstdint>

#include "core/base/attributes.hpp"
#include "core/numeric/exp2_log2.hpp"
#include "ml/ensemble/member_lanes.hpp"

namespace thintail {

enum class HedgeLoss : std::uint8_t { absolute = 0, squared = 1 };

struct HedgeConfig {
  double score_max =
      10.0;  // scores and outcomes are held within +-this, in the label's unit: the loss is a share of this range
  double rate = 0.0;  // 0: falls with the outcomes seen
  double half_life_outcomes = 0.0;  // after so many outcomes a loss counts half; 0: for ever
  double lag_max = 1e6;  // a member falls no further behind than this many losses, so that it can come back
  HedgeLoss loss = HedgeLoss::squared;
};

struct HedgeState {
  MemberLanes lag{};  // losses behind the best member
  std::uint64_t outcomes = 0;
};

// Within +-max; REQUIRES: not a NaN.
TT_ALWAYS_INLINE double held_within(double x, double max) noexcept { return x > max ? max : x < -max ? -max : x; }

class Hedge {
 public:
  // REQUIRES: 1 <= members <= kMembersMax, config within the bounds of EnsembleConfig::validate().
  Hedge(const HedgeConfig& config, std::uint32_t members) noexcept
      : config_(config),
        members_(members),
        kept_(config.half_life_outcomes > 0.0 ? numeric::exp2(-1.0 / config.half_life_outcomes) : 1.0),
        own_rate_squared_(8.0 * kLn2 * numeric::log2(static_cast<double>(members))) {}

  // The best member's is 1; lanes beyond the members are 0.
  TT_HOT MemberLanes weights(const HedgeState& state) const noexcept {
    const double rate =
        config_.rate > 0.0 ? config_.rate : __builtin_sqrt(own_rate_squared_ / static_cast<double>(state.outcomes + 1));
    MemberLanes out{};
    for (std::size_t i = 0; i < members_; ++i) out[i] = numeric::exp2(-(rate * kLog2E) * state.lag[i]);
    return out;
  }

  // `prior` are the weights that the members had been given apart from these; a member outside `used` made no prediction, and is
  // charged what the ensemble lost, which leaves its weight relative to the whole. False, and nothing learned, where the outcome is
  // not finite or nobody predicted. REQUIRES: scores of `used` are finite; prior is 0 or more.
  TT_HOT bool learn(const MemberLanes& score, const MemberLanes& prior, MemberMask used, double outcome,
                    HedgeState& state) const noexcept {
    if (!__builtin_isfinite(outcome)) return false;
    const MemberLanes own = weights(state);
    const double came = held_within(outcome, config_.score_max);
    MemberLanes loss{};
    MemberLanes weight{};
    MemberLanes weighted{};
    for (std::size_t i = 0; i < members_; ++i) {
      if (!has_member(used, i)) continue;
      const double off = (held_within(score[i], config_.score_max) - came) / (2.0 * config_.score_max);
      loss[i] = config_.loss == HedgeLoss::squared ? off * off : off < 0.0 ? -off : off;
      weight[i] = prior[i] * own[i];
      weighted[i] = weight[i] * loss[i];
    }
    const double total = member_sum(weight);
    if (!(total > 0.0)) return false;
    const double mixed = member_sum(weighted) / total;
    double least = config_.lag_max;
    for (std::size_t i = 0; i < members_; ++i) {
      state.lag[i] = kept_ * state.lag[i] + (has_member(used, i) ? loss[i] : mixed);
      least = state.lag[i] < least ? state.lag[i] : least;
    }
    for (std::size_t i = 0; i < members_; ++i) {
      const double lag = state.lag[i] - least;
      state.lag[i] = lag < config_.lag_max ? lag : config_.lag_max;
    }
    ++state.outcomes;
    return true;
  }

 private:
  static constexpr double kLn2 = 0x1.62e42fefa39efp-1;
  static constexpr double kLog2E = 0x1.71547652b82fep0;
  HedgeConfig config_;
  std::uint32_t members_;
  double kept_;
  double own_rate_squared_;
};

}  // namespace thintail
