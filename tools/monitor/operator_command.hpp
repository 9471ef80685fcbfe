// SPDX-License-Identifier: Apache-2.0
// An operator's command on its way to a running core, and what became of it: for `ctl`, for the gateway, for whoever else commands.
//   path     cold: waits for the core
//   threads  any number; each call takes a slot of the control segment of its own
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/event/payloads.hpp"
#include "shm/control/control_layout.hpp"
#include "shm/segment/core_segment.hpp"

namespace thintail {

enum class Durability : std::uint8_t { durable, not_yet, no_journal };

struct CommandOutcome {
  bool was_queued = false;  // else the core never saw it: its queue is full
  std::optional<shm::CommandReply> reply;  // none: nobody knows
  Durability durability = Durability::not_yet;

  bool is_applied() const noexcept { return reply && reply->answer != shm::CommandAnswer::refused; }
};

std::uint64_t random_command_id();

// Sends the command and waits until its event is on disk, or `timeout` is over. shm_not_found: no core of that name runs.
// shm_held: every slot stayed taken. REQUIRES: id is not 0.
Result<CommandOutcome> send_command(const std::string& directory, const std::string& instance, CommandKind kind,
                                    std::uint64_t id, std::chrono::milliseconds timeout);

}  // namespace thintail
