// SPDX-License-Identifier: Apache-2.0
// WriterLock: the right to write an instance's segments. The kernel releases it when the process dies, however it dies.
//   path       cold
//   threads    one
//   invariant  at most one holder on the machine for each (directory, instance)
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "shm/segment/segment_file.hpp"

namespace thintail::shm {

// Whether a lock that is held is still the one that its name leads to. Once somebody takes the held file away, the next
// start locks another: then there may be two writers, and the first has to stop.
class LockWatch {
 public:
  LockWatch(std::string path, dev_t device, ino_t inode) : path_(std::move(path)), device_(device), inode_(inode) {}

  // From any thread; one system call. REQUIRES: the lock is held, or its file's number may be another's by now.
  bool is_in_place() const noexcept;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  dev_t device_;
  ino_t inode_;
};

class WriterLock {
 public:
  // Fails with shm_held, naming the holder's pid, where another process (or another lock of this one) has it.
  static Result<WriterLock> acquire(std::string_view directory, std::string_view instance);

  // Whether some process holds it now. Asking never takes it, so that a monitor cannot keep a daemon from starting.
  static Result<bool> is_held(std::string_view directory, std::string_view instance);

  LockWatch watch() const;

  const std::string& directory() const noexcept { return directory_; }
  const std::string& instance() const noexcept { return instance_; }

 private:
  WriterLock(FileDescriptor file, std::string_view directory, std::string_view instance)
      : file_(std::move(file)), directory_(directory), instance_(instance) {}

  FileDescriptor file_;
  std::string directory_, instance_;
};

}  // namespace thintail::shm
