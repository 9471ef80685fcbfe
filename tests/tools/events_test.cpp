// SPDX-License-Identifier: Apache-2.0
// `thintail events` against a running core and against its journal, and the lines that it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/event/payloads.hpp"
#include "tests/support/live_core.hpp"
#include "tests/support/process.hpp"
#include "tools/monitor/event_line.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

// Every line as JSON; those about missed events apart.
std::vector<json> events_of(const ProcessResult& result) {
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::vector<json> events;
  for (const std::string& line : lines_of(result.out)) {
    json event = json::parse(line, nullptr, false);
    EXPECT_FALSE(event.is_discarded()) << line;
    if (!event.contains("missed")) events.push_back(std::move(event));
  }
  return events;
}

TEST(EventLine, shows_the_main_fields_aligned) {
  Event tick = Event::make(1'704'672'000'060'000'000, 0, Tick{1'284'065'000'000, 1'284'100'000'000, 1.5F, 2, 0, 99});
  tick.sequence = 17;
  EXPECT_EQ(event_line(tick, "XAUUSD@demo"),
            "          17  2024-01-08T00:00:00.060000000Z  tick          XAUUSD@demo       bid 1284.065  ask 1284.1  "
            "bid_size 1.5  ask_size 2");
  EXPECT_THAT(event_line(tick, ""), HasSubstr("#0 "));
  const Event timer = Event::make(0, kNoInstrument, Timer{5, {}});
  EXPECT_THAT(event_line(timer, ""), testing::EndsWith("timer         -                 second_s 5"));
}

TEST(EventLine, hostile_text_cannot_steer_a_terminal) {
  Continuation text{};
  std::ranges::copy(std::string_view("\x1b[2Jboo\r\n\xff"), text.text.begin());
  const Event event = Event::make(0, 0, text);
  for (const std::string& line : {event_line(event, "\x1b]0;x\x07"), event_json(event, "\x1b]0;\xff\x07")}) {
    for (const char byte : line) EXPECT_TRUE(byte >= 0x20 && byte <= 0x7e) << line;
  }
  EXPECT_FALSE(json::parse(event_json(event, "a\"\\\xff"), nullptr, false).is_discarded());
}

TEST(EventLine, an_unknown_type_is_shown_by_number) {
  Event event = Event::make(0, 0, Timer{5, {}});
  event.type = static_cast<EventType>(999);
  EXPECT_THAT(event_line(event, "A"), HasSubstr("type_value 999"));
}

TEST(TypeFilter, takes_what_was_named) {
  const auto all = TypeFilter::parse({});
  ASSERT_TRUE(all.has_value());
  EXPECT_TRUE(all->takes(EventType::tick) && all->takes(static_cast<EventType>(999)));
  const auto some = TypeFilter::parse({"tick,fill", "intent"});
  ASSERT_TRUE(some.has_value());
  EXPECT_TRUE(some->takes(EventType::tick) && some->takes(EventType::fill) && some->takes(EventType::intent));
  EXPECT_FALSE(some->takes(EventType::timer) || some->takes(static_cast<EventType>(999)));
  for (const char* bad : {"", "tikc", "none", "tick,", "tick,,fill"}) {
    const auto refused = TypeFilter::parse({bad});
    ASSERT_FALSE(refused.has_value()) << bad;
    EXPECT_EQ(refused.error().code, ErrorCode::usage);
  }
}

TEST(InstrumentNames, are_collected_from_continuations_and_damage_is_passed_over) {
  InstrumentNames names;
  InstrumentRow row{};
  row.name_bytes = 44;
  names.take(Event::make(0, 3, row, kFlagContinued));
  Continuation text{};
  text.text.fill('A');
  names.take(Event::make(0, 3, text));
  EXPECT_EQ(names.of(3), "");
  text.text[0] = ' ';  // before the currencies
  names.take(Event::make(0, 3, text));
  EXPECT_EQ(names.of(3), std::string(40, 'A'));
  row.name_bytes = 0xffff'ffff;
  names.take(Event::make(0, 4, row, kFlagContinued));
  names.take(Event::make(0, 4, text));
  EXPECT_EQ(names.of(4), "");
  EXPECT_TRUE(is_instrument("XAUUSD@oanda", "XAUUSD") && is_instrument("XAUUSD@oanda", "XAUUSD@oanda"));
  EXPECT_FALSE(is_instrument("XAUUSD@oanda", "XAU") || is_instrument("", "XAU"));
}

TEST(Events, of_a_running_core_are_filtered_counted_and_parse) {
  LiveCore core;
  const auto some = events_of(run_thintail(core.watched_by(
      "events", {"--json", "--type", "tick,fill", "--instrument", "BTCUSD", "--count", "20", "--follow"})));
  ASSERT_EQ(some.size(), 20u);
  std::uint64_t before = 0;
  for (const json& event : some) {
    EXPECT_TRUE(event["type"] == "tick" || event["type"] == "fill");
    EXPECT_THAT(event["instrument_name"].get<std::string>(), testing::StartsWith("BTCUSD"));
    EXPECT_GT(event["sequence"].get<std::uint64_t>(), before);
    before = event["sequence"];
  }
  // From the oldest, without --follow: it ends by itself at what was published when it came.
  const auto oldest = events_of(run_thintail(core.watched_by("events", {"--json"})));
  ASSERT_GT(oldest.size(), 20u);
  EXPECT_EQ(oldest.front()["sequence"], 1);
  EXPECT_EQ(oldest.front()["type"], "session");
  EXPECT_EQ(oldest.back()["sequence"].get<std::uint64_t>(), oldest.size()) << "none left out";
  const auto from_10 = events_of(run_thintail(core.watched_by("events", {"--json", "--from", "10", "--count", "3"})));
  ASSERT_EQ(from_10.size(), 3u);
  EXPECT_EQ(from_10[0]["sequence"], 10);
  const ProcessResult human = run_thintail(core.watched_by("events", {"--type", "tick", "--count", "2"}));
  ASSERT_EQ(lines_of(human.out).size(), 2u) << human.err;
  EXPECT_THAT(human.out, testing::AllOf(HasSubstr("  tick "), HasSubstr("@"), HasSubstr("  bid ")));
}

TEST(Events, a_lapped_observer_says_how_many_it_missed) {
  LiveCore core(20'000, 1'024);
  ASSERT_TRUE(eventually([&] {
    const auto last = events_of(run_thintail(core.watched_by("events", {"--json", "--follow", "--count", "1"})));
    return !last.empty() && last[0]["sequence"].get<std::uint64_t>() > 5'000;
  }));
  const ProcessResult result = run_thintail(core.watched_by("events", {"--from", "2", "--count", "1"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, testing::StartsWith("-- missed "));
  const ProcessResult lines = run_thintail(core.watched_by("events", {"--from", "2", "--count", "1", "--json"}));
  const json missed = json::parse(lines_of(lines.out).at(0));
  EXPECT_GT(missed["missed"].get<std::uint64_t>(), 3'000u);
  EXPECT_EQ(missed["missed"].get<std::uint64_t>() + 2, missed["next_sequence"].get<std::uint64_t>());
}

TEST(Events, following_goes_through_a_restart_and_ends_with_the_core) {
  LiveCore core;
  Process follower = start_thintail(core.watched_by("events", {"--json", "--follow", "--from", "oldest"}));
  ASSERT_TRUE(eventually([&] { return follower.out().find("\"fill\"") != std::string::npos; }));
  core.daemon().signal(SIGKILL);
  core.start(2);
  ASSERT_TRUE(eventually([&] { return follower.out().find("\"epoch\":2") != std::string::npos; })) << follower.err();
  EXPECT_EQ(core.stop().exit_code, 0);
  auto events = events_of(follower.wait());
  std::uint64_t expected = 1;
  for (const json& event : events) {
    ASSERT_EQ(event["sequence"].get<std::uint64_t>(), expected) << "each once and in order, across the restart";
    ++expected;
  }
  // The journals of both epochs hold the same. A journal knows a name only once its events have told it.
  auto recorded = events_of(run_thintail({"events", "--json", "--journal", core.journals()}));
  ASSERT_EQ(recorded.size(), events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    for (json* event : {&events[i], &recorded[i]}) {
      if ((*event)["type"] == "instrument" || (*event)["type"] == "continuation") event->erase("instrument_name");
    }
    ASSERT_TRUE(recorded[i] == events[i]) << recorded[i] << "\n" << events[i];
  }
}

TEST(Events, of_a_journal_are_filtered_and_counted) {
  LiveCore core;
  EXPECT_EQ(core.stop().exit_code, 0);
  const auto of_journal = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"events", "--json", "--journal", core.journal()});
    return events_of(run_thintail(more));
  };
  const auto all = of_journal({});
  ASSERT_GT(all.size(), 20u);
  const auto fills = of_journal({"--type", "fill"});
  EXPECT_EQ(fills.size(), static_cast<std::size_t>(
                              std::ranges::count_if(all, [](const json& event) { return event["type"] == "fill"; })));
  EXPECT_FALSE(fills.empty());
  const auto bitcoin = of_journal({"--instrument", "BTCUSD", "--type", "tick"});
  EXPECT_FALSE(bitcoin.empty());
  for (const json& event : bitcoin) EXPECT_EQ(event["instrument"], bitcoin[0]["instrument"]);
  EXPECT_EQ(of_journal({"--count", "5"}).size(), 5u);
  EXPECT_EQ(of_journal({"--from", "8"}).front()["sequence"], 8);
  EXPECT_TRUE(of_journal({"--from", "latest"}).empty());
  EXPECT_EQ(of_journal({"--follow", "--from", "oldest"}).size(), all.size()) << "a closed journal ends it";
}

TEST(Events, bad_arguments_are_refused_by_name) {
  const auto expect_refusal = [](const std::vector<std::string>& arguments, int exit_code,
                                 const std::vector<std::string>& parts) {
    const ProcessResult result = run_thintail(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
  };
  expect_refusal({"events", "--type", "tikc"}, 64, {"TT-0101", "--type", "the nearest is tick", "\"tikc\""});
  expect_refusal({"events", "--from", "noon"}, 64, {"TT-0101", "--from", "oldest, latest or a sequence number"});
  expect_refusal({"events", "--from", "0"}, 64, {"TT-0101"});
  expect_refusal({"events", "--instance", "nobody", "--shm-directory", "/tmp"}, 1, {"TT-0303"});
  expect_refusal({"events", "--journal", "nowhere.ttj"}, 1, {"TT-02", "nowhere.ttj"});
  LiveCore core;
  expect_refusal(core.watched_by("events", {"--instrument", "ZZZ"}), 64, {"TT-0210", "BTCUSD", "\"ZZZ\""});
  EXPECT_EQ(core.stop().exit_code, 0);
  expect_refusal({"events", "--journal", core.journal(), "--instrument", "ZZZ", "--count", "1"}, 64,
                 {"TT-0210", "BTCUSD", "\"ZZZ\""});
}

}  // namespace
}  // namespace thintail::test
