// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "adapters/http/openapi.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kBodyOfNothing = 4 * 1024;

struct Piece {
  std::string text;  // the segment, or the parameter's name
  bool is_parameter = false;
};

std::vector<Piece> pieces_of(std::string_view pattern) {
  std::vector<Piece> pieces;
  while (!pattern.empty()) {
    pattern.remove_prefix(1);
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    const std::string_view part = pattern.substr(0, end);
    const bool is_parameter = part.size() > 2 && part.front() == '{' && part.back() == '}';
    pieces.push_back({std::string(is_parameter ? part.substr(1, part.size() - 2) : part), is_parameter});
    pattern.remove_prefix(end);
  }
  return pieces;
}

// A place of the table: a pattern and what it does.
struct Place {
  std::vector<Piece> pieces;
  Method method;
  std::size_t route;  // index
  const Alias* alias = nullptr;
};

struct Compiled {
  std::vector<std::pair<const Parameter*, Schema>> parameters;
  std::optional<Schema> body;
  std::map<int, Schema> replies;
};

bool takes(const Place& place, const std::vector<std::string>& segments) noexcept {
  if (place.pieces.size() != segments.size()) return false;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (place.pieces[i].is_parameter ? segments[i].empty() : place.pieces[i].text != segments[i]) return false;
  }
  return true;
}

// Fewer parameters first: /trades/summary before /trades/{id}.
std::size_t parameter_count(const Place& place) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(place.pieces, &Piece::is_parameter));
}

std::unexpected<Error> bad(const Route& route, std::string field, std::string expected, std::string found) {
  return fail({.code = ErrorCode::internal,
               .doing = fmt::format("adding the route {} {}", method_name(route.method), route.pattern),
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

}  // namespace

struct Router::State {
  std::vector<Route> routes;
  std::vector<Place> places;  // fewest parameters first
  // By the number of segments and the first of them, which parts most of a table.
  std::unordered_map<std::string, std::vector<std::size_t>> by_start;
  std::vector<Compiled> compiled;
  std::string openapi;
  Schema problem;

  static std::string start_of(std::size_t count, std::string_view first) {
    std::string start(first);
    return start.append(1, '\0').append(1, static_cast<char>(std::min<std::size_t>(count, 127)));
  }

  const std::vector<std::size_t>& candidates(const std::vector<std::string>& segments) const {
    static const std::vector<std::size_t> kNone;
    if (segments.empty()) return kNone;
    const auto found = by_start.find(start_of(segments.size(), segments.front()));
    return found == by_start.end() ? kNone : found->second;
  }

  Result<void> add_place(std::size_t route_index, const std::string& pattern, Method method, const Alias* alias) {
    const Route& route = routes[route_index];
    if (!pattern.starts_with('/')) return bad(route, "pattern", "a path", pattern);
    Place place{.pieces = pieces_of(pattern), .method = method, .route = route_index, .alias = alias};
    if (place.pieces.front().is_parameter) return bad(route, "pattern", "a fixed first segment", pattern);
    std::set<std::string> named;
    for (const Piece& piece : place.pieces) {
      if (piece.is_parameter) named.insert(piece.text);
    }
    if (alias != nullptr) {
      for (const auto& [name, value] : alias->parameters) named.insert(name);
    }
    for (const Parameter& parameter : route.parameters) {
      if (parameter.in == Parameter::In::path && !named.erase(parameter.name)) {
        return bad(route, pattern, "the path parameter " + parameter.name, "none");
      }
      named.erase(parameter.name);  // an alias may fix a parameter of the query
    }
    if (!named.empty()) return bad(route, pattern, "a parameter of this name", *named.begin());
    for (const Place& other : places) {
      const bool is_same = other.method == method && other.pieces.size() == place.pieces.size() &&
                           std::ranges::equal(other.pieces, place.pieces, [](const Piece& a, const Piece& b) {
                             return a.is_parameter == b.is_parameter && (a.is_parameter || a.text == b.text);
                           });
      if (is_same) return bad(route, "pattern", "one route for each path and method", pattern + " twice");
    }
    places.push_back(std::move(place));
    return {};
  }

  Result<void> compile(const Route& route, const Components& components) {
    const int handlers = (route.handler ? 1 : 0) + (route.deferred ? 1 : 0) + (route.websocket ? 1 : 0);
    if (handlers != 1) return bad(route, "handler", "exactly one", fmt::format("{}", handlers));
    Compiled compiled_route;
    for (const Parameter& parameter : route.parameters) {
      TT_TRY(Schema schema, Schema::make(parameter.schema, components, route.operation + "." + parameter.name));
      compiled_route.parameters.emplace_back(&parameter, std::move(schema));
    }
    if (!route.body_schema.is_null()) {
      TT_TRY(Schema schema, Schema::make(route.body_schema, components, route.operation + ".body"));
      compiled_route.body = std::move(schema);
    }
    for (const Reply& reply : route.replies) {
      if (reply.schema.is_null()) continue;
      TT_TRY(Schema schema, Schema::make(reply.schema, components, route.operation + ".reply"));
      compiled_route.replies.emplace(reply.status, std::move(schema));
    }
    compiled.push_back(std::move(compiled_route));
    return {};
  }

  const Compiled& of(const Route& route) const noexcept {
    return compiled[static_cast<std::size_t>(&route - routes.data())];
  }
};

Result<Router> Router::make(std::vector<Route> routes, Components components, ApiDescription description) {
  TT_TRY(Schema problem, Schema::make(problem_schema(), components, "Problem"));
  auto state = std::make_shared<State>(State{.routes = std::move(routes),
                                             .places = {},
                                             .by_start = {},
                                             .compiled = {},
                                             .openapi = {},
                                             .problem = std::move(problem)});
  std::set<std::string> operations;
  for (std::size_t i = 0; i < state->routes.size(); ++i) {
    const Route& route = state->routes[i];
    if (route.operation.empty() || !operations.insert(route.operation).second) {
      return bad(route, "operation", "a name of its own", '"' + route.operation + '"');
    }
    TT_TRY_VOID(state->compile(route, components));
    TT_TRY_VOID(state->add_place(i, route.pattern, route.method, nullptr));
    for (const Alias& alias : route.aliases) {
      TT_TRY_VOID(state->add_place(i, alias.pattern, alias.method.value_or(route.method), &alias));
    }
  }
  std::ranges::stable_sort(state->places, {}, parameter_count);
  for (std::size_t i = 0; i < state->places.size(); ++i) {
    const Place& place = state->places[i];
    state->by_start[State::start_of(place.pieces.size(), place.pieces.front().text)].push_back(i);
  }
  state->openapi = openapi_document(state->routes, components, description).dump();
  return Router(std::move(state));
}

std::variant<Router::Match, Router::NoMatch> Router::find(Method method, const std::vector<std::string>& segments,
                                                          const std::vector<std::string>& tags) const {
  if (method == Method::head) method = Method::get;
  NoMatch none;
  for (const std::size_t index : state_->candidates(segments)) {
    const Place& place = state_->places[index];
    const Route& route = state_->routes[place.route];
    if (!takes(place, segments)) continue;
    if (!tags.empty() && std::ranges::find(tags, route.tag) == tags.end()) continue;
    if (place.method != method) {
      none.allowed.push_back(place.method);
      continue;
    }
    Match match{.route = &route, .alias = place.alias, .parameters = {}};
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (place.pieces[i].is_parameter) match.parameters.emplace_back(place.pieces[i].text, segments[i]);
    }
    if (place.alias != nullptr) {
      for (const auto& fixed : place.alias->parameters) match.parameters.push_back(fixed);
    }
    return match;
  }
  std::ranges::sort(none.allowed);
  const auto [first, last] = std::ranges::unique(none.allowed);
  none.allowed.erase(first, last);
  return none;
}

std::size_t Router::body_bytes_max(const std::vector<std::string>& segments) const noexcept {
  std::size_t most = kBodyOfNothing;
  for (const std::size_t index : state_->candidates(segments)) {
    const Place& place = state_->places[index];
    const Route& route = state_->routes[place.route];
    if (takes(place, segments) && !route.body_schema.is_null()) most = std::max(most, route.body_bytes_max);
  }
  return most;
}

std::vector<FieldProblem> Router::check_parameters(
    const Route& route, const Match& match, const std::vector<std::pair<std::string, std::string>>& query) const {
  std::vector<FieldProblem> problems;
  std::set<std::string_view> seen;
  for (const auto& [name, value] : query) {
    const std::string at = fmt::format("query.{}", printable(redacted(name), 40));
    if (!seen.insert(name).second) problems.push_back({at, "is there twice"});
    const bool is_known = std::ranges::any_of(route.parameters, [&](const Parameter& parameter) {
      return parameter.in == Parameter::In::query && parameter.name == name;
    });
    if (!is_known) problems.push_back({at, "is not a parameter of this route"});
  }
  for (const auto& [parameter, schema] : state_->of(route).parameters) {
    const bool is_path = parameter->in == Parameter::In::path;
    const auto& values = is_path ? match.parameters : query;
    const auto named = [&](const auto& pair) { return pair.first == parameter->name; };
    auto found = std::ranges::find_if(values, named);
    if (found == values.end() && !is_path) {  // an alias may fix it
      found = std::ranges::find_if(match.parameters, named);
      if (found == match.parameters.end()) found = values.end();
    }
    const std::string at = fmt::format("{}.{}", is_path ? "path" : "query", parameter->name);
    if (found == values.end()) {
      if (is_path || parameter->is_required) problems.push_back({at, "is required"});
      continue;
    }
    for (FieldProblem& problem : schema.check(parameter_value(parameter->schema, found->second), at)) {
      problems.push_back(std::move(problem));
    }
  }
  return problems;
}

std::vector<FieldProblem> Router::check_body(const Route& route, const nlohmann::json& body) const {
  const auto& schema = state_->of(route).body;
  return schema ? schema->check(body) : std::vector<FieldProblem>{};
}

std::vector<FieldProblem> Router::check_reply(const Route& route, int status, const nlohmann::json& body) const {
  const auto& replies = state_->of(route).replies;
  if (const auto found = replies.find(status); found != replies.end()) return found->second.check(body);
  if (status >= 400) return state_->problem.check(body);
  return {{"", fmt::format("status {} is not in the table", status)}};
}

const std::vector<Route>& Router::routes() const noexcept { return state_->routes; }
const std::string& Router::openapi() const noexcept { return state_->openapi; }

}  // namespace thintail::http
