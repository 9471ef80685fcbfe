// SPDX-License-Identifier: Apache-2.0
// PlainEnsemble: online weights and a regime filter as a textbook writes them, in double with libm: the control that the whole of a
// predictor's answer is held against.
//   path  warm
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "ml/predictor/decision_model.hpp"
#include "ml/regime/change_rule.hpp"

namespace thintail::bench {

// Of a model with the rule `online`, absolute or squared loss, the rate 0, nothing forgotten, and a regime on every row.
class PlainEnsemble {
 public:
  explicit PlainEnsemble(const DecisionModel& model)
      : model_(model), labels_(derive_labels(model.regime->hmm)), losses_(model.members.size()) {}

  // `said`: what each member says of the row; `features`: the regime's.
  double answer(std::span<const double> said, std::span<const float> features, double twice_mid, std::int64_t now_ns) {
    filter(features);
    const std::vector<double> multiplier = multipliers();
    learn_until(now_ns);
    mid_ = twice_mid;
    const std::vector<double> own = weights();
    double sum = 0.0;
    double total = 0.0;
    for (std::size_t i = 0; i < said.size(); ++i) {
      const double held = std::clamp(said[i], -model_.ensemble.hedge.score_max, model_.ensemble.hedge.score_max);
      sum += multiplier[i] * own[i] * held;
      total += multiplier[i] * own[i];
    }
    if (now_ns >= next_sample_ns_) {
      waiting_.push_back({now_ns + model_.ensemble.outcome.horizon_ns, mid_, {said.begin(), said.end()}});
      next_sample_ns_ = now_ns + model_.ensemble.outcome.sample_ns;
    }
    return sum / total;
  }

  std::size_t regimes_seen() const noexcept { return changes_; }

 private:
  struct Waiting {
    std::int64_t due_ns;
    double twice_mid;
    std::vector<double> said;
  };

  void filter(std::span<const float> features) {
    const GaussianHmm& hmm = model_.regime->hmm;
    StateLanes next{};
    double sum = 0.0;
    for (std::size_t j = 0; j < hmm.states; ++j) {
      double prior = hmm.initial[j];
      if (rows_ > 0) {
        prior = 0.0;
        for (std::size_t i = 0; i < hmm.states; ++i) prior += probability_[i] * hmm.transition[i][j];
      }
      double density = 1.0;
      for (std::size_t f = 0; f < hmm.features; ++f) {
        const double d = static_cast<double>(features[f]) - hmm.mean[j][f];
        density *= std::exp(-d * d / (2.0 * hmm.variance[j][f])) / std::sqrt(2.0 * M_PI * hmm.variance[j][f]);
      }
      sum += next[j] = prior * density;
    }
    for (double& value : next) value /= sum;
    probability_ = next;
    ++rows_;
  }

  std::vector<double> multipliers() {
    LabelProbabilities by_label{};
    for (std::size_t i = 0; i < model_.regime->hmm.states; ++i) {
      by_label[static_cast<std::size_t>(labels_[i])] += probability_[i];
    }
    RegimeChange change;
    changes_ += announce_change(by_label, model_.regime->change, rule_, change) ? 1 : 0;
    const auto weights = model_.regime->table.weights(rule_.current);
    return {weights.begin(), weights.end()};
  }

  std::vector<double> weights() const {
    const auto members = static_cast<double>(losses_.size());
    const double rate = std::sqrt(8.0 * std::log(members) / static_cast<double>(outcomes_ + 1));
    std::vector<double> out;
    for (const double loss : losses_) out.push_back(std::exp(-rate * (loss - std::ranges::min(losses_))));
    return out;
  }

  void learn_until(std::int64_t now_ns) {
    const HedgeConfig& hedge = model_.ensemble.hedge;
    for (; !waiting_.empty() && waiting_.front().due_ns < now_ns; waiting_.pop_front()) {
      const Waiting& due = waiting_.front();
      const double came = std::clamp(1e4 * (mid_ - due.twice_mid) / due.twice_mid, -hedge.score_max, hedge.score_max);
      for (std::size_t i = 0; i < losses_.size(); ++i) {
        const double off =
            (std::clamp(due.said[i], -hedge.score_max, hedge.score_max) - came) / (2.0 * hedge.score_max);
        losses_[i] += hedge.loss == HedgeLoss::squared ? off * off : std::abs(off);
      }
      ++outcomes_;
    }
  }

  const DecisionModel& model_;
  std::array<RegimeLabel, kHmmStatesMax> labels_;
  StateLanes probability_{};
  ChangeRuleState rule_{};
  std::vector<double> losses_;
  std::deque<Waiting> waiting_;
  std::uint64_t outcomes_ = 0;
  std::uint64_t rows_ = 0;
  std::size_t changes_ = 0;
  std::int64_t next_sample_ns_ = INT64_MIN;
  double mid_ = 0.0;
};

}  // namespace thintail::bench
