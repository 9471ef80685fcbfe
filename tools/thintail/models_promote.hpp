// SPDX-License-Identifier: Apache-2.0
// `thintail models promote`: a pack put where the core takes its model from.
#pragma once

#include "tools/thintail/commands.hpp"

namespace thintail {

void add_models_promote(CLI::App& models, Action& chosen);

}  // namespace thintail
