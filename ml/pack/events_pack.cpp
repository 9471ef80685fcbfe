// SPDX-License-Identifier: Apache-2.0
// EventsPack: its sections put together, and taken apart again.
#include "ml/pack/events_pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "ml/ensemble/ensemble_file.hpp"
#include "ml/models/number_text.hpp"
#include "ml/pack/pack_sections.hpp"

namespace thintail::pack {

namespace {

constexpr std::uint64_t kInt64Max = 0x7fff'ffff'ffff'ffff;
constexpr std::size_t kTextSectionBytesMax = std::size_t{1} << 20;
// An int8 or float32 multiplication takes far less than a tree's step.
constexpr std::uint64_t kNetworkStepsMax = std::uint64_t{1} << 34;
constexpr std::uint64_t kGoldenStateMax = std::uint64_t{1} << 26;  // floats that the instruments' networks remember

std::string_view period_name(const std::optional<BarPeriod>& period) noexcept {
  return period ? kBarPeriodNames[static_cast<std::size_t>(*period)] : std::string_view();
}

// --- meta, written ----------------------------------------------------------------------------------------------------------------------

std::vector<std::string> lane_names(const FeatureSet& set, const std::vector<std::uint16_t>& lanes) {
  std::vector<std::string> names;
  names.reserve(lanes.size());
  for (const std::uint16_t lane : lanes) names.emplace_back(set.lanes()[lane].name);
  return names;
}

std::vector<std::string> mandatory_names(const FeatureSet& set, const LaneMask& mandatory) {
  std::vector<std::string> names;
  for (std::size_t lane = 0; lane < set.lanes().size(); ++lane) {
    if (mandatory.test(lane)) names.emplace_back(set.lanes()[lane].name);
  }
  return names;
}

template <class Number>
std::string scaling_list(const std::vector<LaneScaling>& scaling, Number LaneScaling::* field) {
  std::vector<std::string> texts;
  texts.reserve(scaling.size());
  for (const LaneScaling& one : scaling) texts.push_back(fmt::format("{}", one.*field));
  return meta_list(texts);
}

std::string member_lines(const FeatureSet& set, const MemberSpec& member) {
  const std::string model = member.is_trees() ? tree_lines(std::get<DecisionTrees>(member.model))
                                              : network_lines(std::get<NetworkSource>(member.model));
  return fmt::format(
      "name = {}\n"
      "kind = \"{}\"\n"
      "source = {}\n"
      "source_sha256 = \"{}\"\n"
      "{}"
      "lanes = {}\n"
      "scaling_mean = {}\n"
      "scaling_per_unit = {}\n"
      "scaling_clip = {}\n"
      "output = {}\n"
      "warm_up_steps = {}\n"
      "period = \"{}\"\n"
      "scale = \"{}\"\n"
      "offset = \"{}\"\n",
      meta_quoted(member.name), member.is_trees() ? "trees" : "network", meta_quoted(member.source),
      to_hex(member.source_sha256), model, meta_list(lane_names(set, member.lanes)),
      scaling_list(member.scaling, &LaneScaling::mean), scaling_list(member.scaling, &LaneScaling::per_unit),
      scaling_list(member.scaling, &LaneScaling::clip), member.output, member.warm_up_steps, period_name(member.period),
      member.scale, member.offset);
}

std::string encode_events_meta(const DecisionModelSpec& spec) {
  const ModelMeaning& meaning = spec.meaning;
  std::string out = fmt::format(
      "kind = \"events\"\n"
      "producer = {}\n"
      "sequence_gap_ns = {}\n"
      "regime_period = \"{}\"\n"
      "\n[meaning]\n"
      "label = {}\n"
      "horizon_ns = {}\n"
      "trained_on = {}\n"
      "trained_with = {}\n"
      "data_hash = \"{}\"\n"
      "entry_cost_multiple = \"{}\"\n"
      "exit_cost_multiple = \"{}\"\n"
      "commission_per_million = \"{}\"\n"
      "latency_us = {}\n"
      "\n[features]\n"
      "set = {}\n"
      "hash = \"{}\"\n"
      "mandatory = {}\n",
      meta_quoted(spec.producer), spec.sequence_gap_ns, period_name(spec.regime_period), meta_quoted(meaning.label),
      meaning.horizon_ns, meta_quoted(meaning.trained_on, kWordsBytesMax),
      meta_quoted(meaning.trained_with, kWordsBytesMax), to_hex(meaning.data_hash), meaning.entry_cost_multiple,
      meaning.exit_cost_multiple, meaning.commission_per_million, meaning.latency_us,
      meta_quoted(spec.features->name()), to_hex(spec.features->hash()),
      meta_list(mandatory_names(*spec.features, spec.mandatory)));
  for (std::size_t index = 0; index < spec.members.size(); ++index) {
    out += fmt::format("\n[members.{}]\n{}", index, member_lines(*spec.features, spec.members[index]));
  }
  return out;
}

// --- meta, read -------------------------------------------------------------------------------------------------------------------------

// What a member's section holds, and the name of the section.
struct Directory {
  const Section* meta = nullptr;
  const Section* features = nullptr;
  std::vector<const Section*> members;
  const Section* ensemble = nullptr;
  const Section* regime = nullptr;  // null: there is none
  const Section* golden = nullptr;
};

Result<Directory> read_directory(const Container& container, std::string_view file) {
  Directory out;
  std::size_t at = 0;
  const auto next_is = [&](std::string_view name) {
    return at < container.sections.size() && container.sections[at].name == name;
  };
  const auto refuse_next = [&](std::string expected) {
    return refuse(file, "directory", fmt::format("[{}]", at), kDirectoryAt + kEntryBytes * at, std::move(expected),
                  at < container.sections.size() ? printable(container.sections[at].name) : "none");
  };
  for (const auto& [name, place] : {std::pair("meta", &out.meta), std::pair("features", &out.features)}) {
    if (!next_is(name)) return refuse_next(fmt::format("section {}", name));
    *place = &container.sections[at++];
  }
  while (!next_is("ensemble")) {
    const std::size_t index = out.members.size();
    const std::string trees = fmt::format("trees.{}", index);
    const std::string network = fmt::format("network.{}", index);
    if (index >= kMembersMax || (!next_is(trees) && !next_is(network))) {
      return refuse_next(
          index == 0 ? fmt::format("section {} or {}", trees, network)
                     : fmt::format("section {}, {} or ensemble, at most {} members", trees, network, kMembersMax));
    }
    out.members.push_back(&container.sections[at++]);
  }
  if (out.members.empty()) return refuse_next("section trees.0 or network.0");
  out.ensemble = &container.sections[at++];
  if (next_is("regime")) out.regime = &container.sections[at++];
  if (!next_is("golden")) return refuse_next("section golden");
  out.golden = &container.sections[at++];
  if (at != container.sections.size()) return refuse_next("the end of it");
  return out;
}

class EventsMetaReader {
 public:
  EventsMetaReader(const MetaText& meta, const Directory& directory, std::string_view file, DecisionModelSpec& spec)
      : meta_(meta), directory_(directory), file_(file), spec_(spec) {}

  Result<void> read() {
    TT_TRY(const std::string kind, meta_.text("kind"));
    if (kind != "events") return meta_.no("kind", "\"events\", as in the header", printable(kind));
    TT_TRY(spec_.producer, meta_.text("producer"));
    TT_TRY(spec_.sequence_gap_ns, signed_integer("sequence_gap_ns"));
    TT_TRY(spec_.regime_period, period("regime_period"));
    TT_TRY_VOID(read_meaning());
    TT_TRY_VOID(read_features());
    for (std::size_t index = 0; index < directory_.members.size(); ++index) {
      TT_TRY_VOID(read_member(fmt::format("members.{}.", index), *directory_.members[index]));
    }
    return {};
  }

 private:
  Result<std::int64_t> signed_integer(std::string_view key) const {
    TT_TRY(const std::uint64_t value, meta_.integer(key, 0, kInt64Max));
    return static_cast<std::int64_t>(value);
  }

  Result<std::optional<BarPeriod>> period(const std::string& key) const {
    TT_TRY(const std::string name, meta_.text(key));
    if (name.empty()) return std::nullopt;
    BarPeriod out{};
    if (!bar_period_from_name(name, out))
      return meta_.no(key, fmt::format("{} to {}, or nothing", kBarPeriodNames.front(), kBarPeriodNames.back()),
                      printable(name));
    return out;
  }

  Result<void> read_meaning() {
    ModelMeaning& meaning = spec_.meaning;
    TT_TRY(meaning.label, meta_.text("meaning.label"));
    TT_TRY(meaning.horizon_ns, signed_integer("meaning.horizon_ns"));
    TT_TRY(meaning.trained_on, meta_.text("meaning.trained_on", kWordsBytesMax));
    TT_TRY(meaning.trained_with, meta_.text("meaning.trained_with", kWordsBytesMax));
    TT_TRY(meaning.data_hash, meta_.digest("meaning.data_hash"));
    TT_TRY(meaning.entry_cost_multiple, meta_.number("meaning.entry_cost_multiple"));
    TT_TRY(meaning.exit_cost_multiple, meta_.number("meaning.exit_cost_multiple"));
    TT_TRY(meaning.commission_per_million, meta_.number("meaning.commission_per_million"));
    TT_TRY(meaning.latency_us, signed_integer("meaning.latency_us"));
    return {};
  }

  // The set's own text is what counts; name and hash stand in meta for people, and must agree with it.
  Result<void> read_features() {
    const Section& section = *directory_.features;
    auto set = FeatureSet::from_canonical(section.bytes, std::string(file_));
    if (!set) {
      Error& error = set.error();
      const std::string item = error.line != 0 ? fmt::format("line {}", error.line) : error.field;
      return refuse(file_, section.name, item, section.offset, std::move(error.expected), std::move(error.found),
                    error.code);
    }
    spec_.features = *set;
    TT_TRY(const std::vector<std::string> mandatory, meta_.texts("features.mandatory", kMaxLanes));
    for (const std::string& name : mandatory) {
      TT_TRY(const std::uint16_t lane, lane_named(name, "features.mandatory"));
      spec_.mandatory.set(lane);
    }
    return {};
  }

  Result<std::uint16_t> lane_named(const std::string& name, const std::string& key) const {
    const auto lane = spec_.features->lane(name);
    if (!lane) return meta_.no(key, fmt::format("lanes of set {}", spec_.features->name()), printable(name));
    return static_cast<std::uint16_t>(*lane);
  }

  Result<void> read_scaling(const std::string& key, float LaneScaling::* field, MemberSpec& member) const {
    TT_TRY(const std::vector<std::string> texts, meta_.texts(key, kMaxLanes));
    if (member.scaling.empty()) member.scaling.resize(texts.size());
    if (texts.size() != member.scaling.size()) {
      return meta_.no(key, fmt::format("{} numbers", member.scaling.size()), fmt::format("{}", texts.size()));
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (!parse_number(texts[i], member.scaling[i].*field))
        return meta_.no(key, "numbers as texts", printable(texts[i]));
    }
    return {};
  }

  Result<void> read_member(const std::string& prefix, const Section& section) {
    MemberSpec member;
    TT_TRY(member.name, meta_.text(prefix + "name"));
    TT_TRY(const std::string kind, meta_.text(prefix + "kind"));
    const std::string_view held = std::string_view(section.name).substr(0, section.name.find('.'));
    if (kind != held)
      return meta_.no(prefix + "kind", fmt::format("\"{}\", as the section {}", held, section.name), printable(kind));
    TT_TRY(member.source, meta_.text(prefix + "source"));
    TT_TRY(member.source_sha256, meta_.digest(prefix + "source_sha256"));
    if (kind == "trees") {
      DecisionTrees trees;
      TT_TRY_VOID(read_tree_lines(meta_, prefix, trees));
      TT_TRY_VOID(decode_trees(section, file_, trees));
      member.model = std::move(trees);
    } else {
      TT_TRY(member.model, decode_network(section, file_));
    }
    TT_TRY(const std::vector<std::string> lanes, meta_.texts(prefix + "lanes", kMaxLanes));
    for (const std::string& name : lanes) {
      TT_TRY(const std::uint16_t lane, lane_named(name, prefix + "lanes"));
      member.lanes.push_back(lane);
    }
    TT_TRY_VOID(read_scaling(prefix + "scaling_mean", &LaneScaling::mean, member));
    TT_TRY_VOID(read_scaling(prefix + "scaling_per_unit", &LaneScaling::per_unit, member));
    TT_TRY_VOID(read_scaling(prefix + "scaling_clip", &LaneScaling::clip, member));
    TT_TRY(const std::uint64_t output, meta_.integer(prefix + "output", 0, kModelOutputsMax + kNetworkWidthMax));
    member.output = static_cast<std::uint32_t>(output);
    TT_TRY(const std::uint64_t warm_up, meta_.integer(prefix + "warm_up_steps", 0, 0xffff'ffff));
    member.warm_up_steps = static_cast<std::uint32_t>(warm_up);
    TT_TRY(member.period, period(prefix + "period"));
    TT_TRY(member.scale, meta_.number(prefix + "scale"));
    TT_TRY(member.offset, meta_.number(prefix + "offset"));
    spec_.members.push_back(std::move(member));
    return {};
  }

  const MetaText& meta_;
  const Directory& directory_;
  std::string_view file_;
  DecisionModelSpec& spec_;
};

// --- ensemble and regime ------------------------------------------------------------------------------------------------------------------

// A section that is a text of another room: read, and refused where that room would have written it otherwise.
template <class Value, class Read, class Write>
Result<void> read_text_section(const Section& section, std::string_view file, Value& out, const Read& read,
                               const Write& write) {
  if (section.bytes.size() > kTextSectionBytesMax) {
    return refuse(file, section.name, "", section.offset, fmt::format("at most {} bytes", kTextSectionBytesMax),
                  fmt::format("{}", section.bytes.size()), ErrorCode::model_unsupported);
  }
  auto value = read(section.bytes, std::string(file));
  if (!value) {
    Error& error = value.error();
    const std::string item = !error.field.empty() ? error.field
                             : error.line != 0    ? fmt::format("line {}", error.line)
                                                  : "";
    return refuse(file, section.name, item, section.offset, std::move(error.expected), std::move(error.found));
  }
  TT_TRY_VOID(check_canonical(section, file, write(*value)));
  out = std::move(*value);
  return {};
}

}  // namespace

std::string encode_events_pack(const DecisionModelSpec& spec, const GoldenEvents& golden) {
  std::vector<std::pair<std::string, std::string>> texts;
  texts.emplace_back("meta", encode_events_meta(spec));
  texts.emplace_back("features", spec.features->canonical_text());
  for (std::size_t index = 0; index < spec.members.size(); ++index) {
    const auto& model = spec.members[index].model;
    if (const auto* trees = std::get_if<DecisionTrees>(&model)) {
      texts.emplace_back(fmt::format("trees.{}", index), encode_trees(*trees));
    } else {
      texts.emplace_back(fmt::format("network.{}", index), encode_network(std::get<NetworkSource>(model)));
    }
  }
  texts.emplace_back("ensemble", to_toml(spec.ensemble));
  if (spec.regime) texts.emplace_back("regime", spec.regime->to_toml());
  texts.emplace_back("golden", encode_golden_events(golden));
  std::vector<Section> sections;
  for (const auto& [name, bytes] : texts) sections.push_back({.name = name, .bytes = bytes});
  return encode_container(Kind::events, sections);
}

Result<EventsPack> decode_events_pack(std::string_view bytes, std::string_view file) {
  TT_TRY(const Container container, open_container(bytes, file));
  if (container.kind != Kind::events) {
    return refuse(file, "header", "kind", kKindAt,
                  "events, which says what the inputs are: import the model with --features",
                  fmt::format("{}, which is verified and benched, never run on ticks", kind_name(container.kind)),
                  ErrorCode::pack_kind);
  }
  TT_TRY(const Directory directory, read_directory(container, file));
  EventsPack out{.spec = {}, .golden = {}, .digest = container.digest, .file_bytes = bytes.size()};
  TT_TRY(const MetaText meta, MetaText::read(*directory.meta, file, kEventsMetaBytesMax));
  TT_TRY_VOID(EventsMetaReader(meta, directory, file, out.spec).read());
  TT_TRY_VOID(check_canonical(*directory.meta, file, encode_events_meta(out.spec)));
  TT_TRY_VOID(read_text_section(*directory.ensemble, file, out.spec.ensemble, ensemble_from_toml,
                                [](const EnsembleConfig& config) { return to_toml(config); }));
  if (directory.regime != nullptr) {
    TT_TRY_VOID(read_text_section(*directory.regime, file, out.spec.regime.emplace(), RegimeModel::from_toml,
                                  [](const RegimeModel& model) { return model.to_toml(); }));
  }
  TT_TRY(out.golden, decode_golden_events(*directory.golden, file));
  return out;
}

Result<void> check_golden_cost(const DecisionModelSpec& spec, std::uint64_t ticks, std::uint64_t instruments,
                               std::string_view file) {
  std::uint64_t tree_steps = 0;
  std::uint64_t network_total = 0;
  std::uint64_t state = 0;
  for (const MemberSpec& member : spec.members) {
    if (const auto* trees = std::get_if<DecisionTrees>(&member.model)) {
      tree_steps += trees->roots.size() * (trees->depth_max + 1ULL);
    } else {
      const NetworkSpec& network = std::get<NetworkSource>(member.model).spec;
      network_total += network_steps(network);
      state += network_state_floats(network);
    }
  }
  const auto refuse_it = [&](std::string_view what, std::uint64_t most, std::uint64_t found) {
    return refuse(file, "golden", "counts", 0, fmt::format("{} up to {}", what, most), fmt::format("{}", found),
                  ErrorCode::model_unsupported);
  };
  if (tree_steps > kGoldenStepsMax / ticks)
    return refuse_it("ticks x trees x levels", kGoldenStepsMax, tree_steps * ticks);
  if (network_total > kNetworkStepsMax / ticks)
    return refuse_it("ticks x multiplications", kNetworkStepsMax, network_total * ticks);
  if (state > kGoldenStateMax / instruments)
    return refuse_it("numbers that networks remember of all instruments", kGoldenStateMax, state * instruments);
  return {};
}

}  // namespace thintail::pack
