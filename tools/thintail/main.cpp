// SPDX-License-Identifier: Apache-2.0
// thintail: the one command. Wiring only: it reads the command line and calls the libraries.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
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

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  return names;
}

// A word that is no command where one must stand: named, with the one that was probably meant.
std::optional<Error> unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* within = &app;
  for (int i = 1; i < argc && argv[i][0] != '-' && within->get_require_subcommand_min() > 0; ++i) {
    const std::string word = argv[i];
    const std::vector<std::string> known = command_names(*within);
    if (std::ranges::find(known, word) == known.end()) {
      return Error{
          .code = ErrorCode::usage,
          .doing = within == &app ? "choosing a command" : fmt::format("choosing a command of {}", within->get_name()),
          .expected = fmt::format("one of {}; the nearest is {}", fmt::join(known, ", "), nearest_name(word, known)),
          .found = '"' + printable(word, 64) + '"'};
    }
    within = within->get_subcommand(word);
  }
  return std::nullopt;
}

// What follows `option` on the command line, each time that it stands there.
std::vector<std::string> values_of(const std::string& option, std::span<char* const> words) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i];
    if (word == option && i + 1 < words.size()) values.push_back(printable(words[i + 1], 64));
    if (word.starts_with(option + "=")) values.push_back(printable(word.substr(option.size() + 1), 64));
  }
  return values;
}

// The parser's words name what is wrong; what was expected and what was found are added.
Error command_line_error(const CLI::App& app, const CLI::ParseError& parse, std::span<char* const> words) {
  const CLI::App* command = &app;
  std::string name = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  const std::string what = parse.what();
  Error error{.code = ErrorCode::usage, .doing = "reading the command line", .found = printable(what)};
  if (parse.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    const std::string extra = what.substr(std::min(what.find(": "), what.size() - 2) + 2);
    error.found = fmt::format("\"{}\"", printable(extra));
    error.expected = fmt::format("no further argument of `{}`", name);
    // An option that is none leaves its value behind too.
    const auto option = std::ranges::find_if(words, [&](const char* word) {
      return word[0] == '-' && fmt::format(" {} ", extra).contains(fmt::format(" {} ", word));
    });
    if (option != words.end()) {
      std::vector<std::string> known;
      for (const CLI::Option* one : command->get_options()) {
        for (const std::string& long_name : one->get_lnames()) known.push_back("--" + long_name);
      }
      const std::string word = *option;
      error.expected = fmt::format("an option of `{}`; the nearest is {}", name,
                                   nearest_name(word.substr(0, word.find('=')), known));
      error.found = fmt::format("\"{}\"", printable(word));
    }
  } else if (parse.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
    error.doing = fmt::format("reading the command line: {}", what);
    error.expected = fmt::format("one of {}", fmt::join(command_names(*command), ", "));
    for (const CLI::Option* option : command->get_options()) {
      if (what == option->get_name() + " is required") error.expected = option->get_description();
    }
    error.found = fmt::format("`{}`", printable(fmt::format("thintail {}", fmt::join(words, " ")), 200));
  } else if (const std::string option = what.substr(0, what.find(':')); values_of(option, words).size() > 1) {
    error.expected = fmt::format("{} once", option);
    error.found =
        fmt::format("{} times: {}", values_of(option, words).size(), fmt::join(values_of(option, words), ", "));
  }
  return error;
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
  add_models(app, chosen);
  add_serve(app, chosen);
  add_keys(app, chosen);
  add_bench(app, chosen);
  add_perf(app, chosen);
  add_abi(app, chosen);
  if (const auto unknown = unknown_command(app, argc, argv)) return report(*unknown);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& parse) {
    if (parse.get_exit_code() == 0) return app.exit(parse);  // help and version come as "errors" too
    return report(command_line_error(app, parse, std::span(argv + 1, static_cast<std::size_t>(argc - 1))));
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
