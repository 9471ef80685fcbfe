// SPDX-License-Identifier: Apache-2.0
// CPU time of a process's threads, as the kernel counts it: /proc/PID/task/*/stat.
//   path  cold: a file a thread
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace thintail::gateway {

// Threads of one name are one row.
struct ThreadCpu {
  std::string name;
  double user_s = 0;
  double system_s = 0;
};

// By name. Empty where the process is gone, or is not shown to us.
std::vector<ThreadCpu> thread_cpu(int pid);
// Of one stat file's text; false where it is none. `ticks_per_s`: sysconf(_SC_CLK_TCK).
bool read_thread_stat(std::string_view text, double ticks_per_s, ThreadCpu& out);

}  // namespace thintail::gateway
