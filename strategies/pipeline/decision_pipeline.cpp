// SPDX-License-Identifier: Apache-2.0
#include "strategies/pipeline/decision_pipeline.hpp"

#include <cmath>

#include "core/base/assert.hpp"

namespace thintail {
namespace {

const FeatureSet* features_of(const PipelineOptions& options) {
  return options.model == nullptr ? nullptr : options.model->features;
}

}  // namespace

DecisionPipeline::DecisionPipeline(const Settings& settings, const InstrumentTable& instruments,
                                   const PipelineOptions& options)
    : settings_(&settings),
      instruments_(&instruments),
      trees_(options.model == nullptr ? nullptr : &options.model->trees),
      market_(instruments, features_of(options), options.isa, settings.core.instruments_max),
      gate_(settings, settings.core.instruments_max),
      books_(settings.core.instruments_max),
      orders_(kOrdersMax),
      kind_(settings.strategy.kind),
      entry_(settings.strategy.entry_cost_multiple),
      exit_(settings.strategy.exit_cost_multiple),
      commission_bp_(static_cast<double>(settings.venue.commission_per_million_e9) / 1e9 / 100.0),
      cooldown_ns_(static_cast<std::int64_t>(settings.strategy.cooldown_ms) * 1'000'000),
      epoch_(options.epoch) {
  TT_CHECK(kind_ != StrategyKind::model_edge || trees_ != nullptr, "a model for the model_edge strategy");
  if (const FeatureSet* set = features_of(options)) mandatory_ = set->mandatory();
}

void DecisionPipeline::enable(InstrumentId id) {
  TT_CHECK(id < books_.size(), "at most core.instruments_max instruments");
  const Instrument& instrument = (*instruments_)[id];
  market_.enable(id);
  gate_.enable(id, instrument);
  const auto quantity = settings_->strategy.quantity.find(instrument.symbol);
  books_[id].trade_quantity_e9 = quantity == settings_->strategy.quantity.end() ? 0 : quantity->second.e9;
}

Prediction DecisionPipeline::predict(const Event& input, const FeatureRow& row, const Quote& quote,
                                     double mid) const noexcept {
  // A crossed quote costs no negative spread.
  const double spread = static_cast<double>(quote.buy_e9()) - static_cast<double>(quote.sell_e9());
  const double cost_bp = mid > 0 ? spread / mid * 1e4 + 2 * commission_bp_ : 0.0;
  Prediction prediction{input.sequence,
                        market_.features()->digest(row),
                        0.0f,
                        static_cast<float>(cost_bp),
                        static_cast<std::uint32_t>(row.defined.count()),
                        0,
                        PredictionState::valid,
                        0};
  if (!row.defined.contains(mandatory_)) {
    prediction.state = PredictionState::warming_up;
    return prediction;
  }
  prediction.score = trees_->margin(row.values.data());
  if (!std::isfinite(prediction.score)) {
    prediction.score = 0.0f;  // NaN payloads differ between processors; the state says what happened
    prediction.state = PredictionState::not_finite;
  }
  return prediction;
}

DecisionPipeline::Order* DecisionPipeline::find_order(std::uint64_t order_id, InstrumentId id) noexcept {
  Order& order = orders_[(order_id & kOrderCounterMax) % kOrdersMax];
  return order_id != 0 && order.id == order_id && order.instrument == id ? &order : nullptr;
}

void DecisionPipeline::release(Order& order, std::int64_t quantity_e9) noexcept {
  const std::int64_t released_e9 = std::min(quantity_e9, order.open_e9);
  Book& book = books_[order.instrument];
  (order.side == Side::buy ? book.working_buy_e9 : book.working_sell_e9) -= released_e9;
  order.open_e9 -= released_e9;
  if (order.open_e9 == 0) order = {};
}

bool DecisionPipeline::take_report(const Event& input) noexcept {
  const auto report = input.as<Report>();
  Order* const order = find_order(report.client_order_id, input.instrument);
  if (order == nullptr) {
    ++unknown_fills_;
    return false;
  }
  switch (report.state) {
    case OrderState::accepted: break;
    case OrderState::cancelled:
    case OrderState::refused:
    case OrderState::expired: release(*order, order->open_e9); break;
  }
  return true;
}

void DecisionPipeline::take_session(const Event& input) noexcept {
  switch (input.as<Session>().state) {
    case SessionState::journal_lagging: gate_.set_journal_lagging(true); break;
    case SessionState::journal_caught_up: gate_.set_journal_lagging(false); break;
    case SessionState::started:
    case SessionState::stopping:
    case SessionState::input_ended: break;
  }
}

}  // namespace thintail
