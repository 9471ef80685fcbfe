// SPDX-License-Identifier: Apache-2.0
#include "core/histogram/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

namespace thintail {
namespace {

TEST(Histogram, buckets_are_contiguous_and_hold_their_own_bounds) {
  for (std::uint32_t bucket = 0; bucket < kHistogramBuckets; ++bucket) {
    EXPECT_EQ(histogram_bucket(histogram_bucket_low(bucket)), bucket);
    EXPECT_EQ(histogram_bucket(histogram_bucket_high(bucket)), bucket);
  }
  EXPECT_EQ(histogram_bucket_low(0), 0u);
  EXPECT_EQ(histogram_bucket_high(kHistogramBuckets - 1), kHistogramValueMax);
}

TEST(Histogram, bucket_width_is_at_most_a_32nd_of_its_values) {
  for (std::uint32_t bucket = 0; bucket < kHistogramBuckets; ++bucket) {
    const auto low = histogram_bucket_low(bucket);
    EXPECT_LE((histogram_bucket_high(bucket) - low) * 32, low) << bucket;
  }
}

TEST(Histogram, percentiles_lie_within_a_32nd_above_the_exact_ones) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latency_ns(6.0, 2.0);
  Histogram histogram;
  std::vector<std::uint64_t> values(100'000);
  std::uint64_t total = 0;
  for (auto& value : values) {
    value = static_cast<std::uint64_t>(latency_ns(random));
    histogram.record(value);
    total += value;
  }
  std::ranges::sort(values);
  const auto snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count, values.size());
  EXPECT_EQ(snapshot.total_ns, total);
  EXPECT_EQ(snapshot.max_ns, values.back());
  EXPECT_DOUBLE_EQ(snapshot.mean_ns(), static_cast<double>(total) / 100'000.0);
  for (const double percent : {0.001, 1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<std::size_t>(static_cast<double>(values.size()) * percent / 100.0 + 0.5);
    const auto exact = values[std::max<std::size_t>(rank, 1) - 1];
    const auto reported = snapshot.percentile_ns(percent);
    EXPECT_GE(reported, exact) << percent;
    EXPECT_LE(reported, exact + exact / 32) << percent;
  }
}

TEST(Histogram, an_empty_one_reports_zero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.snapshot().percentile_ns(99.0), 0u);
  EXPECT_EQ(histogram.snapshot().mean_ns(), 0.0);
}

TEST(Histogram, values_beyond_the_range_count_in_the_last_bucket_and_keep_their_maximum) {
  Histogram histogram;
  histogram.record(std::uint64_t{1} << 50);
  const auto snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.counts.back(), 1u);
  EXPECT_EQ(snapshot.max_ns, std::uint64_t{1} << 50);
  EXPECT_EQ(snapshot.percentile_ns(50.0), std::uint64_t{1} << 50);
}

TEST(Histogram, merged_snapshots_equal_one_histogram_of_all_values) {
  Histogram even, odd, all;
  for (std::uint64_t value = 0; value < 5'000; ++value) {
    (value % 2 == 0 ? even : odd).record(value * value);
    all.record(value * value);
  }
  auto merged = even.snapshot();
  merged.merge(odd.snapshot());
  const auto expected = all.snapshot();
  EXPECT_EQ(merged.counts, expected.counts);
  EXPECT_EQ(merged.count, expected.count);
  EXPECT_EQ(merged.total_ns, expected.total_ns);
  EXPECT_EQ(merged.max_ns, expected.max_ns);
}

TEST(Histogram, since_holds_only_what_came_later) {
  Histogram histogram;
  for (int i = 0; i < 10; ++i) histogram.record(1'000'000);
  const auto earlier = histogram.snapshot();
  for (std::uint64_t value = 1; value <= 100; ++value) histogram.record(value);
  const auto later = histogram.snapshot().since(earlier);
  EXPECT_EQ(later.count, 100u);
  EXPECT_EQ(later.total_ns, 5'050u);
  EXPECT_GE(later.max_ns, 100u);
  EXPECT_LE(later.max_ns, 103u);
  EXPECT_EQ(later.percentile_ns(50.0), 50u);
}

TEST(Histogram, a_reader_beside_the_writer_sees_counts_that_only_grow) {
  Histogram histogram;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < 2'000'000; ++i) histogram.record(i & 0xffff);
    done.store(true, std::memory_order_release);  // T1: pairs T2
  });
  std::uint64_t seen = 0;
  while (!done.load(std::memory_order_acquire)) {  // T2: pairs T1
    const auto snapshot = histogram.snapshot();
    EXPECT_GE(snapshot.count, seen);
    seen = snapshot.count;
  }
  writer.join();
  EXPECT_EQ(histogram.snapshot().count, 2'000'000u);
}

}  // namespace
}  // namespace thintail
