// SPDX-License-Identifier: Apache-2.0
// RiskGate: the last thing before an intent: every order passes all rules or becomes a Reject that names the rule, the limit and what
// was observed.
//   path       hot
//   threads    one
//   invariant  accept-style: an order passes only where every comparison says yes, so a missing limit, an absent quote or an overflowing
//              sum refuses. Decides on engine time and integers alone.
//   source     SEC 15c3-5, EU 2017/589 (RTS 6) articles 12 and 15: the structural part of shared/FAULTS.md section 2
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "core/base/int128.hpp"
#include "core/config/settings.hpp"
#include "core/event/payloads.hpp"
#include "core/event/quote.hpp"

namespace thintail {

// Values reach the journal: never renumber, never reuse.
enum class RiskRule : std::uint16_t {
  passed = 0,
  kill_latched = 1,
  paused = 2,
  journal_lagging = 3,
  no_limit = 4,  // no limit configured = refuse
  no_quote = 5,
  stale_quote = 6,  // limit and observed in ns
  crossed_quote = 7,  // limit and observed: bid and ask
  lot_step = 8,  // the quantity is no positive multiple of the lot step
  max_order_quantity = 9,
  max_position = 10,  // working orders included
  throttle = 11,  // limit: orders a second; observed: ns since the oldest of that many
  open_orders = 12,  // more orders in flight than can be tracked
};
inline constexpr std::size_t kRiskRuleCount = 13;
std::string_view risk_rule_name(RiskRule rule) noexcept;

// Nearest i64 that can be negated. A quantity that reached it is beyond every limit that can be set.
constexpr std::int64_t saturated(i128 value) noexcept {
  constexpr i128 kMax = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(value > kMax ? kMax : value < -kMax ? -kMax : value);
}

struct OrderRequest {
  InstrumentId instrument;
  Side side;  // buy or sell
  std::int64_t quantity_e9;
  std::uint16_t strategy;
};

// Exposure that the order would add to. Working quantities are positive.
struct Exposure {
  std::int64_t position_e9 = 0;
  std::int64_t working_buy_e9 = 0;
  std::int64_t working_sell_e9 = 0;

  // What will be held when everything working fills.
  std::int64_t expected_e9() const noexcept {
    return saturated(static_cast<i128>(position_e9) + working_buy_e9 - working_sell_e9);
  }
  bool is_flat() const noexcept { return position_e9 == 0 && working_buy_e9 == 0 && working_sell_e9 == 0; }
  bool is_working() const noexcept { return working_buy_e9 != 0 || working_sell_e9 != 0; }
};

struct Verdict {
  RiskRule rule;
  std::int64_t limit;
  std::int64_t observed;
  bool passed() const noexcept { return rule == RiskRule::passed; }
};

// Where an instrument stands against its limits, for whoever shows it. A limit of -1 is not set, and then nothing passes.
struct RiskStanding {
  Exposure exposure;
  std::int64_t max_position_e9;
  std::int64_t max_order_quantity_e9;
  std::int64_t max_quote_age_ns;
  std::int64_t max_orders_per_second;
  std::int64_t orders_in_second;  // counted in the second that ended with the last of them
  std::int64_t last_order_ns;  // 0: none yet
};

struct GateLatches {
  bool killed = false;
  bool paused = false;
  bool journal_lagging = false;
  bool flattening = false;
  friend bool operator==(const GateLatches&, const GateLatches&) = default;
};

class RiskGate {
 public:
  RiskGate(const Settings& settings, std::size_t instruments_max) : settings_(&settings), rows_(instruments_max) {}

  // Takes the instrument's limits from the settings. Cold; before its first order. REQUIRES: id < instruments_max.
  void enable(InstrumentId id, const Instrument& instrument);

  // Judges an order at engine time `now_ns`. Changes nothing: count_order() does, once the order really goes out.
  TT_HOT Verdict judge(const OrderRequest& order, const Exposure& exposure, const Quote& quote,
                       std::int64_t now_ns) const noexcept;
  // REQUIRES: judge() passed an order of this instrument.
  TT_HOT void count_order(InstrumentId id, std::int64_t now_ns) noexcept;

  // The largest order that the instrument's limits let pass, in whole lot steps; 0 where none does.
  std::int64_t largest_order_e9(InstrumentId id) const noexcept;

  RiskStanding standing(InstrumentId id, const Exposure& exposure) const noexcept;

  void kill() noexcept { killed_ = true; }
  void reset_kill() noexcept { killed_ = false; }
  void pause() noexcept { paused_ = true; }
  void resume() noexcept { paused_ = false; }
  void set_journal_lagging(bool lagging) noexcept { journal_lagging_ = lagging; }
  bool is_killed() const noexcept { return killed_; }
  bool is_paused() const noexcept { return paused_; }
  bool is_journal_lagging() const noexcept { return journal_lagging_; }

 private:
  static constexpr std::int64_t kUnset = -1;

  struct Row {
    std::int64_t lot_step_e9 = 0;
    std::int64_t max_order_quantity_e9 = kUnset;
    std::int64_t max_position_e9 = kUnset;
    std::int64_t max_quote_age_ns = kUnset;
    std::int64_t orders_per_second = kUnset;
    std::vector<std::int64_t> order_times_ns = {};  // the last orders_per_second orders, oldest at next_time
    std::size_t next_time = 0;
    std::size_t orders_in_second = 0;  // the newest of those times that are less than a second before the last
    std::int64_t last_order_ns = 0;
  };

  const Settings* settings_;
  std::vector<Row> rows_;
  bool killed_ = false;
  bool paused_ = false;
  bool journal_lagging_ = false;
};

}  // namespace thintail
