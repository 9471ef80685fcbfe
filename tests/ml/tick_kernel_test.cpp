// SPDX-License-Identifier: Apache-2.0
#include "ml/features/tick_kernel.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace thintail {
namespace {

using namespace core_32;

std::vector<Isa> available() {
  std::vector<Isa> out;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (isa_available(isa)) out.push_back(isa);
  }
  return out;
}

// A state in which average and coverage become w, and the decayed sums of sign become d.
TickState probe() {
  TickState state{};
  state.mid2_before = state.mid2_before_that = 1.0;
  for (std::size_t i = 0; i < kHalfLives; ++i) state.net[i] = 1.0;
  return state;
}

TEST(TickKernel, weights_are_within_three_ulp_and_never_cancel) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-3.0, 14.5);
  for (const Isa isa : available()) {
    long double worst_weight = 0;
    long double worst_kept = 0;
    for (int n = 0; n < 100'000; ++n) {
      TickState state = probe();
      std::array<float, kMaxLanes> row{};
      const double dt_ns = std::floor(std::pow(10.0, exponent(random)));
      kTickKernels[isa](state, {.mid2 = 1.0, .bp_factor = 1e4, .spread_bp = 0, .crossed = 0, .dt_ns = dt_ns},
                        row.data());
      for (std::size_t i = 0; i < kHalfLives; ++i) {
        const long double x = std::min(static_cast<long double>(dt_ns) / (kHalfLivesS[i] * 1e9L), 64.0L);
        if (x == 0) {
          EXPECT_EQ(state.coverage[i], 0.0);
          EXPECT_EQ(state.net[i], 1.0);
          continue;
        }
        const long double weight = -std::expm1(-x * std::log(2.0L));
        const long double kept = std::exp2(-x);
        EXPECT_EQ(state.mean_mid2[i], state.coverage[i]);
        worst_weight = std::max(worst_weight, std::abs(state.coverage[i] / weight - 1));
        // Rounding x moves 2^-x by x ln2 of it.
        worst_kept = std::max(worst_kept, std::abs(state.net[i] / kept - 1) / (1 + x));
      }
    }
    EXPECT_LT(worst_weight, 3 * 0x1p-52L) << isa_name(isa);
    EXPECT_LT(worst_kept, 3 * 0x1p-52L) << isa_name(isa);
  }
}

TEST(TickKernel, a_second_tick_at_the_same_time_keeps_the_past_and_counts) {
  for (const Isa isa : available()) {
    TickState state = probe();
    std::array<float, kMaxLanes> row{};
    kTickKernels[isa](state, {.mid2 = 3.0, .bp_factor = 1e4 / 3, .spread_bp = 5, .crossed = 1, .dt_ns = 0}, row.data());
    EXPECT_EQ(state.mean_mid2[k1s], 0.0);
    EXPECT_EQ(state.ticks[k1s], 1.0);
    EXPECT_EQ(state.net[k1s], 2.0);  // the move up counts in full
    // The newest value is the one that the time from now on will weigh in.
    EXPECT_EQ(state.mid2_before, 3.0);
    kTickKernels[isa](state, {.mid2 = 9.0, .bp_factor = 1e4 / 9, .spread_bp = 5, .crossed = 1, .dt_ns = 1e9},
                      row.data());
    EXPECT_EQ(state.mean_mid2[k1s], 1.5);
  }
}

TEST(TickKernel, every_isa_gives_the_same_bits_on_a_million_random_inputs) {
  const auto isas = available();
  if (isas.size() < 2) GTEST_SKIP() << "this machine has one instruction set only";
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> exponent(-2.0, 15.0);
  std::uniform_real_distribution<double> price(1e6, 1e14);
  std::uniform_real_distribution<double> relative(-0.01, 0.01);
  std::uniform_real_distribution<double> positive(0.0, 1000.0);
  for (int n = 0; n < 1'000'000; ++n) {
    TickState start{};
    const double mid2 = price(random);
    const auto near = [&] { return std::floor(mid2 * (1 + relative(random))); };
    for (std::size_t i = 0; i < kHalfLives; ++i) {
      start.mean_mid2[i] = near();
      start.coverage[i] = positive(random) / 1000.0;
      start.ticks[i] = positive(random);
      start.square[i] = positive(random);
      start.gross[i] = positive(random);
      start.net[i] = start.gross[i] * 100 * relative(random);
    }
    start.mid2_before = near();
    start.mid2_before_that = n % 3 == 0 ? mid2 : near();
    start.move_before_bp = positive(random) - 500;
    start.spread_before_bp = positive(random);
    start.crossed_before = n % 2;
    start.spread_mean_bp = positive(random);
    start.spread_variance_bp2 = positive(random);
    start.crossed_share = positive(random) / 1000.0;
    start.move_product_bp2 = positive(random) - 500;
    start.move_square_bp2 = positive(random);
    const TickInput input{.mid2 = mid2,
                          .bp_factor = 1e4 / mid2,
                          .spread_bp = positive(random),
                          .crossed = static_cast<double>(n % 5 == 0),
                          .dt_ns = n % 7 == 0 ? 0.0 : std::floor(std::pow(10.0, exponent(random)))};
    TickState expected = start;
    std::array<float, kMaxLanes> expected_row{};
    kTickKernels[Isa::scalar](expected, input, expected_row.data());
    for (const Isa isa : isas) {
      TickState state = start;
      std::array<float, kMaxLanes> row{};
      kTickKernels[isa](state, input, row.data());
      ASSERT_EQ(std::memcmp(&state, &expected, sizeof(state)), 0) << isa_name(isa) << " at input " << n;
      ASSERT_EQ(std::memcmp(row.data(), expected_row.data(), sizeof(row)), 0) << isa_name(isa) << " at input " << n;
    }
  }
}

TEST(TickKernel, quiet_days_leave_no_subnormal_behind) {
  for (const Isa isa : available()) {
    TickState state{};
    std::array<float, kMaxLanes> row{};
    TickInput input{.mid2 = 1e12, .bp_factor = 1e-8, .spread_bp = 3, .crossed = 1, .dt_ns = 0};
    state.mid2_before = state.mid2_before_that = 0.99e12;
    kTickKernels[isa](state, input, row.data());
    input.crossed = 0;
    input.dt_ns = 5e8;
    for (int n = 0; n < 2 * 86'400 * 5; ++n) kTickKernels[isa](state, input, row.data());
    std::array<double, sizeof(TickState) / sizeof(double)> values;
    std::memcpy(values.data(), &state, sizeof(state));
    for (const double value : values) EXPECT_NE(std::fpclassify(value), FP_SUBNORMAL) << isa_name(isa);
    EXPECT_EQ(row[kImbalance15s], 0.0f);
    EXPECT_EQ(row[kVolatility15s], 0.0f);
    EXPECT_NEAR(row[kSpreadZ], 0.0f, 1e-9f);
  }
}

TEST(TickKernel, minus_zero_is_written_as_plus_zero) {
  EXPECT_FALSE(std::signbit(to_lane(-0.0)));
  EXPECT_FALSE(std::signbit(to_lane(-1e-300))) << "rounds to -0 in f32";
  for (const Isa isa : available()) {
    TickState state{};
    state.mid2_before = state.mid2_before_that = 1.0;
    for (double& mean : state.mean_mid2)
      mean = 1.0 + 0x1p-52;  // below the mid by less than f32 resolves at this factor
    std::array<float, kMaxLanes> row{};
    kTickKernels[isa](state, {.mid2 = 1.0, .bp_factor = 1e-300, .spread_bp = 0, .crossed = 0, .dt_ns = 0}, row.data());
    for (std::size_t lane = kMidDeviation; lane < kMidDeviation + kHalfLives; ++lane) {
      EXPECT_EQ(row[lane], 0.0f);
      EXPECT_FALSE(std::signbit(row[lane])) << isa_name(isa) << " lane " << lane;
    }
  }
}

}  // namespace
}  // namespace thintail
