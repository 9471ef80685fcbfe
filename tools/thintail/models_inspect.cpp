// SPDX-License-Identifier: Apache-2.0
// `thintail models inspect`: what a pack of either kind holds.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/hash.hpp"
#include "core/base/whole_file.hpp"
#include "core/event/payloads.hpp"
#include "ml/ensemble/ensemble_file.hpp"
#include "tools/thintail/models_commands.hpp"

namespace thintail {

namespace {

using Json = nlohmann::ordered_json;
using pack::NetworkPack;
using pack::VectorPack;

std::string_view sum_type_name(SumType type) noexcept { return type == SumType::float32 ? "float32" : "float64"; }

Json head_json(const std::string& path, std::uint64_t bytes, std::string_view kind, const Sha256Digest& digest,
               std::string_view producer) {
  return {{"schema", "thintail-models/1"}, {"file", path}, {"bytes", bytes},
          {"version", pack::kVersion},     {"kind", kind}, {"sha256", to_hex(digest)},
          {"producer", producer}};
}

Json layers_json(const NetworkSpec& spec) {
  Json layers = Json::array();
  for (const LayerSpec& layer : spec.layers)
    layers.push_back(fmt::format("{} {}x{}", layer_kind_name(layer.kind), layer.inputs, layer.outputs));
  return layers;
}

Json pack_json(const VectorPack& model, const std::string& path) {
  Json json = head_json(path, model.file_bytes, "vector", model.trees.sha256(), model.origin.producer);
  json.update({{"source", model.origin.source},
               {"source_sha256", to_hex(model.origin.source_sha256)},
               {"objective", model.trees.objective()},
               {"sum_type", sum_type_name(model.sum_type)},
               {"features", model.trees.feature_count()},
               {"outputs", model.trees.output_count()},
               {"averaged_over", model.trees.averaged_over()},
               {"trees", model.trees.tree_count()},
               {"nodes", model.node_count},
               {"depth_max", model.trees.depth_max()},
               {"golden_rows", model.golden_rows}});
  return json;
}

Json pack_json(const NetworkPack& model, const std::string& path) {
  Json json = head_json(path, model.file_bytes, "vector", model.digest, model.origin.producer);
  json.update({{"source", model.origin.source},
               {"source_sha256", to_hex(model.origin.source_sha256)},
               {"precision", model.source.ranges ? "int8" : "float32"},
               {"features", model.network.inputs()},
               {"outputs", model.network.outputs()},
               {"layers", layers_json(model.source.spec)},
               {"weight_bytes", model.network.weight_bytes()},
               {"state_floats", model.network.state_floats()},
               {"golden_rows", model.golden_rows}});
  return json;
}

Json member_json(const FeatureSet& set, const pack::MemberSpec& member) {
  Json json = {{"name", member.name},
               {"kind", member.is_trees() ? "trees" : "network"},
               {"source", member.source},
               {"source_sha256", to_hex(member.source_sha256)}};
  if (const auto* trees = std::get_if<DecisionTrees>(&member.model)) {
    json.update({{"objective", trees->objective},
                 {"sum_type", sum_type_name(trees->sum_type)},
                 {"trees", trees->roots.size()},
                 {"nodes", trees->nodes.size()},
                 {"depth_max", trees->depth_max}});
  } else {
    const auto& network = std::get<pack::NetworkSource>(member.model);
    json.update({{"precision", network.ranges ? "int8" : "float32"}, {"layers", layers_json(network.spec)}});
  }
  Json lanes = Json::array();
  for (const std::uint16_t lane : member.lanes) lanes.push_back(set.lanes()[lane].name);
  json.update({{"lanes", std::move(lanes)},
               {"scaled", !member.scaling.empty()},
               {"output", member.output},
               {"warm_up_steps", member.warm_up_steps},
               {"speaks", member.period ? kBarPeriodNames[static_cast<std::size_t>(*member.period)] : "every tick"},
               {"scale", member.scale},
               {"offset", member.offset}});
  return json;
}

Json golden_json(const pack::GoldenEvents& golden) {
  const auto of_type = [&](EventType type) { return std::ranges::count(golden.events, type, &Event::type); };
  const auto valid = static_cast<std::uint16_t>(PredictionState::valid);
  return {{"events", golden.events.size()},
          {"instruments", of_type(EventType::instrument)},
          {"ticks", golden.rows.size()},
          {"trades", of_type(EventType::trade)},
          {"book_levels", of_type(EventType::book)},
          {"gaps", of_type(EventType::gap)},
          {"valid_predictions", std::ranges::count(golden.rows, valid, &pack::GoldenRow::state)}};
}

Json pack_json(const LoadedPack& loaded, const std::string& path) {
  const pack::DecisionModelSpec& spec = loaded.pack.spec;
  const ModelMeaning& meaning = spec.meaning;
  Json json = head_json(path, loaded.pack.file_bytes, "events", loaded.pack.digest, spec.producer);
  Json mandatory = Json::array();
  for (std::size_t lane = 0; lane < spec.features->lanes().size(); ++lane) {
    if (spec.mandatory.test(lane)) mandatory.push_back(spec.features->lanes()[lane].name);
  }
  Json members = Json::array();
  for (const pack::MemberSpec& member : spec.members) members.push_back(member_json(*spec.features, member));
  json.update({{"label", meaning.label},
               {"horizon_ns", meaning.horizon_ns},
               {"trained_on", meaning.trained_on},
               {"trained_with", meaning.trained_with},
               {"data_hash", to_hex(meaning.data_hash)},
               {"entry_cost_multiple", meaning.entry_cost_multiple},
               {"exit_cost_multiple", meaning.exit_cost_multiple},
               {"commission_per_million", meaning.commission_per_million},
               {"latency_us", meaning.latency_us},
               {"feature_set", spec.features->name()},
               {"feature_hash", to_hex(spec.features->hash())},
               {"features", spec.features->lanes().size()},
               {"mandatory", std::move(mandatory)},
               {"members", std::move(members)},
               {"ensemble", ensemble_rule_name(spec.ensemble.rule)},
               {"regime", spec.regime ? Json(spec.regime->name) : Json()},
               {"sequence_gap_ns", spec.sequence_gap_ns},
               {"golden", golden_json(loaded.pack.golden)}});
  return json;
}

void append_text(std::string& out, const Json& json, const std::string& indent) {
  for (const auto& [key, value] : json.items()) {
    if (key == "schema" || key == "file") continue;
    const bool holds_tables = value.is_array() && !value.empty() && value.front().is_object();
    if (value.is_object()) {
      out += fmt::format("{}{}\n", indent, key);
      append_text(out, value, indent + "  ");
    } else if (holds_tables) {
      for (const Json& one : value) {
        out += fmt::format("{}{}\n", indent, key);
        append_text(out, one, indent + "  ");
      }
    } else if (value.is_array()) {
      std::vector<std::string> words;
      for (const Json& one : value) words.push_back(printable(one.get<std::string>()));
      out += fmt::format("{}{:<22} {}\n", indent, key, fmt::join(words, " "));
    } else {
      out += fmt::format("{}{:<22} {}\n", indent, key,
                         value.is_string() ? printable(value.get<std::string>(), 400) : value.dump());
    }
  }
}

struct InspectArguments {
  std::string pack;
  bool json = false;
};

}  // namespace

Result<AnyPack> load_any_pack(const std::string& path, Isa isa) {
  TT_TRY(const std::string bytes, read_whole_file(path, model_reading("reading a model pack")));
  TT_TRY(const pack::Container container, pack::open_container(bytes, path));
  if (container.kind == pack::Kind::events) {
    TT_TRY(LoadedPack loaded, decode_pack(bytes, path, isa));
    return loaded;
  }
  TT_TRY(pack::AnyVectorPack any, pack::decode_any_vector_pack(bytes, path, isa));
  return std::visit([](auto& model) -> AnyPack { return std::move(model); }, any);
}

Result<ExitCode> show_pack(const std::string& path, bool as_json) {
  TT_TRY(const AnyPack any, load_any_pack(path));
  const Json json = std::visit([&](const auto& model) { return pack_json(model, path); }, any);
  if (as_json) {
    fmt::print("{}\n", dumped(json));
    return ExitCode::ok;
  }
  std::string text = path + "\n";
  append_text(text, json, "  ");
  fmt::print("{}  every golden row computed here equals the pack's to the bit\n", text);
  return ExitCode::ok;
}

void add_models_inspect(CLI::App& models, Action& chosen) {
  auto* command = models.add_subcommand("inspect", "Checks a pack and says what it holds");
  auto arguments = std::make_shared<InspectArguments>();
  command->add_option("PACK", arguments->pack, "A .ttm file")->required();
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return show_pack(arguments->pack, arguments->json); }; });
}

}  // namespace thintail
