// SPDX-License-Identifier: Apache-2.0
// thintail: the one command. Wiring only: it reads the command line and calls the libraries.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "tools/thintail/commands.hpp"

namespace {

using namespace thintail;

int report(const Error& error) {
  fmt::print(stderr, "error: {}\n  {}\n  `thintail explain {}` tells more.\n", error.message(), error_info(error.code).advice,
             code_name(error.code));
  return static_cast<int>(error_info(error.code).exit);
}

int run(int argc, char** argv) {
  CLI::App app{"Thintail: a low-latency, shared-memory trading core for FX, gold and crypto", "thintail"};
  app.set_version_flag("--version", "thintail " THINTAIL_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Through the front door ./thintail also: `test [--filter NAME] [--long] [--require-data]` builds and passes every test,\n"
      "`lint` checks format and style. Exit codes: 0 ok, 1 runtime error, 2 a check failed, 64 usage, 70 a bug.");
  Action chosen;
  add_demo(app, chosen);
  add_run(app, chosen);
  add_replay(app, chosen);
  add_stat(app, chosen);
  add_config(app, chosen);
  add_explain(app, chosen);
  add_bench(app, chosen);
  add_perf(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& parse) {
    // Help and version come as "errors" of code 0.
    return app.exit(parse) == 0 ? static_cast<int>(ExitCode::ok) : static_cast<int>(ExitCode::usage);
  }
  const Result<ExitCode> outcome = chosen();
  return outcome ? static_cast<int>(*outcome) : report(outcome.error());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& exception) {
    return report({.code = ErrorCode::internal, .doing = exception.what()});
  }
}
