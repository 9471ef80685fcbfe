// SPDX-License-Identifier: Apache-2.0
// Progress: throttled lines.
#include "tools/train/progress.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace thintail {

void Progress::report(double share, std::string_view stage) {
  const Clock::time_point now = Clock::now();
  if (stage == stage_ && now < next_) return;
  stage_ = stage;
  if (for_program_) {
    next_ = now + std::chrono::milliseconds(100);
    fmt::print("progress {:.3f} {}\n", share, stage);
    std::fflush(stdout);
  } else {
    next_ = now + std::chrono::seconds(1);
    fmt::print(stderr, "{:3.0f} %  {}\n", share * 100, stage);
  }
}

}  // namespace thintail
