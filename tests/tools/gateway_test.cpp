// SPDX-License-Identifier: Apache-2.0
// The gateway over a real core: its replies against the OpenAPI document, the journal and the source; its commands; what it says of a dead core.
#include "tools/gateway/gateway.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "adapters/journal/journal_reader.hpp"
#include "core/event/payloads.hpp"
#include "core/price/decimal.hpp"
#include "tests/support/core_model.hpp"
#include "tests/support/data.hpp"
#include "tests/support/gateway_desk.hpp"
#include "tests/support/live_core.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/unix_client.hpp"
#include "tools/daemon/kill_latch.hpp"
#include "tools/gateway/api_schemas.hpp"
#include "tools/gateway/command_desk.hpp"

namespace thintail::gateway {
namespace {

using nlohmann::json;
using test::HttpReply;
using test::soon;
using Desk = test::GatewayDesk;

constexpr std::int64_t kSecondNs = 1'000'000'000;

std::string journal_root(const test::LiveCore& core) {
  return std::filesystem::path(core.journals()).parent_path().string();
}
std::string shm_of(const test::LiveCore& core) { return core.watched_by("stat").back(); }

std::vector<Event> events_of(const std::string& journals) {
  std::vector<Event> events;
  auto reader = JournalReader::open(journals);
  EXPECT_TRUE(reader.has_value());
  Event event{};
  while (reader && reader->poll(event)) events.push_back(event);
  return events;
}

std::size_t commands_of(const std::vector<Event>& events, std::uint64_t id) {
  return static_cast<std::size_t>(std::ranges::count_if(events, [&](const Event& event) {
    return event.type == EventType::command && event.as<Command>().command_id == id;
  }));
}

std::string filled_in(std::string pattern) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"{symbol}", "BTCUSD"}, {"{timeframe}", "M1"}, {"{account}", "paper:watched"}, {"{command_id}", "1"}}) {
    if (const std::size_t at = pattern.find(name); at != std::string::npos) pattern.replace(at, name.size(), value);
  }
  return pattern;
}

// --- a replay that has ended ----------------------------------------------------------------------------------------------

// 25 minutes of gold, one tick a second, played as fast as it goes; the segment stays.
class EndedReplay : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shm_ = new test::TempFolder(test::kMemoryFolder);
    folder_ = new test::TempFolder();
    const std::string ticks = folder_->path() + "/oanda_xauusd_tick_20140502.csv";
    {
      std::ofstream out(ticks);
      for (int i = 0; i < 1'500; ++i) {
        const int wave = (i * 37) % 400 - 200 + i / 10;
        out << fmt::format("{},{}.{:03},{}.{:03}\n", 36'000'000 + i * 1'000, 1284 + wave / 100, wave % 100 + 100,
                           1284 + wave / 100, wave % 100 + 400);
      }
    }
    const std::string config = folder_->path() + "/thintail.toml";
    std::ofstream(config)
        << "[core]\ninstance = \"replayed\"\ninstruments_max = 8\n[shm]\ndirectory = \"" << shm_->path()
        << "\"\nevents_slots = 65536\nticks_slots = 4096\n[feed]\nkind = \"files\"\nfiles = [\"" << ticks
        << "\"]\n[strategy]\nkind = \"fade_last_move\"\ncooldown_ms = 5000\n[strategy.quantity]\nXAUUSD = \"10\"\n"
        << "[risk.default]\nmax_order_quantity = \"1000000\"\nmax_position = \"1000000\"\nmax_quote_age_ms = 60_000\n"
        << "max_orders_per_second = 1_000\n[journal]\ndirectory = \"" << folder_->path() << "/journal\"\n";
    const auto ran = test::run_thintail({"run", "--config", config, "--clock", "utc"});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    events_ = new std::vector<Event>(events_of(folder_->path() + "/journal/replayed"));
    desk_ = new Desk("replayed", shm_->path(), folder_->path() + "/journal");
    ASSERT_TRUE(soon([] { return desk_->state() == "finished"; }));
  }
  static void TearDownTestSuite() {
    delete desk_;
    delete events_;
    delete folder_;
    delete shm_;
  }
  static inline test::TempFolder* shm_ = nullptr;
  static inline test::TempFolder* folder_ = nullptr;
  static inline std::vector<Event>* events_ = nullptr;
  static inline Desk* desk_ = nullptr;
};

TEST_F(EndedReplay, is_finished_and_not_stale) {
  const json core = desk_->get("/api/v1/system/status").json()["core"];
  EXPECT_EQ(core["state"], "finished");
  EXPECT_EQ(core["stale"], false);
  EXPECT_EQ(core["mode"], "replay");
  EXPECT_EQ(core["sequence"], std::to_string(events_->back().sequence));
}

TEST_F(EndedReplay, bars_are_those_of_the_core) {
  std::map<std::string, std::vector<std::string>> expected;  // by side: "end open high low close ticks"
  for (const Event& event : *events_) {
    if (event.type != EventType::bar) continue;
    const auto bar = event.as<Bar>();
    if (bar.period() != 0) continue;
    const auto price = [](std::int64_t e9) { return format_decimal_e9(e9, 3); };
    expected[bar.side() == QuoteSide::ask ? "ask" : "bid"].push_back(
        fmt::format("{} {} {} {} {} {}", bar.end_s * kSecondNs, price(bar.open_e9), price(bar.high_e9),
                    price(bar.low_e9), price(bar.close_e9), bar.ticks()));
  }
  ASSERT_EQ(expected["bid"].size(), 25u);
  for (const char* side : {"bid", "ask"}) {
    std::vector<std::string> shown;
    std::string cursor;
    for (int page = 0; page < 10; ++page) {
      const json reply = desk_->get(fmt::format("/api/v1/history/xau_usd/1m?limit=7&side={}{}", side, cursor)).json();
      ASSERT_TRUE(reply.contains("items")) << reply;
      std::vector<std::string> rows;
      for (const json& bar : reply["items"]) {
        EXPECT_EQ(bar["closed"], true);
        rows.push_back(fmt::format("{} {} {} {} {} {}", bar["end_ns"].get<std::string>(),
                                   bar["open"].get<std::string>(), bar["high"].get<std::string>(),
                                   bar["low"].get<std::string>(), bar["close"].get<std::string>(),
                                   bar["ticks"].get<int>()));
      }
      EXPECT_TRUE(reply["coverage"]["complete"].get<bool>());
      shown.insert(shown.begin(), rows.begin(), rows.end());
      if (reply["next_cursor"].is_null()) break;
      cursor = "&cursor=" + reply["next_cursor"].get<std::string>();
    }
    EXPECT_EQ(shown, expected[side]) << side;
  }
}

TEST_F(EndedReplay, longer_bars_are_those_of_the_core_and_the_forming_one_is_flagged) {
  const json reply = desk_->get("/api/v1/history/XAUUSD/M15").json();
  ASSERT_EQ(reply["items"].size(), 2u);
  EXPECT_EQ(reply["items"][0]["closed"], true);
  EXPECT_EQ(reply["items"][0]["ticks"], 900);
  EXPECT_EQ(reply["items"][1]["closed"], false);
  EXPECT_EQ(reply["items"][1]["ticks"], 600);
}

TEST_F(EndedReplay, ticks_are_the_rows_of_the_source) {
  std::vector<Event> ticks;
  for (const Event& event : *events_) {
    if (event.type == EventType::tick) ticks.push_back(event);
  }
  ASSERT_EQ(ticks.size(), 1'500u);
  const json reply = desk_->get("/api/v1/ticks/XAUUSD?limit=1500").json();
  ASSERT_EQ(reply["items"].size(), ticks.size());
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const json& shown = reply["items"][i];
    const auto tick = ticks[i].as<Tick>();
    ASSERT_EQ(shown["sequence"], std::to_string(ticks[i].sequence));
    ASSERT_EQ(shown["source_sequence"], std::to_string(tick.source_sequence));
    ASSERT_EQ(shown["bid"], format_decimal_e9(tick.bid_e9, 3));
    ASSERT_EQ(shown["ask"], format_decimal_e9(tick.ask_e9, 3));
    ASSERT_EQ(shown["time_ns"], std::to_string(ticks[i].time_ns));
  }
}

TEST_F(EndedReplay, results_add_up_to_what_the_core_booked) {
  Position last{};
  for (const Event& event : *events_) {
    if (event.type == EventType::position) last = event.as<Position>();
  }
  const json positions = desk_->get("/api/v1/positions").json();
  ASSERT_EQ(positions["items"].size(), 1u);
  const json& position = positions["items"][0];
  EXPECT_EQ(position["quantity"], format_decimal_e9(last.quantity_e9));
  EXPECT_EQ(position["realised"], format_money_e18(from_words(last.realised_low, last.realised_high)));
  const json trades = desk_->get("/api/v1/trades?limit=10000").json();
  const auto fills = static_cast<std::size_t>(
      std::ranges::count(*events_, EventType::fill, [](const Event& event) { return event.type; }));
  EXPECT_GT(trades["summary"]["count"].get<std::size_t>(), 0u);
  EXPECT_EQ(desk_->get("/api/v1/fills?limit=10000").json()["items"].size(), fills);
  const HttpReply csv = desk_->get("/api/v1/trades?format=csv&limit=10000");
  EXPECT_EQ(csv.status, 200);
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(csv.body, '\n')), trades["items"].size() + 1);
}

TEST_F(EndedReplay, names_that_are_none_are_refused) {
  for (const char* name : {"GBPUSD", "..%2f..%2fetc%2fpasswd", "%2e%2e", "CON", "XAU%00USD", "XAUUSD%0d%0aX"}) {
    const HttpReply reply = desk_->get(std::string("/api/v1/quotes/") + name);
    EXPECT_TRUE(reply.status == 404 || reply.status == 400) << name << " " << reply.status;
  }
  EXPECT_EQ(desk_->get("/api/v1/history/XAUUSD/M2").status, 400);
  EXPECT_EQ(desk_->get("/api/v1/history/XAUUSD/M1?limit=10001").status, 400);
  EXPECT_EQ(desk_->get("/api/v1/history/XAUUSD/M1?limit=0").status, 400);
  EXPECT_EQ(desk_->get("/api/v1/nothing").status, 404);
}

TEST_F(EndedReplay, metrics_are_prometheus_text) {
  const HttpReply reply = desk_->get("/metrics");
  ASSERT_EQ(reply.status, 200);
  EXPECT_NE(reply.header("content-type").find("version=0.0.4"), std::string::npos);
  EXPECT_TRUE(reply.body.ends_with('\n'));
  EXPECT_NE(reply.body.find("thintail_core_state{state=\"finished\"} 1\n"), std::string::npos);
  EXPECT_NE(reply.body.find("thintail_ticks_total{instrument=\"XAUUSD@oanda\"} 1500\n"), std::string::npos);
  std::set<std::string> families;
  std::istringstream lines(reply.body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(families.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
    } else if (!line.starts_with('#')) {
      EXPECT_TRUE(line.starts_with("thintail_")) << line;
      EXPECT_NE(line.find(' '), std::string::npos) << line;
    }
  }
}

TEST_F(EndedReplay, features_and_predictions_are_the_engines_bit_for_bit) {
  const std::string model = test::write_core_model(folder_->path());
  const auto ran = test::run_thintail({"run", "--config", folder_->path() + "/thintail.toml", "--clock", "utc",
                                       "--model", model, "--set", "core.instance=modelled"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  Desk desk("modelled", shm_->path(), folder_->path() + "/journal", model);
  ASSERT_TRUE(soon([&] { return desk.state() == "finished"; }));
  const json features = desk.get("/api/v1/features/XAUUSD").json();
  ASSERT_EQ(features["items"].size(), 32u) << features;
  EXPECT_EQ(features["feature_set"], "core-32");
  EXPECT_EQ(features["is_engines"], true) << "the engine's digest of its row is that of ours";
  const json prediction = desk.get("/api/v1/predictions/XAUUSD").json()["prediction"];
  ASSERT_EQ(prediction["cause"], features["sequence"]);
  json row = json::array();
  for (const json& lane : features["items"]) row.push_back(lane["value"]);
  const json asked = {{"feature_set", "core-32"}, {"values", {row, row}}};
  const json scores = json::parse(test::http_over(desk.socket(), "POST", "/api/v1/predict", asked.dump()).body);
  ASSERT_EQ(scores["scores"].size(), 2u) << scores;
  EXPECT_EQ(scores["scores"][0], prediction["score"]);
  EXPECT_EQ(scores["scores"][1], prediction["score"]);
  const auto refused = [&](const json& body) {
    return test::http_over(desk.socket(), "POST", "/predict", body.dump()).status;
  };
  EXPECT_EQ(refused({{"feature_set", "scalper-64"}, {"values", {row}}}), 422);
  EXPECT_EQ(refused({{"feature_set", "core-32"}, {"values", {row}}, {"model", std::string(64, '0')}}), 422);
  EXPECT_EQ(refused({{"feature_set", "core-32"}, {"values", {{1, 2}}}}), 422);
  EXPECT_EQ(refused(json::object()), 422);
  const json models = desk.get("/api/v1/models").json()["items"];
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0]["sha256"], scores["model_sha256"]);
  EXPECT_EQ(models[0]["feature_set"], "core-32");
  const json history = desk.get("/api/v1/predictions/XAUUSD/history?limit=10000").json();
  EXPECT_GT(history["summary"]["count"].get<int>(), 1'000);
}

// --- a running core -------------------------------------------------------------------------------------------------------

class RunningCore : public ::testing::Test {
 protected:
  RunningCore() : desk_("watched", shm_of(core_), journal_root(core_)) {
    EXPECT_TRUE(soon([&] { return desk_.state() == "running"; }));
  }
  test::LiveCore core_;
  Desk desk_;
};

TEST_F(RunningCore, every_reading_route_answers_as_its_schema_says) {
  ASSERT_TRUE(soon([&] { return !desk_.get("/api/v1/trades").json()["items"].empty(); }));
  ASSERT_TRUE(soon([&] { return !desk_.get("/api/v1/latency").json()["series"].empty(); }));
  const http::Router& router = desk_.gateway().server().router();
  std::size_t checked = 0;
  for (const http::Route& route : router.routes()) {
    if (route.method != http::Method::get || route.websocket || route.replies.empty()) continue;
    if (route.replies.front().schema.is_null() || route.pattern == "/api/v1/commands/{command_id}") continue;
    if (route.pattern == "/api/v1/replay") continue;  // of replays
    const HttpReply reply = desk_.get(filled_in(route.pattern));
    ASSERT_TRUE(reply.status == 200 || route.pattern == "/readyz")
        << route.pattern << " " << reply.status << " " << reply.body;
    const json body = reply.json();
    for (const http::FieldProblem& problem : router.check_reply(route, reply.status, body)) {
      ADD_FAILURE() << route.pattern << ": " << problem.pointer << ": " << problem.detail << "\n"
                    << body.dump().substr(0, 600);
    }
    // The check can fail: without each of its members, and with one that nobody declared.
    if (route.pattern.starts_with("/api/v1/openapi") || route.pattern == "/api/v1/session") continue;
    for (const auto& [name, value] : body.items()) {
      json mutant = body;
      mutant.erase(name);
      EXPECT_FALSE(router.check_reply(route, reply.status, mutant).empty()) << route.pattern << " without " << name;
    }
    json more = body;
    more["undeclared"] = 1;
    EXPECT_FALSE(router.check_reply(route, reply.status, more).empty()) << route.pattern;
    ++checked;
  }
  EXPECT_GE(checked, 22u);
  const json quote = desk_.get("/api/v1/quotes/BTCUSD").json();
  for (const http::Route& route : router.routes()) {
    if (route.pattern != "/api/v1/quotes/{symbol}") continue;
    json mutant = quote;
    mutant["quote"].erase("ask");
    EXPECT_FALSE(router.check_reply(route, 200, mutant).empty()) << "a member deep inside is missed too";
  }
}

TEST_F(RunningCore, a_quote_is_the_source_row_at_its_sequence) {
  json quote;
  ASSERT_TRUE(soon([&] {
    quote = desk_.get("/api/v1/quotes/btcusd").json()["quote"];
    return quote.is_object() && quote["sequence"].is_string();
  }));
  core_.stop();
  const std::uint64_t sequence = std::stoull(quote["sequence"].get<std::string>());
  for (const Event& event : events_of(core_.journals())) {
    if (event.sequence != sequence) continue;
    ASSERT_EQ(event.type, EventType::tick);
    const auto tick = event.as<Tick>();
    EXPECT_EQ(quote["bid_e9"], std::to_string(tick.bid_e9));
    EXPECT_EQ(quote["ask_e9"], std::to_string(tick.ask_e9));
    EXPECT_EQ(quote["venue_ns"], std::to_string(tick.venue_ns));
    EXPECT_EQ(quote["source_sequence"], std::to_string(tick.source_sequence));
    return;
  }
  FAIL() << "no event " << sequence;
}

TEST_F(RunningCore, a_killed_core_is_stale_until_the_next_one_runs) {
  const std::string before = desk_.get("/api/v1/quotes/BTCUSD").json()["quote"]["time_ns"].get<std::string>();
  test::UnixSocketClient socket(desk_.socket(), "thintail.v1.json");
  ASSERT_EQ(socket.status(), 101);
  socket.next("hello");
  core_.daemon().signal(SIGKILL);
  core_.daemon().wait();
  ASSERT_TRUE(soon([&] { return desk_.state() == "dead"; }));
  const json dead = desk_.get("/api/v1/quotes/BTCUSD").json();
  EXPECT_EQ(dead["core"]["stale"], true);
  EXPECT_TRUE(dead["quote"].contains("bid")) << "what was known is still shown";
  EXPECT_EQ(desk_.get("/readyz").status, 503);
  json beat;
  do beat = socket.next("heartbeat");
  while (!beat.empty() && beat["core"]["state"] != "dead");
  EXPECT_EQ(beat["core"]["stale"], true);
  core_.start(2);
  ASSERT_TRUE(soon([&] { return desk_.state() == "running"; }));
  EXPECT_EQ(desk_.get("/api/v1/system/status").json()["core"]["epoch"], 2);
  ASSERT_TRUE(
      soon([&] { return desk_.get("/api/v1/quotes/BTCUSD").json()["quote"]["time_ns"].get<std::string>() > before; }));
  const json sessions = desk_.get("/api/v1/sessions").json()["items"];
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_EQ(sessions[1]["state"], "running");
}

TEST_F(RunningCore, a_command_is_carried_out_once_however_often_it_is_sent) {
  const json pause = {{"command", "pause"}};
  const HttpReply first = desk_.post("/api/v1/commands", pause, "key-1");
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.json()["state"], "applied");
  EXPECT_EQ(first.json()["durable"], true);
  const HttpReply again = desk_.post("/api/v1/commands", pause, "key-1");
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(desk_.post("/api/v1/commands", {{"command", "kill"}}, "key-1").status, 422) << "another body";
  EXPECT_EQ(desk_.post("/api/v1/commands", pause, "").status, 400) << "no key";
  EXPECT_EQ(desk_.post("/api/v1/commands", {{"command", "explode"}}, "key-2").status, 422);
  EXPECT_EQ(desk_.post("/api/v1/commands", {{"command", "reset_kill"}, {"confirm", "yes"}}, "key-3").status, 422);
  ASSERT_TRUE(soon([&] { return desk_.get("/api/v1/risk").json()["gate"]["paused"] == true; }));
  const HttpReply started = desk_.post("/api/v1/trading/start", json::object(), "key-4");
  EXPECT_EQ(started.status, 201) << started.body;
  ASSERT_TRUE(soon([&] { return desk_.get("/api/v1/risk").json()["gate"]["paused"] == false; }));
  EXPECT_EQ(desk_.post("/api/v1/trading/start", json::object(), "key-5").status, 200) << "it trades already";
  EXPECT_EQ(desk_.post("/api/v1/trading/start", {{"mode", "live"}}, "key-6").status, 409);
  const std::uint64_t id = std::stoull(first.json()["command_id"].get<std::string>());
  const json told = desk_.get("/api/v1/commands/" + std::to_string(id)).json();
  EXPECT_EQ(told["state"], "applied");
  EXPECT_EQ(told["sequence"], first.json()["sequence"]);
  EXPECT_TRUE(told["by"].is_string());
  core_.stop();
  EXPECT_EQ(commands_of(events_of(core_.journals()), id), 1u);
}

// The samples of the core are up to 100 ms old: what they say may not be believed right after a command.
TEST_F(RunningCore, a_start_just_after_a_kill_is_refused_and_one_after_its_reset_is_not) {
  for (int i = 0; i < 10; ++i) {
    const std::string key = "round-" + std::to_string(i);
    ASSERT_EQ(desk_.post("/api/v1/commands", {{"command", "kill"}}, key).json()["state"], "applied");
    EXPECT_EQ(desk_.post("/api/v1/trading/start", json::object(), key).status, 409) << i;
    const json reset = {{"command", "reset_kill"}, {"confirm", "RE-ARM watched"}};
    ASSERT_EQ(desk_.post("/api/v1/commands", reset, key + "-reset").json()["state"], "applied");
    const HttpReply started = desk_.post("/api/v1/trading/start", json::object(), key + "-again");
    EXPECT_LT(started.status, 300) << started.body;
  }
}

TEST_F(RunningCore, a_kill_waits_on_disk_for_a_core_that_is_dead) {
  core_.daemon().signal(SIGKILL);
  core_.daemon().wait();
  ASSERT_TRUE(soon([&] { return desk_.state() == "dead"; }));
  EXPECT_EQ(desk_.post("/api/v1/commands", {{"command", "pause"}}, "p").status, 503);
  const HttpReply kill = desk_.post("/api/v1/commands", {{"command", "kill"}}, "k");
  ASSERT_EQ(kill.status, 200) << kill.body;
  EXPECT_EQ(kill.json()["state"], "latched");
  EXPECT_EQ(kill.json()["durable"], true);
  const auto latch = read_kill_latch(journal_root(core_), "watched");
  ASSERT_TRUE(latch.has_value());
  EXPECT_EQ(std::to_string(latch->command_id), kill.json()["command_id"]);
  EXPECT_EQ(desk_.get("/api/v1/risk").json()["gate"]["latch_file"], true);
  core_.start(2);
  ASSERT_TRUE(soon([&] {
    desk_.gateway().tend();
    return desk_.get("/api/v1/risk").json()["gate"]["killed"] == true &&
           !read_kill_latch(journal_root(core_), "watched");
  }));
  EXPECT_EQ(desk_.post("/api/v1/trading/start", json::object(), "s").status, 409) << "a start clears no latch";
  const HttpReply reset =
      desk_.post("/api/v1/commands", {{"command", "reset_kill"}, {"confirm", "RE-ARM watched"}}, "r");
  EXPECT_EQ(reset.json()["state"], "applied") << reset.body;
}

TEST_F(RunningCore, a_kill_that_a_hung_core_does_not_confirm_lies_on_disk) {
  CommandDesk impatient({.shm_directory = shm_of(core_),
                         .instance = "watched",
                         .journal_directory = journal_root(core_),
                         .timeout = std::chrono::milliseconds(50)});
  core_.daemon().signal(SIGSTOP);
  const auto hung = impatient.issue(CommandKind::kill, 0, "a test", "here");
  ASSERT_TRUE(hung) << hung.error().message();
  EXPECT_EQ(hung->state, CommandState::latched);
  EXPECT_TRUE(hung->is_durable);
  core_.daemon().signal(SIGKILL);
  core_.daemon().wait();
  ASSERT_TRUE(read_kill_latch(journal_root(core_), "watched")) << "the queue that held it died with the core";
  core_.start(2);
  EXPECT_TRUE(soon([&] { return desk_.get("/api/v1/risk").json()["gate"]["killed"] == true; }));
}

TEST_F(RunningCore, a_socket_gets_a_snapshot_and_then_numbered_deltas) {
  test::UnixSocketClient socket(desk_.socket(), "thintail.v1.json");
  ASSERT_EQ(socket.status(), 101);
  const json hello = socket.next("hello");
  EXPECT_EQ(hello["schema"], "thintail.v1.json");
  EXPECT_EQ(hello["core"]["state"], "running");
  socket.send({{"type", "subscribe"}, {"id", 7}, {"topic", "quotes"}, {"max_rate_hz", 0}});
  const json snapshot = socket.next("snapshot");
  EXPECT_EQ(snapshot["id"], 7);
  EXPECT_EQ(snapshot["topic"], "quotes");
  EXPECT_EQ(snapshot["items"].size(), 2u);
  std::uint64_t seq = snapshot["seq"];
  std::map<std::string, std::uint64_t> last;
  for (int i = 0; i < 50; ++i) {
    const json delta = socket.next("delta");
    ASSERT_EQ(delta["seq"], ++seq);
    for (const json& quote : delta["items"]) {
      const std::uint64_t sequence = std::stoull(quote["sequence"].get<std::string>());
      std::uint64_t& before = last[quote["instrument"].get<std::string>()];
      EXPECT_GT(sequence, before);
      before = sequence;
    }
  }
  socket.send({{"type", "ping"}, {"id", 8}});
  EXPECT_EQ(socket.next("pong")["id"], 8);
  socket.send({{"type", "subscribe"}, {"id", 9}, {"topic", "nothing"}});
  EXPECT_EQ(socket.next("error")["id"], 9);
  socket.send({{"type", "subscribe"}, {"id", 10}, {"topic", "quotes"}, {"instruments", {"GBPUSD"}}});
  EXPECT_EQ(socket.next("error")["problem"]["code"], "TT-0210");
}

TEST_F(RunningCore, every_topic_has_a_snapshot_and_the_schema_of_its_items) {
  ASSERT_TRUE(soon([&] { return !desk_.get("/api/v1/trades").json()["items"].empty(); }));
  test::UnixSocketClient socket(desk_.socket(), "thintail.v1.json");
  socket.next("hello");
  const std::map<std::string, std::string> components = {{"quotes", "Quote"},
                                                         {"bars", "NamedBar"},
                                                         {"predictions", "Prediction"},
                                                         {"signals", "Signal"},
                                                         {"orders", "Order"},
                                                         {"positions", "Position"},
                                                         {"trades", "Trade"},
                                                         {"equity", "CurrencyEquity"},
                                                         {"latency", "StageBrief"},
                                                         {"system", "System"},
                                                         {"log", "Log"}};
  for (const auto& [topic, component] : components) {
    socket.send({{"type", "subscribe"}, {"id", 1}, {"topic", topic}});
    const json snapshot = socket.next("snapshot");
    ASSERT_EQ(snapshot["topic"], topic);
    const auto schema =
        http::Schema::make({{"$ref", "#/components/schemas/" + component}}, schema::components(), topic);
    ASSERT_TRUE(schema.has_value()) << schema.error().message();
    for (const json& item : snapshot["items"]) {
      const auto problems = schema->check(item);
      EXPECT_TRUE(problems.empty()) << topic << " " << problems.front().pointer << " " << problems.front().detail << " "
                                    << item.dump().substr(0, 400);
    }
    socket.send({{"type", "unsubscribe"}, {"id", 2}, {"topic", topic}});
    socket.next("unsubscribed");
  }
}

TEST_F(RunningCore, events_come_as_they_lie_in_shared_memory) {
  test::UnixSocketClient socket(desk_.socket(), "thintail.v1.events");
  ASSERT_EQ(socket.status(), 101);
  socket.next("hello");
  socket.send({{"type", "subscribe"}, {"topic", "events"}, {"types", {"tick"}}});
  std::vector<Event> seen;
  while (seen.size() < 20) {
    const auto frame = socket.next_frame();
    ASSERT_TRUE(frame.has_value());
    if (frame->opcode != 2) continue;
    ASSERT_EQ(frame->data.size() % sizeof(Event), 0u);
    for (std::size_t at = 0; at < frame->data.size(); at += sizeof(Event)) {
      Event event{};
      std::memcpy(&event, frame->data.data() + at, sizeof event);
      seen.push_back(event);
    }
  }
  core_.stop();
  std::map<std::uint64_t, Event> journaled;
  for (const Event& event : events_of(core_.journals())) journaled[event.sequence] = event;
  for (const Event& event : seen) {
    ASSERT_TRUE(journaled.contains(event.sequence));
    EXPECT_EQ(std::memcmp(&journaled[event.sequence], &event, sizeof event), 0);
  }
}

TEST_F(RunningCore, server_sent_events_resume_after_the_last_one) {
  // Ids of the first `count` ticks of a stream that begins after `last`.
  const auto ids = [&](std::size_t count, const std::string& last) {
    std::vector<std::uint64_t> seen;
    const int fd = test::connect_unix(desk_.socket());
    test::send_all(fd, "GET /api/v1/events?type=tick HTTP/1.1\r\nHost: localhost\r\n" +
                           (last.empty() ? "" : "Last-Event-ID: " + last + "\r\n") + "\r\n");
    std::string bytes;
    while (seen.size() < count && test::receive_some(fd, bytes)) {
      for (std::size_t at = bytes.find("id: "); at != std::string::npos && bytes.find("\n\n", at) != std::string::npos;
           at = bytes.find("id: ")) {
        const std::size_t end = bytes.find("\n\n", at);
        const std::string event = bytes.substr(at, end - at);
        bytes.erase(0, end);
        EXPECT_NE(event.find("event: tick"), std::string::npos) << event;
        seen.push_back(std::stoull(event.substr(4)));
      }
    }
    ::close(fd);
    return seen;
  };
  const auto first = ids(10, "");
  ASSERT_GE(first.size(), 10u);
  EXPECT_TRUE(std::ranges::is_sorted(first));
  const auto next = ids(first.size() - 3 + 1, std::to_string(first[2]));
  ASSERT_GE(next.size(), first.size() - 3);
  EXPECT_TRUE(std::equal(first.begin() + 3, first.end(), next.begin())) << "nothing is lost and nothing comes twice";
}

// A gateway program of its own, killed while commands are on their way, then started again on the same state.
TEST(GatewayProgram, killed_with_commands_in_flight_it_has_done_each_once_or_not_at_all) {
  test::LiveCore core;
  const test::TempFolder folder;
  const std::string socket = folder.path() + "/gateway.sock";
  const std::vector<std::string> command = {test::program("thintail-gateway"),
                                            "--instance",
                                            "watched",
                                            "--shm-directory",
                                            shm_of(core),
                                            "--journal-directory",
                                            journal_root(core),
                                            "--state-directory",
                                            folder.path() + "/state",
                                            "--port",
                                            "0",
                                            "--unix",
                                            socket,
                                            "--keys",
                                            folder.path() + "/keys.json"};
  const auto up = [&] { return test::http_over(socket, "GET", "/healthz").status == 200; };
  const std::size_t kCommands = test::is_long_run() ? 90 : 30;
  const auto send = [&](std::size_t i) {
    return test::http_over(socket, "POST", "/api/v1/commands",
                           i % 2 == 0 ? R"({"command":"pause"})" : R"({"command":"flatten"})",
                           fmt::format("Idempotency-Key: flight-{}\r\n", i));
  };
  std::map<std::size_t, std::uint64_t> ids;
  {
    test::Process gateway(command);
    ASSERT_TRUE(soon(up)) << gateway.err();
    std::vector<std::thread> senders;
    for (std::size_t sender = 0; sender < 6; ++sender) {
      senders.emplace_back([&, sender] {
        for (std::size_t i = sender; i < kCommands; i += 6) send(i);
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    gateway.signal(SIGKILL);
    for (std::thread& sender : senders) sender.join();
  }
  std::filesystem::remove(socket);
  test::Process gateway(command);
  ASSERT_TRUE(soon(up)) << gateway.err();
  for (std::size_t i = 0; i < kCommands; ++i) {
    const HttpReply reply = send(i);
    ASSERT_TRUE(reply.status == 200 || reply.status == 202) << i << " " << reply.body << gateway.err();
    ids[i] = std::stoull(reply.json()["command_id"].get<std::string>());
  }
  gateway.signal(SIGTERM);
  EXPECT_EQ(gateway.wait().exit_code, 0);
  core.stop();
  const std::vector<Event> events = events_of(core.journals());
  for (const auto& [number, id] : ids) EXPECT_EQ(commands_of(events, id), 1u) << number;
}

TEST(GatewayProgram, without_a_core_it_serves_and_says_so) {
  const test::TempFolder folder;
  Desk desk("nobody", folder.path(), folder.path() + "/journal");
  const json core = desk.get("/api/v1/system/status").json()["core"];
  EXPECT_EQ(core["state"], "absent");
  EXPECT_EQ(core["stale"], true);
  EXPECT_EQ(desk.get("/healthz").status, 200);
  EXPECT_EQ(desk.get("/readyz").status, 503);
  EXPECT_EQ(desk.get("/api/v1/quotes").json()["items"].size(), 0u);
}

}  // namespace
}  // namespace thintail::gateway
