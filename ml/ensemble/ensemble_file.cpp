// SPDX-License-Identifier: Apache-2.0
#include "ml/ensemble/ensemble_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "core/base/assert.hpp"
#include "core/config/nearest_name.hpp"
#include "core/config/toml_node.hpp"
#include "core/config/toml_text.hpp"
#include "core/config/unknown_key.hpp"

namespace thintail {
namespace {

constexpr std::string_view kFormat = "thintail-ensemble/1";
constexpr std::array<std::string_view, 5> kRuleNames = {"soft", "hard", "weighted", "stacking", "online"};
constexpr std::array<std::string_view, 2> kLossNames = {"absolute", "squared"};
// Sixteen members take under 4 KiB.
constexpr std::size_t kTextBytesMax = 1u << 16;

class Reader {
 public:
  Reader(const toml::table& table, const std::string& file) : table_(table), file_(file) {}

  Result<EnsembleConfig> read() {
    TT_TRY_VOID(check_keys(
        table_, {"format", "rule", "members_min", "unanimous_score", "bias", "hedge", "outcome", "members"}, ""));
    TT_TRY([[maybe_unused]] const std::size_t format, choice(table_, "", "format", std::span(&kFormat, 1)));
    TT_TRY(const std::size_t rule, choice(table_, "", "rule", kRuleNames));
    config_.rule = static_cast<EnsembleRule>(rule);
    TT_TRY_VOID(read_members());
    TT_TRY_VOID(whole(table_, "", "members_min", config_.members_min));
    TT_TRY_VOID(number(table_, "", "unanimous_score", config_.unanimous_score));
    TT_TRY_VOID(number(table_, "", "bias", config_.bias));
    TT_TRY_VOID(read_hedge());
    TT_TRY_VOID(read_outcome());
    if (auto checked = config_.validate(); !checked) {
      Error error = std::move(checked).error();
      error.file = file_;
      error.line = line_of(error.field);
      return fail(std::move(error));
    }
    return config_;
  }

 private:
  // `parent` gives the place where there is no node.
  std::unexpected<Error> refuse(const toml::node* node, const toml::node& parent, std::string field,
                                std::string expected) const {
    const toml::source_position place = (node != nullptr ? *node : parent).source().begin;
    return fail({.code = node != nullptr ? ErrorCode::config_bad_value : ErrorCode::config_missing,
                 .doing = "reading an ensemble",
                 .file = file_,
                 .line = place.line,
                 .column = place.column,
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = config::describe_node(node)});
  }

  // `prefix` is the field that the table is, with its dot.
  Result<void> check_keys(const toml::table& table, const std::vector<std::string>& known,
                          std::string_view prefix) const {
    const toml::key* const unknown = config::first_unknown_key(table, known);
    if (unknown == nullptr) return {};
    return fail({.code = ErrorCode::config_unknown_key,
                 .doing = "reading an ensemble",
                 .file = file_,
                 .line = unknown->source().begin.line,
                 .column = unknown->source().begin.column,
                 .field = fmt::format("{}{}", prefix, printable(unknown->str())),
                 .expected = fmt::format("one of {}; the nearest is {}", fmt::join(known, ", "),
                                         nearest_name(unknown->str(), known)),
                 .found = fmt::format("\"{}\"", printable(unknown->str()))});
  }

  // Which of the names; the key must be there.
  Result<std::size_t> choice(const toml::table& table, std::string_view prefix, const char* key,
                             std::span<const std::string_view> names) const {
    const toml::node* node = table.get(key);
    const auto* text = node != nullptr ? node->as_string() : nullptr;
    const auto found = text != nullptr ? std::ranges::find(names, text->get()) : names.end();
    if (found == names.end())
      return refuse(node, table, fmt::format("{}{}", prefix, key), fmt::format("\"{}\"", fmt::join(names, "\", \"")));
    return static_cast<std::size_t>(found - names.begin());
  }

  // The next three leave `out` as it is where the key is not there. Bounds are EnsembleConfig::validate()'s.
  Result<void> number(const toml::table& table, std::string_view prefix, const char* key, double& out) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return {};
    if (const auto* integer = node->as_integer()) {
      out = static_cast<double>(integer->get());
    } else if (const auto* real = node->as_floating_point()) {
      out = real->get();
    } else {
      return refuse(node, table, fmt::format("{}{}", prefix, key), "a number");
    }
    return {};
  }
  template <class Whole>
  Result<void> whole(const toml::table& table, std::string_view prefix, const char* key, Whole& out) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return {};
    const auto* integer = node->as_integer();
    if (integer == nullptr || !std::in_range<Whole>(integer->get()))
      return refuse(node, table, fmt::format("{}{}", prefix, key), "an integer in range");
    out = static_cast<Whole>(integer->get());
    return {};
  }
  Result<void> flag(const toml::table& table, std::string_view prefix, const char* key, bool& out) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return {};
    if (!node->is_boolean()) return refuse(node, table, fmt::format("{}{}", prefix, key), "true or false");
    out = node->as_boolean()->get();
    return {};
  }

  Result<void> read_members() {
    const toml::node* node = table_.get("members");
    const toml::array* list = node != nullptr ? node->as_array() : nullptr;
    if (list == nullptr || list->empty() || list->size() > kMembersMax)
      return refuse(node, table_, "members", fmt::format("1 to {} tables [[members]]", kMembersMax));
    config_.members = static_cast<std::uint32_t>(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) {
      const toml::table* table = list->get(i)->as_table();
      if (table == nullptr) return refuse(list->get(i), *list, fmt::format("member[{}]", i), "a table with age_ns_max");
      const std::string prefix = fmt::format("member[{}].", i);
      TT_TRY_VOID(check_keys(*table, {"age_ns_max", "weight", "vote_min", "missing_score", "is_mandatory"}, prefix));
      MemberConfig& member = config_.member[i];
      if (!table->contains("age_ns_max"))
        return refuse(nullptr, *table, prefix + "age_ns_max", "an integer of nanoseconds");
      TT_TRY_VOID(whole(*table, prefix, "age_ns_max", member.age_ns_max));
      TT_TRY_VOID(number(*table, prefix, "weight", member.weight));
      TT_TRY_VOID(number(*table, prefix, "vote_min", member.vote_min));
      TT_TRY_VOID(number(*table, prefix, "missing_score", member.missing_score));
      TT_TRY_VOID(flag(*table, prefix, "is_mandatory", member.is_mandatory));
    }
    return {};
  }

  // Null where it is not there.
  Result<const toml::table*> table_named(const char* key, const std::vector<std::string>& known) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return nullptr;
    const toml::table* table = node->as_table();
    if (table == nullptr) return refuse(node, table_, key, "a table");
    TT_TRY_VOID(check_keys(*table, known, fmt::format("{}.", key)));
    return table;
  }

  Result<void> read_hedge() {
    TT_TRY(const toml::table* const table,
           table_named("hedge", {"score_max", "rate", "half_life_outcomes", "lag_max", "loss"}));
    if (table == nullptr) return {};
    TT_TRY_VOID(number(*table, "hedge.", "score_max", config_.hedge.score_max));
    TT_TRY_VOID(number(*table, "hedge.", "rate", config_.hedge.rate));
    TT_TRY_VOID(number(*table, "hedge.", "half_life_outcomes", config_.hedge.half_life_outcomes));
    TT_TRY_VOID(number(*table, "hedge.", "lag_max", config_.hedge.lag_max));
    if (!table->contains("loss")) return {};
    TT_TRY(const std::size_t loss, choice(*table, "hedge.", "loss", kLossNames));
    config_.hedge.loss = static_cast<HedgeLoss>(loss);
    return {};
  }

  Result<void> read_outcome() {
    TT_TRY(const toml::table* const table, table_named("outcome", {"horizon_ns", "sample_ns", "silence_ns_max"}));
    if (table == nullptr) return {};
    TT_TRY_VOID(whole(*table, "outcome.", "horizon_ns", config_.outcome.horizon_ns));
    TT_TRY_VOID(whole(*table, "outcome.", "sample_ns", config_.outcome.sample_ns));
    TT_TRY_VOID(whole(*table, "outcome.", "silence_ns_max", config_.outcome.silence_ns_max));
    return {};
  }

  // Of "member[2].weight", "hedge.rate" or "bias", as validate() names them; 0 where nothing stands in the file.
  std::uint64_t line_of(const std::string& field) const {
    const std::size_t dot = field.find('.');
    const std::string key = dot == std::string::npos ? field : field.substr(dot + 1);
    const toml::node* parent = &table_;
    if (field.starts_with("member[") && dot != std::string::npos) {
      const toml::array* list = table_["members"].as_array();
      const std::size_t at = std::strtoul(field.c_str() + std::string_view("member[").size(), nullptr, 10);
      parent = list != nullptr ? list->get(at) : nullptr;
    } else if (dot != std::string::npos) {
      parent = table_.get(field.substr(0, dot));
    }
    const toml::table* table = parent != nullptr ? parent->as_table() : nullptr;
    if (table == nullptr) return 0;
    const toml::node* node = table->get(key);
    return (node != nullptr ? node : parent)->source().begin.line;
  }

  const toml::table& table_;
  const std::string& file_;
  EnsembleConfig config_;
};

}  // namespace

Result<EnsembleConfig> ensemble_from_toml(std::string_view text, const std::string& file) {
  if (text.size() > kTextBytesMax) {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "reading an ensemble",
                 .file = file,
                 .expected = fmt::format("at most {} bytes", kTextBytesMax),
                 .found = fmt::format("{}", text.size())});
  }
  TT_TRY(const toml::table table, config::read_table(text, file, "reading an ensemble"));
  return Reader(table, file).read();
}

std::string to_toml(const EnsembleConfig& config) {
  TT_CHECK(config.meta.evaluate == nullptr, "an ensemble without a meta-model, which no file can hold");
  // TOML would read "-0" as the integer 0: + 0.0 makes it what comes back.
  std::string out = fmt::format(
      "format = \"{}\"\n"
      "rule = \"{}\"\n"
      "members_min = {}\n"
      "unanimous_score = {}\n"
      "bias = {}\n"
      "\n[hedge]\n"
      "score_max = {}\n"
      "rate = {}\n"
      "half_life_outcomes = {}\n"
      "lag_max = {}\n"
      "loss = \"{}\"\n"
      "\n[outcome]\n"
      "horizon_ns = {}\n"
      "sample_ns = {}\n"
      "silence_ns_max = {}\n",
      kFormat, ensemble_rule_name(config.rule), config.members_min, config.unanimous_score + 0.0, config.bias + 0.0,
      config.hedge.score_max + 0.0, config.hedge.rate + 0.0, config.hedge.half_life_outcomes + 0.0,
      config.hedge.lag_max + 0.0, kLossNames[static_cast<std::size_t>(config.hedge.loss)], config.outcome.horizon_ns,
      config.outcome.sample_ns, config.outcome.silence_ns_max);
  for (std::uint32_t i = 0; i < config.members; ++i) {
    const MemberConfig& member = config.member[i];
    out += fmt::format(
        "\n[[members]]\n"
        "age_ns_max = {}\n"
        "weight = {}\n"
        "vote_min = {}\n"
        "missing_score = {}\n"
        "is_mandatory = {}\n",
        member.age_ns_max, member.weight + 0.0, member.vote_min + 0.0, member.missing_score + 0.0, member.is_mandatory);
  }
  return out;
}

std::string_view ensemble_rule_name(EnsembleRule rule) noexcept { return kRuleNames[static_cast<std::size_t>(rule)]; }

}  // namespace thintail
