// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/random.hpp"

#include <gtest/gtest.h>

namespace thintail {
namespace {

constexpr int kDraws = 1'000'000;

TEST(random, draws_what_the_reference_generator_draws) {
  // splitmix64 from 0, the authors' test of it: its first output becomes the first word of the state.
  Random random(0);
  const std::uint64_t s0 = 0xe220'a839'7b1d'cdaf;
  const std::uint64_t s3 = 0xf88b'b8a8'724c'81ec;
  EXPECT_EQ(random.bits(), std::rotl(s0 + s3, 23) + s0);
}

TEST(random, differs_by_seed_and_repeats_by_seed) {
  Random a(1);
  Random b(1);
  Random c(2);
  EXPECT_EQ(a.bits(), b.bits());
  EXPECT_NE(a.bits(), c.bits());
}

TEST(random, bell_has_mean_0_and_variance_1) {
  Random random(3);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.bell();
    ASSERT_LT(x * x, 3.47 * 3.47);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.005);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.005);
}

TEST(random, exponential_has_the_moments_and_tail_of_one) {
  Random random(4);
  double sum = 0;
  double squares = 0;
  int beyond_2 = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.exponential();
    ASSERT_GE(x, 0.0);
    sum += x;
    squares += x * x;
    beyond_2 += x > 2.0 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kDraws, 1.0, 0.01);
  EXPECT_NEAR(squares / kDraws, 2.0, 0.05);
  EXPECT_NEAR(static_cast<double>(beyond_2) / kDraws, 0.135335, 0.002);  // e^-2
}

TEST(random, below_reaches_every_value_and_no_other) {
  Random random(5);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7'000; ++i) {
    const std::uint32_t value = random.below(7);
    ASSERT_LT(value, 7U);
    ++seen[value];
  }
  for (const int count : seen) EXPECT_GT(count, 800);
}

}  // namespace
}  // namespace thintail
