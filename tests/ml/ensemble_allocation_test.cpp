// SPDX-License-Identifier: Apache-2.0
// After construction neither ensembles nor regimes allocate: every operator new of this program is counted.
#include <gtest/gtest.h>

#include <memory>
#include <type_traits>

#include "ml/ensemble/ensemble.hpp"
#include "ml/regime/regime_detector.hpp"
#include "ml/regime/regime_rule.hpp"
#include "ml/regime/regime_table.hpp"
#include "tests/support/counted_allocations.hpp"
#include "tests/support/regime_rows.hpp"

namespace thintail {
namespace {

static_assert(std::is_trivially_copyable_v<Ensemble>);
static_assert(std::is_trivially_copyable_v<RegimeDetector>);
static_assert(kRegimeMembersMax == kMembersMax);

TEST(EnsembleAllocation, a_day_of_predictions_outcomes_and_regimes_allocates_nothing) {
  EnsembleConfig config{.rule = EnsembleRule::online, .members = 16};
  for (auto& member : config.member) member.age_ns_max = 1'000'000'000;
  config.outcome = {.horizon_ns = 60'000'000'000, .sample_ns = 1'000'000'000, .silence_ns_max = 1'000'000'000};
  ASSERT_TRUE(config.validate().has_value());
  const auto rows = test::draw_rows(test::four_regimes(), 1'440, 3);
  const auto ensemble = std::make_unique<Ensemble>(config);
  RegimeTable table{.members = 16};
  for (RegimeRow& row : table.rows) row.weights.fill(1.0);
  table.rows[4].weights.fill(2.0);
  RegimeDetector detector(test::four_regimes(), {});
  RegimeRule rule({});
  const std::size_t before = test::allocations;
  RegimeChange change;
  double sum = 0.0;
  for (std::int64_t second = 0; second < 86'400; ++second) {
    const std::int64_t now_ns = second * 1'000'000'000;
    ensemble->on_mid(2'600'000'000'000 + second % 97, now_ns);
    for (std::uint32_t i = 0; i < 16; ++i) ensemble->set_member(i, i - 7.5, PredictionState::valid, now_ns);
    sum += ensemble->predict_and_remember(now_ns).score;
    if (second % 60 != 0) continue;
    rule.step(static_cast<double>(second % 50), 1.0, 2.0, 0.0, change);
    if (detector.step(rows.row(static_cast<std::size_t>(second / 60)), change))
      ensemble->set_multipliers(table.weights(change.to));
  }
  EXPECT_EQ(test::allocations, before);
  EXPECT_TRUE(std::isfinite(sum));
  EXPECT_GT(ensemble->state().hedge.outcomes, 80'000u);
}

TEST(EnsembleAllocation, the_counter_sees_an_allocation) {
  const std::size_t before = test::allocations;
  const auto one = std::make_unique<int>(1);
  EXPECT_GT(test::allocations, before);
  EXPECT_EQ(*one, 1);
}

}  // namespace
}  // namespace thintail
