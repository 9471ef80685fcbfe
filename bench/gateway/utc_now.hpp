// SPDX-License-Identifier: Apache-2.0
// utc_ns: the clock that stands in the events and in what clients compare them with, in whichever process.
//   path  cold
#pragma once

#include <time.h>

#include <cstdint>

namespace thintail::bench {

inline std::int64_t utc_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace thintail::bench
