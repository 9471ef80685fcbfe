// SPDX-License-Identifier: Apache-2.0
#include "core/event/payload_words.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <random>

#include "core/event/payloads.hpp"

namespace thintail {
namespace {

// An event of random payload bytes must hold just those bytes, whatever the fields that they make up.
template <class P>
void expect_same_bytes() {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::array<std::byte, kPayloadBytes> bytes;
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const auto payload = std::bit_cast<P>(bytes);
    const Event event = Event::make(static_cast<std::int64_t>(random()), static_cast<std::uint32_t>(random()), payload,
                                    static_cast<unsigned>(random()));
    ASSERT_EQ(std::memcmp(event.payload.data(), bytes.data(), kPayloadBytes), 0) << static_cast<int>(P::kType);
  }
}

template <class... Payloads>
void expect_same_bytes_of_all() {
  (expect_same_bytes<Payloads>(), ...);
}

TEST(PayloadWords, every_payload_keeps_its_bytes) {
  expect_same_bytes_of_all<Tick, Trade, Book, Bar, Prediction, Regime, Signal, Intent, Reject, Report, Fill, Position,
                           Command, Model, InstrumentRow, ConfigText, Session, Timer, Gap, Continuation>();
}

TEST(PayloadWords, the_header_lies_where_its_fields_are) {
  const Event event = Event::make(-5, 0x0102'0304, Timer{.second_s = 9, .reserved = {}}, 0xABCD);
  EXPECT_EQ(event.sequence, 0u);
  EXPECT_EQ(event.time_ns, -5);
  EXPECT_EQ(event.instrument, 0x0102'0304u);
  EXPECT_EQ(event.type, EventType::timer);
  EXPECT_EQ(event.flags, 0xABCD);
  EXPECT_EQ(event.as<Timer>().second_s, 9);
}

struct Mixed {
  std::uint8_t first;
  std::array<std::uint8_t, 3> bytes;
  float number;
  std::int16_t negative;
  std::uint16_t small;
  Side side;
  std::array<std::uint8_t, 3> rest;
};

TEST(PayloadWords, negative_numbers_do_not_spill_into_their_neighbours) {
  const Mixed mixed{.first = 0xFF,
                    .bytes = {1, 2, 3},
                    .number = -1.5F,
                    .negative = -2,
                    .small = 7,
                    .side = Side::sell,
                    .rest = {4, 5, 6}};
  EventWord words[2];
  detail::store_as_words(words, mixed);
  EXPECT_EQ(std::memcmp(words, &mixed, sizeof mixed), 0);
}

}  // namespace
}  // namespace thintail
