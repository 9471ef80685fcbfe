// SPDX-License-Identifier: Apache-2.0
// CommandDesk: operators' commands to the core, each carried out at most once, and the kill that waits on disk where no core could take it.
//   path     cold: waits for the core
//   threads  any
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/event/payloads.hpp"

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
};

class CommandDesk {
 public:
  explicit CommandDesk(DeskOptions options);

  // Waits for the core, a second at most. `id` 0: a new one; an id that was carried out is answered, not repeated. Fails (core_away)
  // where no core takes it, unless it is a kill.
  Result<IssuedCommand> issue(CommandKind kind, std::uint64_t id, std::string by, std::string remote);
  // Of this process, the newest few thousand.
  std::optional<IssuedCommand> find(std::uint64_t id) const;
  bool has_latch_file() const noexcept {
    return has_latch_file_.load(std::memory_order_relaxed);  // relaxed: a flag for people
  }
  // Once a second: a kill on disk is given to a core that has come since, and taken off the disk once it stands in its journal.
  void tend();

 private:
  Result<IssuedCommand> latch(IssuedCommand command);
  void keep(const IssuedCommand& command);

  DeskOptions options_;
  mutable std::mutex mutex_;
  std::deque<IssuedCommand> issued_;
  std::atomic<bool> has_latch_file_{false};
};

}  // namespace thintail::gateway
