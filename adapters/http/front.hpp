// SPDX-License-Identifier: Apache-2.0
// Front: what happens to a request between its bytes and its handler: host, origin, who, may they, how often, is it valid,
// was it done before. Knows no sockets, so that all of it is tested without any.
//   path     warm
//   threads  the server's io thread, except where said
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
  // Names under "/i/NAME/..". One: its routes answer without a name too. Several: what is not Route::is_shared answers 409 without one.
  std::vector<std::string> instances = {};
  // Of one caller's requests to routes that may block: what is at work at once, so that nobody takes all workers, and what waits for that.
  std::size_t reads_at_work_max = 2;
  std::size_t reads_waiting_max = 8;
};

// Where a connection came in.
struct Peer {
  std::optional<Address> address;  // empty: a Unix socket
  std::optional<std::uint32_t> uid;  // of a Unix socket's peer (SO_PEERCRED)
  std::optional<Address> local;  // the address that it came to
  bool is_tls = false;
  bool is_bearer_only = false;  // of the listener: cookies mean nothing there
  const std::vector<std::string>* tags = nullptr;  // of the listener; null or empty: every route
  std::string remote = {};  // `address` as text, made once; empty: not made
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
  std::shared_ptr<WebSocketEndpoint> endpoint;
  Principal principal;  // how == none: the first message must authenticate
  std::string protocol;  // agreed on; may be empty
  std::string accept;  // Sec-WebSocket-Accept
  std::string remote;
};

struct RequestWork;  // a request on its way through the Front

struct Outcome {
  Response response;
  const std::string* fixed_headers = nullptr;  // lines that every reply of its kind has
  std::optional<Upgrade> upgrade;
  std::optional<Request> request;  // where `response.events` is set
  std::shared_ptr<RequestWork> repeatable;  // set: equal bytes on the same connection may be given to repeat() instead
};

class Front {
 public:
  using Done = std::function<void(Outcome)>;

  // How work leaves the io thread and comes back. The first and the last are false where every worker is taken.
  struct Threads {
    std::function<bool(std::function<void()>)> run_on_worker;
    std::function<void(std::function<void()>)> run_on_io;  // from any thread
    // Of commands, which wait for no reads; urgent ones not for other commands either. Empty: run_on_worker.
    std::function<bool(std::function<void()>, bool is_urgent)> run_command = {};
  };
  using Clock = std::function<std::int64_t()>;  // UTC nanoseconds

  static Result<std::unique_ptr<Front>> make(FrontOptions options, std::vector<Route> routes, Components components,
                                             Assets assets, Threads threads, Clock clock);

  ~Front();  // stop()
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  // Ends the thread that checks passwords: what it still had to say is then with `run_on_io`. REQUIRES: not called by a worker.
  void stop();

  // `done` is called once, on the io thread; at once where nothing had to wait.
  void handle(RawRequest raw, const Peer& peer, Done done);

  // The reply to the same bytes once more: pollers send nothing else. Who asks was proven before and is as long as no key or session
  // changed; how often and what the handler says is new. Nothing: `work` is too old, take handle().
  std::optional<Outcome> repeat(const std::shared_ptr<RequestWork>& work);

  // The credentials of a WebSocket's first message.
  std::optional<Principal> authenticate_first_message(std::string_view token, const std::string& remote);
  bool is_still_valid(const Principal& principal) const;
  void tick();

  // The reply to bytes that are no request at all.
  Outcome refuse(ErrorCode code, std::string detail, int status, bool is_secure) const;

  // The most bytes of body that whatever is at `target` takes.
  std::size_t body_bytes_max(std::string_view target) const;
  const Router& router() const noexcept { return *router_; }
  Access& access() noexcept { return *access_; }
  std::int64_t now_ns() const { return clock_(); }

 private:
  using Work = RequestWork;
  using WorkPointer = std::shared_ptr<Work>;

  Front(FrontOptions options, Threads threads, Clock clock)
      : options_(std::move(options)), threads_(std::move(threads)), clock_(std::move(clock)), rates_(options_.rates) {}

  std::vector<Route> own_routes();
  void log_in(const Request& request, Responder reply);
  static bool is_urgent(const Work& work);
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
  std::optional<Response> choose_instance(const Work& work) const;
  std::optional<Response> check_upgrade(Work& work, Outcome& outcome) const;

  Response unauthenticated(Work& work, ErrorCode code);
  std::optional<Response> pass_through(const WorkPointer& work, Outcome& outcome);
  void act(const WorkPointer& work);
  void act_once(const WorkPointer& work);
  void act_first(const WorkPointer& work, const std::string& key, const std::string& asked);
  void read_on_worker(const WorkPointer& work);
  void start_reading(const WorkPointer& work);
  void end_reading(const std::string& reader);
  bool run_command(std::function<void()> command, bool is_urgent) const;
  std::string scope_of(const Work& work) const;
  void keep_reply(const Work& work, const Response& response);
  void run_handler(const WorkPointer& work, std::function<void(Response)> then);
  void answer(Work& work, Response response);
  void finish(Work& work, Outcome outcome);
  void complete(const Work& work, Outcome& outcome) const;
  bool is_repeatable(const Work& work, const Response& response) const;

  // What a caller has at the routes that may block.
  struct Reader {
    std::size_t at_work = 0;
    std::deque<WorkPointer> waiting;
  };

  FrontOptions options_;
  Threads threads_;
  Clock clock_;
  std::optional<Origins> origins_;
  std::unique_ptr<Access> access_;
  RateLimits rates_;
  std::optional<IdempotencyStore> idempotency_;
  std::optional<Router> router_;
  Assets assets_;
  std::unordered_map<std::string, Reader> readers_;  // those that have something there
  std::uint64_t next_id_ = 1;
};

}  // namespace thintail::http
