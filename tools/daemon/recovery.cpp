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

using Positions = std::map<std::string, Position>;

// The positions at the end of a journal, by instrument name. Nothing where its run ended before it began: all that it
// had carried over may not stand in it yet.
Result<std::optional<Positions>> last_positions(const std::string& journal) {
  TT_TRY(JournalReader reader, JournalReader::open(journal));
  PreambleReader preamble;
  std::map<InstrumentId, Position> by_id;
  bool in_preamble = true;
  Event event;
  while (reader.poll(event)) {
    in_preamble = in_preamble && preamble.take(event);
    if (event.type == EventType::position) by_id[event.instrument] = event.as<Position>();
  }
  if (reader.error()) return fail(*reader.error());
  if (in_preamble) return std::optional<Positions>();
  Positions positions;
  if (by_id.empty()) return std::optional(positions);
  TT_TRY(const Preamble start, std::move(preamble).finish());
  for (const auto& [id, position] : by_id) {
    const bool is_flat = position.quantity_e9 == 0 && position.realised_low == 0 && position.realised_high == 0;
    if (id < start.instruments.size() && !is_flat) positions[start.instruments[id].name()] = position;
  }
  return std::optional(std::move(positions));
}

// Those of the newest journal whose run began.
Result<Positions> carried_positions(const Settings& settings) {
  TT_TRY(const auto journals, list_journals(journal_folder(settings.journal.directory, settings.core.instance)));
  for (const JournalFileName& journal : journals | std::views::reverse) {
    TT_TRY(auto positions, last_positions(journal.path));
    if (positions) return *std::move(positions);
  }
  return Positions();
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
  TT_TRY(carried.positions, carried_positions(settings));
  return carried;
}

}  // namespace thintail
