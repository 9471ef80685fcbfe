// SPDX-License-Identifier: Apache-2.0
// Reading feature sets from TOML: what a good one becomes, what makes its hash, and every way in which a bad one is
// refused. The families are the test's own, so that the catalogue may grow.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "ml/features/feature_set.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail {
namespace {

using testing::HasSubstr;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::array kHalfLife = {ParameterInfo{Parameter::half_life_s, 0.1, 86'400, kNone}};
constexpr std::array kTwoHalfLives = {ParameterInfo{Parameter::half_life_s, 0.1, 86'400, kNone},
                                      ParameterInfo{Parameter::half_life_2_s, 0.1, 86'400, 3600}};
constexpr std::array kWindow = {ParameterInfo{Parameter::ticks, 2, 256, 64}};
constexpr std::array kBars = {ParameterInfo{Parameter::bars, 2, 200, 14}, ParameterInfo{Parameter::factor, 0.5, 10, 2},
                              ParameterInfo{Parameter::period, 0, 4, kNone}};
constexpr std::array kSeconds = {ParameterInfo{Parameter::seconds, 2, 1800, 300}};
constexpr std::array kLevels = {ParameterInfo{Parameter::levels, 1, 64, 5}};

std::vector<FeatureFamily> test_families() {
  const auto family = [](std::string_view name, FamilyGroup group, Needs needs, bool takes_basis,
                         std::span<const ParameterInfo> parameters) {
    return FeatureFamily{.name = name,
                         .group = group,
                         .code = 1,
                         .version = 1,
                         .unit = "bp",
                         .needs = needs,
                         .takes_basis = takes_basis,
                         .basis = "quote",
                         .warm_up = "a while",
                         .seeding = "none",
                         .formula = "a |formula| of \"x\"",
                         .source = "the test",
                         .reference = "",
                         .parameters = parameters};
  };
  FeatureFamily peer =
      family("peer_beta", FamilyGroup::cross, Need::bid | Need::ask | static_cast<Needs>(Need::peers), false, kSeconds);
  peer.takes_peer = true;
  const Needs quotes = Need::bid | Need::ask | static_cast<Needs>(Need::ticks);
  return {family("spread", FamilyGroup::tick, quotes, false, {}),
          family("mid_deviation", FamilyGroup::decayed, quotes, false, kHalfLife),
          family("volatility_ratio", FamilyGroup::decayed, quotes, false, kTwoHalfLives),
          family("window_return", FamilyGroup::windowed, quotes, false, kWindow),
          family("band", FamilyGroup::bar, Need::bid | Need::ask, true, kBars),
          family("depth", FamilyGroup::book, quotes | (Need::sizes | Need::depth), true, kLevels),
          peer};
}

class FeatureSetReading : public testing::Test {
 protected:
  Result<FeatureSet> read(const std::string& text) const {
    std::vector<const FeatureFamily*> list;
    for (const FeatureFamily& family : families_) list.push_back(&family);
    return FeatureSet::from_toml(text, "mine.toml", list);
  }

  FeatureSet good(const std::string& text) const {
    auto set = read(text);
    EXPECT_TRUE(set.has_value()) << set.error().message();
    return std::move(set).value();
  }

  Sha256Digest hash(const std::string& text) const { return good(text).hash(); }

  // Refused at `line` of mine.toml, with the field and words of what was expected and found.
  void refused(const std::string& text, ErrorCode code, std::uint64_t line, const std::string& field,
               const std::string& expected, const std::string& found) const {
    const auto set = read(text);
    ASSERT_FALSE(set.has_value()) << text;
    const Error& error = set.error();
    EXPECT_EQ(error.code, code) << error.message();
    EXPECT_EQ(error.file, "mine.toml");
    EXPECT_EQ(error.line, line) << error.message();
    EXPECT_EQ(error.field, field) << error.message();
    EXPECT_THAT(error.expected, HasSubstr(expected));
    EXPECT_THAT(error.found, HasSubstr(found));
  }

  // A set of one lane, which stands on line 3.
  static std::string one(const std::string& lane) { return "name = \"mine\"\nfeatures = [\n  { " + lane + " },\n]\n"; }
  static std::string lanes(const std::vector<std::string>& lines) {
    std::string text = "name = \"mine\"\nfeatures = [\n";
    for (const std::string& line : lines) text += "  { " + line + " },\n";
    return text + "]\n";
  }

  std::vector<FeatureFamily> families_ = test_families();
  const std::string good_ = lanes(
      {"feature = \"spread\", mandatory = true", "feature = \"mid_deviation\", half_life_s = 60",
       "feature = \"volatility_ratio\", half_life_s = 0.5, half_life_2_s = 60",
       "feature = \"window_return\", ticks = 32", "feature = \"band\", bars = 20, period = \"H1\", basis = \"bid\"",
       "feature = \"band\", factor = 2.5, period = \"M1\", name = \"my_band\"",
       "feature = \"depth\", basis = \"ask\", mandatory = true"});
};

TEST_F(FeatureSetReading, a_set_gives_its_features_in_order_with_standards_for_what_is_left_out) {
  const FeatureSet set = good(good_);
  ASSERT_EQ(set.features().size(), 7u);
  EXPECT_EQ(set.name(), "mine");
  EXPECT_EQ(set.features()[0].family->name, "spread");
  EXPECT_EQ(set.features()[1].half_life_s, 60);
  EXPECT_EQ(set.features()[2].half_life_2_s, 60);
  EXPECT_EQ(set.features()[3].ticks, 32);
  EXPECT_EQ(set.features()[4].bars, 20);
  EXPECT_EQ(set.features()[4].factor, 2);
  EXPECT_EQ(set.features()[4].period, BarPeriod::h1);
  EXPECT_EQ(set.features()[4].basis, QuoteSide::bid);
  EXPECT_EQ(set.features()[5].bars, 14);
  EXPECT_EQ(set.features()[5].basis, QuoteSide::mid);
  EXPECT_EQ(set.features()[6].levels, 5);
}

TEST_F(FeatureSetReading, lanes_are_named_by_family_parameters_period_and_basis) {
  const FeatureSet set = good(good_);
  std::vector<std::string_view> names;
  for (const FeatureInfo& lane : set.lanes()) names.push_back(lane.name);
  EXPECT_THAT(names, testing::ElementsAre("spread", "mid_deviation_60s", "volatility_ratio_0.5s_60s",
                                          "window_return_32t", "band_20_2_h1_bid", "my_band", "depth_l5_ask"));
  EXPECT_EQ(set.lane("band_20_2_h1_bid"), 4u);
  EXPECT_EQ(set.lane("band"), std::nullopt);
}

TEST_F(FeatureSetReading, a_peer_is_part_of_feature_name_and_hash) {
  const FeatureSet set =
      good(lanes({"feature = \"peer_beta\", peer = \"EURUSD@fxcm\"", "feature = \"peer_beta\", peer = \"@fxcm\"",
                  "feature = \"peer_beta\", peer = \"US30.cash\", seconds = 60"}));
  EXPECT_EQ(set.features()[0].peer.view(), "EURUSD@fxcm");
  EXPECT_EQ(set.lanes()[0].name, "peer_beta_300s_eurusd@fxcm");
  EXPECT_EQ(set.lanes()[1].name, "peer_beta_300s_@fxcm");
  EXPECT_EQ(set.lanes()[2].name, "peer_beta_60s_us30.cash");
  EXPECT_EQ(needs_text(set.needs()), "bid ask peers");
  EXPECT_NE(hash(one("feature = \"peer_beta\", name = \"b\", peer = \"EURUSD\"")),
            hash(one("feature = \"peer_beta\", name = \"b\", peer = \"eurusd\"")));
}

TEST_F(FeatureSetReading, a_peer_that_is_missing_or_names_no_instrument_is_refused) {
  const std::string expected = "another instrument as SYMBOL@venue";
  refused(one("feature = \"peer_beta\""), ErrorCode::feature_set_invalid, 3, "features[0].peer", expected, "none");
  for (const std::string_view text : {"", "@", "EURUSD@", "EURUSD@FXCM", "EUR USD", "E@f@g"}) {
    refused(one(fmt::format("feature = \"peer_beta\", peer = \"{}\"", text)), ErrorCode::feature_set_invalid, 3,
            "features[0].peer", expected, fmt::format("\"{}\"", text));
  }
  refused(one("feature = \"peer_beta\", peer = 7"), ErrorCode::feature_set_invalid, 3, "features[0].peer", expected,
          "the integer 7");
  refused(one("feature = \"spread\", peer = \"EURUSD\""), ErrorCode::feature_unknown, 3, "features[0].peer",
          "a lane of spread", "\"peer\"");
}

TEST_F(FeatureSetReading, lanes_survive_a_move_of_the_set) {
  FeatureSet first = good(one("feature = \"spread\""));
  const FeatureSet second = std::move(first);
  EXPECT_EQ(second.lanes()[0].name, "spread");
  EXPECT_EQ(second.lanes()[0].needs, "bid ask ticks");
}

TEST_F(FeatureSetReading, mandatory_lanes_are_those_so_marked) {
  const FeatureSet set = good(good_);
  LaneMask expected;
  expected.set(0);
  expected.set(6);
  EXPECT_EQ(set.mandatory(), expected);
}

TEST_F(FeatureSetReading, needs_are_of_all_lanes_and_a_basis_reads_one_side_only) {
  const FeatureSet bid = good(one("feature = \"band\", period = \"M1\", basis = \"bid\""));
  EXPECT_EQ(bid.needs(), static_cast<Needs>(Need::bid));
  const FeatureSet ask = good(one("feature = \"band\", period = \"M1\", basis = \"ask\""));
  EXPECT_EQ(ask.lanes()[0].needs, "ask");
  // A side of the book is measured against the mid.
  EXPECT_EQ(good(one("feature = \"depth\", basis = \"bid\"")).lanes()[0].needs, "bid ask sizes ticks depth");
  EXPECT_EQ(needs_text(good(good_).needs()), "bid ask sizes ticks depth");
}

TEST_F(FeatureSetReading, data_that_lacks_a_need_is_refused_with_the_first_lane_that_has_it) {
  const FeatureSet set = good(good_);
  EXPECT_TRUE(set.require(set.needs(), "the book").has_value());
  EXPECT_TRUE(set.require(0xff, "everything").has_value());
  const auto bars = set.require(static_cast<Needs>(Need::bid), "bars.csv");
  ASSERT_FALSE(bars.has_value());
  EXPECT_EQ(bars.error().code, ErrorCode::feature_needs);
  EXPECT_EQ(bars.error().field, "spread");
  EXPECT_THAT(bars.error().doing, testing::AllOf(HasSubstr("bars.csv"), HasSubstr("mine")));
  EXPECT_EQ(bars.error().expected, "ask sizes ticks depth, which 6 of 7 lanes need, spread the first");
  EXPECT_EQ(bars.error().found, "bid only");
  const auto ticks = set.require(Need::bid | Need::ask | static_cast<Needs>(Need::ticks), "ticks.csv");
  ASSERT_FALSE(ticks.has_value());
  EXPECT_EQ(ticks.error().field, "depth_l5_ask");
  EXPECT_THAT(ticks.error().expected, HasSubstr("sizes depth, which 1 of 7 lanes need"));
}

// --- the hash --------------------------------------------------------------------------------------------------------

TEST_F(FeatureSetReading, the_form_of_the_text_does_not_change_the_hash) {
  const auto original = hash(good_);
  EXPECT_EQ(hash("# a comment\n\n" + good_), original);
  EXPECT_EQ(hash(R"(
description = "words for people"
name = 'mine'
[[features]]
mandatory = true
feature = "spread"
[[features]]
half_life_s = 60.0
feature = "mid_deviation"
mandatory = false
[[features]]
feature = "volatility_ratio"
half_life_2_s = 6e1
half_life_s = 0.50
[[features]]
feature = "window_return"
ticks = 0x20
[[features]]
feature = "band"
period = "H1"
basis = "bid"
bars = 20
factor = 2
[[features]]
feature = "band"
period = "M1"
basis = "mid"
factor = 2.5
name = "my_band"
[[features]]
feature = "depth"
levels = 5
basis = "ask"
mandatory = true
)"),
            original);
}

TEST_F(FeatureSetReading, every_change_of_a_lane_changes_the_hash) {
  const auto original = hash(good_);
  const auto changed = [&](std::string_view what, std::string_view by) {
    std::string text = good_;
    text.replace(text.find(what), what.size(), by);
    return hash(text) != original;
  };
  EXPECT_FALSE(changed("ticks = 32", "ticks  =  32"));
  EXPECT_TRUE(changed("\"mine\"", "\"yours\""));
  EXPECT_TRUE(changed("mandatory = true", "mandatory = false"));
  EXPECT_TRUE(changed("half_life_s = 60", "half_life_s = 61"));
  EXPECT_TRUE(changed("half_life_2_s = 60", "half_life_2_s = 60.000000000000007"));
  EXPECT_TRUE(changed("ticks = 32", "ticks = 33"));
  EXPECT_TRUE(changed("period = \"H1\"", "period = \"M30\""));
  EXPECT_TRUE(changed("basis = \"bid\"", "basis = \"mid\""));
  EXPECT_TRUE(changed("bars = 20", "bars = 21"));
  EXPECT_TRUE(changed("factor = 2.5", "factor = 3"));
  EXPECT_TRUE(changed("my_band", "his_band"));
  EXPECT_NE(hash(lanes({"feature = \"window_return\"", "feature = \"spread\""})),
            hash(lanes({"feature = \"spread\"", "feature = \"window_return\""})));
}

TEST_F(FeatureSetReading, every_change_of_a_definition_changes_the_hash) {
  const auto original = hash(good_);
  const auto changed = [&](auto&& change) {
    families_ = test_families();
    change(families_[4]);  // band
    return hash(good_) != original;
  };
  EXPECT_FALSE(changed([](FeatureFamily&) {}));
  EXPECT_TRUE(changed([](FeatureFamily& family) { ++family.version; }));
  EXPECT_TRUE(changed([](FeatureFamily& family) { family.unit = "ratio"; }));
  EXPECT_TRUE(changed([](FeatureFamily& family) { family.formula = "another"; }));
  EXPECT_TRUE(changed([](FeatureFamily& family) { family.seeding = "another"; }));
  EXPECT_TRUE(changed([](FeatureFamily& family) { family.warm_up = "another"; }));
  EXPECT_TRUE(changed([](FeatureFamily& family) { family.source = "another"; }));
  EXPECT_TRUE(changed([](FeatureFamily& family) { family.reference = "another"; }));
  EXPECT_TRUE(changed([](FeatureFamily& family) { family.needs = family.needs | static_cast<Needs>(Need::sizes); }));
}

TEST_F(FeatureSetReading, every_change_of_a_rule_a_zone_or_the_numeric_contract_changes_the_hash) {
  const FeatureSet set = good(good_);
  const FeatureRules& in_force = FeatureRules::in_force();
  EXPECT_EQ(set.canonical_text(in_force), set.canonical_text());
  EXPECT_EQ(sha256(set.canonical_text()), set.hash());
  const auto changed = [&](auto&& change) {
    FeatureRules rules = in_force;
    change(rules);
    return sha256(set.canonical_text(rules)) != set.hash();
  };
  EXPECT_FALSE(changed([](FeatureRules&) {}));
  EXPECT_TRUE(changed([](FeatureRules& rules) { rules.numeric_contract += '0'; }));
  EXPECT_TRUE(changed([](FeatureRules& rules) { rules.zones[0].sha256[31] ^= 1; }));
  EXPECT_TRUE(changed([](FeatureRules& rules) { rules.zones[0].name = "Europe/London"; }));
  for (std::size_t i = 0; i < in_force.rules.size(); ++i) {
    EXPECT_TRUE(changed([i](FeatureRules& rules) { rules.rules[i].text += '.'; })) << in_force.rules[i].key;
  }
  for (const std::string_view key : {"arithmetic", "bars", "calendar", "missing"}) {
    EXPECT_TRUE(std::ranges::any_of(in_force.rules, [&](const auto& rule) { return rule.key == key; })) << key;
  }
}

// --- what is refused ---------------------------------------------------------------------------------------------------

TEST_F(FeatureSetReading, text_that_is_no_toml_is_refused) {
  refused("name = \"mine\"\nfeatures = [", ErrorCode::feature_set_invalid, 2, "", "TOML", "end-of-file");
}

TEST_F(FeatureSetReading, a_set_without_name_or_lanes_is_refused) {
  refused("features = [{ feature = \"spread\" }]", ErrorCode::feature_set_invalid, 1, "name", "a text", "none");
  refused("name = 3\nfeatures = [{ feature = \"spread\" }]", ErrorCode::feature_set_invalid, 1, "name", "a text",
          "the integer 3");
  refused("name = \"My Set\"\nfeatures = [{ feature = \"spread\" }]", ErrorCode::feature_set_invalid, 1, "name",
          "[a-z0-9._-]", "\"My Set\"");
  refused("name = \"mine\"\n", ErrorCode::feature_set_invalid, 1, "features", "at least one lane", "none");
  refused("name = \"mine\"\nfeatures = []\n", ErrorCode::feature_set_invalid, 2, "features", "at least one lane",
          "an empty list");
  refused("name = \"mine\"\nfeatures = \"spread\"\n", ErrorCode::feature_set_invalid, 2, "features",
          "at least one lane", "the text \"spread\"");
  refused("name = \"mine\"\nfeatures = [\n\"spread\"]\n", ErrorCode::feature_set_invalid, 3, "features[0]",
          "a table such as", "the text \"spread\"");
}

TEST_F(FeatureSetReading, an_unknown_key_of_the_set_names_the_nearest) {
  refused("name = \"mine\"\nfeaturse = 1\nfeatures = [{ feature = \"spread\" }]", ErrorCode::feature_unknown, 2,
          "featurse", "the nearest is features", "featurse");
}

TEST_F(FeatureSetReading, an_unknown_family_names_the_nearest) {
  refused(one("feature = \"mid_devation\", half_life_s = 60"), ErrorCode::feature_unknown, 3, "features[0].feature",
          "the nearest is mid_deviation", "\"mid_devation\"");
  refused(one("half_life_s = 60"), ErrorCode::feature_set_invalid, 3, "features[0].feature", "a text", "none");
}

TEST_F(FeatureSetReading, an_unknown_parameter_names_those_that_the_family_takes) {
  refused(one("feature = \"mid_deviation\", half_live_s = 60"), ErrorCode::feature_unknown, 3,
          "features[0].half_live_s", "a lane of mid_deviation: feature, half_life_s, name, mandatory; the nearest is",
          "\"half_live_s\"");
  refused(one("feature = \"spread\", bars = 14"), ErrorCode::feature_unknown, 3, "features[0].bars",
          "a lane of spread: feature, name, mandatory", "\"bars\"");
  refused(one("feature = \"spread\", basis = \"bid\""), ErrorCode::feature_unknown, 3, "features[0].basis",
          "a lane of spread", "\"basis\"");
}

TEST_F(FeatureSetReading, a_missing_parameter_without_a_standard_is_refused) {
  refused(one("feature = \"mid_deviation\""), ErrorCode::feature_set_invalid, 3, "features[0].half_life_s",
          "a number from 0.1 to 86400, in s of trading time", "none");
  refused(one("feature = \"band\""), ErrorCode::feature_set_invalid, 3, "features[0].period",
          "one of M1, M5, M15, M30, H1", "none");
}

TEST_F(FeatureSetReading, a_parameter_out_of_range_is_refused) {
  refused(one("feature = \"mid_deviation\", half_life_s = 0"), ErrorCode::feature_set_invalid, 3,
          "features[0].half_life_s", "from 0.1 to 86400", "the integer 0");
  refused(one("feature = \"mid_deviation\", half_life_s = nan"), ErrorCode::feature_set_invalid, 3,
          "features[0].half_life_s", "from 0.1 to 86400", "nan");
  refused(one("feature = \"mid_deviation\", half_life_s = inf"), ErrorCode::feature_set_invalid, 3,
          "features[0].half_life_s", "from 0.1 to 86400", "inf");
  refused(one("feature = \"window_return\", ticks = 257"), ErrorCode::feature_set_invalid, 3, "features[0].ticks",
          "an integer from 2 to 256, in ticks", "the integer 257");
  refused(one("feature = \"band\", period = \"D1\""), ErrorCode::feature_set_invalid, 3, "features[0].period",
          "one of M1, M5, M15, M30, H1", "\"D1\"");
  refused(one("feature = \"volatility_ratio\", half_life_s = 60, half_life_2_s = 60"), ErrorCode::feature_set_invalid,
          3, "features[0].half_life_2_s", "more than half_life_s, which is 60", "60");
}

TEST_F(FeatureSetReading, a_value_of_another_type_is_refused) {
  refused(one("feature = 3"), ErrorCode::feature_set_invalid, 3, "features[0].feature", "a text", "the integer 3");
  refused(one("feature = \"mid_deviation\", half_life_s = \"60\""), ErrorCode::feature_set_invalid, 3,
          "features[0].half_life_s", "a number", "the text \"60\"");
  refused(one("feature = \"window_return\", ticks = 32.0"), ErrorCode::feature_set_invalid, 3, "features[0].ticks",
          "an integer", "the number 32");
  refused(one("feature = \"band\", period = 1"), ErrorCode::feature_set_invalid, 3, "features[0].period", "one of M1",
          "the integer 1");
  refused(one("feature = \"band\", period = \"m1\""), ErrorCode::feature_set_invalid, 3, "features[0].period",
          "one of M1", "the text \"m1\"");
  refused(one("feature = \"band\", period = \"M1\", basis = \"last\""), ErrorCode::feature_set_invalid, 3,
          "features[0].basis", "one of bid, ask, mid", "the text \"last\"");
  refused(one("feature = \"spread\", mandatory = 1"), ErrorCode::feature_set_invalid, 3, "features[0].mandatory",
          "true or false", "the integer 1");
  refused(one("feature = \"spread\", name = true"), ErrorCode::feature_set_invalid, 3, "features[0].name", "a text",
          "true");
  refused(one("feature = \"spread\", name = \"a,b\""), ErrorCode::feature_set_invalid, 3, "features[0].name",
          "[a-z0-9._]", "\"a,b\"");
}

TEST_F(FeatureSetReading, the_same_feature_twice_is_refused_whatever_it_is_called) {
  refused(lanes({"feature = \"spread\"", "feature = \"mid_deviation\", half_life_s = 1", "feature = \"spread\""}),
          ErrorCode::feature_set_invalid, 5, "features[2]", "not yet in the set (features[0], line 3)", "spread again");
  refused(lanes({"feature = \"band\", period = \"M1\"",
                 "feature = \"band\", bars = 14, factor = 2.0, period = \"M1\", basis = \"mid\", name = \"other\", "
                 "mandatory = true"}),
          ErrorCode::feature_set_invalid, 4, "features[1]", "not yet in the set", "band_14_2_m1 again");
}

TEST_F(FeatureSetReading, the_same_name_twice_is_refused) {
  refused(lanes({"feature = \"spread\"", "feature = \"mid_deviation\", half_life_s = 1, name = \"spread\""}),
          ErrorCode::feature_set_invalid, 4, "features[1].name", "no other lane has (features[0], line 3)",
          "spread again");
}

TEST_F(FeatureSetReading, more_than_256_lanes_are_refused) {
  std::vector<std::string> lines;
  for (std::size_t bars = 0; bars < kMaxLanes; ++bars) {
    lines.push_back(fmt::format("feature = \"band\", period = \"M1\", bars = {}{}", 2 + bars % 128,
                                bars < 128 ? "" : ", basis = \"bid\""));
  }
  EXPECT_EQ(good(lanes(lines)).lanes().size(), 256u);
  lines.push_back("feature = \"spread\"");
  refused(lanes(lines), ErrorCode::feature_set_invalid, 2 + 257, "features[256]", "at most 256 lanes", "257");
}

TEST_F(FeatureSetReading, more_than_16_half_lives_are_refused) {
  std::vector<std::string> lines;
  for (int i = 1; i <= 15; ++i) lines.push_back(fmt::format("feature = \"mid_deviation\", half_life_s = {}", i));
  lines.push_back("feature = \"volatility_ratio\", half_life_s = 15, half_life_2_s = 16");
  EXPECT_TRUE(read(lanes(lines)).has_value());
  lines.push_back("feature = \"mid_deviation\", half_life_s = 16");  // no new one
  EXPECT_TRUE(read(lanes(lines)).has_value());
  lines.push_back("feature = \"volatility_ratio\", half_life_s = 1, half_life_2_s = 17");
  refused(lanes(lines), ErrorCode::feature_set_invalid, 2 + 18, "features[17]", "at most 16 different half-lives",
          "1, 2, 3");
}

TEST_F(FeatureSetReading, more_than_8_window_lengths_are_refused) {
  std::vector<std::string> lines;
  for (int i = 0; i < 8; ++i) lines.push_back(fmt::format("feature = \"window_return\", ticks = {}", 16 + i));
  EXPECT_TRUE(read(lanes(lines)).has_value());
  lines.push_back("feature = \"window_return\", ticks = 256");
  refused(lanes(lines), ErrorCode::feature_set_invalid, 2 + 9, "features[8]", "at most 8 different window lengths",
          "16, 17");
}

TEST_F(FeatureSetReading, text_from_a_file_cannot_steer_a_terminal) {
  const auto set = read(one("feature = \"\\u001b[2J\""));
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().message().find('\x1b'), std::string::npos);
}

// --- names and paths ---------------------------------------------------------------------------------------------------

TEST(FeatureSetFinding, an_unknown_set_names_the_nearest) {
  const auto missing = FeatureSet::find("core-23");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::feature_unknown);
  EXPECT_EQ(missing.error().found, "core-23");
  EXPECT_THAT(missing.error().expected, HasSubstr("the nearest is core-32"));
}

TEST(FeatureSetFinding, a_path_that_holds_no_set_is_refused) {
  const test::TempFolder folder;
  const auto missing = FeatureSet::find(folder.path() + "/none.toml");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::file_missing);
  const auto not_a_file = FeatureSet::find(folder.path());
  ASSERT_FALSE(not_a_file.has_value());
  EXPECT_EQ(not_a_file.error().code, ErrorCode::file_unreadable);
  const std::string path = folder.path() + "/big.toml";
  std::ofstream(path) << std::string((1u << 20) + 1, '#');
  const auto big = FeatureSet::find(path);
  ASSERT_FALSE(big.has_value());
  EXPECT_EQ(big.error().code, ErrorCode::feature_set_invalid);
  EXPECT_THAT(big.error().expected, HasSubstr("at most 1048576 bytes"));
}

}  // namespace
}  // namespace thintail
