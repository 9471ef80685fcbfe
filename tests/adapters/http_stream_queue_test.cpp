// SPDX-License-Identifier: Apache-2.0
// StreamQueue: what waits for one client, counted.
#include "adapters/http/stream_queue.hpp"

#include <gtest/gtest.h>

namespace thintail::http {
namespace {

class QueueTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const std::string> text(std::size_t size) {
    return std::make_shared<const std::string>(size, 'x');
  }
  // As a connection does that writes all at once.
  std::string write(std::size_t bytes) {
    std::string out;
    queue_.take(out, bytes);
    queue_.written(out.size());
    return out;
  }
  int wakes_ = 0;
  StreamQueue queue_{10'000, [this] { ++wakes_; }};
};

TEST_F(QueueTest, what_is_kept_free_is_there_for_answers) {
  while (queue_.send("", text(500), 2'000) == Sent::queued) {
  }
  EXPECT_LE(queue_.queued_bytes(), 8'000u);
  EXPECT_EQ(queue_.send("", text(500)), Sent::queued);
  EXPECT_EQ(queue_.send("", text(500), 2'000), Sent::full);
}

TEST_F(QueueTest, small_messages_count_with_what_they_take_beside) {
  std::size_t count = 0;
  while (queue_.send("h", text(1)) == Sent::queued) ++count;
  EXPECT_LT(count, 100u);
  EXPECT_EQ(write(1'000'000).size(), 2 * count);
  EXPECT_EQ(queue_.queued_bytes(), 0u);
}

TEST_F(QueueTest, one_larger_than_the_cap_goes_alone) {
  EXPECT_EQ(queue_.send("", text(20'000), 2'000), Sent::queued);
  EXPECT_EQ(queue_.send("", text(1)), Sent::full);
  EXPECT_EQ(write(1).size(), 20'000u) << "never cut";
  EXPECT_EQ(queue_.queued_bytes(), 0u);
}

TEST_F(QueueTest, messages_are_taken_together_up_to_the_bytes_asked_for_and_wake_once) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue_.send("ab", text(98)), Sent::queued);
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(write(250).size(), 200u);
  EXPECT_EQ(write(250).size(), 200u);
  EXPECT_EQ(write(250).size(), 100u);
  EXPECT_EQ(write(250), "");
  queue_.send("", text(1));
  EXPECT_EQ(wakes_, 2);
}

TEST_F(QueueTest, an_end_may_drop_what_waits) {
  queue_.send("", text(5'000));
  queue_.end("bye", true);
  EXPECT_EQ(queue_.send("", text(1)), Sent::closed);
  EXPECT_EQ(write(10'000), "bye");
  EXPECT_TRUE(queue_.is_drained());
  EXPECT_EQ(queue_.queued_bytes(), 0u);
}

}  // namespace
}  // namespace thintail::http
