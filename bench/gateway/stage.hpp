// SPDX-License-Identifier: Apache-2.0
// Stage: what every case of the suite runs on: a core's segment that this process writes, and the real gateway over it.
//   path     cold
//   threads  one
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/gateway/utc_now.hpp"
#include "bench/harness/child.hpp"
#include "bench/harness/scratch.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/stream/stream_writer.hpp"

namespace thintail::bench {

inline constexpr const char* kInstance = "bench";

// Servers run on one CPU, whoever asks them on the other; the same where there is but one.
struct CpuShare {
  int servers = 0;
  int clients = 0;
  bool are_apart() const noexcept { return servers != clients; }
};
CpuShare cpu_share();

void sleep_us(std::int64_t microseconds) noexcept;
// Polls until it holds; child_failed naming `what` where it does not within 20 s.
Result<void> await(const std::function<bool()>& holds, std::string_view what);

struct HttpReply {
  int status = 0;
  std::string body;
};
// One GET over a connection of its own on loopback.
Result<HttpReply> http_get(std::uint16_t port, const std::string& path, const std::string& token);

// VmRSS of a process; 0: there is none of that number.
double rss_mb(pid_t pid);
// Time on a CPU so far of all threads of these processes.
double cpu_us(const std::vector<pid_t>& pids);
// The first of PATH; empty: it is not installed.
std::string program_in_path(std::string_view name);
// From a program's log, the number behind `mark`.
std::optional<std::uint16_t> port_in_log(const std::string& path, std::string_view mark);

struct PublishedTick {
  std::uint64_t sequence = 0;
  std::uint32_t instrument = 0;
  std::int64_t time_ns = 0;
  std::int64_t bid_e9 = 0;
  std::int64_t ask_e9 = 0;
  std::uint64_t source_sequence = 0;
};

// A core's segment whose events stream carries ticks of our making.
class BenchCore {
 public:
  static constexpr std::uint64_t kEventSlots = 1u << 17;
  static constexpr std::uint32_t kInstruments = 3;
  static constexpr std::uint8_t kDigits = 3;
  static const char* instrument_name(std::uint32_t instrument) noexcept;

  static Result<std::unique_ptr<BenchCore>> create(const std::string& shm_directory, std::uint32_t epoch = 1,
                                                   std::uint64_t first_sequence = 1);
  ~BenchCore();
  BenchCore(const BenchCore&) = delete;
  BenchCore& operator=(const BenchCore&) = delete;

  // A tick of the next instrument in turn, stamped with the time at which it is appended.
  const PublishedTick& publish() noexcept;
  // Null: not ours, or too long ago.
  const PublishedTick* find(std::uint64_t sequence) const noexcept;
  std::uint64_t last_sequence() const noexcept { return writer_.next_sequence() - 1; }
  void beat() noexcept;

 private:
  static constexpr std::size_t kRemembered = 1u << 16;
  explicit BenchCore(shm::CoreSegment core);

  shm::CoreSegment core_;
  shm::StreamWriter writer_;
  std::vector<PublishedTick> ticks_;  // a ring by sequence
  std::uint64_t made_ = 0;
};

// `thintail-gateway` with raised limits and one admin key, on the servers' CPU.
class GatewayProcess {
 public:
  // `disk`: its keys, state and log; journals are looked for there too.
  static Result<std::unique_ptr<GatewayProcess>> start(const std::string& shm_directory, const Scratch& disk);
  std::uint16_t port() const noexcept { return port_; }
  pid_t pid() const noexcept { return child_.pid(); }
  const std::string& token() const noexcept { return token_; }
  const std::string& token_file() const noexcept { return token_file_; }
  Result<HttpReply> get(const std::string& path) const { return http_get(port_, path, token_); }
  // Waits until `path` is answered with 200.
  Result<void> await_ok(const std::string& path, const std::function<void()>& meanwhile) const;

 private:
  GatewayProcess(Child child, std::uint16_t port, std::string token, std::string token_file)
      : child_(std::move(child)), port_(port), token_(std::move(token)), token_file_(std::move(token_file)) {}
  Child child_;
  std::uint16_t port_;
  std::string token_;
  std::string token_file_;
};

// All of it, with quotes of every instrument known to the gateway.
struct Stage {
  std::unique_ptr<Scratch> shm;
  std::unique_ptr<Scratch> disk;
  std::unique_ptr<BenchCore> core;
  std::unique_ptr<GatewayProcess> gateway;

  static Result<Stage> set();
};

}  // namespace thintail::bench
