// SPDX-License-Identifier: Apache-2.0
#include "strategies/backtest/run_report.hpp"

#include "core/bars/bar_builder.hpp"
#include "strategies/pipeline/market_state.hpp"

namespace thintail {

std::int64_t RunReport::InstrumentRowReport::median_spread_e9() const {
  std::uint64_t below = 0;
  for (const auto& [spread_e9, count] : spreads) {
    below += count;
    if (below * 2 >= ticks) return spread_e9;
  }
  return 0;
}

RunReport::InstrumentRowReport* RunReport::row(InstrumentId id) {
  if (id >= instruments_->size()) return nullptr;
  if (id >= rows_.size()) rows_.resize(id + 1);
  return &rows_[id];
}

void RunReport::mark(InstrumentId id, InstrumentRowReport& row) {
  if (!row.quote.is_present()) return;  // a position carried over has no price yet
  const std::int64_t price_e9 = row.holding.quantity_e9() >= 0 ? row.quote.sell_e9() : row.quote.buy_e9();
  const i128 pnl_e18 = row.holding.pnl_e18(price_e9);
  if (pnl_e18 == row.marked_e18) return;
  Money& money = money_[(*instruments_)[id].quote];
  money.pnl_e18 += pnl_e18 - row.marked_e18;
  row.marked_e18 = pnl_e18;
  money.peak_e18 = std::max(money.peak_e18, money.pnl_e18);
  money.drawdown_max_e18 = std::max(money.drawdown_max_e18, money.peak_e18 - money.pnl_e18);
}

void RunReport::add(const Event& event) {
  ++events_;
  outputs_ += event.is_output();
  if (static_cast<std::size_t>(event.type) < counts_.size()) ++counts_[static_cast<std::size_t>(event.type)];
  switch (event.type) {
    case EventType::tick: {
      InstrumentRowReport* found = row(event.instrument);
      if (found == nullptr) return;
      const auto tick = event.as<Tick>();
      simulated_ |= (event.flags & kFlagSimulated) != 0;
      if (first_ns_ == 0) first_ns_ = event.time_ns;
      last_ns_ = event.time_ns;
      ++found->ticks;
      found->crossed += tick.ask_e9 < tick.bid_e9;
      found->locked += tick.ask_e9 == tick.bid_e9;
      found->venue_ns = held_venue_ns(tick.venue_ns, event.time_ns, found->venue_ns);
      venue_clamps_ += found->venue_ns != tick.venue_ns;
      found->quote = {tick.bid_e9, tick.ask_e9, event.time_ns};
      if (found->quote.is_present()) ++found->spreads[tick.ask_e9 - tick.bid_e9];
      if (found->holding.quantity_e9() != 0) mark(event.instrument, *found);
      break;
    }
    case EventType::bar:
      if (InstrumentRowReport* found = row(event.instrument)) {
        const auto bar = event.as<Bar>();
        found->bars_m1 += bar.period() == static_cast<unsigned>(BarPeriod::m1) && bar.side() == QuoteSide::bid;
      }
      break;
    case EventType::prediction: valid_predictions_ += event.as<Prediction>().state == PredictionState::valid; break;
    case EventType::reject: {
      const auto rule = static_cast<std::size_t>(event.as<Reject>().rule);
      if (rule < rejects_.size()) ++rejects_[rule];
      break;
    }
    case EventType::gap: lost_inputs_ += event.as<Gap>().count; break;
    case EventType::fill:
      if (InstrumentRowReport* found = row(event.instrument)) {
        const auto fill = event.as<Fill>();
        ++found->fills;
        money_[(*instruments_)[event.instrument].quote].commission_e18 += static_cast<i128>(fill.commission_e9) * kE9;
      }
      break;
    case EventType::position:  // after each fill that was booked, and at the start for what an earlier epoch left
      if (InstrumentRowReport* found = row(event.instrument)) {
        if (!found->holding.restore(event.as<Position>())) break;
        if (event.is_output()) {
          mark(event.instrument, *found);
        } else {
          found->marked_e18 = found->holding.realised_e18();
        }
      }
      break;
    default: break;
  }
}

}  // namespace thintail
