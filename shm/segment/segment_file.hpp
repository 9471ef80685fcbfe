// SPDX-License-Identifier: Apache-2.0
// The files behind a segment: their names, and opening them without being led astray by whoever else can write there.
//   path  cold
//
//   <directory>/thintail-<instance>       the segment in force; readers open this name
//   <directory>/thintail-<instance>.new   the next one while it is being built
//   <directory>/thintail-<instance>.lock  held by the writer; never removed, or two could each hold "the" lock
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.hpp"

namespace thintail::shm {

inline constexpr mode_t kFileMode = 0640;  // owner writes, group reads, nobody else

// An open file, closed when it goes.
class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor = -1) noexcept : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileDescriptor();

  int get() const noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

struct SegmentPaths {
  std::string segment, building, lock;
};

// Refuses an instance that is not [A-Za-z0-9_-]{1,32}: it becomes part of a file name.
Result<SegmentPaths> segment_paths(std::string_view directory, std::string_view instance);

// Opens an existing file for reading, or also for writing, and refuses it (shm_hostile) unless it is a regular file,
// not a link, that nobody but its owner can write, of this user, of root or of `owner`.
// A missing one is shm_not_found.
Result<FileDescriptor> open_checked(const std::string& path, bool writable, std::optional<uid_t> owner = {});

// The checks of open_checked on a file already open.
Result<void> check_ours(int descriptor, const std::string& path, std::optional<uid_t> owner = {});

// A failed call on a file, from errno.
Error file_error(ErrorCode code, std::string doing, const std::string& path);

}  // namespace thintail::shm
