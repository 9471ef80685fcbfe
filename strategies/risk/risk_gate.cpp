// SPDX-License-Identifier: Apache-2.0
#include "strategies/risk/risk_gate.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kLongAgo = std::numeric_limits<std::int64_t>::min();

// now - then; `then` may be the far past.
constexpr std::int64_t elapsed_ns(std::int64_t now_ns, std::int64_t then_ns) noexcept {
  return saturated(static_cast<i128>(now_ns) - then_ns);
}

}  // namespace

std::string_view risk_rule_name(RiskRule rule) noexcept {
  static constexpr std::array<std::string_view, kRiskRuleCount> kNames = {
      "passed",       "kill_latched", "paused",        "journal_lagging", "no_limit",
      "no_quote",     "stale_quote",  "crossed_quote", "lot_step",        "max_order_quantity",
      "max_position", "throttle",     "open_orders"};
  const auto index = static_cast<std::size_t>(rule);
  return index < kNames.size() ? kNames[index] : "unknown";
}

void RiskGate::enable(InstrumentId id, const Instrument& instrument) {
  const RiskLimits limits = limits_for(*settings_, instrument);
  Row& row = rows_[id];
  row.lot_step_e9 = instrument.lot_step_e9;
  if (limits.max_order_quantity) row.max_order_quantity_e9 = limits.max_order_quantity->e9;
  if (limits.max_position) row.max_position_e9 = limits.max_position->e9;
  if (limits.max_quote_age_ms)
    row.max_quote_age_ns = saturated(static_cast<i128>(*limits.max_quote_age_ms) * 1'000'000);
  // None a second passes nothing, which is what an unset limit does.
  if (limits.max_orders_per_second && *limits.max_orders_per_second > 0) {
    row.orders_per_second = *limits.max_orders_per_second;
    row.order_times_ns.assign(static_cast<std::size_t>(row.orders_per_second), kLongAgo);
  }
}

Verdict RiskGate::judge(const OrderRequest& order, const Exposure& exposure, const Quote& quote,
                        std::int64_t now_ns) const noexcept {
  using enum RiskRule;
  if (killed_) return {kill_latched, 0, 1};
  if (order.instrument >= rows_.size()) return {no_limit, 0, 0};
  const Row& row = rows_[order.instrument];

  // The most that can be held on the order's side: working orders of that side all fill, opposite ones never. Sums of three i64 in
  // i128 cannot overflow, so no hostile quantity wraps past a limit.
  const bool buys = order.side == Side::buy;
  const i128 worst = buys ? static_cast<i128>(exposure.position_e9) + exposure.working_buy_e9 + order.quantity_e9
                          : -(static_cast<i128>(exposure.position_e9) - exposure.working_sell_e9 - order.quantity_e9);
  // Up to zero the order only closes an opposite position, whatever becomes of the working orders.
  const bool adds_risk = !(order.quantity_e9 > 0 && worst <= 0);

  if (adds_risk && paused_) return {paused, 0, 1};
  if (adds_risk && journal_lagging_) return {journal_lagging, 0, 1};
  if (!(row.max_order_quantity_e9 >= 0 && row.max_position_e9 >= 0 && row.max_quote_age_ns >= 0 &&
        row.orders_per_second > 0)) {
    return {no_limit, 0, 0};
  }
  if (!quote.is_present()) return {no_quote, 0, 0};
  const std::int64_t age_ns = elapsed_ns(now_ns, quote.time_ns);
  if (!(age_ns >= 0 && age_ns <= row.max_quote_age_ns)) return {stale_quote, row.max_quote_age_ns, age_ns};
  if (adds_risk && quote.is_crossed()) return {crossed_quote, quote.bid_e9, quote.ask_e9};
  if (!(order.quantity_e9 > 0 && row.lot_step_e9 > 0 && order.quantity_e9 % row.lot_step_e9 == 0)) {
    return {lot_step, row.lot_step_e9, order.quantity_e9};
  }
  if (!(order.quantity_e9 <= row.max_order_quantity_e9)) {
    return {max_order_quantity, row.max_order_quantity_e9, order.quantity_e9};
  }
  // An order that only reduces passes even where a lowered limit already stands exceeded: its worst is not above zero.
  if (!(worst <= row.max_position_e9)) return {max_position, row.max_position_e9, saturated(worst)};
  const std::int64_t since_oldest_ns = elapsed_ns(now_ns, row.order_times_ns[row.next_time]);
  if (!(since_oldest_ns >= kSecondNs)) return {throttle, row.orders_per_second, since_oldest_ns};
  return {passed, 0, 0};
}

std::int64_t RiskGate::largest_order_e9(InstrumentId id) const noexcept {
  const Row& row = rows_[id];
  if (row.max_order_quantity_e9 <= 0 || row.lot_step_e9 <= 0) return 0;
  return row.max_order_quantity_e9 - row.max_order_quantity_e9 % row.lot_step_e9;
}

void RiskGate::count_order(InstrumentId id, std::int64_t now_ns) noexcept {
  Row& row = rows_[id];
  row.order_times_ns[row.next_time] = now_ns;
  const std::size_t size = row.order_times_ns.size();
  row.next_time = row.next_time + 1 == size ? 0 : row.next_time + 1;
  row.last_order_ns = now_ns;
  row.orders_in_second = std::min(row.orders_in_second + 1, size);
  const auto oldest = [&row, size] {
    return row.next_time >= row.orders_in_second ? row.next_time - row.orders_in_second
                                                 : row.next_time + size - row.orders_in_second;
  };
  while (elapsed_ns(now_ns, row.order_times_ns[oldest()]) >= kSecondNs) --row.orders_in_second;
}

RiskStanding RiskGate::standing(InstrumentId id, const Exposure& exposure) const noexcept {
  const Row& row = rows_[id];
  return {exposure,
          row.max_position_e9,
          row.max_order_quantity_e9,
          row.max_quote_age_ns,
          row.orders_per_second,
          static_cast<std::int64_t>(row.orders_in_second),
          row.last_order_ns};
}

}  // namespace thintail
