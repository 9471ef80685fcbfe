// SPDX-License-Identifier: Apache-2.0
// CPUs that threads of a core are pinned to, and those that are left to everybody else.
//   path  cold
#pragma once

#include <functional>
#include <vector>

namespace thintail::gateway {

class SharedModel;

// Asked anew each time: cores come and go.
using PinnedCpus = std::function<std::vector<int>()>;

// As the core itself says; none unless it runs.
std::vector<int> pinned_cpus(const SharedModel& model);
// Those that the calling thread may run on, ascending.
std::vector<int> allowed_cpus();
// `allowed` without `pinned`; all of `allowed` where nothing would be left.
std::vector<int> cpus_left(const std::vector<int>& allowed, const std::vector<int>& pinned);

}  // namespace thintail::gateway
