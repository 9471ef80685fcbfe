// SPDX-License-Identifier: Apache-2.0
#include "shm/segment/writer_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/base/assert.hpp"

namespace thintail::shm {
namespace {

// The whole file, of an open file description: unlike the older process-wide lock, it is not lost when some other
// part of the process opens and closes the same file.
struct flock whole_file() noexcept {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// The holder wrote this for people; the kernel's answer for such locks has no pid.
std::string holder_text(int descriptor) {
  std::array<char, 64> text{};
  const auto count = pread(descriptor, text.data(), text.size() - 1, 0);
  return count > 0 ? printable({text.data(), static_cast<std::size_t>(count)}) : "a process that gave no pid";
}

}  // namespace

Result<WriterLock> WriterLock::acquire(std::string_view directory, std::string_view instance) {
  TT_TRY(const SegmentPaths paths, segment_paths(directory, instance));
  const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  FileDescriptor file(::open(paths.lock.c_str(), flags, kFileMode));
  if (!file) {
    const auto code = errno == ELOOP || errno == ENXIO ? ErrorCode::shm_hostile : ErrorCode::shm_system;
    return fail(file_error(code, "opening a writer lock", paths.lock));
  }
  TT_TRY_VOID(check_ours(file.get(), paths.lock));
  auto lock = whole_file();
  if (fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) return fail(file_error(ErrorCode::shm_system, "locking", paths.lock));
    return fail({.code = ErrorCode::shm_held,
                 .doing = fmt::format("starting instance {}", instance),
                 .file = paths.lock,
                 .expected = "a free writer lock",
                 .found = holder_text(file.get())});
  }
  const std::string holder = fmt::format("pid {}", getpid());
  if (ftruncate(file.get(), 0) != 0 || pwrite(file.get(), holder.data(), holder.size(), 0) < 0) {
    return fail(file_error(ErrorCode::shm_system, "writing the pid to a writer lock", paths.lock));
  }
  return WriterLock(std::move(file), directory, instance);
}

bool LockWatch::is_in_place() const noexcept {
  struct stat named{};
  return ::lstat(path_.c_str(), &named) == 0 && named.st_dev == device_ && named.st_ino == inode_;
}

LockWatch WriterLock::watch() const {
  struct stat held{};
  TT_CHECK(fstat(file_.get(), &held) == 0, "an open lock file to have an inode");
  // acquire() has checked the instance's name.
  return {segment_paths(directory_, instance_).value().lock, held.st_dev, held.st_ino};
}

Result<bool> WriterLock::is_held(std::string_view directory, std::string_view instance) {
  TT_TRY(const SegmentPaths paths, segment_paths(directory, instance));
  const FileDescriptor file(::open(paths.lock.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT) return false;
    return fail(file_error(ErrorCode::shm_system, "opening a writer lock", paths.lock));
  }
  auto lock = whole_file();
  if (fcntl(file.get(), F_OFD_GETLK, &lock) != 0) {
    return fail(file_error(ErrorCode::shm_system, "asking for a writer lock", paths.lock));
  }
  return lock.l_type != F_UNLCK;
}

}  // namespace thintail::shm
