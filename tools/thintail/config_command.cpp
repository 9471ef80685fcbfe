// SPDX-License-Identifier: Apache-2.0
// `thintail config`: the settings in force and where each came from; every key explained.
#include <fmt/format.h>

#include "core/config/config.hpp"
#include "core/config/demo_settings.hpp"
#include "core/config/reference.hpp"
#include "tools/thintail/commands.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {
namespace {

struct ConfigArguments {
  RunOptions run;
  bool origin = false;
  bool demo = false;
};

Result<ExitCode> show_config(const ConfigArguments& arguments) {
  TT_TRY(const Config config, arguments.run.load(arguments.demo ? demo_settings() : Settings{}));
  fmt::print("{}", show(config, arguments.origin));
  return ExitCode::ok;
}

}  // namespace

void add_config(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("config", "The settings in force");
  command->require_subcommand(1);
  auto* show_command = command->add_subcommand("show", "Print every setting as TOML");
  auto arguments = std::make_shared<ConfigArguments>();
  show_command->add_flag("--origin", arguments->origin, "Say where each setting came from");
  show_command->add_flag("--demo", arguments->demo, "Start from the demo's embedded defaults");
  arguments->run.add_config_to(*show_command);
  auto* reference = command->add_subcommand("reference", "Print the commented thintail.toml");
  auto markdown = std::make_shared<bool>(false);
  reference->add_flag("--markdown", *markdown, "Print docs/configuration.md instead");
  reference->callback([markdown, &chosen] {
    chosen = [markdown]() -> Result<ExitCode> {
      fmt::print("{}", *markdown ? reference_markdown() : reference_toml());
      return ExitCode::ok;
    };
  });
  show_command->callback([arguments, &chosen] { chosen = [arguments] { return show_config(*arguments); }; });
}

}  // namespace thintail
