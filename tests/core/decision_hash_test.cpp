// SPDX-License-Identifier: Apache-2.0
#include "core/event/decision_hash.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace thintail {
namespace {

// What a run that starts at `origin` puts out: one output of each kind that names a sequence or an order, among inputs.
std::vector<Event> run_from(RunOrigin origin, int repeats = 50) {
  std::vector<Event> events;
  const auto append = [&]<class P>(const P& payload, unsigned flags) {
    auto event = Event::make(static_cast<std::int64_t>(events.size()) * 1000, 0, payload, flags);
    event.sequence = origin.first_sequence + events.size();
    events.push_back(event);
    return event.sequence;
  };
  const std::uint64_t order_epoch = std::uint64_t{origin.epoch} << 32;
  for (int i = 0; i < repeats; ++i) {
    const auto cause = append(
        Tick{.bid_e9 = i, .ask_e9 = i + 1, .bid_size = 0, .ask_size = 0, .venue_ns = 0, .source_sequence = 0}, 0);
    Prediction prediction{};
    prediction.cause = cause;
    prediction.score = 0.5f;
    append(prediction, kFlagOutput);
    append(Regime{.cause = cause, .from = 0, .to = 1, .probability = 0.75f, .reserved = {}}, kFlagOutput);
    Signal signal{};
    signal.cause = cause;
    append(signal, kFlagOutput);
    Intent intent{};
    intent.cause = cause;
    intent.client_order_id = order_epoch + static_cast<std::uint64_t>(i) + 1;
    append(intent, kFlagOutput);
    Reject reject{};
    reject.cause = cause;
    append(reject, kFlagOutput);
    append(Bar{}, kFlagOutput);
    append(Position{}, kFlagOutput);
  }
  return events;
}

DecisionHash hash_of(const std::vector<Event>& events, RunOrigin origin) {
  DecisionHash hash(origin.epoch);
  for (const auto& event : events) hash.add(event);
  return hash;
}

constexpr RunOrigin kFresh{.first_sequence = 1, .epoch = 1};
constexpr RunOrigin kLater{.first_sequence = (std::uint64_t{1} << 32) + 77, .epoch = 9};

TEST(Rebase, an_event_of_a_fresh_run_stays_as_it_is) {
  for (const auto& event : run_from(kFresh)) {
    const auto same = rebased(event, kFresh);
    EXPECT_EQ(std::memcmp(&same, &event, sizeof event), 0);
  }
}

TEST(Rebase, a_later_run_becomes_byte_equal_to_a_fresh_one) {
  const auto fresh = run_from(kFresh);
  const auto later = run_from(kLater);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const auto moved = rebased(later[i], kLater);
    EXPECT_EQ(std::memcmp(&moved, &fresh[i], sizeof moved), 0) << i;
  }
}

TEST(Rebase, no_cause_and_no_order_stay_none) {
  const auto intent = rebased(Event::make(0, 0, Intent{}, kFlagOutput), kLater).as<Intent>();
  EXPECT_EQ(intent.cause, 0u);
  EXPECT_EQ(intent.client_order_id, 0u);
}

TEST(DecisionHash, is_equal_for_equal_decisions_wherever_the_run_stands) {
  auto fresh = hash_of(run_from(kFresh), kFresh);
  auto later = hash_of(run_from(kLater), kLater);
  EXPECT_EQ(fresh.outputs(), 50u * 7u);
  EXPECT_EQ(fresh.digest(), later.digest());
}

TEST(DecisionHash, does_not_depend_on_how_much_a_run_says_before_it_begins) {
  const auto after_preamble = [](std::size_t lines) {
    std::vector<Event> preamble = {
        Event::make(0, kNoInstrument,
                    Session{.state = SessionState::started, .reserved0 = 0, .epoch = 1, .detail = 0, .reserved = {}}),
        Event::make(0, kNoInstrument, ConfigText{})};
    for (std::size_t i = 0; i < lines; ++i) preamble.push_back(Event::make(0, kNoInstrument, Continuation{}));
    std::uint64_t sequence = 0;
    for (Event& event : preamble) event.sequence = ++sequence;
    const auto events = run_from({.first_sequence = sequence + 1, .epoch = 1});
    preamble.insert(preamble.end(), events.begin(), events.end());
    return hash_of(preamble, kFresh).digest();
  };
  EXPECT_EQ(after_preamble(3), after_preamble(40));
  EXPECT_EQ(after_preamble(3), hash_of(run_from(kFresh), kFresh).digest());
}

TEST(DecisionHash, is_the_sha256_of_the_rebased_outputs_whatever_the_batches) {
  for (const int repeats : {0, 1, 9, 10, 64, 65}) {
    const auto events = run_from(kLater, repeats);
    Sha256 whole;
    for (const auto& event : events) {
      const auto moved = rebased(event, kLater);
      if (event.is_output()) whole.update(&moved, sizeof moved);
    }
    EXPECT_EQ(hash_of(events, kLater).digest(), whole.digest()) << repeats;
  }
}

TEST(DecisionHash, goes_on_after_a_digest_was_taken) {
  const auto events = run_from(kFresh);
  DecisionHash hash(kFresh.epoch);
  for (const auto& event : events) {
    hash.add(event);
    static_cast<void>(hash.digest());
  }
  EXPECT_EQ(hash.digest(), hash_of(events, kFresh).digest());
}

TEST(DecisionHash, one_changed_bit_of_any_output_changes_it) {
  const auto events = run_from(kFresh, 1);
  const auto expected = hash_of(events, kFresh).digest();
  for (std::size_t i = 0; i < events.size(); ++i) {
    for (const std::size_t byte : {std::size_t{0}, std::size_t{20}, kPayloadBytes - 1}) {
      auto changed = events;
      changed[i].payload[byte] ^= std::byte{0x80};
      EXPECT_EQ(hash_of(changed, kFresh).digest() != expected, events[i].is_output()) << i << " byte " << byte;
    }
  }
}

TEST(DecisionHash, order_matters_and_a_missing_output_shows) {
  auto events = run_from(kFresh, 2);
  const auto expected = hash_of(events, kFresh).digest();
  std::swap(events[1], events[2]);
  EXPECT_NE(hash_of(events, kFresh).digest(), expected);
  std::swap(events[1], events[2]);
  events.pop_back();
  EXPECT_NE(hash_of(events, kFresh).digest(), expected);
}

}  // namespace
}  // namespace thintail
