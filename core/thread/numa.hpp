// SPDX-License-Identifier: Apache-2.0
// Which memory is near which CPU (libnuma). On a machine with one node every question has the answer 0.
//   path  cold
#pragma once

#include <cstddef>

#include "core/base/error.hpp"

namespace thintail {

int numa_node_count() noexcept;
// The node of a CPU, or of the CPU we are running on where `cpu` is negative; 0 where there are no nodes.
int numa_node_of_cpu(int cpu) noexcept;

// Pages of the region that are not yet present will come from `node`. With one node there is nothing to do.
// REQUIRES: `memory` starts on a page.
Result<void> bind_to_node(void* memory, std::size_t size_bytes, int node);

}  // namespace thintail
