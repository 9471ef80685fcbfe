// SPDX-License-Identifier: Apache-2.0
// The jitter report counts gaps where they belong. How many a machine has is not asserted.
#include "perf/jitter/jitter.hpp"

#include <gtest/gtest.h>

namespace thintail::perf {
namespace {

TEST(Jitter, a_gap_counts_in_every_threshold_it_reaches_and_in_one_bucket) {
  JitterReport report;
  report.count_gap(999);
  EXPECT_EQ(report.gaps_1us, 0u);
  report.count_gap(1'000);
  report.count_gap(9'999);
  report.count_gap(10'000);
  report.count_gap(100'000);
  EXPECT_EQ(report.gaps_1us, 4u);
  EXPECT_EQ(report.gaps_10us, 2u);
  EXPECT_EQ(report.gaps_100us, 1u);
  EXPECT_EQ(report.gap_ns_max, 100'000);
  EXPECT_EQ(report.lost_ns, 120'999);
  EXPECT_EQ(report.gaps[0], 1u);  // [1, 2) us
  EXPECT_EQ(report.gaps[3], 2u);  // [8, 16) us
  EXPECT_EQ(report.gaps[6], 1u);  // [64, 128) us
}

TEST(Jitter, a_gap_longer_than_the_last_bucket_counts_there) {
  JitterReport report;
  report.count_gap(10'000'000'000);
  EXPECT_EQ(report.gaps.back(), 1u);
}

TEST(Jitter, measures_for_as_long_as_asked) {
  const auto report = measure_jitter(std::chrono::milliseconds(20));
  if (!report) GTEST_SKIP() << "no trustworthy time-stamp counter: " << report.error().message();
  EXPECT_GE(report->measured_ns, 20'000'000);
  EXPECT_GE(report->measured_ns, report->lost_ns);
  EXPECT_GE(report->lost_ns, report->gap_ns_max);
}

TEST(Jitter, rates_and_text_survive_an_empty_report) {
  EXPECT_EQ(JitterReport{}.per_second(5), 0.0);
  EXPECT_NE(table(JitterReport{}).find("longest 0.0 us"), std::string::npos);
}

TEST(Jitter, the_table_names_the_range_of_each_bucket_that_is_not_empty) {
  JitterReport report;
  report.measured_ns = 1'000'000'000;
  report.count_gap(3'000);
  const auto text = table(report);
  EXPECT_NE(text.find("2..4 us"), std::string::npos) << text;
  EXPECT_EQ(text.find("4..8 us"), std::string::npos) << text;
  EXPECT_EQ(summary(report), "1 gaps/s over 1 us, 0 over 10 us, 0.0 over 100 us, longest 3.0 us");
}

}  // namespace
}  // namespace thintail::perf
