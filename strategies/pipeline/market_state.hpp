// SPDX-License-Identifier: Apache-2.0
// MarketState: what is known of each instrument's market: its quote, forming bars, order book, peers and features. The one path from tick
// to feature row, taken by the pipeline, the trainer, `features compute` and every backtest.
//   path       hot: on_tick, on_trade, on_book; warm: on_timer; cold: snapshot, restore
//   threads    one
//   invariant  before a tick at venue time t is used, every bar of its instrument with end <= t has closed (CONTRACTS "Time").
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "core/base/error.hpp"
#include "core/book/order_book.hpp"
#include "core/event/payloads.hpp"
#include "core/event/quote.hpp"
#include "core/instrument/instrument_table.hpp"
#include "ml/cross/cross_bank.hpp"
#include "ml/features/feature_engine.hpp"

namespace thintail {

// A venue's clock may run ahead of the engine's so far. One stamp from the future would otherwise hold its instrument's clock there, and
// with it every bar.
inline constexpr std::int64_t kVenueAheadMaxNs = 60'000'000'000;

// A tick's venue time as bars and features take it: never before its instrument's last one, never more than that ahead of engine time.
inline std::int64_t held_venue_ns(std::int64_t venue_ns, std::int64_t time_ns, std::int64_t last_venue_ns) noexcept {
  // A journal's times are whatever stands there.
  const std::int64_t limit_ns =
      std::min(time_ns, std::numeric_limits<std::int64_t>::max() - kVenueAheadMaxNs) + kVenueAheadMaxNs;
  return std::max(std::min(venue_ns, limit_ns), last_venue_ns);
}

class MarketState {
 public:
  // `features` null: quotes and bars only. Nothing is allocated after construction but by enable().
  MarketState(const InstrumentTable& instruments, const FeatureSet* features, Isa isa, std::size_t instruments_max)
      : instruments_(&instruments), rows_(instruments_max, Row{BarBuilder(Zone::new_york())}) {
    if (features == nullptr) return;
    features_ = std::make_unique<FeatureEngine>(*features, isa, instruments_max);
    // A book is large, and nothing but features reads it.
    if (has(features->needs(), Need::depth)) books_.resize(instruments_max);
    if (has(features->needs(), Need::peers)) {
      cross_ = std::make_unique<CrossBank>(CrossBank::of_set(features->features(), instruments_max));
    }
  }

  // Before the instrument's first tick. Cold.
  void enable(InstrumentId id) {
    if (rows_[id].enabled) return;
    rows_[id].enabled = true;
    enabled_ = std::max<std::size_t>(enabled_, id + 1);
    if (features_) features_->enable(id, (*instruments_)[id]);
    if (!books_.empty()) books_[id] = std::make_unique<OrderBook>();
    if (cross_) cross_->enable(id, (*instruments_)[id]);
  }

  bool is_enabled(InstrumentId id) const noexcept { return id < rows_.size() && rows_[id].enabled; }

  // `on_bar(InstrumentId, const ClosedBar&)` sees the bars that this tick closes. Returns the feature row as of the tick, valid until
  // the next call; null without features. REQUIRES: is_enabled(id).
  template <class OnBar>
  TT_HOT const FeatureRow* on_tick(InstrumentId id, const Tick& tick, std::int64_t time_ns, OnBar&& on_bar) {
    Row& row = rows_[id];
    const std::int64_t venue_ns = held_venue_ns(tick.venue_ns, time_ns, row.venue_ns);
    venue_clamps_ += venue_ns != tick.venue_ns;
    row.venue_ns = venue_ns;
    row.bars.close_until(venue_ns, [&](const ClosedBar& bar) { pass_bar(id, bar, on_bar); });
    row.bars.add(tick.bid_e9, tick.ask_e9, venue_ns);
    row.quote = {tick.bid_e9, tick.ask_e9, time_ns};
    if (cross_) pass_to_cross(id, tick, time_ns);
    return features_ ? &features_->on_tick(id, tick, venue_ns) : nullptr;
  }

  // A trade and a level of the book count in the row of the instrument's next tick. REQUIRES: is_enabled(id).
  TT_HOT void on_trade(InstrumentId id, const Trade& trade) noexcept {
    if (features_) features_->on_trade(id, trade);
  }
  TT_HOT void on_book(InstrumentId id, const Book& change, unsigned flags) noexcept {
    if (books_.empty()) return;
    OrderBook& book = *books_[id];
    const BookStep step = book.apply(change, flags);
    if (step == BookStep::whole || step == BookStep::lost) features_->on_book(id, book);
  }
  // Inputs were lost, nobody knows whose: every book waits for its next snapshot.
  TT_COLD void on_gap() noexcept {
    for (std::size_t id = 0; id < books_.size(); ++id) {
      if (books_[id] == nullptr) continue;
      books_[id]->invalidate();
      features_->on_book(static_cast<InstrumentId>(id), *books_[id]);
    }
  }

  // Closes the bars of silent instruments: those with end + grace <= engine time. One call closes at most `outputs_max` / 2 bars' worth
  // (an instrument's bars stay together); the rest waits for the next timer.
  template <class OnBar>
  void on_timer(std::int64_t engine_ns, std::size_t outputs_max, OnBar&& on_bar) {
    if (cross_) cross_->on_timer(engine_ns / 1'000'000'000);
    const std::int64_t due_ns = engine_ns - kBarGraceNs;
    std::size_t budget = outputs_max / 2;
    for (std::size_t seen = 0; seen < enabled_ && budget >= kBarPeriodCount; ++seen) {
      if (timer_cursor_ >= enabled_) timer_cursor_ = 0;
      const auto id = static_cast<InstrumentId>(timer_cursor_++);
      Row& row = rows_[id];
      row.bars.close_until(due_ns, [&](const ClosedBar& bar) {
        pass_bar(id, bar, on_bar);
        --budget;
      });
    }
  }

  const Quote& quote(InstrumentId id) const noexcept { return rows_[id].quote; }
  // True while an M1 bar forms: what input's end waits for.
  bool has_forming_minute() const noexcept {
    return std::any_of(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(enabled_),
                       [](const Row& row) { return row.bars.forming(BarPeriod::m1).ticks != 0; });
  }
  // Ticks whose venue time went back or too far ahead.
  std::uint64_t venue_clamps() const noexcept { return venue_clamps_; }

  // Everything that later rows and bars follow from, as bytes.
  std::vector<std::byte> snapshot() const;
  // What comes after it equals, byte for byte, what a state that never stopped would give. Refuses bytes of another build,
  // feature set or instruments; the state is then not to be used. REQUIRES: the same instruments are enabled.
  Result<void> restore(std::span<const std::byte> bytes);
  const FeatureEngine* features() const noexcept { return features_.get(); }

 private:
  static constexpr std::int64_t kBarGraceNs = 1'000'000'000;
  static constexpr std::int64_t kCrossPriceEnd_e9 = std::int64_t{1} << 61;  // a quote beyond it is no price

  struct Row {
    explicit Row(BarBuilder builder) noexcept : bars(builder) {}
    Quote quote;
    std::int64_t venue_ns = std::numeric_limits<std::int64_t>::min();
    bool enabled = false;
    BarBuilder bars;
  };

  // What other instruments say, as of this tick, into its row.
  TT_HOT void pass_to_cross(InstrumentId id, const Tick& tick, std::int64_t time_ns) noexcept {
    if (tick.bid_e9 < kCrossPriceEnd_e9 && tick.ask_e9 < kCrossPriceEnd_e9) [[likely]] {
      cross_->on_tick(id, tick.bid_e9, tick.ask_e9, time_ns);
    }
    features_->set_guests(id, {cross_->values(id), cross_->size()}, cross_->defined(id));
  }

  template <class OnBar>
  void pass_bar(InstrumentId id, const ClosedBar& bar, OnBar& on_bar) {
    if (features_) features_->on_bar(id, bar);
    on_bar(id, bar);
  }

  const InstrumentTable* instruments_;
  std::vector<Row> rows_;
  std::unique_ptr<FeatureEngine> features_;
  std::vector<std::unique_ptr<OrderBook>> books_;  // empty where no feature reads them
  std::unique_ptr<CrossBank> cross_;  // null where no feature looks at other instruments
  std::size_t enabled_ = 0;
  std::size_t timer_cursor_ = 0;
  std::uint64_t venue_clamps_ = 0;
};

}  // namespace thintail
