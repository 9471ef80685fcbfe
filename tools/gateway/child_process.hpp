// SPDX-License-Identifier: Apache-2.0
// A child process for long work: it yields to everybody, its output can be read, and it ends with the thread that started it.
//   path  cold
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "shm/segment/segment_file.hpp"

namespace thintail::gateway {

struct Child {
  pid_t pid = -1;
  shm::FileDescriptor end;  // readable once it has ended; none on a kernel without them, and then it is looked for
  shm::FileDescriptor output;
};

// In a process group of its own, niceness 10, killed when the calling thread ends, and the first that the kernel ends for want of memory. Its
// standard output and error are `output`, which does not block; a program that cannot be executed exits with 127. `cpus`: it may run on those
// alone, and only while nobody else wants them; empty: on all of ours, like any process of its niceness.
Result<Child> start_child(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<int>& cpus);

}  // namespace thintail::gateway
