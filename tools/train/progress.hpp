// SPDX-License-Identifier: Apache-2.0
// Progress: how far training has come, for a person on standard error or for a program on standard output.
//   path  cold
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace thintail {

class Progress {
 public:
  // `for_program`: lines "progress 0.42 what is being done" on standard output, at most ten a second.
  explicit Progress(bool for_program) noexcept : for_program_(for_program) {}

  // The share of the whole work done, 0 to 1, and the stage in words. Cheap to call often.
  void report(double share, std::string_view stage);

 private:
  using Clock = std::chrono::steady_clock;

  bool for_program_;
  std::string stage_;
  Clock::time_point next_{};
};

}  // namespace thintail
