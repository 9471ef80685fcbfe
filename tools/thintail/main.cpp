// SPDX-License-Identifier: Apache-2.0
// thintail: the one command. Wiring only: it reads the command line and calls the libraries.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "core/config/nearest_name.hpp"
#include "tools/thintail/commands.hpp"

namespace {

using namespace thintail;

int report(const Error& error) {
  fmt::print(stderr, "error: {}\n  {}\n  `thintail explain {}` tells more.\n", error.message(),
             error_info(error.code).advice, code_name(error.code));
  return static_cast<int>(error_info(error.code).exit);
}

// A first word that is no command: named, with the one that was probably meant.
std::optional<Error> unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return std::nullopt;
  const std::string word = argv[1];
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands(nullptr)) known.push_back(command->get_name());
  if (std::ranges::find(known, word) != known.end()) return std::nullopt;
  return Error{
      .code = ErrorCode::usage,
      .doing = "choosing a command",
      .expected = fmt::format("one of {}; the nearest is {}", fmt::join(known, ", "), nearest_name(word, known)),
      .found = '"' + printable(word, 64) + '"'};
}

int run(int argc, char** argv) {
  CLI::App app{"Thintail: a low-latency, shared-memory trading core for FX, gold and crypto", "thintail"};
  app.set_version_flag("--version", "thintail " THINTAIL_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Through the front door ./thintail also: `test [--filter NAME] [--long] [--require-data]` builds and passes "
      "every test,\n"
      "`lint` checks format and style. Exit codes: 0 ok, 1 runtime error, 2 a check failed, 64 usage, 70 a bug.");
  Action chosen;
  add_demo(app, chosen);
  add_run(app, chosen);
  add_replay(app, chosen);
  add_stat(app, chosen);
  add_top(app, chosen);
  add_events(app, chosen);
  add_ctl(app, chosen);
  add_config(app, chosen);
  add_explain(app, chosen);
  add_features(app, chosen);
  add_bench(app, chosen);
  add_perf(app, chosen);
  add_abi(app, chosen);
  if (const auto unknown = unknown_command(app, argc, argv)) return report(*unknown);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& parse) {
    if (parse.get_exit_code() == 0) return app.exit(parse);  // help and version come as "errors" too
    return report({.code = ErrorCode::usage, .doing = "reading the command line", .found = printable(parse.what())});
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
