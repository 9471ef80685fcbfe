// SPDX-License-Identifier: Apache-2.0
// `thintail models`: models of libraries made into .ttm packs, packs looked at, combined, held against what they claim.
#include "tools/thintail/models_bench.hpp"
#include "tools/thintail/models_commands.hpp"
#include "tools/thintail/models_promote.hpp"
#include "tools/thintail/models_quantization.hpp"

namespace thintail {

void add_models(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("models", "Model packs: import, combine, inspect, verify, quantize, bench, promote");
  command->require_subcommand(1);
  add_models_import(*command, chosen);
  add_models_combine(*command, chosen);
  add_models_inspect(*command, chosen);
  add_models_verify(*command, chosen);
  add_models_quantize(*command, chosen);
  add_models_bench(*command, chosen);
  add_models_promote(*command, chosen);
}

}  // namespace thintail
