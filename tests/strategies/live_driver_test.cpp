// SPDX-License-Identifier: Apache-2.0
#include "strategies/pipeline/live_driver.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "strategies/pipeline/preamble.hpp"
#include "tests/support/pipeline_desk.hpp"

namespace thintail {
namespace {

using test::kMilliNs;
using test::kNoonNs;
using test::kSecondNs;
using test::tick_at;

// A stream of limited room, whose one reader has consumed `consumed` events.
struct NarrowSink {
  std::vector<Event> events;
  std::uint64_t slots = 1'024;
  std::uint64_t consumed = 0;
  bool overran = false;

  std::uint64_t append(Event& event) noexcept {
    event.sequence = events.size() + 1;
    events.push_back(event);
    overran = overran || events.size() - consumed > slots;
    return event.sequence;
  }
  bool has_room(std::uint64_t wanted) noexcept { return events.size() - consumed + wanted <= slots; }
  std::uint64_t capacity() const noexcept { return slots; }
};

struct Queue {
  std::deque<Event> events;
  bool poll(Event& out) noexcept {
    if (events.empty()) return false;
    out = events.front();
    events.pop_front();
    return true;
  }
};

struct Core {
  InstrumentTable instruments = test::table_of({"XAUUSD"});
  Settings settings = test::trading_settings();
  DecisionPipeline pipeline{settings, instruments, {}};
  NarrowSink sink;
  Queue ticks;
  Queue answers;
  NoProbe probe;
  LiveDriver<Queue, Queue, NarrowSink> driver;

  Core() : driver(ticks, answers, pipeline, sink, probe, to_events(Preamble{}, 0, 0)) {
    pipeline.enable(0);
    driver.do_work(kNoonNs);
  }
  void quote(std::int64_t time_ns, std::int64_t bid) {
    ticks.events.push_back(tick_at(time_ns, bid * kE9, bid * kE9 + 1));
  }
  std::vector<EventType> types_since(std::size_t at) const {
    std::vector<EventType> out;
    for (; at < sink.events.size(); ++at) out.push_back(sink.events[at].type);
    return out;
  }
};

TEST(LiveDriver, a_timer_stands_before_any_input_at_or_after_it) {
  using enum EventType;
  Core core;
  const std::size_t before = core.sink.events.size();
  core.quote(kNoonNs, 1'300);
  core.quote(kNoonNs + 2 * kSecondNs, 1'300);
  core.driver.do_work(kNoonNs + 2 * kSecondNs);
  EXPECT_EQ(core.types_since(before), (std::vector<EventType>{tick, timer, timer, tick}));
  for (const Event& event : test::of_type(core.sink.events, timer)) {
    EXPECT_EQ(event.time_ns, event.as<Timer>().second_s * kSecondNs);
  }
}

TEST(LiveDriver, silence_ages_by_timers_alone) {
  Core core;
  const std::size_t before = core.sink.events.size();
  EXPECT_EQ(core.driver.do_work(kNoonNs + 3 * kSecondNs), 3u);
  EXPECT_EQ(core.types_since(before), std::vector<EventType>(3, EventType::timer));
  EXPECT_EQ(core.driver.do_work(kNoonNs + 3 * kSecondNs), 0u);
}

TEST(LiveDriver, climbs_and_descends_the_ladder_and_says_so_behind_the_timer) {
  Core core;
  core.sink.slots = 2'048;
  std::int64_t now_ns = kNoonNs;
  const auto fill_up = [&](std::uint64_t share_percent) {
    while (!core.sink.has_room(0) ||
           core.sink.events.size() - core.sink.consumed < core.sink.slots * share_percent / 100) {
      now_ns += kMilliNs;
      Event input = Event::make(now_ns, kNoInstrument, Gap{1, 1, {}});
      ASSERT_TRUE(core.driver.take(input));
    }
  };
  fill_up(51);
  now_ns = kNoonNs + 10 * kSecondNs;
  core.driver.do_work(now_ns);
  EXPECT_EQ(core.driver.ladder(), Ladder::lagging);
  const auto sessions = test::of_type(core.sink.events, EventType::session);
  EXPECT_EQ(sessions.back().as<Session>().state, SessionState::journal_lagging);
  for (const Event& event : test::of_type(core.sink.events, EventType::timer)) {
    EXPECT_EQ(event.time_ns, event.as<Timer>().second_s * kSecondNs)
        << "no announcement stands before a timer that was due";
  }

  fill_up(76);
  core.quote(now_ns, 1'300);
  core.answers.events.push_back(Event::make(now_ns, 0, Report{}));
  core.driver.do_work(now_ns);
  EXPECT_EQ(core.driver.ladder(), Ladder::reserved);
  EXPECT_EQ(core.ticks.events.size(), 1u) << "ticks wait";
  EXPECT_TRUE(core.answers.events.empty()) << "answers still flow";

  core.sink.consumed = core.sink.events.size() - 900;
  core.driver.do_work(now_ns);
  EXPECT_EQ(core.driver.ladder(), Ladder::lagging) << "not before it is down to a quarter";
  EXPECT_TRUE(core.ticks.events.empty());
  core.sink.consumed = core.sink.events.size();
  core.driver.do_work(now_ns);
  EXPECT_EQ(core.driver.ladder(), Ladder::normal);
  EXPECT_EQ(test::of_type(core.sink.events, EventType::session).back().as<Session>().state,
            SessionState::journal_caught_up);
}

// After a long silence one tick brings hundreds of timers: they take the room that was there when it was polled.
TEST(LiveDriver, never_overruns_the_stream_and_loses_no_input_that_it_polled) {
  Core core;
  const std::int64_t late_ns = kNoonNs + 2'000 * kSecondNs;
  for (int i = 0; i < 5; ++i) core.quote(late_ns + i, 1'300 + i);
  core.answers.events.push_back(Event::make(late_ns, 0, Report{}));
  for (int turn = 0; turn < 50; ++turn) {
    core.driver.do_work(late_ns + 5);
    ASSERT_FALSE(core.sink.overran);
    Event command = Event::make(late_ns + 6, kNoInstrument, Command{1, CommandKind::none, 0, 0, {}});
    static_cast<void>(core.driver.take(command));
    ASSERT_FALSE(core.sink.overran);
    if (turn % 10 == 9) core.sink.consumed = core.sink.events.size();
  }
  EXPECT_EQ(test::of_type(core.sink.events, EventType::tick).size(), 5u);
  EXPECT_EQ(test::of_type(core.sink.events, EventType::report).size(), 1u);
  const auto timers = test::of_type(core.sink.events, EventType::timer);
  EXPECT_EQ(timers.size(), 2'001u);
  for (std::size_t i = 0; i < timers.size(); ++i) {
    ASSERT_EQ(timers[i].time_ns, kNoonNs + static_cast<std::int64_t>(i) * kSecondNs);
  }
}

}  // namespace
}  // namespace thintail
