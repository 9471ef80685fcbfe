// SPDX-License-Identifier: Apache-2.0
#include "ml/features/turns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace thintail {
namespace {

TEST(Turns, sine_and_cosine_are_within_the_stated_error_over_the_whole_turn) {
  const long double turn = 2 * std::acos(-1.0L);
  long double worst = 0;
  for (int i = 0; i <= 1'000'000; ++i) {
    const double x = i / 1e6;
    const SineCosine found = sine_cosine_of_turn(x);
    worst = std::max(worst, std::abs(found.sine - std::sin(turn * static_cast<long double>(x))));
    worst = std::max(worst, std::abs(found.cosine - std::cos(turn * static_cast<long double>(x))));
  }
  EXPECT_LT(worst, 3e-16L);
}

TEST(Turns, quarters_are_exact) {
  const auto expect = [](double turns, double sine, double cosine) {
    EXPECT_EQ(sine_cosine_of_turn(turns).sine, sine) << turns;
    EXPECT_EQ(sine_cosine_of_turn(turns).cosine, cosine) << turns;
  };
  expect(0.0, 0.0, 1.0);
  expect(0.25, 1.0, 0.0);
  expect(0.5, 0.0, -1.0);
  expect(0.75, -1.0, 0.0);
  expect(1.0, 0.0, 1.0);
}

}  // namespace
}  // namespace thintail
