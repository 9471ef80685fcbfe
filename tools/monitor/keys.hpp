// SPDX-License-Identifier: Apache-2.0
// apply_key: what a key does to the monitor's view.
//   path  cold
#pragma once

#include "tools/monitor/frame.hpp"

namespace thintail {

// False where the key ends the monitor. Keys without a meaning do nothing.
bool apply_key(char key, FrameOptions& options);

}  // namespace thintail
