// SPDX-License-Identifier: Apache-2.0
// Who a process is, beyond its pid: the kernel gives pids out again, but not with the same start time, nor the same
// boot.
//   path  cold
#pragma once

#include <cstdint>
#include <string>

namespace thintail::shm {

struct ProcessIdentity {
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;  // clock ticks after boot; 0 where /proc does not tell
  std::string boot_id;  // empty where /proc does not tell

  bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity this_process();

// Whether that very process still runs, or stands still. False for a pid that another process has by now, for one that
// has ended and was not waited for, and where /proc shows nothing of it (another pid namespace).
bool is_running(const ProcessIdentity& process);

}  // namespace thintail::shm
