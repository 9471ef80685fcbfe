// SPDX-License-Identifier: Apache-2.0
// A model on disk: MODEL.json and MODEL.features.toml, which says what its inputs and its output mean.
//   path  cold
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "core/base/whole_file.hpp"
#include "ml/features/feature_set.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"

namespace thintail {

namespace {

constexpr std::size_t kSidecarBytesMax = 64 * 1024;
constexpr std::int64_t kSidecarFormat = 1;

// --- the sidecar's keys --------------------------------------------------------------------------------------------

class SidecarReader {
 public:
  SidecarReader(const toml::table& table, std::string_view file) : table_(table), file_(file) {}

  Result<ModelSidecar> read() const {
    constexpr std::array<std::string_view, 7> kKeys = {"format", "feature_set", "feature_hash", "model_hash",
                                                       "label",  "horizon_ns",  "trained_on"};
    for (const auto& [key, node] : table_) {
      if (std::ranges::find(kKeys, key.str()) == kKeys.end()) {
        return refuse(&node, printable(key.str(), 40), "a key of docs/models.md", "an unknown one");
      }
    }
    ModelSidecar out;
    TT_TRY(const std::int64_t format, integer("format"));
    if (format != kSidecarFormat) return refuse(table_.get("format"), "format", "1", std::to_string(format));
    TT_TRY(out.feature_set, text("feature_set"));
    TT_TRY(out.feature_hash, digest("feature_hash"));
    TT_TRY(out.model_hash, digest("model_hash"));
    TT_TRY(out.label, text("label"));
    TT_TRY(out.horizon_ns, integer("horizon_ns"));
    if (out.horizon_ns <= 0) {
      return refuse(table_.get("horizon_ns"), "horizon_ns", "more than 0", std::to_string(out.horizon_ns));
    }
    TT_TRY(out.trained_on, text("trained_on"));
    return out;
  }

 private:
  std::unexpected<Error> refuse(const toml::node* node, std::string_view key, std::string expected,
                                std::string found) const {
    const toml::source_position place = node != nullptr ? node->source().begin : toml::source_position{};
    return fail({.code = ErrorCode::model_sidecar,
                 .doing = "reading a model's sidecar",
                 .file = std::string(file_),
                 .line = place.line,
                 .column = place.column,
                 .field = std::string(key),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  }

  Result<std::string> text(std::string_view key) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr || !node->is_string())
      return refuse(node, key, "a string", node == nullptr ? "none" : "another type");
    return node->as_string()->get();
  }

  Result<std::int64_t> integer(std::string_view key) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr || !node->is_integer()) {
      return refuse(node, key, "an integer", node == nullptr ? "none" : "another type");
    }
    return node->as_integer()->get();
  }

  Result<Sha256Digest> digest(std::string_view key) const {
    TT_TRY(const std::string hex, text(key));
    Sha256Digest out{};
    if (!from_hex(hex, out)) return refuse(table_.get(key), key, "64 hexadecimal digits", printable(hex));
    return out;
  }

  const toml::table& table_;
  std::string_view file_;
};

Result<ModelSidecar> read_sidecar(const std::string& path) {
  TT_TRY(const std::string text, read_whole_file(path, {.doing = "reading a model's sidecar",
                                                        .expected = "a readable file",
                                                        .bytes_max = kSidecarBytesMax,
                                                        .missing = ErrorCode::model_sidecar,
                                                        .too_long = ErrorCode::model_unsupported}));
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return fail({.code = ErrorCode::model_sidecar,
                 .doing = "reading a model's sidecar",
                 .file = path,
                 .line = parsed.error().source().begin.line,
                 .column = parsed.error().source().begin.column,
                 .expected = "TOML",
                 .found = printable(parsed.error().description(), 200)});
  }
  return SidecarReader(parsed.table(), path).read();
}

std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += byte;
    } else if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(byte));
    } else {
      out += byte;
    }
  }
  return out + '"';
}

// The set that is in force must be the one trained on: same name, same definitions, same width.
Result<void> check_features(const LoadedModel& model) {
  const FeatureSet* const set = model.features;
  const auto refuse = [&](std::string field, std::string expected, std::string found) {
    return fail({.code = ErrorCode::model_feature_mismatch,
                 .doing = "checking a model's features",
                 .file = model.path,
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  if (set->name() != model.sidecar.feature_set) {
    return refuse("feature_set", fmt::format("{}, the set in force", set->name()),
                  fmt::format("{} at training", printable(model.sidecar.feature_set)));
  }
  if (set->hash() != model.sidecar.feature_hash) {
    return refuse("feature_hash", fmt::format("{} of set {} in this program", to_hex(set->hash()), set->name()),
                  fmt::format("{} at training", to_hex(model.sidecar.feature_hash)));
  }
  if (model.trees.output_count() != 1) {
    return fail({.code = ErrorCode::model_unsupported,
                 .doing = "checking a model's outputs",
                 .file = model.path,
                 .field = "num_class",
                 .expected = "one output, the score",
                 .found = std::to_string(model.trees.output_count())});
  }
  if (set->lanes().size() != model.trees.feature_count()) {
    return refuse("num_feature", fmt::format("{} lanes of set {}", set->lanes().size(), set->name()),
                  fmt::format("{} in the model", model.trees.feature_count()));
  }
  return {};
}

// A sidecar names its set but does not say where it lies: a path in it would let a model choose a file to read.
Result<const FeatureSet*> set_of(const ModelSidecar& sidecar, const std::string& sidecar_file) {
  if (const FeatureSet* set = FeatureSet::built_in(sidecar.feature_set)) return set;
  std::vector<std::string_view> known;
  for (const FeatureSet* set : FeatureSet::all()) known.push_back(set->name());
  return fail(
      {.code = ErrorCode::feature_unknown,
       .doing = "finding the feature set that a model was trained on",
       .file = sidecar_file,
       .field = "feature_set",
       .expected = fmt::format("a built-in one ({}), or the set's TOML file as features.set", fmt::join(known, ", ")),
       .found = printable(sidecar.feature_set)});
}

}  // namespace

Result<std::string> sidecar_path(const std::string& model_path) {
  constexpr std::string_view kSuffix = ".json";
  if (!model_path.ends_with(kSuffix)) {
    return fail({.code = ErrorCode::model_unsupported,
                 .doing = "finding a model's sidecar",
                 .file = model_path,
                 .expected = "a name ending in .json",
                 .found = "another"});
  }
  return model_path.substr(0, model_path.size() - kSuffix.size()) + ".features.toml";
}

Result<LoadedModel> load_model(const std::string& path, const FeatureSet* features) {
  TT_TRY(const std::string sidecar_file, sidecar_path(path));
  TT_TRY(const std::string json, read_whole_file(path, model_reading("reading a model")));
  TT_TRY(ModelSidecar sidecar, read_sidecar(sidecar_file));
  const Sha256Digest found = sha256(json);
  if (found != sidecar.model_hash) {
    return fail({.code = ErrorCode::model_hash_mismatch,
                 .doing = "checking a model against its sidecar",
                 .file = path,
                 .field = "model_hash",
                 .expected = to_hex(sidecar.model_hash),
                 .found = to_hex(found)});
  }
  TT_TRY(TreeEnsemble trees, TreeEnsemble::from_xgboost_json(json, path));
  LoadedModel model{.trees = std::move(trees), .sidecar = std::move(sidecar), .path = path, .features = features};
  if (features == nullptr) {
    TT_TRY(model.features, set_of(model.sidecar, sidecar_file));
  }
  TT_TRY_VOID(check_features(model));
  return model;
}

Result<void> write_sidecar(const std::string& model_path, const ModelSidecar& sidecar) {
  TT_TRY(const std::string path, sidecar_path(model_path));
  const std::string text = fmt::format(
      "# What the model beside this file takes and gives. Written by thintail-train; docs/models.md explains the "
      "keys.\n"
      "format = {}\n"
      "feature_set = {}\n"
      "feature_hash = \"{}\"\n"
      "model_hash = \"{}\"\n"
      "label = {}\n"
      "horizon_ns = {}\n"
      "trained_on = {}\n",
      kSidecarFormat, toml_quoted(sidecar.feature_set), to_hex(sidecar.feature_hash), to_hex(sidecar.model_hash),
      toml_quoted(sidecar.label), sidecar.horizon_ns, toml_quoted(sidecar.trained_on));
  return replace_file(path, text, "writing a model's sidecar");
}

}  // namespace thintail
