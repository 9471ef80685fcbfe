// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/command_desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "core/log/log.hpp"
#include "tools/daemon/kill_latch.hpp"

namespace thintail::gateway {
namespace {

constexpr std::size_t kIssuedKept = 4'096;
// A kill for a core that has been silent needs a place in its queue, not an answer: the disk has it.
constexpr std::chrono::milliseconds kKillPatience{50};
// Each look at a waiting kill holds up whoever looks.
constexpr std::chrono::milliseconds kTendPatience{250};
// The core knows ids of runs that ended less than ten minutes before (docs/control.md); a minute of that is for clocks that differ.
constexpr std::int64_t kRepeatKnownNs = 9ll * 60 * 1'000'000'000;
constexpr std::size_t kRepeatsKnown = 1'000;  // of its 1,024 ids
constexpr std::chrono::milliseconds kFillPatience{1'000};
constexpr std::chrono::milliseconds kFillPause{10};

}  // namespace

std::string_view name_of(CommandState state) noexcept {
  static constexpr std::array<std::string_view, 4> kNames = {"applied", "rejected", "latched", "unknown"};
  return kNames[static_cast<std::size_t>(state)];
}

CommandDesk::CommandDesk(DeskOptions options)
    : options_(std::move(options)), breaker_(options_.breaker, options_.clock) {
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
  if (kind == CommandKind::kill && breaker_.state().phase != BreakerPhase::closed) {
    return kill_silent_core(std::move(command));
  }
  if (!breaker_.lets_through()) {
    return fail({.code = ErrorCode::core_away,
                 .doing = "sending a command to the core",
                 .expected = "a core that answers",
                 .found = fmt::format("{} commands in a row unanswered: it is asked again in {} s",
                                      breaker_.state().failures, breaker_.retry_after_s())});
  }
  const auto sent = send_command(options_.shm_directory, options_.instance, kind, command.id, options_.timeout);
  note(sent);
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

void CommandDesk::note(const Result<CommandOutcome>& sent) {
  if (sent && sent->reply) {
    breaker_.answered();
  } else if (!sent && sent.error().code == ErrorCode::shm_not_found) {
    breaker_.absent();  // no time was lost, and the next core is another one
  } else {
    breaker_.unanswered();
  }
}

// First the disk, which is ours, then the queue. tend() takes it off the disk once the core has it on its own.
Result<IssuedCommand> CommandDesk::kill_silent_core(IssuedCommand command) {
  auto latched = latch(command);
  const auto patience = std::min(kKillPatience, options_.timeout);
  const auto sent = send_command(options_.shm_directory, options_.instance, CommandKind::kill, command.id, patience);
  note(sent);
  if (!sent || !sent->is_applied() || sent->durability == Durability::not_yet) return latched;
  command.state = CommandState::applied;
  command.sequence = sent->reply->sequence;
  command.is_durable = sent->durability == Durability::durable;
  command.detail = "carried out by a core that had been silent";
  keep(command);
  return command;
}

Result<std::optional<IssuedCommand>> CommandDesk::settle(const SharedModel& model, CommandKind kind, std::uint64_t id,
                                                         std::int64_t began_ns) const {
  if (auto known = find(id); known && known->state != CommandState::unknown) return known;
  struct Seen {
    bool is_filled = false;
    std::size_t later = 0;  // commands that the core may have had to remember since
    std::optional<IssuedCommand> command;
  };
  const auto look = [&](const CoreModel& core) {
    Seen seen{.is_filled = core.sample.has_value(), .later = 0, .command = std::nullopt};
    for (const CommandRow& row : core.commands) {
      // The clock of a replay is not ours: each may be later.
      if (core.is_simulated() || row.time_ns >= began_ns) ++seen.later;
      if (row.command.command_id != id) continue;
      seen.command = IssuedCommand{.id = id,
                                   .kind = row.command.kind,
                                   .state = CommandState::applied,
                                   .sequence = row.sequence,
                                   .is_durable = core.sample && core.sample->durable >= row.sequence,
                                   .issued_ns = began_ns,
                                   .by = {},
                                   .remote = {},
                                   .detail = "it had been carried out before"};
    }
    return seen;
  };
  Seen seen = model.read(look);
  const auto deadline = std::chrono::steady_clock::now() + std::min(kFillPatience, options_.timeout);
  while (!seen.command && !seen.is_filled && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kFillPause);
    seen = model.read(look);
  }
  if (seen.command) return seen.command;
  if (kind == CommandKind::kill || kind == CommandKind::pause) return std::nullopt;
  if (!seen.is_filled) {
    return fail({.code = ErrorCode::core_away,
                 .doing = "asking what became of a command",
                 .expected = "a core whose journal can tell",
                 .found = "none yet"});
  }
  if (wall_now_ns() - began_ns < kRepeatKnownNs && seen.later < kRepeatsKnown) return std::nullopt;
  return fail({.code = ErrorCode::idempotency_unknown,
               .doing = "asking what became of a command",
               .expected = "its event, or that it was begun less than nine minutes and 1,000 commands ago",
               .found = "neither: look at what the core does, then send a new command"});
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

void CommandDesk::tend(bool is_running) {
  if (is_running) breaker_.is_alive();
  const auto latch = read_kill_latch(options_.journal_directory, options_.instance);
  has_latch_file_.store(latch.has_value(), std::memory_order_relaxed);  // relaxed: a flag for people
  if (!latch) return;
  const std::uint64_t id = latch->command_id != 0 ? latch->command_id : random_command_id();
  const auto patience = std::min(kTendPatience, options_.timeout);
  const auto sent = send_command(options_.shm_directory, options_.instance, CommandKind::kill, id, patience);
  if (sent && sent->reply) breaker_.answered();
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
