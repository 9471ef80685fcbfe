// SPDX-License-Identifier: Apache-2.0
// Routes that tell of the market: instruments, quotes, ticks, bars, predictions, regimes.
#include "tools/gateway/market_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "tools/gateway/feature_view.hpp"
#include "tools/gateway/history_route.hpp"
#include "tools/gateway/route_tools.hpp"

namespace thintail::gateway {
namespace {

using http::Request;
using http::Response;
using http::Route;
using In = http::Parameter::In;
namespace s = schema;

std::vector<http::Parameter> joined(std::vector<http::Parameter> first, const std::vector<http::Parameter>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Response instruments(const Parts& parts) {
  return parts.model->read([&](const CoreModel& model) {
    Json items = Json::array();
    for (std::uint32_t i = 0; i < model.instruments.size(); ++i) items.push_back(instrument_json(model, i));
    return Response::json_text(dumped(with_core(model, parts, {{"items", std::move(items)}})));
  });
}

Response quotes(const Parts& parts) {
  return parts.model->read([&](const CoreModel& model) {
    std::string body = fmt::format(R"({{"core":{},"items":[)", dumped(core_json(model, parts.instance, wall_now_ns())));
    bool is_first = true;
    for (const InstrumentModel& at : model.instruments) {
      if (!at.has_quote) continue;
      if (!is_first) body += ',';
      is_first = false;
      append_quote(body, at, at.tick, true);
    }
    return Response::json_text(body + "]}");
  });
}

Response quote(const Parts& parts, const Request& request) {
  return parts.model->read([&](const CoreModel& model) {
    const auto index = instrument_of(model, request.parameter("symbol"));
    if (!index) return index.error();
    const InstrumentModel& at = model.instruments[*index];
    if (!at.has_quote) {
      return http::problem(ErrorCode::http_not_found, fmt::format("{} has no quote yet", at.name));
    }
    std::string body = fmt::format(R"({{"core":{},"quote":)", dumped(core_json(model, parts.instance, wall_now_ns())));
    append_quote(body, at, at.tick, true);
    return Response::json_text(body + "}");
  });
}

Response ticks(const Parts& parts, const Request& request) {
  const std::size_t limit = limit_of(request);
  const std::uint64_t cursor = cursor_of(request);
  const std::int64_t from_ns = request.query_integer("from_ns", std::numeric_limits<std::int64_t>::min());
  const std::int64_t to_ns = request.query_integer("to_ns", std::numeric_limits<std::int64_t>::max());
  std::vector<TickRow> rows;
  std::optional<std::uint64_t> next;
  InstrumentModel shown;  // name and digits only
  bool asks_journal = false;
  std::uint64_t oldest = cursor;
  std::string core;
  const auto refusal = parts.model->read([&](const CoreModel& model) -> std::optional<Response> {
    const auto index = instrument_of(model, request.parameter("symbol"));
    if (!index) return index.error();
    const InstrumentModel& at = model.instruments[*index];
    shown.name = at.name;
    shown.digits = at.digits;
    const auto page = newest_rows(
        at.ticks, cursor, limit, [](const TickRow& row) { return row.sequence; },
        [&](const TickRow& row) { return row.time_ns >= from_ns && row.time_ns <= to_ns; });
    for (const TickRow* row : page.rows) rows.push_back(*row);
    next = page.next;
    const bool is_evicted = !model.has_all_history || at.ticks.size() >= model.limits.ticks;
    const bool reaches_back = at.ticks.empty() || at.ticks.front().time_ns >= from_ns;
    const bool goes_on = !next && is_evicted && reaches_back;
    asks_journal = goes_on && rows.size() < limit;
    if (goes_on && !asks_journal) next = rows.front().sequence;  // the next page begins in the journal
    if (!at.ticks.empty()) oldest = std::min(oldest, at.ticks.front().sequence);
    core = dumped(core_json(model, parts.instance, wall_now_ns()));
    return std::nullopt;
  });
  if (refusal) return *refusal;
  std::optional<std::string> missing;
  std::vector<TimeSpan> gaps;
  if (asks_journal) {
    auto older = parts.history->ticks_before(shown.name, oldest, from_ns, to_ns, limit - rows.size());
    if (!older) return http::problem(older.error());
    if (older->fault) missing = older->fault->message();
    rows.insert(rows.begin(), older->rows.begin(), older->rows.end());
    if (older->has_more) next = older->resume;
    gaps = std::move(older->gaps);
  }
  if (!rows.empty() && !missing && !is_complete(parts, gaps, rows.front().time_ns, rows.back().time_ns)) {
    missing = kUnseen;
  }
  std::string body = fmt::format(R"({{"core":{},"instrument":{},"items":[)", core, dumped(Json(shown.name)));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i != 0) body += ',';
    append_tick(body, shown, rows[i]);
  }
  const auto edge = [&](bool is_front) {
    return rows.empty() ? std::nullopt : std::optional(is_front ? rows.front().time_ns : rows.back().time_ns);
  };
  fmt::format_to(std::back_inserter(body), R"(],"coverage":{},"next_cursor":{}}})",
                 coverage_text(edge(true), edge(false), missing), dumped(cursor_json(next)));
  return Response::json_text(std::move(body));
}

Json no_prediction_reason(const CoreModel& model, const InstrumentModel& at) {
  if (at.prediction) return nullptr;
  return model.sample && model.sample->models.empty() ? "no_model" : "none_yet";
}

Response prediction(const Parts& parts, const Request& request) {
  return parts.model->read([&](const CoreModel& model) {
    const auto index = instrument_of(model, request.parameter("symbol"));
    if (!index) return index.error();
    const InstrumentModel& at = model.instruments[*index];
    return Response::json_text(
        dumped(with_core(model, parts,
                         {{"instrument", at.name},
                          {"prediction", at.prediction ? prediction_json(model, at, *at.prediction) : Json(nullptr)},
                          {"reason", no_prediction_reason(model, at)}})));
  });
}

Response prediction_history(const Parts& parts, const Request& request) {
  return parts.model->read([&](const CoreModel& model) {
    const auto index = instrument_of(model, request.parameter("symbol"));
    if (!index) return index.error();
    const InstrumentModel& at = model.instruments[*index];
    const auto page = newest_rows(
        at.predictions, cursor_of(request), limit_of(request), [](const PredictionRow& row) { return row.sequence; },
        [](const PredictionRow&) { return true; });
    Json items = Json::array();
    for (const PredictionRow* row : page.rows) items.push_back(prediction_json(model, at, *row));
    std::uint64_t judged = 0;
    std::uint64_t right = 0;
    for (const PredictionRow& row : at.predictions) {
      if (!row.realised || *row.realised == 0.0 || row.score == 0.0f) continue;
      ++judged;
      right += (*row.realised > 0) == (row.score > 0) ? 1 : 0;
    }
    const Json summary = {
        {"count", at.predictions.size()},
        {"judged", judged},
        {"right", right},
        {"hit_rate", judged == 0 ? Json(nullptr) : Json(static_cast<double>(right) / static_cast<double>(judged))}};
    return Response::json_text(dumped(with_core(model, parts,
                                                {{"instrument", at.name},
                                                 {"items", std::move(items)},
                                                 {"next_cursor", cursor_json(page.next)},
                                                 {"summary", summary}})));
  });
}

Response regime(const Parts& parts, const Request& request) {
  return parts.model->read([&](const CoreModel& model) {
    const auto index = instrument_of(model, request.parameter("symbol"));
    if (!index) return index.error();
    const InstrumentModel& at = model.instruments[*index];
    Json items = Json::array();
    for (const RegimeRow& row : at.regimes) items.push_back(regime_json(row));
    return Response::json_text(
        dumped(with_core(model, parts,
                         {{"instrument", at.name},
                          {"regime", at.regimes.empty() ? Json(nullptr) : regime_json(at.regimes.back())},
                          {"items", std::move(items)}})));
  });
}

Response features(const Parts& parts, const Request& request) {
  std::string name;
  Json core;
  bool has_model = false;
  const auto refusal = parts.model->read([&](const CoreModel& model) -> std::optional<Response> {
    const auto index = instrument_of(model, request.parameter("symbol"));
    if (!index) return index.error();
    name = model.instruments[*index].name;
    core = core_json(model, parts.instance, wall_now_ns());
    has_model = model.model_in_force() != nullptr || (model.sample && !model.sample->models.empty());
    return std::nullopt;
  });
  if (refusal) return *refusal;
  const auto seen = parts.features->row(name);
  const FeatureSet* set = parts.features->set();
  Json items = Json::array();
  if (seen && set != nullptr) {
    const auto lanes = set->lanes();
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      const bool is_defined = seen->row.defined.test(lane) && std::isfinite(seen->row.values[lane]);
      const float value = seen->row.values[lane];
      items.push_back({{"lane", lane},
                       {"name", lanes[lane].name},
                       {"value", is_defined ? Json::parse(fmt::format("{}", value), nullptr, false) : Json(nullptr)}});
    }
  }
  const char* missing = has_model ? parts.features->waits_for_pack() ? "model_unknown" : "not_seen" : "no_model";
  return Response::json({{"core", std::move(core)},
                         {"instrument", name},
                         {"feature_set", set == nullptr ? Json(nullptr) : Json(set->name())},
                         {"time_ns", seen ? Json(ns_text(seen->time_ns)) : Json(nullptr)},
                         {"sequence", seen ? Json(fmt::format("{}", seen->sequence)) : Json(nullptr)},
                         {"is_engines", seen && seen->is_engines ? Json(*seen->is_engines) : Json(nullptr)},
                         {"items", std::move(items)},
                         {"reason", seen ? Json(nullptr) : Json(missing)}});
}

Response forex(const Parts& parts) {
  return parts.model->read([&](const CoreModel& model) {
    Json items = Json::array();
    for (std::uint32_t i = 0; i < model.instruments.size(); ++i) {
      const InstrumentModel& at = model.instruments[i];
      if (!at.is_current || !instrument_json(model, i)["is_forex"].get<bool>()) continue;
      std::string told;
      if (at.has_quote) append_quote(told, at, at.tick, true);
      items.push_back({{"instrument", at.name},
                       {"symbol", at.symbol},
                       {"quote", at.has_quote ? Json::parse(told, nullptr, false) : Json(nullptr)},
                       {"prediction", at.prediction ? prediction_json(model, at, *at.prediction) : Json(nullptr)},
                       {"reason", no_prediction_reason(model, at)}});
    }
    return Response::json_text(dumped(with_core(model, parts, {{"items", std::move(items)}})));
  });
}

}  // namespace

void add_market_routes(std::vector<Route>& routes, const Parts& parts) {
  const RouteAdder get(routes, http::Method::get, "market");
  const auto core = s::reference("Core");
  get("/api/v1/instruments", "listInstruments", "Every instrument that the core has or had",
      s::object({{"core", core}, {"items", s::list_of(s::reference("Instrument"))}}), {},
      [parts](const Request&) { return instruments(parts); }, {{"/api/instruments"}});
  get("/api/v1/quotes", "listQuotes", "The newest quote of every instrument",
      s::object({{"core", core}, {"items", s::list_of(s::reference("Quote"))}}), {},
      [parts](const Request&) { return quotes(parts); }, {{"/api/v1/data/quotes"}});
  get("/api/v1/quotes/{symbol}", "getQuote", "The newest quote of one instrument",
      s::object({{"core", core}, {"quote", s::reference("Quote")}}), {symbol_parameter(In::path)},
      [parts](const Request& request) { return quote(parts, request); },
      {{"/mt5/prices/{symbol}"}, {"/api/v1/data/quotes/{symbol}"}});
  const std::vector<std::pair<const char*, nlohmann::json>> covered = {{"instrument", s::text(64)},
                                                                       {"coverage", s::reference("Coverage")}};
  Route& tick_route =
      get("/api/v1/ticks/{symbol}", "listTicks", "Ticks, newest page first", s::page_of("Tick", covered),
          joined(joined({symbol_parameter(In::path)}, page_parameters()), span_parameters()),
          [parts](const Request& request) { return ticks(parts, request); },
          {{"/mt5/ticks/{symbol}"}, {"/api/v1/data/ticks/{symbol}"}});
  tick_route.may_block = true;
  tick_route.rate_class = http::RateClass::data;
  add_history_route(routes, parts);
  const auto reason = s::maybe(s::one_of({"no_model", "none_yet"}));
  get("/api/v1/predictions/{symbol}", "getPrediction", "The newest prediction of the champion",
      s::object({{"core", core},
                 {"instrument", s::text(64)},
                 {"prediction", s::maybe(s::reference("Prediction"))},
                 {"reason", reason}}),
      {symbol_parameter(In::path)}, [parts](const Request& request) { return prediction(parts, request); });
  get("/api/v1/predictions/{symbol}/history", "listPredictions", "Predictions with what came of them",
      s::page_of("Prediction", {{"instrument", s::text(64)},
                                {"summary", s::object({{"count", {{"type", "integer"}}},
                                                       {"judged", {{"type", "integer"}}},
                                                       {"right", {{"type", "integer"}}},
                                                       {"hit_rate", s::maybe({{"type", "number"}})}})}}),
      joined({symbol_parameter(In::path)}, page_parameters()),
      [parts](const Request& request) { return prediction_history(parts, request); })
      .may_block = true;
  get("/api/v1/regime/{symbol}", "getRegime", "The regime in force, and those before it",
      s::object({{"core", core},
                 {"instrument", s::text(64)},
                 {"regime", s::maybe(s::reference("Regime"))},
                 {"items", s::list_of(s::reference("Regime"))}}),
      {symbol_parameter(In::path)}, [parts](const Request& request) { return regime(parts, request); });
  get("/api/v1/features/{symbol}", "getFeatures",
      "The newest row of the champion's features, as the engine computes it",
      s::object({{"core", core},
                 {"instrument", s::text(64)},
                 {"feature_set", s::maybe(s::text(64))},
                 {"time_ns", s::maybe(s::nanoseconds())},
                 {"sequence", s::maybe(s::nanoseconds())},
                 {"is_engines", s::maybe({{"type", "boolean"}})},
                 {"items", s::list_of(s::object({{"lane", {{"type", "integer"}}},
                                                 {"name", s::text(64)},
                                                 {"value", s::maybe({{"type", "number"}})}}))},
                 {"reason", s::maybe(s::one_of({"no_model", "model_unknown", "not_seen"}))}}),
      {symbol_parameter(In::path)}, [parts](const Request& request) { return features(parts, request); });
  get("/api/v1/forex/all", "listForex", "Quotes and predictions of currencies, gold and silver",
      s::object({{"core", core},
                 {"items", s::list_of(s::object({{"instrument", s::text(64)},
                                                 {"symbol", s::text(40)},
                                                 {"quote", s::maybe(s::reference("Quote"))},
                                                 {"prediction", s::maybe(s::reference("Prediction"))},
                                                 {"reason", reason}}))}}),
      {}, [parts](const Request&) { return forex(parts); });
}

}  // namespace thintail::gateway
