// SPDX-License-Identifier: Apache-2.0
// RunReport: what a run did, counted from its events alone, so that a live core, a backtest and a replayed journal are reported alike.
//   path     warm: one call an event, off the engine thread where there is one
//   source   P&L is marked at the price that closing would get (longs at min(bid, ask), shorts at max), so the spread is always charged.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/event/payloads.hpp"
#include "core/event/quote.hpp"
#include "core/instrument/instrument_table.hpp"
#include "strategies/portfolio/portfolio.hpp"
#include "strategies/risk/risk_gate.hpp"

namespace thintail {

class RunReport {
 public:
  struct InstrumentRowReport {
    std::uint64_t ticks = 0;
    std::uint64_t crossed = 0;
    std::uint64_t locked = 0;
    std::int64_t venue_ns = std::numeric_limits<std::int64_t>::min();  // of the last tick, as MarketState holds it
    std::uint64_t bars_m1 = 0;
    std::uint64_t fills = 0;
    Quote quote;
    Holding holding;
    i128 marked_e18 = 0;  // P&L as of the last mark
    std::map<std::int64_t, std::uint64_t> spreads;  // spread in 1e-9 -> ticks

    std::int64_t median_spread_e9() const;
  };

  // Money of one quote currency: currencies are never added up.
  struct Money {
    i128 pnl_e18 = 0;  // after spread and commission
    i128 commission_e18 = 0;
    i128 peak_e18 = 0;
    i128 drawdown_max_e18 = 0;
  };

  // `instruments` must outlive the report.
  explicit RunReport(const InstrumentTable& instruments) : instruments_(&instruments) {}

  void add(const Event& event);

  std::uint64_t count(EventType type) const noexcept { return counts_[static_cast<std::size_t>(type)]; }
  std::uint64_t events() const noexcept { return events_; }
  std::uint64_t outputs() const noexcept { return outputs_; }
  std::uint64_t valid_predictions() const noexcept { return valid_predictions_; }
  std::uint64_t rejects(RiskRule rule) const noexcept { return rejects_[static_cast<std::size_t>(rule)]; }
  std::uint64_t venue_clamps() const noexcept { return venue_clamps_; }
  std::uint64_t lost_inputs() const noexcept { return lost_inputs_; }
  std::int64_t first_ns() const noexcept { return first_ns_; }
  std::int64_t last_ns() const noexcept { return last_ns_; }
  bool is_simulated() const noexcept { return simulated_; }
  const std::vector<InstrumentRowReport>& rows() const noexcept { return rows_; }
  const std::map<std::string, Money>& money() const noexcept { return money_; }
  const InstrumentTable& instruments() const noexcept { return *instruments_; }

 private:
  InstrumentRowReport* row(InstrumentId id);
  void mark(InstrumentId id, InstrumentRowReport& row);

  const InstrumentTable* instruments_;
  std::array<std::uint64_t, kEventTypeCount> counts_{};
  std::array<std::uint64_t, kRiskRuleCount> rejects_{};
  std::vector<InstrumentRowReport> rows_;
  std::map<std::string, Money> money_;
  std::uint64_t events_ = 0;
  std::uint64_t outputs_ = 0;
  std::uint64_t valid_predictions_ = 0;
  std::uint64_t venue_clamps_ = 0;
  std::uint64_t lost_inputs_ = 0;
  std::int64_t first_ns_ = 0;  // of ticks
  std::int64_t last_ns_ = 0;
  bool simulated_ = false;
};

}  // namespace thintail
