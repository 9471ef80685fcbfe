// SPDX-License-Identifier: Apache-2.0
// Route: what a program serves, as rows of one table: who may call it, how often, what goes in and out, and what it does.
// Router, checks, OpenAPI document and server all read these rows.
//   path     cold
//   threads  handlers run on the server's one io thread, those with `may_block` on its workers; both must not throw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"

namespace thintail::http {

using Json = nlohmann::ordered_json;

enum class Method : std::uint8_t { get, head, post, put, patch, del, options };
std::string_view method_name(Method method) noexcept;  // "GET"

// Each holds the ones before it: viewer reads; trader also commands; admin does everything.
enum class Role : std::uint8_t { none, viewer, trader, admin };
std::string_view role_name(Role role) noexcept;  // "viewer"
std::optional<Role> role_from_name(std::string_view name) noexcept;

// Which limit a route counts against (rate_limits.hpp): read 1000 a minute, data 1000 an hour, trading 100 an hour, each for
// one principal. none: not counted.
enum class RateClass : std::uint8_t { none, read, data, trading };
std::string_view rate_class_name(RateClass rate_class) noexcept;

// How somebody proved who they are.
enum class Proof : std::uint8_t { none, owner_of_socket, api_key, token, session };

struct Principal {
  std::string id = "anonymous";  // "key:3f9a1c20", "user:ann", "token:desk", "uid:1000"
  Role role = Role::none;
  std::vector<std::string> accounts = {};  // "venue:login"; empty: every account of this instance
  Proof how = Proof::none;
  std::int64_t expires_ns = 0;  // UTC; 0: never
  std::int64_t proven_by_ns = 0;  // when the password that proved it was set; sessions end with it
  std::uint64_t session_id = 0;  // of Proof::session: which of this user's; never used twice in this process

  bool may_see(std::string_view account) const noexcept;
};

struct Field {
  std::string name;  // of a header: as the sender wrote it
  std::string value;
};

// One command's identity across repeats: equal for equal (principal, route, Idempotency-Key).
struct Idempotency {
  std::string key;
  std::uint64_t id = 0;  // stable hash of principal, route, key and what was asked, never 0: fit for a command's own id
  bool was_interrupted = false;  // an earlier gateway began this very request and never learned its outcome
  std::int64_t began_ns = 0;  // when it was begun first, UTC
};

struct Request {
  Method method = Method::get;
  std::string instance;  // that the path names, "/i/desk/..", or the only one; empty: none named, or there are none
  std::string base;  // "/i/desk" where the path began so, for links in replies; else empty
  std::string path;  // decoded, without `base` and the query
  std::string route;  // the pattern that matched
  std::vector<std::pair<std::string, std::string>> parameters;  // {symbol} of the path, decoded and checked
  std::vector<std::pair<std::string, std::string>> query;  // decoded, checked, each name once
  std::vector<Field> headers;
  nlohmann::json body;  // null where the route takes none; checked against its schema
  Principal principal;
  std::string remote;  // address of the client, behind trusted proxies too
  std::string host;  // as checked: "127.0.0.1:8000"
  bool is_secure = false;  // TLS, ours or a trusted proxy's
  std::optional<Idempotency> idempotency;
  std::uint64_t id = 0;  // of this request, for logs: unique in this process

  // Empty where there is none; names of headers compare without case.
  std::string_view parameter(std::string_view name) const noexcept;
  std::optional<std::string_view> query_value(std::string_view name) const noexcept;
  std::string_view header(std::string_view name) const noexcept;
  // REQUIRES: the parameter's schema is an integer, which has been checked.
  std::int64_t query_integer(std::string_view name, std::int64_t otherwise) const noexcept;
};

class EventStreamEndpoint;

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<Field> headers;
  // Set by static assets: sent instead of `body`, never copied into it.
  std::shared_ptr<const std::string> shared_body;
  // Set: the reply is Server-Sent Events, and the endpoint's from then on.
  std::shared_ptr<EventStreamEndpoint> events;

  static Response json(const Json& json, int status = 200);
  static Response json_text(std::string text, int status = 200);
  static Response text(std::string text, std::string content_type = "text/plain; charset=utf-8", int status = 200);
  Response& with(std::string name, std::string value) &;
  Response&& with(std::string name, std::string value) &&;
};

struct FieldProblem {
  std::string pointer;  // JSON pointer into the body: "/quantity"; or "query.limit", "path.symbol"
  std::string detail;
};

// RFC 9457: {"type":"urn:thintail:TT-0808","title","status","detail","code":"TT-0808","advice","errors":[{"pointer","detail"}]}.
// Status and texts are the code's own; `status` 0 takes the code's (status_of()).
Response problem(ErrorCode code, std::string detail, std::vector<FieldProblem> errors = {}, int status = 0);
// What a library's failure looks like outside: its message, which never holds a secret; 500 unless the code is a request's.
Response problem(const Error& error, int status = 0);
int status_of(ErrorCode code) noexcept;

// A parameter of path or query. Schemas: type string, integer, number or boolean, with enum, bounds, pattern (schema.hpp).
struct Parameter {
  enum class In : std::uint8_t { path, query };
  std::string name;
  In in = In::query;
  bool is_required = false;  // those of the path always are
  nlohmann::json schema = {{"type", "string"}};
  std::string description = {};
};

struct Reply {
  int status = 200;
  std::string description = {};
  nlohmann::json schema = {};  // null: no JSON
  std::string content_type = "application/json";
};

// Gives the reply of a deferred handler; from any thread, once. Further calls do nothing; never called: 500 when dropped.
using Responder = std::function<void(Response)>;

// --- streams -------------------------------------------------------------------------------------------------------------

enum class Sent : std::uint8_t {
  queued,
  full,  // it would pass the byte cap: not queued. Keep the newest and send it at on_drained()
  closed,  // nobody is there any more
};

// One client of a stream. Every member may be called from any thread; what is queued goes out in order.
class StreamConnection {
 public:
  virtual ~StreamConnection() = default;
  virtual std::size_t queued_bytes() const noexcept = 0;
  virtual std::size_t queued_bytes_max() const noexcept = 0;
  virtual std::uint64_t id() const noexcept = 0;  // unique in this process
  virtual const Principal& principal() const noexcept = 0;
  virtual const std::string& remote() const noexcept = 0;
};

// A client of Server-Sent Events. Keep-alive comments are the server's.
class EventStream : public StreamConnection {
 public:
  // `block`: whole events, "id: 7\nevent: fill\ndata: {...}\n\n" (event_text()).
  virtual Sent send(std::shared_ptr<const std::string> block) = 0;
  virtual void close() = 0;  // after what is queued
};
std::string event_text(std::string_view id, std::string_view event, std::string_view data);

class EventStreamEndpoint {
 public:
  virtual ~EventStreamEndpoint() = default;
  // On the io thread. The request's header "last-event-id" says where to go on.
  virtual void on_open(const std::shared_ptr<EventStream>& stream, const Request& request) = 0;
  virtual void on_drained(const std::shared_ptr<EventStream>& /*stream*/) {
  }  // after `full`: half of the cap is free again
  virtual void on_close(const std::shared_ptr<EventStream>& stream) = 0;
};

class WebSocketConnection : public StreamConnection {
 public:
  virtual Sent send(std::shared_ptr<const std::string> text) = 0;
  // One message: `head`, this client's own, then `rest`. Full already where it would leave less than `keep_free_bytes` of the cap.
  virtual Sent send(std::string_view head, std::shared_ptr<const std::string> rest, std::size_t keep_free_bytes) = 0;
  virtual Sent send_binary(std::shared_ptr<const std::string> bytes) = 0;
  // After what is queued. 1000..1015 as RFC 6455, 4400..4499 as ours; reason at most 123 bytes.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  virtual const std::string& protocol() const noexcept = 0;  // the sub-protocol agreed on
};

// All on the io thread. Opened only once the client is authenticated (cookie and Origin, bearer header, or its first
// message {"type":"auth","token":".."} within 5 s, else 4401). Expiry and revocation close it (4401) within 1 s. Pings,
// pongs and the time limit on a client that takes nothing are the server's.
class WebSocketEndpoint {
 public:
  virtual ~WebSocketEndpoint() = default;
  virtual void on_open(const std::shared_ptr<WebSocketConnection>& connection) = 0;
  virtual void on_text(const std::shared_ptr<WebSocketConnection>& connection, std::string_view text) = 0;
  virtual void on_drained(const std::shared_ptr<WebSocketConnection>& /*connection*/) {}
  virtual void on_close(const std::shared_ptr<WebSocketConnection>& connection) = 0;
};

// --- the table -----------------------------------------------------------------------------------------------------------

struct Alias {
  std::string pattern;  // the same {names} as the route's, unless `parameters` of the alias give them
  std::optional<Method> method = {};  // empty: the route's
  std::vector<std::pair<std::string, std::string>> parameters = {};  // fixed ones, e.g. {"command", "resume"}
};

struct Route {
  Method method = Method::get;  // get also answers HEAD
  std::string pattern;  // "/api/v1/quotes/{symbol}": a name takes one whole segment
  std::string operation;  // OpenAPI's operationId: "getQuote"
  std::string summary;
  std::string tag;  // "market", "trading", "system": listeners may serve only some
  Role role = Role::viewer;  // none: everybody
  RateClass rate_class = RateClass::read;
  bool needs_idempotency_key = false;  // a command: aliases may leave the key out. Has workers of its own
  bool resumes_interrupted = false;  // the handler itself finds out about Idempotency::was_interrupted; else 409
  bool may_block = false;  // runs on a worker, off the event loop; each caller has a share of them
  bool is_account_data = false;  // stays closed under public_read
  std::size_t body_bytes_max = 64 * 1024;
  std::vector<Parameter> parameters = {};
  nlohmann::json body_schema = {};  // null: no body is taken
  std::vector<Reply> replies = {};  // those of success; problems are added
  std::vector<Alias> aliases = {};
  // Exactly one of the three.
  std::function<Response(const Request&)> handler = {};
  std::function<void(const Request&, Responder)> deferred = {};
  std::shared_ptr<WebSocketEndpoint> websocket = {};
  std::vector<std::string> protocols = {};  // of the WebSocket, best first; a client must offer one of them
  // Where there are several instances: the endpoint of each, by name. `websocket` is then any of them.
  std::map<std::string, std::shared_ptr<WebSocketEndpoint>, std::less<>> websockets = {};
  // True: this request is not counted against its class (kill, pause, flatten), and is done though no disk takes its record: what it
  // does under the same id twice is done once.
  std::function<bool(const Request&)> is_unlimited = {};
  // True: this command goes before others that wait, has workers that nothing else takes, and is recorded after it was done (kill).
  std::function<bool(const Request&)> is_urgent = {};
  bool is_shared = false;  // of several instances: answers where none is named too (health, login)
};

}  // namespace thintail::http
