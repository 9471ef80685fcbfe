// SPDX-License-Identifier: Apache-2.0
// UringDisk: a write linked to an fdatasync, by io_uring: the journal thread goes on copying while the disk works.
//   path       cold
//   invariant  a short or failed write breaks the link, so that the kernel never syncs, and we never acknowledge, less than
//              all of it.
#pragma once

#include <liburing.h>

#include <memory>

#include "adapters/journal/journal_disk.hpp"
#include "core/base/error.hpp"

namespace thintail {

class UringDisk final : public JournalDisk {
 public:
  // system_call: the kernel has no io_uring, or a seccomp filter or sysctl refuses it.
  static Result<std::unique_ptr<UringDisk>> create();
  ~UringDisk() override;
  UringDisk(const UringDisk&) = delete;
  UringDisk& operator=(const UringDisk&) = delete;

  void start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept override;
  std::optional<DiskOutcome> poll() noexcept override;
  DiskOutcome wait() noexcept override;

 private:
  UringDisk() noexcept = default;
  void submit() noexcept;
  void take(const io_uring_cqe& completion) noexcept;

  io_uring ring_{};
  DiskOutcome outcome_;
  unsigned unsubmitted_ = 0;  // requests that the kernel has not accepted yet
  unsigned outstanding_ = 0;  // requests without a completion
};

}  // namespace thintail
