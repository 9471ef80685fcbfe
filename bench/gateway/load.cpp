// SPDX-License-Identifier: Apache-2.0
#include "bench/gateway/load.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "bench/harness/pinned.hpp"
#include "core/base/whole_file.hpp"

namespace thintail::bench {
namespace {

// Files in a scratch folder that no two calls share.
std::string fresh_file(const Scratch& scratch, std::string_view name) {
  static std::uint64_t made = 0;
  return scratch.file(fmt::format("{}-{}", name, ++made));
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::unexpected<Error> not_installed(std::string_view program) {
  return fail({.code = ErrorCode::peer_absent,
               .doing = fmt::format("looking for {}", program),
               .expected = "it in PATH",
               .found = "no such program"});
}

// nginx cannot be told to take any: one that was free a moment ago.
std::uint16_t free_port() noexcept {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

Result<PeerServer> await_server(Child child, std::uint16_t port, const std::string& path, const std::string& log) {
  PeerServer server{std::move(child), port};
  const auto answers = await(
      [&] {
        const auto reply = http_get(port, path, {});
        return server.child.has_ended() || (reply && reply->status == 200);
      },
      "a peer's first reply");
  if (answers && server.child.pid() != 0) return server;
  return fail({.code = ErrorCode::child_failed,
               .doing = "starting a server to compare with",
               .file = log,
               .found = printable(text_of(log), 300)});
}

}  // namespace

std::vector<pid_t> PeerServer::pids() const {
  std::vector<pid_t> all{child.pid()};
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", child.pid()));
  for (pid_t pid = 0; children >> pid;) all.push_back(pid);
  return all;
}

Result<PeerServer> start_nginx(const Scratch& scratch, std::size_t body_bytes, const std::string& file) {
  const std::string program = program_in_path("nginx");
  if (program.empty()) return not_installed("nginx");
  const std::uint16_t port = free_port();
  const std::string folder = scratch.path().string();
  std::string text = fmt::format(
      "worker_processes 1; daemon off; pid {0}/nginx.pid; error_log stderr crit; {1}\n"
      "events {{ worker_connections 512; }}\n"
      "http {{ access_log off; keepalive_requests 1000000000; default_type application/json; sendfile on;\n",
      folder, ::geteuid() == 0 ? "user root;" : "");
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    text += fmt::format("{}_temp_path {}/nginx-{};\n", kind, folder, kind);
  }
  text += fmt::format("server {{ listen 127.0.0.1:{}; location / {{ return 200 \"{}\"; }}", port,
                      std::string(body_bytes, 'x'));
  if (!file.empty()) text += fmt::format(" location = /file {{ alias {}; }}", file);
  const std::string configuration = fresh_file(scratch, "nginx.conf");
  TT_TRY_VOID(replace_file(configuration, text + " } }\n", "writing nginx's configuration"));
  const std::string log = fresh_file(scratch, "nginx.log");
  const Pinned pinned(cpu_share().servers);
  TT_TRY(Child child, Child::start(program, {"-p", folder, "-e", "stderr", "-c", configuration}, log));
  return await_server(std::move(child), port, "/", log);
}

Result<PeerServer> start_beast(const Scratch& scratch, const BeastOptions& options) {
  TT_TRY(const std::string program, program_beside("thintail-bench-beast"));
  const std::string log = fresh_file(scratch, "beast.log");
  const Pinned pinned(cpu_share().servers);
  TT_TRY(Child child, Child::start(program,
                                   {"--body", fmt::format("{}", options.body_bytes), "--update",
                                    fmt::format("{}", options.update_bytes), "--rate", fmt::format("{}", options.rate)},
                                   log));
  std::optional<std::uint16_t> port;
  TT_TRY_VOID(
      await([&] { return child.has_ended() || (port = port_in_log(log, "port ")).has_value(); }, "Beast's port"));
  return await_server(std::move(child), port.value_or(0), "/", log);
}

Result<WrkReport> run_wrk(const Scratch& scratch, int cpu, std::uint16_t port, const std::vector<std::string>& paths,
                          const std::string& token, unsigned connections, const std::function<void()>& meanwhile) {
  const std::string program = program_in_path("wrk");
  if (program.empty()) return not_installed("wrk");
  // In the script, which only we can read, and not in the arguments, which everybody can.
  std::string script =
      token.empty() ? std::string() : fmt::format("wrk.headers[\"Authorization\"] = \"Bearer {}\"\n", token);
  if (paths.size() > 1) {
    script += fmt::format(
        "local paths = {{\"{}\"}}\nlocal n = 0\n"
        "request = function() n = n + 1 return wrk.format(nil, paths[n % #paths + 1]) end\n",
        fmt::join(paths, "\", \""));
  }
  script +=
      "done = function(summary, latency, requests)\n"
      "  local e = summary.errors\n"
      "  io.write(string.format(\"wrk-says %d %d %d\\n\", summary.requests, summary.duration,\n"
      "                         e.connect + e.read + e.write + e.status + e.timeout))\n"
      "end\n";
  const std::string script_path = fresh_file(scratch, "wrk.lua");
  TT_TRY_VOID(replace_file(script_path, script, "writing wrk's script", 0600));
  const std::string log = fresh_file(scratch, "wrk.log");
  const Pinned pinned(cpu);
  TT_TRY(Child child, Child::start(program,
                                   {"-t1", fmt::format("-c{}", connections), "-d1s", "-s", script_path,
                                    fmt::format("http://127.0.0.1:{}{}", port, paths.front())},
                                   log));
  while (!child.has_ended()) {
    meanwhile();
    sleep_us(1'000);
  }
  const std::string text = text_of(log);
  const std::size_t at = text.find("wrk-says ");
  unsigned long long requests = 0;
  unsigned long long duration_us = 0;
  unsigned long long failed = 0;
  if (at == std::string::npos ||
      std::sscanf(text.c_str() + at, "wrk-says %llu %llu %llu", &requests, &duration_us, &failed) != 3 ||
      duration_us == 0) {
    return fail({.code = ErrorCode::child_failed,
                 .doing = "reading what wrk measured",
                 .file = log,
                 .found = printable(text, 300)});
  }
  return WrkReport{static_cast<double>(requests) * 1e6 / static_cast<double>(duration_us), requests, failed};
}

// --- our own clients ---------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Clients>> Clients::start(const Scratch& scratch, std::vector<std::string> arguments) {
  TT_TRY(const std::string program, program_beside("thintail-bench-clients"));
  const std::string page_path = fresh_file(scratch, "clients");
  const std::string log = fresh_file(scratch, "clients.log");
  TT_TRY(MappedClientsPage page, MappedClientsPage::create(page_path));
  arguments.insert(arguments.end(), {"--page", page_path});
  const Pinned pinned(cpu_share().clients);
  TT_TRY(Child child, Child::start(program, arguments, log));
  return std::unique_ptr<Clients>(new Clients(std::move(child), std::move(page), log));
}

Result<void> Clients::check() {
  if (!child_.has_ended()) return {};
  return fail({.code = ErrorCode::child_failed,
               .doing = "running thintail-bench-clients",
               .file = log_,
               .expected = "that it stays until it is asked to end",
               .found = printable(text_of(log_), 300)});
}

std::vector<double> Clients::samples() const {
  const auto count = std::min<std::uint64_t>(page_->samples.value(), ClientsPage::kSamplesMax);
  return {page_->latency_us.begin(), page_->latency_us.begin() + static_cast<std::ptrdiff_t>(count)};
}

Result<std::unique_ptr<Clients>> start_websockets(const Scratch& scratch, const WebSocketLoad& load,
                                                  const std::function<void()>& meanwhile) {
  std::vector<std::string> arguments{
      "ws",
      "--port",
      fmt::format("{}", load.port),
      "--path",
      "/ws",
      "--clients",
      fmt::format("{}", load.clients),
      "--stalled",
      fmt::format("{}", load.stalled),
      "--subscribe",
      fmt::format(R"({{"type":"subscribe","id":1,"topic":"quotes","max_rate_hz":{}}})", load.max_rate_hz)};
  if (!load.token_file.empty()) arguments.insert(arguments.end(), {"--token-file", load.token_file});
  TT_TRY(std::unique_ptr<Clients> clients, Clients::start(scratch, std::move(arguments)));
  const auto are_all_there = [&] {
    meanwhile();
    const ClientsPage& page = clients->page();
    const auto first = page.rows.begin();
    return !clients->check() ||
           (page.connected.value() == load.clients && page.stalled.value() == load.stalled &&
            std::all_of(first, first + load.clients, [](const ClientRow& row) { return row.snapshots.value() != 0; }));
  };
  TT_TRY_VOID(await(are_all_there, fmt::format("{} WebSockets", load.clients + load.stalled)));
  TT_TRY_VOID(clients->check());
  return clients;
}

ClientTotals totals(const ClientsPage& page, unsigned clients) noexcept {
  ClientTotals sum{.last_min = ~std::uint64_t{0}};
  for (unsigned i = 0; i < clients; ++i) {
    const ClientRow& row = page.rows[i];
    sum.updates += row.updates.value();
    sum.missed += row.missed.value();
    sum.frames += row.frames.value();
    sum.breaks += row.breaks.value();
    sum.with_heartbeat += row.heartbeats.value() != 0;
    sum.last_min = std::min(sum.last_min, row.last.value());
  }
  return sum;
}

void Pacer::catch_up() noexcept {
  const auto now_ns = static_cast<double>(utc_ns());
  core_->beat();
  while (due_ns_ <= now_ns) {
    core_->publish();
    random_ = random_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;  // Knuth's
    const double uniform = (static_cast<double>(random_ >> 11) + 0.5) / 9'007'199'254'740'992.0;
    due_ns_ += is_random_ ? -std::log(uniform) * period_ns_ : period_ns_;
  }
}

void Pacer::run_for(std::int64_t milliseconds) noexcept {
  const std::int64_t end_ns = utc_ns() + milliseconds * 1'000'000;
  while (utc_ns() < end_ns) {
    catch_up();
    sleep_us(200);
  }
}

}  // namespace thintail::bench
