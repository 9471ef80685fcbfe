// SPDX-License-Identifier: Apache-2.0
// Routes of the system: status, models, predict, latency, log, events, health, metrics, the WebSocket.
#include "tools/gateway/system_routes.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tools/gateway/gap_sampler.hpp"
#include "tools/gateway/job_routes.hpp"
#include "tools/gateway/market_routes.hpp"
#include "tools/gateway/metrics.hpp"
#include "tools/gateway/predict_route.hpp"
#include "tools/gateway/replay_routes.hpp"
#include "tools/gateway/route_tools.hpp"
#include "tools/gateway/trading_routes.hpp"

namespace thintail::gateway {
namespace {

using http::Request;
using http::Response;
using http::Route;
using In = http::Parameter::In;
namespace s = schema;

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Response status(const Parts& parts) {
  const GatewayFacts facts = parts.facts();
  double load[1] = {0};
  const bool has_load = ::getloadavg(load, 1) == 1;
  return parts.model->read([&](const CoreModel& model) {
    const std::int64_t now_ns = wall_now_ns();
    Json counters = Json::array();
    if (model.sample) {
      for (const CounterSample& counter : model.sample->counters) {
        counters.push_back({{"name", counter.name}, {"value", fmt::format("{}", counter.value)}});
      }
    }
    Json breakers = Json::array();
    for (const BreakerState& breaker : facts.breakers) {
      breakers.push_back({{"upstream", breaker.upstream},
                          {"state", name_of(breaker.phase)},
                          {"failures", breaker.failures},
                          {"opened", fmt::format("{}", breaker.opened)},
                          {"refused", fmt::format("{}", breaker.refused)}});
    }
    Json notes = Json::array();
    for (const std::string& note : facts.notes) notes.push_back(note);
    if (model.sample && !model.sample->refusal.empty()) notes.push_back(model.sample->refusal);
    return Response::json_text(dumped(with_core(
        model, parts,
        {{"gateway",
          {{"version", facts.version},
           {"pid", ::getpid()},
           {"started_ns", ns_text(facts.started_ns)},
           {"uptime_s", static_cast<double>(now_ns - facts.started_ns) / 1e9},
           {"rss_bytes", resident_bytes()},
           {"clients", facts.clients},
           {"dashboard", facts.has_dashboard},
           {"lapped", fmt::format("{}", model.lapped)},
           {"missed", fmt::format("{}", model.missed)}}},
         {"replay", replay_json(model, facts)},
         {"gate", gate_json(model, facts.has_latch_file)},
         {"threads", threads_json(model, facts)},
         {"streams", streams_json(model)},
         {"feeds", feeds_json(model)},
         {"stores", stores_json(model, facts)},
         {"counters", std::move(counters)},
         {"rates", rates_json(model)},
         {"breakers", std::move(breakers)},
         {"machine",
          {{"cpus", std::thread::hardware_concurrency()}, {"load_1m", has_load ? Json(load[0]) : Json(nullptr)}}},
         {"notes", std::move(notes)}})));
  });
}

Response models(const Parts& parts) {
  return parts.model->read([&](const CoreModel& model) {
    return Response::json_text(dumped(with_core(model, parts, {{"items", models_json(model)}})));
  });
}

// How late the machine wakes threads; null before the first wake.
Json gaps_json(const Parts& parts) {
  if (parts.gaps == nullptr) return nullptr;
  const HistogramSnapshot seen = parts.gaps->snapshot();
  if (seen.count == 0) return nullptr;
  Json buckets = Json::array();
  for (const auto& [upper_ns, count] : powers_of_two(seen)) buckets.push_back({upper_ns, count});
  return {{"count", seen.count},
          {"p50_ns", seen.percentile_ns(50)},
          {"p99_ns", seen.percentile_ns(99)},
          {"p999_ns", seen.percentile_ns(99.9)},
          {"max_ns", seen.max_ns},
          {"buckets", std::move(buckets)}};
}

Response latency(const Parts& parts) {
  Json items = Json::array();
  for (const StageHistory& stage : parts.feed->stages()) items.push_back(stage_json(stage, true));
  Json series = Json::array();
  for (const StageSecond& second : parts.feed->stage_seconds()) series.push_back(stage_second_json(second));
  return parts.model->read([&](const CoreModel& model) {
    return Response::json_text(dumped(with_core(
        model, parts, {{"items", std::move(items)}, {"series", std::move(series)}, {"gaps", gaps_json(parts)}})));
  });
}

Response log_page(const Parts& parts, const Request& request) {
  const auto level = request.query_value("level");
  return parts.model->read([&](const CoreModel& model) {
    const auto page = newest_rows(
        model.log, cursor_of(request), limit_of(request), [](const LogRow& row) { return row.changed; },
        [&](const LogRow& row) { return !level || log_level_name(row.level) == *level; });
    Json items = Json::array();
    for (const LogRow* row : page.rows) items.push_back(log_json(model, *row));
    return Response::json_text(
        dumped(with_core(model, parts, {{"items", std::move(items)}, {"next_cursor", cursor_json(page.next)}})));
  });
}

// --- health --------------------------------------------------------------------------------------------------------------

struct Check {
  std::string name;
  bool is_ok = false;
  std::string detail;
};

std::vector<Check> checks(const Parts& parts) {
  const bool has_latch_file = parts.facts().has_latch_file;
  return parts.model->read([&](const CoreModel& model) {
    const std::int64_t now_ns = wall_now_ns();
    const CoreStanding standing = model.standing(now_ns);
    const bool is_up = standing == CoreStanding::running || standing == CoreStanding::finished;
    std::vector<Check> all;
    const double age_s =
        model.sample ? static_cast<double>(std::max<std::int64_t>(0, now_ns - model.heard_ns)) / 1e9 : 0;
    all.push_back({"core", is_up, model.sample ? fmt::format("{}, {:.1f} s old", name_of(standing), age_s) : "absent"});
    bool is_fed = false;
    for (const Json& feed : feeds_json(model)) is_fed |= feed["state"] == "fresh" || feed["state"] == "closed";
    all.push_back({"feed", is_fed || standing == CoreStanding::finished, is_fed ? "fresh" : "no feed is fresh"});
    const std::uint32_t flags = model.sample ? model.sample->gate.flags : 0;
    const bool is_lagging = (flags & shm::kGateJournalLagging) != 0;
    all.push_back({"journal", model.sample.has_value() && !is_lagging, is_lagging ? "lags" : "keeps up"});
    const bool is_killed = (flags & shm::kGateKilled) != 0 || has_latch_file;
    all.push_back({"gate", !is_killed, is_killed ? "killed" : "open"});
    return all;
  });
}

Json checks_json(const std::vector<Check>& all) {
  Json list = Json::array();
  for (const Check& check : all) list.push_back({{"name", check.name}, {"ok", check.is_ok}, {"detail", check.detail}});
  return list;
}

bool all_ok(const std::vector<Check>& all) { return std::ranges::all_of(all, &Check::is_ok); }

Response events(const Parts& parts, const Request& request) {
  if (const auto types = request.query_value("type")) {
    if (const auto filter = TypeFilter::parse({std::string(*types)}); !filter) {
      return http::problem(ErrorCode::http_parameter, "type: unknown", {{"query.type", filter.error().expected}});
    }
  }
  const auto refused = parts.model->read([&](const CoreModel& model) -> std::optional<Response> {
    const auto wanted = wanted_instrument(model, request);
    if (!wanted) return wanted.error();
    return std::nullopt;
  });
  if (refused) return *refused;
  Response response;
  response.content_type = "text/event-stream";
  response.events = parts.events;
  return response;
}

}  // namespace

void add_system_routes(std::vector<Route>& routes, const Parts& parts) {
  const RouteAdder get(routes, http::Method::get, "system");
  const auto core = s::reference("Core");
  const nlohmann::json integer = {{"type", "integer"}};
  const nlohmann::json number = {{"type", "number"}};
  get("/api/v1/system/status", "getStatus", "The core and the gateway, part by part",
      s::object({{"core", core},
                 {"gateway", s::object({{"version", s::text(32)},
                                        {"pid", integer},
                                        {"started_ns", s::nanoseconds()},
                                        {"uptime_s", number},
                                        {"rss_bytes", integer},
                                        {"clients", integer},
                                        {"dashboard", {{"type", "boolean"}}},
                                        {"lapped", s::nanoseconds()},
                                        {"missed", s::nanoseconds()}})},
                 {"replay", s::maybe(s::reference("Replay"))},
                 {"gate", s::reference("Gate")},
                 {"threads", s::list_of(s::reference("Thread"))},
                 {"streams", s::list_of(s::reference("Stream"))},
                 {"feeds", s::list_of(s::reference("Feed"))},
                 {"stores", s::list_of(s::reference("Store"))},
                 {"counters", s::list_of(s::object({{"name", s::text(64)}, {"value", s::nanoseconds()}}))},
                 {"rates", s::reference("Rates")},
                 {"breakers", s::list_of(s::reference("Breaker"))},
                 {"machine", s::object({{"cpus", integer}, {"load_1m", s::maybe(number)}})},
                 {"notes", s::list_of(s::text())}}),
      {}, [parts](const Request&) { return status(parts); }, {{"/api/status"}, {"/api/system/status"}})
      .is_account_data = true;  // orders and refusals are counted in it
  get("/api/v1/models", "listModels", "Models in force",
      s::object({{"core", core}, {"items", s::list_of(s::reference("Model"))}}), {},
      [parts](const Request&) { return models(parts); }, {{"/model/info"}});
  get("/api/v1/latency", "getLatency", "Where the time of a tick goes",
      s::object({{"core", core},
                 {"items", s::list_of(s::reference("Stage"))},
                 {"series", s::list_of(s::reference("StageSecond"))},
                 {"gaps", s::maybe(s::object({{"count", integer},
                                              {"p50_ns", integer},
                                              {"p99_ns", integer},
                                              {"p999_ns", integer},
                                              {"max_ns", integer},
                                              {"buckets", s::list_of(s::list_of(integer))}}))}}),
      {}, [parts](const Request&) { return latency(parts); });
  auto of_log = page_parameters();
  of_log.push_back({.name = "level",
                    .in = In::query,
                    .is_required = false,
                    .schema = s::one_of({"info", "warn", "error"}),
                    .description = "Only those"});
  Route& logged = get("/api/v1/log", "listLog", "Commands, sessions, gaps, rejects", s::page_of("Log"), of_log,
                      [parts](const Request& request) { return log_page(parts, request); });
  logged.is_account_data = true;
  logged.may_block = true;

  add_predict_route(routes, parts);

  Route& streaming = get("/api/v1/events", "streamEvents", "The core's events as Server-Sent Events", nullptr,
                         {symbol_parameter(In::query),
                          {.name = "type",
                           .in = In::query,
                           .is_required = false,
                           .schema = {{"type", "string"}, {"pattern", "^[a-z,]+$"}, {"maxLength", 200}},
                           .description = "Event types, with commas between"}},
                         [parts](const Request& request) { return events(parts, request); });
  streaming.replies.front().content_type = "text/event-stream";
  streaming.is_account_data = true;

  const auto open_to_all = [](Route& route) {
    route.role = http::Role::none;
    route.rate_class = http::RateClass::none;
  };
  Route& alive = get("/healthz", "isAlive", "Whether the gateway runs", nullptr, {},
                     [](const Request&) { return Response::text("ok\n"); });
  alive.replies.front().content_type = "text/plain";
  open_to_all(alive);
  const auto check_list = s::list_of(s::reference("Check"));
  Route& ready =
      get("/readyz", "isReady", "Whether the core can trade and the gateway sees it",
          s::object({{"ready", {{"type", "boolean"}}}, {"checks", check_list}}), {}, [parts](const Request&) {
            const auto all = checks(parts);
            return Response::json({{"ready", all_ok(all)}, {"checks", checks_json(all)}}, all_ok(all) ? 200 : 503);
          });
  ready.replies.push_back({.status = 503, .description = "Not ready", .schema = ready.replies.front().schema});
  open_to_all(ready);
  open_to_all(get("/health", "getHealth", "As /readyz, but always 200",
                  s::object({{"status", s::one_of({"ok", "degraded"})}, {"checks", check_list}}), {},
                  [parts](const Request&) {
                    const auto all = checks(parts);
                    return Response::json({{"status", all_ok(all) ? "ok" : "degraded"}, {"checks", checks_json(all)}});
                  }));
  Route& metrics = get("/metrics", "getMetrics", "Prometheus text", nullptr, {}, [parts](const Request&) {
    const auto stages = parts.feed->stages();
    const GatewayFacts facts = parts.facts();
    const MachineFacts machine = machine_facts(*parts.model, parts.jobs, parts.gaps);
    return Response::text(parts.model->read([&](const CoreModel& model) {
      return metrics_text(model, stages, facts, machine, wall_now_ns());
    }),
                          "text/plain; version=0.0.4; charset=utf-8");
  });
  metrics.replies.front().content_type = "text/plain";
  metrics.is_account_data = true;
  metrics.may_block = true;  // it reads files of /proc

  Route socket;
  socket.pattern = "/ws";
  socket.operation = "openSocket";
  socket.summary = "Topics with snapshots and deltas (docs/api.md)";
  socket.tag = "system";
  socket.websocket = parts.hub;
  socket.protocols = {std::string(kJsonProtocol), std::string(kEventsProtocol)};
  routes.push_back(std::move(socket));
}

namespace {

// Whoever may see only some accounts sees nothing of others.
void keep_to_account(std::vector<Route>& routes, const Parts& parts) {
  for (Route& route : routes) {
    if (!route.is_account_data || !route.handler) continue;
    route.handler = [parts, inner = std::move(route.handler)](const Request& request) {
      if (!request.principal.may_see(account_of(parts.instance))) {
        return http::problem(ErrorCode::http_not_found, "no such account of yours");
      }
      return inner(request);
    };
  }
}

}  // namespace

std::vector<Route> gateway_routes(const Parts& parts) {
  std::vector<Route> routes;
  add_market_routes(routes, parts);
  add_trading_routes(routes, parts);
  add_system_routes(routes, parts);
  add_job_routes(routes, parts);
  add_replay_routes(routes, parts);
  keep_to_account(routes, parts);
  return routes;
}

}  // namespace thintail::gateway
