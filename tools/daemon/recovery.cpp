// SPDX-License-Identifier: Apache-2.0
#include "tools/daemon/recovery.hpp"

#include <algorithm>
#include <chrono>
#include <ranges>
#include <thread>
#include <vector>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "adapters/journal/journal_recovery.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/segment/process_identity.hpp"
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

// Whether the old segment's writer may still write its journal. Its lock is ours, so that it either ends just now, which
// takes milliseconds, or somebody took the lock's file away while it stood still.
bool writer_still_runs(const shm::SegmentHeader& header) {
  const shm::ProcessIdentity writer{header.writer_pid, header.writer_start_ticks, std::string(header.boot_id.view())};
  if (writer == shm::this_process()) return false;  // a run before in this very process
  for (int look = 0; look < 20; ++look) {
    if (!shm::is_running(writer)) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// What was in force at the end of a journal.
struct LastState {
  std::map<std::string, Position> positions;  // by instrument name
  CommandLatches latches;
  std::vector<SeenCommand> commands;
};

// Nothing where the journal's run ended before it began: all that it had carried over may not stand in it yet.
Result<std::optional<LastState>> last_state(JournalReader reader) {
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

// How long after a run's end a sender may still repeat a command of it, which then has to be known as one that was done. It
// repeats within seconds; what this bounds is how many old journals a start reads through.
constexpr std::int64_t kCommandRepeatNs = 600'000'000'000;

std::int64_t utc_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// That of the newest journal whose run began, with the commands of the runs that ended shortly before it too: a core that
// dies over and over must not take a command twice that is sent again until it is answered.
Result<LastState> carried_state(const Settings& settings) {
  TT_TRY(const auto journals, list_journals(journal_folder(settings.journal.directory, settings.core.instance)));
  std::optional<LastState> newest;
  std::vector<SeenCommand> older;  // oldest first
  std::int64_t next_began_ns = 0;  // when the run after it began: it had ended by then
  for (const JournalFileName& journal : journals | std::views::reverse) {
    const std::size_t known = older.size() + (newest ? newest->commands.size() : 0);
    if (newest && (known >= kCommandsRemembered || next_began_ns < utc_now_ns() - kCommandRepeatNs)) break;
    TT_TRY(JournalReader reader, JournalReader::open(journal.path));
    next_began_ns = reader.header().created_ns;
    TT_TRY(auto last, last_state(std::move(reader)));
    if (!last) continue;
    if (newest) {
      older.insert(older.begin(), last->commands.begin(), last->commands.end());
    } else {
      newest = std::move(last);
    }
  }
  if (!newest) return LastState();
  auto& commands = newest->commands;
  commands.insert(commands.begin(), older.begin(), older.end());
  if (commands.size() > kCommandsRemembered) {
    commands.erase(commands.begin(), commands.end() - static_cast<std::ptrdiff_t>(kCommandsRemembered));
  }
  return *std::move(newest);
}

}  // namespace

Result<Carried> take_over(const Settings& settings, const shm::WriterLock& lock) {
  Carried carried;
  TT_TRY(const auto previous, shm::CoreView::open_previous(lock));
  if (previous) carried.epoch = previous->segment().header().epoch + 1;
  if (!settings.journal.enabled) return carried;
  TT_TRY(auto newest, find_newest_end(settings.journal.directory, settings.core.instance));
  if (!newest) return carried;
  if (previous && !newest->closed && writer_still_runs(previous->segment().header())) {
    TT_TRY_VOID(replace_with_copy(newest->path));
    TT_TRY(newest, find_end(newest->path));  // it may have written on meanwhile
    carried.replaced_a_live_writer = true;
  }
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
