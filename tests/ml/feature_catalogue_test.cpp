// SPDX-License-Identifier: Apache-2.0
// The catalogue: every family is wholly described, can be written into a set as its example says, and stands in docs.
#include "ml/features/feature_catalogue.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "ml/features/feature_set.hpp"

namespace thintail {
namespace {

using testing::HasSubstr;

// Run once with THINTAIL_WRITE_DOCS=1 after changing a definition.
TEST(FeatureCatalogue, docs_features_md_is_the_catalogue) {
  const auto path = std::filesystem::path(THINTAIL_SOURCE_DIR) / "docs" / "features.md";
  if (std::getenv("THINTAIL_WRITE_DOCS") != nullptr)
    std::ofstream(path, std::ios::binary) << feature_catalogue_markdown();
  std::ifstream in(path, std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  EXPECT_TRUE(page == feature_catalogue_markdown()) << "rewrite it: THINTAIL_WRITE_DOCS=1 ./thintail test --filter "
                                                       "ml/feature_catalogue_test";
}

TEST(FeatureCatalogue, the_page_holds_every_family_and_every_lane_of_every_set) {
  const std::string page = feature_catalogue_markdown();
  for (const FeatureFamily* family : feature_families()) {
    EXPECT_THAT(page, HasSubstr(fmt::format("\n| {} |", family->name)));
  }
  for (const FeatureSet* set : FeatureSet::all()) {
    EXPECT_THAT(page, HasSubstr(fmt::format("\n### {}\n", set->name())));
    for (std::size_t i = 0; i < set->lanes().size(); ++i) {
      EXPECT_THAT(page, HasSubstr(fmt::format("\n| {} | {} |", i, set->lanes()[i].name)));
    }
  }
}

TEST(FeatureCatalogue, families_are_wholly_described_under_names_of_their_own) {
  std::set<std::string_view> names;
  std::map<FamilyGroup, std::set<std::uint16_t>> codes;
  for (const FeatureFamily* family : feature_families()) {
    EXPECT_TRUE(names.insert(family->name).second) << family->name;
    EXPECT_TRUE(codes[family->group].insert(family->code).second) << family->name;
    EXPECT_GE(family->version, 1) << family->name;
    for (const std::string_view text :
         {family->unit, family->basis, family->warm_up, family->seeding, family->formula, family->source}) {
      EXPECT_FALSE(text.empty()) << family->name;
      EXPECT_EQ(text.find_first_of("\n\t"), std::string_view::npos) << family->name;
    }
    if (family->takes_basis) {
      EXPECT_TRUE(has(family->needs, Need::bid) && has(family->needs, Need::ask)) << family->name;
    }
    std::set<Parameter> parameters;
    for (const ParameterInfo& info : family->parameters) {
      EXPECT_TRUE(parameters.insert(info.parameter).second) << family->name;
      EXPECT_LT(info.low, info.high) << family->name;
      EXPECT_TRUE(std::isnan(info.standard) || (info.standard >= info.low && info.standard <= info.high))
          << family->name;
    }
  }
}

TEST(FeatureCatalogue, every_example_line_is_a_lane_that_a_set_takes) {
  for (const FeatureFamily* family : feature_families()) {
    const Feature example = example_of(*family);
    const auto set =
        FeatureSet::from_toml(fmt::format("name = \"one\"\nfeatures = [{}]\n", toml_line(example)), "one.toml");
    ASSERT_TRUE(set.has_value()) << set.error().message();
    EXPECT_EQ(set->features()[0], example) << family->name;
    EXPECT_EQ(set->lanes()[0].name, lane_name(example));
  }
}

TEST(FeatureCatalogue, different_features_of_a_family_have_different_names) {
  for (const FeatureFamily* family : feature_families()) {
    std::set<std::string> names = {lane_name(example_of(*family))};
    std::size_t made = 1;
    const auto take = [&](const Feature& feature) {
      names.insert(lane_name(feature));
      ++made;
    };
    for (const ParameterInfo& info : family->parameters) {
      Feature other = example_of(*family);
      const double value = parameter_value(other, info.parameter);
      set_parameter(other, info.parameter, value == info.high ? info.low : info.high);
      EXPECT_NE(parameter_value(other, info.parameter), value) << family->name;
      take(other);
    }
    for (const QuoteSide side : {QuoteSide::bid, QuoteSide::ask}) {
      Feature other = example_of(*family);
      other.basis = side;
      if (family->takes_basis) take(other);
    }
    EXPECT_EQ(names.size(), made) << family->name;
  }
}

TEST(FeatureCatalogue, an_unknown_family_is_refused_with_the_nearest_name) {
  EXPECT_EQ(find_family("spread").value()->name, "spread");
  const auto missing = find_family("mid_devation");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::feature_unknown);
  EXPECT_THAT(missing.error().expected, HasSubstr("the nearest is mid_deviation"));
}

TEST(FeatureCatalogue, what_a_feed_serves_follows_from_its_contents) {
  EXPECT_EQ(needs_text(needs_served({}, 1)), "bid ask ticks");
  EXPECT_EQ(needs_text(needs_served({.sizes = true}, 1)), "bid ask sizes ticks");
  EXPECT_EQ(needs_text(needs_served({.sizes = true, .trades = true, .depth = true}, 2)),
            "bid ask sizes trades ticks depth peers");
  EXPECT_EQ(FeedContents({.sizes = true, .trades = true}) & FeedContents({.sizes = true, .depth = true}),
            FeedContents({.sizes = true}));
}

}  // namespace
}  // namespace thintail
