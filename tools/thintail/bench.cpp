// SPDX-License-Identifier: Apache-2.0
// `thintail bench SUITE`: becomes thintail-bench-peers, which links what ours is measured against.
#include "tools/thintail/child_program.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {

void add_bench(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("bench", "Measure against named peers in the same run: `bench spine --json`");
  command->prefix_command();
  command->footer("`thintail bench` lists the suites; `thintail bench SUITE --help` its options.");
  command->callback([command, &chosen] {
    chosen = [command]() -> Result<ExitCode> {
      TT_TRY(const std::string program, find_program("thintail-bench-peers"));
      return fail(exec_program(program, command->remaining()));
    };
  });
}

}  // namespace thintail
