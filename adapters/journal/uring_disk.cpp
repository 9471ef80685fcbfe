// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/uring_disk.hpp"

#include <cerrno>

#include "adapters/journal/plain_disk.hpp"
#include "core/base/assert.hpp"

namespace thintail {
namespace {

enum Request : std::uint64_t { kWrite = 1, kSync = 2, kNoSync = 3 };
constexpr unsigned kRingEntries = 4;  // two requests are ever under way

}  // namespace

Result<std::unique_ptr<UringDisk>> UringDisk::create(Submit submitter) {
  std::unique_ptr<UringDisk> disk(new UringDisk(submitter));
  // No SINGLE_ISSUER: the daemon makes the writer on its main thread and hands it to the journal thread.
  if (const int code = io_uring_queue_init(kRingEntries, &disk->ring_, 0); code < 0) {
    disk->ring_.ring_fd = -1;
    return fail({.code = ErrorCode::system_call,
                 .doing = "setting up io_uring",
                 .field = "io_uring_setup",
                 .found = errno_text(-code)});
  }
  return disk;
}

UringDisk::~UringDisk() {
  if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
}

void UringDisk::start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept {
  TT_CHECK(outstanding_ == 0, "one write at a time");
  outcome_ = {.written = 0, .sync_error = ECANCELED};
  if (!pieces.empty()) {
    auto* write = io_uring_get_sqe(&ring_);
    io_uring_prep_writev(write, fd, pieces.data(), static_cast<unsigned>(pieces.size()), offset);
    io_uring_sqe_set_flags(write, IOSQE_IO_LINK);
    io_uring_sqe_set_data64(write, kWrite);
    ++outstanding_;
  }
  sync_ = io_uring_get_sqe(&ring_);
  io_uring_prep_fsync(sync_, fd, IORING_FSYNC_DATASYNC);
  io_uring_sqe_set_data64(sync_, kSync);
  ++outstanding_;
  unsubmitted_ = outstanding_;
  submit();
}

// A kernel short of memory refuses with EAGAIN or EBUSY; the requests stay queued and the next poll offers them again.
void UringDisk::submit() noexcept {
  if (unsubmitted_ == 0) return;
  const int accepted = submit_(&ring_);
  if (accepted <= 0) return;
  unsubmitted_ -= static_cast<unsigned>(accepted);
  if (unsubmitted_ == 0) return;
  // The write went without the sync, which would now run beside it: what the kernel has not read yet becomes a request that does
  // nothing.
  io_uring_prep_nop(sync_);
  io_uring_sqe_set_data64(sync_, kNoSync);
}

void UringDisk::take(const io_uring_cqe& completion) noexcept {
  if (completion.user_data == kWrite) {
    outcome_.written = completion.res;
  } else if (completion.user_data == kSync) {
    outcome_.sync_error = -completion.res;
  }
  --outstanding_;
}

std::optional<DiskOutcome> UringDisk::poll() noexcept {
  if (outstanding_ == 0) return std::nullopt;
  submit();
  io_uring_cqe* completion = nullptr;
  while (outstanding_ > 0 && io_uring_peek_cqe(&ring_, &completion) == 0) {
    take(*completion);
    io_uring_cqe_seen(&ring_, completion);
  }
  if (outstanding_ > 0) return std::nullopt;
  return outcome_;
}

DiskOutcome UringDisk::wait() noexcept {
  TT_CHECK(outstanding_ > 0, "a write to wait for");
  while (true) {
    if (const auto outcome = poll()) return *outcome;
    io_uring_cqe* completion = nullptr;
    if (unsubmitted_ == 0) io_uring_wait_cqe(&ring_, &completion);  // EINTR: poll again
  }
}

std::unique_ptr<JournalDisk> make_journal_disk() {
  if (auto uring = UringDisk::create()) return std::move(*uring);
  return std::make_unique<PlainDisk>();
}

}  // namespace thintail
