// SPDX-License-Identifier: Apache-2.0
// `thintail features compute`: a file of ticks or bars as a file of feature rows.
#pragma once

#include "tools/thintail/commands.hpp"

namespace thintail {

// Adds `compute` to the command `features`.
void add_features_compute(CLI::App& features, Action& chosen);

}  // namespace thintail
