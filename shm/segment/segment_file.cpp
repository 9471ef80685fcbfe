// SPDX-License-Identifier: Apache-2.0
#include "shm/segment/segment_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace thintail::shm {
namespace {

constexpr std::size_t kInstanceBytesMax = 32;

bool is_instance_byte(char byte) noexcept {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_' ||
         byte == '-';
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Error file_error(ErrorCode code, std::string doing, const std::string& path) {
  return {.code = code, .doing = std::move(doing), .file = path, .found = errno_text(errno)};
}

Result<SegmentPaths> segment_paths(std::string_view directory, std::string_view instance) {
  if (instance.empty() || instance.size() > kInstanceBytesMax || !std::ranges::all_of(instance, is_instance_byte)) {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "naming a segment",
                 .field = "instance",
                 .expected = "1 to 32 of A-Z a-z 0-9 _ -",
                 .found = printable(instance)});
  }
  const std::string base = fmt::format("{}/thintail-{}", directory, instance);
  return SegmentPaths{.segment = base, .building = base + ".new", .lock = base + ".lock"};
}

Result<void> check_ours(int descriptor, const std::string& path, std::optional<uid_t> owner) {
  struct stat status{};
  if (fstat(descriptor, &status) != 0) return fail(file_error(ErrorCode::shm_system, "looking at a segment", path));
  const uid_t self = geteuid();
  const bool owned = status.st_uid == self || status.st_uid == 0 || status.st_uid == owner;
  const mode_t mode = status.st_mode & 07777;
  if (S_ISREG(status.st_mode) && owned && (mode & ~kFileMode) == 0) return {};
  return fail(
      {.code = ErrorCode::shm_hostile,
       .doing = "checking a segment's file",
       .file = path,
       .expected = fmt::format("a regular file of user {} with mode 0640 at most", owner.value_or(self)),
       .found = fmt::format("{} of user {} with mode {:04o}",
                            S_ISREG(status.st_mode) ? "a regular file" : "no regular file", status.st_uid, mode)});
}

Result<FileDescriptor> open_checked(const std::string& path, bool writable, std::optional<uid_t> owner) {
  // O_NONBLOCK: a planted FIFO must not make us wait for its other end; it means nothing to a regular file.
  const int flags = (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  FileDescriptor file(::open(path.c_str(), flags));
  if (!file) {
    const auto code = errno == ENOENT                    ? ErrorCode::shm_not_found
                      : errno == ELOOP || errno == ENXIO ? ErrorCode::shm_hostile
                                                         : ErrorCode::shm_system;
    return fail(file_error(code, "opening a segment", path));
  }
  TT_TRY_VOID(check_ours(file.get(), path, owner));
  return file;
}

}  // namespace thintail::shm
