// SPDX-License-Identifier: Apache-2.0
// OutcomeQueue: predictions that wait for what came of them.
//   path       hot
//   invariant  fixed memory; in the order in which they were made, which is that in which they fall due.
//
// The outcome is the label that models are trained on (ml/train/row_collector.hpp): the return in basis points from the mid at the
// prediction to the last mid at or before the horizon's end, in engine time. So it is known with the first event after that end.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/attributes.hpp"
#include "ml/ensemble/member_lanes.hpp"

namespace thintail {

inline constexpr std::size_t kOutcomesMax = 64;

struct OutcomeConfig {
  std::int64_t horizon_ns = 0;
  std::int64_t sample_ns =
      0;  // at most one prediction in so long is kept: the queue holds horizon / sample + 1 of them
  std::int64_t silence_ns_max = 0;  // no outcome where the last mid is older than this at the horizon's end
};

struct PendingOutcome {
  std::int64_t due_ns = 0;
  std::int64_t twice_mid_e9 = 0;
  MemberLanes score{};
  MemberLanes prior{};
  MemberMask used = 0;
  std::uint32_t reserved = 0;
};

struct OutcomeQueueState {
  std::array<PendingOutcome, kOutcomesMax> pending{};
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::int64_t next_sample_ns = INT64_MIN;
  std::int64_t mid_time_ns = 0;
  std::int64_t twice_mid_e9 = 0;  // 0: none yet
  std::uint64_t dropped = 0;  // predictions without an outcome: silence, or a session's end
};

// REQUIRES: twice_mid_e9 > 0; times never decrease.
TT_ALWAYS_INLINE void take_mid(OutcomeQueueState& state, std::int64_t now_ns, std::int64_t twice_mid_e9) noexcept {
  state.mid_time_ns = now_ns;
  state.twice_mid_e9 = twice_mid_e9;
}

// Calls learn(const PendingOutcome&, outcome in bp) for each prediction whose horizon ended before `now_ns`. A mid at `now_ns` must be
// taken after it.
template <class Learn>
TT_ALWAYS_INLINE void settle_until(OutcomeQueueState& state, const OutcomeConfig& config, std::int64_t now_ns,
                                   Learn&& learn) noexcept {
  while (state.count > 0 && state.pending[state.first].due_ns < now_ns) {
    const PendingOutcome& due = state.pending[state.first];
    if (due.due_ns - state.mid_time_ns <= config.silence_ns_max) {
      const auto move = static_cast<double>(state.twice_mid_e9 - due.twice_mid_e9);
      learn(due, 1e4 * (move / static_cast<double>(due.twice_mid_e9)));
    } else {
      ++state.dropped;
    }
    state.first = (state.first + 1) % kOutcomesMax;
    --state.count;
  }
}

// False where it is too soon after the one before, or there is no mid to compare with.
// REQUIRES: everything due before `now_ns` is settled; config fits the queue (EnsembleConfig::validate()).
TT_ALWAYS_INLINE bool keep_prediction(OutcomeQueueState& state, const OutcomeConfig& config, std::int64_t now_ns,
                                      const MemberLanes& score, const MemberLanes& prior, MemberMask used) noexcept {
  if (now_ns < state.next_sample_ns || state.twice_mid_e9 == 0 || state.count == kOutcomesMax) return false;
  PendingOutcome& slot = state.pending[(state.first + state.count) % kOutcomesMax];
  slot = {.due_ns = now_ns + config.horizon_ns,
          .twice_mid_e9 = state.twice_mid_e9,
          .score = score,
          .prior = prior,
          .used = used};
  ++state.count;
  state.next_sample_ns = now_ns + config.sample_ns;
  return true;
}

}  // namespace thintail
