// SPDX-License-Identifier: Apache-2.0
#include "tools/daemon/recovery.hpp"

#include <algorithm>
#include <ranges>
#include <vector>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "adapters/journal/journal_recovery.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/stream/observer.hpp"
#include "strategies/pipeline/preamble.hpp"

namespace thintail {
namespace {

// What the old segment holds after `last_sequence`. The journal gated its writer, so nothing in between was
// overwritten.
Result<std::vector<Event>> events_after(const shm::Stream& events, std::uint64_t last_sequence) {
  std::vector<Event> tail;
  auto observer = shm::Observer::from_sequence(events, last_sequence + 1);
  Event event;
  for (shm::Observed seen = observer.next(event); seen != shm::Observed::nothing; seen = observer.next(event)) {
    if (seen == shm::Observed::lapped) {
      return fail({.code = ErrorCode::journal_corrupt,
                   .doing = "taking over the old segment's events",
                   .expected = "every event after " + std::to_string(last_sequence),
                   .found = std::to_string(observer.missed()) + " of them overwritten"});
    }
    tail.push_back(event);
  }
  return tail;
}

// What was in force at the end of a journal.
struct LastState {
  std::map<std::string, Position> positions;  // by instrument name
  CommandLatches latches;
  std::vector<SeenCommand> commands;
};

// Nothing where the journal's run ended before it began: all that it had carried over may not stand in it yet.
Result<std::optional<LastState>> last_state(const std::string& journal) {
  TT_TRY(JournalReader reader, JournalReader::open(journal));
  PreambleReader preamble;
  LastState last;
  std::map<InstrumentId, Position> by_id;
  bool in_preamble = true;
  Event event;
  while (reader.poll(event)) {
    in_preamble = in_preamble && (is_carried_latch(event) || preamble.take(event));
    if (event.type == EventType::position) by_id[event.instrument] = event.as<Position>();
    if (event.type != EventType::command || event.is_output()) continue;
    const auto command = event.as<Command>();
    last.latches.take(command.kind);
    if (command.command_id == 0) continue;
    if (last.commands.size() == kCommandsRemembered) last.commands.erase(last.commands.begin());
    last.commands.push_back({command.command_id, event.sequence});
  }
  if (reader.error()) return fail(*reader.error());
  if (in_preamble) return std::optional<LastState>();
  if (by_id.empty()) return std::optional(std::move(last));
  TT_TRY(const Preamble start, std::move(preamble).finish());
  for (const auto& [id, position] : by_id) {
    const bool is_flat = position.quantity_e9 == 0 && position.realised_low == 0 && position.realised_high == 0;
    if (id < start.instruments.size() && !is_flat) last.positions[start.instruments[id].name()] = position;
  }
  return std::optional(std::move(last));
}

// That of the newest journal whose run began.
Result<LastState> carried_state(const Settings& settings) {
  TT_TRY(const auto journals, list_journals(journal_folder(settings.journal.directory, settings.core.instance)));
  for (const JournalFileName& journal : journals | std::views::reverse) {
    TT_TRY(auto last, last_state(journal.path));
    if (last) return *std::move(last);
  }
  return LastState();
}

}  // namespace

Result<Carried> take_over(const Settings& settings, const shm::WriterLock& lock) {
  Carried carried;
  TT_TRY(const auto previous, shm::CoreView::open_previous(lock));
  if (previous) carried.epoch = previous->segment().header().epoch + 1;
  if (!settings.journal.enabled) return carried;
  TT_TRY(auto newest, find_newest_end(settings.journal.directory, settings.core.instance));
  if (!newest) return carried;
  if (previous && previous->segment().header().epoch == newest->header.epoch) {
    TT_TRY(const std::vector<Event> tail, events_after(*(*previous)->events, newest->last_sequence));
    carried.recovered_events = tail.size();
    // With nothing to append it still cuts a torn tail off, so that readers of the folder find every older epoch whole.
    if (!newest->closed) {
      TT_TRY(newest, append_recovered(newest->path, tail));
    }
  } else {
    // An older segment that is still there says that nothing was lost: the start between failed before it had published
    // anything.
    const bool only_failed_to_start = previous && previous->segment().header().epoch < newest->header.epoch;
    carried.after_power_loss = !newest->closed && !only_failed_to_start;
    if (!newest->closed) {
      TT_TRY(newest, append_recovered(newest->path, {}));
    }
  }
  carried.epoch = std::max(carried.epoch, newest->header.epoch + 1);
  carried.first_sequence = newest->last_sequence + 1 + (carried.after_power_loss ? kPowerLossSkip : 0);
  TT_TRY(LastState last, carried_state(settings));
  carried.positions = std::move(last.positions);
  carried.latches = last.latches;
  carried.commands = std::move(last.commands);
  return carried;
}

}  // namespace thintail
