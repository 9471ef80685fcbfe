// SPDX-License-Identifier: Apache-2.0
// Routes of an account: signals, positions, orders, fills, trades, results, risk, commands.
#include "tools/gateway/trading_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "tools/gateway/route_tools.hpp"

namespace thintail::gateway {
namespace {

using http::Request;
using http::Response;
using http::Route;
using In = http::Parameter::In;
namespace s = schema;

std::vector<http::Parameter> listed(std::vector<http::Parameter> more = {}) {
  std::vector<http::Parameter> all = {symbol_parameter(In::query)};
  for (http::Parameter& parameter : page_parameters()) all.push_back(std::move(parameter));
  for (http::Parameter& parameter : more) all.push_back(std::move(parameter));
  return all;
}

// Whoever reads the model holds up the feed, which writes it: rows are copied out, and what is made of them is made a few at a time.
constexpr std::size_t kRowsAtOnce = 128;

// Of a page: its rows, and the reply before its items.
template <class Row>
struct CopiedPage {
  std::vector<Row> rows;
  std::optional<std::uint64_t> next;
  Json reply;

  void take(const RowPage<Row>& page) {
    rows.reserve(page.rows.size());
    for (const Row* row : page.rows) rows.push_back(*row);
    next = page.next;
  }
};

// `make` is given the model and a part of `rows`, part after part. An instrument keeps its place in the model.
template <class Row, class Make>
void in_parts(const Parts& parts, std::span<const Row> rows, Make make) {
  for (std::size_t at = 0; at < rows.size(); at += kRowsAtOnce) {
    const auto part = rows.subspan(at, std::min(kRowsAtOnce, rows.size() - at));
    parts.model->read([&](const CoreModel& model) { make(model, part); });
  }
}

template <class Row, class Show>
Response shown_page(const Parts& parts, CopiedPage<Row> page, Show show) {
  Json items = Json::array();
  in_parts(parts, std::span<const Row>(page.rows), [&](const CoreModel& model, std::span<const Row> part) {
    for (const Row& row : part) items.push_back(show(model, row));
  });
  page.reply["items"] = std::move(items);
  page.reply["next_cursor"] = cursor_json(page.next);
  return Response::json_text(dumped(page.reply));
}

// A page of rows that ascend by `key` and have an instrument.
template <class Row, class Key, class Takes, class Show>
Response row_page(const Parts& parts, const Request& request, const std::deque<Row> CoreModel::* rows, Key key,
                  Takes takes, Show show) {
  CopiedPage<Row> page;
  const auto refusal = parts.model->read([&](const CoreModel& model) -> std::optional<Response> {
    const auto wanted = wanted_instrument(model, request);
    if (!wanted) return wanted.error();
    page.take(newest_rows(model.*rows, cursor_of(request), limit_of(request), key,
                          [&](const Row& row) { return (!*wanted || row.instrument == **wanted) && takes(row); }));
    page.reply = with_core(model, parts, Json::object());
    return std::nullopt;
  });
  return refusal ? *refusal : shown_page(parts, std::move(page), show);
}

template <class Row>
bool any(const Row&) {
  return true;
}

Response signals(const Parts& parts, const Request& request) {
  return row_page(
      parts, request, &CoreModel::signals, [](const SignalRow& row) { return row.sequence; }, any<SignalRow>,
      signal_json);
}

Response orders(const Parts& parts, const Request& request) {
  const auto state = request.query_value("state");
  return row_page(
      parts, request, &CoreModel::orders, [](const OrderRow& row) { return row.sequence; },
      [&](const OrderRow& row) { return !state || order_state_name(row.status) == *state; }, order_json);
}

Response fills(const Parts& parts, const Request& request) {
  return row_page(
      parts, request, &CoreModel::fills, [](const FillRow& row) { return row.sequence; }, any<FillRow>, fill_json);
}

Response trades(const Parts& parts, const Request& request) {
  const std::int64_t from_ns = request.query_integer("from_ns", std::numeric_limits<std::int64_t>::min());
  const std::int64_t to_ns = request.query_integer("to_ns", std::numeric_limits<std::int64_t>::max());
  const bool wants_csv =
      request.query_value("format").value_or("") == "csv" || request.header("accept").starts_with("text/csv");
  // Closed ones by what closed them, then those that are open, by their opening. One that closes between two pages moves below every open
  // one: it is on a later page, as closed, or was seen already; none is passed over.
  constexpr std::uint64_t kOpen = std::uint64_t{1} << 62;
  const auto place_of = [](const TradeRow& row) { return row.is_open() ? kOpen + row.id : row.close_sequence; };
  std::deque<TradeRow> matching;
  CopiedPage<TradeRow> page;
  const auto refusal = parts.model->read([&](const CoreModel& model) -> std::optional<Response> {
    const auto wanted = wanted_instrument(model, request);
    if (!wanted) return wanted.error();
    const auto takes = [&](const TradeRow& row) {
      return (!*wanted || row.instrument == **wanted) && row.open_ns >= from_ns && row.open_ns <= to_ns;
    };
    for (const TradeRow& row : model.trades) {
      if (takes(row)) matching.push_back(row);
    }
    for (const InstrumentModel& at : model.instruments) {
      if (at.trade && takes(*at.trade)) matching.push_back(*at.trade);
    }
    page.reply = with_core(model, parts, Json::object());
    return std::nullopt;
  });
  if (refusal) return *refusal;
  std::ranges::sort(matching, {}, place_of);
  // A table is whole where nobody said how much of it: nothing in it tells that there is more.
  const std::size_t limit = wants_csv && !request.query_value("limit") ? matching.size() : limit_of(request);
  page.take(newest_rows(matching, cursor_of(request), limit, place_of, any<TradeRow>));
  if (wants_csv) {
    std::string text;
    const auto append = [&](const CoreModel& model, std::span<const TradeRow> part) {
      const std::string table = trades_csv(model, {part.begin(), part.end()});
      text += text.empty() ? table : table.substr(table.find('\n') + 1);  // one head for all
    };
    if (page.rows.empty()) parts.model->read([&](const CoreModel& model) { append(model, {}); });
    in_parts(parts, std::span<const TradeRow>(page.rows), append);
    auto table = Response::text(std::move(text), "text/csv; charset=utf-8")
                     .with("Content-Disposition", "attachment; filename=\"trades.csv\"");
    if (page.next) table.with("Next-Cursor", fmt::format("{}", *page.next));
    return table;
  }
  const std::vector<TradeRow> all(matching.begin(), matching.end());
  Json summary = parts.model->read([&](const CoreModel& model) { return trades_summary(model, all); });
  Json items = Json::array();
  in_parts(parts, std::span<const TradeRow>(page.rows), [&](const CoreModel& model, std::span<const TradeRow> part) {
    for (const TradeRow& row : part) items.push_back(trade_json(model, row));
  });
  page.reply["items"] = std::move(items);
  page.reply["next_cursor"] = cursor_json(page.next);
  page.reply["summary"] = std::move(summary);
  return Response::json_text(dumped(page.reply));
}

Json positions_list(const CoreModel& model) {
  Json items = Json::array();
  for (std::uint32_t i = 0; i < model.instruments.size(); ++i) {
    if (model.instruments[i].has_position) items.push_back(position_json(model, i));
  }
  return items;
}

Response positions(const Parts& parts) {
  return parts.model->read([&](const CoreModel& model) {
    return Response::json_text(dumped(with_core(model, parts, {{"items", positions_list(model)}})));
  });
}

// The account that the caller means: its own only one, by name or by its user's.
bool is_account(const Parts& parts, const Request& request, std::string_view named) {
  const std::string account = account_of(parts.instance);
  if (!request.principal.may_see(account)) return false;
  const std::size_t mark = request.principal.id.find(':');
  return named == account ||
         (mark != std::string::npos && named == std::string_view(request.principal.id).substr(mark + 1));
}

Response portfolio(const Parts& parts, const Request& request) {
  const std::string account = account_of(parts.instance);
  const std::string_view named = request.parameter("account");
  if (named.empty() ? !request.principal.may_see(account) : !is_account(parts, request, named)) {
    return http::problem(ErrorCode::http_not_found, "no such account of yours");
  }
  return parts.model->read([&](const CoreModel& model) {
    const auto open = std::ranges::count_if(model.orders, &OrderRow::is_open);
    return Response::json_text(dumped(with_core(model, parts,
                                                {{"account", account},
                                                 {"mode", mode_of(model)},
                                                 {"currencies", currencies_json(model)},
                                                 {"session_day", session_day(model)},
                                                 {"positions", positions_list(model)},
                                                 {"open_orders", open}})));
  });
}

Response equity(const Parts& parts, const Request& request) {
  CopiedPage<MoneyPoint> page;
  parts.model->read([&](const CoreModel& model) {
    std::string currency(request.query_value("currency").value_or(""));
    if (currency.empty() && !model.money.empty()) currency = model.money.begin()->first;
    if (const auto found = model.money.find(currency); found != model.money.end()) {
      page.take(newest_rows(
          found->second.points, cursor_of(request), limit_of(request),
          [](const MoneyPoint& point) { return static_cast<std::uint64_t>(point.time_ns); }, any<MoneyPoint>));
    }
    page.reply = with_core(model, parts, {{"currency", currency}});
  });
  return shown_page(parts, std::move(page),
                    [](const CoreModel&, const MoneyPoint& point) { return point_json(point); });
}

Response risk(const Parts& parts) {
  const GatewayFacts facts = parts.facts();
  return parts.model->read([&](const CoreModel& model) {
    Json items = Json::array();
    for (std::uint32_t i = 0; i < model.instruments.size(); ++i) {
      if (model.instruments[i].is_current) items.push_back(risk_json(model, i));
    }
    return Response::json_text(dumped(
        with_core(model, parts, {{"gate", gate_json(model, facts.has_latch_file)}, {"items", std::move(items)}})));
  });
}

Json reply_json(const IssuedCommand& command) {
  return {{"command_id", fmt::format("{}", command.id)},
          {"command", command_name(command.kind)},
          {"state", name_of(command.state)},
          {"sequence", command.sequence == 0 ? Json(nullptr) : Json(fmt::format("{}", command.sequence))},
          {"durable", command.is_durable},
          {"detail", command.detail}};
}

// A repeated request has the same id, so that the core answers it instead of doing it again; of one that an earlier gateway began and the
// core may have forgotten, the events tell.
Result<IssuedCommand> issue(const Parts& parts, const Request& request, CommandKind kind) {
  const std::uint64_t id = request.idempotency ? request.idempotency->id : 0;
  if (request.idempotency && request.idempotency->was_interrupted) {
    TT_TRY(const auto settled, parts.desk->settle(*parts.model, kind, id, request.idempotency->began_ns));
    if (settled) return *settled;
  }
  return parts.desk->issue(kind, id, request.principal.id, request.remote);
}

Response reply_to(const Parts& parts, const Request& request, const Result<IssuedCommand>& command) {
  if (!command) {
    Response refused = http::problem(command.error());
    if (refused.status == 503) refused.with("Retry-After", fmt::format("{}", parts.desk->retry_after_s()));
    return refused;
  }
  Response response = Response::json(reply_json(*command), command->state == CommandState::unknown ? 202 : 200);
  if (command->state == CommandState::unknown) {
    response.with("Location", fmt::format("{}/api/v1/commands/{}", request.base, command->id));
  }
  return response;
}

Response command(const Parts& parts, const Request& request) {
  const auto kind = command_from_name(request.body["command"].get_ref<const std::string&>());
  if (!kind) return http::problem(ErrorCode::http_schema, "command: unknown");
  const std::string words = fmt::format("RE-ARM {}", parts.instance);
  if (*kind == CommandKind::reset_kill && request.body.value("confirm", std::string()) != words) {
    return http::problem(ErrorCode::http_schema, "reset_kill wants its words",
                         {{"/confirm", fmt::format("\"{}\"", words)}});
  }
  return reply_to(parts, request, issue(parts, request, *kind));
}

bool is_never_limited(const Request& request) {
  const auto found = request.body.find("command");
  if (found == request.body.end() || !found->is_string()) return false;
  const auto& name = found->get_ref<const std::string&>();
  return name == "kill" || name == "pause" || name == "flatten";
}

// Commands by row of the stream; who asked is known of those that went through this gateway.
Json shown_command(const Parts& parts, const CoreModel& model, const CommandRow& row) {
  Json json = command_json(model, row);
  if (const auto issued = parts.desk->find(row.command.command_id)) {
    json["by"] = issued->by;
    json["remote"] = issued->remote;
  }
  return json;
}

Response commands(const Parts& parts, const Request& request) {
  CopiedPage<CommandRow> page;
  parts.model->read([&](const CoreModel& model) {
    page.take(newest_rows(
        model.commands, cursor_of(request), limit_of(request), [](const CommandRow& row) { return row.sequence; },
        any<CommandRow>));
    page.reply = with_core(model, parts, Json::object());
  });
  return shown_page(parts, std::move(page),
                    [&](const CoreModel& model, const CommandRow& row) { return shown_command(parts, model, row); });
}

Response one_command(const Parts& parts, const Request& request) {
  std::uint64_t id = 0;
  const std::string_view text = request.parameter("command_id");
  std::from_chars(text.data(), text.data() + text.size(), id);
  const auto told = parts.model->read([&](const CoreModel& model) -> std::optional<Json> {
    for (auto row = model.commands.rbegin(); row != model.commands.rend(); ++row) {
      if (row->command.command_id == id && id != 0) return shown_command(parts, model, *row);
    }
    return std::nullopt;
  });
  if (told) return Response::json_text(dumped(*told));
  const auto issued = parts.desk->find(id);
  if (!issued) return http::problem(ErrorCode::http_not_found, "no command of that id is known");
  const Json json = {{"command_id", fmt::format("{}", issued->id)},
                     {"command", command_name(issued->kind)},
                     {"state", name_of(issued->state)},
                     {"sequence", issued->sequence == 0 ? Json(nullptr) : Json(fmt::format("{}", issued->sequence))},
                     {"time_ns", ns_text(issued->issued_ns)},
                     {"durable", issued->is_durable},
                     {"actor", nullptr},
                     {"by", issued->by},
                     {"remote", issued->remote}};
  return Response::json_text(dumped(json));
}

struct GateNow {
  bool killed = false, paused = false;
  std::uint32_t epoch = 0;
  std::string mode;
};
GateNow gate_now(const Parts& parts) {
  const bool is_killed = parts.desk->is_killed();
  return parts.model->read([&](const CoreModel& model) {
    const std::uint32_t flags = model.sample ? model.sample->gate.flags : 0;
    return GateNow{is_killed || parts.desk->has_latch_file(), (flags & (shm::kGatePaused | shm::kGateFlattening)) != 0,
                   model.epoch, std::string(mode_of(model))};
  });
}

Response trading_session(const Parts& parts, const GateNow& gate, const char* state, int status) {
  return Response::json({{"session_id", fmt::format("{}-{}", parts.instance, gate.epoch)},
                         {"account", account_of(parts.instance)},
                         {"mode", gate.mode},
                         {"state", state}},
                        status);
}

std::optional<Response> refused_account(const Parts& parts, const Request& request) {
  const std::string account = account_of(parts.instance);
  const std::string named = request.body.is_object() ? request.body.value("account", account) : account;
  if (is_account(parts, request, named)) return std::nullopt;
  return http::problem(ErrorCode::http_not_found, "no such account of yours");
}

Response start_trading(const Parts& parts, const Request& request) {
  if (auto refused = refused_account(parts, request)) return *std::move(refused);
  const GateNow gate = gate_now(parts);
  if (request.body.is_object() && request.body.value("mode", std::string("paper")) == "live") {
    return http::problem(ErrorCode::command_refused, "mode live: this core trades on the paper venue only");
  }
  if (request.body.is_object() && (request.body.contains("strategies") || request.body.contains("instruments"))) {
    return http::problem(ErrorCode::command_refused,
                         "strategies and instruments are the core's configuration: a session trades all of them");
  }
  const auto latched = [] {
    return http::problem(ErrorCode::kill_latched, "a kill is latched: reset_kill takes it away, nothing else does");
  };
  if (gate.killed) return latched();
  // What was seen last may be old: only the core knows that it runs.
  const auto resumed = issue(parts, request, CommandKind::resume);
  if (!resumed || resumed->state != CommandState::applied) return reply_to(parts, request, resumed);
  if (parts.desk->is_killed()) return latched();  // a kill came between, and a resume does not take it away
  return trading_session(parts, gate, "running", gate.paused ? 201 : 200);
}

Response stop_trading(const Parts& parts, const Request& request) {
  if (auto refused = refused_account(parts, request)) return *std::move(refused);
  const bool flattens = request.body.is_object() && request.body.value("positions", std::string("keep")) == "flatten";
  const GateNow gate = gate_now(parts);
  const auto stopped = issue(parts, request, flattens ? CommandKind::flatten : CommandKind::pause);
  if (!stopped || stopped->state != CommandState::applied) return reply_to(parts, request, stopped);
  return trading_session(parts, gate, flattens ? "flattening" : "paused", 200);
}

Response sessions(const Parts& parts) {
  const auto found = parts.history->sessions();
  if (!found) return http::problem(found.error());
  return parts.model->read([&](const CoreModel& model) {
    return Response::json_text(dumped(
        with_core(model, parts,
                  {{"items", sessions_json(model, *found, parts.instance, wall_now_ns())}, {"next_cursor", nullptr}})));
  });
}

}  // namespace

void add_trading_routes(std::vector<Route>& routes, const Parts& parts) {
  const RouteAdder get(routes, http::Method::get, "trading", true);
  const RouteAdder post(routes, http::Method::post, "trading", true);
  const auto core = s::reference("Core");
  get(
      "/api/v1/signals", "listSignals", "What the strategy wanted, and what became of it", s::page_of("Signal"),
      listed(), [parts](const Request& request) { return signals(parts, request); },
      std::vector<http::Alias>{{"/api/signals"}})
      .may_block = true;  // long pages keep the io thread, and so a kill, waiting
  Route& inbound =
      post("/api/v1/signals", "sendSignal", "Reserved: signals from outside come with an adapter of their own", {}, {},
           [](const Request&) {
             return http::problem(ErrorCode::command_refused,
                                  "signals from outside are not taken yet: an adapter for them is to "
                                  "come. What the strategy wants is in GET /api/v1/signals",
                                  {}, 501);
           },
           {{"/api/signals"}});
  inbound.role = http::Role::trader;
  inbound.rate_class = http::RateClass::trading;
  inbound.replies.clear();
  inbound.body_schema = {{"type", "object"}};
  get(
      "/api/v1/positions", "listPositions", "What is held",
      s::object({{"core", core}, {"items", s::list_of(s::reference("Position"))}}), std::vector<http::Parameter>{},
      [parts](const Request&) { return positions(parts); }, std::vector<http::Alias>{{"/api/v1/trading/positions"}});
  get(
      "/api/v1/orders", "listOrders", "Orders, newest page first", s::page_of("Order"),
      listed({{.name = "state",
               .in = In::query,
               .is_required = false,
               .schema = s::one_of({"sent", "accepted", "partial", "filled", "cancelled", "refused", "expired"}),
               .description = "Only those"}}),
      [parts](const Request& request) { return orders(parts, request); },
      std::vector<http::Alias>{{"/api/v1/trading/orders"}})
      .may_block = true;
  get("/api/v1/fills", "listFills", "Fills, newest page first", s::page_of("Fill"), listed(),
      [parts](const Request& request) { return fills(parts, request); })
      .may_block = true;
  auto of_trades = span_parameters();
  of_trades.push_back({.name = "format",
                       .in = In::query,
                       .is_required = false,
                       .schema = s::one_of({"json", "csv"}),
                       .description = "csv: a table for spreadsheets"});
  get("/api/v1/trades", "listTrades", "Round trips with their worst and best moments",
      s::page_of("Trade", {{"summary", s::reference("TradesSummary")}}), listed(of_trades),
      [parts](const Request& request) { return trades(parts, request); })
      .may_block = true;
  const auto portfolio_schema = s::object({{"core", core},
                                           {"account", s::text(64)},
                                           {"mode", s::one_of({"replay", "paper", "live"})},
                                           {"currencies", s::list_of(s::reference("CurrencyResult"))},
                                           {"session_day", s::text(16)},
                                           {"positions", s::list_of(s::reference("Position"))},
                                           {"open_orders", {{"type", "integer"}}}});
  get("/api/v1/portfolio", "getOwnPortfolio", "Results of the caller's only account", portfolio_schema,
      std::vector<http::Parameter>{}, [parts](const Request& request) { return portfolio(parts, request); });
  const http::Parameter account{.name = "account",
                                .in = In::path,
                                .is_required = true,
                                .schema = {{"type", "string"}, {"pattern", "^[A-Za-z0-9_.:@-]+$"}, {"maxLength", 64}},
                                .description = "paper:INSTANCE, or the caller's user"};
  get(
      "/api/v1/portfolio/{account}", "getPortfolio", "Results of an account", portfolio_schema,
      std::vector<http::Parameter>{account}, [parts](const Request& request) { return portfolio(parts, request); },
      std::vector<http::Alias>{{"/api/portfolio/{account}"}});
  const auto paged = page_parameters();
  std::vector<http::Parameter> of_equity = {{.name = "currency",
                                             .in = In::query,
                                             .is_required = false,
                                             .schema = {{"type", "string"}, {"maxLength", 16}},
                                             .description = "The first one where it is left out"}};
  of_equity.insert(of_equity.end(), paged.begin(), paged.end());
  get("/api/v1/equity", "listEquity", "Results over time", s::page_of("EquityPoint", {{"currency", s::text(16)}}),
      of_equity, [parts](const Request& request) { return equity(parts, request); })
      .may_block = true;
  get("/api/v1/risk", "getRisk", "Limits, how much of each is taken, and what is latched",
      s::object({{"core", core}, {"gate", s::reference("Gate")}, {"items", s::list_of(s::reference("Risk"))}}),
      std::vector<http::Parameter>{}, [parts](const Request&) { return risk(parts); });
  get("/api/v1/sessions", "listSessions", "Runs of the core", s::page_of("Session"), std::vector<http::Parameter>{},
      [parts](const Request&) { return sessions(parts); })
      .may_block = true;
  get("/api/v1/commands", "listCommands", "Commands that the core took, from anybody", s::page_of("Command"), paged,
      [parts](const Request& request) { return commands(parts, request); })
      .may_block = true;
  get("/api/v1/commands/{command_id}", "getCommand", "What became of a command", s::reference("Command"),
      std::vector<http::Parameter>{{.name = "command_id",
                                    .in = In::path,
                                    .is_required = true,
                                    .schema = {{"type", "string"}, {"pattern", "^[0-9]+$"}, {"maxLength", 20}},
                                    .description = "As the reply to the command said"}},
      [parts](const Request& request) { return one_command(parts, request); });

  const auto acts = [](Route& route, const char* summary_of_202) {
    route.role = http::Role::trader;
    route.rate_class = http::RateClass::trading;
    route.needs_idempotency_key = true;
    route.resumes_interrupted = true;
    route.may_block = true;
    route.body_bytes_max = 4 * 1024;
    route.replies.push_back({.status = 202, .description = summary_of_202, .schema = s::reference("CommandReply")});
  };
  constexpr const char* kUnknown = "No answer within a second: Location tells later";
  Route& commanding =
      post("/api/v1/commands", "sendCommand", "Pauses, resumes, flattens, kills, re-arms", s::reference("CommandReply"),
           {}, [parts](const Request& request) { return command(parts, request); });
  acts(commanding, kUnknown);
  commanding.is_unlimited = is_never_limited;
  commanding.is_urgent = [](const Request& request) { return request.body["command"] == "kill"; };
  auto body = s::object(
      {{"command", s::one_of({"pause", "resume", "flatten", "kill", "reset_kill"})}, {"confirm", s::text(64)}});
  body["required"] = {"command"};
  commanding.body_schema = body;

  Route& starting =
      post("/api/v1/trading/start", "startTrading", "Opens a session: new risk is taken again",
           s::reference("TradingSession"), {},
           [parts](const Request& request) { return start_trading(parts, request); }, {{"/api/trading/start"}});
  acts(starting, kUnknown);
  starting.replies.push_back(
      {.status = 201, .description = "It was paused and is resumed", .schema = s::reference("TradingSession")});
  body = s::object({{"account", s::text(64)},
                    {"strategies", s::list_of(s::text(64))},
                    {"instruments", s::list_of(s::text(64))},
                    {"mode", s::one_of({"paper", "live"})}});
  body["required"] = nlohmann::json::array();
  starting.body_schema = body;

  Route& stopping =
      post("/api/v1/trading/stop", "stopTrading", "Pauses, and closes what is held where that is asked for",
           s::reference("TradingSession"), {}, [parts](const Request& request) { return stop_trading(parts, request); },
           {{"/api/trading/stop"}});
  acts(stopping, kUnknown);
  stopping.is_unlimited = [](const Request&) { return true; };
  body = s::object({{"account", s::text(64)}, {"positions", s::one_of({"keep", "flatten"})}});
  body["required"] = nlohmann::json::array();
  stopping.body_schema = body;
}

}  // namespace thintail::gateway
