// SPDX-License-Identifier: Apache-2.0
#include "shm/control/control_segment.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <new>

namespace thintail::shm {
namespace {

std::string building_path(const std::string& path) { return path + ".new"; }

struct flock slot_lock(std::uint32_t slot, short type) noexcept {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(slot);
  lock.l_len = 1;
  return lock;
}

}  // namespace

bool lock_slot(int descriptor, std::uint32_t slot) noexcept {
  auto lock = slot_lock(slot, F_WRLCK);
  return fcntl(descriptor, F_OFD_SETLK, &lock) == 0;
}

void unlock_slot(int descriptor, std::uint32_t slot) noexcept {
  auto lock = slot_lock(slot, F_UNLCK);
  fcntl(descriptor, F_OFD_SETLK, &lock);  // giving back what is held cannot fail
}

ControlSegment::ControlSegment(std::string path, FileDescriptor file, Mapping mapping, std::uint32_t epoch) noexcept
    : path_(std::move(path)),
      file_(std::move(file)),
      mapping_(std::move(mapping)),
      layout_(new(mapping_.data()) ControlLayout{}),
      epoch_(epoch) {
  layout_->header = {kControlMagic, kControlMajor, epoch, kControlSlots, sizeof(ControlSlot)};
}

ControlSegment::~ControlSegment() {
  if (!is_published_) {
    ::unlink(building_path(path_).c_str());
    return;
  }
  if (is_current()) ::unlink(path_.c_str());
}

bool ControlSegment::is_current() const noexcept {
  struct stat named{}, ours{};
  return ::lstat(path_.c_str(), &named) == 0 && fstat(file_.get(), &ours) == 0 && named.st_ino == ours.st_ino &&
         named.st_dev == ours.st_dev;
}

Result<std::unique_ptr<ControlSegment>> ControlSegment::create(std::string_view directory, std::string_view instance,
                                                               std::uint32_t epoch) {
  TT_TRY(const SegmentPaths paths, segment_paths(directory, instance));
  std::string path = control_path(paths);
  const std::string building = building_path(path);
  // What stands there was left by a core that died: the writer lock is ours.
  if (::unlink(building.c_str()) != 0 && errno != ENOENT) {
    return fail(file_error(ErrorCode::shm_hostile, "removing what stands in a control segment's place", building));
  }
  FileDescriptor file(::open(building.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!file) {
    const auto code = errno == EEXIST ? ErrorCode::shm_hostile : ErrorCode::shm_system;
    return fail(file_error(code, "creating a control segment", building));
  }
  // Reserved before it is mapped: the first touch of a page that a full file system cannot give is SIGBUS.
  int error = EINTR;
  while (error == EINTR) error = posix_fallocate(file.get(), 0, sizeof(ControlLayout));
  auto mapped =
      error == 0 ? Mapping::map(file.get(), sizeof(ControlLayout), Access::read_write)
                 : fail({.code = error == ENOSPC || error == EFBIG ? ErrorCode::shm_too_small : ErrorCode::shm_system,
                         .doing = "reserving a control segment",
                         .file = path,
                         .expected = fmt::format("{} bytes", sizeof(ControlLayout)),
                         .found = errno_text(error)});
  if (!mapped) {
    ::unlink(building.c_str());
    return fail(std::move(mapped).error());
  }
  return std::unique_ptr<ControlSegment>(
      new ControlSegment(std::move(path), std::move(file), *std::move(mapped), epoch));
}

Result<void> ControlSegment::publish() {
  if (std::rename(building_path(path_).c_str(), path_.c_str()) != 0) {
    return fail(file_error(ErrorCode::shm_system, "giving a control segment its name", path_));
  }
  is_published_ = true;
  return {};
}

bool ControlSegment::take(ReceivedCommand& out) noexcept {
  ControlSlot& slot = layout_->slots[slot_];
  std::uint32_t read = reads_[slot_].load(std::memory_order_relaxed);  // relaxed: only this thread writes it
  CommandRequest request;
  if (slot.queue.take(read, request) != Taken::request)
    return false;  // damaged: nothing more comes of it until it is reset
  reads_[slot_].store(read, std::memory_order_relaxed);  // relaxed: the owning thread tolerates an older one
  const bool is_known = request.kind >= static_cast<std::uint16_t>(CommandKind::pause) &&
                        request.kind <= static_cast<std::uint16_t>(CommandKind::reset_kill);
  out = {request.command_id, is_known ? static_cast<CommandKind>(request.kind) : CommandKind::none, slot_};
  if (request.is_whole() && is_known && request.epoch == epoch_ && request.command_id != 0 && request.reserved == 0) {
    return true;
  }
  refused_.store(refused() + 1, std::memory_order_relaxed);  // relaxed: a figure; only this thread writes it
  answer(out, CommandAnswer::refused, 0);
  return false;
}

void ControlSegment::answer(const ReceivedCommand& command, CommandAnswer answer, std::uint64_t sequence) noexcept {
  auto& cell = layout_->slots[command.slot].reply;
  const CommandReply reply{command.command_id, sequence, answer, ++answers_};
  cell.store(reply);
  CommandReply stored{};
  if (cell.try_load(stored)) return;
  // A client wrote over the cell's version: made odd, it would stay unreadable however often we store.
  // The version is the cell's first word.
  std::atomic_ref(reinterpret_cast<std::uint64_t&>(cell)).store(0, std::memory_order_relaxed);  // relaxed: as store()'s
  cell.store(reply);
}

std::uint32_t ControlSegment::reset_dead_slots() noexcept {
  std::uint32_t resets = 0;
  for (std::uint32_t number = 0; number < kControlSlots; ++number) {
    ControlSlot& slot = layout_->slots[number];
    const auto read = [&] {
      return reads_[number].load(
          std::memory_order_relaxed);  // relaxed: the queue is left alone while it is not empty at it
    };
    const bool is_owned = slot.owner_pid.load(std::memory_order_relaxed) != 0;  // relaxed: the lock decides
    if (!is_owned && !slot.queue.needs_repair(read())) continue;
    if (!lock_slot(file_.get(), number)) continue;  // its client lives
    // What the dead client had asked for is still carried out: the engine takes it first, and a later look finds the queue empty.
    if (slot.queue.is_damaged() || !slot.queue.has_unread(read())) {
      slot.queue.repair(read());
      slot.owner_pid.store(0, std::memory_order_relaxed);  // relaxed: the lock hands it on
      ++resets;
    }
    unlock_slot(file_.get(), number);
  }
  return resets;
}

}  // namespace thintail::shm
