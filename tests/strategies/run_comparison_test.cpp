// SPDX-License-Identifier: Apache-2.0
#include "strategies/backtest/run_comparison.hpp"

#include <gtest/gtest.h>

#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

std::vector<Event> run_of_epoch(std::uint32_t epoch, std::uint64_t first_sequence = 1) {
  auto run = test::record(test::random_ticks(8, 2'000), test::trading_settings(), test::table_of({"XAUUSD"}),
                          {.isa = Isa::scalar, .epoch = epoch, .model = nullptr});
  // As the run would stand in a journal, after others.
  for (Event& event : run.events) {
    const std::uint64_t shift = first_sequence - 1;
    event.sequence += shift;
    const auto move_cause = [&]<EventPayload P>(P payload) {
      payload.cause += shift;
      const auto sequence = event.sequence;
      event = Event::make(event.time_ns, event.instrument, payload, event.flags);
      event.sequence = sequence;
    };
    if (event.type == EventType::signal) move_cause(event.as<Signal>());
    if (event.type == EventType::intent) move_cause(event.as<Intent>());
    if (event.type == EventType::reject) move_cause(event.as<Reject>());
  }
  return run.events;
}

std::optional<EventDifference> compare(const std::vector<Event>& recorded, const std::vector<Event>& run) {
  RunComparison comparison(test::reader_of(recorded));
  for (const Event& event : run) comparison.add(event);
  return comparison.finish();
}

std::size_t first_of(const std::vector<Event>& events, EventType type) {
  std::size_t i = 0;
  while (events[i].type != type) ++i;
  return i;
}

TEST(RunComparison, a_run_equals_itself_in_another_epoch_and_elsewhere_in_a_journal) {
  const auto run = run_of_epoch(1);
  EXPECT_FALSE(compare(run, run));
  EXPECT_FALSE(compare(run_of_epoch(9, 1'000'000), run));
  EXPECT_FALSE(compare(run, run_of_epoch(77, (std::uint64_t{1} << 40) + 3)));
}

TEST(RunComparison, names_the_event_as_recorded_and_the_field_that_differs) {
  const auto run = run_of_epoch(1);
  for (const EventType type :
       {EventType::tick, EventType::signal, EventType::intent, EventType::fill, EventType::position}) {
    auto recorded = run_of_epoch(4, 5'000);
    const std::size_t at = first_of(recorded, type);
    recorded[at].payload[16] ^= std::byte{1};
    const auto difference = compare(recorded, run);
    ASSERT_TRUE(difference) << event_type_name(type);
    EXPECT_EQ(difference->sequence, recorded[at].sequence);
    EXPECT_EQ(difference->what, "differs");
    EXPECT_TRUE(difference->field.starts_with("payload.")) << difference->field;
    EXPECT_NE(difference->recorded, difference->replayed);
  }
}

TEST(RunComparison, an_order_of_another_epoch_is_not_the_runs_own) {
  auto recorded = run_of_epoch(4);
  auto& event = recorded[first_of(recorded, EventType::fill)];
  auto fill = event.as<Fill>();
  fill.client_order_id -= std::uint64_t{1} << 32;
  const auto sequence = event.sequence;
  event = Event::make(event.time_ns, event.instrument, fill, event.flags);
  event.sequence = sequence;
  const auto difference = compare(recorded, run_of_epoch(1));
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->field, "payload.client_order_id");
}

TEST(RunComparison, what_is_missing_at_the_end_is_reported) {
  const auto run = run_of_epoch(1);
  auto shorter = run;
  shorter.pop_back();
  auto difference = compare(run, shorter);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->what, "missing in the replay");
  EXPECT_EQ(difference->sequence, run.back().sequence);
  EXPECT_TRUE(difference->replayed.empty());
  difference = compare(shorter, run);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->what, "not in the journal");
  EXPECT_TRUE(difference->recorded.empty());
}

TEST(RunComparison, keeps_the_first_of_several_differences) {
  const auto run = run_of_epoch(1);
  auto recorded = run;
  recorded[100].time_ns += 1;
  recorded[200].time_ns += 1;
  RunComparison comparison(test::reader_of(recorded));
  for (const Event& event : run) comparison.add(event);
  ASSERT_TRUE(comparison.finish());
  EXPECT_EQ(comparison.finish()->sequence, run[100].sequence);
  EXPECT_EQ(comparison.finish()->field, "time_ns");
  EXPECT_EQ(comparison.compared(), 101u);
}

}  // namespace
}  // namespace thintail
