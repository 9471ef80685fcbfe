// SPDX-License-Identifier: Apache-2.0
// JournalReader: the events of a journal in order, of one file or of all epochs in a folder. An EventSource.
//   path       warm: poll() copies from a block that was checked whole
//   threads    one; the writer may be alive in another process
//   invariant  every event handed out was in a valid block, and its sequence follows on: inside an epoch by 1, to the next
//              epoch by 1 or by 1 + 2^32 (power loss).
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "adapters/journal/block_source.hpp"
#include "core/base/error.hpp"
#include "core/event/event.hpp"

namespace thintail {

class JournalReader {
 public:
  // A file, or an instance's folder (the journals there now). file_missing, file_unreadable, journal_format or
  // journal_corrupt.
  static Result<JournalReader> open(const std::string& path);

  // The next event. False at the end, at a torn tail and after an error. At the end of a journal that is still being written
  // it may be called again later, and goes on when there is more.
  bool poll(Event& out) noexcept {
    if (next_event_ == block_end_ && !next_block()) return false;
    std::memcpy(&out, next_event_, sizeof(Event));
    next_event_ += sizeof(Event);
    last_sequence_ = out.sequence;
    return true;
  }

  // Why reading ended before the end; empty otherwise.
  const std::optional<Error>& error() const noexcept { return error_; }
  // journal_torn where the newest file read ends in a cut write: nothing acknowledged is missing. Empty otherwise.
  const std::optional<Error>& torn() const noexcept { return torn_; }
  std::uint64_t torn_bytes() const noexcept { return torn_ ? source_.torn_bytes() : 0; }

  // Of the event handed out last; before the first one, the sequence before it.
  std::uint64_t last_sequence() const noexcept { return last_sequence_; }
  // Of the file that the event handed out last is from: a new epoch shows here.
  const JournalHeader& header() const noexcept { return source_.file_header(); }
  // Whether the writer of that file stopped in good order; known once poll() has returned false.
  bool closed() const noexcept { return closed_; }

 private:
  JournalReader(std::vector<std::string> paths, BlockSource source) noexcept;

  bool next_block() noexcept;
  bool next_epoch() noexcept;

  std::vector<std::string> paths_;
  std::size_t current_ = 0;  // in paths_
  BlockSource source_;
  const std::byte* next_event_ = nullptr;
  const std::byte* block_end_ = nullptr;
  std::uint64_t last_sequence_;
  bool closed_ = false;
  std::optional<Error> error_;
  std::optional<Error> torn_;
};

static_assert(EventSource<JournalReader>);

}  // namespace thintail
