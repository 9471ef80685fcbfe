// SPDX-License-Identifier: Apache-2.0
// JournalDisk: one write followed by one fdatasync, without waiting for them. What the writer asks of the system.
//   path     cold: a call or two for each batch of blocks
//   threads  the journal thread
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace thintail {

struct DiskOutcome {
  std::int64_t written = 0;  // bytes of the pieces, in order; -errno where the write failed
  int sync_error = 0;  // 0: what was written is on stable storage; ECANCELED: not tried, the write was incomplete
};

class JournalDisk {
 public:
  virtual ~JournalDisk() = default;

  // Starts writing `pieces` one after the other at `offset`, then fdatasync unless the write fails or is short. No pieces:
  // fdatasync only.
  // REQUIRES: the outcome of the last start was taken; pieces and what they point to stay as they are until the next is.
  virtual void start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept = 0;
  // The outcome of the last start, once; nothing while it is under way.
  virtual std::optional<DiskOutcome> poll() noexcept = 0;
  // The same, waiting for it.
  virtual DiskOutcome wait() noexcept = 0;
};

// io_uring where the kernel allows it, else PlainDisk.
std::unique_ptr<JournalDisk> make_journal_disk();

}  // namespace thintail
