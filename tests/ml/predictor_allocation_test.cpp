// SPDX-License-Identifier: Apache-2.0
// Once its instruments are enabled a predictor allocates nothing: every operator new of this program is counted.
#include <gtest/gtest.h>

#include "tests/support/counted_allocations.hpp"
#include "tests/support/decision_models.hpp"

namespace thintail {
namespace {

TEST(PredictorAllocation, ticks_bars_gaps_and_shadows_allocate_nothing) {
  const FeatureSet& set = test::built_in_set("scalper-64");
  const auto ticks = test::random_ticks(5'000, 7);
  const DecisionModel model = test::three_members(set, test::regime_of(set, ticks), best_isa());
  Predictor live(model, 2);
  Predictor shadow(model, 2);
  live.enable(1);
  shadow.enable(1);
  test::PredictorInputs inputs(set, best_isa());
  const std::size_t before = test::allocations;
  std::size_t valid = 0;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const auto input = inputs.next(ticks[i]);
    const auto answer = live.on_tick(1, *input.row, input.twice_mid_e9, input.closed, input.time_ns);
    live.after_tick(1);
    shadow.shadow(1, *input.row, input.closed, input.time_ns);
    valid += answer.state == PredictionState::valid;
    if (i == 4'000) live.on_gap();
  }
  EXPECT_EQ(test::allocations, before);
  EXPECT_GT(valid, 2'000u);
}

TEST(PredictorAllocation, the_counter_sees_an_allocation) {
  const std::size_t before = test::allocations;
  const NetworkBlock block(3);
  EXPECT_GT(test::allocations, before);
  EXPECT_EQ(block.size(), 3u);
}

}  // namespace
}  // namespace thintail
