// SPDX-License-Identifier: Apache-2.0
// `thintail models verify`: a pack held against its own golden rows on every instruction set, and against a library's predictions.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/hash.hpp"
#include "ml/models/output_transform.hpp"
#include "tools/thintail/models_commands.hpp"
#include "tools/thintail/models_quantization.hpp"
#include "tools/thintail/models_table.hpp"

namespace thintail {

namespace {

using Json = nlohmann::ordered_json;

struct VerifyArguments {
  std::string model;
  std::string inputs;
  std::optional<std::uint32_t> label_column;
  std::string expect;
  std::string member;
  bool raw = false;
  std::optional<double> tolerance;
  bool is_quantization = false;
  QuantizationOptions quantization;
  bool json = false;
};

std::unexpected<Error> usage(std::string field, std::string expected, std::string found) {
  return fail({.code = ErrorCode::usage,
               .doing = "verifying a model",
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

// --- golden rows ---------------------------------------------------------------------------------------------------------------

std::uint64_t golden_rows_of(const AnyPack& any) {
  if (const auto* trees = std::get_if<pack::VectorPack>(&any)) return trees->golden_rows;
  if (const auto* network = std::get_if<pack::NetworkPack>(&any)) return network->golden_rows;
  return std::get<LoadedPack>(any).pack.golden.rows.size();
}

Sha256Digest digest_of(const AnyPack& any) {
  if (const auto* trees = std::get_if<pack::VectorPack>(&any)) return trees->trees.sha256();
  if (const auto* network = std::get_if<pack::NetworkPack>(&any)) return network->digest;
  return std::get<LoadedPack>(any).pack.digest;
}

// Loading recomputes them: once for each instruction set of this CPU.
Result<ExitCode> verify_golden(const VerifyArguments& arguments) {
  std::vector<std::string_view> isas;
  std::optional<AnyPack> any;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (!isa_available(isa)) continue;
    TT_TRY(any, load_any_pack(arguments.model, isa));
    isas.push_back(isa_name(isa));
  }
  if (arguments.json) {
    fmt::print("{}\n", dumped({{"schema", "thintail-models-verify/1"},
                               {"file", arguments.model},
                               {"sha256", to_hex(digest_of(*any))},
                               {"golden_rows", golden_rows_of(*any)},
                               {"isas", isas},
                               {"ok", true}}));
  } else {
    fmt::print("{}: {} golden rows equal to the bit on {}: ok\n", arguments.model, golden_rows_of(*any),
               fmt::join(isas, ", "));
  }
  return ExitCode::ok;
}

// --- a library's predictions ---------------------------------------------------------------------------------------------------

// Of a pack, what can be held against a library: one model of it.
struct Subject {
  const TreeEnsemble* trees = nullptr;
  const Network* network = nullptr;  // one of the two
  SumType sum_type = SumType::float32;
  bool is_lightgbm = false;

  std::uint32_t inputs() const noexcept { return trees != nullptr ? trees->feature_count() : network->inputs(); }
  std::uint32_t outputs() const noexcept { return trees != nullptr ? trees->output_count() : network->outputs(); }
};

Result<Subject> subject_of(const AnyPack& any, const std::string& member_name) {
  if (const auto* model = std::get_if<LoadedPack>(&any)) {
    const auto& members = model->model.members;
    const auto found =
        member_name.empty() ? members.begin() : std::ranges::find(members, member_name, &ModelMember::name);
    if (found == members.end()) {
      std::vector<std::string> names;
      for (const ModelMember& member : members) names.push_back(member.name);
      return usage("--member", fmt::format("one of {}", fmt::join(names, ", ")), printable(member_name));
    }
    const pack::MemberSpec& spec = model->pack.spec.members[static_cast<std::size_t>(found - members.begin())];
    Subject subject{.trees = std::get_if<TreeEnsemble>(&found->model), .network = std::get_if<Network>(&found->model)};
    if (const auto* trees = std::get_if<DecisionTrees>(&spec.model)) subject.sum_type = trees->sum_type;
    subject.is_lightgbm = spec.source.starts_with("LightGBM");
    return subject;
  }
  if (!member_name.empty()) return usage("--member", "a pack of kind events, which has members", "one of kind vector");
  if (const auto* network = std::get_if<pack::NetworkPack>(&any)) return Subject{.network = &network->network};
  const auto& trees = std::get<pack::VectorPack>(any);
  return Subject{.trees = &trees.trees, .sum_type = trees.sum_type, .is_lightgbm = trees.is_lightgbm()};
}

// Rows one after the other; a network remembers the ones before.
class Evaluator {
 public:
  explicit Evaluator(const Subject& subject) : subject_(subject), spoken_(subject.outputs()) {
    if (subject.network == nullptr) return;
    state_ = subject.network->make_state();
    scratch_ = subject.network->make_scratch();
    subject.network->reset(floats(state_), floats(scratch_));
  }

  void operator()(const float* row, double* out) {
    if (subject_.trees != nullptr) {
      subject_.trees->margins(row, out);
      return;
    }
    subject_.network->step(row, floats(state_), floats(scratch_), spoken_.data());
    std::ranges::copy(spoken_, out);
  }

 private:
  static float* floats(NetworkBlock& block) noexcept { return block.empty() ? nullptr : block.data()->lanes; }

  const Subject& subject_;
  NetworkBlock state_;
  NetworkBlock scratch_;
  std::vector<float> spoken_;
};

struct Comparison {
  std::uint64_t rows = 0;
  std::uint32_t outputs = 0;
  double error_max = 0;
  std::uint64_t ulps_max = 0;
  std::uint64_t worst_row = 0;  // from 1; by ulps where they are what is bounded
  std::uint32_t worst_output = 0;

  void add(double ours, double theirs, SumType type, std::uint32_t output, bool by_ulps) {
    double error = std::abs(ours - theirs);
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    const std::uint64_t ulps = ulps_between(ours, theirs, type);
    if (by_ulps ? ulps > ulps_max : error > error_max) {
      worst_row = rows;
      worst_output = output;
    }
    error_max = std::max(error_max, error);
    ulps_max = std::max(ulps_max, ulps);
  }
};

// Margins are compared by their difference, and so is everything where a tolerance is given.
bool is_by_ulps(const VerifyArguments& arguments) noexcept { return !arguments.raw && !arguments.tolerance; }

// A library's C library may round exp otherwise; margins are sums, and have no such excuse. In float64 one last place of an
// exp shifts a softmax's sum, and with it every output by up to three: five of 2,500 probabilities of the test data.
constexpr std::uint64_t ulps_bound(SumType type) noexcept { return type == SumType::float32 ? 1 : 4; }

// What the library makes of what we sum; of networks and of raw margins nothing.
Result<OutputTransform> transform_of(const Subject& subject, const VerifyArguments& arguments) {
  if (arguments.raw || subject.trees == nullptr) return OutputTransform();
  return OutputTransform::of(subject.trees->objective(), subject.sum_type, subject.trees->averaged_over(),
                             arguments.model);
}

Result<std::vector<float>> input_row(const Table& inputs, std::vector<double> columns, const Subject& subject,
                                     std::optional<std::uint32_t> label_column) {
  if (inputs.is_sparse()) label_column.reset();  // its label is gone already
  const std::size_t expected = subject.inputs() + (label_column ? 1 : 0);
  if (columns.size() != expected || (label_column && *label_column >= columns.size())) {
    return inputs.no("columns",
                     fmt::format("{} features{}", subject.inputs(),
                                 label_column ? fmt::format(" and a label in column {}", *label_column) : ""),
                     fmt::format("{} columns", columns.size()));
  }
  if (label_column) columns.erase(columns.begin() + *label_column);
  std::vector<float> row;
  row.reserve(columns.size());
  for (const double value : columns) row.push_back(to_float32(value, subject.is_lightgbm));
  return row;
}

Result<Comparison> compare(const Subject& subject, const VerifyArguments& arguments) {
  TT_TRY(Table inputs, Table::open(arguments.inputs, subject.inputs()));
  TT_TRY(Table expected, Table::open(arguments.expect));
  Comparison out;
  Evaluator evaluate(subject);
  std::vector<double> outputs(subject.outputs());
  TT_TRY(const OutputTransform transform, transform_of(subject, arguments));
  out.outputs = static_cast<std::uint32_t>(transform.predictions(outputs.size()));
  for (;;) {
    TT_TRY(auto columns, inputs.next());
    TT_TRY(const auto predicted, expected.next());
    if (columns.has_value() != predicted.has_value()) {
      return (columns ? expected : inputs)
          .no("rows", fmt::format("as many rows as {}", columns ? arguments.inputs : arguments.expect),
              fmt::format("the end after {}", out.rows));
    }
    if (!columns) break;
    TT_TRY(const std::vector<float> row, input_row(inputs, std::move(*columns), subject, arguments.label_column));
    if (predicted->size() != out.outputs) {
      return expected.no("columns", fmt::format("{} outputs", out.outputs),
                         fmt::format("{} columns", predicted->size()));
    }
    ++out.rows;
    evaluate(row.data(), outputs.data());
    transform.apply(outputs);
    for (std::uint32_t output = 0; output < out.outputs; ++output) {
      // What the library computes in float32 is that float32, however few decimals say it.
      const double theirs = subject.sum_type == SumType::float32
                                ? static_cast<double>(to_float32((*predicted)[output], false))
                                : (*predicted)[output];
      out.add(outputs[output], theirs, subject.sum_type, output, is_by_ulps(arguments));
    }
  }
  if (out.rows == 0) return inputs.no("rows", "one at least", "none");
  return out;
}

Result<ExitCode> verify_predictions(const VerifyArguments& arguments) {
  if (arguments.inputs.empty() || arguments.expect.empty()) {
    return usage(arguments.inputs.empty() ? "--inputs" : "--expect",
                 "both: rows, and the library's predictions of them", "one");
  }
  const double tolerance = arguments.tolerance.value_or(0);
  if (!(tolerance >= 0)) return usage("--tolerance", "a number of 0 or more", fmt::format("{}", tolerance));
  TT_TRY(const AnyPack any, load_any_pack(arguments.model));
  TT_TRY(const Subject subject, subject_of(any, arguments.member));
  TT_TRY(const Comparison comparison, compare(subject, arguments));
  const bool by_ulps = is_by_ulps(arguments);
  const std::uint64_t ulps_max = ulps_bound(subject.sum_type);
  const bool is_ok = by_ulps ? comparison.ulps_max <= ulps_max : comparison.error_max <= tolerance;
  if (arguments.json) {
    fmt::print("{}\n", dumped({{"schema", "thintail-models-verify/1"},
                               {"file", arguments.model},
                               {"sha256", to_hex(digest_of(any))},
                               {"rows", comparison.rows},
                               {"outputs", comparison.outputs},
                               {"compared", arguments.raw ? "raw" : "predictions"},
                               {"golden_rows", golden_rows_of(any)},
                               {"error_max", std::isinf(comparison.error_max) ? Json() : Json(comparison.error_max)},
                               {"ulps_max", comparison.ulps_max},
                               {by_ulps ? "ulps_bound" : "tolerance", by_ulps ? Json(ulps_max) : Json(tolerance)},
                               {"worst_row", comparison.worst_row},
                               {"worst_output", comparison.worst_output},
                               {"ok", is_ok}}));
  } else {
    fmt::print("{}: {} rows of {} outputs, max error {}{}{}: {}\n", arguments.model, comparison.rows,
               comparison.outputs, comparison.error_max, by_ulps ? fmt::format(", {} ulp", comparison.ulps_max) : "",
               comparison.worst_row == 0
                   ? ""
                   : fmt::format(" (row {}, output {})", comparison.worst_row, comparison.worst_output),
               is_ok     ? "ok"
               : by_ulps ? fmt::format("more than {} ulp", ulps_max)
                         : fmt::format("more than {}", tolerance));
  }
  return is_ok ? ExitCode::ok : ExitCode::check_failed;
}

}  // namespace

void add_models_verify(CLI::App& models, Action& chosen) {
  auto* command = models.add_subcommand("verify",
                                        "Recomputes a pack's golden rows on every instruction set; with --inputs, "
                                        "compares it with a library's predictions; "
                                        "with --quantization, judges its quantized networks");
  auto arguments = std::make_shared<VerifyArguments>();
  command->add_option("PACK", arguments->model, "A .ttm file; with --quantization it may be left out");
  command->add_option("--inputs", arguments->inputs,
                      "Rows of features: a table with tabs, commas or spaces, or libsvm");
  command->add_option("--label-column", arguments->label_column,
                      "The column of the inputs, from 0, that is no feature");
  command->add_option("--expect", arguments->expect, "The library's predictions, a line a row");
  command->add_option("--member", arguments->member,
                      "Of a pack of kind events, the member to compare; the first by default");
  command->add_flag(
      "--raw", arguments->raw,
      "The predictions are raw margins; without it they are what the library makes of those: probabilities, classes");
  command->add_option("--tolerance", arguments->tolerance,
                      "The largest error that passes; by default 0 of raw margins, of others 1 unit in the last place "
                      "of float32, 4 of float64");
  command->add_flag(
      "--quantization", arguments->is_quantization,
      "Judges the pack's quantized networks on rows of --ticks that calibration did not see; without a pack, networks "
      "that are trained for the occasion (docs/quantization.md)");
  arguments->quantization.add_verify_options_to(*command);
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments, &chosen] {
    chosen = [arguments]() -> Result<ExitCode> {
      arguments->quantization.json = arguments->json;
      if (arguments->is_quantization) return verify_quantization(arguments->model, arguments->quantization);
      if (arguments->model.empty()) return usage("PACK", "a .ttm file", "none");
      return arguments->inputs.empty() && arguments->expect.empty() ? verify_golden(*arguments)
                                                                    : verify_predictions(*arguments);
    };
  });
}

}  // namespace thintail
