// SPDX-License-Identifier: Apache-2.0
// `thintail features`: the catalogue of features and sets, and everything known of one of them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ranges>
#include <set>

#include "core/config/nearest_name.hpp"
#include "ml/features/feature_set.hpp"
#include "tools/thintail/commands.hpp"
#include "tools/thintail/features_compute.hpp"

namespace thintail {
namespace {

constexpr std::size_t kColumns = 100;

// --- text --------------------------------------------------------------------------------------------------------------

// `label` and then `text`, broken at spaces so that each line fits, the later ones under the text's first word.
std::string paragraph(std::string_view label, std::string_view text) {
  std::string out(label);
  std::size_t column = label.size();
  bool line_is_empty = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!line_is_empty && column + 1 + word.size() > kColumns) {
      out.append("\n").append(label.size(), ' ');
      column = label.size();
      line_is_empty = true;
    }
    out.append(line_is_empty ? "" : " ").append(word);
    column += word.size() + (line_is_empty ? 0 : 1);
    line_is_empty = false;
  }
  return out.append("\n");
}

std::string_view or_none(std::string_view text) { return text.empty() ? "none" : text; }

std::string parameters_text(const FeatureFamily& family) {
  std::string text;
  for (const ParameterInfo& info : family.parameters) {
    text.append(text.empty() ? "" : ", ").append(parameter_name(info.parameter)).append(" ").append(range_text(info));
    if (!std::isnan(info.standard)) text.append(fmt::format(" ({})", parameter_text(info.parameter, info.standard)));
  }
  if (family.takes_peer) text.append(text.empty() ? "" : ", ").append("peer SYMBOL@venue");
  if (family.takes_basis) text.append(text.empty() ? "" : ", ").append("basis bid/ask/mid (mid)");
  return text;
}

std::string family_text(const FeatureFamily& family) {
  std::string out = fmt::format("  {:<32} {:<16} {}\n", family.name, family.unit, or_none(needs_text(family.needs)));
  const std::string parameters = parameters_text(family);
  if (!parameters.empty()) out += paragraph("      takes    ", parameters);
  out += paragraph("      formula  ", family.formula);
  out += paragraph("      warm-up  ", family.warm_up);
  return out;
}

std::string catalogue_text() {
  const FamilyList families = feature_families();
  std::string out =
      paragraph("", fmt::format("{} families of features in {} sets: {}. A lane of a set is a family "
                                "with its parameters; the value in brackets stands where a set gives "
                                "none. In formulas x' is x at the tick before.",
                                families.size(), FeatureSet::all().size(),
                                fmt::join(FeatureSet::all() | std::views::transform(&FeatureSet::name), ", ")));
  const FeatureFamily* before = nullptr;
  for (const FeatureFamily* family : families) {
    if (before == nullptr || before->group != family->group) {
      out += fmt::format("\n{}\n  {:<32} {:<16} {}\n", group_title(family->group), "family", "unit", "needs");
    }
    out += family_text(*family);
    before = family;
  }
  return out += "\n`thintail features explain NAME` tells all of one, `features list --set NAME` the lanes of a set.\n";
}

std::string set_text(const FeatureSet& set) {
  std::set<double> half_lives;
  std::set<std::uint16_t> windows;
  for (const Feature& feature : set.features()) {
    for (const double one : {feature.half_life_s, feature.half_life_2_s}) {
      if (one != 0.0) half_lives.insert(one);
    }
    if (feature.family->group == FamilyGroup::windowed) windows.insert(feature.ticks);
  }
  std::string out =
      fmt::format("{}: {} lanes, {} mandatory (*)\n", set.name(), set.lanes().size(), set.mandatory().count());
  if (!set.description().empty()) out += paragraph("  ", set.description());
  out += fmt::format("  needs       {}\n", or_none(needs_text(set.needs())));
  if (!half_lives.empty()) out += paragraph("  half-lives  ", fmt::format("{} s", fmt::join(half_lives, ", ")));
  if (!windows.empty()) out += paragraph("  windows     ", fmt::format("{} ticks", fmt::join(windows, ", ")));
  out += fmt::format("  hash        {}\n", to_hex(set.hash()));
  const FeatureFamily* before = nullptr;
  for (std::size_t i = 0; i < set.lanes().size(); ++i) {
    const FeatureInfo& lane = set.lanes()[i];
    const FeatureFamily* family = set.features()[i].family;
    if (before == nullptr || before->group != family->group) {
      out += fmt::format("\n{}\n      {:<34} {:<15} {:<6} {}\n", group_title(family->group), "lane", "unit", "basis",
                         "needs");
    }
    out += fmt::format("{:>4}{} {:<34} {:<15} {:<6} {}\n", i, lane.mandatory ? '*' : ' ', lane.name, lane.unit,
                       lane.basis, or_none(lane.needs));
    before = family;
  }
  return out;
}

std::string explain_family(const FeatureFamily& family, std::string_view basis, std::string_view needs) {
  std::string out;
  out += paragraph("  group      ", group_title(family.group));
  out += paragraph("  unit       ", family.unit);
  out += paragraph("  formula    ", family.formula);
  for (std::size_t i = 0; i < family.parameters.size(); ++i) {
    const ParameterInfo& info = family.parameters[i];
    const std::string_view unit = parameter_unit(info.parameter);
    out += paragraph(
        i == 0 ? "  takes      " : "             ",
        fmt::format("{}: {}{}{}{}", parameter_name(info.parameter), range_text(info), unit.empty() ? "" : " ", unit,
                    std::isnan(info.standard)
                        ? ", must be given"
                        : fmt::format(", {} where none is given", parameter_text(info.parameter, info.standard))));
  }
  if (family.takes_peer) {
    out += paragraph(
        family.parameters.empty() ? "  takes      " : "             ",
        "peer: another instrument, as SYMBOL@venue, SYMBOL of the same venue, or @venue for the same symbol there");
  }
  out += paragraph("  basis      ", basis);
  out += paragraph("  needs      ", or_none(needs));
  out += paragraph("  warm-up    ", family.warm_up);
  out += paragraph("  seeding    ", family.seeding);
  out += paragraph("  source     ", or_none(family.source));
  out += paragraph("  reference  ",
                   family.reference.empty() ? "none; held against its definition by tests" : family.reference);
  out += fmt::format("  version    {}\n", family.version);
  return out;
}

// --- JSON --------------------------------------------------------------------------------------------------------------

using Json = nlohmann::ordered_json;

Json words(std::string_view text) {
  Json list = Json::array();
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    list.push_back(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return list;
}

Json value_json(Parameter parameter, double value) {
  if (parameter == Parameter::period) return kBarPeriodNames[static_cast<std::size_t>(value)];
  if (is_whole(parameter)) return static_cast<std::int64_t>(value);
  return value;
}

Json family_json(const FeatureFamily& family) {
  Json parameters = Json::array();
  for (const ParameterInfo& info : family.parameters) {
    parameters.push_back(
        {{"name", parameter_name(info.parameter)},
         {"unit", parameter_unit(info.parameter)},
         {"low", value_json(info.parameter, info.low)},
         {"high", value_json(info.parameter, info.high)},
         {"standard", std::isnan(info.standard) ? Json() : value_json(info.parameter, info.standard)}});
  }
  return {{"name", family.name},
          {"group", group_name(family.group)},
          {"version", family.version},
          {"unit", family.unit},
          {"takes_basis", family.takes_basis},
          {"takes_peer", family.takes_peer},
          {"basis", family.takes_basis ? "mid" : family.basis},
          {"needs", words(needs_text(family.needs))},
          {"parameters", std::move(parameters)},
          {"warm_up", family.warm_up},
          {"seeding", family.seeding},
          {"formula", family.formula},
          {"source", family.source},
          {"reference", family.reference}};
}

Json set_json(const FeatureSet& set) {
  Json lanes = Json::array();
  for (std::size_t i = 0; i < set.lanes().size(); ++i) {
    const FeatureInfo& lane = set.lanes()[i];
    const FeatureFamily& family = *set.features()[i].family;
    Json parameters = Json::object();
    for (const ParameterInfo& info : family.parameters) {
      parameters[std::string(parameter_name(info.parameter))] =
          value_json(info.parameter, parameter_value(set.features()[i], info.parameter));
    }
    if (family.takes_peer) parameters["peer"] = set.features()[i].peer.view();
    lanes.push_back({{"lane", i},
                     {"name", lane.name},
                     {"feature", family.name},
                     {"parameters", std::move(parameters)},
                     {"unit", lane.unit},
                     {"basis", lane.basis},
                     {"needs", words(lane.needs)},
                     {"mandatory", lane.mandatory}});
  }
  return {{"name", set.name()},
          {"description", set.description()},
          {"hash", to_hex(set.hash())},
          {"needs", words(needs_text(set.needs()))},
          {"lanes", std::move(lanes)}};
}

// --- the commands ------------------------------------------------------------------------------------------------------

struct ListArguments {
  std::string set;
  bool json = false;
};

Result<ExitCode> list(const ListArguments& arguments) {
  std::vector<const FeatureSet*> sets(FeatureSet::all().begin(), FeatureSet::all().end());
  if (!arguments.set.empty()) {
    TT_TRY(const FeatureSet* set, FeatureSet::find(arguments.set));
    sets = {set};
  }
  if (arguments.json) {
    Json out{{"schema", "thintail-features/1"}, {"families", Json::array()}, {"sets", Json::array()}};
    for (const FeatureFamily* family : feature_families()) out["families"].push_back(family_json(*family));
    for (const FeatureSet* set : sets) out["sets"].push_back(set_json(*set));
    fmt::print("{}\n", out.dump(1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}", arguments.set.empty() ? catalogue_text() : set_text(*sets.front()));
  }
  return ExitCode::ok;
}

struct ExplainArguments {
  std::string name;
  std::string set;
};

// A feature and the sets that hold it under one name.
struct NamedLane {
  Feature feature;
  FeatureInfo info;
  std::vector<std::string_view> sets;
};

// Sets may give one name to different features.
std::vector<NamedLane> lanes_named(std::string_view name, std::span<const FeatureSet* const> sets) {
  std::vector<NamedLane> lanes;
  for (const FeatureSet* set : sets) {
    const auto lane = set->lane(name);
    if (!lane) continue;
    Feature feature = set->features()[*lane];
    feature.mandatory = false;
    const auto known = std::ranges::find(lanes, feature, &NamedLane::feature);
    if (known == lanes.end()) {
      lanes.push_back({feature, set->lanes()[*lane], {set->name()}});
    } else {
      known->sets.push_back(set->name());
    }
  }
  return lanes;
}

Result<ExitCode> explain(const ExplainArguments& arguments) {
  std::vector<const FeatureSet*> sets(FeatureSet::all().begin(), FeatureSet::all().end());
  if (!arguments.set.empty()) {
    TT_TRY(const FeatureSet* set, FeatureSet::find(arguments.set));
    sets = {set};
  }
  std::vector<std::string> known;
  for (const FeatureFamily* family : feature_families()) {
    known.emplace_back(family->name);
    if (family->name != arguments.name) continue;
    const Feature example = example_of(*family);
    fmt::print("{}  a family of features\n\n{}  line       {}\n  its name   {}\n", family->name,
               explain_family(
                   *family,
                   family->takes_basis ? "bid, ask or mid, as the set says; mid where it says nothing" : family->basis,
                   needs_text(family->needs)),
               toml_line(example), lane_name(example));
    return ExitCode::ok;
  }
  const std::vector<NamedLane> lanes = lanes_named(arguments.name, sets);
  for (const NamedLane& lane : lanes) {
    fmt::print("{}  a lane of {}\n\n  family     {}\n  line       {}\n{}", lane.info.name, fmt::join(lane.sets, ", "),
               lane.feature.family->name, toml_line(lane.feature),
               explain_family(*lane.feature.family, lane.info.basis, lane.info.needs));
  }
  if (!lanes.empty()) return ExitCode::ok;
  for (const FeatureSet* set : sets) {
    for (const FeatureInfo& lane : set->lanes()) known.emplace_back(lane.name);
  }
  return fail({.code = ErrorCode::feature_unknown,
               .doing = "explaining a feature",
               .expected = fmt::format(
                   "a family that `thintail features list` names, or a lane of {}; the nearest is {}",
                   arguments.set.empty() ? "a built-in set" : arguments.set, nearest_name(arguments.name, known)),
               .found = '"' + printable(arguments.name) + '"'});
}

}  // namespace

void add_features(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("features", "The catalogue of features and feature sets");
  command->require_subcommand(1);
  auto* list_command = command->add_subcommand("list", "Every family of features, or the lanes of a set");
  auto list_arguments = std::make_shared<ListArguments>();
  list_command->add_option("--set", list_arguments->set, "A built-in set's name, or the path of a set's TOML file");
  list_command->add_flag("--json", list_arguments->json, "As JSON");
  list_command->callback([list_arguments, &chosen] { chosen = [list_arguments] { return list(*list_arguments); }; });

  auto* explain_command = command->add_subcommand("explain", "Everything known of a family or a lane");
  auto explain_arguments = std::make_shared<ExplainArguments>();
  explain_command->add_option("NAME", explain_arguments->name, "e.g. mid_deviation or rsi_14_m1")->required();
  explain_command->add_option("--set", explain_arguments->set, "The set of the lane, by name or path");
  explain_command->callback(
      [explain_arguments, &chosen] { chosen = [explain_arguments] { return explain(*explain_arguments); }; });
  add_features_compute(*command, chosen);
}

}  // namespace thintail
