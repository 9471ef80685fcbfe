// SPDX-License-Identifier: Apache-2.0
#include "shm/control/replay_pace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <optional>
#include <utility>

namespace thintail::shm {
namespace {

constexpr int kAttempts = 100;  // each means that another replay has ended meanwhile

Result<std::string> replay_path(std::string_view directory, std::string_view instance) {
  TT_TRY(const SegmentPaths paths, segment_paths(directory, instance));
  return paths.segment + ".replay";
}

struct flock first_byte(short type) noexcept {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  return lock;
}

// The name may have been taken away, or be another file's by now.
bool is_named(int file, const std::string& path) noexcept {
  struct stat named{}, ours{};
  return ::lstat(path.c_str(), &named) == 0 && fstat(file, &ours) == 0 && named.st_ino == ours.st_ino &&
         named.st_dev == ours.st_dev;
}

// The file with its first byte locked. Nothing: its owner took the name away before the lock was ours.
Result<std::optional<FileDescriptor>> lock_file(const std::string& path, std::string_view instance) {
  const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  FileDescriptor file(::open(path.c_str(), flags, kFileMode));
  if (!file) {
    const auto code = errno == ELOOP || errno == ENXIO ? ErrorCode::shm_hostile : ErrorCode::shm_system;
    return fail(file_error(code, "making a replay's file", path));
  }
  TT_TRY_VOID(check_ours(file.get(), path));
  auto lock = first_byte(F_WRLCK);
  const bool is_locked = fcntl(file.get(), F_OFD_SETLK, &lock) == 0;
  if (!is_named(file.get(), path)) return std::nullopt;
  if (is_locked) return std::optional(std::move(file));
  return fail({.code = ErrorCode::shm_held,
               .doing = fmt::format("beginning a replay of instance {}", instance),
               .file = path,
               .expected = "no other replay of that name",
               .found = "one that lives"});
}

}  // namespace

ReplayPace::ReplayPace(std::string path, FileDescriptor file, Mapping mapping) noexcept
    : path_(std::move(path)),
      file_(std::move(file)),
      mapping_(std::move(mapping)),
      layout_(new(mapping_.data()) ReplayLayout{}) {}

ReplayPace::~ReplayPace() {
  if (is_named(file_.get(), path_)) ::unlink(path_.c_str());
}

Result<std::unique_ptr<ReplayPace>> ReplayPace::create(std::string_view directory, std::string_view instance,
                                                       PaceWord start, std::int64_t from_ns, std::int64_t to_ns) {
  TT_TRY(std::string path, replay_path(directory, instance));
  FileDescriptor file;
  for (int attempt = 0; !file; ++attempt) {
    if (attempt == kAttempts) {
      return fail({.code = ErrorCode::shm_held,
                   .doing = fmt::format("beginning a replay of instance {}", instance),
                   .file = path,
                   .expected = "a name that stays",
                   .found = "others that begin and end replays of it"});
    }
    TT_TRY(auto locked, lock_file(path, instance));
    if (locked) file = *std::move(locked);
  }
  // Reserved before it is mapped: the first touch of a page that a full file system cannot give is SIGBUS.
  int error = EINTR;
  while (error == EINTR) error = posix_fallocate(file.get(), 0, sizeof(ReplayLayout));
  if (error != 0) {
    return fail({.code = error == ENOSPC || error == EFBIG ? ErrorCode::shm_too_small : ErrorCode::shm_system,
                 .doing = "reserving a replay's file",
                 .file = path,
                 .found = errno_text(error)});
  }
  TT_TRY(Mapping mapping, Mapping::map(file.get(), sizeof(ReplayLayout), Access::read_write));
  auto made = std::unique_ptr<ReplayPace>(new ReplayPace(std::move(path), std::move(file), std::move(mapping)));
  made->layout_->from_ns = from_ns;
  made->layout_->to_ns = to_ns;
  made->layout_->wanted.store(start.bits(), std::memory_order_relaxed);  // relaxed: before the magic, see below
  std::atomic_ref(made->layout_->magic).store(kReplayMagic, std::memory_order_release);  // P1: last; pairs P2
  return made;
}

ReplayControl::ReplayControl(Mapping mapping) noexcept
    : mapping_(std::move(mapping)), layout_(std::launder(reinterpret_cast<ReplayLayout*>(mapping_.data()))) {}

Result<ReplayControl> ReplayControl::open(std::string_view directory, std::string_view instance) {
  TT_TRY(const std::string path, replay_path(directory, instance));
  TT_TRY(const FileDescriptor file, open_checked(path, true));
  const auto none = [&](std::string found) {
    return fail({.code = ErrorCode::shm_not_found,
                 .doing = "opening a replay's file",
                 .file = path,
                 .expected = "that of a replay that lives",
                 .found = std::move(found)});
  };
  struct stat status{};
  if (fstat(file.get(), &status) != 0)
    return fail(file_error(ErrorCode::shm_system, "looking at a replay's file", path));
  if (std::cmp_less(status.st_size, sizeof(ReplayLayout))) return none(fmt::format("{} bytes", status.st_size));
  auto lock = first_byte(F_WRLCK);
  if (fcntl(file.get(), F_OFD_GETLK, &lock) != 0) {
    return fail(file_error(ErrorCode::shm_system, "asking who plays a replay", path));
  }
  if (lock.l_type == F_UNLCK) return none("one that has ended");
  TT_TRY(Mapping mapping, Mapping::map(file.get(), sizeof(ReplayLayout), Access::read_write));
  ReplayControl control(std::move(mapping));
  const std::uint64_t magic =
      std::atomic_ref(control.layout_->magic).load(std::memory_order_acquire);  // P2: all else is there; pairs P1
  if (magic != kReplayMagic) return none(fmt::format("magic {:#x}", magic));
  return control;
}

template <class Change>
PaceWord ReplayControl::change(Change&& how) noexcept {
  std::uint64_t before = layout_->wanted.load(std::memory_order_relaxed);  // relaxed: as ReplayPace's
  PaceWord after;
  do {
    after = PaceWord::of(before);
    how(after);
  } while (
      !layout_->wanted.compare_exchange_weak(before, after.bits(), std::memory_order_relaxed));  // relaxed: one word
  return after;
}

PaceWord ReplayControl::set_paused(bool is_paused) noexcept {
  return change([&](PaceWord& word) { word.is_paused = is_paused; });
}
PaceWord ReplayControl::set_speed(std::uint32_t thousandths) noexcept {
  return change([&](PaceWord& word) { word.speed_thousandths = thousandths; });
}

}  // namespace thintail::shm
