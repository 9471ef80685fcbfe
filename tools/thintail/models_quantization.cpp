// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/models_quantization.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "core/base/whole_file.hpp"
#include "core/config/demo_settings.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/networks/quantize_network.hpp"
#include "ml/quant/network_gate.hpp"
#include "ml/quant/reference_networks.hpp"
#include "ml/train/lane_scaling.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/report/held_out_rows.hpp"

namespace thintail {
namespace {

using Json = nlohmann::ordered_json;
using pack::DecisionModelSpec;
using pack::MemberSpec;
using pack::NetworkSource;

constexpr float kReferenceClip = 4.0f;
// Blocks of the bootstrap reach over so many horizons of the label.
constexpr double kHorizonsPerBlock = 4;

std::unexpected<Error> refused(ErrorCode code, const std::string& file, std::string field, std::string expected,
                               std::string found) {
  return fail({.code = code,
               .doing = "quantizing a model",
               .file = file,
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

struct Data {
  HeldOutRows rows;
  std::int64_t horizon_ns = 0;
  const FeatureSet* features = nullptr;
  Isa isa = Isa::scalar;
};

Result<Data> collect(const QuantizationOptions& options, const FeatureSet& features, const LaneMask& mandatory,
                     std::int64_t horizon_ns) {
  TT_TRY(const Config config, options.run.load(demo_settings()));
  HeldOutOptions from{.source = {},
                      .set = &features,
                      .mandatory = mandatory,
                      .horizon_ns = horizon_ns,
                      .earlier_share = options.calibration_share,
                      .earlier_max = options.calibration_rows_max,
                      .later_max = options.rows_max};
  TT_TRY(from.isa, isa_from_name(options.run.isa.empty() ? "auto" : options.run.isa));
  from.source.files = options.ticks;
  from.source.file_feed = options.run.feed_options(config.settings);
  for (const auto& [name, instrument] : config.settings.instruments) from.source.instruments.push_back(instrument);
  Data out{.rows = {}, .horizon_ns = horizon_ns, .features = &features, .isa = from.isa};
  TT_TRY(out.rows, collect_held_out(from));
  if (out.rows.earlier.size() == 0) {
    return refused(ErrorCode::quantization_unjudged, options.ticks.front(), "--calibration-share",
                   "rows to calibrate on", "none whose mandatory features are defined");
  }
  return out;
}

// A network in both forms, with the rows that it takes.
struct Subject {
  std::string name;
  std::string about;
  NetworkSpec spec;
  NetworkRanges ranges;
  std::vector<float> earlier;
  std::vector<float> later;
  std::vector<float> labels;
  std::vector<float> cost = {};  // of a round trip; empty: thresholds are not multiples of it
  std::vector<double> cost_multiples = {};
  std::uint32_t output = 0;
  double scale = 1.0;
  double offset = 0.0;
};

struct Judgement {
  std::string name;
  std::string about;
  std::size_t matrices = 0;
  std::size_t int8_matrices = 0;
  std::size_t int16_matrices = 0;
  std::size_t float32_bytes = 0;
  std::size_t bytes = 0;
  GateReport gate;

  // A network that stayed in float32 is no quantized one.
  bool is_quantized() const { return int8_matrices + int16_matrices != 0; }
  bool passed() const { return gate.passed() && is_quantized(); }
};

Result<Judgement> judge(const Subject& subject, const Data& data, const QuantizationOptions& options,
                        const std::string& file) {
  TT_TRY(const Network exact, Network::make(subject.spec, data.isa, file));
  TT_TRY(const Network quantized, Network::make_quantized(subject.spec, subject.ranges, data.isa, file));
  GateSettings settings{.thresholds = options.thresholds,
                        .cost_multiples = subject.cost_multiples,
                        .block_rows = 1,
                        .seed = options.seed};
  std::ranges::sort(settings.thresholds);
  if (settings.thresholds.empty()) {
    settings.thresholds =
        tenth_thresholds(network_scores(exact, subject.earlier, subject.output, subject.scale, subject.offset));
  }
  settings.block_rows =
      static_cast<std::uint32_t>(std::max(1.0, std::ceil(kHorizonsPerBlock * data.rows.rows_per_horizon)));
  TT_TRY(GateReport gate, judge_network(exact, quantized,
                                        {.rows = subject.later,
                                         .labels = subject.labels,
                                         .cost = subject.cost,
                                         .output = subject.output,
                                         .scale = subject.scale,
                                         .offset = subject.offset},
                                        settings));
  return Judgement{.name = subject.name,
                   .about = subject.about,
                   .matrices = exact.matrices(),
                   .int8_matrices = quantized.matrices_in(MatrixForm::int8),
                   .int16_matrices = quantized.matrices_in(MatrixForm::int16),
                   .float32_bytes = exact.weight_bytes(),
                   .bytes = quantized.weight_bytes(),
                   .gate = std::move(gate)};
}

// --- what is printed -------------------------------------------------------------------------------------------------

Json as_json(const Judgement& one) {
  return {{"name", one.name},
          {"about", one.about},
          {"int8_matrices", one.int8_matrices},
          {"int16_matrices", one.int16_matrices},
          {"matrices", one.matrices},
          {"bytes", one.bytes},
          {"float32_bytes", one.float32_bytes},
          {"passed", one.passed()},
          {"gate", Json::parse(gate_json(one.gate))}};
}

bool all_passed(const std::vector<Judgement>& judgements) {
  return std::ranges::all_of(judgements, &Judgement::passed);
}

void print(const std::vector<Judgement>& judgements, const Data& data, const QuantizationOptions& options,
           const std::string& file) {
  if (options.json) {
    Json json{{"schema", "thintail-quantization/1"},
              {"file", file.empty() ? Json() : Json(file)},
              {"ticks", options.ticks},
              {"instrument", data.rows.instrument},
              {"features", data.features->name()},
              {"horizon_s", static_cast<double>(data.horizon_ns) / 1e9},
              {"calibration_rows", data.rows.earlier.size()},
              {"rows", data.rows.later.size()},
              {"isa", isa_name(data.isa)},
              {"passed", all_passed(judgements)},
              {"networks", Json::array()}};
    for (const Judgement& one : judgements) json["networks"].push_back(as_json(one));
    fmt::print("{}\n", json.dump(1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  fmt::print("{}{}, {} over {:g} s: calibrated on {} rows, judged on the {} after them\n",
             file.empty() ? "" : file + ": ", data.rows.instrument, data.features->name(),
             static_cast<double>(data.horizon_ns) / 1e9, data.rows.earlier.size(), data.rows.later.size());
  for (const Judgement& one : judgements) {
    fmt::print("{}: {}\n  of {} matrices {} in int8 and {} in int16: {} bytes of weights instead of {}\n{}{}", one.name,
               one.about, one.matrices, one.int8_matrices, one.int16_matrices, one.bytes, one.float32_bytes,
               gate_text(one.gate),
               one.is_quantized() ? "" : "  FAIL all stayed in float32: there is no quantized form\n");
  }
}

// --- networks of a pack ----------------------------------------------------------------------------------------------

std::string field_of(std::size_t member, std::string_view key) { return fmt::format("members.{}.{}", member, key); }

// What the member is judged by; `ranges` are still empty where it is float32.
Result<Subject> subject_of(const DecisionModelSpec& model, std::size_t index, const Data& data,
                           const std::string& file) {
  const MemberSpec& member = model.members[index];
  const auto& source = std::get<NetworkSource>(member.model);
  Subject out{
      .name = member.name,
      .about = fmt::format("member {} of {}", index, model.members.size()),
      .spec = source.spec,
      .ranges = source.ranges.value_or(NetworkRanges{}),
      .earlier = network_rows(data.rows.earlier.features, data.rows.earlier.lanes, member.lanes, member.scaling),
      .later = network_rows(data.rows.later.features, data.rows.later.lanes, member.lanes, member.scaling),
      .labels = data.rows.later.labels,
      .output = member.output,
      .scale = member.scale,
      .offset = member.offset};
  TT_TRY(const Network network, Network::make(source.spec, data.isa, file));
  if (member.period && network.state_floats() != 0) {
    return refused(ErrorCode::quantization_unjudged, file, field_of(index, "period"),
                   "a member that speaks on every tick, or one without memory: bars of 50,000 closes are not in ticks",
                   "a recurrent member that speaks on bars");
  }
  if (model.members.size() == 1 && model.meaning.entry_cost_multiple > 0) {
    const double entry = model.meaning.entry_cost_multiple;
    const double exit = std::min(model.meaning.exit_cost_multiple, entry);
    out.cost_multiples = {-entry, -exit, exit, entry};
    std::ranges::sort(out.cost_multiples);
    const auto commission = static_cast<float>(2 * model.meaning.commission_per_million / 100);
    for (const float spread : data.rows.later.spread) out.cost.push_back(spread + commission);
  }
  return out;
}

// The network members that `is_wanted`, and the rows that all of them are judged on.
template <class Wanted>
Result<std::vector<std::size_t>> networks_of(const DecisionModelSpec& model, const std::string& file,
                                             std::string expected, Wanted&& is_wanted) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < model.members.size(); ++i) {
    const auto* source = std::get_if<NetworkSource>(&model.members[i].model);
    if (source != nullptr && is_wanted(*source)) out.push_back(i);
  }
  if (out.empty()) return refused(ErrorCode::usage, file, "members", std::move(expected), "none");
  if (model.meaning.label != "mid_return_bp" || model.meaning.horizon_ns <= 0) {
    return refused(ErrorCode::quantization_unjudged, file, "meaning.label",
                   "mid_return_bp and a horizon: what held-out rows can be labelled with",
                   fmt::format("{} over {} ns", printable(model.meaning.label), model.meaning.horizon_ns));
  }
  return out;
}

Result<LoadedPack> read_pack(const std::string& path, const QuantizationOptions& options) {
  TT_TRY(const std::string bytes, read_whole_file(path, model_reading("reading a model pack")));
  TT_TRY(const Isa isa, isa_from_name(options.run.isa.empty() ? "auto" : options.run.isa));
  return decode_pack(bytes, path, isa);
}

Result<ExitCode> verify_pack(const std::string& path, const QuantizationOptions& options) {
  TT_TRY(const LoadedPack loaded, read_pack(path, options));
  const DecisionModelSpec& model = loaded.pack.spec;
  TT_TRY(const std::vector<std::size_t> members,
         networks_of(model, path, "a quantized network (`thintail models quantize` makes it)",
                     [](const NetworkSource& source) { return source.ranges.has_value(); }));
  TT_TRY(const Data data, collect(options, *model.features, model.mandatory, model.meaning.horizon_ns));
  std::vector<Judgement> judgements;
  for (const std::size_t index : members) {
    TT_TRY(const Subject subject, subject_of(model, index, data, path));
    TT_TRY(Judgement one, judge(subject, data, options, path));
    judgements.push_back(std::move(one));
  }
  print(judgements, data, options, path);
  return all_passed(judgements) ? ExitCode::ok : ExitCode::check_failed;
}

// How far from 0 each input may ever be: its clip, where there is one.
std::vector<float> bounds_of(const MemberSpec& member) {
  std::vector<float> out;
  for (const LaneScaling& lane : member.scaling) out.push_back(lane.clip);
  const bool is_bounded = std::ranges::all_of(out, [](float clip) { return clip < 1e6f; });
  return is_bounded ? out : std::vector<float>{};
}

Result<ExitCode> quantize(const std::string& in, const std::string& out, const QuantizationOptions& options) {
  TT_TRY(LoadedPack loaded, read_pack(in, options));
  DecisionModelSpec& model = loaded.pack.spec;
  TT_TRY(const std::vector<std::size_t> members,
         networks_of(model, in, "a network in float32", [](const NetworkSource& source) { return !source.ranges; }));
  TT_TRY(const Data data, collect(options, *model.features, model.mandatory, model.meaning.horizon_ns));
  std::vector<Judgement> judgements;
  for (const std::size_t index : members) {
    TT_TRY(Subject subject, subject_of(model, index, data, in));
    TT_TRY(QuantizedNetwork quantized, quantize_within(subject.spec, subject.earlier, options.error_max, data.isa, in,
                                                       bounds_of(model.members[index])));
    subject.ranges = std::move(quantized.ranges);
    TT_TRY(Judgement one, judge(subject, data, options, in));
    judgements.push_back(std::move(one));
    std::get<NetworkSource>(model.members[index].model).ranges = std::move(subject.ranges);
  }
  print(judgements, data, options, in);
  if (!all_passed(judgements)) return ExitCode::check_failed;
  TT_TRY(const std::string packed, encode_decision_model(model, out));
  TT_TRY_VOID(replace_file(out, packed, "writing a model pack"));
  return ExitCode::ok;
}

// --- networks that are trained for the occasion ----------------------------------------------------------------------

Result<ExitCode> verify_references(const QuantizationOptions& options) {
  TT_TRY(const FeatureSet* features, FeatureSet::find(options.features));
  const auto horizon_ns = static_cast<std::int64_t>(options.horizon_s * 1e9);
  TT_TRY(const Data data, collect(options, *features, features->mandatory(), horizon_ns));
  std::vector<std::uint16_t> lanes(features->lanes().size());
  std::iota(lanes.begin(), lanes.end(), std::uint16_t{0});
  const std::vector<LaneScaling> scaling = fit_scaling(data.rows.earlier.features, lanes.size(), kReferenceClip);
  const ScaledRows rows{.inputs = static_cast<std::uint32_t>(lanes.size()),
                        .earlier = network_rows(data.rows.earlier.features, lanes.size(), lanes, scaling),
                        .earlier_labels = data.rows.earlier.labels,
                        .later = network_rows(data.rows.later.features, lanes.size(), lanes, scaling),
                        .later_labels = data.rows.later.labels};
  TT_TRY(std::vector<ReferenceNetwork> references, reference_networks(rows, options.seed));
  const std::vector<float> bounds(lanes.size(), kReferenceClip);
  std::vector<Judgement> judgements;
  for (ReferenceNetwork& reference : references) {
    TT_TRY(QuantizedNetwork quantized,
           quantize_within(reference.spec, rows.earlier, options.error_max, data.isa, reference.name, bounds));
    const Subject subject{.name = reference.name,
                          .about = reference.about,
                          .spec = std::move(reference.spec),
                          .ranges = std::move(quantized.ranges),
                          .earlier = rows.earlier,
                          .later = rows.later,
                          .labels = std::move(reference.later_labels),
                          .output = reference.output};
    TT_TRY(Judgement one, judge(subject, data, options, reference.name));
    judgements.push_back(std::move(one));
  }
  print(judgements, data, options, {});
  return all_passed(judgements) ? ExitCode::ok : ExitCode::check_failed;
}

}  // namespace

void QuantizationOptions::add_to(CLI::App& command) {
  command
      .add_option("--ticks", ticks,
                  "Tick files in the order of their times: the earlier part calibrates, the later judges")
      ->type_name("FILE");
  command.add_option("--calibration-share", calibration_share, "Which part of the ticks is the earlier one")
      ->check(CLI::Range(0.01, 0.99))
      ->capture_default_str();
  command
      .add_option("--calibration-rows", calibration_rows_max, "At most so many rows to calibrate on, the latest ones")
      ->check(CLI::Range(1'000U, 100'000'000U))
      ->capture_default_str();
  command.add_option("--rows", rows_max, "At most so many rows to judge on, the first ones")
      ->check(CLI::Range(kGateRowsMin, std::uint64_t{100'000'000}))
      ->capture_default_str();
  command
      .add_option(
          "--thresholds", thresholds,
          "Scores at which decisions change; by default what a tenth of the calibration rows lies below, and above")
      ->type_name("SCORE");
  command.add_option("--seed", seed, "Of the bootstrap")->capture_default_str();
  run.add_ticks_to(command);
  command.add_option("--isa", run.isa, "Instruction set of the kernels: auto, scalar, avx2, avx512");
}

void QuantizationOptions::add_verify_options_to(CLI::App& command) {
  add_to(command);
  command
      .add_option("--features", features, "Without a pack: the feature set, a built-in name or the path of a TOML file")
      ->capture_default_str();
  command.add_option("--horizon", horizon_s, "Without a pack: the label's horizon in seconds")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
}

void add_models_quantize(CLI::App& models, Action& chosen) {
  auto* command = models.add_subcommand(
      "quantize", "Makes the networks of a pack int8 or int16, where the quantization gate passes");
  struct Arguments {
    std::string in;
    std::string out;
    QuantizationOptions options;
  };
  auto arguments = std::make_shared<Arguments>();
  command->add_option("PACK", arguments->in, "A .ttm of kind events with a network in float32")->required();
  command->add_option("-o,--out", arguments->out, "The pack to write; it is written only where the gate passes")
      ->required();
  command
      ->add_option(
          "--error-max", arguments->options.error_max,
          "RMS(q - f) / std(f) on the calibration rows; matrices that cost more become int16, or stay in float32")
      ->check(CLI::Range(0.0, kGateErrorMax))
      ->capture_default_str();
  command->add_flag("--json", arguments->options.json, "As JSON");
  arguments->options.add_to(*command);
  command->get_option("--ticks")->required();
  command->footer("docs/quantization.md says what is judged, and why.");
  command->callback([arguments, &chosen] {
    chosen = [arguments] { return quantize(arguments->in, arguments->out, arguments->options); };
  });
}

Result<ExitCode> verify_quantization(const std::string& pack, const QuantizationOptions& options) {
  if (options.ticks.empty()) {
    return fail({.code = ErrorCode::usage,
                 .doing = "verifying a quantization",
                 .field = "--ticks",
                 .expected = "tick files: the gate is about rows of real features",
                 .found = "none"});
  }
  return pack.empty() ? verify_references(options) : verify_pack(pack, options);
}

}  // namespace thintail
