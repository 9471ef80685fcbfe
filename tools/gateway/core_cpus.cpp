// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/core_cpus.hpp"

#include <sched.h>

#include <algorithm>

#include "tools/gateway/core_model.hpp"

namespace thintail::gateway {

std::vector<int> pinned_cpus(const SharedModel& model) {
  return model.read([](const CoreModel& seen) {
    std::vector<int> cpus;
    if (!seen.sample || seen.sample->state != CoreState::running) return cpus;
    for (const ThreadSample& thread : seen.sample->threads) {
      if (thread.state == shm::ThreadState::running && thread.cpu >= 0) cpus.push_back(thread.cpu);
    }
    return cpus;
  });
}

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<int> cpus_left(const std::vector<int>& allowed, const std::vector<int>& pinned) {
  std::vector<int> left;
  for (const int cpu : allowed) {
    if (std::ranges::find(pinned, cpu) == pinned.end()) left.push_back(cpu);
  }
  return left.empty() ? allowed : left;
}

}  // namespace thintail::gateway
