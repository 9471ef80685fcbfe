// SPDX-License-Identifier: Apache-2.0
// RegimeDetector: rows of features in, announced regimes out: the filter, the labels of its states, and the change rule.
//   path       hot
//   threads    one
//   invariant  a pure function of the rows; state() is a snapshot without padding.
#pragma once

#include <span>
#include <type_traits>

#include "ml/regime/change_rule.hpp"
#include "ml/regime/hmm_filter.hpp"

namespace thintail {

struct RegimeDetectorState {
  HmmFilterState filter;
  ChangeRuleState rule;
};
static_assert(std::is_trivially_copyable_v<RegimeDetectorState> &&
              sizeof(RegimeDetectorState) == sizeof(HmmFilterState) + 8);

class RegimeDetector {
 public:
  // REQUIRES: hmm.validate() holds.
  RegimeDetector(const GaussianHmm& hmm, const ChangeRuleConfig& rule) noexcept
      : filter_(hmm), labels_(derive_labels(hmm)), config_(rule) {}

  // True where `out` is a change to announce. REQUIRES: as HmmFilter::step().
  TT_HOT bool step(std::span<const float> row, RegimeChange& out) noexcept {
    filter_.step(row);
    return announce_change(probabilities(), config_, rule_, out);
  }

  // After a gap in the rows as long as those at which the fit began a new sequence: states are as likely as at a beginning. The
  // regime in force stays until another is announced.
  void on_gap() noexcept {
    filter_.reset();
    rule_ = {.current = rule_.current};
  }

  // States of one label count together.
  TT_HOT LabelProbabilities probabilities() const noexcept {
    LabelProbabilities sums{};
    for (std::size_t i = 0; i < filter_.states(); ++i) {
      sums[static_cast<std::size_t>(labels_[i])] += filter_.probability()[i];
    }
    return sums;
  }

  RegimeLabel current() const noexcept { return rule_.current; }
  const HmmFilter& filter() const noexcept { return filter_; }
  const std::array<RegimeLabel, kHmmStatesMax>& labels() const noexcept { return labels_; }

  RegimeDetectorState state() const noexcept { return {filter_.state(), rule_}; }
  // REQUIRES: of a detector of the same model and rule.
  void restore(const RegimeDetectorState& state) noexcept {
    filter_.restore(state.filter);
    rule_ = state.rule;
  }

 private:
  HmmFilter filter_;
  std::array<RegimeLabel, kHmmStatesMax> labels_;
  ChangeRuleConfig config_;
  ChangeRuleState rule_{};
};

}  // namespace thintail
