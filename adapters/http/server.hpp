// SPDX-License-Identifier: Apache-2.0
// Server: HTTP/1.1, WebSocket and Server-Sent Events over TCP, TLS and a Unix socket; one io thread and a few workers.
//   path       warm
//   threads    start() makes them; every member may be called from any thread but the server's own
//   invariant  other addresses than loopback are bound only with TLS and at least one credential
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/http/assets.hpp"
#include "adapters/http/connection.hpp"
#include "adapters/http/front.hpp"
#include "adapters/http/route.hpp"
#include "core/base/error.hpp"

namespace thintail::http {

struct Listener {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8000;         // 0: any free one
  std::vector<std::string> tags = {};  // of the routes served here; empty: all, and the assets
  bool is_bearer_only = false;         // neither cookies nor assets
};

struct TlsFiles {
  std::string certificate_path;  // PEM, the chain
  std::string key_path;          // PEM, mode 0600
};

struct ServerOptions {
  std::vector<Listener> listeners = {Listener{}};
  std::string unix_path;  // empty: none. Made with mode 0600
  std::optional<TlsFiles> tls = {};
  FrontOptions front = {};
  ConnectionLimits limits = {};
  std::size_t connections_max = 4'096;
  std::size_t connections_per_address_max = 2'048;  // trusted proxies excepted
  std::size_t workers = 2;
  std::size_t workers_waiting_max = 256;
  // Of commands; four more take urgent ones only, so that a kill waits for nothing but kills.
  std::size_t command_workers = 4;
  std::size_t commands_waiting_max = 256;
  Front::Clock clock = {};  // UTC nanoseconds; empty: the system's
};

struct ServerCounts {
  ConnectionCounts connections = {};
  std::uint64_t open = 0;
  std::uint64_t accepted = 0;
  std::uint64_t turned_away = 0;  // for want of room
};

class Server {
 public:
  // Serves once it returns. `routes` and `components`: the table; login, session and OpenAPI routes are added.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, std::vector<Route> routes,
                                               Components components = {}, Assets assets = {});
  // drain(0), if that has not been done. REQUIRES: nobody still holds a Responder.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port(std::size_t listener = 0) const noexcept;
  bool is_tls() const noexcept;

  // A code for POST /api/v1/login: good once, for 5 minutes.
  std::string issue_code(Role role);

  // No new connection or request; what is under way is finished, streams are told to come back (1012). Returns when all
  // are gone, or after `milliseconds`.
  void drain(std::int64_t milliseconds);

  ServerCounts counts() const;
  // The table as it is served, for tests of conformance.
  const Router& router() const noexcept;
  // Runs `work` on the io thread, soon.
  void post(std::function<void()> work);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace thintail::http
