// SPDX-License-Identifier: Apache-2.0
// `thintail ctl` on running daemons: what is asked for happens once, is on disk when it says so, outlives a kill -9, and replays.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/journal/journal_files.hpp"
#include "shm/control/control_client.hpp"
#include "shm/segment/core_segment.hpp"
#include "strategies/risk/risk_gate.hpp"
#include "tests/support/journal.hpp"
#include "tests/support/process.hpp"
#include "tools/daemon/kill_latch.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

class CtlTest : public testing::Test {
 protected:
  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;

  // A live simulator, busy enough to hold positions within a tenth of a second.
  void configure(const std::string& more = "") const {
    std::ofstream(config()) << "[core]\ninstance = \"ctl\"\ninstruments_max = 8\n[shm]\ndirectory = \"" << shm_.path()
                            << "\"\nevents_slots = 16384\nticks_slots = 4096\n[simulator]\nduration_s = 0\n"
                            << "instruments = [\"BTCUSD\", \"ETHUSD\"]\nticks_per_second = 300\n"
                            << "[strategy]\nkind = \"fade_last_move\"\ncooldown_ms = 5\n"
                            << "[strategy.quantity]\nBTCUSD = \"1\"\nETHUSD = \"1\"\n"
                            << "[risk.default]\nmax_order_quantity = \"1000000\"\nmax_position = \"1000000\"\n"
                            << "max_quote_age_ms = 60_000\nmax_orders_per_second = 1_000\n[journal]\ndirectory = \""
                            << folder_.path() << "/journal\"\n"
                            << more;
  }
  std::string config() const { return folder_.path() + "/thintail.toml"; }
  std::string journal_path() const { return journal_folder(folder_.path() + "/journal", "ctl"); }

  Process start(std::uint32_t epoch) const {
    Process daemon = start_thintail({"run", "--config", config()});
    EXPECT_TRUE(eventually([&] {
      const auto core = view();
      return core && core->segment().header().epoch >= epoch && (*core)->ticks->head() > 10;
    })) << daemon.err();
    return daemon;
  }
  Result<shm::CoreView> view() const { return shm::CoreView::open(shm_.path(), "ctl"); }
  static void end(Process& daemon) {
    daemon.signal(SIGTERM);
    const ProcessResult ended = daemon.wait();
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
  }
  static void kill(Process& daemon) {
    daemon.signal(SIGKILL);
    EXPECT_EQ(daemon.wait().exit_code, 128 + SIGKILL);
  }

  ProcessResult send(const std::string& action, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"ctl",       action,      "--instance", "ctl", "--shm-directory",
                                          shm_.path(), "--timeout", "60s"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_thintail(arguments);
  }
  json send_json(const std::string& action, std::vector<std::string> more = {}) const {
    more.emplace_back("--json");
    const ProcessResult result = send(action, more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out, nullptr, false);
  }
  // The sequence of the Command event that a command became.
  std::uint64_t applied(const std::string& action) const {
    const json outcome = send_json(action);
    EXPECT_EQ(outcome.value("state", ""), "applied") << action;
    EXPECT_TRUE(outcome.value("durable", false));
    return outcome.value("sequence", std::uint64_t{0});
  }
  void wait_for_events(std::uint64_t more) const {
    const std::uint64_t from = (*view())->events->head();
    EXPECT_TRUE(eventually([&] { return (*view())->events->head() >= from + more; }));
  }
  bool is_flat() const {
    const auto core = view();
    for (std::uint64_t id = 0; id < 2; ++id) {
      shm::PositionRow row{};
      if (!(*(*core)->positions)[id].load(row) || row.quantity_e9 != 0) return false;
    }
    return true;
  }

  std::vector<Event> recorded() const {
    std::vector<Event> all;
    auto reader = JournalReader::open(journal_path());
    EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().message());
    for (Event event; reader && reader->poll(event);) all.push_back(event);
    return all;
  }
  static std::size_t count(const std::vector<Event>& all, EventType type, std::uint64_t from, std::uint64_t to) {
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [&](const Event& event) { return event.type == type && event.sequence > from && event.sequence < to; }));
  }
  void expect_replays(std::uint32_t epochs) const {
    const ProcessResult result = run_thintail({"replay", journal_path(), "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const json report = json::parse(result.out, nullptr, false);
    ASSERT_TRUE(report.is_object());
    EXPECT_TRUE(report.value("equal", false));
    EXPECT_EQ(report.value("epochs", 0u), epochs);
  }
};

constexpr std::uint64_t kEnd = ~std::uint64_t{0};

TEST_F(CtlTest, a_kill_blocks_every_intent_through_a_crash_until_it_is_reset) {
  configure();
  Process first = start(1);
  wait_for_events(300);
  const std::uint64_t killed = applied("kill");
  wait_for_events(300);
  kill(first);
  Process second = start(2);
  const std::uint64_t restarted = (*view())->events->first_sequence();
  wait_for_events(500);
  kill(second);  // and through a second one: it was journaled again
  Process third = start(3);
  wait_for_events(300);
  const std::uint64_t reset = applied("reset-kill");
  EXPECT_TRUE(eventually([&] { return !is_flat(); }));
  wait_for_events(500);
  end(third);

  const auto all = recorded();
  EXPECT_GT(count(all, EventType::intent, 0, killed), 0u);
  EXPECT_EQ(count(all, EventType::intent, killed, reset), 0u);
  EXPECT_GT(count(all, EventType::intent, reset, kEnd), 0u);
  EXPECT_GT(count(all, EventType::reject, restarted, reset), 0u);
  for (const Event& event : all) {
    if (event.type != EventType::reject || event.sequence < killed || event.sequence > reset) continue;
    EXPECT_EQ(event.as<Reject>().rule, static_cast<std::uint16_t>(RiskRule::kill_latched));
  }
  expect_replays(3);

  // After the reset nothing is left to carry.
  Process fourth = start(4);
  const std::uint64_t after_reset = (*view())->events->first_sequence();
  EXPECT_TRUE(eventually([&] { return !is_flat(); }));
  wait_for_events(500);
  end(fourth);
  EXPECT_EQ(count(recorded(), EventType::command, after_reset, kEnd), 0u);
  expect_replays(4);
}

TEST_F(CtlTest, a_kill_that_was_asked_for_while_no_core_ran_is_in_force_before_the_first_tick) {
  configure();
  const std::string journals = folder_.path() + "/journal";
  ASSERT_TRUE(write_kill_latch(journals, "ctl", {.command_id = 7, .time_ns = 1, .by = "a test"}));
  Process first = start(1);
  wait_for_events(500);
  EXPECT_TRUE(eventually([&] { return !read_kill_latch(journals, "ctl").has_value(); }))
      << "once the journal has the kill, the file says nothing new";
  EXPECT_NE(first.err().find("killed by a test while no core ran"), std::string::npos) << first.err();
  kill(first);
  Process second = start(2);
  wait_for_events(500);
  const std::uint64_t reset = applied("reset-kill");
  EXPECT_TRUE(eventually([&] { return !is_flat(); }));
  end(second);
  const auto all = recorded();
  EXPECT_EQ(count(all, EventType::intent, 0, reset), 0u);
  EXPECT_GT(count(all, EventType::reject, 0, reset), 0u);
  expect_replays(2);

  // A file that nobody can read is a kill as well.
  std::ofstream(kill_latch_path(journals, "ctl")) << "rubbish";
  Process third = start(3);
  const std::uint64_t restarted = (*view())->events->first_sequence();
  wait_for_events(500);
  end(third);
  EXPECT_EQ(count(recorded(), EventType::intent, restarted, kEnd), 0u);
}

TEST_F(CtlTest, a_pause_outlives_a_crash_and_takes_no_new_risk) {
  configure();
  Process first = start(1);
  EXPECT_TRUE(eventually([&] { return !is_flat(); }));
  applied("flatten");
  EXPECT_TRUE(eventually([&] { return is_flat(); })) << "flatten closes what is held";
  kill(first);
  Process second = start(2);
  const std::uint64_t restarted = (*view())->events->first_sequence();
  wait_for_events(500);
  EXPECT_TRUE(is_flat() || count(recorded(), EventType::position, restarted, kEnd) == 0);
  const std::uint64_t resumed = applied("resume");
  EXPECT_TRUE(eventually([&] { return !is_flat(); }));
  const std::uint64_t paused = applied("pause");
  EXPECT_GT(paused, resumed);
  wait_for_events(200);
  end(second);
  const auto all = recorded();
  EXPECT_EQ(count(all, EventType::intent, restarted, resumed), 0u);
  EXPECT_GT(count(all, EventType::intent, resumed, paused), 0u);
  expect_replays(2);

  Process third = start(3);  // an orderly end keeps a pause as well
  wait_for_events(300);
  end(third);
  const auto later = recorded();
  const auto latch = std::ranges::find_if(
      later, [&](const Event& event) { return event.type == EventType::command && event.sequence > paused; });
  ASSERT_NE(latch, later.end());
  EXPECT_EQ(latch->as<Command>().kind, CommandKind::pause);
  EXPECT_EQ(latch->as<Command>().actor, 0);
  EXPECT_TRUE((latch->flags & kFlagSnapshot) != 0);
  expect_replays(3);
}

TEST_F(CtlTest, a_command_sent_again_is_answered_and_not_repeated) {
  configure();
  Process first = start(1);
  const json once = send_json("pause", {"--id", "12345"});
  EXPECT_EQ(once["state"], "applied");
  EXPECT_EQ(once["id"], "12345");
  const json again = send_json("pause", {"--id", "12345"});
  EXPECT_EQ(again["state"], "repeated");
  EXPECT_EQ(again["sequence"], once["sequence"]);
  kill(first);
  Process second = start(2);
  const json later = send_json("pause", {"--id", "12345"});  // whoever missed the answer may ask the next core
  EXPECT_EQ(later["state"], "repeated");
  EXPECT_EQ(later["sequence"], once["sequence"]);
  EXPECT_EQ(send_json("pause", {"--id", "12346"})["state"], "applied");
  end(second);
  std::size_t of_that_id = 0;
  for (const Event& event : recorded()) {
    if (event.type == EventType::command && event.as<Command>().command_id == 12345) ++of_that_id;
  }
  EXPECT_EQ(of_that_id, 1u);
  expect_replays(2);
}

TEST_F(CtlTest, takes_commands_in_simulated_time_too) {
  // A file plays in its own time, here 50 times as fast: an hour that gives us a minute to ask in.
  configure();
  const std::string ticks = folder_.path() + "/oanda_xauusd_tick_20140502.csv";
  {
    std::ofstream out(ticks);
    for (int i = 0; i < 36'000; ++i) {
      const char* price = i % 2 == 0 ? "1284.100,1284.300" : "1284.200,1284.400";
      out << 36'000'000 + i * 100 << ',' << price << '\n';
    }
  }
  Process daemon = start_thintail({"run", "--config", config(), "--set", "feed.kind=files", "--set",
                                   "feed.files=" + ticks, "--set", "feed.speed=50x", "--clock", "utc"});
  EXPECT_TRUE(eventually([&] { return view().has_value(); }, std::chrono::seconds(20))) << daemon.err();
  const std::uint64_t paused = applied("pause");
  const std::uint64_t killed = applied("kill");
  EXPECT_GT(killed, paused);
  end(daemon);
  std::int64_t last_ns = 0;
  for (const Event& event : recorded()) {
    EXPECT_GE(event.time_ns, last_ns);
    last_ns = event.time_ns;
    if (event.sequence != paused && event.sequence != killed) continue;
    EXPECT_EQ(event.type, EventType::command);
    EXPECT_TRUE((event.flags & kFlagSimulated) != 0);
  }
  expect_replays(1);
}

TEST_F(CtlTest, says_what_it_did_in_words) {
  configure();
  Process daemon = start(1);
  const ProcessResult sent = send("pause");
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_TRUE(sent.out.starts_with("applied sequence ")) << sent.out;
  EXPECT_TRUE(sent.out.ends_with(" (durable)\n")) << sent.out;
  end(daemon);
  const ProcessResult late = send("kill");
  EXPECT_EQ(late.exit_code, 1);
  EXPECT_NE(late.err.find("TT-0303"), std::string::npos) << late.err;
  EXPECT_FALSE(std::filesystem::exists(shm_.path() + "/thintail-ctl.control")) << "an orderly end takes it away";
}

TEST_F(CtlTest, a_core_without_a_journal_says_so) {
  configure("enabled = false\n");
  Process daemon = start(1);
  const ProcessResult sent = send("kill");
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_NE(sent.out.find("(no journal)"), std::string::npos) << sent.out;
  end(daemon);
}

TEST_F(CtlTest, a_core_that_does_not_answer_leaves_the_command_unknown) {
  configure();
  Process daemon = start(1);
  daemon.signal(SIGSTOP);
  const ProcessResult sent = run_thintail({"ctl", "kill", "--instance", "ctl", "--shm-directory", shm_.path(),
                                           "--timeout", "50ms", "--id", "77", "--json"});
  EXPECT_EQ(sent.exit_code, 1);
  EXPECT_NE(sent.err.find("unknown: no answer within 50ms"), std::string::npos) << sent.err;
  EXPECT_EQ(json::parse(sent.out, nullptr, false).value("state", ""), "unknown");
  daemon.signal(SIGCONT);
  // What it left in the queue is carried out all the same, once.
  const json again = send_json("kill", {"--id", "77"});
  EXPECT_EQ(again["durable"], true);
  end(daemon);
  EXPECT_EQ(count(recorded(), EventType::command, 0, kEnd), 1u);
  expect_replays(1);
}

TEST_F(CtlTest, a_dead_client_leaves_its_slot_to_others) {
  configure();
  Process daemon = start(1);
  for (std::uint32_t i = 0; i < 3 * shm::kControlSlots; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto client = shm::ControlClient::open(shm_.path(), "ctl", 1);
      ::kill(::getpid(), client ? SIGKILL : SIGTERM);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WTERMSIG(status), SIGKILL) << "client " << i << " got no slot";
  }
  applied("pause");
  end(daemon);
}

TEST_F(CtlTest, refuses_what_it_does_not_understand) {
  const auto expect = [&](std::vector<std::string> arguments, int exit_code, const std::string& text) {
    arguments.insert(arguments.begin(), "ctl");
    const ProcessResult result = run_thintail(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
  };
  expect({}, 64, "ACTION");
  expect({"explode"}, 64, "explode");
  expect({"kill", "--timeout", "soon"}, 64, "--timeout");
  expect({"kill", "--id", "0"}, 64, "--id");
  expect({"kill", "--instance", "nobody", "--shm-directory", shm_.path()}, 1, "TT-0303");
  expect({"kill", "--instance", "../etc", "--shm-directory", shm_.path()}, 64, "TT-0104");
}

}  // namespace
}  // namespace thintail::test
