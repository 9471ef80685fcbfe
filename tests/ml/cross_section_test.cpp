// SPDX-License-Identifier: Apache-2.0
// Ranks, standard scores and currency strengths against their definitions.
#include "ml/cross/cross_section.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "ml/cross/currency_strength.hpp"

namespace thintail::cross {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> ranks_of(const std::vector<float>& values) {
  CrossSection section(values.size());
  std::vector<float> out(values.size(), -1.0F);
  section.rank(values, out);
  return out;
}

std::vector<float> scores_of(const std::vector<float>& values) {
  const CrossSection section(values.size());
  std::vector<float> out(values.size(), -1.0F);
  section.standard_scores(values, out);
  return out;
}

std::vector<float> ranks_by_counting(const std::vector<float>& values) {
  const auto n = static_cast<double>(std::ranges::count_if(values, [](float value) { return !std::isnan(value); }));
  std::vector<float> out;
  for (const float value : values) {
    double below = 0.0;
    double equal = 0.0;
    for (const float other : values) {
      below += other < value ? 1.0 : 0.0;
      equal += other == value ? 1.0 : 0.0;
    }
    out.push_back(n < 2.0 || std::isnan(value) ? kNan : static_cast<float>((2.0 * below + equal) * (0.5 / n)));
  }
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(
      a, b, [](float x, float y) { return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y); });
}

// Many ties, gaps and every kind of number.
std::vector<float> random_column(std::mt19937& random, std::size_t size) {
  const float specials[] = {
      0.0F,   -0.0F,   std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
      1e-42F, -1e-42F, std::numeric_limits<float>::max(),      kNan,
      -kNan};
  const unsigned kind = random() % 4;
  std::vector<float> values(size);
  for (float& value : values) {
    if (kind == 0 && random() % 3 == 0) {
      value = specials[random() % std::size(specials)];
    } else if (kind == 1) {
      value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    } else if (kind == 2) {
      value = static_cast<float>(static_cast<int>(random() % 7) - 3);
    } else {
      value = std::normal_distribution<float>()(random);
    }
  }
  return values;
}

TEST(CrossRank, ranks_are_those_of_counting_for_any_column_with_ties_and_gaps) {
  std::mt19937 random(1);
  for (int i = 0; i < 400; ++i) {
    const auto values = random_column(random, random() % 300);
    EXPECT_TRUE(same_bits(ranks_of(values), ranks_by_counting(values))) << "column " << i;
  }
}

TEST(CrossRank, ranks_of_ten_thousand_instruments_are_those_of_sorting) {
  std::mt19937 random(2);
  std::vector<float> values(10'258);
  for (float& value : values) value = std::round(std::normal_distribution<float>(0.0F, 5.0F)(random) * 100.0F) / 100.0F;
  for (std::size_t i = 0; i < values.size(); i += 97) values[i] = kNan;
  const auto ranks = ranks_of(values);
  std::vector<float> sorted;
  std::ranges::copy_if(values, std::back_inserter(sorted), [](float value) { return !std::isnan(value); });
  std::ranges::sort(sorted);
  const double half_share = 0.5 / static_cast<double>(sorted.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) {
      EXPECT_TRUE(std::isnan(ranks[i]));
      continue;
    }
    const auto equal = std::ranges::equal_range(sorted, values[i]);
    const auto twice = static_cast<double>((equal.begin() - sorted.begin()) + (equal.end() - sorted.begin()));
    ASSERT_EQ(ranks[i], static_cast<float>(twice * half_share)) << i;
  }
}

TEST(CrossRank, equal_values_share_the_middle_and_order_among_them_does_not_matter) {
  EXPECT_EQ(ranks_of({5, 5, 5, 5}), (std::vector<float>{0.5F, 0.5F, 0.5F, 0.5F}));
  EXPECT_EQ(ranks_of({1, 3, 2, 3}), (std::vector<float>{0.125F, 0.75F, 0.375F, 0.75F}));
  EXPECT_EQ(ranks_of({0.0F, -0.0F}), (std::vector<float>{0.5F, 0.5F}));
}

TEST(CrossRank, fewer_than_two_defined_values_have_no_rank) {
  for (const auto& values : {std::vector<float>{}, {1.0F}, {kNan, 1.0F, kNan}, {kNan, kNan}}) {
    EXPECT_TRUE(std::ranges::all_of(ranks_of(values), [](float rank) { return std::isnan(rank); }));
    EXPECT_TRUE(std::ranges::all_of(scores_of(values), [](float score) { return std::isnan(score); }));
  }
}

TEST(CrossRank, a_section_serves_columns_of_any_length_one_after_another) {
  std::mt19937 random(3);
  CrossSection section(300);
  for (int i = 0; i < 200; ++i) {
    const auto values = random_column(random, random() % 301);
    std::vector<float> out(values.size());
    section.rank(values, out);
    EXPECT_TRUE(same_bits(out, ranks_by_counting(values)));
  }
}

TEST(CrossScore, scores_are_those_of_the_definition_in_long_double) {
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    std::vector<float> values(2 + random() % 300);
    for (float& value : values) value = 1e3F + std::normal_distribution<float>(0.0F, 0.1F)(random);
    for (std::size_t gap = 0; gap < values.size() / 5; ++gap) values[random() % values.size()] = kNan;
    long double n = 0, sum = 0, squares = 0;
    for (const float value : values) {
      if (!std::isnan(value)) ++n, sum += value;
    }
    for (const float value : values) {
      if (!std::isnan(value)) squares += (value - sum / n) * (value - sum / n);
    }
    const auto scores = scores_of(values);
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (std::isnan(values[k]) || n < 2 || squares == 0) {
        EXPECT_TRUE(std::isnan(scores[k]));
      } else {
        const auto wanted = static_cast<double>((values[k] - sum / n) / std::sqrt(squares / n));
        EXPECT_NEAR(scores[k], wanted, 2e-6 * std::max(1.0, std::fabs(wanted)));
      }
    }
  }
}

TEST(CrossScore, equal_values_have_no_score) {
  for (const float value : {0.0F, 0.1F, -1e-3F, 1e30F, 1e-30F}) {
    for (const std::size_t size : {2U, 3U, 7U, 8U, 9U, 1000U, 10'258U}) {
      const auto scores = scores_of(std::vector<float>(size, value));
      EXPECT_TRUE(std::ranges::all_of(scores, [](float score) { return std::isnan(score); })) << value << ' ' << size;
    }
  }
}

TEST(CurrencyStrength, log_moves_are_logarithms_and_opposite_moves_are_exact_opposites) {
  std::mt19937 random(5);
  for (int i = 0; i < 10'000; ++i) {
    const double now = std::uniform_real_distribution<double>(1e3, 1e6)(random);
    const double ratio = std::uniform_real_distribution<double>(0.9, 1.1)(random);
    const double before = now * ratio;
    const double wanted = 1e4 * std::log(now / before);
    EXPECT_NEAR(log_move_bp(now - before, now + before), wanted, 1e-9);
    EXPECT_EQ(log_move_bp(now - before, now + before), -log_move_bp(before - now, now + before));
  }
  EXPECT_NEAR(log_move_bp(-1.0, 3.0), 1e4 * std::log(0.5), 0.02);
}

TEST(CurrencyStrength, moves_of_known_strengths_give_them_back_whatever_pairs_connect_them) {
  std::mt19937 random(6);
  for (int i = 0; i < 500; ++i) {
    std::array<double, 8> strengths{};
    double sum = 0;
    for (double& one : strengths) sum += one = std::normal_distribution<double>(0.0, 10.0)(random);
    std::vector<CurrencyMove> moves;
    const auto add = [&](std::uint32_t base, std::uint32_t quote) {
      moves.push_back({base, quote, strengths[base] - strengths[quote]});
    };
    for (std::uint32_t k = 1; k < 8; ++k) add(k, static_cast<std::uint32_t>(random() % k));  // a tree of all
    for (std::uint64_t extra = random() % 20; extra-- > 0;) {
      const auto base = static_cast<std::uint32_t>(random() % 8);
      add(base, (base + 1 + static_cast<std::uint32_t>(random() % 7)) % 8);
    }
    const auto solved = currency_strengths(moves);
    EXPECT_EQ(solved.defined, 0xFFU);
    for (std::size_t k = 0; k < 8; ++k) EXPECT_NEAR(solved.strength_bp[k], strengths[k] - sum / 8, 1e-9);
  }
}

TEST(CurrencyStrength, noisy_moves_leave_residuals_that_sum_to_nothing_at_each_currency) {
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    std::vector<CurrencyMove> moves;
    for (std::uint64_t count = 1 + random() % 28; count-- > 0;) {
      const auto base = static_cast<std::uint32_t>(random() % 8);
      const auto quote = (base + 1 + static_cast<std::uint32_t>(random() % 7)) % 8;
      moves.push_back({base, quote, std::normal_distribution<double>(0.0, 10.0)(random)});
    }
    const auto solved = currency_strengths(moves);
    // The normal equations: a minimum of the squares, and the only one up to each component's mean.
    std::array<double, 8> left{};
    std::uint32_t named = 0;
    for (const CurrencyMove& move : moves) {
      const double residual = move.move_bp - (solved.strength_bp[move.base] - solved.strength_bp[move.quote]);
      left[move.base] += residual;
      left[move.quote] -= residual;
      named |= 1U << move.base | 1U << move.quote;
    }
    for (const double sum : left) EXPECT_NEAR(sum, 0.0, 1e-9);
    EXPECT_EQ(solved.defined, named);
  }
}

TEST(CurrencyStrength, groups_that_no_pair_connects_each_have_mean_0) {
  const std::vector<CurrencyMove> moves = {{0, 1, 4.0}, {5, 6, 6.0}, {6, 7, 0.0}};
  const auto solved = currency_strengths(moves);
  EXPECT_EQ(solved.defined, 0b1110'0011U);
  const std::array<double, 8> wanted = {2, -2, 0, 0, 0, 4, -2, -2};
  for (std::size_t k = 0; k < 8; ++k) EXPECT_NEAR(solved.strength_bp[k], wanted[k], 1e-12);
  EXPECT_EQ(currency_strengths({}).defined, 0U);
}

}  // namespace
}  // namespace thintail::cross
