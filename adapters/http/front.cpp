// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/front.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/sha.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <utility>

#include "adapters/http/text.hpp"
#include "core/log/log.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kTargetBytesMax = 8 * 1024;
constexpr std::string_view kCsrfHeader = "X-Thintail-CSRF";

std::string list_of(const std::vector<Method>& methods) {
  std::string out;
  for (const Method method : methods) {
    if (!out.empty()) out += ", ";
    out += method_name(method);
    if (method == Method::get) out += ", HEAD";
  }
  return out;
}

bool has_token(std::string_view list, std::string_view token) noexcept {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (equal_without_case(trimmed(list.substr(0, end)), token)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

std::string base64(std::string_view bytes) {
  std::string out = base64url(bytes);
  std::ranges::replace(out, '-', '+');
  std::ranges::replace(out, '_', '/');
  out.resize((out.size() + 3) / 4 * 4, '=');
  return out;
}

// RFC 6455 4.2.2: proof that we meant to open a WebSocket and no cache answered.
std::string accept_of(std::string_view key) {
  const std::string text = fmt::format("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool is_websocket_key(std::string_view key) {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  std::string url(key.substr(0, 22));
  std::ranges::replace(url, '+', '-');
  std::ranges::replace(url, '/', '_');
  return from_base64url(url).has_value();
}

// Takes "/i/NAME" off where NAME is one of `instances`; returns which.
std::optional<std::string> take_instance(Target& target, const std::vector<std::string>& instances) {
  const bool names_one = target.segments.size() >= 2 && target.segments[0] == "i" &&
                         std::ranges::find(instances, target.segments[1]) != instances.end();
  if (!names_one) return std::nullopt;
  std::string name = std::move(target.segments[1]);
  target.segments.erase(target.segments.begin(), target.segments.begin() + 2);
  target.path.erase(0, std::string_view("/i/").size() + name.size());
  return name;
}

bool is_upgrade(const RawRequest& raw) noexcept { return has_token(raw.header("Upgrade"), "websocket"); }

bool is_json_type(std::string_view content_type) noexcept {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  return equal_without_case(type, "application/json");
}

}  // namespace

std::string_view RawRequest::header(std::string_view name, std::size_t* count) const noexcept {
  std::string_view value;
  std::size_t seen = 0;
  for (const Field& field : headers) {
    if (equal_without_case(field.name, name) && seen++ == 0) value = field.value;
  }
  if (count != nullptr) *count = seen;
  return value;
}

struct RequestWork {
  RawRequest raw;
  Peer peer;
  Front::Done done;
  Request request;
  HostName host;
  std::vector<std::string> segments;
  Router::Match match;
  std::string cors_origin;  // that may read the reply
  std::string reader;  // whose share of the workers it takes
  std::string rate_name;
  std::optional<RateVerdict> rate;
  bool is_asset = false;
  bool is_method_known = true;
  std::uint64_t generation = 0;  // of Access, when the principal was found
};

Result<std::unique_ptr<Front>> Front::make(FrontOptions options, std::vector<Route> routes, Components components,
                                           Assets assets, Threads threads, Clock clock) {
  auto front = std::unique_ptr<Front>(new Front(std::move(options), std::move(threads), std::move(clock)));
  for (Route& route : front->own_routes()) routes.push_back(std::move(route));
  TT_TRY(front->origins_, Origins::make(front->options_.origins));
  TT_TRY(front->access_, Access::make(front->options_.access));
  TT_TRY(IdempotencyStore store, IdempotencyStore::open(front->options_.idempotency, front->clock_()));
  front->idempotency_.emplace(std::move(store));
  ApiDescription description = front->options_.description;
  if (front->options_.instances.size() > 1) description.servers.clear();
  for (const std::string& name : front->options_.instances) description.servers.push_back("/i/" + name);
  TT_TRY(front->router_, Router::make(std::move(routes), std::move(components), std::move(description)));
  front->assets_ = std::move(assets);
  return front;
}

Front::~Front() { stop(); }

void Front::stop() {
  if (access_) access_->stop();
}

std::size_t Front::body_bytes_max(std::string_view target) const {
  auto parsed = parse_target(target);
  if (!parsed) return 0;
  take_instance(*parsed, options_.instances);
  return router_->body_bytes_max(parsed->segments);
}

// --- the way in ------------------------------------------------------------------------------------------------------

void Front::handle(RawRequest raw, const Peer& peer, Done done) {
  const auto work = std::make_shared<Work>();
  work->raw = std::move(raw);
  work->peer = peer;
  work->done = std::move(done);
  work->request.id = next_id_++;
  Outcome outcome;
  try {
    auto reply = pass_through(work, outcome);
    if (!reply && !outcome.upgrade) {
      act(work);
      return;
    }
    if (reply) {
      outcome.response = std::move(*reply);
      outcome.upgrade.reset();
    }
  } catch (const std::exception& error) {
    log::error("a request ended by itself: {}", redacted(error.what()));
    outcome.upgrade.reset();
    outcome.response = problem(ErrorCode::internal, "this request met a bug", {}, 500);
  }
  finish(*work, std::move(outcome));
}

std::optional<Response> Front::pass_through(const WorkPointer& pointer, Outcome& outcome) {
  Work& work = *pointer;
  if (auto reply = check_host(work)) return reply;
  if (auto reply = check_preflight(work)) return reply;
  if (auto reply = find_asset(work)) return reply;
  if (auto reply = find_route(work)) return reply;
  if (auto reply = identify(work)) return reply;
  if (auto reply = check_origin(work)) return reply;
  if (work.match.route->websocket) {
    if (auto reply = check_upgrade(work, outcome)) return reply;
  } else if (auto reply = check_role(work)) {
    return reply;
  }
  // What does not fit counts as well, but only what fits can be a command that is never limited.
  auto refusal = read_body(work);
  if (auto limited = check_rate(work, refusal.has_value())) return limited;
  if (refusal) return refusal;
  return choose_instance(work);
}

std::optional<Response> Front::check_host(Work& work) const {
  const RawRequest& raw = work.raw;
  work.request.remote = !work.peer.remote.empty() ? work.peer.remote
                        : work.peer.address       ? work.peer.address->text()
                                                  : "unix";
  if (raw.target.size() > kTargetBytesMax) {
    return problem(ErrorCode::http_too_large, fmt::format("the path has more than {} bytes", kTargetBytesMax), {}, 414);
  }
  auto target = parse_target(raw.target == "*" && raw.method == Method::options ? "/" : std::string_view(raw.target));
  if (!target) return problem(ErrorCode::http_malformed, "the path is not valid: %XX codes of UTF-8 without controls");
  std::size_t count = 0;
  std::string_view host = raw.header("Host", &count);
  if (count > 1 || (count == 0 && raw.is_http_1_1)) {
    return problem(ErrorCode::http_malformed, "one Host header is needed");
  }
  // RFC 9112 3.2.2: the authority of an absolute form goes before Host.
  if (!target->authority.empty()) host = target->authority;
  auto name = parse_host(count == 0 && target->authority.empty() ? "localhost" : host);
  if (!name || !origins_->is_ours(*name, work.peer.local)) {
    return problem(ErrorCode::http_host, fmt::format("the host \"{}\" is none of ours", printable(redacted(host), 64)));
  }
  work.host = std::move(*name);
  if (auto instance = take_instance(*target, options_.instances)) {
    work.request.base = "/i/" + *instance;
    work.request.instance = std::move(*instance);
  } else if (options_.instances.size() == 1) {
    work.request.instance = options_.instances.front();
  }
  work.segments = std::move(target->segments);
  Request& request = work.request;
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  request.host = work.host.text();
  request.is_secure = work.peer.is_tls;
  work.is_method_known = raw.method.has_value();
  request.method = raw.method.value_or(Method::get);
  if (work.peer.address && is_trusted(*work.peer.address, options_.trusted_proxies)) {
    std::vector<std::string_view> forwarded;
    for (const Field& field : raw.headers) {
      if (equal_without_case(field.name, "X-Forwarded-For")) forwarded.push_back(field.value);
    }
    request.remote = client_behind(*work.peer.address, forwarded, options_.trusted_proxies).text();
    request.is_secure = request.is_secure || equal_without_case(raw.header("X-Forwarded-Proto"), "https");
  }
  const std::string_view origin = raw.header("Origin", &count);
  if (count > 1) return problem(ErrorCode::http_malformed, "one Origin header at most");
  if (origins_->is_cors_origin(origin)) work.cors_origin = origin;
  return std::nullopt;
}

std::optional<Response> Front::check_preflight(Work& work) const {
  if (!work.is_method_known || work.request.method != Method::options) return std::nullopt;
  Response reply;
  reply.status = 204;
  if (work.raw.target == "*") return reply.with("Allow", "GET, HEAD, POST, OPTIONS");
  const auto found = router_->find(Method::options, work.segments, {});
  const auto* none = std::get_if<Router::NoMatch>(&found);
  if (none == nullptr || none->allowed.empty()) return std::nullopt;
  reply.with("Allow", list_of(none->allowed) + ", OPTIONS");
  if (!work.cors_origin.empty() && !work.raw.header("Access-Control-Request-Method").empty()) {
    reply.with("Access-Control-Allow-Methods", list_of(none->allowed))
        .with("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, Last-Event-ID")
        .with("Access-Control-Max-Age", "600");
  }
  return reply;
}

std::optional<Response> Front::find_asset(Work& work) const {
  const bool is_read =
      work.is_method_known && (work.request.method == Method::get || work.request.method == Method::head);
  const bool is_whole_table = work.peer.tags == nullptr || work.peer.tags->empty();
  if (!is_read || work.peer.is_bearer_only || !is_whole_table) return std::nullopt;
  if (work.segments.empty() && assets_.count() != 0) {
    // The page's addresses are relative, so it needs the slash. This one is relative too: a proxy may put something in front.
    Response there = Response::text("");
    there.status = 308;
    return there.with("Location", work.request.instance + "/");
  }
  auto reply = assets_.find(work.request.path, work.raw.header("Accept-Encoding"), work.raw.header("If-None-Match"));
  work.is_asset = reply.has_value();
  return reply;
}

std::optional<Response> Front::find_route(Work& work) const {
  static const std::vector<std::string> kAll;
  const auto found = router_->find(work.is_method_known ? work.request.method : Method::options, work.segments,
                                   work.peer.tags == nullptr ? kAll : *work.peer.tags);
  if (const auto* none = std::get_if<Router::NoMatch>(&found)) {
    if (none->allowed.empty()) {
      return problem(ErrorCode::http_not_found,
                     fmt::format("nothing is at {}", printable(redacted(work.request.path))));
    }
    const std::string allowed = list_of(none->allowed);
    return problem(ErrorCode::http_method, fmt::format("this route takes {}", allowed)).with("Allow", allowed);
  }
  work.match = std::get<Router::Match>(found);
  work.request.route = work.match.route->pattern;
  return std::nullopt;
}

// --- who, and may they -----------------------------------------------------------------------------------------------

// Wrong credentials are counted by address; valid ones are let in however many wrong ones came before.
Response Front::unauthenticated(Work& work, ErrorCode code) {
  if (code == ErrorCode::auth_invalid) {
    const RateVerdict verdict = rates_.take_failed_proof(work.request.remote, clock_());
    if (!verdict.is_allowed) {
      return problem(ErrorCode::auth_rate, "too many wrong credentials from this address")
          .with("Retry-After", fmt::format("{}", verdict.reset_s));
    }
    return problem(code, "the credentials are unknown, expired or revoked")
        .with("WWW-Authenticate", "Bearer realm=\"thintail\", error=\"invalid_token\"");
  }
  return problem(code, "this route needs an API key, a token or a session")
      .with("WWW-Authenticate", "Bearer realm=\"thintail\"");
}

std::optional<Response> Front::identify(Work& work) {
  work.generation = access_->generation();
  const RawRequest& raw = work.raw;
  Principal& principal = work.request.principal;
  std::size_t count = 0;
  const std::string_view authorization = raw.header("Authorization", &count);
  if (count > 1) return problem(ErrorCode::http_malformed, "one Authorization header at most");
  if (count == 1) {
    const std::size_t space = std::min(authorization.find(' '), authorization.size());
    if (!equal_without_case(authorization.substr(0, space), "Bearer")) {
      return unauthenticated(work, ErrorCode::auth_missing);
    }
    auto known = access_->bearer(trimmed(authorization.substr(space)), clock_());
    if (!known) return unauthenticated(work, ErrorCode::auth_invalid);
    principal = std::move(*known);
    return std::nullopt;
  }
  if (work.peer.uid && *work.peer.uid == ::geteuid()) {
    // A proxy of our own user speaks for others: its word is not the owner's.
    const bool is_forwarded = !raw.header("X-Forwarded-For").empty() || !raw.header("Forwarded").empty();
    if (!is_forwarded) {
      principal = {.id = fmt::format("uid:{}", *work.peer.uid), .role = Role::admin, .how = Proof::owner_of_socket};
      return std::nullopt;
    }
  }
  const std::string_view cookies = raw.header("Cookie", &count);
  if (count == 1 && !work.peer.is_bearer_only) {
    const std::string name =
        access_->cookie_name(work.host.port_or_default(work.request.is_secure), work.request.is_secure);
    if (const Session* session = access_->session(cookies, name, clock_())) principal = session->principal;
  }
  return std::nullopt;
}

// A page elsewhere can make a browser send our cookie; it can make it send neither our Origin nor a header of its choice.
std::optional<Response> Front::check_origin(const Work& work) const {
  if (work.request.principal.how != Proof::session) return std::nullopt;
  const bool is_read = work.request.method == Method::get || work.request.method == Method::head;
  if (is_read) return std::nullopt;
  const std::string own = Origins::own_origin(work.host, work.request.is_secure);
  if (work.raw.header("Origin") != own) {
    return problem(ErrorCode::http_origin, fmt::format("a session's commands need Origin: {}", own));
  }
  if (work.raw.header(kCsrfHeader).empty()) {
    return problem(ErrorCode::http_origin, fmt::format("a session's commands need the header {}: 1", kCsrfHeader));
  }
  return std::nullopt;
}

std::optional<Response> Front::check_role(Work& work) {
  const Route& route = *work.match.route;
  const Principal& principal = work.request.principal;
  if (principal.role >= route.role) return std::nullopt;
  if (principal.how != Proof::none) {
    return problem(ErrorCode::auth_role, fmt::format("this route needs the role {}, yours is {}", role_name(route.role),
                                                     role_name(principal.role)))
        .with("WWW-Authenticate", fmt::format("Bearer realm=\"thintail\", error=\"insufficient_scope\", scope=\"{}\"",
                                              role_name(route.role)));
  }
  const bool is_open = access_->has_public_read() && route.method == Method::get && route.role == Role::viewer &&
                       !route.is_account_data && !route.websocket;
  if (!is_open) return unauthenticated(work, ErrorCode::auth_missing);
  return std::nullopt;
}

std::optional<Response> Front::check_rate(Work& work, bool is_refused) {
  const Route& route = *work.match.route;
  if (route.role == Role::none || route.rate_class == RateClass::none) return std::nullopt;
  if (!is_refused && route.is_unlimited && route.is_unlimited(work.request)) return std::nullopt;
  const bool is_public = work.request.principal.how == Proof::none;
  work.rate_name = is_public ? "public" : rate_class_name(route.rate_class);
  work.rate = is_public ? rates_.take_public(work.request.remote, clock_())
                        : rates_.take(route.rate_class, work.request.principal.id, clock_());
  if (work.rate->is_allowed) return std::nullopt;
  return problem(ErrorCode::auth_rate, fmt::format("{} requests of the class {} are used up for {} s",
                                                   work.rate->limit.requests, work.rate_name, work.rate->reset_s))
      .with("Retry-After", fmt::format("{}", work.rate->reset_s));
}

// --- what it brings --------------------------------------------------------------------------------------------------

std::optional<Response> Front::read_body(Work& work) const {
  const Route& route = *work.match.route;
  Request& request = work.request;
  auto problems = router_->check_parameters(route, work.match, request.query);
  if (!problems.empty()) {
    const std::string detail = fmt::format("{} {}", problems.front().pointer, problems.front().detail);
    return problem(ErrorCode::http_parameter, detail, std::move(problems));
  }
  request.parameters = work.match.parameters;
  if (work.match.alias != nullptr) {  // what an alias fixes reads like a query's
    for (const auto& fixed : work.match.alias->parameters) {
      if (!request.query_value(fixed.first)) request.query.push_back(fixed);
    }
  }
  if (route.body_schema.is_null()) {
    if (work.raw.body.empty()) return std::nullopt;
    return problem(ErrorCode::http_malformed, "this route takes no body");
  }
  if (work.raw.body.size() > route.body_bytes_max) {
    return problem(ErrorCode::http_too_large, fmt::format("the body has more than {} bytes", route.body_bytes_max));
  }
  std::size_t count = 0;
  const std::string_view type = work.raw.header("Content-Type", &count);
  if (count != 1 || !is_json_type(type)) {
    return problem(ErrorCode::http_media_type, "Content-Type: application/json is needed");
  }
  auto body = parse_json(work.raw.body);
  if (!body) return problem(body.error());
  problems = router_->check_body(route, *body);
  if (!problems.empty()) {
    const std::string at = problems.front().pointer.empty() ? "the body" : problems.front().pointer;
    const std::string detail = fmt::format("{} {}", at, problems.front().detail);
    return problem(ErrorCode::http_schema, detail, std::move(problems));
  }
  request.body = std::move(*body);
  return std::nullopt;
}

std::optional<Response> Front::check_upgrade(Work& work, Outcome& outcome) const {
  const RawRequest& raw = work.raw;
  const Route& route = *work.match.route;
  Principal& principal = work.request.principal;
  const bool is_handshake = raw.is_http_1_1 && is_upgrade(raw) && has_token(raw.header("Connection"), "upgrade") &&
                            raw.method == Method::get && is_websocket_key(raw.header("Sec-WebSocket-Key"));
  if (!is_handshake) {
    return problem(ErrorCode::http_malformed, "this route is a WebSocket: Connection: Upgrade is needed", {}, 426)
        .with("Upgrade", "websocket")
        .with("Connection", "Upgrade");
  }
  if (raw.header("Sec-WebSocket-Version") != "13") {
    return problem(ErrorCode::http_malformed, "WebSocket version 13 is needed", {}, 426)
        .with("Sec-WebSocket-Version", "13");
  }
  std::size_t origins = 0;
  const std::string_view origin = raw.header("Origin", &origins);
  const bool is_own = origin == Origins::own_origin(work.host, work.request.is_secure);
  if (origins > 0 && !is_own && work.cors_origin.empty()) {
    return problem(ErrorCode::http_origin, "pages of other origins may not open this WebSocket");
  }
  // A browser sends the cookie whoever asks, and always says where the page is from.
  if (principal.how == Proof::session && !is_own) principal = {};
  Upgrade upgrade{.route = &route,
                  .endpoint = {},
                  .principal = principal,
                  .protocol = {},
                  .accept = {},
                  .remote = work.request.remote};
  for (const std::string& protocol : route.protocols) {
    const bool is_offered = std::ranges::any_of(raw.headers, [&](const Field& field) {
      return equal_without_case(field.name, "Sec-WebSocket-Protocol") && has_token(field.value, protocol);
    });
    if (!is_offered) continue;
    upgrade.protocol = protocol;
    break;
  }
  if (!route.protocols.empty() && upgrade.protocol.empty()) {
    return problem(ErrorCode::http_malformed,
                   fmt::format("Sec-WebSocket-Protocol must offer {}", fmt::join(route.protocols, " or ")));
  }
  const auto own = route.websockets.find(work.request.instance);
  upgrade.endpoint = own == route.websockets.end() ? route.websocket : own->second;
  upgrade.accept = accept_of(raw.header("Sec-WebSocket-Key"));
  if (principal.how != Proof::none && principal.role < route.role) {
    return problem(ErrorCode::auth_role, fmt::format("this WebSocket needs the role {}", role_name(route.role)));
  }
  outcome.response.status = 101;
  outcome.response.with("Upgrade", "websocket")
      .with("Connection", "Upgrade")
      .with("Sec-WebSocket-Accept", upgrade.accept);
  if (!upgrade.protocol.empty()) outcome.response.with("Sec-WebSocket-Protocol", upgrade.protocol);
  outcome.upgrade = std::move(upgrade);
  return std::nullopt;
}

std::optional<Response> Front::choose_instance(const Work& work) const {
  if (options_.instances.empty() || !work.request.instance.empty() || work.match.route->is_shared) return std::nullopt;
  std::vector<FieldProblem> names;
  // A WebSocket may come this far without credentials.
  if (work.request.principal.how != Proof::none || access_->has_public_read()) {
    for (const std::string& name : options_.instances) names.push_back({"path.instance", name});
  }
  return problem(ErrorCode::choice_needed,
                 fmt::format("several instances are served here: name one, /i/INSTANCE{}", work.request.path),
                 std::move(names));
}

// --- doing it --------------------------------------------------------------------------------------------------------

void Front::act(const WorkPointer& work) {
  const Route& route = *work->match.route;
  work->request.headers = std::move(work->raw.headers);
  const auto send = [this, work](Response response) {
    // From whatever thread the handler answers.
    threads_.run_on_io([this, work, reply = std::move(response)]() mutable { answer(*work, std::move(reply)); });
  };
  const bool has_key = !work->request.header("Idempotency-Key").empty();
  const bool is_commanding = route.needs_idempotency_key && (has_key || work->match.alias == nullptr);
  if (is_commanding && !is_idempotency_key(work->request.header("Idempotency-Key"))) {
    answer(*work, problem(ErrorCode::idempotency_missing,
                          has_key ? "Idempotency-Key: 1 to 128 of letters, digits and ._:-" : "send a new random key"));
    return;
  }
  if (route.needs_idempotency_key) {
    const auto command = [this, work, send, is_commanding] {
      if (is_commanding) {
        act_once(work);
      } else {
        run_handler(work, send);
      }
    };
    if (!run_command(command, is_urgent(*work))) {
      answer(*work, problem(ErrorCode::http_busy, "too many commands are waiting").with("Retry-After", "1"));
    }
    return;
  }
  if (route.may_block) {
    read_on_worker(work);
    return;
  }
  if (!route.handler) {
    run_handler(work, send);
    return;
  }
  run_handler(work, [&](Response response) {
    Outcome outcome;
    if (is_repeatable(*work, response)) outcome.repeatable = work;
    outcome.response = std::move(response);
    if (outcome.response.events) outcome.request = std::move(work->request);
    finish(*work, std::move(outcome));
  });
}

// Reads that their handler answers at once: of those nothing but the reply changes from one to the next.
bool Front::is_repeatable(const Work& work, const Response& response) const {
  const bool is_read = work.request.method == Method::get || work.request.method == Method::head;
  return is_read && work.raw.body.empty() && response.status == 200 && !response.events;
}

std::optional<Outcome> Front::repeat(const std::shared_ptr<RequestWork>& pointer) {
  Work& work = *pointer;
  const Principal& principal = work.request.principal;
  const bool has_expired = principal.expires_ns != 0 && clock_() >= principal.expires_ns;
  if (work.generation != access_->generation() || has_expired) return std::nullopt;
  work.request.id = next_id_++;
  Outcome outcome;
  const Route& route = *work.match.route;
  try {
    auto limited = check_rate(work, false);
    outcome.response = limited ? *std::move(limited) : route.handler(work.request);
  } catch (const std::exception& error) {
    log::error("{} {} ended by itself: {}", method_name(route.method), route.pattern, redacted(error.what()));
    outcome.response = problem(ErrorCode::internal, "this request met a bug", {}, 500);
  }
  if (outcome.response.events) outcome.request = work.request;
  complete(work, outcome);
  return outcome;
}

// --- shares of the workers -------------------------------------------------------------------------------------------

bool Front::run_command(std::function<void()> command, bool is_urgent) const {
  return threads_.run_command ? threads_.run_command(std::move(command), is_urgent)
                              : threads_.run_on_worker(std::move(command));
}

// One caller's pages of history wait for one another, never everybody's for one caller's.
void Front::read_on_worker(const WorkPointer& work) {
  const bool is_public = work->request.principal.how == Proof::none;
  work->reader = is_public ? "address " + rate_unit(work->request.remote) : work->request.principal.id;
  Reader& mine = readers_[work->reader];
  if (mine.at_work < options_.reads_at_work_max) {
    start_reading(work);
  } else if (mine.waiting.size() < options_.reads_waiting_max) {
    mine.waiting.push_back(work);
  } else {
    answer(*work, problem(ErrorCode::http_busy, fmt::format("{} requests of yours are at work and {} wait",
                                                            mine.at_work, mine.waiting.size()))
                      .with("Retry-After", "1"));
  }
}

void Front::start_reading(const WorkPointer& work) {
  ++readers_[work->reader].at_work;
  const auto send = [this, work](Response response) {
    threads_.run_on_io([this, work, reply = std::move(response)]() mutable {
      end_reading(work->reader);
      answer(*work, std::move(reply));
    });
  };
  if (threads_.run_on_worker([this, work, send] { run_handler(work, send); })) return;
  end_reading(work->reader);
  answer(*work, problem(ErrorCode::http_busy, "every worker is taken").with("Retry-After", "1"));
}

void Front::end_reading(const std::string& reader) {
  const auto found = readers_.find(reader);
  if (found == readers_.end()) return;
  --found->second.at_work;
  if (!found->second.waiting.empty()) {
    const WorkPointer next = std::move(found->second.waiting.front());
    found->second.waiting.pop_front();
    start_reading(next);
  } else if (found->second.at_work == 0) {
    readers_.erase(found);
  }
}

// Two instances have the same routes; a key stands for one request to one of them.
std::string Front::scope_of(const Work& work) const {
  const std::string& pattern = work.match.route->pattern;
  return work.request.instance.empty() ? pattern : fmt::format("{} {}", work.request.instance, pattern);
}

bool Front::is_urgent(const Work& work) {
  const Route& route = *work.match.route;
  return route.is_urgent && route.is_urgent(work.request);
}

// On a worker: the store syncs a disk.
void Front::act_once(const WorkPointer& work) {
  const Route& route = *work->match.route;
  Request& request = work->request;
  const auto send = [this, work](Response response) {
    threads_.run_on_io([this, work, reply = std::move(response)]() mutable { answer(*work, std::move(reply)); });
  };
  const std::string key(request.header("Idempotency-Key"));
  // What the path and query name belongs to what was asked as much as the body.
  std::string asked;
  for (const auto& [name, value] : request.parameters) asked += fmt::format("{}={}\n", name, value);
  for (const auto& [name, value] : request.query) asked += fmt::format("?{}={}\n", name, value);
  asked += work->raw.body;
  if (is_urgent(*work)) return act_first(work, key, asked);
  const auto begun =
      idempotency_->begin(request.principal.id, scope_of(*work), key, asked, route.resumes_interrupted, clock_());
  using enum IdempotencyStore::Verdict;
  if (!begun) log::error(begun.error());
  // A full disk may be why somebody stops trading: that is done without a record. What starts it again is not.
  if ((!begun || begun->verdict == full) && route.is_unlimited && route.is_unlimited(request)) {
    request.idempotency = Idempotency{.key = key,
                                      .id = IdempotencyStore::id_of(request.principal.id, scope_of(*work), key, asked),
                                      .was_interrupted = false,
                                      .began_ns = clock_()};
    return run_handler(work, send);
  }
  if (!begun) return send(problem(ErrorCode::http_busy, "commands cannot be recorded now, so none is taken"));
  switch (begun->verdict) {
    case replay: return send(Response(*begun->reply).with("Idempotency-Replayed", "true"));
    case mismatch: return send(problem(ErrorCode::idempotency_mismatch, "this key was used with another body"));
    case in_flight:
      return send(problem(ErrorCode::idempotency_in_flight, "ask again in a moment").with("Retry-After", "1"));
    case full: return send(problem(ErrorCode::http_busy, "too many commands are waiting").with("Retry-After", "1"));
    case interrupted:
      if (!route.resumes_interrupted) {
        return send(problem(ErrorCode::idempotency_unknown, "the gateway ended while it worked on this"));
      }
      break;
    case proceed: break;
  }
  request.idempotency = Idempotency{
      .key = key, .id = begun->id, .was_interrupted = begun->verdict == interrupted, .began_ns = begun->began_ns};
  run_handler(work, [this, work, send](Response response) {
    const auto keep = [this, work, send, response] {
      keep_reply(*work, response);
      send(response);
    };
    // A deferred reply comes on some other thread, which may not wait for a disk; a plain one is on a worker already.
    if (!work->match.route->deferred || !run_command(keep, false)) keep();
  });
}

// First what was asked, then the record: a disk that stalls, here or in another command's begin, holds up neither this nor its reply. A repeat
// that comes before the record goes the same way, under the same id.
void Front::act_first(const WorkPointer& work, const std::string& key, const std::string& asked) {
  Request& request = work->request;
  const auto send = [this, work](Response response) {
    threads_.run_on_io([this, work, reply = std::move(response)]() mutable { answer(*work, std::move(reply)); });
  };
  const std::string scope = scope_of(*work);
  const auto known = idempotency_->look(request.principal.id, scope, key, asked);
  if (known && known->verdict == IdempotencyStore::Verdict::replay) {
    return send(Response(*known->reply).with("Idempotency-Replayed", "true"));
  }
  if (known && known->verdict == IdempotencyStore::Verdict::mismatch) {
    return send(problem(ErrorCode::idempotency_mismatch, "this key was used with another body"));
  }
  const bool was_interrupted = known.has_value();
  request.idempotency = Idempotency{.key = key,
                                    .id = IdempotencyStore::id_of(request.principal.id, scope, key, asked),
                                    .was_interrupted = was_interrupted,
                                    .began_ns = known ? known->began_ns : clock_()};
  run_handler(work, [this, send, principal = request.principal.id, scope, key, asked,
                     was_interrupted](const Response& response) {
    send(response);
    const bool is_undone = response.status == 500 || response.status == 503 || response.status == 429;
    if (is_undone || (was_interrupted && response.status >= 400)) return;
    const auto record = [this, principal, scope, key, asked, response, now_ns = clock_()] {
      if (const auto kept = idempotency_->record(principal, scope, key, asked, response, now_ns); !kept) {
        log::error(kept.error());
      }
    };
    // Not here: the next urgent one may be waiting for this worker.
    if (!run_command(record, false)) log::warn("a command was done and is not recorded: too many wait for that");
  });
}

void Front::keep_reply(const Work& work, const Response& response) {
  const std::string& principal = work.request.principal.id;
  const std::string route = scope_of(work);
  const std::string& key = work.request.idempotency->key;
  // A repeat that was refused does not tell what became of the first attempt: it stays in doubt.
  const bool is_in_doubt = work.request.idempotency->was_interrupted && response.status >= 400;
  if (response.status == 500 || is_in_doubt) return idempotency_->abandon(principal, route, key);
  // A handler that answers 503 or 429 says that it has not acted.
  const bool is_undone = response.status == 503 || response.status == 429;
  const auto kept =
      is_undone ? idempotency_->undo(principal, route, key) : idempotency_->finish(principal, route, key, response);
  if (!kept) log::error(kept.error());
}

void Front::run_handler(const WorkPointer& work, std::function<void(Response)> then) {
  const Route& route = *work->match.route;
  // A deferred handler may drop its responder, or use it twice: one reply there is, always.
  struct Once {
    std::function<void(Response)> then;
    std::atomic<bool> is_answered{false};

    explicit Once(std::function<void(Response)> next) : then(std::move(next)) {}
    void answer(Response response) {
      // acq_rel: the one who answers sees whatever an earlier attempt did; nothing else is handed over
      if (!is_answered.exchange(true, std::memory_order_acq_rel)) then(std::move(response));
    }
    ~Once() {
      if (!is_answered.load(std::memory_order_acquire)) {  // acquire: pairs with the exchange above
        answer(problem(ErrorCode::internal, "the route gave no reply", {}, 500));
      }
    }
  };
  const auto once = std::make_shared<Once>(std::move(then));
  try {
    if (route.deferred) {
      route.deferred(work->request, [once](Response response) { once->answer(std::move(response)); });
    } else {
      once->answer(route.handler(work->request));
    }
  } catch (const std::exception& error) {
    log::error("{} {} ended by itself: {}", method_name(route.method), route.pattern, redacted(error.what()));
    once->answer(problem(ErrorCode::internal, "this request met a bug", {}, 500));
  }
}

// --- the way out -----------------------------------------------------------------------------------------------------

void Front::answer(Work& work, Response response) {
  Outcome outcome;
  outcome.response = std::move(response);
  if (outcome.response.events) outcome.request = std::move(work.request);
  finish(work, std::move(outcome));
}

void Front::finish(Work& work, Outcome outcome) {
  complete(work, outcome);
  const Done done = std::move(work.done);  // it holds the connection, which may hold the work
  done(std::move(outcome));
}

void Front::complete(const Work& work, Outcome& outcome) const {
  Response& response = outcome.response;
  outcome.fixed_headers =
      work.is_asset ? &origins_->asset_headers(work.request.is_secure) : &origins_->api_headers(work.request.is_secure);
  response.headers.reserve(response.headers.size() + 6);
  if (!work.is_asset && std::ranges::none_of(response.headers, [](const Field& field) {
        return equal_without_case(field.name, "Cache-Control");
      })) {
    response.with("Cache-Control", "no-store");
  }
  if (work.rate) {
    response.with("RateLimit-Policy", work.rate->policy_text(work.rate_name))
        .with("RateLimit", work.rate->state_text(work.rate_name));
  }
  if (!work.cors_origin.empty()) {
    // Without Allow-Credentials: cookies stay out of it.
    response.with("Access-Control-Allow-Origin", work.cors_origin)
        .with("Access-Control-Expose-Headers",
              "Location, RateLimit, RateLimit-Policy, Retry-After, Idempotency-Replayed")
        .with("Vary", "Origin");
  }
  if (log::enabled(log::Level::debug) || response.status >= 500) {
    log::write(response.status >= 500 ? log::Level::warn : log::Level::debug, "{} {} {} by {} from {}",
               fmt::make_format_args(method_name(work.request.method), redacted(work.request.path), response.status,
                                     work.request.principal.id, work.request.remote));
  }
}

Outcome Front::refuse(ErrorCode code, std::string detail, int status, bool is_secure) const {
  Outcome outcome;
  outcome.response = problem(code, std::move(detail), {}, status).with("Cache-Control", "no-store");
  outcome.fixed_headers = &origins_->api_headers(is_secure);
  return outcome;
}

// --- open connections ------------------------------------------------------------------------------------------------

std::optional<Principal> Front::authenticate_first_message(std::string_view token, const std::string& remote) {
  auto principal = access_->bearer(token, clock_());
  if (!principal) rates_.take_failed_proof(remote, clock_());
  return principal;
}

bool Front::is_still_valid(const Principal& principal) const { return access_->is_still_valid(principal, clock_()); }

void Front::tick() { access_->tick(clock_()); }

// --- routes of our own -----------------------------------------------------------------------------------------------

std::vector<Route> Front::own_routes() {
  using nlohmann::json;
  const json text = {{"type", "string"}};
  const json nanos = {{"type", "string"}, {"maxLength", 20}, {"pattern", "^[0-9]+$"}};
  const json session = {{"type", "object"},
                        {"additionalProperties", false},
                        {"required", json::array({"user", "role", "accounts", "expires_ns"})},
                        {"properties",
                         {{"user", text},
                          {"role", {{"type", "string"}, {"enum", json::array({"viewer", "trader", "admin"})}}},
                          {"accounts", {{"type", "array"}, {"items", text}}},
                          {"expires_ns", nanos}}}};
  Route login{.method = Method::post,
              .pattern = "/api/v1/login",
              .operation = "login",
              .summary = "Opens a session with a user's password or a one-use code",
              .tag = "session",
              .role = Role::none,
              .rate_class = RateClass::none};
  login.body_bytes_max = 2 * 1024;
  login.body_schema = {
      {"type", "object"},
      {"additionalProperties", false},
      {"properties",
       {{"user", {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}}},
        {"password", {{"type", "string"}, {"minLength", 1}, {"maxLength", 256}}},
        {"code", {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}}}}},
      {"oneOf",
       json::array({{{"required", json::array({"user", "password"})}, {"properties", {{"code", {{"type", "null"}}}}}},
                    {{"required", json::array({"code"})}, {"properties", {{"user", {{"type", "null"}}}}}}})}};
  login.replies = {{.status = 200, .description = "The session; its cookie is in Set-Cookie", .schema = session}};
  login.deferred = [this](const Request& request, Responder reply) { log_in(request, std::move(reply)); };

  Route logout{.method = Method::post,
               .pattern = "/api/v1/logout",
               .operation = "logout",
               .summary = "Ends the session",
               .tag = "session",
               .role = Role::none,
               .rate_class = RateClass::none};
  logout.body_schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", json::object()}};
  logout.replies = {{.status = 200,
                     .description = "There is no session any more",
                     .schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", json::object()}}}};
  logout.handler = [this](const Request& request) { return log_out(request); };

  Route who{.method = Method::get,
            .pattern = "/api/v1/session",
            .operation = "getSession",
            .summary = "Who the caller is",
            .tag = "session",
            .role = Role::viewer,
            .rate_class = RateClass::none,
            .is_account_data = true};
  who.replies = {{.status = 200, .description = "The caller", .schema = session}};
  who.handler = [](const Request& request) {
    const Principal& principal = request.principal;
    return Response::json({{"user", principal.id.substr(principal.id.find(':') + 1)},
                           {"role", role_name(principal.role)},
                           {"accounts", principal.accounts},
                           {"expires_ns", fmt::format("{}", principal.expires_ns)}});
  };

  Route document{.method = Method::get,
                 .pattern = "/api/v1/openapi.json",
                 .operation = "getOpenApi",
                 .summary = "This document",
                 .tag = "system",
                 .role = Role::viewer,
                 .rate_class = RateClass::read};
  document.replies = {{.status = 200, .description = "OpenAPI 3.1", .schema = {{"type", "object"}}}};
  document.handler = [this](const Request&) { return Response::json_text(router_->openapi()); };
  std::vector<Route> routes = {std::move(login), std::move(logout), std::move(who), std::move(document)};
  for (Route& route : routes) route.is_shared = true;
  return routes;
}

void Front::log_in(const Request& request, Responder reply) {
  const std::int64_t now_ns = clock_();
  const bool has_code = request.body.contains("code");
  const std::string user = has_code ? "code" : request.body["user"].get<std::string>();
  const auto own = parse_host(request.host);
  const std::string_view origin = request.header("Origin");
  if (!origin.empty() && own && origin != Origins::own_origin(*own, request.is_secure)) {
    return reply(problem(ErrorCode::http_origin, "another page may not log in here"));
  }
  if (const std::int64_t wait_s = access_->locks().locked_for_s(request.remote, user, now_ns); wait_s > 0) {
    return reply(problem(ErrorCode::auth_locked, fmt::format("wait {} s", wait_s))
                     .with("Retry-After", fmt::format("{}", wait_s)));
  }
  const auto fail_login = [this, user, remote = request.remote, reply](std::string_view what) {
    access_->locks().failed(remote, user, clock_());
    log::warn("a login from {} failed", remote);
    reply(problem(ErrorCode::auth_invalid, std::string(what)));
  };
  if (has_code) {
    const auto role = access_->codes().redeem(request.body["code"].get<std::string>(), now_ns);
    if (!role) return fail_login("this code was used, is older than 5 minutes, or was never given");
    const std::string name = base64url(random_bytes(6));
    return reply(welcome({.id = "code:" + name, .role = *role, .how = Proof::session}, request));
  }
  const UserRecord* asked = access_->keys().user(user);
  const std::int64_t created_ns = asked == nullptr ? 0 : asked->created_ns;
  const bool is_taken =
      access_->check_password(user, request.body["password"].get<std::string>(),
                              [this, request, user, reply, fail_login, created_ns](bool is_right) {
                                threads_.run_on_io([this, request, user, reply, fail_login, created_ns, is_right] {
                                  const UserRecord* record = access_->keys().user(user);
                                  // Another record meanwhile has another password, perhaps.
                                  const bool is_same = record != nullptr && record->created_ns == created_ns;
                                  if (!is_right || !is_same) return fail_login("user or password is wrong");
                                  access_->locks().succeeded(request.remote, user);
                                  reply(welcome(access_->principal_of(*record), request));
                                });
                              });
  if (!is_taken) reply(problem(ErrorCode::http_busy, "too many logins at once").with("Retry-After", "2"));
}

Response Front::welcome(Principal principal, const Request& request) {
  const auto opened = access_->open_session(std::move(principal), clock_());
  const auto host = parse_host(request.host).value_or(HostName{});
  const std::string name = access_->cookie_name(host.port_or_default(request.is_secure), request.is_secure);
  const Principal& who = opened.session.principal;
  log::info("{} logged in from {}", who.id, request.remote);
  return Response::json({{"user", who.id.substr(who.id.find(':') + 1)},
                         {"role", role_name(who.role)},
                         {"accounts", who.accounts},
                         {"expires_ns", fmt::format("{}", who.expires_ns)}})
      .with("Set-Cookie", fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", name, opened.cookie,
                                      Sessions::kLifetimeNs / 1'000'000'000, request.is_secure ? "; Secure" : ""));
}

Response Front::log_out(const Request& request) {
  const auto host = parse_host(request.host).value_or(HostName{});
  const std::string name = access_->cookie_name(host.port_or_default(request.is_secure), request.is_secure);
  access_->close_session(request.header("Cookie"), name);
  return Response::json(Json::object())
      .with("Set-Cookie", fmt::format("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{}", name,
                                      request.is_secure ? "; Secure" : ""));
}

}  // namespace thintail::http
