// SPDX-License-Identifier: Apache-2.0
// `thintail ctl`: an operator's command to a running core, and its acknowledgement: the event that it became.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "core/event/payloads.hpp"
#include "tools/monitor/operator_command.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {
namespace {

struct CtlArguments {
  std::string action;
  std::string instance = "default";
  std::string directory = "/dev/shm";
  std::string timeout = "1s";
  std::uint64_t id = 0;
  bool json = false;
};

const std::map<std::string, CommandKind>& actions() {
  static const std::map<std::string, CommandKind> kActions = {{"pause", CommandKind::pause},
                                                              {"resume", CommandKind::resume},
                                                              {"flatten", CommandKind::flatten},
                                                              {"kill", CommandKind::kill},
                                                              {"reset-kill", CommandKind::reset_kill}};
  return kActions;
}

Result<std::chrono::milliseconds> timeout_of(const std::string& text) {
  constexpr std::int64_t kSecondsMax = 3600;
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (fault != std::errc{} || number <= 0 || number > kSecondsMax * 1000 || (unit != "s" && unit != "ms")) {
    return fail({.code = ErrorCode::usage,
                 .doing = "reading --timeout",
                 .expected = "a number and s or ms, e.g. 1s",
                 .found = '"' + printable(text) + '"'});
  }
  return std::chrono::milliseconds(unit == "s" ? number * 1000 : number);
}

void print_outcome(const CtlArguments& arguments, std::uint64_t id, const CommandOutcome& outcome) {
  const bool is_refused = outcome.reply && outcome.reply->answer == shm::CommandAnswer::refused;
  const bool is_repeated = outcome.reply && outcome.reply->answer == shm::CommandAnswer::repeated;
  const std::uint64_t sequence = outcome.reply ? outcome.reply->sequence : 0;
  if (arguments.json) {
    const char* state = !outcome.reply ? "unknown" : is_refused ? "refused" : is_repeated ? "repeated" : "applied";
    nlohmann::ordered_json root = {
        {"schema", "thintail-ctl/1"}, {"command", arguments.action},
        {"id", std::to_string(id)},   {"state", state},
        {"sequence", sequence},       {"durable", outcome.durability == Durability::durable}};
    fmt::print("{}\n", root.dump());
  } else if (outcome.reply && !is_refused) {
    static constexpr const char* kDurability[] = {"durable", "not durable yet", "no journal"};
    fmt::print("{} sequence {} ({})\n", is_repeated ? "repeated: had been applied at" : "applied", sequence,
               kDurability[static_cast<std::size_t>(outcome.durability)]);
  }
  if (!outcome.reply) {
    fmt::print(
        stderr,
        "error: {}: unknown: no answer within {}. The core may still carry it out; sent again with --id {} it is "
        "carried out at most once.\n",
        arguments.action, arguments.timeout, id);
  } else if (is_refused) {
    fmt::print(stderr, "error: {}: refused: the core did not take the request for a valid command\n", arguments.action);
  } else if (outcome.durability == Durability::not_yet) {
    fmt::print(stderr, "error: {}: applied, but not on disk within {}: a power loss now would undo it\n",
               arguments.action, arguments.timeout);
  }
}

Result<ExitCode> ctl(const CtlArguments& arguments) {
  TT_TRY(const std::chrono::milliseconds timeout, timeout_of(arguments.timeout));
  const CommandKind kind = actions().at(arguments.action);
  const std::uint64_t id = arguments.id == 0 ? random_command_id() : arguments.id;
  TT_TRY(const CommandOutcome outcome, send_command(arguments.directory, arguments.instance, kind, id, timeout));
  print_outcome(arguments, id, outcome);
  return outcome.is_applied() && outcome.durability != Durability::not_yet ? ExitCode::ok : ExitCode::runtime;
}

}  // namespace

void add_ctl(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("ctl", "Sends an operator's command to a running core and waits until it is on disk");
  auto arguments = std::make_shared<CtlArguments>();
  std::vector<std::string> names;
  for (const auto& [name, kind] : actions()) names.push_back(name);
  command->add_option("ACTION", arguments->action, "pause, resume, flatten, kill or reset-kill")
      ->required()
      ->check(CLI::IsMember(names));
  command->add_option("--instance", arguments->instance, "Which core");
  command->add_option("--shm-directory", arguments->directory, "Where its segment lies");
  command->add_option("--timeout", arguments->timeout, "How long to wait for the answer, e.g. 1s or 250ms");
  command->add_option("--id", arguments->id, "Id of the command; one that the core has seen is answered, not repeated")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", arguments->json, "One JSON object");
  command->footer(
      "pause: no new risk. resume: trade again. flatten: pause and close what is held. kill: no order at all, also\n"
      "after a restart, until reset-kill. See docs/control.md.");
  command->callback([arguments, &chosen] { chosen = [arguments] { return ctl(*arguments); }; });
}

}  // namespace thintail
