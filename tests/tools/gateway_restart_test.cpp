// SPDX-License-Identifier: Apache-2.0
// Deaths, with real processes: a core killed and started again under WebSocket clients; a gateway killed with a thousand commands on their way.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "adapters/journal/journal_reader.hpp"
#include "core/event/decision_hash.hpp"
#include "core/event/payloads.hpp"
#include "tests/support/data.hpp"
#include "tests/support/gateway_desk.hpp"
#include "tests/support/live_core.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/unix_client.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

std::vector<Event> events_of(const std::string& journals) {
  std::vector<Event> events;
  auto reader = JournalReader::open(journals);
  EXPECT_TRUE(reader.has_value());
  Event event{};
  while (reader && reader->poll(event)) events.push_back(event);
  return events;
}

// The program `thintail-gateway` on a core, on a Unix socket whose owner needs no key.
class GatewayProgram {
 public:
  explicit GatewayProgram(const LiveCore& core) : socket_(folder_.path() + "/gateway.sock") {
    const std::string journals = std::filesystem::path(core.journals()).parent_path().string();
    command_ = {program("thintail-gateway"),
                "--instance",
                "watched",
                "--shm-directory",
                core.watched_by("stat").back(),
                "--journal-directory",
                journals,
                "--state-directory",
                folder_.path() + "/state",
                "--port",
                "0",
                "--unix",
                socket_,
                "--keys",
                folder_.path() + "/keys.json",
                "--rate-limit",
                "trading=1000000"};
    start();
  }
  void start() {
    process_.reset();
    std::filesystem::remove(socket_);
    process_.emplace(command_);
    EXPECT_TRUE(eventually([&] { return http_over(socket_, "GET", "/healthz").status == 200; })) << process_->err();
  }
  Process& process() { return *process_; }
  const std::string& socket() const { return socket_; }

 private:
  TempFolder folder_;
  std::string socket_;
  std::vector<std::string> command_;
  std::optional<Process> process_;
};

// --- the core dies under its watchers --------------------------------------------------------------------------------

constexpr std::int64_t kSilentMs = 2'000;  // from then on the core is stale, says docs/api.md

// One client on a thread of its own: everything that it is told is checked as it comes.
class Watcher {
 public:
  enum class Kind : std::uint8_t { every_tick, merged, events };

  Watcher(const std::string& socket, Kind kind)
      : kind_(kind), socket_(socket, kind == Kind::events ? "thintail.v1.events" : "thintail.v1.json") {
    EXPECT_EQ(socket_.status(), 101);
    if (kind == Kind::events) {
      socket_.send({{"type", "subscribe"}, {"topic", "events"}});
    } else {
      int id = 0;
      for (const char* topic : {"quotes", "positions", "orders"}) {
        socket_.send({{"type", "subscribe"},
                      {"id", ++id},
                      {"topic", topic},
                      {"max_rate_hz", kind == Kind::every_tick ? 0 : 20}});
      }
    }
    thread_ = std::thread([this] { run(); });
  }
  ~Watcher() { join(); }
  void join() {
    stop_.store(true, std::memory_order_relaxed);  // relaxed: only a wish
    if (thread_.joinable()) thread_.join();
  }

  // How far it has come; each implies the ones before.
  enum Stage : int { kBegun, kFollows, kSawDeath, kFollowsNext };
  int stage() const {
    return stage_.load(std::memory_order_relaxed);
  }  // relaxed: join() comes before what it tells is read

  // After join():
  std::string fault;
  std::vector<std::uint64_t> before;  // sequences of the ticks, or events, that came from the first core
  std::vector<std::uint64_t> after;  // and from the second
  std::uint64_t missed = 0;

 private:
  void run() {
    while (fault.empty()) {
      const auto frame = socket_.next_frame();
      if (!frame || frame->opcode == 8) {
        fault = frame ? "closed: " + frame->data : "nothing came";
      } else if (frame->opcode == 2) {
        take_events(frame->data);
      } else if (frame->opcode == 1) {
        take(json::parse(frame->data));
      }
      if (stop_.load(std::memory_order_relaxed)) {  // relaxed: as in join()
        if (!std::exchange(has_asked_, true)) socket_.send({{"type", "ping"}, {"id", 1}});
        if (has_answer_) return;
      }
    }
  }

  void take(const json& message) {
    const std::string type = message["type"];
    if (type == "pong") has_answer_ = true;
    if (type == "missed") missed += message["count"].get<std::uint64_t>();
    if (type == "hello" || type == "heartbeat") {
      const json& core = message["core"];
      if (core["stale"] == false && core["age_ms"].get<std::int64_t>() > kSilentMs) fault = "not stale: " + core.dump();
      if (core["stale"] == true && stage() == kFollows) reach(kSawDeath);
      is_next_ = core["epoch"] == 2;
    }
    if (type != "snapshot" && type != "delta") return;
    const std::string topic = message["topic"];
    const std::uint64_t seq = message["seq"];
    const bool is_snapshot = type == "snapshot";
    if (is_snapshot) {
      if (stage() == kBegun && message["id"].is_null()) fault = "a snapshot that answers nothing";
      if (stage() == kSawDeath && is_next_) renewed_.insert(topic);
      if (stage() == kFollows) fault = "a snapshot out of nothing: " + topic;
    } else if (seq != seq_[topic] + 1) {
      fault = fmt::format("{}: seq {} after {}", topic, seq, seq_[topic]);
    }
    seq_[topic] = seq;
    if (topic != "quotes") return;
    for (const json& item : message["items"]) {
      if (!item["sequence"].is_string()) continue;
      const std::uint64_t sequence = std::stoull(item["sequence"].get<std::string>());
      std::uint64_t& last = last_[item["instrument"].get<std::string>()];
      if (is_snapshot ? sequence < last : sequence <= last) fault = fmt::format("row {} after {}", sequence, last);
      last = sequence;
      if (!is_snapshot) (is_next_ ? after : before).push_back(sequence);
    }
    if (stage() == kBegun && before.size() > 30) reach(kFollows);
    if (stage() == kSawDeath && renewed_.size() == 3 && after.size() > 30) reach(kFollowsNext);
  }

  void take_events(const std::string& bytes) {
    for (std::size_t at = 0; at + sizeof(Event) <= bytes.size(); at += sizeof(Event)) {
      Event event{};
      std::memcpy(&event, bytes.data() + at, sizeof event);
      if (event.type == EventType::session && event.as<Session>().epoch == 2) has_next_ = true;
      (has_next_ ? after : before).push_back(event.sequence);
    }
    if (stage() == kBegun && before.size() > 30) reach(kFollows);
    if (stage() == kSawDeath && after.size() > 30) reach(kFollowsNext);
  }
  void reach(Stage stage) { stage_.store(stage, std::memory_order_relaxed); }  // relaxed: as in stage()

  const Kind kind_;
  UnixSocketClient socket_;
  std::map<std::string, std::uint64_t> seq_;
  std::map<std::string, std::uint64_t> last_;
  std::set<std::string> renewed_;
  bool is_next_ = false;
  bool has_next_ = false;
  bool has_asked_ = false;
  bool has_answer_ = false;
  std::atomic<int> stage_{kBegun};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Every number that `wanted` names from the first to the last of `got`, once and in order.
void expect_all(const std::vector<std::uint64_t>& got, const std::set<std::uint64_t>& wanted) {
  ASSERT_FALSE(got.empty());
  ASSERT_TRUE(std::ranges::is_sorted(got));
  const std::vector<std::uint64_t> expected(wanted.lower_bound(got.front()), wanted.upper_bound(got.back()));
  EXPECT_EQ(got, expected);
}

TEST(GatewayRestart, a_core_killed_under_fifty_clients_is_stale_and_then_followed_by_each_of_them) {
  LiveCore core(100);
  GatewayProgram gateway(core);
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 50; ++i) {
    const auto kind = i % 5 == 0   ? Watcher::Kind::events
                      : i % 5 == 1 ? Watcher::Kind::every_tick
                                   : Watcher::Kind::merged;
    watchers.push_back(std::make_unique<Watcher>(gateway.socket(), kind));
  }
  const auto all_reach = [&](int stage) {
    return eventually(
        [&] { return std::ranges::all_of(watchers, [&](const auto& watcher) { return watcher->stage() >= stage; }); });
  };
  ASSERT_TRUE(all_reach(Watcher::kFollows));
  core.daemon().signal(SIGKILL);
  core.daemon().wait();
  EXPECT_TRUE(all_reach(Watcher::kSawDeath)) << "somebody was not told that the core is gone";
  core.start(2);
  EXPECT_TRUE(all_reach(Watcher::kFollowsNext)) << "somebody does not follow the next core";
  for (const auto& watcher : watchers) watcher->join();
  core.stop();

  std::set<std::uint64_t> all;
  std::set<std::uint64_t> ticks;
  for (const Event& event : events_of(core.journals())) {
    all.insert(event.sequence);
    if (event.type == EventType::tick) ticks.insert(event.sequence);
  }
  for (int i = 0; i < 50; ++i) {
    const Watcher& watcher = *watchers[static_cast<std::size_t>(i)];
    EXPECT_EQ(watcher.fault, "") << i;
    EXPECT_EQ(watcher.missed, 0u) << i;
    if (i % 5 == 0) {
      std::vector<std::uint64_t> both = watcher.before;
      both.insert(both.end(), watcher.after.begin(), watcher.after.end());
      expect_all(both, all);
    } else if (i % 5 == 1) {
      expect_all(watcher.before, ticks);
      expect_all(watcher.after, ticks);
    }
  }
}

TEST(GatewayRestart, a_core_without_a_journal_begins_its_numbers_again_and_no_row_of_before_is_mixed_in) {
  TempFolder shm{kMemoryFolder};
  TempFolder folder;
  const std::string config = folder.path() + "/thintail.toml";
  std::ofstream(config) << "[core]\ninstance = \"forgetful\"\ninstruments_max = 8\n[shm]\ndirectory = \"" << shm.path()
                        << "\"\nevents_slots = 16384\nticks_slots = 4096\n[simulator]\nduration_s = 0\n"
                        << "instruments = [\"BTCUSD\"]\nticks_per_second = 200\n[journal]\nenabled = false\n";
  std::optional<Process> core(start_thintail({"run", "--config", config}));
  GatewayDesk desk("forgetful", shm.path(), folder.path() + "/journal");
  const auto head = [&] { return desk.get("/api/v1/system/status").json()["core"]; };
  const auto sequence = [&] { return std::stoull(head().value("sequence", "0")); };
  ASSERT_TRUE(soon([&] { return sequence() > 600; })) << head() << core->err();
  core->signal(SIGKILL);
  core->wait();
  const std::uint64_t before = sequence();
  core.emplace(start_thintail({"run", "--config", config}));
  ASSERT_TRUE(soon([&] {
    const json at = head();
    const std::uint64_t now = std::stoull(at.value("sequence", "0"));
    return at["epoch"] == 2 && now > 50 && now < before;
  })) << head()
      << core->err();
  const json page = desk.get("/api/v1/ticks/BTCUSD?limit=10000").json();
  std::uint64_t last = 0;
  for (const json& row : page["items"]) {
    const std::uint64_t number = std::stoull(row["sequence"].get<std::string>());
    ASSERT_GT(number, last) << "out of order";
    last = number;
  }
  EXPECT_GT(last, 0u);
  EXPECT_LT(last, before) << "a row of the run before";
  EXPECT_LT(std::stoull(page["items"][0]["sequence"].get<std::string>()), 20u) << "it begins with the run";
}

// --- the gateway dies with commands in flight ------------------------------------------------------------------------

constexpr std::size_t kCommands = 1'000;

// One command of a client that repeats it, with its key, until it is answered.
struct Flight {
  std::string request;
  int fd = -1;
  std::string bytes;
  int status = 0;  // of its answer; 0: none yet
  std::uint64_t command_id = 0;
  std::uint64_t first_id = 0;  // told before the gateway died
  int sent = 0;
};

class Flights {
 public:
  explicit Flights(const std::string& socket) : socket_(socket), all_(kCommands) {
    constexpr const char* kNames[] = {"pause", "resume", "flatten", "pause"};
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const std::string body = fmt::format(R"({{"command":"{}"}})", kNames[i % std::size(kNames)]);
      all_[i].request = fmt::format(
          "POST /api/v1/commands HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIdempotency-Key: flight-{}\r\n"
          "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
          i, body.size(), body);
    }
  }
  ~Flights() { land(); }
  Flights(const Flights&) = delete;
  Flights& operator=(const Flights&) = delete;

  // Each that has no answer is sent, on a connection of its own.
  void send() {
    for (Flight& flight : all_) {
      if (flight.fd < 0 && flight.status == 0) send_one(flight);
    }
  }
  // Answers for a while. Who was told that nothing was done, for want of room, is sent again.
  void listen() {
    std::vector<pollfd> waiting;
    std::vector<Flight*> of;
    for (Flight& flight : all_) {
      if (flight.fd < 0) continue;
      waiting.push_back({flight.fd, POLLIN, 0});
      of.push_back(&flight);
    }
    if (::poll(waiting.data(), waiting.size(), 50) <= 0) return;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      Flight& flight = *of[i];
      if (!receive_some(flight.fd, flight.bytes, 0)) finish(flight);
    }
  }
  // As for clients whose server is gone.
  void land() {
    for (Flight& flight : all_) {
      if (flight.fd < 0) continue;
      while (receive_some(flight.fd, flight.bytes, 0)) {
      }
      finish(flight);
    }
  }
  void ask_all_again() {
    for (Flight& flight : all_) {
      flight.first_id = flight.command_id;
      flight.command_id = 0;
      flight.status = 0;
    }
  }
  std::size_t answered() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(all_, [](const Flight& flight) { return flight.status != 0; }));
  }
  const std::vector<Flight>& all() const { return all_; }
  std::string oddest;

 private:
  void send_one(Flight& flight) {
    flight.bytes.clear();
    flight.fd = connect_unix(socket_);
    if (flight.fd < 0) return;
    ++flight.sent;
    send_all(flight.fd, flight.request);
  }
  void finish(Flight& flight) {
    ::close(flight.fd);
    flight.fd = -1;
    const std::size_t body = flight.bytes.find("\r\n\r\n");
    if (flight.bytes.size() < 12 || body == std::string::npos) return;
    const int status = std::atoi(flight.bytes.c_str() + 9);
    const json reply = json::parse(flight.bytes.substr(body + 4), nullptr, false);
    if (status == 200 || status == 202) {
      flight.status = status;
      flight.command_id = std::stoull(reply["command_id"].get<std::string>());
    } else if (status != 503 && status != 429 && status != 409) {
      oddest = flight.bytes;
    }
  }

  std::string socket_;
  std::vector<Flight> all_;
};

TEST(GatewayRestart, killed_with_a_thousand_commands_in_flight_it_has_done_each_once_or_not_at_all) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 8'192);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  LiveCore core;
  GatewayProgram gateway(core);
  Flights flights(gateway.socket());
  gateway.process().signal(SIGSTOP);  // so that all are there before the first is looked at
  flights.send();
  gateway.process().signal(SIGCONT);
  ASSERT_TRUE(eventually([&] {
    flights.listen();
    flights.send();
    return flights.answered() >= 60;
  })) << gateway.process().err();
  gateway.process().signal(SIGKILL);
  gateway.process().wait();
  flights.land();
  const std::size_t before = flights.answered();
  EXPECT_LT(before, kCommands - 400) << "too few were in flight for this to say anything";
  // What had been done by then.
  std::map<std::uint64_t, int> done;
  for (const Event& event : events_of(core.journals())) {
    if (event.type == EventType::command) ++done[event.as<Command>().command_id];
  }
  for (const auto& [id, count] : done) EXPECT_EQ(count, 1) << id;

  flights.ask_all_again();
  gateway.start();
  ASSERT_TRUE(eventually([&] {
    flights.send();
    flights.listen();
    return flights.answered() == kCommands;
  })) << flights.answered()
      << " " << flights.oddest << gateway.process().err();
  EXPECT_EQ(flights.oddest, "");
  gateway.process().signal(SIGTERM);
  EXPECT_EQ(gateway.process().wait().exit_code, 0);
  core.stop();

  done.clear();
  const std::vector<Event> events = events_of(core.journals());
  DecisionHash hash(1);
  for (const Event& event : events) {
    hash.add(event);
    if (event.type == EventType::command) ++done[event.as<Command>().command_id];
  }
  std::set<std::uint64_t> ids;
  for (const Flight& flight : flights.all()) {
    ids.insert(flight.command_id);
    EXPECT_EQ(done[flight.command_id], 1) << flight.request;
    if (flight.first_id != 0) {
      EXPECT_EQ(flight.command_id, flight.first_id) << "the answer of before";
    }
  }
  EXPECT_EQ(ids.size(), kCommands);
  EXPECT_EQ(done.size(), kCommands);
  const ProcessResult replayed = run_thintail({"replay", core.journal(), "--json"});
  ASSERT_EQ(replayed.exit_code, 0) << replayed.err;
  const json report = json::parse(replayed.out);
  EXPECT_EQ(report["equal"], true);
  EXPECT_GT(report["outputs_compared"], 0);
  EXPECT_EQ(report["decision_hash"], to_hex(hash.digest()));
}

}  // namespace
}  // namespace thintail::test
