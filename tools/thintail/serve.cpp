// SPDX-License-Identifier: Apache-2.0
// `thintail serve`: becomes thintail-gateway, which links the HTTP server that the core must not.
#include "tools/thintail/child_program.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {

void add_serve(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("serve", "REST, WebSocket, metrics and the dashboard of a running core");
  command->prefix_command();
  command->footer("`thintail serve -- --help` lists the options of the gateway; docs/api.md what it answers.");
  command->callback([command, &chosen] {
    chosen = [command]() -> Result<ExitCode> {
      TT_TRY(const std::string program, find_program("thintail-gateway"));
      std::vector<std::string> arguments = command->remaining();
      if (!arguments.empty() && arguments.front() == "--") arguments.erase(arguments.begin());
      return fail(exec_program(program, arguments));
    };
  });
}

}  // namespace thintail
