// SPDX-License-Identifier: Apache-2.0
// HmmFilter: the probability of each state given all rows so far, in O(states^2) a row.
//   path       hot
//   threads    one
//   invariant  state() is everything that a step changes, trivially copyable and without padding: a copy is a snapshot, and going on
//              from it gives the same bits. Probabilities are finite, at least 0 and sum to 1 after any input whatever.
//   source     Rabiner (1989), the scaled forward recursion; likelihoods are taken relative to the best reachable state's before they
//              leave the logarithm, so that nothing underflows however long it runs or however far off a row is.
//
// It filters, never smooths: a row changes what is said from then on, not what was said (CONTRACTS "Determinism", prefix rule).
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "ml/regime/gaussian_hmm.hpp"

namespace thintail {

struct HmmFilterState {
  StateLanes probability{};
  double log2_likelihood = 0.0;  // of the last row, given those before it
  std::uint64_t rows = 0;
  std::uint64_t missing = 0;  // features that were not finite, over all rows
  std::uint64_t reserved = 0;
};
static_assert(std::is_trivially_copyable_v<HmmFilterState> && sizeof(HmmFilterState) == 96);

class HmmFilter {
 public:
  // REQUIRES: hmm.validate() holds.
  explicit HmmFilter(const GaussianHmm& hmm) noexcept
      : emissions_(hmm), transition_(hmm.transition), initial_(hmm.initial), states_(hmm.states) {}

  // REQUIRES: `row` has the model's features, in its order. A row of which all are missing only lets time pass.
  TT_HOT void step(std::span<const float> row) noexcept {
    StateLanes score;
    state_.missing += emissions_.score(row, score);
    StateLanes likely{};
    state_.log2_likelihood = take(score, predict(), likely);
    state_.probability = likely;
    ++state_.rows;
  }

  const StateLanes& probability() const noexcept { return state_.probability; }
  std::uint32_t states() const noexcept { return states_; }
  const HmmFilterState& state() const noexcept { return state_; }
  // REQUIRES: of a filter of the same model.
  void restore(const HmmFilterState& state) noexcept { state_ = state; }
  // As if no row had come: after a gap so long that the past says nothing.
  void reset() noexcept { state_ = {}; }

 private:
  TT_ALWAYS_INLINE StateLanes predict() const noexcept {
    if (state_.rows == 0) return initial_;
    StateLanes predicted{};
    for (std::size_t i = 0; i < states_; ++i) {
      for (std::size_t j = 0; j < kHmmStatesMax; ++j) predicted[j] += state_.probability[i] * transition_[i][j];
    }
    return predicted;
  }

  // Bayes' rule; returns log2 of the row's likelihood. The best score is taken of the states that can be: its own factor is 1 and
  // its prediction above 0, so the sum is never 0.
  TT_ALWAYS_INLINE double take(const StateLanes& score, const StateLanes& predicted, StateLanes& out) const noexcept {
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < states_; ++j) {
      if (predicted[j] > 0.0 && score[j] > best) best = score[j];
    }
    for (std::size_t j = 0; j < states_; ++j) {
      out[j] = predicted[j] > 0.0 ? predicted[j] * numeric::exp2(score[j] - best) : 0.0;
    }
    const double sum = lane_sum(out);
    for (std::size_t j = 0; j < states_; ++j) out[j] /= sum;
    return best + numeric::log2(sum);
  }

  HmmEmissions emissions_;
  std::array<StateLanes, kHmmStatesMax> transition_;
  StateLanes initial_;
  std::uint32_t states_;
  HmmFilterState state_{};
};

}  // namespace thintail
