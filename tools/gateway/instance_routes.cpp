// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/instance_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

namespace thintail::gateway {
namespace {

using http::Json;
using http::Request;
using http::Response;
using http::Route;

// A page reads at most 512 MiB; a disk that takes longer than this for it is none to wait for.
constexpr std::int64_t kSlowReadNs = 10'000'000'000;

// Those that open files of the journal.
constexpr std::array<std::string_view, 3> kJournalRoutes = {"/api/v1/ticks/{symbol}",
                                                            "/api/v1/history/{symbol}/{timeframe}", "/api/v1/sessions"};

constexpr std::array<std::string_view, 2> kQuoteRoutes = {"/api/v1/quotes", "/api/v1/quotes/{symbol}"};

template <class Value>
using ByName = std::map<std::string, Value, std::less<>>;

using Handler = std::function<Response(const Request&)>;
using Deferred = std::function<void(const Request&, http::Responder)>;

Response nobody(std::string_view name) {
  return http::problem(ErrorCode::http_not_found, fmt::format("no instance \"{}\" is served here", name));
}

// {"ready" or "status", "checks"} of each, as one: all are well only where each is. Strangers are told no names.
Response all_of(const ByName<Handler>& handlers, const Request& request) {
  Json whole;
  int status = 200;
  std::size_t index = 0;
  for (const auto& [name, handler] : handlers) {
    const Response one = handler(request);
    if (one.content_type != "application/json") return one;  // says nothing of any core
    Json reply = Json::parse(one.body);
    const std::string shown = request.principal.how == http::Proof::none ? fmt::format("{}", ++index) : name;
    for (Json& check : reply["checks"]) check["name"] = fmt::format("{} {}", shown, check["name"].get<std::string>());
    status = std::max(status, one.status);
    if (whole.is_null()) {
      whole = std::move(reply);
      continue;
    }
    if (reply.contains("ready") && !reply["ready"].get<bool>()) whole["ready"] = false;
    if (reply.contains("status") && reply["status"] != "ok") whole["status"] = reply["status"];
    for (Json& check : reply["checks"]) whole["checks"].push_back(std::move(check));
  }
  return Response::json(whole, status);
}

// A damaged journal says nothing of its disk: who asks for its pages again keeps nobody else out.
bool has_failed_reading(const Response& reply) {
  if (reply.status < 500) return false;
  const Json body = Json::parse(reply.body, nullptr, false);
  return !body.is_object() || body.value("code", "") == code_name(ErrorCode::file_unreadable);
}

}  // namespace

void guard_journal_reads(std::vector<Route>& routes, CircuitBreaker& breaker) {
  for (Route& route : routes) {
    if (!route.handler || std::ranges::find(kJournalRoutes, route.pattern) == kJournalRoutes.end()) continue;
    route.handler = [&breaker, inner = std::move(route.handler)](const Request& request) {
      if (!breaker.lets_through()) {
        return http::problem(ErrorCode::http_busy,
                             fmt::format("the upstream \"{}\" fails or is too slow", breaker.upstream()))
            .with("Retry-After", fmt::format("{}", breaker.retry_after_s()));
      }
      const std::int64_t began_ns = CircuitBreaker::monotonic_now_ns();
      Response reply = inner(request);
      const bool is_slow = CircuitBreaker::monotonic_now_ns() - began_ns > kSlowReadNs;
      if (is_slow || has_failed_reading(reply)) {
        breaker.unanswered();
      } else {
        breaker.answered();
      }
      return reply;
    };
  }
}

void share_quotes(std::vector<Route>& routes, const SharedModel& model) {
  struct Made {
    std::uint64_t change = 0;  // of the model
    std::int64_t millisecond = -1;  // what is said of the core is that old at most
    ByName<std::shared_ptr<const std::string>> bodies;  // by symbol, as it was written
  };
  for (Route& route : routes) {
    if (!route.handler || std::ranges::find(kQuoteRoutes, route.pattern) == kQuoteRoutes.end()) continue;
    // Handlers that do not block run on one thread.
    route.handler = [&model, made = std::make_shared<Made>(),
                     inner = std::move(route.handler)](const Request& request) {
      if (!request.query.empty()) return inner(request);
      const std::uint64_t change = model.read([](const CoreModel& core) { return core.change; });
      const std::int64_t millisecond = wall_now_ns() / 1'000'000;
      if (made->change != change || made->millisecond != millisecond) *made = {change, millisecond, {}};
      const std::string_view symbol = request.parameter("symbol");
      auto body = made->bodies.find(symbol);
      if (body == made->bodies.end()) {
        Response reply = inner(request);
        if (reply.status != 200) return reply;
        body = made->bodies.emplace(symbol, std::make_shared<const std::string>(std::move(reply.body))).first;
      }
      Response reply;
      reply.shared_body = body->second;
      return reply;
    };
  }
}

std::vector<Route> joined_routes(std::vector<InstanceTable> tables) {
  std::vector<Route> routes = tables.front().second;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    Route& route = routes[i];
    route.is_shared = route.role == http::Role::none;
    if (tables.size() == 1) continue;
    ByName<Handler> handlers;
    ByName<Deferred> deferred;
    for (auto& [name, table] : tables) {
      Route& own = table[i];
      if (own.handler) handlers[name] = std::move(own.handler);
      if (own.deferred) deferred[name] = std::move(own.deferred);
      if (own.websocket) route.websockets[name] = own.websocket;
    }
    if (route.handler) {
      route.handler = [handlers](const Request& request) {
        if (request.instance.empty()) return all_of(handlers, request);
        const auto found = handlers.find(request.instance);
        return found == handlers.end() ? nobody(request.instance) : found->second(request);
      };
    }
    if (route.deferred) {
      route.deferred = [deferred](const Request& request, http::Responder reply) {
        const auto found = deferred.find(request.instance);
        if (found == deferred.end()) return reply(nobody(request.instance));
        found->second(request, std::move(reply));
      };
    }
  }
  return routes;
}

}  // namespace thintail::gateway
