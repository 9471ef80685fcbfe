// SPDX-License-Identifier: Apache-2.0
// A demo that is served, steered over HTTP: paused, let go on, sped up through its loop; and decided the same as one that nobody touched.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_reader.hpp"
#include "core/base/hash.hpp"
#include "core/event/decision_hash.hpp"
#include "tests/support/core_model.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/unix_client.hpp"
#include "tools/gateway/gateway.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

bool soon(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  return true;
}

class SteeredDemo : public testing::Test {
 protected:
  std::vector<std::string> demo(const std::string& folder, std::vector<std::string> more) const {
    std::vector<std::string> command{
        "demo",    "--folder", folder, "--set", "shm.directory=" + shm_.path(), "--set", "simulator.duration_s=900",
        "--model", model_};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  // An empty object where nobody answers.
  json get(const std::string& target) const {
    json reply = http_over(socket(), "GET", target).json();
    return reply.is_object() ? reply : json::object();
  }
  HttpReply steer(const json& body) {
    return http_over(socket(), "POST", "/api/v1/replay", body.dump(),
                     fmt::format("Idempotency-Key: steer-{}\r\n", ++keys_));
  }
  // What became of it.
  std::string command(const std::string& name) {
    const HttpReply reply = http_over(socket(), "POST", "/api/v1/commands", json{{"command", name}}.dump(),
                                      fmt::format("Idempotency-Key: command-{}\r\n", ++keys_));
    return reply.json().is_object() ? reply.json().value("state", reply.body) : reply.body;
  }
  std::string socket() const { return folder_.path() + "/gateway.sock"; }
  std::string position() const {
    const json time = get("/api/v1/replay").value("/position/time_ns"_json_pointer, json());
    return time.is_string() ? time.get<std::string>() : "";
  }

  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;
  TempFolder alone_;
  TempFolder models_;
  std::string model_ = write_core_model(models_.path());
  int keys_ = 0;
};

TEST_F(SteeredDemo, rests_goes_on_and_loops_and_decides_as_one_that_nobody_touched) {
  Process served = start_thintail(demo(folder_.path(), {"--serve", "--port", "0", "--speed", "60x"}));
  ASSERT_TRUE(soon([&] { return get("/api/v1/replay").value("state", "") == "running" && !position().empty(); }))
      << served.out() << served.err();
  const json begun = get("/api/v1/replay");
  EXPECT_EQ(begun["speed"], 60.0);
  EXPECT_EQ(begun["loops"], 0);
  EXPECT_EQ(begun["core"]["mode"], "replay");

  const HttpReply paused = steer({{"action", "pause"}});
  ASSERT_EQ(paused.status, 200) << paused.body;
  EXPECT_EQ(paused.json()["state"], "paused");
  // It stands still once what was on its way has arrived: longer than a core may be silent, and it is neither silent nor stale.
  std::string before, after;
  ASSERT_TRUE(soon([&] {
    before = position();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    after = position();
    return before == after;
  }));
  std::this_thread::sleep_for(std::chrono::milliseconds(2'500));
  const json resting = get("/api/v1/replay");
  EXPECT_EQ(resting["position"]["time_ns"], after) << "60x would have played minutes";
  EXPECT_EQ(resting["core"]["state"], "running");
  EXPECT_EQ(resting["core"]["stale"], false);

  EXPECT_EQ(steer({{"action", "speed"}, {"speed", 120.5}}).json()["state"], "paused")
      << "a speed does not end the rest";
  EXPECT_EQ(get("/api/v1/replay")["speed"], 120.5);
  EXPECT_EQ(steer({{"action", "resume"}}).json()["state"], "running");
  EXPECT_TRUE(soon([&] { return position() != after; }));

  for (const json& body : std::vector<json>{json::object(),
                                            {{"action", "stop"}},
                                            {{"action", "speed"}},
                                            {{"action", "speed"}, {"speed", 0}},
                                            {{"action", "speed"}, {"speed", 100'001}},
                                            {{"action", "speed"}, {"speed", "fast"}},
                                            {{"action", "pause"}, {"speed", 2}},
                                            {{"action", "pause"}, {"loop", 2}}}) {
    EXPECT_EQ(steer(body).status, 422) << body;
  }
  EXPECT_EQ(http_over(socket(), "POST", "/api/v1/replay", R"({"action":"pause"})").status, 400) << "without a key";

  ASSERT_EQ(steer({{"action", "speed"}, {"speed", 100'000}}).status, 200);
  EXPECT_TRUE(soon([&] { return get("/api/v1/replay").value("loops", 0) >= 1; })) << served.err();
  ASSERT_EQ(steer({{"action", "pause"}}).status, 200);
  EXPECT_TRUE(soon([&] { return get("/api/v1/system/status").value("/replay/speed"_json_pointer, "") == "100000x"; }))
      << "a loop begins with the pace asked for last";
  EXPECT_TRUE(soon([&] { return get("/api/v1/replay").value("/core/state"_json_pointer, "") == "running"; }));
  // Not in the first pass: a command is an input, and the hash below counts where outputs stand among them.
  EXPECT_EQ(command("kill"), "applied")
      << "an engine that rests with its feed still listens, at a loop's very beginning too";
  served.signal(SIGTERM);
  EXPECT_EQ(served.wait().exit_code, 0);

  // The first pass, which was paused and sped up, against the same ticks played without a gateway or a pace.
  auto reader = JournalReader::open(journal_path(folder_.path() + "/journal", "demo", 1));
  ASSERT_TRUE(reader.has_value()) << reader.error().message();
  DecisionHash steered(1);
  Event event{};
  while (reader->poll(event)) steered.add(event);
  const ProcessResult untouched = run_thintail(demo(alone_.path(), {"--json"}));
  ASSERT_EQ(untouched.exit_code, 0) << untouched.err;
  EXPECT_EQ(json::parse(untouched.out, nullptr, false)["decision_hash"], to_hex(steered.digest()));
}

TEST(Replay, a_core_that_plays_none_cannot_be_steered) {
  const TempFolder folder;
  gateway::GatewayOptions options;
  options.instance = "nobody";
  options.shm_directory = folder.path();
  options.journal_directory = folder.path() + "/journal";
  options.version = "test";
  options.server.listeners = {{.address = "127.0.0.1", .port = 0}};
  options.server.unix_path = folder.path() + "/gateway.sock";
  const auto served = gateway::Gateway::start(std::move(options));
  ASSERT_TRUE(served.has_value()) << served.error().message();
  EXPECT_EQ(http_over(folder.path() + "/gateway.sock", "GET", "/api/v1/replay").status, 409);
  EXPECT_EQ(http_over(folder.path() + "/gateway.sock", "POST", "/api/v1/replay", R"({"action":"pause"})",
                      "Idempotency-Key: a\r\n")
                .status,
            409);
  for (const http::Route& route : (*served)->server().router().routes()) {
    if (route.pattern != "/api/v1/replay") continue;
    EXPECT_EQ(route.role, route.method == http::Method::post ? http::Role::trader : http::Role::viewer);
  }
}

}  // namespace
}  // namespace thintail::test
