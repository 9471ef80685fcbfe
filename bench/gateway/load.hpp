// SPDX-License-Identifier: Apache-2.0
// Load: who asks, and the servers that are asked beside ours: wrk, our clients, Debian's nginx, an empty server of Beast.
//   path  cold
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/gateway/clients_page.hpp"
#include "bench/gateway/stage.hpp"

namespace thintail::bench {

inline constexpr const char* kNginx = "nginx, one worker, return 200";
inline constexpr const char* kNginxAbsent = "skipped: Debian's package nginx-light is not installed";
inline constexpr const char* kWrkAbsent = "skipped: Debian's package wrk is not installed";
inline constexpr const char* kBeast = "empty Boost.Beast server";

// A server on the servers' CPU.
struct PeerServer {
  Child child;
  std::uint16_t port = 0;
  std::vector<pid_t> pids() const;  // with its children
};
// One worker that answers `return 200` and a body of `body_bytes`; at /file, `file` where it is not empty. peer_absent: not installed.
Result<PeerServer> start_nginx(const Scratch& scratch, std::size_t body_bytes, const std::string& file = "");
struct BeastOptions {
  std::size_t body_bytes = 0;
  std::size_t update_bytes = 0;
  double rate = 0;
};
Result<PeerServer> start_beast(const Scratch& scratch, const BeastOptions& options);

struct WrkReport {
  double requests_per_s = 0;
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;  // socket errors and replies other than 2xx
};
// wrk for a second over `connections` kept alive, on a CPU, for each of `paths` in turn; `meanwhile` is called every millisecond.
// peer_absent: not installed.
Result<WrkReport> run_wrk(const Scratch& scratch, int cpu, std::uint16_t port, const std::vector<std::string>& paths,
                          const std::string& token, unsigned connections, const std::function<void()>& meanwhile);

// thintail-bench-clients and what it tells.
class Clients {
 public:
  static Result<std::unique_ptr<Clients>> start(const Scratch& scratch, std::vector<std::string> arguments);
  ClientsPage& page() noexcept { return *page_; }
  Child& child() noexcept { return child_; }
  // Whether it is still there; child_failed with its last words where not.
  Result<void> check();
  std::vector<double> samples() const;

 private:
  Clients(Child child, MappedClientsPage page, std::string log)
      : child_(std::move(child)), page_(std::move(page)), log_(std::move(log)) {}
  Child child_;
  MappedClientsPage page_;
  std::string log_;
};

struct WebSocketLoad {
  std::uint16_t port = 0;
  std::string token_file = {};  // empty: none
  unsigned clients = 1;
  unsigned stalled = 0;
  int max_rate_hz = 0;
};
// Connected, subscribed to all quotes, and each with its first snapshot.
Result<std::unique_ptr<Clients>> start_websockets(const Scratch& scratch, const WebSocketLoad& load,
                                                  const std::function<void()>& meanwhile);

// Of the first `clients` rows.
struct ClientTotals {
  std::uint64_t updates = 0;
  std::uint64_t missed = 0;
  std::uint64_t frames = 0;
  std::uint64_t breaks = 0;
  std::uint64_t with_heartbeat = 0;
  std::uint64_t last_min = 0;
};
ClientTotals totals(const ClientsPage& page, unsigned clients) noexcept;

// A tick every so often, or at random times of that mean rate, as far as the calls allow.
class Pacer {
 public:
  Pacer(BenchCore& core, double ticks_per_s, bool is_random = false)
      : core_(&core), period_ns_(1e9 / ticks_per_s), is_random_(is_random), due_ns_(static_cast<double>(utc_ns())) {}
  void catch_up() noexcept;
  void run_for(std::int64_t milliseconds) noexcept;

 private:
  BenchCore* core_;
  double period_ns_;
  bool is_random_;
  double due_ns_;
  std::uint64_t random_ = 1;
};

}  // namespace thintail::bench
