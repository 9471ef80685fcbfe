// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/command_desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "core/log/log.hpp"
#include "shm/segment/core_segment.hpp"

namespace thintail::gateway {
namespace {

constexpr std::size_t kIssuedKept = 4'096;
// A kill for a core that has been silent needs a place in its queue, not an answer: the disk has it next.
constexpr std::chrono::milliseconds kKillPatience{50};
// Each look at a waiting kill holds up whoever looks.
constexpr std::chrono::milliseconds kTendPatience{250};
// The core knows ids of runs that ended less than ten minutes before (docs/control.md); a minute of that is for clocks that differ.
constexpr std::int64_t kRepeatKnownNs = 9ll * 60 * 1'000'000'000;
constexpr std::size_t kRepeatsKnown = 1'000;  // of its 1,024 ids
constexpr std::chrono::milliseconds kFillPatience{1'000};
constexpr std::chrono::milliseconds kFillPause{10};

void set_applied(IssuedCommand& command, const CommandOutcome& sent) {
  command.state = CommandState::applied;
  command.sequence = sent.reply->sequence;
  command.is_durable = sent.durability == Durability::durable;
  command.detail =
      sent.reply->answer == shm::CommandAnswer::repeated ? "it had been carried out before" : "carried out";
  if (sent.durability == Durability::no_journal) command.detail += "; this core keeps no journal";
  if (sent.durability == Durability::not_yet) command.detail += "; not on disk yet: a power loss now would undo it";
}

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
  if (kind == CommandKind::kill) return kill(std::move(command));
  if (!breaker_.lets_through()) {
    return fail({.code = ErrorCode::core_away,
                 .doing = "sending a command to the core",
                 .expected = "a core that answers",
                 .found = fmt::format("{} commands in a row unanswered: it is asked again in {} s",
                                      breaker_.state().failures, breaker_.retry_after_s())});
  }
  // Before it is sent: tend() may see what it does before we do.
  const bool is_reset = kind == CommandKind::reset_kill;
  const std::int64_t reset_before_ns = is_reset ? exchange_reset(command.issued_ns) : 0;
  const auto sent = send(kind, command.id, options_.timeout);
  note(sent);
  if (!sent || !sent->was_queued) {
    if (is_reset) exchange_reset(reset_before_ns);
    return fail({.code = ErrorCode::core_away,
                 .doing = "sending a command to the core",
                 .expected = "a running core that takes commands",
                 .found = sent ? "its queue full for a second" : sent.error().message()});
  }
  if (!sent->reply) {
    command.detail = "no answer within a second: it may still be carried out, once";
  } else if (!sent->is_applied()) {
    command.state = CommandState::rejected;
    command.detail = "the core did not take the request for a valid command";
  } else {
    set_applied(command, *sent);
    if (is_reset && sent->reply->answer != shm::CommandAnswer::repeated) {
      const std::lock_guard lock(latch_mutex_);
      // The kill was given to this core before, or is older than the reset: it must not come back with the next start.
      if (const auto latched = read_latch(); latched && latched->time_ns <= command.issued_ns) remove_latch();
    }
  }
  keep(command);
  return command;
}

Result<CommandOutcome> CommandDesk::send(CommandKind kind, std::uint64_t id, std::chrono::milliseconds timeout) const {
  return send_command(options_.shm_directory, options_.instance, kind, id, timeout);
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

// First the queue, then the disk, which may be why it is asked for. tend() takes it off the disk once the core has it on its own.
Result<IssuedCommand> CommandDesk::kill(IssuedCommand command) {
  const bool is_silent = breaker_.state().phase != BreakerPhase::closed;
  const auto sent =
      send(CommandKind::kill, command.id, is_silent ? std::min(kKillPatience, options_.timeout) : options_.timeout);
  // So short a wait proves no silence.
  if (!is_silent || (sent && sent->reply)) note(sent);
  const bool is_applied = sent && sent->is_applied();
  if (!is_applied || sent->durability == Durability::not_yet) {
    // What a core has not said to be on its disk may die with it: a hung one is killed next.
    auto latched = latch(command);
    if (latched || !is_applied) return latched;
    log::error(latched.error());  // it is carried out all the same, and said not to be on disk
  }
  set_applied(command, *sent);
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
    Seen seen{.is_filled = core.is_filled, .later = 0, .command = std::nullopt};
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
  const auto patience =
      kind == CommandKind::kill ? std::chrono::milliseconds(0) : std::min(kFillPatience, options_.timeout);
  const auto deadline = std::chrono::steady_clock::now() + patience;
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
  {
    const std::lock_guard lock(latch_mutex_);
    TT_TRY_VOID(
        write_kill_latch(options_.journal_directory, options_.instance,
                         {command.id, command.issued_ns, fmt::format("{} from {}", command.by, command.remote)}));
    has_latch_file_.store(true, std::memory_order_relaxed);  // relaxed: a flag for people
  }
  command.state = CommandState::latched;
  command.is_durable = true;
  command.detail =
      "no core has said that it is carried out and on its disk: it is on ours, and the next core starts killed. Orders "
      "at "
      "the venue are not cancelled";
  keep(command);
  return command;
}

std::optional<KillLatch> CommandDesk::read_latch() const {
  return read_kill_latch(options_.journal_directory, options_.instance);
}

void CommandDesk::remove_latch() {
  if (const auto removed = remove_kill_latch(options_.journal_directory, options_.instance); !removed) {
    log::error(removed.error());
    return;
  }
  has_latch_file_.store(false, std::memory_order_relaxed);  // relaxed: a flag for people
}

std::int64_t CommandDesk::exchange_reset(std::int64_t reset_ns) {
  const std::lock_guard lock(latch_mutex_);
  return std::exchange(reset_ns_, reset_ns);
}

bool CommandDesk::is_killed() const {
  const auto core = shm::CoreView::open(options_.shm_directory, options_.instance);
  shm::GateRow gate{};
  return core && (*core)->run->gate.load(gate) && (gate.flags & shm::kGateKilled) != 0;
}

void CommandDesk::keep(const IssuedCommand& command) {
  const std::lock_guard lock(mutex_);
  if (issued_.insert_or_assign(command.id, command).second) issued_order_.push_back(command.id);
  if (issued_order_.size() <= kIssuedKept) return;
  issued_.erase(issued_order_.front());
  issued_order_.pop_front();
}

std::optional<IssuedCommand> CommandDesk::find(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = issued_.find(id);
  return found == issued_.end() ? std::nullopt : std::optional(found->second);
}

void CommandDesk::tend(bool is_running) {
  if (is_running) breaker_.is_alive();
  std::optional<KillLatch> latched;
  {
    const std::lock_guard lock(latch_mutex_);
    latched = read_latch();
    has_latch_file_.store(latched.has_value(), std::memory_order_relaxed);  // relaxed: a flag for people
  }
  if (!latched) return;
  const auto patience = std::min(kTendPatience, options_.timeout);
  const auto give = [&](std::uint64_t id) {
    auto sent = send(CommandKind::kill, id, patience);
    if (sent && sent->reply) breaker_.answered();
    return sent;
  };
  const auto is_same = [&] {  // REQUIRES: latch_mutex_
    const auto now = read_latch();
    return now && now->command_id == latched->command_id && now->time_ns == latched->time_ns;
  };
  auto sent = give(latched->command_id != 0 ? latched->command_id : random_command_id());
  const bool is_repeated = sent && sent->reply && sent->reply->answer == shm::CommandAnswer::repeated;
  if (is_repeated && !is_killed()) {
    const std::lock_guard lock(latch_mutex_);
    if (!is_same()) return;
    if (latched->time_ns <= reset_ns_) return remove_latch();  // it was reset by who asked for that after it
    // It was carried out and does not hold: a reset that was asked for before it had waited in another queue. The kill is the last word; under
    // an id of its own, also on disk, so that it is this one's durability that is asked for next time.
    latched->command_id = random_command_id();
    if (const auto kept = write_kill_latch(options_.journal_directory, options_.instance, *latched); !kept) {
      log::error(kept.error());
    }
    sent = give(latched->command_id);
  }
  // Without a journal nothing of this core's outlives it, so the file stays.
  if (!sent || !sent->is_applied() || sent->durability != Durability::durable) return;
  const std::lock_guard lock(latch_mutex_);
  // Another kill meanwhile, or a reset: that is looked at next time.
  if (!is_same() || !is_killed()) return;
  remove_latch();
  log::warn("a kill that waited on disk was given to the core, at sequence {}", sent->reply->sequence);
}

}  // namespace thintail::gateway
