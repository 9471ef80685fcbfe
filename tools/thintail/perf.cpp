// SPDX-License-Identifier: Apache-2.0
// `thintail perf`: what the machine itself does to a spinning core, and profiles of single benchmark cases.
#include <fmt/format.h>

#include <cstdlib>

#include "core/thread/affinity.hpp"
#include "perf/jitter/jitter.hpp"
#include "tools/thintail/child_program.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {
namespace {

Result<ExitCode> jitter(int seconds, int cpu) {
  if (cpu >= 0) TT_TRY_VOID(pin_to_cpu(cpu));
  TT_TRY(const perf::JitterReport report, perf::measure_jitter(std::chrono::seconds(seconds)));
  fmt::print("{}", perf::table(report));
  return ExitCode::ok;
}

// The scripts lie in the source tree: profiling needs the tree's build anyway.
Result<ExitCode> script(const std::string& name, const std::vector<std::string>& arguments) {
  const char* root = std::getenv("THINTAIL_ROOT");
  if (root == nullptr) {
    return fail({.code = ErrorCode::usage,
                 .doing = "profiling",
                 .expected = "a start through ./thintail in the source tree",
                 .found = "no THINTAIL_ROOT"});
  }
  return fail(exec_program(fmt::format("{}/perf/{}", root, name), arguments));
}

}  // namespace

void add_perf(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("perf", "Jitter of this machine; instruction counts and profiles of benchmark cases");
  command->require_subcommand(1);

  auto* jitter_command = command->add_subcommand("jitter", "Histogram of the gaps that a spinning core sees");
  auto seconds = std::make_shared<int>(3);
  auto cpu = std::make_shared<int>(-1);
  jitter_command->add_option("--seconds", *seconds, "How long to spin")->check(CLI::Range(1, 3600));
  jitter_command->add_option("--cpu", *cpu, "Core to pin to");
  jitter_command->callback([seconds, cpu, &chosen] { chosen = [seconds, cpu] { return jitter(*seconds, *cpu); }; });

  const std::pair<const char*, const char*> scripts[] = {
      {"callgrind", "Instructions of a benchmark case on the AVX2 path (valgrind)"},
      {"record", "Where a benchmark case spends its time (perf, software clock)"}};
  for (const auto& [name, about] : scripts) {
    auto* profile = command->add_subcommand(name, about);
    profile->prefix_command();
    profile->callback([profile, name = std::string(name), &chosen] {
      chosen = [profile, name] { return script("perf_" + name + ".sh", profile->remaining()); };
    });
  }
}

}  // namespace thintail
