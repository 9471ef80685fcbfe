// SPDX-License-Identifier: Apache-2.0
// CommandDesk: operators' commands to the core, each carried out at most once, and the kill that waits on disk where no core could take it.
//   path       cold: waits for the core
//   threads    any
//   invariant  a kill reaches the core's queue before any disk is waited for; a reply says `latched` or durable only of what is on a disk. A latch
//              is removed only under latch_mutex_, re-read and unchanged, by a reset that came after it or while its kill, durable, holds the gate
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/error.hpp"
#include "core/event/payloads.hpp"
#include "tools/daemon/kill_latch.hpp"
#include "tools/gateway/circuit_breaker.hpp"
#include "tools/gateway/core_model.hpp"
#include "tools/monitor/operator_command.hpp"

namespace thintail::gateway {

enum class CommandState : std::uint8_t {
  applied,
  rejected,  // the core did not take the request for a valid one
  latched,  // a kill that no core could take: on disk for the next one
  unknown,  // no answer in time: it may still be carried out
};
std::string_view name_of(CommandState state) noexcept;

struct IssuedCommand {
  std::uint64_t id = 0;
  CommandKind kind = CommandKind::none;
  CommandState state = CommandState::unknown;
  std::uint64_t sequence = 0;  // of its event; 0: none
  bool is_durable = false;
  std::int64_t issued_ns = 0;  // wall time
  std::string by;
  std::string remote;
  std::string detail;
};

struct DeskOptions {
  std::string shm_directory;
  std::string instance;
  std::string journal_directory;
  std::chrono::milliseconds timeout{1'000};
  CircuitBreaker::Options breaker = {.upstream = "core"};
  CircuitBreaker::Clock clock = CircuitBreaker::monotonic_now_ns;  // of the breaker
};

class CommandDesk {
 public:
  explicit CommandDesk(DeskOptions options);

  // Waits for the core, a second at most. `id` 0: a new one; an id that was carried out is answered, not repeated. Fails (core_away)
  // where no core takes it, unless it is a kill. A core that has left several in a row unanswered is not waited for: a kill is in its queue
  // and at once on disk, others fail.
  Result<IssuedCommand> issue(CommandKind kind, std::uint64_t id, std::string by, std::string remote);
  // What became of the command `id`, which an earlier attempt may have sent: nothing where sending it (again) is safe, since the core tells a
  // repeat, or since it only sets a state. Fails (idempotency_unknown) where neither is certain, and (core_away) while no core is seen whose
  // journal could tell. Waits for a gateway that has just started to read it, but with no kill.
  Result<std::optional<IssuedCommand>> settle(const SharedModel& model, CommandKind kind, std::uint64_t id,
                                              std::int64_t began_ns) const;
  BreakerState breaker() const { return breaker_.state(); }
  std::int64_t retry_after_s() const { return breaker_.retry_after_s(); }
  // Of this process, the newest few thousand.
  std::optional<IssuedCommand> find(std::uint64_t id) const;
  // Whether the core's gate says so now: samples are up to 100 ms old.
  bool is_killed() const;
  bool has_latch_file() const noexcept {
    return has_latch_file_.load(std::memory_order_relaxed);  // relaxed: a flag for people
  }
  // Once a second: a kill on disk is given to a core that has come since, and taken off the disk once it stands in its journal.
  // `is_running`: the core gives signs of life, so its breaker need not wait for a command to close.
  void tend(bool is_running = false);

 private:
  Result<CommandOutcome> send(CommandKind kind, std::uint64_t id, std::chrono::milliseconds timeout) const;
  Result<IssuedCommand> kill(IssuedCommand command);
  Result<IssuedCommand> latch(IssuedCommand command);
  std::optional<KillLatch> read_latch() const;  // REQUIRES: latch_mutex_
  void remove_latch();  // REQUIRES: latch_mutex_
  std::int64_t exchange_reset(std::int64_t reset_ns);
  void note(const Result<CommandOutcome>& sent);
  void keep(const IssuedCommand& command);

  DeskOptions options_;
  CircuitBreaker breaker_;
  mutable std::mutex mutex_;  // of the two below
  std::unordered_map<std::uint64_t, IssuedCommand> issued_;  // by id
  std::deque<std::uint64_t> issued_order_;
  std::mutex latch_mutex_;  // of the file, and of the one below
  std::int64_t reset_ns_ = 0;  // when the newest reset that is, or may be, in the core's queue was asked for
  std::atomic<bool> has_latch_file_{false};
};

}  // namespace thintail::gateway
