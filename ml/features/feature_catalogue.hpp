// SPDX-License-Identifier: Apache-2.0
// The catalogue: every family of features by name, and how a feature's parameters, needs and name follow from it.
//   path  cold
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/event/feed_contents.hpp"
#include "ml/features/feature_family.hpp"

namespace thintail {

using FamilyList = std::span<const FeatureFamily* const>;

// All families, group by group, in the order of the groups' tables.
FamilyList feature_families() noexcept;

// The error names the nearest one. `families` is what is searched: the whole catalogue, but in tests.
Result<const FeatureFamily*> find_family(std::string_view name, FamilyList families = feature_families());

std::string_view group_name(FamilyGroup group) noexcept;    // "windowed"
std::string_view group_title(FamilyGroup group) noexcept;   // "Windows: the last ticks, as exact integers"
std::string_view basis_name(QuoteSide basis) noexcept;      // "mid"
std::string needs_text(Needs needs);                        // "bid ask sizes"; empty for none
std::string_view parameter_name(Parameter parameter) noexcept;  // "half_life_s": its key in a set
std::string_view parameter_unit(Parameter parameter) noexcept;  // "s of trading time"
bool is_whole(Parameter parameter) noexcept;                // an integer in a set; `period` is a name and not whole
inline constexpr std::size_t kParameterCount = 11;

std::string range_text(const ParameterInfo& info);  // "0.01 to 86400", "M1 to D1"
// As a set writes it: "60", "0.5", "\"M1\"".
std::string parameter_text(Parameter parameter, double value);
double parameter_value(const Feature& feature, Parameter parameter) noexcept;
// REQUIRES: the value lies within the family's range for it, and is whole where is_whole().
void set_parameter(Feature& feature, Parameter parameter, double value) noexcept;

// What the feature takes from a feed: its family's needs, and of bid and ask only the side that its basis reads.
Needs needs_of(const Feature& feature) noexcept;
// What a feed of quotes serves.
Needs needs_served(const FeedContents& contents, std::size_t instruments) noexcept;
// <family>_<parameters>[_<period>][_<peer>][_<basis>]: "mid_deviation_60s", "macd_signal_12_26_9_h1_bid". The basis is left out
// where it is the mid, as is every parameter that the family does not take.
std::string lane_name(const Feature& feature);
// One line of a set that gives the feature: { feature = "rsi", bars = 14, period = "M1" }
std::string toml_line(const Feature& feature);
// The feature with the family's standards, and for a parameter without one the lower end of its range or a usual value.
Feature example_of(const FeatureFamily& family) noexcept;

// docs/features.md.
std::string feature_catalogue_markdown();

}  // namespace thintail
