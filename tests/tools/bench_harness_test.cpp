// SPDX-License-Identifier: Apache-2.0
// The bench contract's numbers and words: percentiles, ratios, checks and the JSON that carries them.
#include "bench/harness/harness.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

namespace thintail::bench {
namespace {

std::vector<double> one_to(int count) {
  std::vector<double> samples(static_cast<std::size_t>(count));
  std::iota(samples.rbegin(), samples.rend(), 1.0);
  return samples;
}

CaseResult result_with_median(double p50, bool lower_is_better) {
  return {.name = "c",
          .unit = "u",
          .lower_is_better = lower_is_better,
          .ours = {.p50 = p50, .n = 1},
          .target = "t",
          .note = "n"};
}

TEST(BenchHarness, percentiles_of_times_lie_towards_the_slow_end) {
  std::vector<double> samples = one_to(1000);
  const Stats stats = stats_of(samples);
  EXPECT_EQ(stats.p50, 501);
  EXPECT_EQ(stats.p99, 991);
  EXPECT_EQ(stats.p999, 1000);
  EXPECT_EQ(stats.mean, 500.5);
  EXPECT_EQ(stats.n, 1000u);
}

TEST(BenchHarness, percentiles_of_rates_lie_towards_the_slow_end_too) {
  std::vector<double> samples = one_to(1000);
  const Stats stats = stats_of(samples, false);
  EXPECT_EQ(stats.p50, 500);
  EXPECT_EQ(stats.p99, 10);
  EXPECT_EQ(stats.p999, 1);
}

TEST(BenchHarness, no_samples_give_zeros) {
  std::vector<double> none;
  EXPECT_EQ(stats_of(none).n, 0u);
  EXPECT_EQ(stats_of(none).p50, 0);
}

TEST(BenchHarness, a_ratio_above_one_means_that_ours_is_better_for_times_and_for_rates) {
  CaseResult time = result_with_median(100, true);
  time.add_peer("peer", {.p50 = 300}, "1/1 equal");
  EXPECT_EQ(time.peers[0].ratio, 3);
  CaseResult rate = result_with_median(300, false);
  rate.add_peer("peer", {.p50 = 100}, "1/1 equal");
  EXPECT_EQ(rate.peers[0].ratio, 3);
}

TEST(BenchHarness, the_limits_ratio_is_ours_over_the_limit) {
  CaseResult time = result_with_median(100, true);
  time.set_limit("limit", 50);
  EXPECT_EQ(time.limit->ratio, 2);
}

TEST(BenchHarness, unequal_work_is_a_failed_check) {
  EXPECT_EQ(all_equal(4096, 4096, "x").value(), "4096/4096 equal");
  for (const auto& refused : {all_equal(4095, 4096, "x"), all_equal(0, 0, "nothing at all")}) {
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::check_mismatch);
    EXPECT_EQ(error_info(refused.error().code).exit, ExitCode::check_failed);
  }
}

TEST(BenchHarness, json_holds_what_the_contract_names) {
  CaseResult result = result_with_median(100, true);
  result.add_peer("present", {.p50 = 200, .p99 = 300}, "2/2 equal");
  result.add_absent("missing", "not installed");
  result.set_limit("limit", 50);
  const Suite suite{"s", "about", {}};
  const auto json = nlohmann::json::parse(to_json(suite, {"cpu", "avx2", 2, 12.5}, std::vector{result}));
  EXPECT_EQ(json["schema"], "thintail-bench/1");
  EXPECT_EQ(json["suite"], "s");
  EXPECT_EQ(json["machine"]["jitter_over_10us_per_s"], 12.5);
  const auto& row = json["cases"][0];
  for (const char* key : {"name", "unit", "lower_is_better", "ours", "peers", "limit", "target", "note"}) {
    EXPECT_TRUE(row.contains(key)) << key;
  }
  for (const char* key : {"p50", "p99", "p999", "mean", "n"}) EXPECT_TRUE(row["ours"].contains(key)) << key;
  EXPECT_EQ(row["peers"][0]["ratio"], 2);
  EXPECT_EQ(row["peers"][0]["checked"], "2/2 equal");
  EXPECT_EQ(row["peers"][1]["absent"], "not installed");
  EXPECT_FALSE(row["peers"][1].contains("p50"));
  EXPECT_EQ(row["limit"]["ratio"], 2);
}

TEST(BenchHarness, figures_that_are_not_finite_become_zero_because_json_has_none) {
  CaseResult result = result_with_median(std::numeric_limits<double>::quiet_NaN(), true);
  const auto json = nlohmann::json::parse(to_json({"s", "", {}}, {}, std::vector{result}));
  EXPECT_EQ(json["cases"][0]["ours"]["p50"], 0);
}

TEST(BenchHarness, the_table_says_why_a_peer_is_absent) {
  CaseResult result = result_with_median(100, true);
  result.add_absent("missing", "not installed");
  EXPECT_NE(to_table({"s", "", {}}, {}, std::vector{result}).find("absent: not installed"), std::string::npos);
}

}  // namespace
}  // namespace thintail::bench
