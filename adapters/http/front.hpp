// SPDX-License-Identifier: Apache-2.0
// Front: what happens to a request between its bytes and its handler: host, origin, who, may they, how often, is it valid,
// was it done before. Knows no sockets, so that all of it is tested without any.
//   path     warm
//   threads  the server's io thread, except where said
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/access.hpp"
#include "adapters/http/address.hpp"
#include "adapters/http/assets.hpp"
#include "adapters/http/idempotency.hpp"
#include "adapters/http/origins.hpp"
#include "adapters/http/rate_limits.hpp"
#include "adapters/http/router.hpp"
#include "core/base/error.hpp"

namespace thintail::http {

struct FrontOptions {
  std::vector<Network> trusted_proxies;  // whose X-Forwarded-For and X-Forwarded-Proto are believed
  OriginOptions origins = {};
  AccessOptions access = {};
  RateLimitOptions rates = {};
  IdempotencyStore::Options idempotency = {};
  ApiDescription description = {};
};

// Where a connection came in.
struct Peer {
  std::optional<Address> address;  // empty: a Unix socket
  std::optional<std::uint32_t> uid;  // of a Unix socket's peer (SO_PEERCRED)
  std::optional<Address> local;  // the address that it came to
  bool is_tls = false;
  bool is_bearer_only = false;  // of the listener: cookies mean nothing there
  const std::vector<std::string>* tags = nullptr;  // of the listener; null or empty: every route
};

// A request as it was read: nothing in it is believed yet.
struct RawRequest {
  std::optional<Method> method;  // empty: one that we do not know
  std::string target;
  std::vector<Field> headers;
  std::string body;
  bool is_http_1_1 = true;

  // Empty where it is not there; `count` says how often it is.
  std::string_view header(std::string_view name, std::size_t* count = nullptr) const noexcept;
};

// What becomes of a WebSocket's handshake that was let in.
struct Upgrade {
  const Route* route = nullptr;
  Principal principal;  // how == none: the first message must authenticate
  std::string protocol;  // agreed on; may be empty
  std::string accept;  // Sec-WebSocket-Accept
  std::string remote;
};

struct Outcome {
  Response response;
  const std::string* fixed_headers = nullptr;  // lines that every reply of its kind has
  std::optional<Upgrade> upgrade;
  std::optional<Request> request;  // where `response.events` is set
};

class Front {
 public:
  using Done = std::function<void(Outcome)>;

  // How work leaves the io thread and comes back. `run` is false where every worker is taken.
  struct Threads {
    std::function<bool(std::function<void()>)> run_on_worker;
    std::function<void(std::function<void()>)> run_on_io;  // from any thread
  };
  using Clock = std::function<std::int64_t()>;  // UTC nanoseconds

  static Result<std::unique_ptr<Front>> make(FrontOptions options, std::vector<Route> routes, Components components,
                                             Assets assets, Threads threads, Clock clock);

  // `done` is called once, on the io thread; at once where nothing had to wait.
  void handle(RawRequest raw, const Peer& peer, Done done);

  // The credentials of a WebSocket's first message.
  std::optional<Principal> authenticate_first_message(std::string_view token, const std::string& remote);
  bool is_still_valid(const Principal& principal) const;
  void tick();

  // The reply to bytes that are no request at all.
  Outcome refuse(ErrorCode code, std::string detail, int status, bool is_secure) const;

  const Router& router() const noexcept { return *router_; }
  Access& access() noexcept { return *access_; }
  std::int64_t now_ns() const { return clock_(); }

 private:
  struct Work;  // one request on its way
  using WorkPointer = std::shared_ptr<Work>;

  Front(FrontOptions options, Threads threads, Clock clock)
      : options_(std::move(options)), rates_(options_.rates), threads_(std::move(threads)), clock_(std::move(clock)) {}

  std::vector<Route> own_routes();
  void log_in(const Request& request, Responder reply);
  Response welcome(Principal principal, const Request& request);
  Response log_out(const Request& request);

  // Each gives the reply where the request goes no further.
  std::optional<Response> check_host(Work& work) const;
  std::optional<Response> check_preflight(Work& work) const;
  std::optional<Response> find_asset(Work& work) const;
  std::optional<Response> find_route(Work& work) const;
  std::optional<Response> identify(Work& work);
  std::optional<Response> check_role(Work& work);
  std::optional<Response> check_origin(const Work& work) const;
  std::optional<Response> check_rate(Work& work, bool is_refused);
  std::optional<Response> read_body(Work& work) const;
  std::optional<Response> check_upgrade(Work& work, Outcome& outcome) const;

  Response unauthenticated(Work& work, ErrorCode code);
  std::optional<Response> pass_through(const WorkPointer& work, Outcome& outcome);
  void act(const WorkPointer& work);
  void act_once(const WorkPointer& work);
  void keep_reply(const Work& work, const Response& response);
  void run_handler(const WorkPointer& work, std::function<void(Response)> then);
  void answer(Work& work, Response response);
  void finish(Work& work, Outcome outcome);

  FrontOptions options_;
  std::optional<Origins> origins_;
  std::unique_ptr<Access> access_;
  RateLimits rates_;
  std::optional<IdempotencyStore> idempotency_;
  std::optional<Router> router_;
  Assets assets_;
  Threads threads_;
  Clock clock_;
  std::uint64_t next_id_ = 1;
};

}  // namespace thintail::http
