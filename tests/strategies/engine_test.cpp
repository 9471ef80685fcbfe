// SPDX-License-Identifier: Apache-2.0
#include "strategies/pipeline/engine.hpp"

#include <gtest/gtest.h>

#include "tests/support/pipeline_desk.hpp"

namespace thintail {
namespace {

using test::kNoonNs;
using test::kSecondNs;
using test::PipelineDesk;

TEST(Engine, time_never_goes_back_in_the_stream) {
  PipelineDesk desk(test::trading_settings());
  for (const std::int64_t offset_ns : {0, 5, 3, 5, 2, 9}) desk.quote(kNoonNs + offset_ns, 1'300);
  std::vector<std::int64_t> offsets_ns;
  for (const Event& event : desk.sink.events) offsets_ns.push_back(event.time_ns - kNoonNs);
  EXPECT_EQ(offsets_ns, (std::vector<std::int64_t>{0, 5, 5, 5, 5, 9}));
}

TEST(Engine, an_input_stands_before_what_was_decided_on_it) {
  PipelineDesk desk(test::trading_settings());
  desk.quote(kNoonNs, 1'300);
  desk.quote(kNoonNs + 1, 1'299);
  std::vector<EventType> types;
  for (std::size_t i = 0; i < desk.sink.events.size(); ++i) {
    types.push_back(desk.sink.events[i].type);
    EXPECT_EQ(desk.sink.events[i].sequence, i + 1);
  }
  using enum EventType;
  EXPECT_EQ(types, (std::vector<EventType>{tick, tick, signal, intent}));
}

TEST(Engine, the_first_timer_is_the_first_whole_second_at_or_after_the_first_input) {
  for (const std::int64_t offset_ns : {std::int64_t{0}, std::int64_t{1}, kSecondNs - 1, kSecondNs}) {
    PipelineDesk desk(test::trading_settings());
    desk.engine.start_timers(kNoonNs + offset_ns);
    EXPECT_EQ(desk.engine.next_timer_ns(), offset_ns == 0 ? kNoonNs : kNoonNs + kSecondNs) << offset_ns;
    desk.engine.start_timers(kNoonNs + 99 * kSecondNs);
    EXPECT_LE(desk.engine.next_timer_ns(), kNoonNs + kSecondNs) << "the phase is set once";
  }
}

TEST(Engine, a_timer_names_its_second_and_the_next_one_follows) {
  PipelineDesk desk(test::trading_settings());
  desk.engine.start_timers(kNoonNs);
  for (std::int64_t n = 0; n < 3; ++n) {
    desk.engine.take_timer(kFlagSimulated);
    const Event& timer = desk.sink.events.back();
    EXPECT_EQ(timer.type, EventType::timer);
    EXPECT_EQ(timer.instrument, kNoInstrument);
    EXPECT_EQ(timer.flags, kFlagSimulated);
    EXPECT_EQ(timer.time_ns, kNoonNs + n * kSecondNs);
    EXPECT_EQ(timer.as<Timer>().second_s, kNoonNs / kSecondNs + n);
  }
}

TEST(Engine, a_probe_sees_every_stage_of_a_tick_once) {
  struct Probe {
    std::vector<Stage> marks;
    int begun = 0;
    std::vector<bool> ended;
    void begin() noexcept { ++begun; }
    void mark(Stage stage) noexcept { marks.push_back(stage); }
    void end(bool intent) noexcept { ended.push_back(intent); }
  };
  PipelineDesk desk(test::trading_settings());
  Probe probe;
  Engine<test::KeepingSink, Probe> engine(desk.pipeline, desk.sink, probe);
  for (const std::int64_t bid : {1'300, 1'299}) {
    Event tick = test::tick_at(kNoonNs, bid * kE9, bid * kE9 + 1);
    engine.take(tick);
  }
  engine.start_timers(kNoonNs);
  engine.take_timer(0);
  EXPECT_EQ(probe.begun, 3);
  EXPECT_EQ(probe.marks,
            (std::vector<Stage>{Stage::append_input, Stage::features, Stage::append_input, Stage::features}));
  EXPECT_EQ(probe.ended, (std::vector<bool>{false, true}));
}

}  // namespace
}  // namespace thintail
