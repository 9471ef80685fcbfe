// SPDX-License-Identifier: Apache-2.0
// Commands to a core that hangs, or that may have forgotten them: nobody waits in vain, a kill is safe at once, and nothing is done twice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "adapters/http/idempotency.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "core/event/payloads.hpp"
#include "shm/control/control_client.hpp"
#include "shm/segment/core_segment.hpp"
#include "tests/support/gateway_desk.hpp"
#include "tests/support/live_core.hpp"
#include "tools/daemon/kill_latch.hpp"
#include "tools/gateway/command_desk.hpp"
#include "tools/monitor/operator_command.hpp"

namespace thintail::gateway {
namespace {

using nlohmann::json;
using test::HttpReply;
using test::soon;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kMinuteNs = 60 * kSecondNs;

std::atomic<std::int64_t> g_now_ns{1};  // the breaker's clock
std::int64_t test_now() { return g_now_ns.load(std::memory_order_relaxed); }  // relaxed: one number

std::string journal_root(const test::LiveCore& core) {
  return std::filesystem::path(core.journals()).parent_path().string();
}

std::string shm_of(const test::LiveCore& core) { return core.watched_by("stat").back(); }

std::vector<std::uint64_t> command_ids(const test::LiveCore& core) {
  std::vector<std::uint64_t> ids;
  auto reader = JournalReader::open(core.journals());
  EXPECT_TRUE(reader.has_value());
  Event event{};
  while (reader && reader->poll(event)) {
    if (event.type == EventType::command && !event.is_output()) ids.push_back(event.as<Command>().command_id);
  }
  return ids;
}

class HungCore : public ::testing::Test {
 protected:
  CommandDesk desk(std::chrono::milliseconds timeout) const {
    return CommandDesk({.shm_directory = shm_of(core_),
                        .instance = "watched",
                        .journal_directory = journal_root(core_),
                        .timeout = timeout,
                        .clock = test_now});
  }
  bool has_latch() const { return read_kill_latch(journal_root(core_), "watched").has_value(); }
  bool is_killed() const {
    const auto core = shm::CoreView::open(shm_of(core_), "watched");
    shm::GateRow gate{};
    return core && (*core)->run->gate.load(gate) && (gate.flags & shm::kGateKilled) != 0;
  }
  // Until its breaker is open: it stops when the kernel comes to it.
  static bool opens(CommandDesk& at) {
    return soon(
        [&] { return !at.issue(CommandKind::pause, 0, "a test", "here") || at.breaker().phase == BreakerPhase::open; });
  }

  test::LiveCore core_;
};

TEST_F(HungCore, after_three_unanswered_commands_the_fourth_is_refused_at_once_and_a_kill_is_safe_at_once) {
  CommandDesk impatient = desk(std::chrono::milliseconds(30));
  core_.daemon().signal(SIGSTOP);
  for (int i = 0; i < 3; ++i) {
    const auto pause = impatient.issue(CommandKind::pause, 0, "a test", "here");
    ASSERT_TRUE(pause) << pause.error().message();
    EXPECT_EQ(pause->state, CommandState::unknown);
  }
  EXPECT_EQ(impatient.breaker().phase, BreakerPhase::open);
  const auto refused = impatient.issue(CommandKind::pause, 77, "a test", "here");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::core_away);
  EXPECT_NE(refused.error().message().find("3 commands in a row unanswered"), std::string::npos)
      << refused.error().message();
  EXPECT_EQ(impatient.retry_after_s(), 2);
  const auto kill = impatient.issue(CommandKind::kill, 99, "a test", "here");
  ASSERT_TRUE(kill) << kill.error().message();
  EXPECT_EQ(kill->state, CommandState::latched);
  EXPECT_TRUE(kill->is_durable);
  EXPECT_TRUE(has_latch());
  core_.daemon().signal(SIGCONT);
  CommandDesk patient = desk(test::kWatchdog);
  ASSERT_TRUE(soon([&] {
    patient.tend();
    return !has_latch();
  }));
  core_.stop();
  const auto ids = command_ids(core_);
  EXPECT_EQ(std::ranges::count(ids, 99u), 1) << "it was in the queue too, and once";
  EXPECT_EQ(std::ranges::count(ids, 77u), 0) << "what was refused was not sent";
}

TEST_F(HungCore, one_that_answers_again_is_asked_again_by_one_first) {
  CommandDesk impatient = desk(std::chrono::milliseconds(30));
  core_.daemon().signal(SIGSTOP);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(impatient.issue(CommandKind::pause, 0, "a test", "here"));
  g_now_ns.fetch_add(2 * kSecondNs, std::memory_order_relaxed);  // relaxed: one number
  const auto trial = impatient.issue(CommandKind::pause, 0, "a test", "here");
  ASSERT_TRUE(trial) << trial.error().message();
  EXPECT_EQ(trial->state, CommandState::unknown);
  EXPECT_EQ(impatient.breaker().opened, 2u) << "one that still hangs is not asked three times more";
  EXPECT_FALSE(impatient.issue(CommandKind::pause, 0, "a test", "here"));
  core_.daemon().signal(SIGCONT);
  ASSERT_TRUE(soon([&] {
    g_now_ns.fetch_add(2 * kSecondNs, std::memory_order_relaxed);  // relaxed: one number
    const auto again = impatient.issue(CommandKind::pause, 0, "a test", "here");
    return again && again->state == CommandState::applied;
  }));
  EXPECT_EQ(impatient.breaker().phase, BreakerPhase::closed);
}

TEST_F(HungCore, one_that_lives_again_closes_its_breaker_without_a_command) {
  CommandDesk impatient = desk(std::chrono::milliseconds(30));
  core_.daemon().signal(SIGSTOP);
  ASSERT_TRUE(soon([&] {  // it stops when the kernel comes to it
    return !impatient.issue(CommandKind::pause, 0, "a test", "here") || impatient.breaker().phase == BreakerPhase::open;
  }));
  g_now_ns.fetch_add(2 * kSecondNs, std::memory_order_relaxed);  // relaxed: one number
  impatient.tend(false);
  EXPECT_EQ(impatient.breaker().phase, BreakerPhase::open);
  core_.daemon().signal(SIGCONT);
  impatient.tend(true);
  EXPECT_EQ(impatient.breaker().phase, BreakerPhase::closed);
}

TEST_F(HungCore, a_core_that_is_gone_opens_no_breaker_for_the_next_one) {
  CommandDesk at = desk(test::kWatchdog);
  core_.daemon().signal(SIGKILL);
  core_.daemon().wait();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(at.issue(CommandKind::pause, 0, "a test", "here"));
  EXPECT_EQ(at.breaker().phase, BreakerPhase::closed);
  core_.start(2);
  const auto pause = at.issue(CommandKind::pause, 0, "a test", "here");
  ASSERT_TRUE(pause) << pause.error().message();
  EXPECT_EQ(pause->state, CommandState::applied);
}

TEST_F(HungCore, a_kill_tried_again_does_not_keep_the_breaker_open_for_others) {
  CommandDesk impatient = desk(std::chrono::milliseconds(30));
  core_.daemon().signal(SIGSTOP);
  ASSERT_TRUE(opens(impatient));
  for (int i = 0; i < 4; ++i) {
    g_now_ns.fetch_add(kSecondNs / 2, std::memory_order_relaxed);  // relaxed: one number
    ASSERT_TRUE(impatient.issue(CommandKind::kill, 99, "a test", "here"));
  }
  EXPECT_TRUE(impatient.issue(CommandKind::pause, 0, "a test", "here")) << "two seconds are over: it is asked";
  core_.daemon().signal(SIGCONT);
}

TEST_F(HungCore, one_that_was_silent_and_answers_a_kill_needs_no_disk_of_ours) {
  CommandDesk patient = desk(test::kWatchdog);
  CommandDesk impatient = desk(std::chrono::milliseconds(50));
  core_.daemon().signal(SIGSTOP);
  ASSERT_TRUE(opens(impatient));
  core_.daemon().signal(SIGCONT);
  ASSERT_TRUE(soon([&] {
    const auto kill = impatient.issue(CommandKind::kill, 0, "a test", "here");
    if (kill && kill->state == CommandState::applied) return true;
    EXPECT_TRUE(soon([&] {  // a machine too busy for 50 ms: again
      patient.tend();
      return !has_latch();
    }));
    return !opens(impatient);
  }));
  EXPECT_FALSE(has_latch()) << "it was in the queue first";
}

TEST_F(HungCore, kills_at_once_are_each_safe_on_disk) {
  CommandDesk at = desk(test::kWatchdog);
  core_.daemon().signal(SIGKILL);
  core_.daemon().wait();
  std::atomic<int> latched{0};
  std::vector<std::jthread> operators;
  for (int i = 0; i < 6; ++i) {
    operators.emplace_back([&] {
      for (int n = 0; n < 10; ++n) {
        const auto kill = at.issue(CommandKind::kill, 0, "a test", "here");
        if (kill && kill->state == CommandState::latched && has_latch()) ++latched;
      }
    });
  }
  operators.clear();
  EXPECT_EQ(latched, 60);
}

TEST_F(HungCore, a_latch_that_came_meanwhile_is_not_taken_off_for_an_older_one) {
  CommandDesk at = desk(test::kWatchdog);
  core_.daemon().signal(SIGSTOP);
  ASSERT_TRUE(write_kill_latch(journal_root(core_), "watched", {.command_id = 1, .time_ns = 1, .by = "a test"}));
  std::jthread tending([&] { at.tend(); });  // it waits for an answer to the first
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_TRUE(write_kill_latch(journal_root(core_), "watched", {.command_id = 2, .time_ns = 2, .by = "a test"}));
  core_.daemon().signal(SIGCONT);
  tending.join();
  const auto latch = read_kill_latch(journal_root(core_), "watched");
  ASSERT_TRUE(latch) << "nothing has given this one to the core";
  EXPECT_EQ(latch->command_id, 2u);
  ASSERT_TRUE(soon([&] {
    at.tend();
    return !has_latch();
  }));
  core_.stop();
  EXPECT_EQ(std::ranges::count(command_ids(core_), 2u), 1);
}

TEST_F(HungCore, a_reset_that_waited_in_another_queue_does_not_undo_the_kill_after_it) {
  CommandDesk at = desk(std::chrono::milliseconds(100));
  const auto core = shm::CoreView::open(shm_of(core_), "watched");
  ASSERT_TRUE(core);
  core_.daemon().signal(SIGSTOP);
  {
    const auto first_slot = shm::ControlClient::open(shm_of(core_), "watched", core->segment().header().epoch);
    ASSERT_TRUE(first_slot);
    const auto reset = at.issue(CommandKind::reset_kill, 201, "a test", "here");
    ASSERT_TRUE(reset) << reset.error().message();
    EXPECT_EQ(reset->state, CommandState::unknown);
  }
  const auto kill = at.issue(CommandKind::kill, 202, "a test", "here");
  ASSERT_TRUE(kill) << kill.error().message();
  EXPECT_EQ(kill->state, CommandState::latched);
  core_.daemon().signal(SIGCONT);
  CommandDesk patient = desk(test::kWatchdog);
  ASSERT_TRUE(soon([&] {
    patient.tend();
    return !has_latch();
  }));
  EXPECT_TRUE(is_killed()) << "the kill was the last word that anybody was told";
  core_.stop();
  const auto ids = command_ids(core_);
  EXPECT_EQ(std::ranges::count(ids, 201u), 1);
  EXPECT_EQ(std::ranges::count(ids, 202u), 1);
}

TEST_F(HungCore, a_reset_that_was_asked_for_after_the_kill_holds_though_it_was_answered_late) {
  CommandDesk at = desk(std::chrono::milliseconds(100));
  core_.daemon().signal(SIGSTOP);
  const auto kill = at.issue(CommandKind::kill, 202, "a test", "here");
  ASSERT_TRUE(kill) << kill.error().message();
  EXPECT_EQ(kill->state, CommandState::latched);
  const auto reset = at.issue(CommandKind::reset_kill, 201, "a test", "here");
  ASSERT_TRUE(reset) << reset.error().message();
  EXPECT_EQ(reset->state, CommandState::unknown);
  core_.daemon().signal(SIGCONT);
  ASSERT_TRUE(soon([&] {
    at.tend();
    return !has_latch() && !is_killed();
  }));
  core_.stop();
  const auto ids = command_ids(core_);
  EXPECT_EQ(std::ranges::count(ids, 201u), 1);
  EXPECT_EQ(ids.size(), 2u) << "and no other kill was sent";
}

TEST_F(HungCore, over_http_the_refusal_says_when_to_come_back) {
  test::GatewayDesk gateway("watched", shm_of(core_), journal_root(core_),
                            [](GatewayOptions& options) { options.command_timeout = std::chrono::milliseconds(100); });
  ASSERT_TRUE(soon([&] { return gateway.state() == "running"; }));
  core_.daemon().signal(SIGSTOP);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(gateway.post("/api/v1/commands", {{"command", "pause"}}, fmt::format("p{}", i)).status, 202);
  }
  const HttpReply refused = gateway.post("/api/v1/commands", {{"command", "pause"}}, "p3");
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(refused.json()["code"], "TT-0840");
  EXPECT_FALSE(refused.header("Retry-After").empty());
  const HttpReply kill = gateway.post("/api/v1/commands", {{"command", "kill"}}, "k");
  EXPECT_EQ(kill.status, 200) << kill.body;
  EXPECT_EQ(kill.json()["state"], "latched");
  EXPECT_TRUE(has_latch());
  core_.daemon().signal(SIGCONT);
}

// --- commands in doubt ----------------------------------------------------------------------------------------------------

// A model as the feed would have filled it.
class InDoubt : public ::testing::Test {
 protected:
  InDoubt() {
    model_.write([](CoreModel& model) { model.is_filled = true; });
  }
  void add_command(std::uint64_t id, std::uint64_t sequence, std::int64_t time_ns) {
    model_.write([&](CoreModel& model) {
      CommandRow row{.sequence = sequence, .time_ns = time_ns, .command = {}};
      row.command.command_id = id;
      row.command.kind = CommandKind::resume;
      model.commands.push_back(row);
    });
  }
  Result<std::optional<IssuedCommand>> settled(CommandKind kind, std::int64_t age_ns) {
    return desk_.settle(model_, kind, 7, wall_now_ns() - age_ns);
  }

  test::TempFolder folder_;
  CommandDesk desk_{{.shm_directory = folder_.path(),
                     .instance = "nobody",
                     .journal_directory = folder_.path(),
                     .timeout = std::chrono::milliseconds(0)}};
  SharedModel model_;
};

TEST_F(InDoubt, one_that_the_events_tell_of_was_carried_out) {
  add_command(6, 11, wall_now_ns());
  add_command(7, 12, wall_now_ns() - 20 * kMinuteNs);
  for (const CommandKind kind : {CommandKind::resume, CommandKind::flatten, CommandKind::kill, CommandKind::pause}) {
    const auto found = settled(kind, 21 * kMinuteNs);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->state, CommandState::applied);
    EXPECT_EQ((*found)->sequence, 12u);
  }
}

TEST_F(InDoubt, a_young_one_may_be_sent_again_and_an_old_one_only_where_it_sets_a_state) {
  for (const CommandKind kind : {CommandKind::resume, CommandKind::flatten, CommandKind::reset_kill}) {
    const auto young = settled(kind, kMinuteNs);
    ASSERT_TRUE(young);
    EXPECT_FALSE(*young) << "the core tells a repeat";
    const auto old = settled(kind, 10 * kMinuteNs);
    ASSERT_FALSE(old);
    EXPECT_EQ(old.error().code, ErrorCode::idempotency_unknown);
  }
  for (const CommandKind kind : {CommandKind::kill, CommandKind::pause}) {
    const auto old = settled(kind, 600 * kMinuteNs);
    ASSERT_TRUE(old);
    EXPECT_FALSE(*old);
  }
}

TEST_F(InDoubt, a_flood_of_others_since_makes_the_core_forget) {
  for (std::uint64_t i = 0; i < 999; ++i) add_command(100 + i, 100 + i, wall_now_ns());
  EXPECT_TRUE(settled(CommandKind::resume, kMinuteNs));
  add_command(5'000, 5'000, wall_now_ns());
  EXPECT_FALSE(settled(CommandKind::resume, kMinuteNs));
  EXPECT_TRUE(settled(CommandKind::resume, 0)) << "they all came before it";
}

TEST_F(InDoubt, before_any_journal_was_read_nothing_is_told) {
  model_.write([](CoreModel& model) { model.is_filled = false; });
  const auto early = settled(CommandKind::resume, kMinuteNs);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::core_away);
  EXPECT_TRUE(settled(CommandKind::kill, kMinuteNs)) << "a kill waits for nothing";
}

// What a gateway leaves that died between sending a command and learning what became of it.
TEST(Gateway, a_command_in_doubt_is_told_by_its_event_or_not_sent_again_once_it_is_old) {
  test::LiveCore core;
  const std::string who = fmt::format("uid:{}", ::geteuid());
  const json resume = {{"command", "resume"}};
  std::uint64_t done_id = 0;
  std::uint64_t old_id = 0;
  test::GatewayDesk desk("watched", shm_of(core), journal_root(core), [&](GatewayOptions& options) {
    std::filesystem::create_directories(options.state_directory);
    auto store = http::IdempotencyStore::open({.path = options.state_directory + "/idempotency.log"}, wall_now_ns());
    ASSERT_TRUE(store) << store.error().message();
    const auto begin = [&](const char* key, const json& body) {
      const auto begun =
          store->begin(who, "watched /api/v1/commands", key, body.dump(), true, wall_now_ns() - 20 * kMinuteNs);
      EXPECT_TRUE(begun);
      return begun ? begun->id : 0;
    };
    done_id = begin("done", resume);
    old_id = begin("old", resume);
    begin("pausing", {{"command", "pause"}});
    const auto sent = send_command(options.shm_directory, "watched", CommandKind::resume, done_id, test::kWatchdog);
    EXPECT_TRUE(sent && sent->is_applied());
  });
  const HttpReply done = desk.post("/api/v1/commands", resume, "done");
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.json()["state"], "applied");
  EXPECT_TRUE(done.json()["sequence"].is_string());
  EXPECT_EQ(done.json()["command_id"], fmt::format("{}", done_id));
  const HttpReply old = desk.post("/api/v1/commands", resume, "old");
  EXPECT_EQ(old.status, 409) << old.body;
  EXPECT_EQ(old.json()["code"], "TT-0833");
  EXPECT_EQ(desk.post("/api/v1/commands", resume, "old").status, 409) << "it stays in doubt";
  EXPECT_EQ(desk.post("/api/v1/commands", {{"command", "pause"}}, "pausing").status, 200);
  core.stop();
  const auto ids = command_ids(core);
  EXPECT_EQ(std::ranges::count(ids, done_id), 1);
  EXPECT_EQ(std::ranges::count(ids, old_id), 0);
}

}  // namespace
}  // namespace thintail::gateway
