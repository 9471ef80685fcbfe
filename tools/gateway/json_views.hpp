// SPDX-License-Identifier: Apache-2.0
// The model as JSON, in the shapes of docs/api.md: the one place that both replies and WebSocket messages take them from.
//   path     cold
//   threads  the model is read: hold its lock
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/gateway/circuit_breaker.hpp"
#include "tools/gateway/core_feed.hpp"
#include "tools/gateway/core_model.hpp"
#include "tools/gateway/journal_history.hpp"

namespace thintail::gateway {

using Json = nlohmann::ordered_json;

// What the gateway knows of itself.
struct GatewayFacts {
  std::string instance;
  std::string version;
  std::int64_t started_ns = 0;
  std::size_t clients = 0;
  bool has_dashboard = false;
  bool has_latch_file = false;
  std::string replay_speed;  // as whoever started the replay says; empty: not known
  std::string journal_path;  // the newest; empty: none
  std::optional<std::uint64_t> journal_bytes;
  std::vector<std::string> notes;
  std::map<std::string, double> cpu_shares;  // of the core's threads, as ThreadShares names them
  std::vector<BreakerState> breakers;  // of what the gateway waits for: "core", "journal"
};

std::string dumped(const Json& json);  // bytes that are no UTF-8 replaced
std::string ns_text(std::int64_t time_ns);
Json ns_or_null(std::int64_t time_ns);  // 0: null

Json core_json(const CoreModel& model, std::string_view instance, std::int64_t now_ns);
Json instrument_json(const CoreModel& model, std::uint32_t index);
// A quote as text; `with_past` adds change_24h and spark.
void append_quote(std::string& out, const InstrumentModel& at, const TickRow& tick, bool with_past);
void append_tick(std::string& out, const InstrumentModel& at, const TickRow& row);
// One bar; `names` puts instrument, symbol and timeframe in front.
void append_bar(std::string& out, const InstrumentModel& at, BarPeriod period, QuoteSide side, const BarRow& row,
                bool is_closed, bool names);
// Where the bar that ends there begins: H4 and D1 last an hour less or more where New York's clocks change.
std::int64_t bar_start_ns(BarPeriod period, std::int64_t end_ns);
std::optional<BarRow> forming_bar(const InstrumentModel& at, BarPeriod period);

Json prediction_json(const CoreModel& model, const InstrumentModel& at, const PredictionRow& row);
Json signal_json(const CoreModel& model, const SignalRow& row);
Json order_json(const CoreModel& model, const OrderRow& row);
Json fill_json(const CoreModel& model, const FillRow& row);
Json trade_json(const CoreModel& model, const TradeRow& row);
std::string trades_csv(const CoreModel& model, const std::vector<TradeRow>& rows);
Json trades_summary(const CoreModel& model, const std::vector<TradeRow>& rows);
Json position_json(const CoreModel& model, std::uint32_t index);
Json regime_json(const RegimeRow& row);
Json money_json(const CurrencyMoney& row, const std::string& currency);
Json currencies_json(const CoreModel& model);
std::string session_day(const CoreModel& model);
Json point_json(const MoneyPoint& point);
Json command_json(const CoreModel& model, const CommandRow& row);
Json log_json(const CoreModel& model, const LogRow& row);
Json gate_json(const CoreModel& model, bool has_latch_file);
Json risk_json(const CoreModel& model, std::uint32_t index);
Json models_json(const CoreModel& model);
// Why what a pack means is not known; null where it is. `model` may be null: nothing told which one it was.
Json model_reason(const ModelRecord* model);
Json stage_json(const StageHistory& stage, bool with_buckets);
// Counts by powers of two, from the first that holds anything to the last: (end, count).
std::vector<std::pair<std::uint64_t, std::uint64_t>> powers_of_two(const HistogramSnapshot& seen);
Json stage_second_json(const StageSecond& second);
Json replay_json(const CoreModel& model, const GatewayFacts& facts);
Json threads_json(const CoreModel& model, const GatewayFacts& facts);
Json streams_json(const CoreModel& model);
Json feeds_json(const CoreModel& model);
Json stores_json(const CoreModel& model, const GatewayFacts& facts);
Json rates_json(const CoreModel& model);
Json sessions_json(const CoreModel& model, const std::vector<JournalSession>& sessions, const std::string& instance,
                   std::int64_t now_ns);

std::string_view order_state_name(OrderStatus status) noexcept;
std::string_view log_level_name(LogLevel level) noexcept;
std::string_view command_name(CommandKind kind) noexcept;
std::optional<CommandKind> command_from_name(std::string_view name) noexcept;
std::string account_of(std::string_view instance);  // "paper:default"
std::string_view mode_of(const CoreModel& model) noexcept;

}  // namespace thintail::gateway
