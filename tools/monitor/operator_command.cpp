// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/operator_command.hpp"

#include <fmt/format.h>

#include <random>
#include <thread>

#include "shm/control/control_client.hpp"
#include "shm/stream/observer.hpp"

namespace thintail {
namespace {

using Clock = std::chrono::steady_clock;

// Looks until `holds` does, or the deadline has passed.
template <class Condition>
bool wait_until(Clock::time_point deadline, Condition holds) {
  while (!holds()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

bool has_journal(const shm::CoreView& core) {
  for (const shm::Gate& gate : core->events->gates()) {
    if (gate.is_active() && gate.name() == "journal") return true;
  }
  return false;
}

// The slot's reply lies where clients write. What counts is the stream, which only the core writes: the event there must be this command.
// True where it is, and where it is no longer there to be looked at (another epoch's, or overwritten).
bool is_confirmed(const shm::CoreView& core, std::uint64_t sequence, CommandKind kind, std::uint64_t id) {
  if (sequence < core->events->first_sequence()) return true;
  auto observer = shm::Observer::from_sequence(*core->events, sequence);
  Event event{};  // g++ 12 does not see that next() fills it
  switch (observer.next(event)) {
    case shm::Observed::nothing: return false;
    case shm::Observed::lapped: return true;
    case shm::Observed::event: break;
  }
  if (event.type != EventType::command || event.is_output()) return false;
  const auto command = event.as<Command>();
  return command.command_id == id && command.kind == kind;
}

Result<shm::CoreView> running_core(const std::string& directory, const std::string& instance) {
  TT_TRY(shm::CoreView core, shm::CoreView::open(directory, instance));
  const bool is_stopped = core.segment().state() == shm::SegmentState::stopped;
  if (!is_stopped && core.segment().writer_is_alive()) return core;
  return fail({.code = ErrorCode::shm_not_found,
               .doing = fmt::format("sending a command to instance {}", instance),
               .file = core.segment().path(),
               .expected = "a running core",
               .found = is_stopped ? "one that has stopped" : "one that is dead"});
}

}  // namespace

std::uint64_t random_command_id() {
  std::random_device device;
  std::uint64_t id = 0;
  while (id == 0) id = std::uint64_t{device()} << 32 | device();
  return id;
}

Result<CommandOutcome> send_command(const std::string& directory, const std::string& instance, CommandKind kind,
                                    std::uint64_t id, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  TT_TRY(const shm::CoreView core, running_core(directory, instance));
  std::optional<shm::ControlClient> client;
  std::optional<Error> refused;
  wait_until(deadline, [&] {
    auto opened = shm::ControlClient::open(directory, instance, core.segment().header().epoch);
    if (opened) client.emplace(std::move(*opened));
    // Another client's slot is free again soon.
    else
      refused = std::move(opened).error();
    return opened.has_value() || refused->code != ErrorCode::shm_held;
  });
  if (!client) return fail(*std::move(refused));
  CommandOutcome outcome;
  outcome.was_queued = wait_until(deadline, [&] { return client->send(kind, id) == shm::Offered::queued; });
  if (outcome.was_queued) {
    wait_until(deadline, [&] {
      const auto reply = client->reply_to(id);
      if (!reply || reply->answer == shm::CommandAnswer::none) return false;
      const bool is_refused = reply->answer == shm::CommandAnswer::refused;
      if (!is_refused && !is_confirmed(core, reply->sequence, kind, id)) return false;
      outcome.reply = reply;
      return true;
    });
  }
  if (outcome.is_applied() && !has_journal(core)) {
    outcome.durability = Durability::no_journal;
  } else if (outcome.is_applied() &&
             wait_until(deadline, [&] { return core->run->durable() >= outcome.reply->sequence; })) {
    outcome.durability = Durability::durable;
  }
  return outcome;
}

}  // namespace thintail
