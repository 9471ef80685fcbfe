// SPDX-License-Identifier: Apache-2.0
// Screen: from frames to the bytes that bring a terminal from the last one to the next: only changed lines are sent.
//   path  cold
#pragma once

#include <string>

#include "tools/monitor/frame.hpp"

namespace thintail {

class Screen {
 public:
  // The bytes to write; empty where nothing changed.
  std::string update(const Frame& frame);
  // Forgets what the terminal shows: the next update clears it and draws every line.
  void invalidate() noexcept { is_known_ = false; }

 private:
  Frame shown_;
  bool is_known_ = false;
};

}  // namespace thintail
