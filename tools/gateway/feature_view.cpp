// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/feature_view.hpp"

#include <algorithm>
#include <utility>

#include "core/isa/isa.hpp"
#include "strategies/pipeline/preamble.hpp"

namespace thintail::gateway {
namespace {

constexpr std::size_t kInstrumentsMax = 1'024;  // more are not followed: each takes some KB
// As the engine's own: a timer closes no more bars at once.
constexpr std::size_t kTimerBarOutputs = 40;

}  // namespace

void FeatureView::begin_run() {
  forget_run();
  stage_ = Stage::preamble;
  instruments_ = std::make_unique<InstrumentTable>(kInstrumentsMax);
}

// Rows after a hole are not the engine's: none is better than a wrong one.
void FeatureView::forget_run() {
  stage_ = Stage::unseen;
  set_ = nullptr;
  market_.reset();
  ids_.clear();
  rows_.clear();
  held_.clear();
  held_.shrink_to_fit();
  text_.drop();
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
  if (stage_ == Stage::unseen) return;
  if (text_.take(event)) add_instrument();
  if (stage_ == Stage::preamble) {
    if (event.type == EventType::model) {
      model_ = event.as<Model>().sha256;
      stage_ = Stage::waiting;
    } else if (event.type == EventType::tick || event.type == EventType::timer) {
      forget_run();  // it runs without a model
    }
    return;
  }
  if (stage_ == Stage::waiting) {
    held_.push_back(event);
    if (const FeatureSet* set = set_of_(model_)) {
      follow(*set);
    } else if (held_.size() >= kHeldMax) {
      forget_run();
    }
    return;
  }
  apply(event);
}

void FeatureView::follow(const FeatureSet& set) {
  set_ = &set;
  stage_ = Stage::following;
  market_ = std::make_unique<MarketState>(*instruments_, set_, best_isa(), kInstrumentsMax);
  for (std::size_t id = 0; id < rows_.size(); ++id) market_->enable(static_cast<InstrumentId>(id));
  for (const Event& event : std::exchange(held_, {})) apply(event);
}

void FeatureView::apply(const Event& event) {
  const auto ignore_bar = [](InstrumentId, const ClosedBar&) {};
  switch (event.type) {
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
      if (row.seen.sequence == told.cause) row.seen.is_engines = told.feature_digest == row.digest;
      break;
    }
    default: break;
  }
}

void FeatureView::add_instrument() {
  if (text_.owner().type != EventType::instrument) return;
  auto instrument = instrument_from_text(text_.owner().as<InstrumentRow>(), text_.text());
  if (!instrument) return;  // damage
  const std::string name = instrument->name();
  if (instruments_->size() != text_.owner().instrument) return;  // ids are given in order: damage
  const auto id = instruments_->add(*std::move(instrument));
  if (!id) return;
  if (market_) market_->enable(*id);
  ids_[name] = *id;
  rows_.resize(*id + 1);
}

std::optional<SeenFeatures> FeatureView::row(std::string_view instrument) const {
  const std::lock_guard lock(mutex_);
  const auto id = ids_.find(instrument);
  if (id == ids_.end() || rows_[id->second].seen.sequence == 0) return std::nullopt;
  return rows_[id->second].seen;
}

const FeatureSet* FeatureView::set() const {
  const std::lock_guard lock(mutex_);
  return set_;
}

bool FeatureView::waits_for_pack() const {
  const std::lock_guard lock(mutex_);
  return stage_ == Stage::waiting;
}

}  // namespace thintail::gateway
