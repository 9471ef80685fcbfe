// SPDX-License-Identifier: Apache-2.0
#include "core/thread/numa.hpp"

#include <fmt/format.h>
#include <numa.h>
#include <numaif.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "core/thread/affinity.hpp"

namespace thintail {
namespace {

// libnuma is present but unusable where the kernel has no NUMA support: its other calls must then be left alone.
bool has_numa() noexcept {
  static const bool available = numa_available() >= 0;
  return available;
}

}  // namespace

int numa_node_count() noexcept { return has_numa() ? std::max(1, numa_num_configured_nodes()) : 1; }

int numa_node_of_cpu(int cpu) noexcept {
  if (!has_numa()) return 0;
  return std::max(0, ::numa_node_of_cpu(cpu < 0 ? current_cpu() : cpu));
}

Result<void> bind_to_node(void* memory, std::size_t size_bytes, int node) {
  const auto refused = [&](std::string found) {
    return fail({.code = ErrorCode::system_call,
                 .doing = fmt::format("binding {} bytes to NUMA node {}", size_bytes, node),
                 .field = "numa_node",
                 .expected = fmt::format("a node below {}", numa_node_count()),
                 .found = std::move(found)});
  };
  if (node < 0 || node >= numa_node_count()) return refused(fmt::format("{}", node));
  if (numa_node_count() == 1) return {};
  const std::unique_ptr<bitmask, decltype(&numa_bitmask_free)> nodes(numa_allocate_nodemask(), &numa_bitmask_free);
  numa_bitmask_setbit(nodes.get(), static_cast<unsigned>(node));
  // Preferred rather than strict: a full node must cost latency, not kill the daemon at a page fault.
  if (mbind(memory, size_bytes, MPOL_PREFERRED, nodes->maskp, nodes->size + 1, 0) != 0) {
    return refused(errno_text(errno));
  }
  return {};
}

}  // namespace thintail
