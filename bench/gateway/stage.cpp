// SPDX-License-Identifier: Apache-2.0
#include "bench/gateway/stage.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "adapters/http/api_keys.hpp"
#include "bench/harness/pinned.hpp"
#include "core/base/whole_file.hpp"
#include "core/event/payloads.hpp"

namespace thintail::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{20};
constexpr std::array<const char*, BenchCore::kInstruments> kNames = {"XAUUSD@bench", "EURUSD@bench", "BTCUSD@bench"};
constexpr std::array<std::int64_t, BenchCore::kInstruments> kPrices_e9 = {2'400'000'000'000, 1'084'000'000,
                                                                          64'000'000'000'000};

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::unexpected<Error> no_reply(std::uint16_t port, const std::string& path, int fault) {
  return fail({.code = ErrorCode::child_failed,
               .doing = fmt::format("asking port {} for {}", port, path),
               .found = errno_text(fault)});
}

// A socket that closes itself.
struct Socket {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Socket() = default;
  ~Socket() { ::close(fd); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
};

// The key's token; the file that the gateway reads keeps its hash.
Result<std::string> make_key(const std::string& path) {
  http::KeyFile file;
  TT_TRY(const http::NewKey key, http::add_key(file, "bench", http::Role::admin, {}, 0, utc_ns()));
  TT_TRY_VOID(http::write_key_file(path, file));
  return key.token;
}

}  // namespace

CpuShare cpu_share() {
  static const CpuShare share = [] {
    const std::vector<int> cpus = allowed_cpus();  // of this process: asked before any thread of it is pinned
    return CpuShare{.servers = cpus.front(), .clients = cpus.back()};
  }();
  return share;
}

void sleep_us(std::int64_t microseconds) noexcept {
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

Result<void> await(const std::function<bool()>& holds, std::string_view what) {
  const auto deadline = Clock::now() + kPatience;
  while (!holds()) {
    if (Clock::now() > deadline) {
      return fail({.code = ErrorCode::child_failed,
                   .doing = fmt::format("waiting for {}", what),
                   .expected = fmt::format("it within {} s", kPatience.count()),
                   .found = "nothing of the kind"});
    }
    sleep_us(2'000);
  }
  return {};
}

Result<HttpReply> http_get(std::uint16_t port, const std::string& path, const std::string& token) {
  const Socket socket;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return no_reply(port, path, errno);
  }
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n{}\r\n", path, port,
                  token.empty() ? std::string() : fmt::format("Authorization: Bearer {}\r\n", token));
  if (::send(socket.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return no_reply(port, path, errno);
  }
  std::string in(1u << 16, '\0');
  std::size_t size = 0;
  for (ssize_t count = 0; (count = ::recv(socket.fd, in.data() + size, in.size() - size, 0)) > 0;) {
    size += static_cast<std::size_t>(count);
    if (size == in.size()) in.resize(2 * in.size());
  }
  in.resize(size);
  const std::size_t head = in.find("\r\n\r\n");
  HttpReply reply;
  if (head == std::string::npos || in.size() < 12) return no_reply(port, path, EPROTO);
  std::from_chars(in.data() + 9, in.data() + 12, reply.status);
  reply.body = in.substr(head + 4);
  return reply;
}

double rss_mb(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1'024;
  }
  return 0;
}

double cpu_us(const std::vector<pid_t>& pids) {
  double sum_us = 0;
  for (const pid_t pid : pids) {
    std::error_code fault;
    for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), fault)) {
      std::ifstream in(thread.path() / "schedstat");
      double on_cpu_ns = 0;
      if (in >> on_cpu_ns) sum_us += on_cpu_ns / 1e3;
    }
  }
  return sum_us;
}

std::string program_in_path(std::string_view name) {
  const char* path = std::getenv("PATH");
  // Debian's nginx lies where PATH of a plain user does not lead.
  std::stringstream folders(fmt::format("{}:/usr/sbin", path == nullptr ? "" : path));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string found = fmt::format("{}/{}", folder, name);
    if (!folder.empty() && ::access(found.c_str(), X_OK) == 0) return found;
  }
  return {};
}

std::optional<std::uint16_t> port_in_log(const std::string& path, std::string_view mark) {
  const std::string text = text_of(path);
  const std::size_t at = text.find(mark);
  std::uint16_t port = 0;
  if (at == std::string::npos || text.find('\n', at) == std::string::npos) return std::nullopt;
  const char* const begin = text.data() + at + mark.size();
  if (std::from_chars(begin, text.data() + text.size(), port).ec != std::errc{}) return std::nullopt;
  return port;
}

// --- the core ----------------------------------------------------------------------------------------------------------------

const char* BenchCore::instrument_name(std::uint32_t instrument) noexcept { return kNames[instrument]; }

Result<std::unique_ptr<BenchCore>> BenchCore::create(const std::string& shm_directory, std::uint32_t epoch,
                                                     std::uint64_t first_sequence) {
  TT_TRY(shm::WriterLock lock, shm::WriterLock::acquire(shm_directory, kInstance));
  shm::CoreSegmentOptions options;
  options.core.instance = kInstance;
  options.core.instruments_max = 16;
  options.core.lock_memory = false;
  options.shm.directory = shm_directory;
  options.shm.events_slots = kEventSlots;
  options.shm.ticks_slots = 1'024;
  options.epoch = epoch;
  options.first_event_sequence = first_sequence;
  options.build_id = "bench";
  TT_TRY(shm::CoreSegment core, shm::CoreSegment::create(options, std::move(lock)));
  for (const char* name : kNames) {
    core->instruments->append(shm::InstrumentNameRow{shm::Text<52>::of(name), kDigits,
                                                     static_cast<std::uint8_t>(CalendarId::always), 0, 1'000'000});
  }
  core.segment().heartbeat(utc_ns());
  TT_TRY_VOID(core.publish());
  return std::unique_ptr<BenchCore>(new BenchCore(std::move(core)));
}

BenchCore::BenchCore(shm::CoreSegment core) : core_(std::move(core)), writer_(*core_->events), ticks_(kRemembered) {}

BenchCore::~BenchCore() { core_.segment().mark_stopped(); }

const PublishedTick& BenchCore::publish() noexcept {
  const std::uint64_t number = made_++;
  const auto instrument = static_cast<std::uint32_t>(number % kInstruments);
  const auto wave = static_cast<std::int64_t>(number * 37 % 401) * 1'000'000;
  const std::int64_t bid_e9 = kPrices_e9[instrument] + wave;
  PublishedTick row{.sequence = 0,
                    .instrument = instrument,
                    .time_ns = utc_ns(),
                    .bid_e9 = bid_e9,
                    .ask_e9 = bid_e9 + 216'000'000,
                    .source_sequence = number + 1};
  Event event =
      Event::make(row.time_ns, instrument, Tick{row.bid_e9, row.ask_e9, 0, 0, row.time_ns, row.source_sequence});
  row.sequence = writer_.append(event);
  PublishedTick& kept = ticks_[row.sequence % kRemembered];
  kept = row;
  if (number % 1'024 == 0) beat();
  return kept;
}

const PublishedTick* BenchCore::find(std::uint64_t sequence) const noexcept {
  const PublishedTick& row = ticks_[sequence % kRemembered];
  return row.sequence == sequence && sequence != 0 ? &row : nullptr;
}

void BenchCore::beat() noexcept { core_.segment().heartbeat(utc_ns()); }

// --- the gateway -------------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<GatewayProcess>> GatewayProcess::start(const std::string& shm_directory, const Scratch& disk) {
  TT_TRY(const std::string program, program_beside("thintail-gateway"));
  const std::string keys = disk.file("keys.json");
  const std::string token_file = disk.file("token");
  const std::string log = disk.file("gateway.log");
  TT_TRY(std::string token, make_key(keys));
  TT_TRY_VOID(replace_file(token_file, token, "keeping the clients' key", 0600));
  const Pinned pinned(cpu_share().servers);  // what is started inherits it
  TT_TRY(Child child,
         Child::start(program,
                      {"--instance", kInstance, "--shm-directory", shm_directory, "--journal-directory",
                       disk.file("journal"), "--state-directory", disk.file("state"), "--port", "0", "--keys", keys,
                       "--rate-limit", "read=1000000000", "--rate-limit", "data=1000000000", "--end-with-parent"},
                      log));
  std::optional<std::uint16_t> port;
  const auto listens = await(
      [&] { return child.has_ended() || (port = port_in_log(log, "http://127.0.0.1:")).has_value(); }, "the gateway");
  if (listens && port) {
    return std::unique_ptr<GatewayProcess>(new GatewayProcess(std::move(child), *port, std::move(token), token_file));
  }
  return fail({.code = ErrorCode::child_failed,
               .doing = "starting thintail-gateway",
               .file = log,
               .expected = "the line that says where it listens",
               .found = printable(text_of(log), 300)});
}

Result<void> GatewayProcess::await_ok(const std::string& path, const std::function<void()>& meanwhile) const {
  return await(
      [&] {
        meanwhile();
        const auto reply = get(path);
        return reply && reply->status == 200;
      },
      fmt::format("200 of the gateway at {}", path));
}

Result<Stage> Stage::set() {
  Stage stage;
  TT_TRY(Scratch memory, Scratch::create("/dev/shm"));
  stage.shm = std::make_unique<Scratch>(std::move(memory));
  TT_TRY(Scratch disk, Scratch::create(std::filesystem::temp_directory_path()));
  stage.disk = std::make_unique<Scratch>(std::move(disk));
  TT_TRY(stage.core, BenchCore::create(stage.shm->path().string()));
  TT_TRY(stage.gateway, GatewayProcess::start(stage.shm->path().string(), *stage.disk));
  for (std::uint32_t i = 0; i < BenchCore::kInstruments; ++i) {
    TT_TRY_VOID(stage.gateway->await_ok(fmt::format("/api/v1/quotes/{}", BenchCore::instrument_name(i)),
                                        [&] { stage.core->publish(); }));
  }
  return stage;
}

}  // namespace thintail::bench
