// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_set.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/time/zone.hpp"
#include "ml/features/core_32.hpp"

namespace thintail {
namespace {

TEST(FeatureSet, core_32_has_32_lanes_with_distinct_names_and_complete_definitions) {
  const FeatureSet& set = FeatureSet::core_32();
  ASSERT_EQ(set.lanes().size(), 32u);
  std::set<std::string_view> names;
  for (const FeatureInfo& lane : set.lanes()) {
    names.insert(lane.name);
    EXPECT_FALSE(lane.unit.empty() || lane.basis.empty() || lane.warm_up.empty() || lane.formula.empty()) << lane.name;
    EXPECT_GE(lane.version, 1) << lane.name;
  }
  EXPECT_EQ(names.size(), 32u);
}

TEST(FeatureSet, lanes_of_the_engine_and_of_the_catalogue_are_in_one_order) {
  const auto lanes = FeatureSet::core_32().lanes();
  EXPECT_EQ(lanes[core_32::kSpread].name, "spread_bp");
  EXPECT_EQ(lanes[core_32::mid_deviation(core_32::k14400s)].name, "mid_deviation_14400s");
  EXPECT_EQ(lanes[core_32::kVolatility3600s].name, "volatility_3600s");
  EXPECT_EQ(lanes[core_32::kMoveAutocorrelation].name, "move_autocorrelation_240s");
  EXPECT_EQ(lanes[core_32::kIntensityRatio].name, "intensity_ratio_15s_900s");
  EXPECT_EQ(lanes[core_32::kBollingerZ].name, "bollinger_z_20_m1");
  EXPECT_EQ(lanes[core_32::kSessionClose].name, "session_close_h");
}

TEST(FeatureSet, mandatory_mask_is_the_mandatory_lanes) {
  const FeatureSet& set = FeatureSet::core_32();
  for (std::size_t i = 0; i < kMaxLanes; ++i) {
    const bool mandatory = i < set.lanes().size() && set.lanes()[i].mandatory;
    EXPECT_EQ((set.mandatory_mask() >> i & 1) != 0, mandatory) << i;
  }
}

TEST(FeatureSet, hash_is_over_the_canonical_text_which_names_the_zones_transitions) {
  const FeatureSet& set = FeatureSet::core_32();
  EXPECT_EQ(set.hash(), sha256(set.canonical_text()));
  EXPECT_NE(set.canonical_text().find(to_hex(Zone::new_york().hash())), std::string::npos);
  EXPECT_EQ(FeatureSet("core-32", core_32::catalogue()).hash(), set.hash());
}

TEST(FeatureSet, any_change_of_a_definition_changes_the_hash) {
  const auto original = FeatureSet::core_32().hash();
  const auto changed = [&](auto&& change) {
    std::vector<FeatureInfo> lanes(core_32::catalogue().begin(), core_32::catalogue().end());
    change(lanes);
    return FeatureSet("core-32", lanes).hash() != original;
  };
  EXPECT_FALSE(changed([](auto&) {}));
  EXPECT_TRUE(changed([](auto& lanes) { ++lanes[3].version; }));
  EXPECT_TRUE(changed([](auto& lanes) { lanes[3].mandatory = !lanes[3].mandatory; }));
  EXPECT_TRUE(changed([](auto& lanes) { lanes[3].formula = "another"; }));
  EXPECT_TRUE(changed([](auto& lanes) { std::swap(lanes[3], lanes[4]); }));
  EXPECT_TRUE(changed([](auto& lanes) { lanes.pop_back(); }));
  EXPECT_NE(FeatureSet("core-33", core_32::catalogue()).hash(), original);
}

TEST(FeatureSet, find_knows_every_set_and_refuses_others_with_the_names_it_knows) {
  for (const FeatureSet* set : FeatureSet::all()) EXPECT_EQ(FeatureSet::find(set->name()).value(), set);
  const auto missing = FeatureSet::find("core-31");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::feature_unknown);
  EXPECT_EQ(missing.error().found, "core-31");
  EXPECT_NE(missing.error().expected.find("core-32"), std::string::npos);
}

}  // namespace
}  // namespace thintail
