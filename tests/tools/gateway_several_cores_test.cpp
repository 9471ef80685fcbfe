// SPDX-License-Identifier: Apache-2.0
// Two cores behind one gateway: each path leads to its own core, and a command to one never reaches the other; and what the gateway puts around
// each core's routes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "core/event/payloads.hpp"
#include "shm/segment/core_segment.hpp"
#include "tests/support/gateway_desk.hpp"
#include "tools/gateway/instance_routes.hpp"

namespace thintail::gateway {
namespace {

using nlohmann::json;
using test::HttpReply;
using test::soon;

void serve_both(GatewayOptions& options) { options.instances = {"east", "west"}; }

// "east" trades bitcoin and "west" ether, on one machine with one journal folder.
class TwoCores : public ::testing::Test {
 protected:
  TwoCores() {
    for (const auto& [name, symbol] : {std::pair("east", "BTCUSD"), std::pair("west", "ETHUSD")}) {
      std::ofstream(config(name))
          << "[core]\ninstance = \"" << name << "\"\ninstruments_max = 8\n[shm]\ndirectory = \"" << shm_.path()
          << "\"\nevents_slots = 16384\nticks_slots = 4096\n[simulator]\nduration_s = 0\ninstruments = [\"" << symbol
          << "\"]\nticks_per_second = 200\n[strategy]\nkind = \"fade_last_move\"\ncooldown_ms = 50\n"
          << "[strategy.quantity]\n"
          << symbol << " = \"1\"\n[risk.default]\nmax_order_quantity = \"1000000\"\n"
          << "max_position = \"1000000\"\nmax_quote_age_ms = 60_000\nmax_orders_per_second = 100\n"
          << "[journal]\ndirectory = \"" << journals() << "\"\n";
    }
    east_.emplace(test::start_thintail({"run", "--config", config("east")}));
    west_.emplace(test::start_thintail({"run", "--config", config("west")}));
    for (const char* name : {"east", "west"}) {
      EXPECT_TRUE(soon([&] {
        const auto core = shm::CoreView::open(shm_.path(), name);
        return core && (*core)->events->head() > 100;
      })) << name
          << east_->err() << west_->err();
    }
  }

  std::string config(const std::string& name) const { return folder_.path() + "/" + name + ".toml"; }
  std::string journals() const { return folder_.path() + "/journal"; }

  std::multiset<std::uint64_t> command_ids(const std::string& name) const {
    std::multiset<std::uint64_t> ids;
    auto reader = JournalReader::open(journal_folder(journals(), name));
    EXPECT_TRUE(reader.has_value());
    Event event{};
    while (reader && reader->poll(event)) {
      if (event.type == EventType::command && !event.is_output()) ids.insert(event.as<Command>().command_id);
    }
    return ids;
  }

  test::TempFolder shm_{test::kMemoryFolder};
  test::TempFolder folder_;
  std::optional<test::Process> east_;
  std::optional<test::Process> west_;
};

TEST_F(TwoCores, each_path_leads_to_its_own_core_and_no_name_to_neither) {
  test::GatewayDesk desk("", shm_.path(), journals(), serve_both);
  for (const auto& [name, symbol] : {std::pair("east", "BTCUSD"), std::pair("west", "ETHUSD")}) {
    const std::string base = fmt::format("/i/{}", name);
    ASSERT_TRUE(soon([&] { return desk.state(base) == "running"; })) << name;
    json quotes;
    ASSERT_TRUE(soon([&] {
      quotes = desk.get(base + "/api/v1/quotes").json();
      return quotes["items"].size() == 1;
    }));
    EXPECT_EQ(quotes["items"][0]["symbol"], symbol);
    EXPECT_EQ(quotes["core"]["instance"], name);
    EXPECT_EQ(desk.get(fmt::format("{}/mt5/prices/{}", base, symbol)).status, 200) << "aliases too";
    EXPECT_EQ(desk.get(base + "/api/v1/portfolio").json()["account"], fmt::format("paper:{}", name));
    test::UnixSocketClient socket(desk.socket(), "thintail.v1.json", base + "/ws");
    ASSERT_EQ(socket.status(), 101);
    EXPECT_EQ(socket.next("hello")["core"]["instance"], name);
  }
  EXPECT_EQ(desk.get("/i/east/api/v1/quotes/ETHUSD").status, 404);
  EXPECT_EQ(desk.get("/i/north/api/v1/quotes").status, 404);
  const HttpReply unnamed = desk.get("/api/v1/quotes");
  EXPECT_EQ(unnamed.status, 409);
  EXPECT_EQ(unnamed.json()["errors"][0]["detail"], "east");
  EXPECT_EQ(unnamed.json()["errors"][1]["detail"], "west");
  test::UnixSocketClient unnamed_socket(desk.socket(), "thintail.v1.json");
  EXPECT_EQ(unnamed_socket.status(), 409);
  const auto& routes = desk.gateway().server().router().routes();
  for (const char* guarded : {"/api/v1/ticks/{symbol}", "/api/v1/history/{symbol}/{timeframe}", "/api/v1/sessions",
                              "/api/v1/quotes", "/api/v1/quotes/{symbol}"}) {
    EXPECT_EQ(std::ranges::count(routes, guarded, &http::Route::pattern), 1) << "instance_routes.cpp knows it by name";
  }
  std::size_t long_pages = 0;
  for (const http::Route& route : routes) {
    const bool is_page = std::ranges::any_of(
        route.parameters, [](const http::Parameter& parameter) { return parameter.name == "limit"; });
    if (!is_page) continue;
    EXPECT_TRUE(route.may_block) << route.pattern << ": ten thousand rows would keep the io thread from a kill";
    ++long_pages;
  }
  EXPECT_GE(long_pages, 10u);
  std::size_t refused = 0;
  for (const http::Route& route : routes) {
    if (route.is_shared || route.websocket || route.pattern.find('{') != std::string::npos) continue;
    if (route.method != http::Method::get) continue;
    const HttpReply reply = desk.get(route.pattern);
    EXPECT_EQ(reply.status, 409) << route.pattern;
    EXPECT_EQ(reply.json()["code"], "TT-0843") << route.pattern;
    ++refused;
  }
  EXPECT_GE(refused, 15u);
}

TEST_F(TwoCores, health_is_everybodys_together_and_each_ones_own) {
  test::GatewayDesk desk("", shm_.path(), journals(), serve_both);
  ASSERT_TRUE(soon([&] { return desk.get("/readyz").status == 200; })) << desk.get("/readyz").body;
  west_->signal(SIGKILL);
  west_->wait();
  ASSERT_TRUE(soon([&] { return desk.get("/readyz").status == 503; }));
  EXPECT_EQ(desk.get("/i/east/readyz").status, 200);
  EXPECT_EQ(desk.get("/i/west/readyz").status, 503);
  EXPECT_EQ(desk.get("/healthz").status, 200);
  const json health = desk.get("/health").json();
  EXPECT_EQ(health["status"], "degraded");
  std::set<std::string> of;
  for (const json& check : health["checks"]) of.insert(check["name"].get<std::string>().substr(0, 5));
  EXPECT_EQ(of, (std::set<std::string>{"east ", "west "}));
  const http::Router& router = desk.gateway().server().router();
  for (const http::Route& route : router.routes()) {
    if (route.pattern != "/health" && route.pattern != "/readyz") continue;
    const HttpReply reply = desk.get(route.pattern);
    EXPECT_TRUE(router.check_reply(route, reply.status, reply.json()).empty()) << reply.body;
  }
}

TEST_F(TwoCores, a_command_to_one_does_not_reach_the_other) {
  test::GatewayDesk desk("", shm_.path(), journals(), serve_both);
  ASSERT_TRUE(soon([&] { return desk.state("/i/east") == "running" && desk.state("/i/west") == "running"; }));
  const json pause = {{"command", "pause"}};
  EXPECT_EQ(desk.post("/api/v1/commands", pause, "k").status, 409);
  const HttpReply east = desk.post("/i/east/api/v1/commands", pause, "k");
  ASSERT_EQ(east.status, 200) << east.body;
  ASSERT_TRUE(soon([&] { return desk.get("/i/east/api/v1/risk").json()["gate"]["paused"] == true; }));
  EXPECT_EQ(desk.get("/i/west/api/v1/risk").json()["gate"]["paused"], false);
  const HttpReply west = desk.post("/i/west/api/v1/commands", pause, "k");
  ASSERT_EQ(west.status, 200) << west.body;
  EXPECT_NE(west.json()["command_id"], east.json()["command_id"]) << "the same key is another request there";
  EXPECT_EQ(desk.post("/i/east/api/v1/commands", pause, "k").body, east.body);
  EXPECT_EQ(desk.post("/i/east/api/v1/commands", {{"command", "reset_kill"}, {"confirm", "RE-ARM west"}}, "r").status,
            422)
      << "words for the other";
  for (auto* core : {&*east_, &*west_}) {
    core->signal(SIGTERM);
    core->wait();
  }
  const auto id = [](const HttpReply& reply) { return std::stoull(reply.json()["command_id"].get<std::string>()); };
  EXPECT_EQ(command_ids("east"), std::multiset<std::uint64_t>{id(east)});
  EXPECT_EQ(command_ids("west"), std::multiset<std::uint64_t>{id(west)});
}

// --- what is put around the routes ---------------------------------------------------------------------------------------

http::Route reading(std::string pattern, std::function<http::Response(const http::Request&)> handler) {
  http::Route route;
  route.pattern = std::move(pattern);
  route.operation = "read";
  route.handler = std::move(handler);
  return route;
}

std::int64_t g_now_ns = 1;  // the breaker's clock

TEST(GuardedRoutes, of_a_journal_that_fails_are_refused_at_once_until_one_succeeds) {
  CircuitBreaker breaker({.upstream = "journal"}, [] { return g_now_ns; });
  int asked = 0;
  int status = 500;
  ErrorCode code = ErrorCode::journal_corrupt;
  const auto handler = [&](const http::Request&) {
    ++asked;
    return status < 500 ? http::Response::json_text("{}", status) : http::problem(code, "a test's", {}, status);
  };
  std::vector<http::Route> routes = {reading("/api/v1/sessions", handler), reading("/api/v1/orders", handler)};
  guard_journal_reads(routes, breaker);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(routes[0].handler({}).status, 500);
  EXPECT_EQ(breaker.state().phase, BreakerPhase::closed) << "a damaged page keeps nobody from the others";
  code = ErrorCode::file_unreadable;
  asked = 0;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(routes[0].handler({}).status, 500);
  const http::Response refused = routes[0].handler({});
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(
      std::ranges::any_of(refused.headers, [](const http::Field& field) { return field.name == "Retry-After"; }));
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(breaker.state().phase, BreakerPhase::open);
  EXPECT_EQ(routes[1].handler({}).status, 500) << "what reads no journal is asked as ever";
  g_now_ns += 2'000'000'000;
  status = 404;  // nothing there is an answer too
  EXPECT_EQ(routes[0].handler({}).status, 404);
  EXPECT_EQ(breaker.state().phase, BreakerPhase::closed);
}

TEST(JoinedRoutes, strangers_are_told_no_names) {
  const auto table = [] {
    return std::vector<http::Route>{reading("/health", [](const http::Request&) {
      return http::Response::json({{"status", "ok"}, {"checks", {{{"name", "core"}, {"ok", true}}}}});
    })};
  };
  const auto routes = joined_routes({{"east", table()}, {"west", table()}});
  const auto names = [&](http::Proof how) {
    http::Request request;
    request.principal.how = how;
    const json reply = json::parse(routes[0].handler(request).body);
    std::set<std::string> all;
    for (const json& check : reply["checks"]) all.insert(check["name"].get<std::string>());
    return all;
  };
  EXPECT_EQ(names(http::Proof::none), (std::set<std::string>{"1 core", "2 core"}));
  EXPECT_EQ(names(http::Proof::api_key), (std::set<std::string>{"east core", "west core"}));
}

TEST(SharedQuotes, are_made_once_until_the_model_changes_or_a_millisecond_is_over) {
  SharedModel model;
  int made = 0;
  int status = 200;
  std::vector<http::Route> routes = {reading("/api/v1/quotes/{symbol}", [&](const http::Request& request) {
    ++made;
    return http::Response::json_text(fmt::format("{} {}", request.parameter("symbol"), made), status);
  })};
  share_quotes(routes, model);
  const auto ask = [&](const std::string& symbol) {
    http::Request request;
    request.parameters = {{"symbol", symbol}};
    const http::Response reply = routes[0].handler(request);
    return reply.shared_body ? *reply.shared_body : reply.body;
  };
  const std::int64_t began_ms = wall_now_ns() / 1'000'000;
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(ask("XAUUSD").starts_with("XAUUSD "));
  EXPECT_LE(made, wall_now_ns() / 1'000'000 - began_ms + 1);
  for (int i = 0; i < 10; ++i) {
    const int before = made;
    model.write([](CoreModel& core) { ++core.change; });
    EXPECT_EQ(ask("XAUUSD"), fmt::format("XAUUSD {}", before + 1)) << "an event makes another";
  }
  EXPECT_TRUE(ask("BTCUSD").starts_with("BTCUSD "));
  status = 404;
  model.write([](CoreModel& core) { ++core.change; });
  const int before = made;
  ask("NONE");
  ask("NONE");
  EXPECT_EQ(made, before + 2) << "a refusal is not kept";
}

TEST(GatewayProgram, serves_the_instances_that_it_is_told_and_refuses_names_that_are_none) {
  const test::TempFolder folder;
  const std::string socket = folder.path() + "/gateway.sock";
  const auto command = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = {test::program("thintail-gateway"),
                                    "--shm-directory",
                                    folder.path(),
                                    "--journal-directory",
                                    folder.path() + "/journal",
                                    "--port",
                                    "0",
                                    "--unix",
                                    socket,
                                    "--keys",
                                    folder.path() + "/keys.json"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  for (const auto& names : {std::vector<std::string>{"--instance", "east", "--instance", "west"},
                            std::vector<std::string>{"--instance", "east,west"}}) {
    test::Process gateway(command(names));
    ASSERT_TRUE(soon([&] { return test::http_over(socket, "GET", "/healthz").status == 200; })) << gateway.err();
    EXPECT_EQ(test::http_over(socket, "GET", "/api/v1/quotes").status, 409);
    EXPECT_EQ(test::http_over(socket, "GET", "/i/west/api/v1/quotes").status, 200);
    gateway.signal(SIGTERM);
    EXPECT_EQ(gateway.wait().exit_code, 0);
  }
  for (const char* names : {"east,east", "east,..", "east,a/b"}) {
    test::Process gateway(command({"--instance", names}));
    EXPECT_EQ(gateway.wait().exit_code, 64) << names;
  }
}

}  // namespace
}  // namespace thintail::gateway
