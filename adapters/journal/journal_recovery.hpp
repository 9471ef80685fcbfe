// SPDX-License-Identifier: Apache-2.0
// Recovery: where a dead writer's journal ends, and how the events that only shared memory still holds get into it.
//   path     cold: at start, before the new epoch
//   threads  one process, holding the instance's writer lock
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/base/error.hpp"
#include "core/event/event.hpp"
#include "core/journal_format/journal_header.hpp"

namespace thintail {

struct RecoveredTail {
  std::string path;
  JournalHeader header{};
  std::uint64_t end_offset = 0;     // of the last valid block
  std::uint64_t last_sequence = 0;  // the last event's; header.first_sequence - 1 where there is none
  std::uint64_t torn_bytes = 0;     // what stands after end_offset
  bool closed = false;              // the writer stopped in good order
};

// The end of the journal at `path`. Blocks that were durable before the last one was sealed are taken on trust, so that
// this takes milliseconds on a journal of any size; JournalReader checks them all.
Result<RecoveredTail> find_end(const std::string& path);

// The same for the newest journal of an instance; empty where it has none.
Result<std::optional<RecoveredTail>> find_newest_end(const std::string& directory, const std::string& instance);

// Puts a copy of the journal in its place, durably: whoever still has the old file open writes into nothing that is read.
// For a writer that may still live; it takes as long as reading the file.
Result<void> replace_with_copy(const std::string& path);

// Cuts a torn tail off, appends those of `events` that come after the journal's last, and makes it durable. Events that the
// journal has already are passed over, so it may be given all that the old segment still holds, and may be run again after
// a crash. Refuses a gap (journal_corrupt). Returns the new end.
Result<RecoveredTail> append_recovered(const std::string& path, std::span<const Event> events);

}  // namespace thintail
