// SPDX-License-Identifier: Apache-2.0
// Ensemble: one prediction from the newest of several members, which may speak at different times: voting, weights, stacking, or
// weights that are learned while it runs.
//   path       hot
//   threads    one
//   progress   no allocation, ever
//   invariant  state() is all that answers follow from: trivially copyable, without padding; a copy is a snapshot. It is a pure
//              function of the calls in their order, whose times are engine time, so a replay of the events gives the same bits.
//
// Rules
//   soft      the mean of the scores. Members trained on bootstrap samples (bootstrap.hpp) make this bagging.
//   hard      each score above its vote_min is a vote up, below -vote_min a vote down, else an abstention;
//             unanimous_score * (up - down) / all that count.
//   weighted  the mean by configured weights.
//   stacking  bias + sum of weight * score, or the meta-model's answer; a member without a score is given its missing_score.
//   online    the mean, by configured weights times learned ones (hedge.hpp), of the scores held within +-score_max.
//
// A member counts while its last prediction was valid and is no older than its age limit; an invalid one withdraws the one before at
// once. The regime's multipliers apply to every rule but stacking, whose weights were fitted together; one of 0 removes a member from
// any rule, as if it were absent.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "core/base/assert.hpp"
#include "core/base/attributes.hpp"
#include "core/base/error.hpp"
#include "core/event/payloads.hpp"
#include "ml/ensemble/hedge.hpp"
#include "ml/ensemble/outcome_queue.hpp"

namespace thintail {

enum class EnsembleRule : std::uint8_t { soft = 0, hard = 1, weighted = 2, stacking = 3, online = 4 };

struct MemberConfig {
  std::int64_t age_ns_max = 0;  // of engine time: a member of ticks seconds, a member of bars somewhat over a bar
  double weight = 1.0;  // stacking: its coefficient, of any sign
  double vote_min = 0.0;
  double missing_score = 0.0;
  bool is_mandatory = false;  // without it there is no prediction
};

// A model over the members' scores. `scores` are `members` numbers, missing ones replaced; bit i of `used` tells whether member i
// spoke. It must not allocate or throw, and must answer the same for the same input.
struct MetaModel {
  double (*evaluate)(const void* context, const double* scores, MemberMask used,
                     std::uint32_t members) noexcept = nullptr;
  const void* context = nullptr;  // outlives the ensemble
};

struct EnsembleConfig {
  EnsembleRule rule = EnsembleRule::soft;
  std::uint32_t members = 0;
  std::uint32_t members_min = 1;  // fewer that count give no prediction
  std::array<MemberConfig, kMembersMax> member{};
  double unanimous_score = 1.0;  // hard: the score when all agree, in the label's unit
  double bias = 0.0;  // stacking without a meta-model
  MetaModel meta{};
  HedgeConfig hedge{};
  OutcomeConfig outcome{};

  // Names the field that is out of range.
  Result<void> validate() const;
};

enum class EnsembleFault : std::uint32_t {
  none = 0,
  no_member = 1,  // nobody spoke, or not lately
  too_few = 2,
  mandatory_missing = 3,
  no_weight = 4,  // those who spoke have no weight
  not_finite = 5,
};

struct EnsemblePrediction {
  double score = 0.0;  // 0 unless fault is none
  MemberMask used = 0;
  EnsembleFault fault = EnsembleFault::no_member;
};

// What a Prediction event says of it.
constexpr PredictionState prediction_state(EnsembleFault fault) noexcept {
  return fault == EnsembleFault::none         ? PredictionState::valid
         : fault == EnsembleFault::not_finite ? PredictionState::not_finite
                                              : PredictionState::warming_up;
}

struct EnsembleState {
  MemberLanes score{};
  std::array<std::int64_t, kMembersMax> time_ns{};
  MemberLanes multiplier{};
  HedgeState hedge{};
  OutcomeQueueState outcomes{};
  MemberMask valid = 0;
  std::uint32_t reserved = 0;
};
static_assert(std::is_trivially_copyable_v<EnsembleState>);
static_assert(sizeof(PendingOutcome) == 24 + 2 * sizeof(MemberLanes));
static_assert(sizeof(OutcomeQueueState) == kOutcomesMax * sizeof(PendingOutcome) + 40);
static_assert(sizeof(EnsembleState) == 4 * sizeof(MemberLanes) + 8 + sizeof(OutcomeQueueState) + 8);

class Ensemble {
 public:
  // REQUIRES: config.validate() holds.
  explicit Ensemble(const EnsembleConfig& config) noexcept;

  // A member's prediction. REQUIRES: member < members; times never decrease.
  TT_HOT void set_member(std::uint32_t member, double score, PredictionState state, std::int64_t now_ns) noexcept {
    TT_ASSERT(member < config_.members, "a member of this ensemble");
    const MemberMask bit = MemberMask{1} << member;
    const bool is_valid = state == PredictionState::valid && __builtin_isfinite(score);
    // An invalid score leaves no trace: equal states must have equal bytes.
    state_.score[member] = is_valid ? score : 0.0;
    state_.time_ns[member] = now_ns;
    state_.valid = is_valid ? state_.valid | bit : state_.valid & ~bit;
  }

  // What the regime selects (ml/regime's table). Those that are not given are 1; one that is negative or not finite counts as 0.
  TT_HOT void set_multipliers(std::span<const double> multipliers) noexcept {
    for (std::size_t i = 0; i < config_.members; ++i) {
      const double value = i < multipliers.size() ? multipliers[i] : 1.0;
      state_.multiplier[i] = value >= 0.0 && __builtin_isfinite(value) ? value : 0.0;
    }
  }

  TT_HOT EnsemblePrediction predict(std::int64_t now_ns) const noexcept;

  // As predict(), and remembers what members said, so that their outcome can be learned from. Not const: a prediction that is made
  // is an event.
  TT_HOT EnsemblePrediction predict_and_remember(std::int64_t now_ns) noexcept;

  // Outcomes known by now are learned. A quote: time passes first, then its mid is in force. What is not above 0 is no mid.
  TT_HOT void on_time(std::int64_t now_ns) noexcept;
  TT_HOT void on_mid(std::int64_t twice_mid_e9, std::int64_t now_ns) noexcept {
    on_time(now_ns);
    if (twice_mid_e9 > 0) take_mid(state_.outcomes, now_ns, twice_mid_e9);
  }

  // A session ended: labels do not cross its close, so predictions under way have no outcome.
  void drop_pending() noexcept {
    state_.outcomes.dropped += state_.outcomes.count;
    state_.outcomes.pending = {};
    state_.outcomes.first = 0;
    state_.outcomes.count = 0;
  }

  // The shares in the mean that each member has now, summing to 1; all 0 where nobody counts. For display.
  MemberLanes shares(std::int64_t now_ns) const noexcept;

  const EnsembleConfig& config() const noexcept { return config_; }
  const EnsembleState& state() const noexcept { return state_; }
  // REQUIRES: of an ensemble of the same configuration.
  void restore(const EnsembleState& state) noexcept {
    state_ = state;
    learned_ = hedge_.weights(state_.hedge);
  }

 private:
  MemberMask counting(std::int64_t now_ns) const noexcept;
  MemberLanes prior(MemberMask used) const noexcept;
  MemberLanes weights(MemberMask used) const noexcept;
  double stacked(MemberMask used) const noexcept;

  EnsembleConfig config_;
  Hedge hedge_;
  MemberMask mandatory_ = 0;
  EnsembleState state_{};
  MemberLanes learned_{};  // what hedge_ makes of the state: worked out when it changes, not at every prediction
};

}  // namespace thintail
