// SPDX-License-Identifier: Apache-2.0
#include "core/event/event.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <tuple>

#include "core/event/payloads.hpp"

namespace thintail {
namespace {

// Members of an aggregate, counted and measured by decomposition: their sizes must add up to the payload's 40 bytes,
// which leaves no room for padding.
template <class... Members>
constexpr std::size_t sum_of_sizes(const Members&...) {
  return (sizeof(Members) + ...);
}

#define EXPECT_WHOLE(Payload, ...)                                   \
  {                                                                  \
    const Payload payload{};                                         \
    const auto& [__VA_ARGS__] = payload;                             \
    EXPECT_EQ(sum_of_sizes(__VA_ARGS__), kPayloadBytes) << #Payload; \
    EXPECT_EQ(sizeof(Payload), kPayloadBytes) << #Payload;           \
    EXPECT_LE(alignof(Payload), 8u) << #Payload;                     \
  }

TEST(Payloads, members_add_up_to_forty_bytes_without_padding) {
  EXPECT_WHOLE(Tick, a, b, c, d, e, f)
  EXPECT_WHOLE(Trade, a, b, c, d, e, f)
  EXPECT_WHOLE(Book, a, b, c, d, e, f, g)
  EXPECT_WHOLE(Bar, a, b, c, d, e, f)
  EXPECT_WHOLE(Prediction, a, b, c, d, e, f, g, h)
  EXPECT_WHOLE(Regime, a, b, c, d, e)
  EXPECT_WHOLE(Signal, a, b, c, d, e, f, g, h)
  EXPECT_WHOLE(Intent, a, b, c, d, e, f, g, h)
  EXPECT_WHOLE(Reject, a, b, c, d, e, f, g)
  EXPECT_WHOLE(Report, a, b, c, d, e, f, g)
  EXPECT_WHOLE(Fill, a, b, c, d, e, f, g, h)
  EXPECT_WHOLE(Position, a, b, c, d, e)
  EXPECT_WHOLE(Command, a, b, c, d, e)
  EXPECT_WHOLE(Model, a, b, c, d)
  EXPECT_WHOLE(InstrumentRow, a, b, c, d, e, f, g, h)
  EXPECT_WHOLE(ConfigText, a, b, c)
  EXPECT_WHOLE(Session, a, b, c, d, e)
  EXPECT_WHOLE(Timer, a, b)
  EXPECT_WHOLE(Gap, a, b, c)
  EXPECT_WHOLE(Continuation, a)
}

struct PayloadWithHole {
  static constexpr EventType kType = EventType::tick;
  std::uint8_t first;
  std::uint64_t second;
  std::array<std::uint8_t, 24> rest;
};

TEST(Payloads, the_sum_would_show_a_hole) {
  const PayloadWithHole payload{};
  const auto& [a, b, c] = payload;
  EXPECT_EQ(sizeof(PayloadWithHole), kPayloadBytes);
  EXPECT_LT(sum_of_sizes(a, b, c), kPayloadBytes);
}

struct TooLong {
  static constexpr EventType kType = EventType::tick;
  std::array<std::uint8_t, 41> bytes;
};
struct Untyped {
  std::array<std::uint8_t, 40> bytes;
};
static_assert(EventPayload<Tick> && !EventPayload<TooLong> && !EventPayload<Untyped>);

TEST(Payloads, offsets_are_those_of_the_journal_format) {
  EXPECT_EQ(offsetof(Tick, venue_ns), 24u);
  EXPECT_EQ(offsetof(Tick, source_sequence), 32u);
  EXPECT_EQ(offsetof(Bar, end_s), 32u);
  EXPECT_EQ(offsetof(Prediction, score), 16u);
  EXPECT_EQ(offsetof(Intent, side), 32u);
  EXPECT_EQ(offsetof(Fill, number), 36u);
  EXPECT_EQ(offsetof(Position, realised_low), 24u);
  EXPECT_EQ(offsetof(Model, sha256), 8u);
}

TEST(Event, bytes_are_those_documented) {
  const auto event = Event::make(0x0102030405060708, 0x11121314, Timer{.second_s = 0x2122232425262728, .reserved = {}},
                                 kFlagOutput | kFlagStale | (0xabu << kSourceShift));
  std::array<std::uint8_t, 64> bytes{};
  std::memcpy(bytes.data(), &event, sizeof event);
  EXPECT_EQ(bytes[0], 0);
  EXPECT_EQ(bytes[8], 0x08);  // little-endian time
  EXPECT_EQ(bytes[15], 0x01);
  EXPECT_EQ(bytes[16], 0x14);
  EXPECT_EQ(bytes[20], 18);  // EventType::timer
  EXPECT_EQ(bytes[21], 0);
  EXPECT_EQ(bytes[22], kFlagOutput | kFlagStale);
  EXPECT_EQ(bytes[23], 0xab);
  EXPECT_EQ(bytes[24], 0x28);
  EXPECT_EQ(bytes[63], 0);
}

TEST(Event, flags_answer_for_themselves) {
  const Gap gap{};
  EXPECT_FALSE(Event::make(1, 0, gap).is_output());
  EXPECT_TRUE(Event::make(1, 0, gap, kFlagOutput).is_output());
  EXPECT_TRUE(Event::make(1, 0, gap, kFlagContinued).is_continued());
}

TEST(Event, payload_comes_back_as_it_went_in) {
  const Tick tick{.bid_e9 = -1, .ask_e9 = 2, .bid_size = 3.5f, .ask_size = -0.0f, .venue_ns = 4, .source_sequence = 5};
  const auto back = Event::make(1, 2, tick).as<Tick>();
  EXPECT_EQ(std::memcmp(&tick, &back, sizeof tick), 0);
}

TEST(Bar, packs_ticks_period_and_side_and_saturates) {
  Bar bar{};
  bar.ticks_period = Bar::pack(12'345, 6, QuoteSide::mid);
  EXPECT_EQ(bar.ticks(), 12'345u);
  EXPECT_EQ(bar.period(), 6u);
  EXPECT_EQ(bar.side(), QuoteSide::mid);
  bar.ticks_period = Bar::pack(0xffff'ffff, 63, QuoteSide::ask);
  EXPECT_EQ(bar.ticks(), Bar::kTicksMax);
  EXPECT_EQ(bar.period(), 63u);
  EXPECT_EQ(bar.side(), QuoteSide::ask);
}

struct Queue {
  bool poll(Event&) noexcept { return false; }
  std::uint64_t append(Event&) noexcept { return 0; }
};
struct ThrowingQueue {
  bool poll(Event&) { return false; }
};
static_assert(EventSource<Queue> && EventSink<Queue>);
static_assert(!EventSource<ThrowingQueue>, "the engine polls without a handler: a source must not throw");

}  // namespace
}  // namespace thintail
