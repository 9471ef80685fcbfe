// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/config/nearest_name.hpp"
#include "ml/cross/cross_families.hpp"
#include "ml/features/book_families.hpp"
#include "ml/features/tick_families.hpp"
#include "ml/indicators/bar_families.hpp"

namespace thintail {
namespace {

constexpr std::array<std::string_view, kParameterCount> kParameterNames = {
    "half_life_s", "half_life_2_s", "ticks",  "period",   "bars",   "bars_2",
    "bars_3",      "factor",        "levels", "quantity", "seconds"};
constexpr std::array<std::string_view, kParameterCount> kParameterUnits = {"s of trading time",
                                                                           "s of trading time",
                                                                           "ticks",
                                                                           "",
                                                                           "bars",
                                                                           "bars",
                                                                           "bars",
                                                                           "times",
                                                                           "levels",
                                                                           "of the book's size unit",
                                                                           "s"};
static_assert(static_cast<std::size_t>(Parameter::seconds) + 1 == kParameterCount);

// What an example gives a parameter that has no standard.
constexpr std::array<double, kParameterCount> kUsual = {60, 3600, 64, 0, 20, 50, 9, 2, 5, 1, 60};

struct Group {
  std::string_view name;
  std::string_view title;
};
constexpr std::array kGroups = {
    Group{"tick", "Ticks: of this tick and the ones just before"},
    Group{"decayed", "Decays: averages and sums that forget by half-lives of trading time"},
    Group{"windowed", "Windows: the last n ticks, as exact integer sums"},
    Group{"clock", "Clock: time of day and week, sessions and rollover"},
    Group{"forming", "Forming bars: the bar that has not closed yet"},
    Group{"bar", "Bars: indicators of closed bars, and where the price stands to them"},
    Group{"book", "Order book: levels behind the best"},
    Group{"cross", "Other instruments"},
};
static_assert(static_cast<std::size_t>(FamilyGroup::cross) + 1 == kGroups.size());

constexpr std::array<std::string_view, 8> kNeedNames = {"bid",    "ask",   "sizes", "trades",
                                                        "volume", "ticks", "depth", "peers"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

// The number in a name: with a letter where the bare number would not say what it counts.
std::string name_part(Parameter parameter, double value) {
  switch (parameter) {
    case Parameter::half_life_s:
    case Parameter::half_life_2_s:
    case Parameter::seconds: return fmt::format("{}s", value);
    case Parameter::ticks: return fmt::format("{}t", value);
    case Parameter::levels: return fmt::format("l{}", value);
    case Parameter::quantity: return fmt::format("q{}", value);
    case Parameter::bars:
    case Parameter::bars_2:
    case Parameter::bars_3:
    case Parameter::factor: return fmt::format("{}", value);
    case Parameter::period: break;
  }
  return lower(kBarPeriodNames[static_cast<std::size_t>(value)]);
}

}  // namespace

FamilyList feature_families() noexcept {
  static const std::vector<const FeatureFamily*> kFamilies = [] {
    std::vector<const FeatureFamily*> all;
    for (const auto table : {tick_families(), bar_families(), book_families(), cross_families()}) {
      for (const FeatureFamily& family : table) all.push_back(&family);
    }
    std::ranges::stable_sort(all, {}, [](const FeatureFamily* family) { return family->group; });
    return all;
  }();
  return kFamilies;
}

Result<const FeatureFamily*> find_family(std::string_view name, FamilyList families) {
  std::vector<std::string> known;
  for (const FeatureFamily* family : families) {
    if (family->name == name) return family;
    known.emplace_back(family->name);
  }
  return fail({.code = ErrorCode::feature_unknown,
               .doing = "looking up a feature",
               .field = "feature",
               .expected = known.empty()
                               ? "a family of the catalogue, which is empty"
                               : fmt::format("a family that `thintail features list` names; the nearest is {}",
                                             nearest_name(name, known)),
               .found = '"' + printable(name) + '"'});
}

std::string_view group_name(FamilyGroup group) noexcept { return kGroups[static_cast<std::size_t>(group)].name; }
std::string_view group_title(FamilyGroup group) noexcept { return kGroups[static_cast<std::size_t>(group)].title; }

std::string_view basis_name(QuoteSide basis) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"bid", "ask", "mid"};
  return kNames[static_cast<std::size_t>(basis)];
}

std::string needs_text(Needs needs) {
  std::string text;
  for (std::size_t i = 0; i < kNeedNames.size(); ++i) {
    if ((needs >> i & 1) == 0) continue;
    text.append(text.empty() ? "" : " ").append(kNeedNames[i]);
  }
  return text;
}

std::string_view parameter_name(Parameter parameter) noexcept {
  return kParameterNames[static_cast<std::size_t>(parameter)];
}

std::string_view parameter_unit(Parameter parameter) noexcept {
  return kParameterUnits[static_cast<std::size_t>(parameter)];
}

bool is_whole(Parameter parameter) noexcept {
  switch (parameter) {
    case Parameter::ticks:
    case Parameter::bars:
    case Parameter::bars_2:
    case Parameter::bars_3:
    case Parameter::levels:
    case Parameter::seconds: return true;
    case Parameter::half_life_s:
    case Parameter::half_life_2_s:
    case Parameter::period:
    case Parameter::factor:
    case Parameter::quantity: break;
  }
  return false;
}

std::string range_text(const ParameterInfo& info) {
  if (info.parameter != Parameter::period) return fmt::format("{} to {}", info.low, info.high);
  return fmt::format("{} to {}", kBarPeriodNames[static_cast<std::size_t>(info.low)],
                     kBarPeriodNames[static_cast<std::size_t>(info.high)]);
}

std::string parameter_text(Parameter parameter, double value) {
  if (parameter != Parameter::period) return fmt::format("{}", value);
  return fmt::format("\"{}\"", kBarPeriodNames[static_cast<std::size_t>(value)]);
}

double parameter_value(const Feature& feature, Parameter parameter) noexcept {
  switch (parameter) {
    case Parameter::half_life_s: return feature.half_life_s;
    case Parameter::half_life_2_s: return feature.half_life_2_s;
    case Parameter::ticks: return feature.ticks;
    case Parameter::period: return static_cast<double>(feature.period);
    case Parameter::bars: return feature.bars;
    case Parameter::bars_2: return feature.bars_2;
    case Parameter::bars_3: return feature.bars_3;
    case Parameter::factor: return feature.factor;
    case Parameter::levels: return feature.levels;
    case Parameter::quantity: return feature.quantity;
    case Parameter::seconds: return feature.seconds;
  }
  return 0.0;
}

void set_parameter(Feature& feature, Parameter parameter, double value) noexcept {
  const auto whole = [value] { return static_cast<std::uint16_t>(value); };
  switch (parameter) {
    case Parameter::half_life_s: feature.half_life_s = value; break;
    case Parameter::half_life_2_s: feature.half_life_2_s = value; break;
    case Parameter::ticks: feature.ticks = whole(); break;
    case Parameter::period: feature.period = static_cast<BarPeriod>(whole()); break;
    case Parameter::bars: feature.bars = whole(); break;
    case Parameter::bars_2: feature.bars_2 = whole(); break;
    case Parameter::bars_3: feature.bars_3 = whole(); break;
    case Parameter::factor: feature.factor = value; break;
    case Parameter::levels: feature.levels = whole(); break;
    case Parameter::quantity: feature.quantity = value; break;
    case Parameter::seconds: feature.seconds = value; break;
  }
}

Needs needs_of(const Feature& feature) noexcept {
  const FeatureFamily& family = *feature.family;
  // A side of the book is still measured against the mid.
  if (!family.takes_basis || has(family.needs, Need::depth) || feature.basis == QuoteSide::mid) return family.needs;
  const Need other = feature.basis == QuoteSide::bid ? Need::ask : Need::bid;
  return static_cast<Needs>(family.needs & ~static_cast<Needs>(other));
}

Needs needs_served(const FeedContents& contents, std::size_t instruments) noexcept {
  Needs served = Need::bid | Need::ask | static_cast<Needs>(Need::ticks);
  if (contents.sizes) served = served | static_cast<Needs>(Need::sizes);
  if (contents.trades) served = served | static_cast<Needs>(Need::trades);
  if (contents.depth) served = served | static_cast<Needs>(Need::depth);
  if (instruments > 1) served = served | static_cast<Needs>(Need::peers);
  return served;
}

std::string lane_name(const Feature& feature) {
  std::string name(feature.family->name);
  std::string period;
  for (const ParameterInfo& info : feature.family->parameters) {
    const std::string part = name_part(info.parameter, parameter_value(feature, info.parameter));
    if (info.parameter == Parameter::period) {
      period = '_' + part;
    } else {
      name.append("_").append(part);
    }
  }
  name.append(period);
  if (feature.family->takes_peer) name.append("_").append(lower(feature.peer.view()));
  if (feature.family->takes_basis && feature.basis != QuoteSide::mid)
    name.append("_").append(basis_name(feature.basis));
  return name;
}

std::string toml_line(const Feature& feature) {
  std::string line = fmt::format("{{ feature = \"{}\"", feature.family->name);
  for (const ParameterInfo& info : feature.family->parameters) {
    line.append(fmt::format(", {} = {}", parameter_name(info.parameter),
                            parameter_text(info.parameter, parameter_value(feature, info.parameter))));
  }
  if (feature.family->takes_peer) line.append(fmt::format(", peer = \"{}\"", feature.peer.view()));
  if (feature.family->takes_basis) line.append(fmt::format(", basis = \"{}\"", basis_name(feature.basis)));
  return line.append(" }");
}

Feature example_of(const FeatureFamily& family) noexcept {
  Feature feature{.family = &family};
  if (family.takes_peer) feature.peer = PeerName::of("EURUSD@dukascopy");
  for (const ParameterInfo& info : family.parameters) {
    const double usual = std::isnan(info.standard) ? kUsual[static_cast<std::size_t>(info.parameter)] : info.standard;
    set_parameter(feature, info.parameter, std::clamp(usual, info.low, info.high));
  }
  return feature;
}

}  // namespace thintail
