// SPDX-License-Identifier: Apache-2.0
// `thintail explain CODE`: what an error code means and what to do about it.
#include <fmt/format.h>

#include "tools/thintail/commands.hpp"

namespace thintail {
namespace {

void print(const ErrorInfo& row) {
  fmt::print("{}  {}\n\n  {}\n  {}\n\n  exit code {}\n", code_name(row.code), row.title, row.meaning, row.advice,
             static_cast<int>(row.exit));
}

Result<ExitCode> explain(const std::string& code) {
  if (code.empty()) {
    for (const ErrorInfo& row : error_catalogue()) fmt::print("{}  {}\n", code_name(row.code), row.title);
    return ExitCode::ok;
  }
  for (const ErrorInfo& row : error_catalogue()) {
    // "TT-0205", "0205" and "205" all mean the same to a person.
    const std::string name = code_name(row.code);
    if (code == name || code == name.substr(3) || code == std::to_string(static_cast<unsigned>(row.code))) {
      print(row);
      return ExitCode::ok;
    }
  }
  return fail({.code = ErrorCode::usage,
               .doing = "explaining a code",
               .expected = "one that `thintail explain` lists",
               .found = '"' + printable(code) + '"'});
}

}  // namespace

void add_explain(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("explain", "What an error code means and what to do about it");
  auto code = std::make_shared<std::string>();
  command->add_option("CODE", *code, "e.g. TT-0205; without one, every code is listed");
  command->callback([code, &chosen] { chosen = [code] { return explain(*code); }; });
}

}  // namespace thintail
