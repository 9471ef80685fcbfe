// SPDX-License-Identifier: Apache-2.0
// `thintail models import`: a library's model made into a pack: with a feature set one that runs on ticks, without one of kind vector.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/hash.hpp"
#include "core/base/whole_file.hpp"
#include "core/time/duration_text.hpp"
#include "ml/features/feature_set.hpp"
#include "ml/models/number_text.hpp"
#include "ml/networks/keras_json.hpp"
#include "ml/networks/safetensors.hpp"
#include "tools/thintail/models_commands.hpp"
#include "tools/thintail/models_old_xgboost.hpp"

namespace thintail {

namespace {

struct ImportArguments {
  std::string model;
  std::string out;
  std::string layers;  // of a safetensors file
  std::string features;
  std::string label;
  std::string horizon;
  std::string trained_on;
  std::string trained_with;
  std::string scaling;
  std::string calibration;
  std::string period;
  std::uint32_t output = 0;
  std::uint32_t warm_up_steps = 0;
  bool json = false;
};

std::unexpected<Error> usage(std::string field, std::string expected, std::string found) {
  return fail({.code = ErrorCode::usage,
               .doing = "importing a model",
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

// --- the library's file ----------------------------------------------------------------------------------------------------------

// Between PyTorch's float32 and ours, whose sums run in another order.
constexpr float kGoldenTolerance = 1e-5F;

struct Imported {
  std::variant<DecisionTrees, pack::NetworkSource> model;
  pack::Origin origin;
};

// JSON of a network, where that of XGBoost has a learner. Universal Binary JSON goes on with a length after its brace.
bool is_network_json(std::string_view bytes) noexcept {
  const bool is_json = bytes.size() > 1 && bytes[0] == '{' && std::string_view("\" \t\r\n").contains(bytes[1]);
  return is_json && !bytes.contains("\"learner\"") && (bytes.contains("\"layers\"") || bytes.contains("weight"));
}

// Eight bytes of length, then a JSON object.
bool is_safetensors(std::string_view bytes) noexcept {
  return bytes.size() > 9 && bytes[8] == '{' && !bytes.starts_with('{');
}

Result<Imported> read_model(const ImportArguments& arguments) {
  TT_TRY(const std::string bytes, read_whole_file(arguments.model, model_reading("importing a model")));
  pack::Origin origin{.producer = "thintail " THINTAIL_VERSION, .source = {}, .source_sha256 = sha256(bytes)};
  if (is_safetensors(bytes)) {
    if (arguments.layers.empty())
      return usage("--layers", "the JSON of layers of a safetensors file (docs/networks.md)", "none");
    TT_TRY(const std::string layers, read_whole_file(arguments.layers, model_reading("reading a network's layers")));
    TT_TRY(TorchNetworkFile network,
           read_torch_network(std::as_bytes(std::span(bytes)), arguments.model, layers, arguments.layers));
    TT_TRY(const Network check, Network::make(network.spec, best_isa(), arguments.model));
    TT_TRY_VOID(check_golden(network, check, kGoldenTolerance, arguments.model));
    origin.source = "safetensors";
    return Imported{pack::NetworkSource{.spec = std::move(network.spec), .ranges = {}}, std::move(origin)};
  }
  if (!arguments.layers.empty()) return usage("--layers", "a safetensors file, to which it belongs", arguments.model);
  if (is_network_json(bytes)) {
    TT_TRY(NetworkSpec spec, read_network_json(bytes, arguments.model));
    origin.source = "network JSON";
    return Imported{pack::NetworkSource{.spec = std::move(spec), .ranges = {}}, std::move(origin)};
  }
  TT_TRY(const std::string readable, without_old_xgboost(arguments.model, bytes));
  TT_TRY(DecisionTrees trees, pack::read_library_model(readable, arguments.model));
  origin.source = trees.saved_by;
  return Imported{std::move(trees), std::move(origin)};
}

// --- what it means on ticks --------------------------------------------------------------------------------------------------------

// Lines of LANE [MEAN PER_UNIT [CLIP]], in the order of the model's inputs; # begins a comment.
Result<void> read_scaling(const std::string& path, const FeatureSet& set, pack::MemberSpec& member) {
  TT_TRY(const std::string text, read_whole_file(path, model_reading("reading the scaling of a model's inputs")));
  member.lanes.clear();
  std::istringstream lines(text);
  std::uint64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto no = [&](std::string field, std::string expected, std::string found) {
      return fail({.code = ErrorCode::row_bad_field,
                   .doing = "reading the scaling of a model's inputs",
                   .file = path,
                   .line = number,
                   .field = std::move(field),
                   .expected = std::move(expected),
                   .found = std::move(found)});
    };
    std::vector<std::string> words;
    std::istringstream split(line.substr(0, line.find('#')));
    for (std::string word; split >> word;) words.push_back(std::move(word));
    if (words.empty()) continue;
    const auto lane = set.lane(words.front());
    if (!lane) return no("lane", fmt::format("a lane of set {}", set.name()), printable(words.front()));
    member.lanes.push_back(static_cast<std::uint16_t>(*lane));
    if (words.size() == 1 && member.scaling.empty()) continue;
    LaneScaling scaling;
    const bool is_good = (words.size() == 3 || words.size() == 4) && member.scaling.size() + 1 == member.lanes.size() &&
                         parse_number(words[1], scaling.mean) && parse_number(words[2], scaling.per_unit) &&
                         (words.size() == 3 || parse_number(words[3], scaling.clip));
    if (!is_good)
      return no("scaling", "LANE MEAN PER_UNIT [CLIP] on every line, or LANE alone on every line", printable(line));
    member.scaling.push_back(scaling);
  }
  return {};
}

Result<void> read_calibration(const std::string& text, pack::MemberSpec& member) {
  const std::size_t comma = std::min(text.find(','), text.size());
  const bool is_good = comma < text.size() && parse_number(std::string_view(text).substr(0, comma), member.scale) &&
                       parse_number(std::string_view(text).substr(comma + 1), member.offset);
  if (is_good) return {};
  return usage("--calibration", "SCALE,OFFSET: two numbers", printable(text));
}

Result<pack::DecisionModelSpec> spec_of(Imported imported, const ImportArguments& arguments) {
  TT_TRY(const FeatureSet* set, FeatureSet::find(arguments.features));
  if (arguments.label.empty()) return usage("--label", "what a score means, e.g. mid_return_bp", "none");
  if (arguments.horizon.empty()) return usage("--horizon", "how far ahead the label looks, e.g. 60s", "none");
  ModelMeaning meaning{
      .label = arguments.label,
      .trained_on = arguments.trained_on,
      .trained_with = arguments.trained_with.empty() ? imported.origin.source : arguments.trained_with};
  TT_TRY(meaning.horizon_ns, duration_ns(arguments.horizon, "--horizon"));
  pack::DecisionModelSpec spec =
      pack::spec_of_one(*set, std::move(imported.model), std::move(imported.origin), std::move(meaning));
  pack::MemberSpec& member = spec.members.front();
  if (!arguments.scaling.empty()) TT_TRY_VOID(read_scaling(arguments.scaling, *set, member));
  if (!arguments.calibration.empty()) TT_TRY_VOID(read_calibration(arguments.calibration, member));
  if (!arguments.period.empty()) {
    BarPeriod period{};
    if (!bar_period_from_name(arguments.period, period))
      return usage("--period", "M1, M5, M15, M30, H1, H4 or D1", printable(arguments.period));
    member.period = period;
    // It counts until the next bar's answer is well overdue.
    spec.ensemble.member[0].age_ns_max = bar_period_seconds(period) * 1'500'000'000;
  }
  member.output = arguments.output;
  member.warm_up_steps = arguments.warm_up_steps;
  return spec;
}

Result<std::string> packed(Imported imported, const ImportArguments& arguments) {
  if (!arguments.features.empty()) {
    TT_TRY(const pack::DecisionModelSpec spec, spec_of(std::move(imported), arguments));
    return encode_decision_model(spec, arguments.model);
  }
  for (const auto& [option, value] :
       {std::pair{"--label", &arguments.label}, std::pair{"--horizon", &arguments.horizon},
        std::pair{"--scaling", &arguments.scaling}, std::pair{"--calibration", &arguments.calibration},
        std::pair{"--period", &arguments.period}}) {
    if (!value->empty()) return usage("--features", fmt::format("the feature set that {} is about", option), "none");
  }
  return std::visit(
      [&](const auto& model) { return pack::encode_vector_pack(model, imported.origin, arguments.model); },
      imported.model);
}

Result<ExitCode> import_model(const ImportArguments& arguments) {
  TT_TRY(Imported imported, read_model(arguments));
  TT_TRY(const std::string bytes, packed(std::move(imported), arguments));
  TT_TRY_VOID(replace_file(arguments.out, bytes, "writing a model pack"));
  return show_pack(arguments.out, arguments.json);
}

}  // namespace

void add_models_import(CLI::App& models, Action& chosen) {
  auto* command = models.add_subcommand(
      "import", "Makes a .ttm pack from a library's model; with --features one that runs on ticks");
  auto arguments = std::make_shared<ImportArguments>();
  command
      ->add_option("FILE", arguments->model,
                   "XGBoost JSON, UBJ or its old binary form, LightGBM text, Keras or PyTorch weights as JSON, "
                   "safetensors; told by content")
      ->required();
  command->add_option("-o,--out", arguments->out, "The pack to write, e.g. model.ttm")->required();
  command->add_option("--layers", arguments->layers, "Of a safetensors file: the JSON of its layers");
  command->add_option("--features", arguments->features,
                      "The feature set that it was trained on, built in or a TOML file");
  command->add_option("--label", arguments->label, "What a score means, e.g. mid_return_bp");
  command->add_option("--horizon", arguments->horizon, "How far ahead the label looks: a number and ms, s, m or h");
  command->add_option(
      "--scaling", arguments->scaling,
      "The model's inputs in order, one a line: LANE, or LANE MEAN PER_UNIT [CLIP]; without it every lane as it is");
  command->add_option("--calibration", arguments->calibration, "score = OFFSET + SCALE * output")
      ->type_name("SCALE,OFFSET");
  command->add_option("--output", arguments->output, "Which of the model's outputs is the score, from 0");
  command->add_option("--warm-up", arguments->warm_up_steps,
                      "Rows that a recurrent network must have seen before its answer counts");
  command->add_option("--period", arguments->period,
                      "Speaks when such a bar has closed, M1 to D1; without it on every tick");
  command->add_option("--trained-on", arguments->trained_on, "The data, in words");
  command->add_option("--trained-with", arguments->trained_with, "Libraries and their versions, in words");
  command->add_flag("--json", arguments->json, "What was written, as JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return import_model(*arguments); }; });
}

}  // namespace thintail
