// SPDX-License-Identifier: Apache-2.0
#include "tools/report/slot_ring.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace thintail {
namespace {

using Ring = SlotRing<std::vector<std::uint64_t>, 4>;

TEST(SlotRing, hands_every_buffer_over_in_order) {
  constexpr std::uint64_t kCount = 100'000;
  Ring ring;
  std::jthread writer([&] {
    for (std::uint64_t next = 0; next < kCount;) {
      auto* const slot = ring.begin_write();
      ASSERT_NE(slot, nullptr);
      slot->clear();
      for (std::uint64_t size = 1 + next % 7; size > 0 && next < kCount; --size) slot->push_back(next++);
      ring.end_write();
    }
    ring.close_write();
  });
  std::uint64_t expected = 0;
  while (const auto* const slot = ring.begin_read()) {
    for (const std::uint64_t value : *slot) ASSERT_EQ(value, expected++);
    ring.end_read();
  }
  EXPECT_EQ(expected, kCount);
}

TEST(SlotRing, what_was_written_before_closing_is_still_read) {
  Ring ring;
  for (std::uint64_t i = 0; i < 3; ++i) {
    ring.begin_write()->assign(1, i);
    ring.end_write();
  }
  ring.close_write();
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto* const slot = ring.begin_read();
    ASSERT_NE(slot, nullptr);
    EXPECT_EQ(slot->at(0), i);
    ring.end_read();
  }
  EXPECT_EQ(ring.begin_read(), nullptr);
}

TEST(SlotRing, a_writer_that_waits_for_room_is_released_when_the_reader_closes) {
  Ring ring;
  std::jthread writer([&] {
    while (ring.begin_write() != nullptr) ring.end_write();
  });
  ASSERT_NE(ring.begin_read(), nullptr);
  ring.close_read();
  writer.join();  // the test's own watchdog ends it where this hangs
}

TEST(SlotRing, a_reader_that_waits_for_data_is_released_when_the_writer_closes) {
  Ring ring;
  std::jthread reader([&] { EXPECT_EQ(ring.begin_read(), nullptr); });
  ring.close_write();
  reader.join();
}

}  // namespace
}  // namespace thintail
