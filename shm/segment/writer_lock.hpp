// SPDX-License-Identifier: Apache-2.0
// WriterLock: the right to write an instance's segments. The kernel releases it when the process dies, however it dies.
//   path       cold
//   threads    one
//   invariant  at most one holder on the machine for each (directory, instance)
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "shm/segment/segment_file.hpp"

namespace thintail::shm {

class WriterLock {
 public:
  // Fails with shm_held, naming the holder's pid, where another process (or another lock of this one) has it.
  static Result<WriterLock> acquire(std::string_view directory, std::string_view instance);

  // Whether some process holds it now. Asking never takes it, so that a monitor cannot keep a daemon from starting.
  static Result<bool> is_held(std::string_view directory, std::string_view instance);

  const std::string& directory() const noexcept { return directory_; }
  const std::string& instance() const noexcept { return instance_; }

 private:
  WriterLock(FileDescriptor file, std::string_view directory, std::string_view instance)
      : file_(std::move(file)), directory_(directory), instance_(instance) {}

  FileDescriptor file_;
  std::string directory_, instance_;
};

}  // namespace thintail::shm
