// SPDX-License-Identifier: Apache-2.0
// `thintail run` as a process: watched by others, ended in order, killed, restarted, and left without its segment or
// its disk.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/journal/journal_files.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/stream/observer.hpp"
#include "strategies/pipeline/preamble.hpp"
#include "strategies/risk/risk_gate.hpp"
#include "tests/support/data.hpp"
#include "tests/support/journal.hpp"
#include "tests/support/process.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

constexpr const char* kLimits =
    "[risk.default]\nmax_order_quantity = \"1000000\"\nmax_position = \"1000000\"\nmax_quote_age_ms = 60_000\n"
    "max_orders_per_second = 1_000\n";

// What another process sees of a core: every event that it published while we looked.
class Onlooker {
 public:
  // Nothing where the segment in force is of an epoch before `epoch_min`.
  static std::optional<Onlooker> attach(const std::string& directory, std::uint32_t epoch_min) {
    auto view = shm::CoreView::open(directory, "e2e");
    if (!view || view->segment().header().epoch < epoch_min) return std::nullopt;
    return Onlooker(*std::move(view));
  }
  void look() {
    Event event;
    while (true) {
      switch (observer_.next(event)) {
        case shm::Observed::nothing: return;
        case shm::Observed::event: seen_.push_back(event); break;
        case shm::Observed::lapped: ADD_FAILURE() << "lapped: the test looked too seldom"; break;
      }
    }
  }
  const std::vector<Event>& seen() const noexcept { return seen_; }
  const shm::CoreView& core() const noexcept { return view_; }

 private:
  explicit Onlooker(shm::CoreView view)
      : view_(std::move(view)),
        observer_(shm::Observer::from_sequence(*view_->events, view_->events->first_sequence())) {}
  shm::CoreView view_;
  shm::Observer observer_;
  std::vector<Event> seen_;
};

// All that an instance's journals hold.
struct Recorded {
  std::map<std::uint64_t, Event> events;  // by sequence
  std::uint32_t last_epoch = 0;
  bool closed = false;

  std::vector<Event> of(EventType type) const {
    std::vector<Event> out;
    for (const auto& [sequence, event] : events) {
      if (event.type == type) out.push_back(event);
    }
    return out;
  }
  std::size_t sessions(SessionState state) const {
    const auto all = of(EventType::session);
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [&](const Event& event) { return event.as<Session>().state == state; }));
  }
};

class DaemonTest : public testing::Test {
 protected:
  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;

  // A live simulator, busy enough to hold positions within a tenth of a second.
  void configure(const std::string& more, double ticks_per_second = 300, unsigned events_slots = 16'384) const {
    std::ofstream(config())
        << "[core]\ninstance = \"e2e\"\ninstruments_max = 8\n[shm]\ndirectory = \"" << shm_.path()
        << "\"\nevents_slots = " << events_slots << "\nticks_slots = 4096\n[simulator]\nduration_s = 0\n"
        << "instruments = [\"BTCUSD\", \"ETHUSD\"]\nticks_per_second = " << ticks_per_second
        << "\n[strategy]\nkind = \"fade_last_move\"\ncooldown_ms = 5\n[strategy.quantity]\nBTCUSD = \"1\"\n"
        << "ETHUSD = \"1\"\n[journal]\ndirectory = \"" << journals() << "\"\n"
        << more;
  }
  std::string config() const { return folder_.path() + "/thintail.toml"; }
  std::string journals() const { return folder_.path() + "/journal"; }
  std::string journal_folder_path() const { return journal_folder(journals(), "e2e"); }
  std::string segment() const { return shm_.path() + "/thintail-e2e"; }

  Process start() const { return start_thintail({"run", "--config", config()}); }
  Onlooker attached(const Process& daemon, std::uint32_t epoch) const {
    std::optional<Onlooker> onlooker;
    if (!eventually([&] { return (onlooker = Onlooker::attach(shm_.path(), epoch)).has_value(); })) {
      throw std::runtime_error("no core of epoch " + std::to_string(epoch) + ": " + daemon.err());
    }
    return *std::move(onlooker);
  }
  // Looks until `count` events of `type` were seen.
  static void look_for(Onlooker& onlooker, EventType type, std::size_t count) {
    EXPECT_TRUE(eventually([&] {
      onlooker.look();
      return std::ranges::count(onlooker.seen(), type, &Event::type) >= static_cast<std::ptrdiff_t>(count);
    })) << "too few events of type "
        << static_cast<int>(type);
  }
  std::vector<std::string> stat_arguments() const {
    return {"stat", "--instance", "e2e", "--shm-directory", shm_.path(), "--json", "--interval", "50ms"};
  }
  json stat() const {
    auto arguments = stat_arguments();
    arguments.insert(arguments.end(), {"--count", "1"});
    const ProcessResult result = run_thintail(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out, nullptr, false);
  }
  ProcessResult end(Process& daemon) const {
    daemon.signal(SIGTERM);
    return daemon.wait();
  }
  static void kill(Process& daemon) {
    daemon.signal(SIGKILL);
    EXPECT_EQ(daemon.wait().exit_code, 128 + SIGKILL);
  }
  // Also checks that numbers follow on without a hole.
  Recorded recorded() const {
    Recorded all;
    auto reader = JournalReader::open(journal_folder_path());
    EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().message());
    if (!reader) return all;
    for (Event event; reader->poll(event); all.last_epoch = reader->header().epoch) {
      if (!all.events.empty()) {
        EXPECT_EQ(event.sequence, all.events.rbegin()->first + 1);
      }
      all.events.emplace(event.sequence, event);
    }
    EXPECT_FALSE(reader->error().has_value()) << reader->error()->message();
    all.closed = reader->closed();
    return all;
  }
  void expect_replays(std::uint32_t epochs) const {
    const ProcessResult result = run_thintail({"replay", journal_folder_path(), "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const json report = json::parse(result.out, nullptr, false);
    ASSERT_TRUE(report.is_object());
    EXPECT_TRUE(report.value("equal", false));
    EXPECT_EQ(report.value("epochs", 0u), epochs);
  }
};

std::size_t missing_from(const Recorded& all, std::span<const Event> seen) {
  return static_cast<std::size_t>(std::ranges::count_if(seen, [&](const Event& event) {
    const auto found = all.events.find(event.sequence);
    return found == all.events.end() || !same_bytes(found->second, event);
  }));
}

// Each run begins with the positions that the run before it ended with. Runs that were cut off before they began count
// for nothing.
void expect_positions_carried(const Recorded& all) {
  using Positions = std::map<std::uint32_t, Position>;
  Positions held, carried;
  std::optional<PreambleReader> preamble;
  const auto is_flat = [](const auto& entry) {
    return entry.second.quantity_e9 == 0 && entry.second.realised_low == 0 && entry.second.realised_high == 0;
  };
  for (const auto& [sequence, event] : all.events) {
    if (event.type == EventType::session && event.as<Session>().state == SessionState::started) {
      preamble.emplace();
      carried.clear();
    }
    if (preamble && preamble->take(event)) {
      if (event.type == EventType::position) carried[event.instrument] = event.as<Position>();
      continue;
    }
    if (preamble) {
      std::erase_if(held, is_flat);
      EXPECT_EQ(carried.size(), held.size()) << "before event " << sequence;
      for (const auto& [id, position] : carried) {
        EXPECT_EQ(std::memcmp(&position, &held[id], sizeof position), 0) << "before event " << sequence;
      }
      held = carried;
      preamble.reset();
    }
    if (event.type == EventType::position) held[event.instrument] = event.as<Position>();
  }
}

void expect_order_ids_unique(const Recorded& all) {
  std::set<std::uint64_t> ids;
  for (const Event& event : all.of(EventType::intent)) {
    EXPECT_TRUE(ids.insert(event.as<Intent>().client_order_id).second) << "event " << event.sequence;
  }
}

TEST(DaemonChecks, notice_an_event_that_is_lost_or_changed) {
  const std::vector<Event> published = numbered_events(1, 3);
  Recorded all;
  for (const Event& event : published) all.events.emplace(event.sequence, event);
  EXPECT_EQ(missing_from(all, published), 0u);
  all.events[2].payload[0] ^= std::byte{1};
  EXPECT_EQ(missing_from(all, published), 1u);
  all.events.erase(3);
  EXPECT_EQ(missing_from(all, published), 2u);
}

TEST_F(DaemonTest, is_seen_by_another_process_and_ends_in_order) {
  configure(kLimits);
  Process daemon = start();
  Onlooker onlooker = attached(daemon, 1);
  look_for(onlooker, EventType::position, 2);

  const json first = stat();
  EXPECT_EQ(first["state"], "running");
  EXPECT_EQ(first["epoch"], 1);
  EXPECT_EQ(first["pid"], daemon.pid());
  std::set<std::string> threads;
  for (const json& row : first["threads"]) {
    threads.insert(row["name"].get<std::string>());
    EXPECT_EQ(row["state"], "running");
  }
  EXPECT_EQ(threads, (std::set<std::string>{"engine", "feed", "journal", "venue"}));
  EXPECT_EQ(first["quotes"].size(), 2u);
  EXPECT_FALSE(first["positions"].empty());
  EXPECT_TRUE(first["latency_ns"].contains("tick_to_intent"));
  EXPECT_TRUE(first["latency_ns"].contains("tick_with_intent"));
  EXPECT_TRUE(eventually([&] { return stat()["quotes"] != first["quotes"]; })) << "quotes stand still";

  const ProcessResult ended = end(daemon);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(stat()["state"], "stopped");
  onlooker.look();
  const Recorded all = recorded();
  EXPECT_TRUE(all.closed);
  EXPECT_EQ(missing_from(all, onlooker.seen()), 0u);
  ASSERT_FALSE(all.events.empty());
  const Event& last = all.events.rbegin()->second;
  ASSERT_EQ(last.type, EventType::session);
  EXPECT_EQ(last.as<Session>().state, SessionState::stopping);
  expect_replays(1);
}

TEST_F(DaemonTest, goes_on_after_a_kill_where_it_was) {
  configure(kLimits);
  Process killed = start();
  Onlooker before = attached(killed, 1);
  look_for(before, EventType::position, 3);
  kill(killed);
  before.look();
  ASSERT_FALSE(before.seen().empty());
  EXPECT_EQ(stat()["state"], "dead");

  Process daemon = start();
  Onlooker after = attached(daemon, 2);
  look_for(after, EventType::tick, 10);
  EXPECT_EQ(after.seen().front().sequence, before.seen().back().sequence + 1);
  EXPECT_EQ(stat()["epoch"], 2);
  const ProcessResult ended = end(daemon);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_NE(ended.err.find("carried over: "), std::string::npos) << ended.err;

  const Recorded all = recorded();
  EXPECT_EQ(all.last_epoch, 2u);
  EXPECT_EQ(missing_from(all, before.seen()), 0u);
  expect_positions_carried(all);
  expect_order_ids_unique(all);
  expect_replays(2);
}

TEST_F(DaemonTest, loses_nothing_however_often_it_is_killed) {
  configure(kLimits);
  const int cycles = is_long_run() ? 200 : 20;
  std::mt19937_64 random(20'140'502);
  std::vector<Event> published;
  std::uint32_t epoch = 0;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    Process daemon = start();
    // Half of them die at any point of their start, the others a little later.
    const auto life = std::chrono::milliseconds(random() % (cycle % 2 == 0 ? 60 : 250));
    const auto end = std::chrono::steady_clock::now() + life;
    std::optional<Onlooker> onlooker;
    do {
      if (!onlooker) onlooker = Onlooker::attach(shm_.path(), epoch + 1);
      if (onlooker) onlooker->look();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    } while (std::chrono::steady_clock::now() < end || (cycle % 2 == 1 && !onlooker));
    kill(daemon);
    if (!onlooker) onlooker = Onlooker::attach(shm_.path(), epoch + 1);
    if (!onlooker) continue;  // killed before there was anything to see
    onlooker->look();
    epoch = onlooker->core().segment().header().epoch;
    published.insert(published.end(), onlooker->seen().begin(), onlooker->seen().end());
  }
  Process daemon = start();
  ASSERT_TRUE(eventually([&] { return stat()["state"] == "running" && stat()["ticks"] > 0; }));
  EXPECT_EQ(this->end(daemon).exit_code, 0);

  const Recorded all = recorded();
  EXPECT_EQ(missing_from(all, published), 0u);
  EXPECT_GT(published.size(), 100u);
  EXPECT_FALSE(all.of(EventType::intent).empty());
  expect_positions_carried(all);
  expect_order_ids_unique(all);
  const ProcessResult replayed = run_thintail({"replay", journal_folder_path()});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
}

TEST_F(DaemonTest, has_one_writer_for_each_instance) {
  configure(kLimits);
  Process daemon = start();
  attached(daemon, 1);
  const ProcessResult second = run_thintail({"run", "--config", config()});
  EXPECT_EQ(second.exit_code, 1) << second.err;
  EXPECT_NE(second.err.find("TT-0302"), std::string::npos) << second.err;
  EXPECT_NE(second.err.find("found pid " + std::to_string(daemon.pid())), std::string::npos) << second.err;
  EXPECT_EQ(stat()["state"], "running");
  EXPECT_EQ(end(daemon).exit_code, 0);
}

TEST_F(DaemonTest, stops_when_its_segment_is_removed) {
  configure(kLimits);
  Process daemon = start();
  Onlooker onlooker = attached(daemon, 1);
  look_for(onlooker, EventType::tick, 10);
  std::filesystem::remove(segment());
  const ProcessResult ended = daemon.wait();
  EXPECT_EQ(ended.exit_code, 1) << ended.err;
  EXPECT_NE(ended.err.find("TT-0307"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find(segment()), std::string::npos) << ended.err;
  onlooker.look();  // our mapping outlives the name
  EXPECT_EQ(missing_from(recorded(), onlooker.seen()), 0u) << "what was published before is in the journal";
}

// Without its lock's file it may not be the only writer, and without its control segment no kill would reach it.
TEST_F(DaemonTest, stops_when_its_lock_or_its_control_segment_is_removed) {
  configure(kLimits);
  std::uint32_t epoch = 0;
  for (const auto* suffix : {".lock", ".control"}) {
    Process daemon = start();
    Onlooker onlooker = attached(daemon, ++epoch);
    look_for(onlooker, EventType::tick, 10);
    std::filesystem::remove(segment() + suffix);
    const ProcessResult ended = daemon.wait();
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
    EXPECT_NE(ended.err.find("TT-0307"), std::string::npos) << ended.err;
  }
  Process next = start();
  Onlooker onlooker = attached(next, ++epoch);
  look_for(onlooker, EventType::tick, 10);
  EXPECT_EQ(end(next).exit_code, 0);
  expect_positions_carried(recorded());
  expect_replays(3);
}

// Only processes of its own user can do that; nobody can go on without the bytes, but it can be said, and taken over.
TEST_F(DaemonTest, says_why_it_dies_when_a_file_under_it_is_cut_short_and_the_next_start_goes_on) {
  configure(kLimits);
  Process daemon = start();
  Onlooker onlooker = attached(daemon, 1);
  look_for(onlooker, EventType::position, 2);
  std::filesystem::resize_file(segment() + ".control", 0);
  const ProcessResult ended = daemon.wait();
  EXPECT_EQ(ended.exit_code, 128 + SIGBUS) << ended.err;
  EXPECT_NE(ended.err.find("TT-0307"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("cut short"), std::string::npos) << ended.err;
  onlooker.look();
  Process next = start();
  Onlooker after = attached(next, 2);
  look_for(after, EventType::tick, 5);
  EXPECT_EQ(end(next).exit_code, 0);
  const Recorded all = recorded();
  EXPECT_EQ(missing_from(all, onlooker.seen()), 0u);
  expect_positions_carried(all);
  expect_replays(2);
}

TEST_F(DaemonTest, is_followed_by_stat_into_its_next_epoch) {
  configure(kLimits);
  Process daemon = start();
  attached(daemon, 1);
  Process stat = start_thintail(stat_arguments());
  const auto says = [&](const std::string& text) {
    return eventually([&] { return stat.out().find(text) != std::string::npos; });
  };
  EXPECT_TRUE(says(R"("state":"running","epoch":1,)"));
  kill(daemon);
  EXPECT_TRUE(says(R"("state":"dead","epoch":1,)"));
  Process next = start();
  EXPECT_TRUE(says(R"("state":"running","epoch":2,)"));
  EXPECT_EQ(end(next).exit_code, 0);
  EXPECT_EQ(stat.wait().exit_code, 0);  // a core that stopped in order is the end of it
}

TEST_F(DaemonTest, refuses_every_order_where_no_limit_is_set) {
  configure("");
  Process daemon = start();
  Onlooker onlooker = attached(daemon, 1);
  look_for(onlooker, EventType::reject, 5);
  const ProcessResult ended = end(daemon);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_NE(ended.err.find("no risk limits are configured"), std::string::npos) << ended.err;
  const Recorded all = recorded();
  EXPECT_TRUE(all.of(EventType::intent).empty());
  for (const Event& event : all.of(EventType::reject)) {
    EXPECT_EQ(event.as<Reject>().rule, static_cast<std::uint16_t>(RiskRule::no_limit));
  }
}

TEST_F(DaemonTest, refuses_a_journal_folder_that_cannot_be_made) {
  configure(kLimits);
  std::ofstream(journals()) << "a file, and no folder\n";
  const ProcessResult ended = start().wait();
  EXPECT_EQ(ended.exit_code, 1) << ended.err;
  EXPECT_NE(ended.err.find("TT-0214"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find(journals()), std::string::npos) << ended.err;
  EXPECT_FALSE(std::filesystem::exists(segment()));
}

TEST_F(DaemonTest, a_start_that_failed_loses_no_position) {
  configure(kLimits);
  Process first = start();
  Onlooker onlooker = attached(first, 1);
  look_for(onlooker, EventType::position, 2);
  kill(first);
  // The journal is made before the segment, whose reservation the limit on file sizes then refuses.
  const std::string small = "ulimit -f 64; exec " + program("thintail") + " run --config " + config();
  const ProcessResult failed = Process({"/bin/sh", "-c", small}).wait();
  EXPECT_EQ(failed.exit_code, 1) << failed.err;
  EXPECT_NE(failed.err.find("TT-0301"), std::string::npos) << failed.err;
  Process next = start();
  Onlooker after = attached(next, 3);
  look_for(after, EventType::tick, 5);
  EXPECT_EQ(end(next).exit_code, 0);
  expect_positions_carried(recorded());
}

// A disk without space, as the kernel shows it: no file may grow past what it is now.
class FullDisk {
 public:
  explicit FullDisk(pid_t daemon) : daemon_(daemon) { set(4096); }
  void give_space() const { set(RLIM_INFINITY); }

 private:
  void set(rlim_t bytes) const {
    const rlimit limit{bytes, RLIM_INFINITY};
    EXPECT_EQ(::prlimit(daemon_, RLIMIT_FSIZE, &limit, nullptr), 0);
  }
  pid_t daemon_;
};

constexpr double kFlood = 30'000;  // ticks a second of each instrument: fills a ring of kFloodSlots within a second
constexpr unsigned kFloodSlots = 32'768;

TEST_F(DaemonTest, halts_without_loss_on_a_full_disk_and_goes_on_when_there_is_space) {
  configure(kLimits, kFlood, kFloodSlots);
  Process daemon = start();
  attached(daemon, 1);
  const FullDisk disk(daemon.pid());
  // Three quarters full: no tick is taken any more.
  EXPECT_TRUE(eventually([&] { return stat()["lag"] >= kFloodSlots / 4 * 3; })) << daemon.err();
  const std::string log = daemon.err();
  EXPECT_NE(log.find("TT-0504"), std::string::npos) << log;
  EXPECT_EQ(stat()["state"], "running");
  const std::uint64_t durable = stat()["durable"];
  EXPECT_LT(durable, stat()["events"].get<std::uint64_t>());

  disk.give_space();
  EXPECT_TRUE(eventually([&] { return stat()["durable"] > durable + 3 * kFloodSlots; })) << daemon.err();
  const ProcessResult ended = end(daemon);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_NE(ended.err.find("takes writes again"), std::string::npos) << ended.err;

  const Recorded all = recorded();
  EXPECT_GE(all.sessions(SessionState::journal_lagging), 1u);
  EXPECT_GE(all.sessions(SessionState::journal_caught_up), 1u);
  EXPECT_FALSE(all.of(EventType::gap).empty()) << "ticks that the halt cost must show";
  // While the journal lags, no order takes on risk.
  bool lags = false;
  for (const auto& [sequence, event] : all.events) {
    if (event.type == EventType::session) {
      const auto state = event.as<Session>().state;
      lags = state == SessionState::journal_lagging || (lags && state != SessionState::journal_caught_up);
    }
    if (lags && event.type == EventType::signal) {
      const auto signal = event.as<Signal>();
      if (signal.target_e9 == 0) continue;
      const auto answer = all.events.find(sequence + 1);
      ASSERT_NE(answer, all.events.end());
      EXPECT_EQ(answer->second.type, EventType::reject) << "event " << sequence;
    }
  }
  expect_replays(1);
}

TEST_F(DaemonTest, ends_on_a_full_disk_and_hands_the_rest_to_the_next_start) {
  configure(kLimits, kFlood, kFloodSlots);
  Process daemon = start();
  attached(daemon, 1);
  const FullDisk disk(daemon.pid());
  EXPECT_TRUE(eventually([&] { return stat()["lag"] >= kFloodSlots / 4 * 3; })) << daemon.err();
  const ProcessResult ended = end(daemon);
  EXPECT_EQ(ended.exit_code, 1) << ended.err;
  EXPECT_NE(ended.err.find("TT-0504"), std::string::npos) << ended.err;
  const json left = stat();
  EXPECT_EQ(left["state"], "dead");
  ASSERT_GT(left["events"].get<std::uint64_t>(), left["durable"].get<std::uint64_t>());

  configure(kLimits);
  Process next = start();
  Onlooker after = attached(next, 2);
  look_for(after, EventType::tick, 5);
  EXPECT_EQ(after.seen().front().sequence, left["events"].get<std::uint64_t>() + 1);
  const ProcessResult recovered = end(next);
  EXPECT_EQ(recovered.exit_code, 0) << recovered.err;
  expect_positions_carried(this->recorded());
  expect_replays(2);
}

}  // namespace
}  // namespace thintail::test
