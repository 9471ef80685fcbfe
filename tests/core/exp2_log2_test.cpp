// SPDX-License-Identifier: Apache-2.0
#include "core/numeric/exp2_log2.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace thintail::numeric {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The distance in units of the last place that the exact value has as a double.
double ulps(double got, long double exact) {
  const auto nearest = static_cast<double>(exact);
  const double unit = std::nextafter(std::abs(nearest), kInfinity) - std::abs(nearest);
  return static_cast<double>(std::abs(static_cast<long double>(got) - exact) / static_cast<long double>(unit));
}

TEST(Exp2, is_within_one_ulp_of_long_double) {
  std::mt19937_64 random(1);
  double worst = 0.0;
  for (const double range : {1e-6, 0.5, 1.5, 50.0, 1021.0}) {
    std::uniform_real_distribution<double> any(-range, range);
    for (int i = 0; i < 200'000; ++i) {
      const double x = any(random);
      worst = std::max(worst, ulps(exp2(x), std::exp2(static_cast<long double>(x))));
    }
  }
  std::uniform_real_distribution<double> below(-1075.0, -1021.0);
  for (int i = 0; i < 200'000; ++i) {
    const double x = below(random);
    worst = std::max(worst, ulps(exp2(x), std::exp2(static_cast<long double>(x))));
  }
  RecordProperty("worst_ulps", fmt::format("{}", worst));
  EXPECT_LT(worst, 1.0);
}

TEST(Log2, is_within_four_ulps_of_long_double) {
  std::mt19937_64 random(2);
  double worst = 0.0;
  const auto check = [&](double x) {
    if (x != 1.0) worst = std::max(worst, ulps(log2(x), std::log2(static_cast<long double>(x))));
  };
  for (const double width : {1e-12, 1e-3, 0.4}) {
    std::uniform_real_distribution<double> about_one(1.0 - width, 1.0 + width);
    for (int i = 0; i < 200'000; ++i) check(about_one(random));
  }
  std::uniform_real_distribution<double> power(-1074.0, 1023.9);
  for (int i = 0; i < 300'000; ++i) check(std::exp2(power(random)));
  for (const double x : {0.70710678118654746, 0.70710678118654757, 1.4142135623730949, 1.4142135623730951}) check(x);
  RecordProperty("worst_ulps", fmt::format("{}", worst));
  EXPECT_LT(worst, 4.0);
}

TEST(Exp2, powers_of_two_are_exact_both_ways) {
  for (int k = -1074; k <= 1023; ++k) {
    EXPECT_EQ(exp2(k), std::ldexp(1.0, k)) << k;
    EXPECT_EQ(log2(std::ldexp(1.0, k)), k) << k;
  }
}

TEST(Exp2, what_is_beyond_doubles_is_infinity_or_zero_and_nan_stays_nan) {
  EXPECT_EQ(exp2(1024.0), kInfinity);
  EXPECT_EQ(exp2(kInfinity), kInfinity);
  EXPECT_EQ(exp2(std::nextafter(1024.0, 0.0)), std::exp2(std::nextafter(1024.0, 0.0)));
  EXPECT_EQ(exp2(-1075.0), 0.0);
  EXPECT_EQ(exp2(-1e300), 0.0);
  EXPECT_EQ(exp2(-kInfinity), 0.0);
  EXPECT_TRUE(std::isnan(exp2(kNaN)));
  EXPECT_EQ(log2(0.0), -kInfinity);
  EXPECT_EQ(log2(-0.0), -kInfinity);
  EXPECT_EQ(log2(kInfinity), kInfinity);
  for (const double x : {-1.0, -kInfinity, kNaN}) EXPECT_TRUE(std::isnan(log2(x))) << x;
}

}  // namespace
}  // namespace thintail::numeric
