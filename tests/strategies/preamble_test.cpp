// SPDX-License-Identifier: Apache-2.0
#include "strategies/pipeline/preamble.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

Preamble sample(std::size_t text_bytes) {
  Preamble preamble;
  preamble.epoch = 7;
  for (std::size_t i = 0; i < text_bytes; ++i) preamble.config_text += static_cast<char>('a' + i % 26);
  preamble.instruments = {*built_in_instrument("XAUUSD", "oanda"), *built_in_instrument("EURUSD", "a-venue-of-16-ch"),
                          *built_in_instrument("BTCUSDT", "binance")};
  preamble.instruments.push_back(preamble.instruments[1]);
  preamble.instruments.back().symbol = "AN-INDEX.WITH_A#LONG+NAME/32-CHA";
  preamble.instruments.back().base.clear();
  preamble.has_model = true;
  preamble.model_hash = sha256("a model");
  preamble.positions[2] = Position{-5, static_cast<std::uint64_t>(-70), -1, 9, 0};
  return preamble;
}

Result<Preamble> read(const std::vector<Event>& events) {
  PreambleReader reader;
  for (const Event& event : events) {
    if (!reader.take(event)) break;
  }
  return std::move(reader).finish();
}

void expect_equal(const Preamble& a, const Preamble& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.config_text, b.config_text);
  EXPECT_EQ(a.has_model, b.has_model);
  EXPECT_EQ(a.model_hash, b.model_hash);
  ASSERT_EQ(a.instruments.size(), b.instruments.size());
  for (std::size_t i = 0; i < a.instruments.size(); ++i) {
    const Instrument& x = a.instruments[i];
    const Instrument& y = b.instruments[i];
    EXPECT_EQ(x.name(), y.name());
    EXPECT_EQ(x.base, y.base);
    EXPECT_EQ(x.quote, y.quote);
    EXPECT_EQ(x.digits, y.digits);
    EXPECT_EQ(x.tick_size_e9, y.tick_size_e9);
    EXPECT_EQ(x.lot_step_e9, y.lot_step_e9);
    EXPECT_EQ(x.contract_size_e9, y.contract_size_e9);
    EXPECT_EQ(x.calendar, y.calendar);
  }
  ASSERT_EQ(a.positions.size(), b.positions.size());
  for (const auto& [id, position] : a.positions) {
    ASSERT_TRUE(b.positions.contains(id));
    EXPECT_EQ(std::memcmp(&position, &b.positions.at(id), sizeof position), 0);
  }
}

// The sample's events with something done to them, which no reader may take.
void expect_refused(const std::function<void(std::vector<Event>&)>& spoil, std::string_view field) {
  auto events = to_events(sample(100), 0, kFlagSimulated);
  spoil(events);
  const auto result = read(events);
  ASSERT_FALSE(result.has_value()) << field;
  EXPECT_EQ(result.error().code, ErrorCode::replay_incomplete) << result.error().message();
  EXPECT_EQ(result.error().field, field) << result.error().message();
}

std::size_t index_of(const std::vector<Event>& events, EventType type, std::size_t nth = 0) {
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].type == type && nth-- == 0) return i;
  }
  ADD_FAILURE() << "no such event";
  return 0;
}

template <EventPayload P>
void edit(Event& event, const std::function<void(P&)>& change) {
  auto payload = event.as<P>();
  change(payload);
  event = Event::make(event.time_ns, event.instrument, payload, event.flags);
}

TEST(Preamble, goes_through_its_events_whatever_the_length_of_its_text) {
  for (const std::size_t bytes : {0, 1, 39, 40, 41, 79, 80, 81, 5'000}) {
    const Preamble preamble = sample(bytes);
    const auto events = to_events(preamble, 123, kFlagSimulated);
    for (const Event& event : events) {
      EXPECT_EQ(event.time_ns, 123);
      EXPECT_EQ(event.sequence, 0u);
      EXPECT_TRUE((event.flags & kFlagSimulated) != 0 && !event.is_output());
    }
    const auto back = read(events);
    ASSERT_TRUE(back.has_value()) << bytes << ": " << back.error().message();
    expect_equal(preamble, *back);
  }
}

TEST(Preamble, of_real_settings_names_what_the_pipeline_needs) {
  const auto table = test::table_of({"XAUUSD", "EURUSD"});
  const Settings settings = test::trading_settings();
  const auto back = read(to_events(make_preamble(settings, table, nullptr, 3), 0, 0));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  expect_equal(make_preamble(settings, table, nullptr, 3), *back);
  EXPECT_FALSE(back->has_model);
  EXPECT_EQ(back->epoch, 3u);
}

TEST(Preamble, every_continued_event_is_followed_by_its_continuations) {
  const auto events = to_events(sample(1'000), 0, 0);
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_EQ(events[i].is_continued(), events[i + 1].type == EventType::continuation) << i;
  }
  EXPECT_FALSE(events.back().is_continued());
}

TEST(PreambleReader, leaves_the_first_event_that_is_no_preamble_to_the_caller) {
  for (const Event& other : {test::tick_at(0, kE9, kE9), Event::make(0, kNoInstrument, Timer{}),
                             Event::make(0, 0, Position{}), Event::make(0, 0, Bar{}, kFlagOutput),
                             Event::make(0, kNoInstrument, Session{SessionState::stopping, 0, 7, 0, {}}),
                             Event::make(0, kNoInstrument, Session{SessionState::started, 0, 8, 0, {}})}) {
    PreambleReader reader;
    for (const Event& event : to_events(sample(10), 0, 0)) ASSERT_TRUE(reader.take(event));
    EXPECT_FALSE(reader.take(other));
    EXPECT_TRUE(std::move(reader).finish().has_value());
  }
}

TEST(PreambleReader, a_part_that_is_missing_is_named) {
  expect_refused([](auto& events) { events.clear(); }, "session");
  expect_refused([](auto& events) { events.erase(events.begin()); }, "session");
  expect_refused([](auto& events) { events.resize(1); }, "config");
  expect_refused([](auto& events) { events.resize(index_of(events, EventType::instrument)); }, "instrument");
}

TEST(PreambleReader, a_text_cut_short_is_refused) {
  expect_refused([](auto& events) { events.erase(events.begin() + 2); }, "text");
  expect_refused([](auto& events) { events.resize(index_of(events, EventType::continuation, 2)); }, "text");
  expect_refused([](auto& events) { events.erase(events.begin() + 4); },
                 "text");  // another event where the rest should be
  // The last instrument's name is missing: fewer instruments than were journaled would be silently wrong.
  expect_refused(
      [](auto& events) {
        const auto last = index_of(events, EventType::instrument, 3);
        events.erase(events.begin() + static_cast<std::ptrdiff_t>(last) + 1);
      },
      "text");
}

TEST(PreambleReader, a_text_longer_than_announced_is_refused) {
  expect_refused([](auto& events) { events.insert(events.begin() + 4, events[3]); }, "text");
  expect_refused([](auto& events) { edit<ConfigText>(events[1], [](auto& text) { text.text_bytes = 40; }); }, "text");
  expect_refused([](auto& events) { edit<ConfigText>(events[1], [](auto& text) { text.text_bytes = 0xffff'ffff; }); },
                 "text");
  expect_refused([](auto& events) { events.insert(events.begin() + 1, events[2]); }, "text");  // nothing announced it
}

TEST(PreambleReader, a_text_that_is_not_the_one_hashed_is_refused) {
  expect_refused([](auto& events) { edit<Continuation>(events[3], [](auto& part) { part.text[5] ^= 1; }); },
                 "config.sha256");
  expect_refused([](auto& events) { edit<ConfigText>(events[1], [](auto& text) { text.sha256[31] ^= 1; }); },
                 "config.sha256");
}

TEST(PreambleReader, instruments_out_of_order_are_refused) {
  for (const std::uint32_t id : {0u, 2u, 4'000'000'000u, kNoInstrument}) {
    expect_refused([id](auto& events) { events[index_of(events, EventType::instrument, 1)].instrument = id; },
                   "instrument");
  }
}

TEST(PreambleReader, an_instrument_that_is_none_is_refused) {
  expect_refused(
      [](auto& events) {
        edit<InstrumentRow>(events[index_of(events, EventType::instrument)], [](auto& row) { row.calendar = 77; });
      },
      "calendar");
  auto events = to_events(sample(10), 0, 0);
  edit<InstrumentRow>(events[index_of(events, EventType::instrument)], [](auto& row) { row.lot_step_e9 = 0; });
  EXPECT_FALSE(read(events).has_value());
  events = to_events(sample(10), 0, 0);
  edit<Continuation>(events[index_of(events, EventType::instrument) + 1],
                     [](auto& part) { std::ranges::replace(part.text, '@', '_'); });
  EXPECT_FALSE(read(events).has_value());
}

TEST(PreambleReader, survives_a_million_random_events) {
  std::mt19937_64 random(5);
  const auto valid = to_events(sample(200), 0, 0);
  for (int stream = 0; stream < 20'000; ++stream) {
    std::vector<Event> events;
    for (int i = 0; i < 50; ++i) {
      Event event = valid[random() % valid.size()];
      if (random() % 8 == 0) event.payload[random() % kPayloadBytes] = static_cast<std::byte>(random());
      if (random() % 16 == 0) event.flags = static_cast<std::uint16_t>(random());
      if (random() % 16 == 0) event.instrument = static_cast<std::uint32_t>(random() % 5);
      events.push_back(event);
    }
    static_cast<void>(read(events));
  }
}

}  // namespace
}  // namespace thintail
