// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/models_promote.hpp"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "core/base/whole_file.hpp"
#include "ml/models/decision_trees.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/monitor/core_sample.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {
namespace {

// A core looks every 20 ms, and verifies in a second at most.
constexpr std::chrono::seconds kWait{10};

struct PromoteArguments {
  std::string pack;
  RunOptions run;
  bool json = false;
};

// What the running core of an instance says of a model; nothing while it does not know it.
std::optional<shm::ModelState> state_in(const shm::CoreView& core, const Sha256Digest& digest) {
  for (std::size_t slot = 0; slot < core->models->rows(); ++slot) {
    shm::ModelRow row{};
    if ((*core->models)[slot].load(row) && row.sha256 == digest && row.state != shm::ModelState::retired) {
      return row.state;
    }
  }
  return std::nullopt;
}

// Where the model has got to when it is in force, or we are tired of waiting.
const char* wait_for(const Settings& settings, const Sha256Digest& digest) {
  const auto core = shm::CoreView::open(settings.shm.directory, settings.core.instance);
  if (!core || !core->segment().writer_is_alive()) return "no_core";
  const auto until = std::chrono::steady_clock::now() + kWait;
  std::optional<shm::ModelState> state;
  while (std::chrono::steady_clock::now() < until) {
    state = state_in(*core, digest);
    if (state == shm::ModelState::active) return "active";
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return state ? "shadow" : "not_taken";
}

std::string_view in_words(std::string_view state) {
  if (state == "active") return "it is in force";
  if (state == "shadow")
    return "it warms up in the shadow, and comes into force when every instrument that ticks is warm";
  if (state == "no_core") return "no core of this instance runs; the next start takes it";
  return "the core has not taken it yet: its log says why, or another model still warms up in the shadow";
}

Result<ExitCode> promote(const PromoteArguments& arguments) {
  TT_TRY(const Config config, arguments.run.load(Settings{}));
  const Settings& settings = config.settings;
  if (settings.model.path.empty()) {
    return fail({.code = ErrorCode::config_missing,
                 .doing = "promoting a model",
                 .field = "model.path",
                 .expected = "the file that the core takes its model from (or --model)",
                 .found = "none"});
  }
  TT_TRY(const Isa isa, isa_from_name(settings.core.isa));
  TT_TRY(const FeatureSet* features, configured_features(settings));
  if (features == nullptr) {
    // The set in force is then that of the model which is replaced. One that cannot be read puts none in force.
    if (const auto before = load_decision_model(settings.model.path, isa)) features = before->features;
  }
  TT_TRY(const std::string bytes, read_whole_file(arguments.pack, model_reading("promoting a model")));
  TT_TRY(const DecisionModel model, decode_decision_model(bytes, arguments.pack, isa, features));
  TT_TRY_VOID(replace_file(settings.model.path, bytes, "promoting a model"));
  const std::string_view state = wait_for(settings, model.digest);
  if (arguments.json) {
    const nlohmann::ordered_json root = {{"schema", "thintail-models-promote/1"}, {"pack", arguments.pack},
                                         {"sha256", to_hex(model.digest)},        {"path", settings.model.path},
                                         {"instance", settings.core.instance},    {"state", state}};
    fmt::print("{}\n", root.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    fmt::print("{}\n  sha256  {}\n  verified here and written to {}\n  {}\n", arguments.pack, to_hex(model.digest),
               settings.model.path, in_words(state));
  }
  return state == "not_taken" ? ExitCode::check_failed : ExitCode::ok;
}

}  // namespace

void add_models_promote(CLI::App& models, Action& chosen) {
  auto* command = models.add_subcommand(
      "promote", "Verify a pack and put it where the core takes its model from; a running core swaps it in");
  auto arguments = std::make_shared<PromoteArguments>();
  command->add_option("PACK", arguments->pack, "A .ttm pack of kind events")->required();
  command->add_flag("--json", arguments->json, "Print JSON");
  arguments->run.add_config_to(*command);
  arguments->run.add_model_to(*command);
  command->footer(
      "model.path is relative to the folder that this is run in, as it is for the core: use an absolute one.");
  command->callback([arguments, &chosen] { chosen = [arguments] { return promote(*arguments); }; });
}

}  // namespace thintail
