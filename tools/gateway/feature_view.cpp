// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/feature_view.hpp"

#include <algorithm>

#include "core/isa/isa.hpp"

namespace thintail::gateway {
namespace {

constexpr std::size_t kInstrumentsMax = 1'024;  // more are not followed: each takes some KB
constexpr std::size_t kTextBytesMax = 256;
// As the engine's own: a timer closes no more bars at once.
constexpr std::size_t kTimerBarOutputs = 40;

}  // namespace

void FeatureView::begin_run() {
  instruments_ = std::make_unique<InstrumentTable>(kInstrumentsMax);
  market_ = std::make_unique<MarketState>(*instruments_, set_, best_isa(), kInstrumentsMax);
  ids_.clear();
  rows_.clear();
  text_bytes_ = 0;
}

void FeatureView::take(const Event& event) {
  const std::lock_guard lock(mutex_);
  const bool follows = event.sequence == next_sequence_;
  next_sequence_ = event.sequence + 1;
  if (event.type == EventType::session && event.as<Session>().state == SessionState::started) {
    begin_run();
  } else if (!follows) {
    forget_run();
  }
  if (market_ == nullptr) return;
  const auto ignore_bar = [](InstrumentId, const ClosedBar&) {};
  switch (event.type) {
    case EventType::instrument:
    case EventType::continuation: take_text(event); break;
    case EventType::tick: {
      if (!market_->is_enabled(event.instrument)) break;
      const FeatureRow* row = market_->on_tick(event.instrument, event.as<Tick>(), event.time_ns, ignore_bar);
      if (row == nullptr) break;
      rows_[event.instrument] = {{event.sequence, event.time_ns, *row, std::nullopt},
                                 market_->features()->digest(*row)};
      break;
    }
    case EventType::trade:
      if (market_->is_enabled(event.instrument)) market_->on_trade(event.instrument, event.as<Trade>());
      break;
    case EventType::book:
      if (market_->is_enabled(event.instrument)) {
        market_->on_book(event.instrument, event.as<Book>(), event.flags);
      }
      break;
    case EventType::gap: market_->on_gap(); break;
    case EventType::timer: market_->on_timer(event.time_ns, kTimerBarOutputs, ignore_bar); break;
    case EventType::prediction: {
      if (event.instrument >= rows_.size()) break;
      Row& row = rows_[event.instrument];
      const auto told = event.as<Prediction>();
      if (row.seen.sequence == told.cause && told.model_slot == 0)
        row.seen.is_engines = told.feature_digest == row.digest;
      break;
    }
    default: break;
  }
}

void FeatureView::take_text(const Event& event) {
  if (event.type == EventType::instrument) {
    continued_ = event;
    text_.clear();
    text_bytes_ = event.as<InstrumentRow>().name_bytes;
    if (text_bytes_ > kTextBytesMax || !event.is_continued()) text_bytes_ = 0;
    return;
  }
  if (text_bytes_ == 0) return;
  const auto text = event.as<Continuation>().text;
  text_.append(text.data(), std::min(text.size(), text_bytes_ - text_.size()));
  if (text_.size() < text_bytes_) return;
  text_bytes_ = 0;
  // "XAUUSD@oanda XAU USD"
  const std::size_t first = text_.find(' ');
  const std::size_t last = text_.rfind(' ');
  const std::size_t mark = text_.find('@');
  const auto row = continued_.as<InstrumentRow>();
  if (first == std::string::npos || last == first || mark > first) return;
  Instrument instrument;
  instrument.symbol = text_.substr(0, mark);
  instrument.venue = text_.substr(mark + 1, first - mark - 1);
  instrument.base = text_.substr(first + 1, last - first - 1);
  instrument.quote = text_.substr(last + 1);
  instrument.digits = row.digits;
  instrument.tick_size_e9 = row.tick_size_e9;
  instrument.lot_step_e9 = row.lot_step_e9;
  instrument.contract_size_e9 = row.contract_size_e9;
  instrument.calendar = static_cast<CalendarId>(row.calendar);
  const std::string name = instrument.name();
  if (instruments_->size() != continued_.instrument) return;  // ids are given in order: damage
  const auto id = instruments_->add(std::move(instrument));
  if (!id) return;
  market_->enable(*id);
  ids_[name] = *id;
  rows_.resize(*id + 1);
}

// Rows after a hole are not the engine's: none is better than a wrong one.
void FeatureView::forget_run() {
  market_.reset();
  ids_.clear();
  rows_.clear();
}

std::optional<SeenFeatures> FeatureView::row(std::string_view instrument) const {
  const std::lock_guard lock(mutex_);
  const auto id = ids_.find(instrument);
  if (id == ids_.end() || rows_[id->second].seen.sequence == 0) return std::nullopt;
  return rows_[id->second].seen;
}

}  // namespace thintail::gateway
