// SPDX-License-Identifier: Apache-2.0
// `thintail models`: a library's model made into a .ttm pack, a pack looked at, a pack held against the library's own
// predictions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/hash.hpp"
#include "core/base/whole_file.hpp"
#include "ml/models/number_text.hpp"
#include "ml/pack/vector_pack.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {

namespace {

using Json = nlohmann::ordered_json;
using pack::VectorPack;

std::string dumped(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace); }

Json pack_json(const VectorPack& model, const std::string& path) {
  return {{"schema", "thintail-models/1"},
          {"file", path},
          {"bytes", model.file_bytes},
          {"version", pack::kVersion},
          {"kind", "vector"},
          {"sha256", to_hex(model.trees.sha256())},
          {"producer", model.origin.producer},
          {"source", model.origin.source},
          {"source_sha256", to_hex(model.origin.source_sha256)},
          {"objective", model.trees.objective()},
          {"sum_type", model.sum_type == SumType::float32 ? "float32" : "float64"},
          {"features", model.trees.feature_count()},
          {"outputs", model.trees.output_count()},
          {"averaged_over", model.trees.averaged_over()},
          {"trees", model.trees.tree_count()},
          {"nodes", model.node_count},
          {"depth_max", model.trees.depth_max()},
          {"golden_rows", model.golden_rows}};
}

// The same as a person reads it.
std::string pack_text(const VectorPack& model, const std::string& path) {
  std::string out = path + "\n";
  const Json json = pack_json(model, path);
  for (const auto& [key, value] : json.items()) {
    if (key == "schema" || key == "file") continue;
    out += fmt::format("  {:<14} {}\n", key, value.is_string() ? printable(value.get<std::string>()) : value.dump());
  }
  return out + fmt::format("  every golden row computed here equals the pack's to the bit\n");
}

// --- import and inspect ----------------------------------------------------------------------------------------------

struct ImportArguments {
  std::string model;
  std::string out;
  bool json = false;
};

Result<ExitCode> show(const std::string& path, bool as_json) {
  TT_TRY(const VectorPack model, pack::load_vector_pack(path));
  fmt::print("{}{}", as_json ? dumped(pack_json(model, path)) : pack_text(model, path), as_json ? "\n" : "");
  return ExitCode::ok;
}

Result<ExitCode> import(const ImportArguments& arguments) {
  TT_TRY(const std::string bytes, read_whole_file(arguments.model, model_reading("importing a model")));
  TT_TRY(const DecisionTrees trees, pack::read_library_model(bytes, arguments.model));
  const pack::Origin origin{
      .producer = "thintail " THINTAIL_VERSION, .source = trees.saved_by, .source_sha256 = sha256(bytes)};
  TT_TRY(const std::string packed, pack::encode_vector_pack(trees, origin, arguments.model));
  TT_TRY_VOID(replace_file(arguments.out, packed, "writing a model pack"));
  return show(arguments.out, arguments.json);
}

// --- verify ----------------------------------------------------------------------------------------------------------

struct VerifyArguments {
  std::string model;
  std::string inputs;
  std::optional<std::uint32_t> label_column;
  std::string expect;
  bool raw = false;
  double tolerance = 0;
  bool json = false;
};

// A table of decimals: rows are lines, columns stand between tabs, or where there is none commas, or where there is
// none spaces. With a width, rows may also be libsvm's: a label, then INDEX:VALUE, ascending; the label is dropped, and
// what no index names is missing.
class Table {
 public:
  static Result<Table> open(const std::string& path, std::uint32_t libsvm_width = 0) {
    TT_TRY(std::string text, read_whole_file(path, model_reading("reading a table")));
    return Table(path, std::move(text), libsvm_width);
  }

  // The last line was libsvm's.
  bool is_sparse() const noexcept { return is_sparse_; }

  // The next line's numbers, an empty column as NaN; nothing at the end.
  Result<std::optional<std::vector<double>>> next() {
    while (at_ < text_.size()) {
      const std::size_t end = std::min(text_.find('\n', at_), text_.size());
      std::string_view line = std::string_view(text_).substr(at_, end - at_);
      at_ = end + 1;
      ++line_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.find_first_not_of(' ') == std::string_view::npos) continue;
      is_sparse_ = libsvm_width_ > 0 && line.find(':') != std::string_view::npos;
      TT_TRY(std::vector<double> row, is_sparse_ ? parse_sparse(line) : parse(line));
      return row;
    }
    return std::nullopt;
  }

  std::unexpected<Error> no(std::string field, std::string expected, std::string found) const {
    return fail({.code = ErrorCode::row_bad_field,
                 .doing = "reading a table",
                 .file = path_,
                 .line = line_,
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  }

 private:
  Table(std::string path, std::string text, std::uint32_t libsvm_width)
      : path_(std::move(path)), text_(std::move(text)), libsvm_width_(libsvm_width) {}

  Result<std::vector<double>> parse_sparse(std::string_view line) const {
    std::vector<double> row(libsvm_width_, std::numeric_limits<double>::quiet_NaN());
    std::int64_t last = -1;
    bool is_label = true;
    while (!line.empty()) {
      const std::size_t end = std::min(line.find(' '), line.size());
      const std::string_view word = line.substr(0, end);
      line.remove_prefix(std::min(end + 1, line.size()));
      if (word.empty()) continue;
      if (std::exchange(is_label, false)) continue;
      const std::size_t colon = std::min(word.find(':'), word.size());
      std::int64_t index = -1;
      double value = 0;
      if (colon == word.size() || !parse_number(word.substr(0, colon), index) ||
          !parse_number(word.substr(colon + 1), value) || index <= last || index >= std::int64_t{libsvm_width_}) {
        return no("feature", fmt::format("INDEX:VALUE, indices ascending and below {}", libsvm_width_),
                  printable(word, 40));
      }
      row[static_cast<std::size_t>(index)] = value;
      last = index;
    }
    return row;
  }

  Result<std::vector<double>> parse(std::string_view line) const {
    const char separator = line.find('\t') != std::string_view::npos  ? '\t'
                           : line.find(',') != std::string_view::npos ? ','
                                                                      : ' ';
    std::vector<double> row;
    for (std::size_t at = 0; at <= line.size();) {
      const std::size_t end = std::min(line.find(separator, at), line.size());
      std::string_view word = line.substr(at, end - at);
      at = end + 1;
      while (word.starts_with(' ')) word.remove_prefix(1);
      while (word.ends_with(' ')) word.remove_suffix(1);
      if (word.empty() && separator == ' ') continue;
      double value = std::numeric_limits<double>::quiet_NaN();
      if (!word.empty() && !parse_number(word, value)) {
        return no(fmt::format("column {}", row.size()), "a number, or nothing where it is missing",
                  printable(word, 40));
      }
      row.push_back(value);
    }
    return row;
  }

  std::string path_;
  std::string text_;
  std::uint32_t libsvm_width_;  // features of a libsvm row; 0: there are none
  bool is_sparse_ = false;
  std::size_t at_ = 0;
  std::uint64_t line_ = 0;
};

// LightGBM compares doubles: a decimal that is rounded up to a float32 could pass a threshold that it does not pass as a
// double; one that is rounded down cannot (docs/models.md). XGBoost itself rounds to the nearest.
float to_float32(double value, bool rounds_down) {
  const auto nearest = static_cast<float>(value);
  const bool went_up = static_cast<double>(nearest) > value;
  return rounds_down && went_up ? std::nextafter(nearest, -std::numeric_limits<float>::infinity()) : nearest;
}

struct Comparison {
  std::uint64_t rows = 0;
  double error_max = 0;
  std::uint64_t worst_row = 0;  // from 1
  std::uint32_t worst_output = 0;
};

Result<std::vector<float>> input_row(const Table& inputs, std::vector<double> columns, const VectorPack& model,
                                     std::optional<std::uint32_t> label_column) {
  if (inputs.is_sparse()) label_column.reset();  // its label is gone already
  const std::size_t expected = model.trees.feature_count() + (label_column ? 1 : 0);
  if (columns.size() != expected || (label_column && *label_column >= columns.size())) {
    return inputs.no("columns",
                     fmt::format("{} features{}", model.trees.feature_count(),
                                 label_column ? fmt::format(" and a label in column {}", *label_column) : ""),
                     fmt::format("{} columns", columns.size()));
  }
  if (label_column) columns.erase(columns.begin() + *label_column);
  std::vector<float> row;
  row.reserve(columns.size());
  for (const double value : columns) row.push_back(to_float32(value, model.is_lightgbm()));
  return row;
}

Result<Comparison> compare(const VectorPack& model, const VerifyArguments& arguments) {
  TT_TRY(Table inputs, Table::open(arguments.inputs, model.trees.feature_count()));
  TT_TRY(Table expected, Table::open(arguments.expect));
  Comparison out;
  std::vector<double> margins(model.trees.output_count());
  for (;;) {
    TT_TRY(auto columns, inputs.next());
    TT_TRY(const auto predicted, expected.next());
    if (columns.has_value() != predicted.has_value()) {
      return (columns ? expected : inputs)
          .no("rows", fmt::format("as many rows as {}", columns ? arguments.inputs : arguments.expect),
              fmt::format("the end after {}", out.rows));
    }
    if (!columns) break;
    TT_TRY(const std::vector<float> row, input_row(inputs, std::move(*columns), model, arguments.label_column));
    if (predicted->size() != margins.size()) {
      return expected.no("columns", fmt::format("{} outputs", margins.size()),
                         fmt::format("{} columns", predicted->size()));
    }
    ++out.rows;
    model.trees.margins(row.data(), margins.data());
    for (std::uint32_t output = 0; output < margins.size(); ++output) {
      // A margin that the library sums in float32 is that float32, however few decimals say it.
      const double theirs = model.sum_type == SumType::float32
                                ? static_cast<double>(to_float32((*predicted)[output], false))
                                : (*predicted)[output];
      double error = std::abs(margins[output] - theirs);
      if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
      if (error <= out.error_max) continue;
      out.error_max = error;
      out.worst_row = out.rows;
      out.worst_output = output;
    }
  }
  if (out.rows == 0) return inputs.no("rows", "one at least", "none");
  return out;
}

Result<ExitCode> verify(const VerifyArguments& arguments) {
  if (!arguments.raw) {
    return fail({.code = ErrorCode::usage,
                 .doing = "verifying a model",
                 .field = "--raw",
                 .expected = "the flag: predictions are compared as raw margins",
                 .found = "none"});
  }
  if (!(arguments.tolerance >= 0)) {
    return fail({.code = ErrorCode::usage,
                 .doing = "verifying a model",
                 .field = "--tolerance",
                 .expected = "a number of 0 or more",
                 .found = fmt::format("{}", arguments.tolerance)});
  }
  TT_TRY(const VectorPack model, pack::load_vector_pack(arguments.model));
  TT_TRY(const Comparison comparison, compare(model, arguments));
  const bool is_ok = comparison.error_max <= arguments.tolerance;
  if (arguments.json) {
    fmt::print("{}\n", dumped({{"schema", "thintail-models-verify/1"},
                               {"file", arguments.model},
                               {"sha256", to_hex(model.trees.sha256())},
                               {"rows", comparison.rows},
                               {"outputs", model.trees.output_count()},
                               {"golden_rows", model.golden_rows},
                               {"error_max", std::isinf(comparison.error_max) ? Json() : Json(comparison.error_max)},
                               {"tolerance", arguments.tolerance},
                               {"worst_row", comparison.worst_row},
                               {"worst_output", comparison.worst_output},
                               {"ok", is_ok}}));
  } else {
    fmt::print("{}: {} rows of {} outputs, max error {}{}: {}\n", arguments.model, comparison.rows,
               model.trees.output_count(), comparison.error_max,
               comparison.worst_row == 0
                   ? ""
                   : fmt::format(" (row {}, output {})", comparison.worst_row, comparison.worst_output),
               is_ok ? "ok" : fmt::format("more than {}", arguments.tolerance));
  }
  return is_ok ? ExitCode::ok : ExitCode::check_failed;
}

}  // namespace

void add_models(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("models", "Model packs: import, inspect, verify");
  command->require_subcommand(1);

  auto* importing = command->add_subcommand("import", "Makes a .ttm pack from a model of XGBoost or LightGBM");
  auto import_arguments = std::make_shared<ImportArguments>();
  importing->add_option("FILE", import_arguments->model, "XGBoost JSON or UBJ, LightGBM text; told by content")
      ->required();
  importing->add_option("-o,--out", import_arguments->out, "The pack to write, e.g. model.ttm")->required();
  importing->add_flag("--json", import_arguments->json, "What was written, as JSON");
  importing->callback(
      [import_arguments, &chosen] { chosen = [import_arguments] { return import(*import_arguments); }; });

  auto* inspecting = command->add_subcommand("inspect", "Checks a pack and says what it holds");
  auto inspect_arguments = std::make_shared<ImportArguments>();
  inspecting->add_option("PACK", inspect_arguments->out, "A .ttm file")->required();
  inspecting->add_flag("--json", inspect_arguments->json, "As JSON");
  inspecting->callback([inspect_arguments, &chosen] {
    chosen = [inspect_arguments] { return show(inspect_arguments->out, inspect_arguments->json); };
  });

  auto* verifying = command->add_subcommand("verify", "Compares a pack's predictions with the library's own");
  auto verify_arguments = std::make_shared<VerifyArguments>();
  verifying->add_option("PACK", verify_arguments->model, "A .ttm file")->required();
  verifying
      ->add_option("--inputs", verify_arguments->inputs,
                   "Rows of features: a table with tabs, commas or spaces, or libsvm")
      ->required();
  verifying->add_option("--label-column", verify_arguments->label_column,
                        "The column of the inputs, from 0, that is no feature");
  verifying->add_option("--expect", verify_arguments->expect, "The library's predictions, a line a row")->required();
  verifying->add_flag("--raw", verify_arguments->raw, "The predictions are raw margins (the only kind compared)");
  verifying->add_option("--tolerance", verify_arguments->tolerance, "The largest error that passes; 0 by default");
  verifying->add_flag("--json", verify_arguments->json, "As JSON");
  verifying->callback(
      [verify_arguments, &chosen] { chosen = [verify_arguments] { return verify(*verify_arguments); }; });
}

}  // namespace thintail
