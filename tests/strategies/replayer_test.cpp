// SPDX-License-Identifier: Apache-2.0
#include "strategies/backtest/replayer.hpp"

#include <gtest/gtest.h>

#include "tests/support/real_ticks.hpp"
#include "tests/support/small_model.hpp"
#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

using test::reader_of;
using test::record;
using test::trading_settings;

std::vector<Event> fade_run(std::uint64_t seed = 1, std::size_t ticks = 5'000, std::uint32_t epoch = 1) {
  return record(test::random_ticks(seed, ticks, 2), trading_settings(), test::table_of({"XAUUSD", "EURUSD"}),
                {.isa = Isa::scalar, .epoch = epoch, .model = nullptr})
      .events;
}

ReplayResult replay(const std::vector<Event>& events, const ReplayOptions& options = {}) {
  auto result = replay_journal(reader_of(events), options);
  if (!result) {
    ADD_FAILURE() << result.error().message();
    return {};
  }
  return *result;
}

ErrorCode refusal(const std::vector<Event>& events, const ReplayOptions& options = {}) {
  const auto result = replay_journal(reader_of(events), options);
  if (!result) return result.error().code;
  ADD_FAILURE() << "replayed what it should refuse";
  return {};
}

std::size_t index_of(const std::vector<Event>& events, EventType type, std::size_t after = 0) {
  std::size_t i = after;
  while (i < events.size() && events[i].type != type) ++i;
  return i;
}

// Events that continue where another run's sequences ended, as in one journal.
void append_run(std::vector<Event>& journal, const std::vector<Event>& run) {
  const std::uint64_t shift = journal.empty() ? 0 : journal.back().sequence;
  for (Event event : run) {
    const std::uint64_t sequence = event.sequence + shift;
    const auto move_cause = [&]<EventPayload P>(P payload) {
      payload.cause += shift;
      event = Event::make(event.time_ns, event.instrument, payload, event.flags);
    };
    if (event.type == EventType::signal) move_cause(event.as<Signal>());
    if (event.type == EventType::intent) move_cause(event.as<Intent>());
    if (event.type == EventType::reject) move_cause(event.as<Reject>());
    event.sequence = sequence;
    journal.push_back(event);
  }
}

TEST(Replayer, a_run_replays_byte_for_byte) {
  const auto run = fade_run();
  const auto result = replay(run);
  EXPECT_FALSE(result.difference);
  EXPECT_EQ(result.events, run.size());
  EXPECT_EQ(result.inputs + result.outputs_compared, run.size());
  EXPECT_EQ(result.epochs, 1u);
  DecisionHash hash(1);
  for (const Event& event : run) hash.add(event);
  EXPECT_EQ(result.outputs_compared, hash.outputs());
  EXPECT_EQ(result.decision_hash, hash.digest());
}

TEST(Replayer, shows_every_event_once_it_was_taken_in) {
  const auto run = fade_run();
  std::vector<Event> seen;
  ASSERT_TRUE(replay_journal(reader_of(run), {}, [&](const Event& event) { seen.push_back(event); }).has_value());
  EXPECT_TRUE(test::same_bytes(run, seen));
}

TEST(Replayer, any_flipped_byte_of_an_output_is_named_with_its_event_and_field) {
  const auto run = fade_run();
  for (const EventType type : {EventType::bar, EventType::signal, EventType::intent, EventType::position}) {
    const std::size_t at = index_of(run, type, run.size() / 2);
    ASSERT_LT(at, run.size());
    for (std::size_t byte = 0; byte < kPayloadBytes; ++byte) {
      auto changed = run;
      changed[at].payload[byte] ^= std::byte{0x10};
      const auto result = replay(changed);
      ASSERT_TRUE(result.difference) << event_type_name(type) << " byte " << byte;
      EXPECT_EQ(result.difference->sequence, run[at].sequence);
      EXPECT_EQ(result.difference->what, "differs");
      EXPECT_TRUE(result.difference->field.starts_with("payload.")) << result.difference->field;
    }
  }
  auto changed = run;
  const std::size_t at = index_of(run, EventType::intent);
  changed[at].payload[offsetof(Intent, quantity_e9)] ^= std::byte{1};
  EXPECT_EQ(replay(changed).difference->field, "payload.quantity");
}

TEST(Replayer, a_changed_input_shows_in_the_outputs) {
  auto run = fade_run();
  const std::size_t at = index_of(run, EventType::tick, run.size() / 2);
  auto tick = run[at].as<Tick>();
  tick.bid_e9 -= 3 * kE9;
  const auto sequence = run[at].sequence;
  run[at] = Event::make(run[at].time_ns, run[at].instrument, tick, run[at].flags);
  run[at].sequence = sequence;
  const auto result = replay(run);
  ASSERT_TRUE(result.difference);
  EXPECT_GT(result.difference->sequence, sequence);
}

TEST(Replayer, an_output_taken_out_is_reported) {
  auto run = fade_run();
  const std::size_t at = index_of(run, EventType::intent, run.size() / 2);
  ASSERT_FALSE(run[at + 1].is_output()) << "the last output of its input, so that only its absence can tell";
  const auto sequence = run[at].sequence;
  run.erase(run.begin() + static_cast<std::ptrdiff_t>(at));
  const auto result = replay(run);
  ASSERT_TRUE(result.difference);
  EXPECT_EQ(result.difference->what, "not in the journal");
  EXPECT_EQ(result.difference->sequence, sequence);
}

TEST(Replayer, an_output_put_in_is_reported) {
  auto run = fade_run();
  const std::size_t at = index_of(run, EventType::intent, run.size() / 2);
  run.insert(run.begin() + static_cast<std::ptrdiff_t>(at) + 1, run[at]);
  const auto result = replay(run);
  ASSERT_TRUE(result.difference);
  EXPECT_EQ(result.difference->what, "missing in the replay");
  EXPECT_EQ(result.difference->sequence, run[at].sequence);
}

TEST(Replayer, a_journal_cut_anywhere_replays_up_to_the_cut) {
  const auto run = fade_run(1, 300);
  const std::size_t preamble = index_of(run, EventType::tick);
  for (std::size_t size = preamble; size <= run.size(); ++size) {
    const std::vector<Event> cut(run.begin(), run.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(replay(cut).difference) << size;
  }
}

TEST(Replayer, two_epochs_of_one_journal_replay_each_with_its_own_settings) {
  std::vector<Event> journal;
  append_run(journal, fade_run(1, 2'000, 1));
  Settings other = trading_settings();
  other.strategy.quantity["XAUUSD"] = Quantity{3 * kE9};
  const auto second = record(test::random_ticks(2, 2'000), other, test::table_of({"XAUUSD"}),
                             {.isa = Isa::scalar, .epoch = 2, .model = nullptr});
  append_run(journal, second.events);
  const auto result = replay(journal);
  EXPECT_FALSE(result.difference);
  EXPECT_EQ(result.epochs, 2u);
  EXPECT_EQ(result.decision_hash, second.result.decision_hash) << "the last run's, rebased to its start";
}

TEST(Replayer, outputs_lost_in_a_crash_are_not_held_against_the_next_epoch) {
  std::vector<Event> journal = fade_run(1, 2'000, 1);
  const std::size_t at = index_of(journal, EventType::signal, journal.size() / 2);
  journal.resize(at + 1);  // killed between a signal and its intent
  append_run(journal, fade_run(2, 2'000, 2));
  const auto result = replay(journal);
  EXPECT_FALSE(result.difference) << result.difference->what << result.difference->replayed;
  EXPECT_EQ(result.epochs, 2u);
}

TEST(Replayer, positions_carried_over_are_taken_over) {
  const auto instruments = test::table_of({"XAUUSD"});
  Settings settings = trading_settings();
  DecisionPipeline pipeline(settings, instruments, {});
  pipeline.enable(0);
  const WideWords cost = to_words(static_cast<i128>(1'300) * kE9 * 10 * kE9);
  const Position held{10 * kE9, cost.low, cost.high, 0, 0};
  const auto ticks = test::random_ticks(6, 1'000);
  test::EventList source(ticks);
  std::vector<Event> events;
  const auto keep = [&](const Event& event) { events.push_back(event); };
  CallbackSink sink(keep);
  FillModel venue({}, 1);
  NoProbe probe;
  SimulatedDriver driver(source, pipeline, venue, sink, probe,
                         to_events(make_preamble(settings, instruments, nullptr, 1, {{0, held}}), 0, kFlagSimulated));
  while (driver.step()) {
  }
  driver.finish();
  const auto signals = test::payloads_of<Signal>(events);
  ASSERT_FALSE(signals.empty());
  EXPECT_EQ(signals[0].position_e9, 10 * kE9);
  EXPECT_FALSE(replay(events).difference);
}

TEST(Replayer, what_is_no_journal_is_refused) {
  EXPECT_EQ(refusal({}), ErrorCode::replay_incomplete);
  auto run = fade_run(1, 100);
  EXPECT_EQ(refusal({run.begin() + 1, run.end()}), ErrorCode::replay_incomplete) << "no session";
  auto truncated = run;
  truncated.erase(truncated.begin() + 3);
  EXPECT_EQ(refusal(truncated), ErrorCode::replay_incomplete) << "a part of the configuration is missing";
  EXPECT_EQ(refusal({run.begin() + static_cast<std::ptrdiff_t>(index_of(run, EventType::tick)), run.end()}),
            ErrorCode::replay_incomplete);
}

TEST(Replayer, needs_the_very_model_that_was_used) {
  const test::SmallModel model;
  ASSERT_TRUE(model.is_loaded()) << model.why_not();
  const test::SmallModel other(0.5);
  ASSERT_TRUE(other.is_loaded());
  const auto run = record(test::random_ticks(1, 3'000), trading_settings(StrategyKind::model_edge),
                          test::table_of({"XAUUSD"}), {Isa::scalar, 1, &model.loaded()});
  EXPECT_FALSE(replay(run.events, {Isa::scalar, model.path()}).difference);
  EXPECT_EQ(refusal(run.events, {Isa::scalar, other.path()}), ErrorCode::model_hash_mismatch);
  EXPECT_EQ(refusal(run.events, {Isa::scalar, model.path() + "-gone.json"}), ErrorCode::model_missing);
  auto without = run.events;
  without.erase(without.begin() + static_cast<std::ptrdiff_t>(index_of(without, EventType::model)));
  EXPECT_EQ(refusal(without, {Isa::scalar, model.path()}), ErrorCode::replay_incomplete);
}

// 200,000 real gold ticks, recorded on one instruction set and replayed on each.
TEST(Replayer, real_ticks_replay_byte_for_byte_with_a_rule_and_with_a_model) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / test::kGoldPayrolls);
  const test::SmallModel model;
  ASSERT_TRUE(model.is_loaded()) << model.why_not();
  InstrumentTable instruments;
  const auto ticks = test::real_ticks({test::kGoldPayrolls}, instruments, 200'000);
  for (const StrategyKind kind : {StrategyKind::fade_last_move, StrategyKind::model_edge}) {
    const DecisionModel* used = kind == StrategyKind::model_edge ? &model.loaded() : nullptr;
    const auto run = record(ticks, trading_settings(kind), instruments, {best_isa(), 3, used});
    for (const Isa isa : {Isa::scalar, best_isa()}) {
      const auto result = replay(run.events, {isa, model.path()});
      EXPECT_FALSE(result.difference) << isa_name(isa) << ' ' << result.difference->recorded << ' '
                                      << result.difference->replayed;
      EXPECT_EQ(result.events, run.events.size());
      EXPECT_EQ(result.decision_hash, run.result.decision_hash);
    }
  }
}

}  // namespace
}  // namespace thintail
