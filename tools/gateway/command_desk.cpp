// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/command_desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/log/log.hpp"
#include "tools/daemon/kill_latch.hpp"
#include "tools/gateway/core_model.hpp"
#include "tools/monitor/operator_command.hpp"

namespace thintail::gateway {
namespace {

constexpr std::size_t kIssuedKept = 4'096;

}  // namespace

std::string_view name_of(CommandState state) noexcept {
  static constexpr std::array<std::string_view, 4> kNames = {"applied", "rejected", "latched", "unknown"};
  return kNames[static_cast<std::size_t>(state)];
}

CommandDesk::CommandDesk(DeskOptions options) : options_(std::move(options)) {
  has_latch_file_.store(read_kill_latch(options_.journal_directory, options_.instance).has_value(),
                        std::memory_order_relaxed);  // relaxed: a flag for people
}

Result<IssuedCommand> CommandDesk::issue(CommandKind kind, std::uint64_t id, std::string by, std::string remote) {
  IssuedCommand command;
  command.id = id != 0 ? id : random_command_id();
  command.kind = kind;
  command.issued_ns = wall_now_ns();
  command.by = std::move(by);
  command.remote = std::move(remote);
  const auto sent = send_command(options_.shm_directory, options_.instance, kind, command.id, options_.timeout);
  if (!sent || !sent->was_queued) {
    if (kind == CommandKind::kill) return latch(std::move(command));
    return fail({.code = ErrorCode::core_away,
                 .doing = "sending a command to the core",
                 .expected = "a running core that takes commands",
                 .found = sent ? "its queue full for a second" : sent.error().message()});
  }
  if (kind == CommandKind::kill && (!sent->is_applied() || sent->durability == Durability::not_yet)) {
    // What a core has not said to be on its disk may die with it: a hung one is killed next.
    return latch(std::move(command));
  }
  if (!sent->reply) {
    command.detail = "no answer within a second: it may still be carried out, once";
  } else if (!sent->is_applied()) {
    command.state = CommandState::rejected;
    command.detail = "the core did not take the request for a valid command";
  } else {
    command.state = CommandState::applied;
    command.sequence = sent->reply->sequence;
    command.is_durable = sent->durability == Durability::durable;
    const bool is_repeated = sent->reply->answer == shm::CommandAnswer::repeated;
    command.detail = is_repeated ? "it had been carried out before" : "carried out";
    if (sent->durability == Durability::no_journal) command.detail += "; this core keeps no journal";
    if (sent->durability == Durability::not_yet) command.detail += "; not on disk yet: a power loss now would undo it";
    const auto latched = read_kill_latch(options_.journal_directory, options_.instance);
    if (kind == CommandKind::reset_kill && !is_repeated && latched && latched->time_ns <= command.issued_ns) {
      // The kill was given to this core before, or is older than the reset: it must not come back with the next start.
      if (const auto removed = remove_kill_latch(options_.journal_directory, options_.instance); !removed) {
        log::error(removed.error());
      } else {
        has_latch_file_.store(false, std::memory_order_relaxed);  // relaxed: a flag for people
      }
    }
  }
  keep(command);
  return command;
}

Result<IssuedCommand> CommandDesk::latch(IssuedCommand command) {
  TT_TRY_VOID(write_kill_latch(options_.journal_directory, options_.instance,
                               {command.id, command.issued_ns, fmt::format("{} from {}", command.by, command.remote)}));
  has_latch_file_.store(true, std::memory_order_relaxed);  // relaxed: a flag for people
  command.state = CommandState::latched;
  command.is_durable = true;
  command.detail =
      "no core has said that it is carried out and on its disk: it is on ours, and the next core starts killed. Orders "
      "at "
      "the venue are not cancelled";
  keep(command);
  return command;
}

void CommandDesk::keep(const IssuedCommand& command) {
  const std::lock_guard lock(mutex_);
  std::erase_if(issued_, [&](const IssuedCommand& old) { return old.id == command.id; });
  issued_.push_back(command);
  if (issued_.size() > kIssuedKept) issued_.pop_front();
}

std::optional<IssuedCommand> CommandDesk::find(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  for (const IssuedCommand& command : issued_) {
    if (command.id == id) return command;
  }
  return std::nullopt;
}

void CommandDesk::tend() {
  const auto latch = read_kill_latch(options_.journal_directory, options_.instance);
  has_latch_file_.store(latch.has_value(), std::memory_order_relaxed);  // relaxed: a flag for people
  if (!latch) return;
  const std::uint64_t id = latch->command_id != 0 ? latch->command_id : random_command_id();
  const auto sent = send_command(options_.shm_directory, options_.instance, CommandKind::kill, id, options_.timeout);
  // Without a journal nothing of this core's outlives it, so the file stays.
  if (!sent || !sent->is_applied() || sent->durability != Durability::durable) return;
  if (const auto removed = remove_kill_latch(options_.journal_directory, options_.instance); !removed) {
    log::error(removed.error());
    return;
  }
  has_latch_file_.store(false, std::memory_order_relaxed);  // relaxed: a flag for people
  log::warn("a kill that waited on disk was given to the core, at sequence {}", sent->reply->sequence);
}

}  // namespace thintail::gateway
