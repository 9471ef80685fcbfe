// SPDX-License-Identifier: Apache-2.0
// Predictor: a decision model at work: for each instrument what its members remember, what the ensemble has learned, and the regime.
//   path       hot: on_tick, after_tick, shadow; cold: enable, on_gap, snapshot, restore
//   threads    one
//   invariant  a pure function of the calls in their order: the same bits on every Isa, in every run, and after restore(). Nothing is
//              allocated but by enable() and snapshot().
//
// What a row does
//   whole      every mandatory lane is defined: the regime steps if it is due and its own lanes are defined, members that are due
//              speak, and the ensemble answers.
//   not whole  nobody takes it in: training drops such rows too, so a recurrent member meets the rows that it was trained on, and
//              its warm-up goes on where it was. Only the mid counts, for outcomes. The answer is warming_up. What closed bars made
//              due stays due until the next whole row.
//   after a gap  on_gap(), or whole rows further apart than the model's sequence_gap_ns: recurrent members and the regime filter
//              begin anew, and the warm-up with them; weights, what others said last and the regime in force stay.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/attributes.hpp"
#include "core/base/error.hpp"
#include "core/instrument/instrument_table.hpp"
#include "ml/ensemble/ensemble.hpp"
#include "ml/features/feature_engine.hpp"
#include "ml/predictor/decision_model.hpp"
#include "ml/regime/regime_label.hpp"

namespace thintail {

class Predictor {
 public:
  // REQUIRES: model.validate() holds, and it outlives the predictor. Cold.
  Predictor(const DecisionModel& model, std::size_t instruments_max);
  ~Predictor();
  Predictor(Predictor&&) noexcept;

  // Allocates and touches what the instrument needs; before its first tick; once more does nothing. Cold.
  void enable(InstrumentId id);

  struct Answer {
    float score = 0.0f;  // 0 unless valid
    PredictionState state =
        PredictionState::warming_up;  // also where too few members count (ensemble.hpp: EnsembleFault)
    bool regime_changed = false;
    RegimeChange regime{};  // where it changed
  };

  // As of a tick's row, whole or not: mandatory lanes are checked here. `closed`: bit p for each BarPeriod p of which a bar of this
  // instrument closed since its last tick. REQUIRES: enabled; times never decrease.
  TT_HOT Answer on_tick(InstrumentId id, const FeatureRow& row, std::int64_t twice_mid_e9, std::uint32_t closed,
                        std::int64_t time_ns) noexcept {
    if (plain_trees_ != nullptr) [[likely]]
      return answer_of_trees(row);
    return answer_of_all(id, row, twice_mid_e9, closed, time_ns);
  }

  // Work for the next tick that need not wait for it (U h + b of recurrent members): to be called once the answer is out. Answers
  // are the same without it, only later.
  TT_HOT void after_tick(InstrumentId id) noexcept {
    if (plain_trees_ == nullptr) prepare(id);
  }

  // As on_tick, so that a model which is to take over finds itself warm: recurrent members, those that speak at bars, and the regime
  // take the row in; nothing is answered, nothing learned.
  TT_HOT void shadow(InstrumentId id, const FeatureRow& row, std::uint32_t closed, std::int64_t time_ns) noexcept;

  // Inputs were lost, nobody knows whose.
  TT_COLD void on_gap() noexcept;

  double risk_scale(InstrumentId id) const noexcept;  // of the regime in force; 1 without one
  RegimeLabel regime(InstrumentId id) const noexcept;  // in force; unknown without one
  // As many members as an answer needs, the mandatory ones among them, need no further rows to speak, and the regime is known.
  bool is_warm(InstrumentId id) const noexcept;
  const DecisionModel& model() const noexcept { return *model_; }
  // What learned weights are now; for display. Null where the model answers without an ensemble. REQUIRES: enabled.
  const Ensemble* ensemble(InstrumentId id) const noexcept;

  // Every byte that later answers follow from, of all enabled instruments.
  std::vector<std::byte> snapshot() const;
  // What comes after it equals, bit for bit, what a predictor that never stopped would answer. Refuses bytes of another model, build
  // or instruments, and damaged ones; the state is then as it was. REQUIRES: the same instruments are enabled.
  Result<void> restore(std::span<const std::byte> bytes);

 private:
  struct Member;
  struct Slot;
  struct InstrumentBytes;

  // Members that speak on every tick are due at this bit.
  static constexpr std::uint32_t kEveryTick = 1u << 31;

  TT_HOT Answer answer_of_trees(const FeatureRow& row) const noexcept {
    Answer answer;
    if (!row.defined.contains(mandatory_)) [[unlikely]]
      return answer;
    const float score = plain_trees_->margin(row.values.data());
    const bool is_finite = __builtin_isfinite(score);
    answer.score = is_finite ? score + 0.0f : 0.0f;  // -0 becomes +0
    answer.state = is_finite ? PredictionState::valid : PredictionState::not_finite;
    return answer;
  }
  TT_HOT Answer answer_of_all(InstrumentId id, const FeatureRow& row, std::int64_t twice_mid_e9, std::uint32_t closed,
                              std::int64_t time_ns) noexcept;
  TT_HOT void prepare(InstrumentId id) noexcept;
  bool take_regime(Slot& slot, const FeatureRow& row, RegimeChange& out) noexcept;
  void let_speak(Slot& slot, std::size_t at, const FeatureRow& row, std::int64_t time_ns) noexcept;
  const float* input_of(const Member& member, const FeatureRow& row) noexcept;
  void begin_row(Slot& slot, std::int64_t time_ns) noexcept;
  TT_COLD void begin_sequence(Slot& slot) noexcept;
  std::size_t bytes_per_instrument() const noexcept;

  const DecisionModel* model_;
  LaneMask mandatory_;
  const TreeEnsemble* plain_trees_ = nullptr;  // the whole model, where it is one of trees on the row as it is
  std::vector<Member> members_;
  std::uint32_t regime_due_ = kEveryTick;
  std::size_t state_lines_ = 0;  // of all members of an instrument
  std::vector<std::unique_ptr<Slot>> slots_;  // null until enabled
  NetworkBlock scratch_;  // of the member that is at work, as the next two
  NetworkBlock gathered_;
  NetworkBlock spoken_;
  std::vector<double> sums_;
};

}  // namespace thintail
