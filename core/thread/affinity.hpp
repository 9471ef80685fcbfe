// SPDX-License-Identifier: Apache-2.0
// Where the calling thread runs and what monitors call it.
//   path  cold
#pragma once

#include <string_view>

#include "core/base/error.hpp"

namespace thintail {

// How many CPUs this process may run on, which a container or taskset may have cut below the machine's.
int cpu_count() noexcept;
int current_cpu() noexcept;

Result<void> pin_to_cpu(int cpu);
// Shown by top, perf and gdb; cut to the kernel's 15 bytes.
void set_thread_name(std::string_view name) noexcept;

}  // namespace thintail
