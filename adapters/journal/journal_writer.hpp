// SPDX-License-Identifier: Apache-2.0
// JournalWriter: appends consecutive events to an epoch's journal and tells which of them are on stable storage.
//   path       warm: append() copies into memory; poll() makes a system call or two, and never waits for the disk where
//              io_uring is available
//   threads    one, the journal thread; it may be another than the one that created the writer
//   invariant  a block's memory is reused only after an fdatasync that covers all of it succeeded. So a short write is
//              continued, and after a failed sync (the kernel may have dropped the pages) everything not yet acknowledged
//              is written again. A fenced writer neither writes nor acknowledges any more.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/journal/journal_disk.hpp"
#include "adapters/journal/unique_fd.hpp"
#include "core/base/error.hpp"
#include "core/journal_format/journal_block.hpp"
#include "core/journal_format/journal_header.hpp"

namespace thintail {

struct JournalOptions {
  std::string directory = "journal";
  std::string instance = "default";
  std::uint32_t epoch = 1;
  std::uint64_t first_sequence = 1;  // of the first event to be appended
  std::int64_t created_ns = 0;  // UTC ns since 1970
  std::string boot_id = {};
  std::string build_id = {};
  std::uint32_t buffers = 64;  // of 64 KiB: what a stalled disk may hold back, 4 MiB by default; 2..1024
  std::int64_t flush_ns = 20'000'000;  // longest time that an event waits before its block is written
  std::int64_t retry_ns = 100'000'000;  // pause after a failed write or sync
  // The fence: whether this is still the instance's writer. Asked before each write and before each acknowledgement; false
  // ends both for good. Empty: never asked.
  std::function<bool()> may_write = {};
};

struct JournalStats {
  std::uint64_t events = 0;  // accepted by append()
  std::uint64_t blocks = 0;  // sealed
  std::uint64_t bytes = 0;  // durable, the file header included
  std::uint64_t syncs = 0;
  std::uint64_t short_writes = 0;
  std::uint64_t failures = 0;  // of writes and syncs; each was, or will be, tried again
};

class JournalWriter {
 public:
  // Creates the epoch's file, durably. file_unwritable: it exists, or the folder refuses it.
  static Result<JournalWriter> create(const JournalOptions& options);
  // The same on another disk; tests inject faults here.
  static Result<JournalWriter> create(const JournalOptions& options, std::unique_ptr<JournalDisk> disk);
  JournalWriter(JournalWriter&&) noexcept = default;
  JournalWriter& operator=(JournalWriter&&) = delete;
  // Waits for a write under way, since the kernel still reads our memory. What was not flushed is not written.
  ~JournalWriter();

  // Copies the first events of `events` that fit and returns how many: fewer than all means back-pressure.
  // REQUIRES: sequences follow on from last_sequence() + 1.
  std::size_t append(std::span<const Event> events) noexcept;
  bool append(const Event& event) noexcept { return append({&event, 1}) == 1; }
  // How many append() would accept now.
  std::size_t free_events() const noexcept;

  // Takes the disk's answer, closes a block that is old enough or asked for, starts the next write. `now_ns` is of any
  // monotonic clock. Returns how much it did.
  std::uint32_t poll(std::int64_t now_ns) noexcept;
  // Everything appended so far is to become durable as soon as the disk can; poll() does it.
  void request_flush() noexcept { flush_requested_ = true; }
  // Waits until everything appended is durable; fails with journal_io on the first failure, the events staying in memory.
  Result<void> flush_and_wait();
  // Flushes and marks the journal as ended in good order. Nothing may be appended after it.
  Result<void> close();

  std::uint64_t last_sequence() const noexcept { return next_sequence_ - 1; }  // accepted by append()
  std::uint64_t durable_sequence() const noexcept { return durable_sequence_; }
  // Whether another writer has taken this one's place: what is not acknowledged by now is the other's to recover.
  bool is_fenced() const noexcept { return is_fenced_; }
  // What the disk last refused; empty once it has recovered. shm_lost where the writer is fenced.
  const std::optional<Error>& error() const noexcept { return error_; }
  const JournalStats& stats() const noexcept { return stats_; }
  const std::string& path() const noexcept { return path_; }

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  JournalWriter(const JournalOptions& options, UniqueFd fd, std::unique_ptr<JournalDisk> disk);

  JournalBlock& block(std::uint64_t number) noexcept { return blocks_[number % options_.buffers]; }
  bool has_filling_block() const noexcept { return filling_ - oldest_ < options_.buffers; }
  void seal(std::uint16_t flags) noexcept;
  bool is_still_ours() noexcept;
  bool start_write() noexcept;
  bool settle(const DiskOutcome& outcome) noexcept;
  void acknowledge() noexcept;
  bool refused(const char* call, int error_number) noexcept;

  JournalOptions options_;
  std::string path_;
  UniqueFd fd_;
  std::unique_ptr<JournalDisk> disk_;
  std::unique_ptr<JournalBlock[]> blocks_;  // a ring; block n of the file's life is blocks_[n % buffers]
  std::vector<iovec> pieces_;  // of the write under way

  // oldest_ <= writing_ <= filling_ <= oldest_ + buffers; blocks before oldest_ are durable.
  std::uint64_t oldest_ = 0;
  std::uint64_t writing_ = 0;  // end of the blocks that the write under way covers
  std::uint64_t filling_ = 0;  // the block that append() fills; those before it are sealed
  std::size_t filled_ = 0;  // events in it

  std::uint64_t next_sequence_;
  std::uint64_t next_offset_ = kJournalHeaderBytes;  // of the filling block
  std::uint64_t durable_sequence_;
  std::uint64_t durable_offset_ = kJournalHeaderBytes;  // of block oldest_
  std::uint64_t written_ = 0;  // bytes from durable_offset_ on that a write has taken, but no sync yet
  bool in_flight_ = false;
  bool is_fenced_ = false;
  bool flush_requested_ = false;
  std::int64_t filling_since_ns_ = kNever;  // when poll() first saw the filling block not empty
  std::int64_t retry_at_ns_ = std::numeric_limits<std::int64_t>::min();

  std::optional<Error> error_;
  JournalStats stats_;
};

}  // namespace thintail
