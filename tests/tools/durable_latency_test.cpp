// SPDX-License-Identifier: Apache-2.0
#include "tools/daemon/durable_latency.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace thintail::test {
namespace {

class DurableLatencyTest : public testing::Test {
 protected:
  std::unique_ptr<Histogram> histogram_ = std::make_unique<Histogram>();
  DurableLatency latency_{*histogram_, 0, 100};
};

TEST_F(DurableLatencyTest, counts_from_the_last_look_that_did_not_see_the_event) {
  latency_.seen(0, 200);
  latency_.seen(3, 250);  // 1 to 3 came between 200 and 250
  latency_.seen(3, 300);
  latency_.seen(5, 340);  // 4 and 5 between 300 and 340
  EXPECT_EQ(histogram_->snapshot().count, 0u) << "nothing is on disk";
  latency_.durable(3, 1'200);
  EXPECT_EQ(histogram_->snapshot().count, 1u);
  EXPECT_EQ(histogram_->snapshot().max_ns, 1'000u) << "since 200, when 1 was not there";
  latency_.durable(5, 1'400);
  EXPECT_EQ(histogram_->snapshot().count, 2u);
  EXPECT_EQ(histogram_->snapshot().max_ns, 1'100u);
}

TEST_F(DurableLatencyTest, a_sync_within_the_turn_that_took_the_events_counts_too) {
  latency_.durable(2, 180);
  latency_.seen(2, 150);
  EXPECT_EQ(histogram_->snapshot().count, 1u);
  EXPECT_EQ(histogram_->snapshot().max_ns, 80u);
}

TEST_F(DurableLatencyTest, half_of_what_a_turn_saw_does_not_count_yet) {
  latency_.seen(10, 150);
  latency_.durable(9, 160);
  EXPECT_EQ(histogram_->snapshot().count, 0u);
  latency_.durable(10, 170);
  EXPECT_EQ(histogram_->snapshot().count, 1u);
}

TEST_F(DurableLatencyTest, a_long_stall_is_timed_by_its_first_turns) {
  for (std::uint64_t turn = 1; turn <= 100'000; ++turn) latency_.seen(turn, 100 + static_cast<std::int64_t>(turn));
  latency_.durable(100'000, 1'000'100);
  const HistogramSnapshot stalled = histogram_->snapshot();
  EXPECT_EQ(stalled.max_ns, 1'000'000u);
  EXPECT_GE(stalled.count, 1'000u);
  latency_.seen(100'001, 1'000'200);
  latency_.durable(100'001, 1'000'300);
  EXPECT_EQ(histogram_->snapshot().count, stalled.count + 1) << "and goes on after it";
}

}  // namespace
}  // namespace thintail::test
