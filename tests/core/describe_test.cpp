// SPDX-License-Identifier: Apache-2.0
#include "core/event/describe.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "core/base/int128.hpp"
#include "core/event/payloads.hpp"
#include "core/price/decimal.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kTimeNs = 1'399'033'800'000'000'001;

template <EventPayload P>
nlohmann::json json_of(const P& payload, unsigned flags = 0) {
  return nlohmann::json::parse(to_json(Event::make(kTimeNs, 3, payload, flags)));
}

TEST(TypeNames, are_distinct_and_found_again) {
  std::set<std::string_view> names;
  for (std::uint16_t i = 0; i < kEventTypeCount; ++i) {
    const auto type = static_cast<EventType>(i);
    EXPECT_TRUE(names.insert(event_type_name(type)).second);
    EXPECT_EQ(event_type_from_name(event_type_name(type)), type);
  }
  EXPECT_EQ(event_type_name(static_cast<EventType>(kEventTypeCount)), "unknown");
  EXPECT_EQ(event_type_from_name("unknown"), EventType::none);
  EXPECT_EQ(event_type_from_name(""), EventType::none);
}

TEST(ToJson, is_one_line_in_declared_order_with_exact_decimals) {
  auto event = Event::make(kTimeNs, 0,
                           Tick{.bid_e9 = 1'284'065'000'000,
                                .ask_e9 = 1'284'381'000'000,
                                .bid_size = 0.1f,
                                .ask_size = std::numeric_limits<float>::quiet_NaN(),
                                .venue_ns = kTimeNs,
                                .source_sequence = 7},
                           kFlagSimulated);
  event.sequence = 1;
  EXPECT_EQ(to_json(event),
            R"({"sequence":1,"time_ns":"1399033800000000001","instrument":0,"type":"tick","flags":4,"bid":"1284.065",)"
            R"("ask":"1284.381","bid_size":0.1,"ask_size":null,"venue_ns":"1399033800000000001","source_sequence":7})");
}

TEST(ToJson, money_is_exact) {
  // -(2^64 + 1) in 1e-18, which neither a double nor an i64 holds.
  const auto [low, high] = to_words(-((i128{1} << 64) + 1));
  const auto json = json_of(
      Position{.quantity_e9 = -kE9 / 2, .cost_low = low, .cost_high = high, .realised_low = 0, .realised_high = 0});
  EXPECT_EQ(json["cost"], "-18.446744073709551617");
  EXPECT_EQ(json["realised"], "0");
  EXPECT_EQ(json["quantity"], "-0.5");
}

TEST(ToJson, enums_are_names_and_unknown_values_numbers) {
  Intent intent{};
  intent.client_order_id = (std::uint64_t{7} << 32) | 1;
  intent.side = Side::sell;
  intent.kind = static_cast<OrderKind>(9);
  const auto json = json_of(intent, kFlagOutput);
  EXPECT_EQ(json["client_order_id"], "30064771073");
  EXPECT_EQ(json["side"], "sell");
  EXPECT_EQ(json["kind"], 9);
  EXPECT_EQ(json["flags"], 8);
  EXPECT_FALSE(json.contains("reserved"));
  intent.reserved = 1;
  EXPECT_EQ(json_of(intent)["reserved"], "01000000");
  EXPECT_EQ(json_of(Session{
                .state = SessionState::input_ended, .reserved0 = 0, .epoch = 2, .detail = 0, .reserved = {}})["state"],
            "input_ended");
  EXPECT_EQ(json_of(Session{})["state"], 0) << "no name is given to a state that is none";
}

TEST(ToJson, unpacks_bars) {
  Bar bar{};
  bar.ticks_period = Bar::pack(42, 5, QuoteSide::ask);
  const auto json = json_of(bar);
  EXPECT_EQ(json["ticks"], 42);
  EXPECT_EQ(json["period"], 5);
  EXPECT_EQ(json["side"], "ask");
}

TEST(ToJson, text_of_any_bytes_is_valid_json) {
  Continuation text{};
  const std::string_view hostile = "a\"b\\\n\x1b[2J\xff\xc3";
  hostile.copy(text.text.data(), hostile.size());
  EXPECT_EQ(json_of(text)["text"], "a\"b\\\n\x1b[2J\u00ff\u00c3");
  EXPECT_EQ(to_json(Event::make(0, 0, text)).find('\n'), std::string::npos);
  EXPECT_EQ(json_of(Continuation{})["text"], "");
}

TEST(ToJson, no_instrument_is_null_and_an_unknown_type_shows_its_bytes) {
  EXPECT_TRUE(nlohmann::json::parse(to_json(Event::make(0, kNoInstrument, Timer{})))["instrument"].is_null());
  Event future = Event::make(0, 0, Timer{});
  future.type = static_cast<EventType>(999);
  future.payload[39] = std::byte{0xab};
  const auto json = nlohmann::json::parse(to_json(future));
  EXPECT_EQ(json["type"], "unknown");
  EXPECT_EQ(json["type_value"], 999);
  EXPECT_EQ(json["payload"].get<std::string>(), std::string(78, '0') + "ab");
}

TEST(ToJson, random_events_of_every_type_are_valid_json) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    Event event = Event::make(static_cast<std::int64_t>(random()), static_cast<std::uint32_t>(random()), Timer{});
    event.type = static_cast<EventType>(random() % (kEventTypeCount + 2));
    for (auto& byte : event.payload) byte = static_cast<std::byte>(random());
    const auto text = to_json(event);
    ASSERT_TRUE(nlohmann::json::accept(text)) << text;
  }
}

TEST(FirstDifference, is_empty_for_equal_events) {
  for (std::uint16_t i = 0; i < kEventTypeCount + 1; ++i) {
    Event event = Event::make(1, 2, Gap{.count = 3, .first_sequence = 4, .reserved = {}});
    event.type = static_cast<EventType>(i);
    EXPECT_EQ(first_difference(event, event), "");
  }
}

TEST(FirstDifference, names_the_header_field_first) {
  const Event a = Event::make(1, 2, Gap{.count = 3, .first_sequence = 4, .reserved = {}});
  const auto changed = [&](auto&& change) {
    Event b = a;
    b.payload[0] ^= std::byte{1};
    change(b);
    return first_difference(a, b);
  };
  EXPECT_EQ(changed([](Event& b) { b.sequence = 9; }), "sequence");
  EXPECT_EQ(changed([](Event& b) { b.time_ns = 9; }), "time_ns");
  EXPECT_EQ(changed([](Event& b) { b.instrument = 9; }), "instrument");
  EXPECT_EQ(changed([](Event& b) { b.type = EventType::timer; }), "type");
  EXPECT_EQ(changed([](Event& b) { b.flags = 9; }), "flags");
  EXPECT_EQ(changed([](Event&) {}), "payload.count");
}

TEST(FirstDifference, sees_every_bit_of_every_payload) {
  for (std::uint16_t type = 0; type < kEventTypeCount + 1; ++type) {
    Event a = Event::make(1, 2, Timer{});
    a.type = static_cast<EventType>(type);
    for (std::size_t bit = 0; bit < kPayloadBytes * 8; ++bit) {
      Event b = a;
      b.payload[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      ASSERT_TRUE(first_difference(a, b).starts_with("payload")) << event_type_name(a.type) << " bit " << bit;
    }
  }
}

TEST(FirstDifference, tells_bit_patterns_apart_that_compare_or_print_alike) {
  Prediction prediction{};
  const Event zero = Event::make(1, 2, prediction);
  prediction.score = -0.0f;
  EXPECT_EQ(first_difference(zero, Event::make(1, 2, prediction)), "payload.score");
  prediction.score = std::numeric_limits<float>::quiet_NaN();
  const Event nan = Event::make(1, 2, prediction);
  EXPECT_EQ(first_difference(nan, nan), "");
}

TEST(FirstDifference, names_the_field_that_declares_the_byte) {
  const Event a = Event::make(1, 2, Position{});
  const auto at = [&](std::size_t byte) {
    Event b = a;
    b.payload[byte] = std::byte{1};
    return first_difference(a, b);
  };
  EXPECT_EQ(at(offsetof(Position, quantity_e9)), "payload.quantity");
  EXPECT_EQ(at(offsetof(Position, cost_high)), "payload.cost");
  EXPECT_EQ(at(offsetof(Position, realised_low)), "payload.realised");
}

}  // namespace
}  // namespace thintail
