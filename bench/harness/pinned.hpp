// SPDX-License-Identifier: Apache-2.0
// Pinned: the calling thread on one CPU for as long as a measurement lasts.
//   path  cold
#pragma once

#include <sched.h>

#include <vector>

#include "core/thread/affinity.hpp"

namespace thintail::bench {

// CPUs that this thread may run on, ascending; at least one.
inline std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {current_cpu()};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

class Pinned {
 public:
  // Where pinning is refused the measurement still runs, only less steadily.
  explicit Pinned(int cpu) noexcept
      : moved_(sched_getaffinity(0, sizeof before_, &before_) == 0 && pin_to_cpu(cpu).has_value()) {}
  ~Pinned() {
    if (moved_) sched_setaffinity(0, sizeof before_, &before_);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_;
  bool moved_;
};

}  // namespace thintail::bench
