// SPDX-License-Identifier: Apache-2.0
// `thintail models bench`: how long a pack's model takes for a row.
#pragma once

#include "tools/thintail/commands.hpp"

namespace thintail {

// Adds `bench` to the command `models`.
void add_models_bench(CLI::App& models, Action& chosen);

}  // namespace thintail
