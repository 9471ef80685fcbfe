// SPDX-License-Identifier: Apache-2.0
// FillModel: a venue as a pure object stepped in time: orders reach it after a latency, fill at the touch, and their fills come back after
// the same latency. Costs are charged: the spread by the touch, commission by notional.
//   path       warm
//   threads    one
//   invariant  an order that arrives at T fills on the last quote before T (without latency: on the quote it was decided on); buys pay
//              max(bid, ask), sells get min(bid, ask). Answers come in the order of the intents. Nothing is allocated after construction.
//
// What it leaves out, and so flatters: depth (any quantity fills at the touch), queueing, and the market's reaction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/price/decimal.hpp"

namespace thintail {

struct FillModelSettings {
  std::int64_t latency_ns = 500'000;
  std::int64_t commission_per_million_e9 = 0;  // quote units for each million of notional
};

class FillModel {
 public:
  static constexpr std::size_t kOrdersMax = 4096;
  static constexpr std::uint16_t kRefusedNoQuote = 1;  // Report::reason
  static constexpr std::uint16_t kRefusedFull = 2;

  FillModel(const FillModelSettings& settings, std::size_t instruments_max)
      : settings_(settings), quotes_(instruments_max), orders_(kOrdersMax) {}

  bool has_room() const noexcept { return count_ < kOrdersMax; }

  // The venue's own view of the market. REQUIRES: execute_until(time of this tick) came before.
  void on_tick(InstrumentId id, const Tick& tick) noexcept {
    if (id < quotes_.size()) quotes_[id] = {tick.bid_e9, tick.ask_e9};
  }

  // An intent sent at engine time event.time_ns. False where no more orders can be held (kOrdersMax in flight).
  bool on_intent(const Event& event) noexcept {
    if (!has_room()) return false;
    Order& order = orders_[(head_ + count_++) % kOrdersMax];
    order = {event.as<Intent>(), event.instrument, event.time_ns + settings_.latency_ns, 0, false};
    return true;
  }

  // Fills the orders that have arrived by `time_ns` on the quotes known now.
  void execute_until(std::int64_t time_ns) noexcept {
    for (; executed_ < count_; ++executed_) {
      Order& order = orders_[(head_ + executed_) % kOrdersMax];
      if (order.arrival_ns > time_ns) return;
      const Touch& touch = quotes_[order.instrument];
      const bool buys = order.intent.side == Side::buy;
      order.filled = touch.bid_e9 > 0 && touch.ask_e9 > 0;
      order.fill_e9 = buys ? std::max(touch.bid_e9, touch.ask_e9) : std::min(touch.bid_e9, touch.ask_e9);
    }
  }

  // When the next answer reaches the engine; the far future when nothing is in flight.
  std::int64_t next_due_ns() const noexcept {
    return count_ == 0 ? std::numeric_limits<std::int64_t>::max() : orders_[head_].arrival_ns + settings_.latency_ns;
  }

  // The answer due first: a Fill, or a Report that refuses. REQUIRES: next_due_ns() <= now.
  Event take_answer(unsigned flags) noexcept {
    // An order decided on since the last execute_until(), as by a timer, fills now: no quote came in between.
    execute_until(orders_[head_].arrival_ns);
    const Order order = orders_[head_];
    head_ = (head_ + 1) % kOrdersMax;
    --count_;
    --executed_;
    const std::int64_t time_ns = order.arrival_ns + settings_.latency_ns;
    if (!order.filled) {
      return Event::make(time_ns, order.instrument,
                         Report{order.intent.client_order_id, 0, order.intent.quantity_e9, order.arrival_ns,
                                OrderState::refused, kRefusedNoQuote, 0},
                         flags);
    }
    return Event::make(time_ns, order.instrument,
                       Fill{order.intent.client_order_id, order.fill_e9, order.intent.quantity_e9,
                            commission_e9(order.fill_e9, order.intent.quantity_e9), order.intent.side, 1,
                            order.intent.strategy, ++fills_},
                       flags);
  }

 private:
  struct Touch {
    std::int64_t bid_e9 = 0;
    std::int64_t ask_e9 = 0;
  };
  struct Order {
    Intent intent;
    InstrumentId instrument;
    std::int64_t arrival_ns;
    std::int64_t fill_e9;
    bool filled;
  };

  // Price times quantity times rate, in 1e-27, over a million, in 1e-9: divided by 1e24 in two steps, since the product of the three would
  // not fit 128 bits. Rounded up once, exactly: a cost is never understated. What fits no i64 is the largest one.
  std::int64_t commission_e9(std::int64_t price_e9, std::int64_t quantity_e9) const noexcept {
    constexpr std::int64_t kE12 = 1'000'000'000'000;
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    const auto divided_up = [](i128 value) { return (value + (kE12 - 1)) / kE12; };
    const i128 notional_e18 = static_cast<i128>(price_e9) * quantity_e9;
    const std::int64_t rate_e9 = settings_.commission_per_million_e9;
    i128 scaled = 0;
    const bool is_wide = __builtin_mul_overflow(notional_e18 / kE12, static_cast<i128>(rate_e9), &scaled);
    if (is_wide || scaled >= static_cast<i128>(kMax) * kE12) return kMax;
    return static_cast<std::int64_t>(divided_up(scaled + divided_up(notional_e18 % kE12 * rate_e9)));
  }

  FillModelSettings settings_;
  std::vector<Touch> quotes_;
  std::vector<Order> orders_;  // a ring: [head, head + executed) filled, up to head + count in flight
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  std::size_t executed_ = 0;
  std::uint32_t fills_ = 0;
};

}  // namespace thintail
