// SPDX-License-Identifier: Apache-2.0
// The commands of `thintail`: each adds its options to the command line and, when chosen, leaves what is to be done in
// `chosen`.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

#include "core/base/error.hpp"

namespace thintail {

using Action = std::function<Result<ExitCode>()>;

void add_demo(CLI::App& app, Action& chosen);
void add_run(CLI::App& app, Action& chosen);
void add_replay(CLI::App& app, Action& chosen);
void add_stat(CLI::App& app, Action& chosen);
void add_top(CLI::App& app, Action& chosen);
void add_events(CLI::App& app, Action& chosen);
void add_ctl(CLI::App& app, Action& chosen);
void add_config(CLI::App& app, Action& chosen);
void add_explain(CLI::App& app, Action& chosen);
void add_features(CLI::App& app, Action& chosen);  // list, explain, compute
void add_models(CLI::App& app, Action& chosen);  // import, inspect, verify
void add_serve(CLI::App& app, Action& chosen);
void add_keys(CLI::App& app, Action& chosen);  // add, list, revoke, rotate, user
void add_perf(CLI::App& app, Action& chosen);
void add_bench(CLI::App& app, Action& chosen);
void add_abi(CLI::App& app, Action& chosen);

}  // namespace thintail
