// SPDX-License-Identifier: Apache-2.0
#include "bench/spine/xgboost_check.hpp"

#include <algorithm>
#include <bit>

#include "bench/harness/stopwatch.hpp"
#include "strategies/pipeline/market_state.hpp"

namespace thintail::bench {

Result<XgboostCheck> XgboostCheck::create(const Work& work, const DecisionModel& model, std::string_view model_json,
                                          Isa isa, std::size_t rows_max) {
  if (model_json.empty()) {
    return fail({.code = ErrorCode::peer_absent,
                 .doing = "making XGBoost's own model of the one measured",
                 .expected = "a model trained here; a pack does not hold the library's file",
                 .found = model.path});
  }
  const std::size_t lanes = std::get<TreeEnsemble>(model.members.front().model).feature_count();
  TT_TRY(XgboostRow library, XgboostRow::create(model_json, lanes));
  XgboostCheck check(std::move(library), lanes);
  const FeatureSet* const set = model.features;
  MarketState market(work.instruments, set, isa, work.instruments.size());
  for (InstrumentId id = 0; id < work.instruments.size(); ++id) market.enable(id);
  const std::size_t end = std::min(work.ticks.size(), work.first_measured + rows_max);
  for (std::size_t i = 0; i < end; ++i) {
    const Event& tick = work.ticks[i];
    const FeatureRow* row =
        market.on_tick(tick.instrument, tick.as<Tick>(), tick.time_ns, [](InstrumentId, const ClosedBar&) {});
    if (i < work.first_measured) continue;
    check.values_.insert(check.values_.end(), row->values.begin(),
                         row->values.begin() + static_cast<std::ptrdiff_t>(lanes));
  }
  check.theirs_.resize(check.values_.size() / lanes);
  return check;
}

Result<void> XgboostCheck::time_rows(const Work& work, std::vector<double>& out_ns) {
  for (std::size_t i = 0; i < theirs_.size(); ++i) {
    std::copy_n(values_.data() + i * lanes_, lanes_, library_.row().data());
    const std::uint64_t begin = stamp();
    const bool predicted = library_.predict(theirs_[i]);
    const std::uint64_t end = stamp();
    if (!predicted) return fail({.code = ErrorCode::peer_absent, .doing = "predicting a row with XGBoost"});
    out_ns.push_back(static_cast<double>(work.clock.to_ns(end - begin)));
  }
  return {};
}

Result<std::string> XgboostCheck::compare(const std::vector<Prediction>& ours) const {
  std::uint64_t valid = 0;
  std::uint64_t equal = 0;
  for (std::size_t i = 0; i < std::min(theirs_.size(), ours.size()); ++i) {
    if (ours[i].state != PredictionState::valid) continue;
    ++valid;
    equal += std::bit_cast<std::uint32_t>(ours[i].score) == std::bit_cast<std::uint32_t>(theirs_[i]);
  }
  return all_equal(equal, valid, "scores of the pipeline's predictions with XGBoost's margins");
}

}  // namespace thintail::bench
