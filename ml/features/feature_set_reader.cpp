// SPDX-License-Identifier: Apache-2.0
// Reading feature sets: from TOML text, checked line by line, and from built-in names and files.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "core/base/whole_file.hpp"
#include "core/config/nearest_name.hpp"
#include "core/config/raw_value.hpp"
#include "core/config/toml_text.hpp"
#include "core/config/unknown_key.hpp"
#include "ml/features/feature_set.hpp"

namespace thintail {
namespace {

// Hundreds of times what 256 lanes take; a device or a tick file named by mistake ends here.
constexpr std::uintmax_t kSetBytesMax = 1u << 20;
constexpr std::size_t kNameSizeMax = 64;

// Names reach file headers, CSV columns and terminals.
bool is_name(std::string_view text, std::string_view others) {
  return !text.empty() && text.size() <= kNameSizeMax && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.contains(c);
  });
}

// "EURUSD@fxcm", "EURUSD", "@fxcm", by the rules of configured instruments.
bool is_peer(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view symbol = text.substr(0, at);
  const std::string_view venue = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (symbol.size() > 32 || venue.size() > 16 || (at != std::string_view::npos ? venue.empty() : symbol.empty()))
    return false;
  return std::ranges::all_of(
             symbol, [&](char c) { return is_letter(c) || is_digit(c) || std::string_view("._#+/-").contains(c); }) &&
         std::ranges::all_of(venue,
                             [&](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-'; });
}

std::string describe(const toml::node& node) {
  if (const auto* text = node.as_string()) return fmt::format("the text \"{}\"", printable(text->get()));
  if (const auto* whole = node.as_integer()) return fmt::format("the integer {}", whole->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("the number {}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (node.is_array()) return "a list";
  if (node.is_table()) return "a table";
  return "a date or time";
}

// True where both give the same values, whatever they are called.
bool same_feature(Feature a, const Feature& b) {
  a.mandatory = b.mandatory;
  return a == b;
}

std::string expected_text(const ParameterInfo& info) {
  if (info.parameter == Parameter::period) {
    const auto low = static_cast<std::size_t>(info.low);
    const auto high = static_cast<std::size_t>(info.high);
    return fmt::format("one of {}", fmt::join(std::span(kBarPeriodNames).subspan(low, high - low + 1), ", "));
  }
  return fmt::format("{} from {}, in {}", is_whole(info.parameter) ? "an integer" : "a number", range_text(info),
                     parameter_unit(info.parameter));
}

}  // namespace

class FeatureSetReader {
 public:
  FeatureSetReader(const toml::table& table, std::string_view file, FamilyList families)
      : table_(table), file_(file), families_(families) {}

  Result<FeatureSet> read() {
    TT_TRY_VOID(check_keys(table_, {"name", "description", "features"}, "a feature set", ""));
    TT_TRY(std::string name, text(table_, "name", ""));
    if (!is_name(name, "-_.")) {
      return refuse(table_.get("name"), "name", fmt::format("1 to {} of [a-z0-9._-]", kNameSizeMax),
                    fmt::format("\"{}\"", printable(name)));
    }
    std::string description;
    if (table_.contains("description")) {
      TT_TRY(description, text(table_, "description", ""));
    }
    const toml::node* node = table_.get("features");
    const toml::array* list = node != nullptr ? node->as_array() : nullptr;
    if (list == nullptr || list->empty()) {
      return refuse(node != nullptr ? node : &table_, "features", "a list of at least one lane",
                    node == nullptr   ? "none"
                    : list == nullptr ? describe(*node)
                                      : "an empty list");
    }
    if (list->size() > kMaxLanes) {
      return refuse(list->get(kMaxLanes), fmt::format("features[{}]", kMaxLanes),
                    fmt::format("at most {} lanes", kMaxLanes), fmt::format("{}", list->size()));
    }
    for (std::size_t i = 0; i < list->size(); ++i)
      TT_TRY_VOID(read_lane(*list->get(i), fmt::format("features[{}]", i)));
    return FeatureSet(std::move(name), std::move(description), std::move(features_), std::move(names_));
  }

 private:
  std::unexpected<Error> refuse(const toml::node* node, std::string field, std::string expected, std::string found,
                                ErrorCode code = ErrorCode::feature_set_invalid) const {
    const toml::source_position place = node != nullptr ? node->source().begin : toml::source_position{};
    return fail({.code = code,
                 .doing = "reading a feature set",
                 .file = std::string(file_),
                 .line = place.line,
                 .column = place.column,
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  }

  // `prefix` is the field that the table is, with its dot.
  Result<void> check_keys(const toml::table& table, const std::vector<std::string>& known, std::string_view of,
                          std::string_view prefix) const {
    const toml::key* const unknown = config::first_unknown_key(table, known);
    if (unknown == nullptr) return {};
    return fail({.code = ErrorCode::feature_unknown,
                 .doing = "reading a feature set",
                 .file = std::string(file_),
                 .line = unknown->source().begin.line,
                 .column = unknown->source().begin.column,
                 .field = fmt::format("{}{}", prefix, printable(unknown->str(), 64)),
                 .expected = fmt::format("a key of {}: {}; the nearest is {}", of, fmt::join(known, ", "),
                                         nearest_name(unknown->str(), known)),
                 .found = fmt::format("\"{}\"", printable(unknown->str(), 64))});
  }

  Result<std::string> text(const toml::table& table, std::string_view key, std::string_view prefix) const {
    const toml::node* node = table.get(key);
    if (node == nullptr || !node->is_string()) {
      return refuse(node != nullptr ? node : &table, fmt::format("{}{}", prefix, key), "a text",
                    node == nullptr ? "none" : describe(*node));
    }
    return node->as_string()->get();
  }

  Result<void> read_lane(const toml::node& node, const std::string& field) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return refuse(&node, field, "a table such as { feature = \"spread\" }", describe(node));
    const std::string prefix = field + '.';
    TT_TRY(const std::string family_name, text(*table, "feature", prefix));
    auto family = find_family(family_name, families_);
    if (!family) {
      return refuse(table->get("feature"), prefix + "feature", std::move(family.error().expected),
                    std::move(family.error().found), ErrorCode::feature_unknown);
    }
    Feature feature{.family = *family};
    TT_TRY_VOID(check_keys(*table, keys_of(**family), fmt::format("a lane of {}", (*family)->name), prefix));
    for (const ParameterInfo& info : (*family)->parameters) TT_TRY_VOID(read_parameter(*table, info, prefix, feature));
    TT_TRY_VOID(check_half_lives(*table, prefix, feature));
    if ((*family)->takes_peer) TT_TRY_VOID(read_peer(*table, prefix, feature));
    if (const toml::node* basis = table->get("basis")) TT_TRY_VOID(read_basis(*basis, prefix, feature));
    if (const toml::node* mandatory = table->get("mandatory")) {
      if (!mandatory->is_boolean())
        return refuse(mandatory, prefix + "mandatory", "true or false", describe(*mandatory));
      feature.mandatory = mandatory->as_boolean()->get();
    }
    std::string name = lane_name(feature);
    if (table->contains("name")) {
      TT_TRY(name, text(*table, "name", prefix));
      if (!is_name(name, "_.")) {
        return refuse(table->get("name"), prefix + "name", fmt::format("1 to {} of [a-z0-9._]", kNameSizeMax),
                      fmt::format("\"{}\"", printable(name)));
      }
    }
    return add(*table, field, feature, std::move(name));
  }

  static std::vector<std::string> keys_of(const FeatureFamily& family) {
    std::vector<std::string> keys = {"feature"};
    for (const ParameterInfo& info : family.parameters) keys.emplace_back(parameter_name(info.parameter));
    if (family.takes_peer) keys.emplace_back("peer");
    if (family.takes_basis) keys.emplace_back("basis");
    keys.insert(keys.end(), {"name", "mandatory"});
    return keys;
  }

  Result<void> read_parameter(const toml::table& table, const ParameterInfo& info, const std::string& prefix,
                              Feature& feature) const {
    const std::string_view key = parameter_name(info.parameter);
    const toml::node* node = table.get(key);
    const auto refuse_it = [&](std::string found) {
      return refuse(node != nullptr ? node : &table, fmt::format("{}{}", prefix, key), expected_text(info),
                    std::move(found));
    };
    if (node == nullptr) {
      if (std::isnan(info.standard)) return refuse_it("none");
      set_parameter(feature, info.parameter, info.standard);
      return {};
    }
    double value = 0.0;
    if (info.parameter == Parameter::period) {
      BarPeriod period{};
      if (!node->is_string() || !bar_period_from_name(node->as_string()->get(), period))
        return refuse_it(describe(*node));
      value = static_cast<double>(period);
    } else if (node->is_integer()) {
      value = static_cast<double>(node->as_integer()->get());
    } else if (node->is_floating_point() && !is_whole(info.parameter)) {
      value = node->as_floating_point()->get();
    } else {
      return refuse_it(describe(*node));
    }
    // Written to accept: a NaN lies within no bounds.
    if (!(value >= info.low && value <= info.high)) return refuse_it(describe(*node));
    set_parameter(feature, info.parameter, value);
    return {};
  }

  Result<void> check_half_lives(const toml::table& table, const std::string& prefix, const Feature& feature) const {
    if (feature.half_life_2_s == 0.0 || feature.half_life_2_s > feature.half_life_s) return {};
    const toml::node* node = table.get("half_life_2_s");
    return refuse(node != nullptr ? node : &table, prefix + "half_life_2_s",
                  fmt::format("more than half_life_s, which is {}", feature.half_life_s),
                  fmt::format("{}", feature.half_life_2_s));
  }

  Result<void> read_peer(const toml::table& table, const std::string& prefix, Feature& feature) const {
    const toml::node* node = table.get("peer");
    const auto* text = node != nullptr ? node->as_string() : nullptr;
    if (text == nullptr || !is_peer(text->get())) {
      return refuse(node != nullptr ? node : &table, prefix + "peer",
                    "another instrument as SYMBOL@venue, SYMBOL of the same venue, or @venue for the same symbol there",
                    node == nullptr ? "none" : describe(*node));
    }
    feature.peer = PeerName::of(text->get());
    return {};
  }

  Result<void> read_basis(const toml::node& node, const std::string& prefix, Feature& feature) const {
    if (const auto* text = node.as_string()) {
      for (const QuoteSide side : {QuoteSide::bid, QuoteSide::ask, QuoteSide::mid}) {
        if (basis_name(side) != text->get()) continue;
        feature.basis = side;
        return {};
      }
    }
    return refuse(&node, prefix + "basis", "one of bid, ask, mid", describe(node));
  }

  Result<void> add(const toml::table& table, const std::string& field, const Feature& feature, std::string name) {
    for (std::size_t i = 0; i < features_.size(); ++i) {
      if (same_feature(features_[i], feature)) {
        return refuse(&table, field,
                      fmt::format("a feature that is not yet in the set (features[{}], line {})", i, lines_[i]),
                      fmt::format("{} again", lane_name(feature)));
      }
      if (names_[i] == name) {
        return refuse(&table, field + ".name",
                      fmt::format("a name that no other lane has (features[{}], line {})", i, lines_[i]),
                      fmt::format("{} again", name));
      }
    }
    for (const double half_life_s : {feature.half_life_s, feature.half_life_2_s}) {
      if (half_life_s != 0.0) half_lives_.insert(half_life_s);
    }
    if (half_lives_.size() > kSetHalfLivesMax) {
      return refuse(&table, field, fmt::format("at most {} different half-lives in a set", kSetHalfLivesMax),
                    fmt::format("{} half-lives, one more than {}: {} s", half_lives_.size(), kSetHalfLivesMax,
                                fmt::join(half_lives_, ", ")));
    }
    if (feature.family->group == FamilyGroup::windowed) windows_.insert(feature.ticks);
    if (windows_.size() > kSetWindowsMax) {
      return refuse(&table, field, fmt::format("at most {} different window lengths in a set", kSetWindowsMax),
                    fmt::format("{} ticks, one more than {}", fmt::join(windows_, ", "), kSetWindowsMax));
    }
    features_.push_back(feature);
    names_.push_back(std::move(name));
    lines_.push_back(table.source().begin.line);
    return {};
  }

  const toml::table& table_;
  std::string_view file_;
  FamilyList families_;
  std::vector<Feature> features_;
  std::vector<std::string> names_;
  std::vector<std::size_t> lines_;
  std::set<double> half_lives_;
  std::set<std::uint16_t> windows_;
};

Result<FeatureSet> FeatureSet::from_toml(std::string_view text, const std::string& file, FamilyList families) {
  TT_TRY(const toml::table table,
         config::read_table(text, file, "reading a feature set", ErrorCode::feature_set_invalid));
  return FeatureSetReader(table, file, families).read();
}

namespace {

// Sets of files and packs, kept for as long as the process lives, so that models, engines and reports can point to them.
struct KeptSets {
  std::mutex mutex;
  std::vector<std::unique_ptr<const FeatureSet>> sets;

  static KeptSets& instance() {
    static KeptSets kept;
    return kept;
  }
};

Result<const FeatureSet*> keep(FeatureSet set) {
  KeptSets& kept = KeptSets::instance();
  const std::scoped_lock lock(kept.mutex);
  for (const auto& one : kept.sets) {
    if (one->hash() == set.hash()) return one.get();
  }
  return kept.sets.emplace_back(std::make_unique<const FeatureSet>(std::move(set))).get();
}

// The set of that very text, if it is built in or was read before; null if not.
const FeatureSet* known_set(std::string_view canonical_text) {
  for (const FeatureSet* set : FeatureSet::all()) {
    if (set->canonical_text() == canonical_text) return set;
  }
  KeptSets& kept = KeptSets::instance();
  const std::scoped_lock lock(kept.mutex);
  for (const auto& one : kept.sets) {
    if (one->canonical_text() == canonical_text) return one.get();
  }
  return nullptr;
}

// A lane of a canonical text as a set's file writes it: what its family says of itself is left out.
toml::table lane_to_read(const toml::table& canonical) {
  toml::table lane;
  const auto copy = [&](std::string_view key) {
    if (const toml::node* node = canonical.get(key)) node->visit([&](const auto& value) { lane.insert(key, value); });
  };
  for (const std::string_view key : {"feature", "mandatory"}) copy(key);
  // A name that no file may give is one that the lane has by itself: that of a peer's instrument.
  if (const auto* lane_name = canonical["name"].as_string(); lane_name != nullptr && is_name(lane_name->get(), "_."))
    copy("name");
  const auto* name = canonical["feature"].as_string();
  const auto family = find_family(name != nullptr ? name->get() : "");
  if (!family) return lane;  // the reader says which one is unknown
  for (const ParameterInfo& info : (*family)->parameters) copy(parameter_name(info.parameter));
  if ((*family)->takes_peer) copy("peer");
  if ((*family)->takes_basis) copy("basis");
  return lane;
}

// Where two texts part, as a line number from 1 and the two lines.
struct FirstDifference {
  std::uint64_t line = 1;
  std::string_view ours;
  std::string_view theirs;
};

FirstDifference first_difference(std::string_view ours, std::string_view theirs) {
  FirstDifference out;
  const auto line_of = [](std::string_view text) { return text.substr(0, std::min(text.find('\n'), text.size())); };
  for (;; ++out.line) {
    out.ours = line_of(ours);
    out.theirs = line_of(theirs);
    const bool is_last = out.ours.size() == ours.size() || out.theirs.size() == theirs.size();
    if (out.ours != out.theirs || is_last) return out;
    ours.remove_prefix(out.ours.size() + 1);
    theirs.remove_prefix(out.theirs.size() + 1);
  }
}

}  // namespace

Result<const FeatureSet*> FeatureSet::from_canonical(std::string_view text, const std::string& file) {
  constexpr const char* kDoing = "reading the feature set of a model";
  const auto refuse = [&](std::uint64_t line, std::string expected, std::string found) {
    return fail({.code = ErrorCode::model_feature_mismatch,
                 .doing = kDoing,
                 .file = file,
                 .line = line,
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  if (const FeatureSet* known = known_set(text)) return known;
  if (text.size() > kSetBytesMax) {
    return refuse(0, fmt::format("at most {} bytes", kSetBytesMax), fmt::format("{}", text.size()));
  }
  TT_TRY(const toml::table table, config::read_table(text, file, kDoing, ErrorCode::model_feature_mismatch));
  toml::array lanes;
  if (const auto* features = table["feature"].as_array()) {
    for (const toml::node& node : *features) {
      if (const auto* lane = node.as_table()) lanes.push_back(lane_to_read(*lane));
    }
  }
  toml::table form;
  if (const auto* name = table["name"].as_string()) form.insert("name", *name);
  form.insert("features", std::move(lanes));
  TT_TRY(FeatureSet set, FeatureSetReader(form, file, feature_families()).read());
  if (set.canonical_text() != text) {
    const FirstDifference at = first_difference(set.canonical_text(), text);
    return refuse(at.line, fmt::format("{}, as this release computes the set", printable(at.ours, 200)),
                  printable(at.theirs, 200));
  }
  return keep(std::move(set));
}

Result<const FeatureSet*> FeatureSet::find(std::string_view name_or_path) {
  if (is_path(name_or_path)) {
    const std::string path(name_or_path);
    TT_TRY(const std::string text, read_whole_file(path, {.doing = "reading a feature set",
                                                          .expected = "a feature set's TOML file",
                                                          .bytes_max = kSetBytesMax,
                                                          .too_long = ErrorCode::feature_set_invalid}));
    TT_TRY(FeatureSet set, from_toml(text, path));
    return keep(std::move(set));
  }
  if (const FeatureSet* set = built_in(name_or_path)) return set;
  std::vector<std::string> known;
  for (const FeatureSet* set : all()) known.emplace_back(set->name());
  return fail({.code = ErrorCode::feature_unknown,
               .doing = "looking up a feature set",
               .field = "feature_set",
               .expected = fmt::format("{}, or the path of a TOML file; the nearest is {}", fmt::join(known, ", "),
                                       nearest_name(name_or_path, known)),
               .found = printable(name_or_path)});
}

}  // namespace thintail
