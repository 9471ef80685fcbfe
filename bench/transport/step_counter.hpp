// SPDX-License-Identifier: Apache-2.0
// count_instructions: how many instructions a piece of work executes, exactly, on machines without such a counter:
// a forked process does the work and is stepped through it.
//   path  cold: about a microsecond for each instruction
#pragma once

#include <cstdint>
#include <functional>

#include "core/base/error.hpp"

namespace thintail::bench {

// peer_absent where this system lets nobody trace.
Result<std::uint64_t> count_instructions(const std::function<void()>& work);

}  // namespace thintail::bench
