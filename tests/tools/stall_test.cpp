// SPDX-License-Identifier: Apache-2.0
// A disk that stands still under the full load of a live feed: each rung of the back-pressure ladder in its order, nothing
// lost but counted ticks, and a journal whose replay is equal.
//   source  CONTRACTS "Back-pressure", docs/decisions/0002, docs/proofs.md
//
// The checks read nothing but the journal and what the feed says it sent. What each of them is worth is shown by journals
// that were changed afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "adapters/journal/plain_disk.hpp"
#include "shm/control/control_client.hpp"
#include "shm/stream/observer.hpp"
#include "strategies/pipeline/decision_pipeline.hpp"
#include "tests/support/data.hpp"
#include "tests/support/process.hpp"
#include "tests/support/strategy_run.hpp"
#include "tests/support/temp_folder.hpp"
#include "tools/daemon/daemon.hpp"

namespace thintail::test {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kEventSlots = 8'192;
constexpr std::uint64_t kTickSlots = 4'096;
constexpr double kTicksPerSecond = 20'000;  // half of the ring within a fifth of a second
constexpr std::uint64_t kHalf = kEventSlots / 2;
constexpr std::uint64_t kThreeQuarters = kEventSlots / 4 * 3;
constexpr std::uint64_t kHalted = kEventSlots - DecisionPipeline::kOutputsMax;  // no room for one more input beyond it

std::chrono::seconds stall_time() { return std::chrono::seconds(is_long_run() ? 60 : 2); }

// --- the disk --------------------------------------------------------------------------------------------------------

// How a disk stalls: io_uring's answers stay out, or the very call does not return.
enum class StallKind { no_answer, call_blocks };

class Stall {
 public:
  void begin() noexcept { stands_.store(true, std::memory_order_release); }  // S1: pairs S2
  void end() noexcept { stands_.store(false, std::memory_order_release); }  // S1: pairs S2
  bool stands() const noexcept { return stands_.load(std::memory_order_acquire); }  // S2: pairs S1
  // The journal thread was met by it: what was durable before is published.
  bool was_met() const noexcept { return met_.load(std::memory_order_acquire); }  // M2: pairs M1
  void meet() noexcept { met_.store(true, std::memory_order_release); }  // M1: the turns before are over; pairs M2

 private:
  std::atomic<bool> stands_{false};
  std::atomic<bool> met_{false};
};

class StallingDisk final : public JournalDisk {
 public:
  StallingDisk(std::unique_ptr<JournalDisk> disk, StallKind kind, Stall& stall)
      : disk_(std::move(disk)), kind_(kind), stall_(stall) {}

  void start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept override {
    if (kind_ == StallKind::call_blocks) wait_for_end();
    disk_->start(fd, pieces, offset);
  }
  std::optional<DiskOutcome> poll() noexcept override {
    if (!stall_.stands()) return disk_->poll();
    if (kind_ == StallKind::call_blocks) return disk_->poll();  // written before; the next start() is what blocks
    stall_.meet();
    return std::nullopt;
  }
  DiskOutcome wait() noexcept override {
    wait_for_end();
    return disk_->wait();
  }

 private:
  void wait_for_end() noexcept {
    while (stall_.stands()) {
      stall_.meet();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::unique_ptr<JournalDisk> disk_;
  StallKind kind_;
  Stall& stall_;
};

// --- the feed --------------------------------------------------------------------------------------------------------

// Ticks at a rate of their own, numbered, that wait for nobody.
class LiveFeed {
 public:
  bool next(Event& out) {
    if (is_over_.load(std::memory_order_relaxed)) return false;  // relaxed: only ends it
    const auto elapsed = std::chrono::duration<double>(steady_clock::now() - began_).count();
    const std::uint64_t number = sent() + 1;
    if (static_cast<double>(number) > elapsed * kTicksPerSecond) return false;
    const auto id = static_cast<InstrumentId>(number % 2);
    bids_e9_[id] += (static_cast<std::int64_t>(random_() % 401) - 200) * kMilliNs;
    const std::int64_t now_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    out = Event::make(now_ns, id, Tick{bids_e9_[id], bids_e9_[id] + 250 * kMilliNs, 0.0f, 0.0f, now_ns, number});
    sent_.store(number, std::memory_order_release);  // N1: pairs N2
    return true;
  }
  void end() noexcept { is_over_.store(true, std::memory_order_relaxed); }  // relaxed: as above
  bool is_over() const noexcept { return is_over_.load(std::memory_order_relaxed); }  // relaxed: as above
  std::uint64_t sent() const noexcept { return sent_.load(std::memory_order_acquire); }  // N2: pairs N1

 private:
  steady_clock::time_point began_ = steady_clock::now();
  std::mt19937_64 random_{20'140'502};
  std::array<std::int64_t, 2> bids_e9_{1'300 * kE9, 1'300 * kE9};
  std::atomic<bool> is_over_{false};
  std::atomic<std::uint64_t> sent_{0};
};

// --- what a journal must show of a stall -----------------------------------------------------------------------------

struct StalledRun {
  std::vector<Event> events;  // of the journal
  std::uint64_t durable = 0;  // the last sequence on disk while the disk stood still
  std::uint64_t halted_at = 0;  // the last sequence when it began to move again
  std::uint64_t ticks_sent = 0;
};

using Complaints = std::vector<std::string>;

bool has(const Complaints& complaints, std::string_view about) {
  return std::ranges::any_of(complaints, [&](const std::string& text) { return text.starts_with(about); });
}

bool is_session(const Event& event, SessionState state) {
  return event.type == EventType::session && event.as<Session>().state == state;
}

// Every tick that was sent is in the journal or in a Gap, in order.
void check_ticks(const StalledRun& run, Complaints& complaints) {
  std::uint64_t next = 1;
  std::uint64_t missed = 0;
  for (const Event& event : run.events) {
    std::uint64_t first = next;
    std::uint64_t count = 0;
    if (event.type == EventType::tick) {
      first = event.as<Tick>().source_sequence;
      count = 1;
    } else if (event.type == EventType::gap) {
      first = event.as<Gap>().first_sequence;
      count = event.as<Gap>().count;
      missed += count;
    }
    if (first != next) complaints.push_back(fmt::format("ticks: {} where {} was next", first, next));
    next = first + count;
  }
  if (next != run.ticks_sent + 1) complaints.push_back(fmt::format("ticks: end at {} of {}", next - 1, run.ticks_sent));
  if (missed == 0) complaints.emplace_back("gap: a stall of seconds cost no tick");
}

// Announcements come in turns, and from one to the other no order takes on risk.
void check_lag(const StalledRun& run, Complaints& complaints) {
  bool lags = false;
  std::uint64_t refused = 0;
  for (std::size_t i = 0; i < run.events.size(); ++i) {
    const Event& event = run.events[i];
    if (is_session(event, SessionState::journal_lagging)) {
      if (lags) complaints.push_back(fmt::format("turns: {} says again that the journal lags", event.sequence));
      lags = true;
    } else if (is_session(event, SessionState::journal_caught_up)) {
      if (!lags) complaints.push_back(fmt::format("turns: {} ends a lag that nobody announced", event.sequence));
      lags = false;
    }
    if (!lags || event.type != EventType::signal || event.as<Signal>().target_e9 == 0) continue;
    if (i + 1 < run.events.size() && run.events[i + 1].type == EventType::reject) {
      ++refused;
    } else {
      complaints.push_back(fmt::format("risk: the order of signal {} was let pass", event.sequence));
    }
  }
  if (lags) complaints.emplace_back("caught up: never announced");
  if (refused == 0) complaints.emplace_back("risk: nothing was refused");
}

// The rungs, by how much of the ring was taken when each event was appended.
void check_rungs(const StalledRun& run, Complaints& complaints) {
  std::uint64_t lagging_at = 0, caught_up_at = 0, last_tick_at = 0;
  std::uint64_t reports = 0, timers = 0, commands = 0;
  for (const Event& event : run.events) {
    if (event.sequence <= run.durable) continue;
    const std::uint64_t taken = event.sequence - run.durable;  // slots, this one included
    const bool stands = event.sequence <= run.halted_at;
    if (is_session(event, SessionState::journal_caught_up) && caught_up_at == 0) caught_up_at = event.sequence;
    if (!stands) continue;
    if (is_session(event, SessionState::journal_lagging) && lagging_at == 0) lagging_at = taken;
    if (event.type == EventType::tick) last_tick_at = taken;
    if (taken <= kThreeQuarters + DecisionPipeline::kOutputsMax) continue;
    reports += event.type == EventType::fill || event.type == EventType::report;
    timers += event.type == EventType::timer;
    commands += event.type == EventType::command && !event.is_output();
  }
  // An input and its outputs, at most 65 events, may come between two looks at the ladder.
  const std::uint64_t slack = DecisionPipeline::kOutputsMax + 1;
  const auto near = [&](std::uint64_t taken, std::uint64_t rung) {
    return taken + slack >= rung && taken <= rung + slack;
  };
  if (!near(lagging_at, kHalf))
    complaints.push_back(fmt::format("lagging: announced at {} of {}", lagging_at, kEventSlots));
  if (!near(last_tick_at, kThreeQuarters)) {
    complaints.push_back(fmt::format("reserve: the last tick taken at {} of {}", last_tick_at, kEventSlots));
  }
  if (reports == 0) complaints.emplace_back("reserve: no report in it");
  if (timers == 0) complaints.emplace_back("reserve: no timer in it");
  if (commands == 0) complaints.emplace_back("reserve: no command in it");
  const std::uint64_t taken_at_halt = run.halted_at - run.durable;
  if (taken_at_halt <= kHalted)
    complaints.push_back(fmt::format("halt: not reached, {} of {}", taken_at_halt, kEventSlots));
  if (taken_at_halt > kEventSlots) complaints.emplace_back("halt: events that were not durable were overwritten");
  if (caught_up_at <= run.halted_at) complaints.push_back(fmt::format("caught up: at {}", caught_up_at));
}

Complaints complaints_of(const StalledRun& run) {
  Complaints complaints;
  for (std::size_t i = 0; i < run.events.size(); ++i) {
    if (run.events[i].sequence != i + 1) {
      complaints.push_back(fmt::format("sequence: {} in place {}", run.events[i].sequence, i + 1));
      break;
    }
  }
  check_ticks(run, complaints);
  check_lag(run, complaints);
  check_rungs(run, complaints);
  return complaints;
}

// --- a run -----------------------------------------------------------------------------------------------------------

class StallTest : public testing::TestWithParam<StallKind> {
 protected:
  StallTest() {
    settings_ = trading_settings(StrategyKind::fade_last_move);
    settings_.core.instance = "stall";
    settings_.core.wait = WaitKind::park;
    settings_.core.lock_memory = false;
    settings_.shm.directory = folder_.path();
    settings_.shm.events_slots = kEventSlots;
    settings_.shm.ticks_slots = kTickSlots;
    settings_.journal.directory = folder_.path() + "/journal";
    settings_.strategy.cooldown_ms = 5;
    settings_.venue.latency_us = 500'000;  // fills of orders sent before the stall come while ticks are taken no more
  }

  DaemonOptions options(StallKind kind) {
    DaemonOptions made;
    made.settings = settings_;
    made.instruments = &instruments_;
    made.make_disk = [this, kind]() -> std::unique_ptr<JournalDisk> {
      auto disk = kind == StallKind::no_answer ? make_journal_disk() : std::make_unique<PlainDisk>();
      return std::make_unique<StallingDisk>(std::move(disk), kind, stall_);
    };
    return made;
  }

  // Waits as eventually() does, keeping the daemon alive.
  static bool wait_for(Daemon& daemon, const std::function<bool()>& holds) {
    return eventually([&] {
             daemon.keep_alive();
             return holds() || daemon.finished();
           }) &&
           !daemon.finished();
  }

  std::vector<Event> journaled() const {
    std::vector<Event> events;
    auto reader = JournalReader::open(journal_folder(settings_.journal.directory, "stall"));
    EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().message());
    if (!reader) return events;
    for (Event event; reader->poll(event);) events.push_back(event);
    EXPECT_FALSE(reader->error().has_value()) << reader->error()->message();
    EXPECT_TRUE(reader->closed());
    return events;
  }

  void expect_equal_replay() const {
    const ProcessResult result =
        run_thintail({"replay", journal_folder(settings_.journal.directory, "stall"), "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto report = nlohmann::json::parse(result.out, nullptr, false);
    ASSERT_TRUE(report.is_object());
    EXPECT_TRUE(report.value("equal", false));
  }

  TempFolder folder_{kMemoryFolder};  // a disk whose syncs take no time, but for the stall
  Settings settings_;
  InstrumentTable instruments_ = table_of({"XAUUSD", "EURUSD"});
  Stall stall_;
  LiveFeed feed_;
};

// Many clients, so that the engine finds a command at each turn.
class Operators {
 public:
  explicit Operators(const Settings& settings) {
    for (std::uint32_t i = 0; i < shm::kControlSlots; ++i) {
      auto client = shm::ControlClient::open(settings.shm.directory, settings.core.instance, 1);
      EXPECT_TRUE(client.has_value()) << client.error().message();
      if (client) clients_.push_back(*std::move(client));
    }
  }
  // A command that changes nothing, from each of them.
  void send() {
    for (auto& client : clients_) {
      if (client.send(CommandKind::resume, next_id_) == shm::Offered::queued) ++next_id_;
    }
  }

 private:
  std::vector<shm::ControlClient> clients_;
  std::uint64_t next_id_ = 1;
};

TEST_P(StallTest, under_a_live_feed_climbs_the_ladder_in_order_and_loses_nothing_but_counted_ticks) {
  auto live = options(GetParam());
  live.is_live = true;
  live.next_tick = [this](Event& out) { return feed_.next(out); };
  live.feed_has_ended = [this] { return feed_.is_over(); };
  auto made = Daemon::create(std::move(live));
  ASSERT_TRUE(made.has_value()) << made.error().message();
  Daemon& daemon = **made;
  const shm::CoreSegment& core = daemon.core();
  StalledRun run;
  daemon.start();
  auto observer = shm::Observer::from_oldest(*core->events);
  std::uint64_t fills = 0, last_tick = 0, timers = 0;
  const auto look = [&] {
    Event event;
    for (shm::Observed seen = shm::Observed::event; seen != shm::Observed::nothing;) {
      seen = observer.next(event);
      if (seen != shm::Observed::event) continue;
      fills += event.type == EventType::fill;
      timers += event.type == EventType::timer;
      if (event.type == EventType::tick) last_tick = event.as<Tick>().source_sequence;
    }
  };
  ASSERT_TRUE(wait_for(daemon, [&] { return look(), fills > 10; })) << "it never traded";

  // Half, three quarters: only the venue's answers and the timers go on.
  stall_.begin();
  const auto began = steady_clock::now();
  ASSERT_TRUE(wait_for(daemon, [&] { return stall_.was_met(); }));
  run.durable = core->run->durable();
  const auto taken = [&] { return core->events->head() - run.durable; };
  ASSERT_TRUE(wait_for(daemon, [&] { return taken() > kThreeQuarters + DecisionPipeline::kOutputsMax; }));
  look();
  const std::uint64_t timers_before = timers;
  const std::uint64_t sent_before = feed_.sent();
  ASSERT_TRUE(wait_for(daemon, [&] { return look(), timers > timers_before; })) << "no timer flows in the reserve";
  EXPECT_GT(feed_.sent(), sent_before) << "the feed was held back";

  // Full: commands flow until there is no room for one more.
  Operators operators(settings_);
  ASSERT_TRUE(wait_for(daemon, [&] { return operators.send(), taken() > kHalted; }));
  while (steady_clock::now() - began < stall_time()) {
    daemon.keep_alive();
    operators.send();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(core->run->durable(), run.durable);
  EXPECT_FALSE(daemon.finished());
  run.halted_at = core->events->head();
  stall_.end();

  ASSERT_TRUE(wait_for(daemon, [&] { return core->run->durable() > run.halted_at + kEventSlots; }));
  feed_.end();
  ASSERT_TRUE(wait_for(daemon, [&] { return look(), last_tick == feed_.sent(); }))
      << "the feed's last tick is not taken";
  daemon.request_stop();
  const auto joined = daemon.join();
  ASSERT_TRUE(joined.has_value()) << joined.error().message();

  run.ticks_sent = feed_.sent();
  run.events = journaled();
  const Complaints complaints = complaints_of(run);
  EXPECT_TRUE(complaints.empty()) << fmt::format("{}", fmt::join(complaints, "\n"));
  expect_equal_replay();
  std::uint64_t counted = 0;
  for (const Event& event : of_type(run.events, EventType::gap)) counted += event.as<Gap>().count;
  fmt::print("stalled {} s: {} events, {} ticks sent = {} taken + {} counted as missed\n", stall_time().count(),
             run.events.size(), run.ticks_sent, of_type(run.events, EventType::tick).size(), counted);
}

INSTANTIATE_TEST_SUITE_P(, StallTest, testing::Values(StallKind::no_answer, StallKind::call_blocks),
                         [](const auto& tested) {
                           return tested.param == StallKind::no_answer ? "no_answer" : "call_blocks";
                         });

// In simulated time nothing is lost either, and nothing even shows: the driver waits.
TEST_F(StallTest, in_simulated_time_the_driver_waits_and_the_journal_is_that_of_a_disk_that_works) {
  const std::vector<Event> ticks = random_ticks(7, 30'000, 2);
  const auto run = [&](bool stalls) {
    EventList source(ticks);
    std::size_t given = 0;
    auto simulated = options(StallKind::no_answer);
    simulated.settings.journal.directory = settings_.journal.directory =
        folder_.path() + (stalls ? "/stalled" : "/works");
    simulated.next_tick = [&](Event& out) { return source.poll(out) && ++given > 0; };
    simulated.feed_has_ended = [&] { return given == ticks.size(); };
    auto daemon = Daemon::create(std::move(simulated));
    EXPECT_TRUE(daemon.has_value()) << daemon.error().message();
    if (!daemon) return std::vector<Event>();
    if (stalls) stall_.begin();
    (*daemon)->start();
    if (stalls) {
      const auto& core = (*daemon)->core();
      EXPECT_TRUE(wait_for(**daemon, [&] { return stall_.was_met() && core->events->head() >= kHalf - 64; }));
      std::uint64_t head = 0;
      EXPECT_TRUE(wait_for(**daemon, [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return std::exchange(head, core->events->head()) == core->events->head();
      })) << "the driver does not wait";
      EXPECT_LT(given, ticks.size());
      stall_.end();
    }
    EXPECT_TRUE((*daemon)->join().has_value());
    (*daemon)->remove_segment();
    return journaled();
  };
  const std::vector<Event> worked = run(false);
  const std::vector<Event> stalled = run(true);
  EXPECT_EQ(of_type(worked, EventType::tick).size(), ticks.size());
  EXPECT_TRUE(of_type(stalled, EventType::gap).empty());
  EXPECT_TRUE(test::same_bytes(std::span(worked), std::span(stalled)));
}

// --- what the checks are worth ---------------------------------------------------------------------------------------

// A journal that climbs and comes down as it should, made by hand: what changes it must be noticed.
StalledRun good_run() {
  StalledRun run;
  std::uint64_t tick = 0;
  const auto add = [&](auto payload) {
    Event event = Event::make(1, 0, payload);
    event.sequence = run.events.size() + 1;
    run.events.push_back(event);
  };
  const auto add_ticks_until = [&](std::uint64_t sequence) {
    while (run.events.size() < sequence) add(Tick{1, 2, 0, 0, 0, ++tick});
  };
  const auto session = [](SessionState state) { return Session{state, 0, 0, 0, {}}; };
  add(session(SessionState::started));
  run.durable = 1'000;
  add_ticks_until(run.durable + kHalf);
  add(session(SessionState::journal_lagging));
  add(Signal{1, kE9, 0, 0, 0, 0, 0, 0});
  add(Reject{});
  add_ticks_until(run.durable + kThreeQuarters);
  for (int i = 0; i < 100; ++i) add(Fill{});
  add(Timer{});
  while (run.events.size() < run.durable + kHalted + 1) add(Command{1, CommandKind::resume, 1, 0, {}});
  run.halted_at = run.events.size();
  add(Gap{500, tick + 1, {}});
  tick += 500;
  add(session(SessionState::journal_caught_up));
  add_ticks_until(run.events.size() + 100);
  run.ticks_sent = tick;
  return run;
}

TEST(StallChecks, notice_a_rung_that_is_missing_or_ticks_that_nobody_counted) {
  const StalledRun good = good_run();
  ASSERT_TRUE(complaints_of(good).empty()) << fmt::format("{}", fmt::join(complaints_of(good), "\n"));
  const auto place_of = [&](auto matches) {
    return static_cast<std::size_t>(std::ranges::find_if(good.events, matches) - good.events.begin());
  };
  const auto changed = [&](const std::function<void(StalledRun&)>& change) {
    StalledRun run = good;
    change(run);
    return complaints_of(run);
  };
  const auto replaced = [&](std::size_t place, auto payload) {
    return changed([&](StalledRun& run) {
      Event event = Event::make(1, 0, payload);
      event.sequence = run.events[place].sequence;
      run.events[place] = event;
    });
  };
  const std::size_t lagging = place_of([](const Event& e) { return is_session(e, SessionState::journal_lagging); });
  const std::size_t caught_up = place_of([](const Event& e) { return is_session(e, SessionState::journal_caught_up); });
  const std::size_t gap = place_of([](const Event& e) { return e.type == EventType::gap; });
  const std::size_t reject = place_of([](const Event& e) { return e.type == EventType::reject; });
  const std::size_t command = place_of([](const Event& e) { return e.type == EventType::command; });
  const Gap counted = good.events[gap].as<Gap>();

  EXPECT_TRUE(has(replaced(lagging, Timer{}), "lagging")) << "the first rung is left out";
  EXPECT_TRUE(has(replaced(caught_up, Timer{}), "caught up")) << "its end is left out";
  EXPECT_TRUE(has(replaced(reject, Intent{}), "risk")) << "risk taken on while the journal lags";
  EXPECT_TRUE(has(replaced(command, Tick{1, 2, 0, 0, 0, counted.first_sequence}), "reserve"))
      << "a tick in the reserve";
  EXPECT_TRUE(has(replaced(gap, Gap{counted.count - 1, counted.first_sequence, {}}), "ticks")) << "a tick not counted";
  EXPECT_TRUE(has(replaced(gap, Timer{}), "gap")) << "no tick counted";
  EXPECT_TRUE(has(changed([](StalledRun& run) { ++run.ticks_sent; }), "ticks")) << "the last one lost";
  EXPECT_TRUE(has(changed([](StalledRun& run) { run.halted_at -= 200; }), "halt")) << "never full";
  EXPECT_TRUE(has(changed([](StalledRun& run) { run.durable -= 200; }), "halt")) << "overwritten before it was durable";
  EXPECT_TRUE(has(changed([&](StalledRun& run) { run.events.erase(run.events.begin() + 5); }), "sequence"));
  const auto without = [&](EventType type) {
    return changed([&](StalledRun& run) {
      for (Event& event : run.events) {
        if (event.type != type) continue;
        Event other = Event::make(1, 0, Bar{});
        other.sequence = event.sequence;
        event = other;
      }
    });
  };
  EXPECT_TRUE(has(without(EventType::fill), "reserve: no report"));
  EXPECT_TRUE(has(without(EventType::timer), "reserve: no timer"));
  EXPECT_TRUE(has(without(EventType::command), "reserve: no command"));
}

}  // namespace
}  // namespace thintail::test
