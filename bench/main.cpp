// SPDX-License-Identifier: Apache-2.0
// thintail-bench-peers: the benchmarks. A program of its own, since it links what ours is measured against.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>

#include "bench/features/suite.hpp"
#include "bench/gateway/suite.hpp"
#include "bench/inference/suite.hpp"
#include "bench/model/suite.hpp"
#include "bench/spine/suite.hpp"
#include "bench/transport/suite.hpp"

namespace thintail::bench {
namespace {

struct CommandLine {
  std::string suite;
  std::string isa = "auto";
  Options options;
  bool json = false;
};

std::vector<Suite> all_suites() {
  return {spine_suite(), transport_suite(), features_suite(), inference_suite(), model_suite(), gateway_suite()};
}

void add_options(CLI::App& app, CommandLine& line) {
  app.add_option("SUITE", line.suite, "Suite to run; none: they are listed");
  app.add_option("--case", line.options.case_name, "Only this case");
  app.add_flag("--json", line.json, "One JSON object on standard output (docs/benchmarks.md)");
  app.add_option("--isa", line.isa, "Instruction set of our kernels: auto, scalar, avx2, avx512")
      ->capture_default_str();
  app.add_option("--iterations", line.options.iterations,
                 "Measure so many ticks, rows or starts, once: for profilers and tests, not for figures")
      ->check(CLI::Range(1U, 1'000'000'000U));
  app.add_option("--ticks", line.options.ticks,
                 "Recorded LEAN tick files instead of the market data beside the checkout")
      ->type_name("FILE...");
  app.add_option("--model", line.options.model,
                 "Model pack (.ttm of kind events) of one set of trees, instead of training one")
      ->type_name("MODEL.json");
  app.add_flag("--ours-alone", line.options.ours_alone, "Leave peers and checks out: for profilers");
  app.add_flag("--mutant", line.options.mutant,
               "Spoil what ours computed: every check must then fail with exit code 2");
}

void list(const std::vector<Suite>& suites) {
  for (const Suite& suite : suites) {
    fmt::print("{}    {}\n", suite.name, suite.about);
    for (const Case& one : suite.cases) fmt::print("  {:<26} {}\n", one.name, one.about);
  }
}

template <class Named>
Result<const Named*> find(const std::vector<Named>& all, std::string_view kind, const std::string& name) {
  const auto found = std::ranges::find(all, name, &Named::name);
  if (found != all.end()) return &*found;
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const Named& one : all) names.push_back(one.name);
  return fail({.code = ErrorCode::usage,
               .doing = "reading the command line",
               .field = std::string(kind),
               .expected = fmt::format("one of {}", fmt::join(names, ", ")),
               .found = fmt::format("\"{}\"", printable(name))});
}

Result<std::vector<CaseResult>> run_cases(const Suite& suite, const Options& options) {
  std::vector<CaseResult> results;
  for (const Case& one : suite.cases) {
    if (!options.case_name.empty() && one.name != options.case_name) continue;
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "{} ...\n", one.name);
    TT_TRY(std::vector<CaseResult> rows, one.run(options));
    std::ranges::move(rows, std::back_inserter(results));
  }
  return results;
}

Result<ExitCode> run(CommandLine& line) {
  const std::vector<Suite> suites = all_suites();
  if (line.suite.empty()) {
    list(suites);
    return ExitCode::ok;
  }
  TT_TRY(const Suite* suite, find(suites, "SUITE", line.suite));
  if (!line.options.case_name.empty()) TT_TRY_VOID(find(suite->cases, "--case", line.options.case_name));
  TT_TRY(line.options.isa, isa_from_name(line.isa));
  TT_TRY(const Machine machine, describe_machine(line.options));
  TT_TRY(const std::vector<CaseResult> results, run_cases(*suite, line.options));
  fmt::print("{}", line.json ? to_json(*suite, machine, results) : to_table(*suite, machine, results));
  return ExitCode::ok;
}

// Threads of OpenMP (XGBoost's) spin while they wait for each other: beside our measurements, and on a busy machine for
// most of the training's time (5.9 s instead of 0.8 measured). The library reads the variable when it is loaded, before
// main(): hence a second start.
void make_openmp_wait_asleep(char** argv) {
  constexpr const char* kPolicy = "OMP_WAIT_POLICY";
  if (std::getenv(kPolicy) != nullptr || ::setenv(kPolicy, "passive", 1) != 0) return;
  ::execv("/proc/self/exe", argv);  // where it is refused, training is slower, no more
}

int run_main(int argc, char** argv) {
  make_openmp_wait_asleep(argv);
  CLI::App app("Measures ours and named peers in turn, on the same work, after checking that both computed the same.",
               "thintail bench");
  CommandLine line;
  add_options(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  const Result<ExitCode> result = run(line);
  if (result) return static_cast<int>(*result);
  fmt::print(stderr, "{}\n", result.error().message());
  return static_cast<int>(error_info(result.error().code).exit);
}

}  // namespace
}  // namespace thintail::bench

int main(int argc, char** argv) {
  try {
    return thintail::bench::run_main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "thintail-bench-peers: {}\n", error.what());
  } catch (...) {
    fmt::print(stderr, "thintail-bench-peers: unknown exception\n");
  }
  return static_cast<int>(thintail::ExitCode::internal);
}
