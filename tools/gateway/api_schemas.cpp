// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/api_schemas.hpp"

#include <fmt/format.h>

namespace thintail::gateway::schema {
namespace {

using J = nlohmann::json;
using Members = std::vector<std::pair<const char*, J>>;

J number() { return {{"type", "number"}}; }
J integer() { return {{"type", "integer"}}; }
J flag() { return {{"type", "boolean"}}; }
J counts() { return {{"type", "object"}, {"additionalProperties", integer()}}; }

Members named(Members members) {
  Members all = {{"instrument", text(64)}, {"symbol", text(40)}};
  all.insert(all.end(), members.begin(), members.end());
  return all;
}

J without_required(J schema, const char* name) {
  J kept = J::array();
  for (const J& one : schema["required"]) {
    if (one != name) kept.push_back(one);
  }
  schema["required"] = std::move(kept);
  return schema;
}

void add_market(J& all) {
  all["Core"] = object({{"instance", text(32)},
                        {"state", one_of({"absent", "running", "silent", "finished", "stopped", "dead"})},
                        {"stale", flag()},
                        {"mode", one_of({"replay", "paper", "live"})},
                        {"age_ms", maybe(integer())},
                        {"epoch", maybe(integer())},
                        {"pid", maybe(integer())},
                        {"sequence", nanoseconds()},
                        {"durable", maybe(nanoseconds())},
                        {"time_ns", maybe(nanoseconds())},
                        {"detail", maybe(text())}});
  all["Instrument"] = object({{"id", integer()},
                              {"instrument", text(64)},
                              {"symbol", text(40)},
                              {"venue", text(16)},
                              {"base", text(16)},
                              {"quote", text(16)},
                              {"digits", integer()},
                              {"tick_size", decimal()},
                              {"calendar", one_of({"always", "fx", "gold"})},
                              {"is_forex", flag()},
                              {"enabled", flag()}});
  // The past is left out of the WebSocket's deltas.
  J quote = object(named({{"bid", decimal()},
                          {"ask", decimal()},
                          {"mid", decimal()},
                          {"spread", decimal()},
                          {"bid_e9", nanoseconds()},
                          {"ask_e9", nanoseconds()},
                          {"time_ns", nanoseconds()},
                          {"venue_ns", nanoseconds()},
                          {"ticks", nanoseconds()},
                          {"sequence", maybe(nanoseconds())},
                          {"source_sequence", maybe(nanoseconds())},
                          {"crossed", flag()},
                          {"stale", flag()},
                          {"simulated", flag()},
                          {"change_24h", maybe(number())},
                          {"spark", list_of(decimal())}}));
  all["QuoteDelta"] = without_required(without_required(quote, "change_24h"), "spark");
  all["Quote"] = std::move(quote);
  all["Tick"] = object({{"sequence", nanoseconds()},
                        {"time_ns", nanoseconds()},
                        {"venue_ns", nanoseconds()},
                        {"bid", decimal()},
                        {"ask", decimal()},
                        {"source_sequence", nanoseconds()}});
  const Members bar = {{"start_ns", nanoseconds()}, {"end_ns", nanoseconds()}, {"open", decimal()},
                       {"high", decimal()},         {"low", decimal()},        {"close", decimal()},
                       {"ticks", integer()},        {"closed", flag()}};
  all["Bar"] = object(bar);
  Members named_bar = named({{"timeframe", text(4)}});
  named_bar.insert(named_bar.end(), bar.begin(), bar.end());
  all["NamedBar"] = object(named_bar);
  all["Coverage"] = object({{"from_ns", maybe(nanoseconds())},
                            {"to_ns", maybe(nanoseconds())},
                            {"complete", flag()},
                            {"detail", maybe(text())}});
  all["Prediction"] = object(named({{"sequence", nanoseconds()},
                                    {"time_ns", nanoseconds()},
                                    {"cause", nanoseconds()},
                                    {"score", maybe(number())},
                                    {"cost", maybe(number())},
                                    {"unit", text(8)},
                                    {"direction", one_of({"buy", "sell", "flat"})},
                                    {"state", one_of({"valid", "warming_up", "not_finite", "unknown"})},
                                    {"defined_lanes", integer()},
                                    {"model_slot", integer()},
                                    {"model_sha256", maybe(text(64))},
                                    {"model_reason", maybe(text())},
                                    {"horizon_ns", maybe(nanoseconds())},
                                    {"mid", decimal()},
                                    {"realised", maybe(number())},
                                    {"outcome", maybe(one_of({"right", "wrong", "flat", "pending"}))},
                                    {"due_ns", maybe(nanoseconds())}}));
  all["Regime"] = object({{"state", integer()},
                          {"from", integer()},
                          {"probability", maybe(number())},
                          {"start_ns", nanoseconds()},
                          {"end_ns", maybe(nanoseconds())}});
}

void add_trading(J& all) {
  all["Veto"] = object(
      {{"rule", text(32)}, {"limit", maybe(text(32))}, {"observed", maybe(text(32))}, {"unit", maybe(text(64))}});
  all["Signal"] = object({{"sequence", nanoseconds()},
                          {"time_ns", nanoseconds()},
                          {"instrument", text(64)},
                          {"symbol", text(40)},
                          {"strategy", text(32)},
                          {"reason", text(16)},
                          {"score", maybe(number())},
                          {"cost", maybe(number())},
                          {"target", decimal()},
                          {"position", decimal()},
                          {"side", one_of({"buy", "sell", "flat"})},
                          {"price", maybe(decimal())},
                          {"outcome", one_of({"none", "intent", "rejected"})},
                          {"client_order_id", maybe(nanoseconds())},
                          {"veto", maybe(reference("Veto"))}});
  all["Order"] =
      object({{"client_order_id", nanoseconds()},
              {"sequence", nanoseconds()},
              {"time_ns", nanoseconds()},
              {"updated_ns", nanoseconds()},
              {"instrument", text(64)},
              {"symbol", text(40)},
              {"side", one_of({"buy", "sell", "flat"})},
              {"kind", one_of({"market", "limit", "cancel"})},
              {"quantity", decimal()},
              {"filled", decimal()},
              {"price", decimal()},
              {"average_price", maybe(decimal())},
              {"commission", decimal()},
              {"currency", text(16)},
              {"strategy", text(32)},
              {"state", one_of({"sent", "accepted", "partial", "filled", "cancelled", "refused", "expired"})},
              {"reason", maybe(text(32))}});
  all["Fill"] = object({{"sequence", nanoseconds()},
                        {"time_ns", nanoseconds()},
                        {"client_order_id", nanoseconds()},
                        {"instrument", text(64)},
                        {"symbol", text(40)},
                        {"side", one_of({"buy", "sell", "flat"})},
                        {"quantity", decimal()},
                        {"price", decimal()},
                        {"commission", decimal()},
                        {"currency", text(16)},
                        {"strategy", text(32)},
                        {"slippage", maybe(decimal())},
                        {"last", flag()},
                        {"durable", flag()}});
  all["Trade"] = object({{"id", nanoseconds()},
                         {"instrument", text(64)},
                         {"symbol", text(40)},
                         {"side", one_of({"buy", "sell", "flat"})},
                         {"quantity", decimal()},
                         {"open_ns", nanoseconds()},
                         {"close_ns", maybe(nanoseconds())},
                         {"entry", decimal()},
                         {"exit", maybe(decimal())},
                         {"pnl", decimal()},
                         {"commission", decimal()},
                         {"currency", text(16)},
                         {"mae", decimal()},
                         {"mfe", decimal()},
                         {"duration_ns", nanoseconds()},
                         {"strategy", text(32)},
                         {"reason", maybe(text(16))},
                         {"open", flag()},
                         {"score", maybe(number())}});
  all["TradesSummary"] = object({{"count", integer()},
                                 {"wins", integer()},
                                 {"win_rate", maybe(number())},
                                 {"currencies", list_of(object({{"currency", text(16)},
                                                                {"pnl", decimal()},
                                                                {"commission", decimal()},
                                                                {"best", decimal()},
                                                                {"worst", decimal()},
                                                                {"average", decimal()},
                                                                {"profit_factor", maybe(number())}}))}});
  all["Position"] = object(named({{"quantity", decimal()},
                                  {"side", one_of({"buy", "sell", "flat"})},
                                  {"average_price", maybe(decimal())},
                                  {"bid", maybe(decimal())},
                                  {"ask", maybe(decimal())},
                                  {"currency", text(16)},
                                  {"realised", decimal()},
                                  {"unrealised", maybe(decimal())},
                                  {"time_ns", nanoseconds()},
                                  {"durable", flag()}}));
  all["CurrencyResult"] = object({{"currency", text(16)},
                                  {"realised", decimal()},
                                  {"unrealised", decimal()},
                                  {"pnl", decimal()},
                                  {"commission", decimal()},
                                  {"today", decimal()},
                                  {"max_drawdown", decimal()},
                                  {"exposure", decimal()}});
  const Members point = {{"time_ns", nanoseconds()},
                         {"realised", decimal()},
                         {"unrealised", decimal()},
                         {"equity", decimal()},
                         {"drawdown", decimal()}};
  all["EquityPoint"] = object(point);
  Members named_point = {{"currency", text(16)}};
  named_point.insert(named_point.end(), point.begin(), point.end());
  all["CurrencyEquity"] = object(named_point);
  all["Gate"] = object({{"killed", flag()},
                        {"paused", flag()},
                        {"flattening", flag()},
                        {"journal_lagging", flag()},
                        {"latch_file", flag()},
                        {"intents", nanoseconds()},
                        {"rejects", nanoseconds()},
                        {"last_reject", maybe(object({{"rule", text(32)}, {"time_ns", nanoseconds()}}))},
                        {"rejects_by_rule", counts()}});
  all["Risk"] = object(named({{"position", decimal()},
                              {"working_buy", decimal()},
                              {"working_sell", decimal()},
                              {"worst", decimal()},
                              {"limits", list_of(object({{"rule", text(32)},
                                                         {"limit", maybe(decimal())},
                                                         {"used", maybe(decimal())},
                                                         {"share", maybe(number())},
                                                         {"distance", maybe(decimal())},
                                                         {"unit", text(16)}}))}}));
  all["Session"] = object({{"epoch", integer()},
                           {"session_id", text(64)},
                           {"account", text(64)},
                           {"mode", one_of({"replay", "paper", "live"})},
                           {"state", one_of({"running", "paused", "ended", "broken"})},
                           {"started_ns", maybe(nanoseconds())},
                           {"ended_ns", maybe(nanoseconds())},
                           {"events", maybe(nanoseconds())}});
  all["Command"] = object({{"command_id", nanoseconds()},
                           {"command", one_of({"none", "pause", "resume", "flatten", "kill", "reset_kill"})},
                           {"state", one_of({"applied", "rejected", "latched", "unknown"})},
                           {"sequence", maybe(nanoseconds())},
                           {"time_ns", maybe(nanoseconds())},
                           {"durable", flag()},
                           {"actor", maybe(integer())},
                           {"by", maybe(text())},
                           {"remote", maybe(text(256))}});
  all["CommandReply"] = object({{"command_id", nanoseconds()},
                                {"command", one_of({"pause", "resume", "flatten", "kill", "reset_kill"})},
                                {"state", one_of({"applied", "rejected", "latched", "unknown"})},
                                {"sequence", maybe(nanoseconds())},
                                {"durable", flag()},
                                {"detail", text()}});
  all["TradingSession"] = object({{"session_id", text(64)},
                                  {"account", text(64)},
                                  {"mode", one_of({"replay", "paper", "live"})},
                                  {"state", one_of({"running", "paused", "flattening"})}});
}

void add_system(J& all) {
  all["Model"] = object({{"slot", integer()},
                         {"state", one_of({"active", "shadow", "retired", "absent", "unknown"})},
                         {"role", one_of({"champion", "challenger", "retired", "none", "unknown"})},
                         {"version", integer()},
                         {"sha256", text(64)},
                         {"since_ns", maybe(nanoseconds())},
                         {"reason", maybe(text())},
                         {"name", maybe(text())},
                         {"feature_set", maybe(text())},
                         {"label", maybe(text())},
                         {"horizon_ns", maybe(nanoseconds())},
                         {"kind", maybe(text(32))},
                         {"trees", maybe(integer())},
                         {"trained_on", maybe(text())},
                         {"last_score", maybe(number())},
                         {"last_ns", maybe(nanoseconds())},
                         {"last_state", maybe(one_of({"valid", "warming_up", "not_finite"}))},
                         {"predictions", maybe(nanoseconds())},
                         {"hit_rate", maybe(number())}});
  const Members stage = {{"stage", text(32)},    {"count", nanoseconds()}, {"mean_ns", number()},
                         {"p50_ns", integer()},  {"p90_ns", integer()},    {"p99_ns", integer()},
                         {"p999_ns", integer()}, {"max_ns", integer()}};
  all["StageBrief"] = object(stage);
  Members whole = stage;
  whole.emplace_back("buckets", list_of(object({{"le_ns", integer()}, {"count", integer()}})));
  all["Stage"] = object(whole);
  all["StageSecond"] = object(
      {{"time_ns", nanoseconds()},
       {"stages",
        {{"type", "object"},
         {"additionalProperties",
          object({{"count", integer()}, {"p50_ns", integer()}, {"p99_ns", integer()}, {"p999_ns", integer()}})}}}});
  all["Replay"] = object({{"speed", maybe(text(32))}, {"loops", integer()}});
  all["Thread"] = object({{"name", text(32)},
                          {"state", text(16)},
                          {"cpu", maybe(integer())},
                          {"work", nanoseconds()},
                          {"idle", nanoseconds()},
                          {"last_progress_ns", maybe(nanoseconds())},
                          {"work_per_s", number()},
                          {"busy", maybe(number())},
                          {"cpu_share", maybe(number())}});
  all["Stream"] = object({{"name", text(32)},
                          {"capacity", nanoseconds()},
                          {"published", nanoseconds()},
                          {"per_s", number()},
                          {"refused", nanoseconds()},
                          {"depth", nanoseconds()},
                          {"share", number()},
                          {"gates", list_of(object({{"name", text(32)}, {"lag", nanoseconds()}}))}});
  all["Feed"] = object({{"venue", text(32)},
                        {"instruments", integer()},
                        {"ticks", nanoseconds()},
                        {"ticks_per_s", number()},
                        {"age_ms", maybe(integer())},
                        {"state", one_of({"fresh", "quiet", "closed", "none"})}});
  all["Store"] = object({{"name", text(32)},
                         {"enabled", flag()},
                         {"durable", nanoseconds()},
                         {"lag", maybe(nanoseconds())},
                         {"path", maybe(text())},
                         {"bytes", maybe(nanoseconds())}});
  all["Breaker"] = object({{"upstream", one_of({"core", "journal"})},
                           {"state", one_of({"closed", "open", "half_open"})},
                           {"failures", integer()},
                           {"opened", nanoseconds()},
                           {"refused", nanoseconds()}});
  all["Rates"] = object({{"ticks_per_s", number()}, {"events_per_s", number()}, {"intents_per_s", number()}});
  all["System"] = object({{"gate", reference("Gate")},
                          {"rates", reference("Rates")},
                          {"threads", list_of(reference("Thread"))},
                          {"streams", list_of(reference("Stream"))},
                          {"feeds", list_of(reference("Feed"))},
                          {"stores", list_of(reference("Store"))},
                          {"portfolio", list_of(reference("CurrencyResult"))},
                          {"session_day", text(16)},
                          {"replay", maybe(reference("Replay"))}});
  all["Log"] = object({{"sequence", nanoseconds()},
                       {"time_ns", nanoseconds()},
                       {"level", one_of({"info", "warn", "error"})},
                       {"type", text(32)},
                       {"text", text()},
                       {"instrument", maybe(text(64))}});
  all["Check"] = object({{"name", text(64)}, {"ok", flag()}, {"detail", text()}});
}

}  // namespace

J reference(std::string_view component) { return {{"$ref", fmt::format("#/components/schemas/{}", component)}}; }
J text(std::size_t length_max) { return {{"type", "string"}, {"maxLength", length_max}}; }
J nanoseconds() { return {{"type", "string"}, {"maxLength", 20}, {"pattern", "^-?[0-9]+$"}}; }
J decimal() { return {{"type", "string"}, {"maxLength", 64}, {"pattern", "^-?[0-9]+(\\.[0-9]+)?$"}}; }
J list_of(J item) { return {{"type", "array"}, {"items", std::move(item)}}; }
J maybe(J schema) { return {{"anyOf", J::array({std::move(schema), {{"type", "null"}}})}}; }

J object(Members members) {
  J properties = J::object();
  J required = J::array();
  for (auto& [name, member] : members) {
    required.push_back(name);
    properties[name] = std::move(member);
  }
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

J page_of(std::string_view component, Members more) {
  Members members = {
      {"core", reference("Core")}, {"items", list_of(reference(component))}, {"next_cursor", maybe(nanoseconds())}};
  members.insert(members.end(), more.begin(), more.end());
  return object(std::move(members));
}

J one_of(std::vector<const char*> words) {
  J list = J::array();
  for (const char* word : words) list.push_back(word);
  return {{"type", "string"}, {"enum", std::move(list)}};
}

J components() {
  J all = J::object();
  add_market(all);
  add_trading(all);
  add_system(all);
  return all;
}

}  // namespace thintail::gateway::schema
