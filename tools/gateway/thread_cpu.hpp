// SPDX-License-Identifier: Apache-2.0
// CPU time of a process's threads, as the kernel counts it: /proc/PID/task/*/stat.
//   path  cold: a file a thread
#pragma once

#include <cstdint>
#include <map>
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

// What part of a core's time each of a process's threads took, between two looks.
//   threads  one
class ThreadShares {
 public:
  static constexpr std::int64_t kLookNs = 1'000'000'000;  // the kernel counts in hundredths of a second

  // Looks where the last look is long enough ago; at pid 0 there is nobody. `now_ns`: of a clock that never goes back.
  void look(int pid, std::int64_t now_ns);
  // What was seen of it, against what was seen before.
  void take(int pid, std::int64_t now_ns, const std::vector<ThreadCpu>& seen);
  // By name, which the kernel cuts off after 15 bytes. Empty before the second look.
  const std::map<std::string, double>& shares() const noexcept { return shares_; }

 private:
  int pid_ = 0;
  std::int64_t looked_ns_ = 0;
  std::map<std::string, double> before_s_;
  std::map<std::string, double> shares_;
};

}  // namespace thintail::gateway
