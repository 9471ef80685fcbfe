// SPDX-License-Identifier: Apache-2.0
// The subcommands of `thintail models`, and what they share.
//   path  cold
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "core/base/error.hpp"
#include "core/isa/isa.hpp"
#include "ml/pack/vector_pack.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {

void add_models_import(CLI::App& models, Action& chosen);
void add_models_combine(CLI::App& models, Action& chosen);
void add_models_inspect(CLI::App& models, Action& chosen);
void add_models_verify(CLI::App& models, Action& chosen);

// A pack of either kind, checked as a load checks it: every golden row recomputed.
using AnyPack = std::variant<pack::VectorPack, pack::NetworkPack, LoadedPack>;
Result<AnyPack> load_any_pack(const std::string& path, Isa isa = best_isa());

// Says what a pack holds.
Result<ExitCode> show_pack(const std::string& path, bool as_json);

inline std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace thintail
