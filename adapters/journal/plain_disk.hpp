// SPDX-License-Identifier: Apache-2.0
// PlainDisk: pwritev and fdatasync, for kernels and containers that refuse io_uring. start() waits for the disk.
//   path  cold
#pragma once

#include "adapters/journal/journal_disk.hpp"

namespace thintail {

class PlainDisk final : public JournalDisk {
 public:
  void start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept override;
  std::optional<DiskOutcome> poll() noexcept override;
  DiskOutcome wait() noexcept override;

 private:
  std::optional<DiskOutcome> outcome_;
};

}  // namespace thintail
