// SPDX-License-Identifier: Apache-2.0
// UringDisk: a write linked to an fdatasync, by io_uring: the journal thread goes on copying while the disk works.
//   path       cold
//   invariant  a short or failed write breaks the link, so that the kernel never syncs, and we never acknowledge, less than
//              all of it. Where the kernel takes the write without the sync that was linked to it, that sync is not made: the
//              outcome says so, and the writer syncs next.
#pragma once

#include <liburing.h>

#include <memory>

#include "adapters/journal/journal_disk.hpp"
#include "core/base/error.hpp"

namespace thintail {

class UringDisk final : public JournalDisk {
 public:
  // system_call: the kernel has no io_uring, or a seccomp filter or sysctl refuses it.
  // `submitter`: io_uring_submit(); tests give one that takes less.
  using Submit = int (*)(io_uring*);
  static Result<std::unique_ptr<UringDisk>> create(Submit submitter = io_uring_submit);
  ~UringDisk() override;
  UringDisk(const UringDisk&) = delete;
  UringDisk& operator=(const UringDisk&) = delete;

  void start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept override;
  std::optional<DiskOutcome> poll() noexcept override;
  DiskOutcome wait() noexcept override;

 private:
  explicit UringDisk(Submit submitter) noexcept : submit_(submitter) {}
  void submit() noexcept;
  void take(const io_uring_cqe& completion) noexcept;

  Submit submit_;
  io_uring ring_{};
  io_uring_sqe* sync_ = nullptr;  // of the pair that was started last
  DiskOutcome outcome_;
  unsigned unsubmitted_ = 0;  // requests that the kernel has not accepted yet
  unsigned outstanding_ = 0;  // requests without a completion
};

}  // namespace thintail
