// SPDX-License-Identifier: Apache-2.0
#include "ml/ensemble/bootstrap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace thintail {
namespace {

std::vector<std::uint32_t> sample_of(std::uint32_t rows, std::uint32_t block, std::uint64_t seed,
                                     std::uint32_t member) {
  auto sample = bootstrap_rows(rows, block, seed, member);
  if (!sample) ADD_FAILURE() << sample.error().message();
  return sample ? std::move(*sample) : std::vector<std::uint32_t>{};
}

TEST(Bootstrap, draws_as_many_rows_as_there_are_in_blocks_of_neighbours) {
  const auto sample = sample_of(10'007, 50, 1, 0);
  ASSERT_EQ(sample.size(), 10'007u);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    ASSERT_LT(sample[i], 10'007u);
    if (i % 50 != 0) {
      ASSERT_EQ(sample[i], sample[i - 1] + 1);
    }
  }
}

TEST(Bootstrap, is_the_same_again_and_another_for_each_member_and_seed) {
  EXPECT_EQ(sample_of(1'000, 10, 7, 3), sample_of(1'000, 10, 7, 3));
  std::set<std::vector<std::uint32_t>> different;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint32_t member = 0; member < 16; ++member) different.insert(sample_of(1'000, 10, seed, member));
  }
  EXPECT_EQ(different.size(), 64u);
}

TEST(Bootstrap, about_a_third_of_the_rows_is_out_of_the_bag) {
  double share = 0.0;
  for (std::uint32_t member = 0; member < 20; ++member)
    share += static_cast<double>(out_of_bag(20'000, sample_of(20'000, 20, 5, member), 0).size()) / 20'000 / 20;
  EXPECT_NEAR(share, 0.3679, 0.01);  // 1 / e
}

TEST(Bootstrap, out_of_the_bag_keeps_its_distance_from_the_bag) {
  const auto sample = sample_of(2'000, 25, 5, 1);
  const auto out = out_of_bag(2'000, sample, 10);
  ASSERT_FALSE(out.empty());
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
  const std::set<std::uint32_t> bag(sample.begin(), sample.end());
  std::vector<std::uint32_t> expected;
  for (std::uint32_t row = 0; row < 2'000; ++row) {
    const auto near = bag.lower_bound(row > 10 ? row - 10 : 0);
    if (near == bag.end() || *near > row + 10) expected.push_back(row);
  }
  EXPECT_EQ(out, expected);
}

TEST(Bootstrap, blocks_that_cannot_be_are_refused) {
  EXPECT_EQ(bootstrap_rows(100, 0, 1, 0).error().field, "block_rows");
  EXPECT_EQ(bootstrap_rows(100, 101, 1, 0).error().field, "block_rows");
  EXPECT_FALSE(bootstrap_rows(0, 1, 1, 0).has_value());
  EXPECT_EQ(sample_of(100, 100, 1, 0).size(), 100u);
}

}  // namespace
}  // namespace thintail
