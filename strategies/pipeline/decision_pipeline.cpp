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
  TT_CHECK(kind_ != StrategyKind::model_edge || options.model != nullptr, "a model for the model_edge strategy");
  if (options.model == nullptr) return;
  first_.emplace(*options.model, settings.core.instruments_max);
  live_ = slots_[slot_] = &*first_;
  tells_regimes_ = options.model->regime.has_value();
}

void DecisionPipeline::enable(InstrumentId id) {
  TT_CHECK(id < books_.size(), "at most core.instruments_max instruments");
  const Instrument& instrument = (*instruments_)[id];
  market_.enable(id);
  if (first_) first_->enable(id);
  gate_.enable(id, instrument);
  const auto quantity = settings_->strategy.quantity.find(instrument.symbol);
  books_[id].trade_quantity_e9 = quantity == settings_->strategy.quantity.end() ? 0 : quantity->second.e9;
  books_[id].lot_step_e9 = std::max<std::int64_t>(1, instrument.lot_step_e9);
}

void DecisionPipeline::place(std::uint16_t slot, Predictor& predictor) noexcept {
  if (slot < kModelSlots && slots_[slot] == &predictor) return;  // offered once more: it may be in the shadow
  TT_CHECK(slot < kModelSlots && slot != slot_ && live_ != nullptr, "a slot beside the one in force");
  TT_CHECK(predictor.model().features->hash() == live_->model().features->hash(), "a model of the features in force");
  if (shadow_ == slots_[slot]) shadow_ = nullptr;
  slots_[slot] = &predictor;
}

void DecisionPipeline::on_model(const Event& input) noexcept {
  const auto model = input.as<Model>();
  if (model.slot >= kModelSlots || slots_[model.slot] == nullptr ||
      slots_[model.slot]->model().digest != model.sha256) {
    ++unknown_models_;
    return;
  }
  shadow_ = nullptr;
  shadow_is_warm_ = false;
  if (model.stage == ModelStage::live) {
    if (model.slot != slot_) slots_[slot_] = nullptr;  // its owner may free it
    slot_ = model.slot;
    live_ = slots_[slot_];
    tells_regimes_ = tells_regimes_ || live_->model().regime.has_value();
  } else if (model.slot != slot_) {
    shadow_ = slots_[model.slot];
    for (Book& book : books_) book.in_shadow = false;
  }
}

void DecisionPipeline::look_at_shadow() noexcept {
  bool is_warm = true;
  bool has_ticked = false;
  for (std::size_t id = 0; id < books_.size() && is_warm; ++id) {
    if (!books_[id].in_shadow) continue;
    has_ticked = true;
    is_warm = shadow_->is_warm(static_cast<InstrumentId>(id));
  }
  shadow_is_warm_ = is_warm && has_ticked;
}

void DecisionPipeline::on_gap() noexcept {
  market_.on_gap();
  if (live_ != nullptr) live_->on_gap();
  if (shadow_ != nullptr) shadow_->on_gap();
}

std::int64_t DecisionPipeline::trade_quantity_e9(InstrumentId id, const Book& book) const noexcept {
  const double scale = kind_ == StrategyKind::model_edge ? live_->risk_scale(id) : 1.0;
  if (scale >= 1.0) return book.trade_quantity_e9;
  const auto scaled_e9 = static_cast<std::int64_t>(static_cast<double>(book.trade_quantity_e9) * scale);
  return scaled_e9 - scaled_e9 % book.lot_step_e9;
}

void DecisionPipeline::after_tick(const Event& input, const FeatureRow* row, Book& book) noexcept {
  if (shadow_ != nullptr) [[unlikely]] {
    shadow_->shadow(input.instrument, *row, book.closed, input.time_ns);
    book.in_shadow = true;
  }
  if (kind_ == StrategyKind::model_edge) live_->after_tick(input.instrument);
  book.closed = 0;
}

Prediction DecisionPipeline::predict(const Event& input, const FeatureRow& row, const Quote& quote, double mid,
                                     Book& book, RegimeChange& change) noexcept {
  // A crossed quote costs no negative spread.
  const double spread = static_cast<double>(quote.buy_e9()) - static_cast<double>(quote.sell_e9());
  const double cost_bp = mid > 0 ? spread / mid * 1e4 + 2 * commission_bp_ : 0.0;
  Prediction prediction{input.sequence,
                        market_.features()->digest(row),
                        0.0f,
                        static_cast<float>(cost_bp),
                        static_cast<std::uint32_t>(row.defined.count()),
                        slot_,
                        PredictionState::valid,
                        0};
  std::int64_t twice_mid_e9 = 0;
  if (__builtin_add_overflow(quote.bid_e9, quote.ask_e9, &twice_mid_e9)) twice_mid_e9 = 0;  // no mid
  const Predictor::Answer answer = live_->on_tick(input.instrument, row, twice_mid_e9, book.closed, input.time_ns);
  // A model that has just come into force may know of another regime than the one before it announced.
  if (tells_regimes_) [[unlikely]] {
    const RegimeLabel regime = live_->regime(input.instrument);
    if (regime != book.regime) {
      change = {book.regime, regime, answer.regime_changed ? answer.regime.probability : 1.0f};
      book.regime = regime;
    }
  }
  prediction.score = answer.score;
  prediction.state = answer.state;
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
