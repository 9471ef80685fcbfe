// SPDX-License-Identifier: Apache-2.0
#include "ml/regime/regime_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "core/base/whole_file.hpp"
#include "core/config/nearest_name.hpp"
#include "core/config/toml_node.hpp"
#include "core/config/toml_text.hpp"
#include "core/config/unknown_key.hpp"

namespace thintail {
namespace {

constexpr std::string_view kFormat = "thintail-regime/1";
constexpr std::size_t kNameSizeMax = 64;
// A hundred times what eight states take; a device or a tick file named by mistake ends here.
constexpr std::uintmax_t kFileBytesMax = 1u << 20;
constexpr std::int64_t kStepsMax = 1'000'000;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameSizeMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("-_.").contains(c);
  });
}

class Reader {
 public:
  Reader(const toml::table& table, const std::string& file) : table_(table), file_(file) {}

  Result<RegimeModel> read() {
    TT_TRY_VOID(check_keys(table_,
                           {"format", "name", "features", "trend_feature", "volatility_feature", "initial",
                            "transition", "states", "change", "regimes"},
                           ""));
    TT_TRY(const std::string format, text(table_, "format"));
    if (format != kFormat) return refuse(table_.get("format"), &table_, "format", fmt::format("\"{}\"", kFormat));
    TT_TRY(model_.name, text(table_, "name"));
    if (!is_name(model_.name))
      return refuse(table_.get("name"), &table_, "name", fmt::format("1 to {} of [a-z0-9._-]", kNameSizeMax));
    TT_TRY_VOID(read_features());
    TT_TRY_VOID(read_states());
    TT_TRY_VOID(read_distribution(table_.get("initial"), &table_, "initial", model_.hmm.initial));
    TT_TRY_VOID(read_transition());
    TT_TRY_VOID(read_change());
    TT_TRY_VOID(read_regimes());
    return std::move(model_);
  }

 private:
  // `parent` gives the place where there is no node.
  std::unexpected<Error> refuse(const toml::node* node, const toml::node* parent, std::string field,
                                std::string expected, std::string found = {}) const {
    const toml::source_position place = (node != nullptr ? node : parent)->source().begin;
    return fail({.code = node != nullptr ? ErrorCode::config_bad_value : ErrorCode::config_missing,
                 .doing = "reading a regime model",
                 .file = file_,
                 .line = place.line,
                 .column = place.column,
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = found.empty() ? config::describe_node(node) : std::move(found)});
  }

  // `prefix` is the field that the table is, with its dot.
  Result<void> check_keys(const toml::table& table, const std::vector<std::string>& known,
                          std::string_view prefix) const {
    const toml::key* const unknown = config::first_unknown_key(table, known);
    if (unknown == nullptr) return {};
    return fail({.code = ErrorCode::config_unknown_key,
                 .doing = "reading a regime model",
                 .file = file_,
                 .line = unknown->source().begin.line,
                 .column = unknown->source().begin.column,
                 .field = fmt::format("{}{}", prefix, printable(unknown->str(), kNameSizeMax)),
                 .expected = fmt::format("one of {}; the nearest is {}", fmt::join(known, ", "),
                                         nearest_name(unknown->str(), known)),
                 .found = fmt::format("\"{}\"", printable(unknown->str(), kNameSizeMax))});
  }

  Result<std::string> text(const toml::table& table, const char* key) const {
    const toml::node* node = table.get(key);
    if (node == nullptr || !node->is_string()) return refuse(node, &table, key, "a text");
    return node->as_string()->get();
  }

  Result<double> number(const toml::node* node, const toml::node* parent, const std::string& field, double low,
                        double high) const {
    double value = 0.0;
    if (node != nullptr && node->is_integer()) {
      value = static_cast<double>(node->as_integer()->get());
    } else if (node != nullptr && node->is_floating_point()) {
      value = node->as_floating_point()->get();
    } else {
      return refuse(node, parent, field, fmt::format("a number from {} to {}", low, high));
    }
    // Written to accept: a NaN lies within no bounds.
    if (!(value >= low && value <= high))
      return refuse(node, parent, field, fmt::format("a number from {} to {}", low, high));
    return value;
  }

  // A list of exactly `size` numbers.
  Result<void> numbers(const toml::node* node, const toml::node* parent, const std::string& field, std::size_t size,
                       double low, double high, double* out) const {
    const toml::array* list = node != nullptr ? node->as_array() : nullptr;
    if (list == nullptr || list->size() != size)
      return refuse(node, parent, field, fmt::format("a list of {} numbers", size));
    for (std::size_t i = 0; i < size; ++i) {
      TT_TRY(out[i], number(list->get(i), list, fmt::format("{}[{}]", field, i), low, high));
    }
    return {};
  }

  Result<void> read_features() {
    const toml::node* node = table_.get("features");
    const toml::array* list = node != nullptr ? node->as_array() : nullptr;
    if (list == nullptr || list->empty() || list->size() > kHmmFeaturesMax)
      return refuse(node, &table_, "features", fmt::format("a list of 1 to {} names of lanes", kHmmFeaturesMax));
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto* name = list->get(i)->as_string();
      const bool is_new = name != nullptr && std::ranges::find(model_.features, name->get()) == model_.features.end();
      if (name == nullptr || !is_name(name->get()) || !is_new) {
        return refuse(list->get(i), list, fmt::format("features[{}]", i),
                      fmt::format("another lane's name: 1 to {} of [a-z0-9._-]", kNameSizeMax));
      }
      model_.features.push_back(name->get());
    }
    model_.hmm.features = static_cast<std::uint32_t>(model_.features.size());
    TT_TRY(model_.hmm.trend_feature, feature_named("trend_feature"));
    if (table_.contains("volatility_feature")) {
      TT_TRY(model_.hmm.volatility_feature, feature_named("volatility_feature"));
    }
    return {};
  }

  Result<std::uint32_t> feature_named(const char* key) const {
    TT_TRY(const std::string name, text(table_, key));
    const auto found = std::ranges::find(model_.features, name);
    if (found == model_.features.end())
      return refuse(table_.get(key), &table_, key, fmt::format("one of {}", fmt::join(model_.features, ", ")));
    return static_cast<std::uint32_t>(found - model_.features.begin());
  }

  Result<void> read_states() {
    const toml::node* node = table_.get("states");
    const toml::array* list = node != nullptr ? node->as_array() : nullptr;
    if (list == nullptr || list->size() < 2 || list->size() > kHmmStatesMax)
      return refuse(node, &table_, "states", fmt::format("2 to {} tables [[states]]", kHmmStatesMax));
    model_.hmm.states = static_cast<std::uint32_t>(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string field = fmt::format("states[{}]", i);
      const toml::table* state = list->get(i)->as_table();
      if (state == nullptr) return refuse(list->get(i), list, field, "a table with mean and variance");
      TT_TRY_VOID(check_keys(*state, {"mean", "variance"}, field + '.'));
      TT_TRY_VOID(numbers(state->get("mean"), state, field + ".mean", model_.hmm.features, -GaussianHmm::kMeanMax,
                          GaussianHmm::kMeanMax, model_.hmm.mean[i].data()));
      TT_TRY_VOID(numbers(state->get("variance"), state, field + ".variance", model_.hmm.features,
                          GaussianHmm::kVarianceMin, GaussianHmm::kVarianceMax, model_.hmm.variance[i].data()));
    }
    return {};
  }

  Result<void> read_distribution(const toml::node* node, const toml::node* parent, const std::string& field,
                                 StateLanes& out) const {
    TT_TRY_VOID(numbers(node, parent, field, model_.hmm.states, 0.0, 1.0, out.data()));
    double sum = 0.0;
    for (const double value : out) sum += value;
    if (sum >= 1.0 - GaussianHmm::kSumTolerance && sum <= 1.0 + GaussianHmm::kSumTolerance) return {};
    return refuse(node, parent, field, "probabilities that sum to 1", fmt::format("a sum of {}", sum));
  }

  Result<void> read_transition() {
    const toml::node* node = table_.get("transition");
    const toml::array* list = node != nullptr ? node->as_array() : nullptr;
    if (list == nullptr || list->size() != model_.hmm.states)
      return refuse(node, &table_, "transition", fmt::format("a list of {} lists", model_.hmm.states));
    for (std::size_t i = 0; i < list->size(); ++i) {
      TT_TRY_VOID(read_distribution(list->get(i), list, fmt::format("transition[{}]", i), model_.hmm.transition[i]));
    }
    return {};
  }

  Result<void> read_change() {
    const toml::node* node = table_.get("change");
    if (node == nullptr) return {};
    const toml::table* table = node->as_table();
    if (table == nullptr) return refuse(node, &table_, "change", "a table");
    TT_TRY_VOID(check_keys(*table, {"probability_min", "margin_min", "steps_min"}, "change."));
    const auto read = [&](const char* key, double low, double high, double& out) -> Result<void> {
      if (!table->contains(key)) return {};
      TT_TRY(out, number(table->get(key), table, fmt::format("change.{}", key), low, high));
      return {};
    };
    TT_TRY_VOID(read("probability_min", 0.0, 1.0, model_.change.probability_min));
    TT_TRY_VOID(read("margin_min", 0.0, 1.0, model_.change.margin_min));
    if (const toml::node* steps = table->get("steps_min")) {
      const auto* whole = steps->as_integer();
      if (whole == nullptr || whole->get() < 1 || whole->get() > kStepsMax)
        return refuse(steps, table, "change.steps_min", fmt::format("an integer from 1 to {}", kStepsMax));
      model_.change.steps_min = static_cast<std::uint32_t>(whole->get());
    }
    return {};
  }

  Result<void> read_regimes() {
    const toml::node* node = table_.get("regimes");
    if (node == nullptr) return {};
    const toml::table* table = node->as_table();
    if (table == nullptr) return refuse(node, &table_, "regimes", "a table of tables");
    TT_TRY_VOID(check_keys(*table, std::vector<std::string>(kRegimeNames.begin(), kRegimeNames.end()), "regimes."));
    std::array<bool, kRegimeLabels> weighs{};
    for (std::size_t i = 0; i < kRegimeLabels; ++i) {
      if (!table->contains(kRegimeNames[i])) continue;
      TT_TRY(weighs[i], read_regime(*table->get(kRegimeNames[i]), fmt::format("regimes.{}", kRegimeNames[i]),
                                    model_.table.rows[i]));
    }
    // Where only some regimes weigh members, the others weigh them alike.
    for (std::size_t i = 0; i < kRegimeLabels; ++i) {
      if (!weighs[i]) std::fill_n(model_.table.rows[i].weights.begin(), model_.table.members, 1.0);
    }
    return {};
  }

  // True where it has weights.
  Result<bool> read_regime(const toml::node& node, const std::string& field, RegimeRow& out) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return refuse(&node, &node, field, "a table");
    TT_TRY_VOID(check_keys(*table, {"risk_scale", "weights"}, field + '.'));
    TT_TRY(out.risk_scale, number(table->get("risk_scale"), table, field + ".risk_scale", 0.0, 1.0));
    const toml::node* weights = table->get("weights");
    if (weights == nullptr) return false;
    const toml::array* list = weights->as_array();
    const bool fits = list != nullptr && !list->empty() && list->size() <= kRegimeMembersMax &&
                      (model_.table.members == 0 || list->size() == model_.table.members);
    if (!fits) {
      return refuse(weights, table, field + ".weights",
                    model_.table.members == 0 ? fmt::format("a list of 1 to {} numbers", kRegimeMembersMax)
                                              : fmt::format("a list of {} numbers", model_.table.members));
    }
    model_.table.members = static_cast<std::uint32_t>(list->size());
    TT_TRY_VOID(numbers(weights, table, field + ".weights", list->size(), 0.0, 1e6, out.weights.data()));
    return true;
  }

  const toml::table& table_;
  const std::string& file_;
  RegimeModel model_;
};

std::string list_of(const double* values, std::size_t size) {
  return fmt::format("[{}]", fmt::join(values, values + size, ", "));
}

}  // namespace

Result<RegimeModel> RegimeModel::from_toml(std::string_view text, const std::string& file) {
  TT_TRY(const toml::table table, config::read_table(text, file, "reading a regime model"));
  return Reader(table, file).read();
}

Result<RegimeModel> RegimeModel::load(const std::string& path) {
  TT_TRY(const std::string text, read_whole_file(path, {.doing = "reading a regime model",
                                                        .expected = "a regime model's TOML file",
                                                        .bytes_max = kFileBytesMax,
                                                        .too_long = ErrorCode::config_bad_value}));
  return from_toml(text, path);
}

std::string RegimeModel::to_toml() const {
  const auto quoted = [](const std::string& text) { return fmt::format("\"{}\"", text); };  // names need no escapes
  std::string out = fmt::format("format = \"{}\"\nname = \"{}\"\nfeatures = [", kFormat, name);
  for (std::size_t f = 0; f < features.size(); ++f) out += fmt::format("{}{}", f > 0 ? ", " : "", quoted(features[f]));
  out += fmt::format("]\ntrend_feature = {}\n", quoted(features[hmm.trend_feature]));
  if (hmm.volatility_feature != kNoHmmFeature)
    out += fmt::format("volatility_feature = {}\n", quoted(features[hmm.volatility_feature]));
  out += fmt::format("initial = {}\ntransition = [\n", list_of(hmm.initial.data(), hmm.states));
  for (std::uint32_t i = 0; i < hmm.states; ++i)
    out += fmt::format("  {},\n", list_of(hmm.transition[i].data(), hmm.states));
  out += fmt::format("]\n\n[change]\nprobability_min = {}\nmargin_min = {}\nsteps_min = {}\n", change.probability_min,
                     change.margin_min, change.steps_min);
  const auto labels = derive_labels(hmm);
  for (std::uint32_t i = 0; i < hmm.states; ++i) {
    out += fmt::format("\n[[states]]  # {}\nmean = {}\nvariance = {}\n", regime_name(labels[i]),
                       list_of(hmm.mean[i].data(), hmm.features), list_of(hmm.variance[i].data(), hmm.features));
  }
  for (std::size_t i = 0; i < kRegimeLabels; ++i) {
    out += fmt::format("\n[regimes.{}]\nrisk_scale = {}\n", kRegimeNames[i], table.rows[i].risk_scale);
    if (table.members > 0) out += fmt::format("weights = {}\n", list_of(table.rows[i].weights.data(), table.members));
  }
  return out;
}

}  // namespace thintail
