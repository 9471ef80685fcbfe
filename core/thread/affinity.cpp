// SPDX-License-Identifier: Apache-2.0
#include "core/thread/affinity.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace thintail {

int cpu_count() noexcept {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return CPU_COUNT(&allowed);
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

int current_cpu() noexcept { return sched_getcpu(); }

Result<void> pin_to_cpu(int cpu) {
  const auto refused = [cpu](std::string found) {
    return fail({.code = ErrorCode::system_call,
                 .doing = fmt::format("pinning a thread to CPU {}", cpu),
                 .field = "cpu",
                 .expected = "a CPU that this process may run on",
                 .found = std::move(found)});
  };
  if (cpu < 0 || cpu >= CPU_SETSIZE) return refused(fmt::format("{}", cpu));
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<unsigned>(cpu), &only);
  if (sched_setaffinity(0, sizeof(only), &only) != 0) return refused(errno_text(errno));
  return {};
}

void set_thread_name(std::string_view name) noexcept {
  std::array<char, 16> text{};
  std::ranges::copy(name.substr(0, text.size() - 1), text.begin());
  pthread_setname_np(pthread_self(), text.data());
}

}  // namespace thintail
