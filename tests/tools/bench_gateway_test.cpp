// SPDX-License-Identifier: Apache-2.0
// The suite `gateway` from outside: every case runs, keeps the bench contract, and can fail its checks; its clients notice what is missing.
// No time is asserted.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>

#include "bench/gateway/clients_page.hpp"
#include "bench/gateway/stage.hpp"
#include "tests/support/bench_contract.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail {
namespace {

using test::ProcessResult;

const std::set<std::string> kCases = {"rest_quotes",     "rest_auth",       "history_page",
                                      "ws_fanout_100",   "ws_clients_1000", "ws_stalled_100",
                                      "event_to_socket", "idle_memory",     "core_under_load"};
const std::set<std::string> kRows = {"rest_quotes",
                                     "rest_quotes_cpu",
                                     "rest_quotes_varied",
                                     "rest_quotes_varied_cpu",
                                     "rest_quotes_10k",
                                     "rest_auth_warm",
                                     "rest_auth_cold",
                                     "rest_auth_wrong_key",
                                     "history_page",
                                     "history_page_older",
                                     "history_page_memory",
                                     "ws_fanout_100",
                                     "ws_fanout_100_frames",
                                     "ws_clients_1000",
                                     "ws_stalled_100",
                                     "ws_stalled_100_memory",
                                     "event_to_socket",
                                     "event_to_socket_20hz",
                                     "idle_memory",
                                     "core_under_load",
                                     "core_under_load_instructions"};

bool has_two_cpus() { return std::thread::hardware_concurrency() >= 2 && bench::cpu_share().are_apart(); }

TEST(BenchGateway, every_case_runs_and_keeps_the_contract) {
  const ProcessResult ended = test::run_bench("gateway", {"--json", "--iterations", "20"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const auto json = nlohmann::json::parse(ended.out);
  EXPECT_EQ(json["schema"], "thintail-bench/1");
  EXPECT_EQ(json["suite"], "gateway");
  std::set<std::string> seen;
  for (const auto& row : json["cases"]) {
    SCOPED_TRACE(row.dump());
    seen.insert(row["name"].get<std::string>());
    EXPECT_FALSE(row["unit"].get<std::string>().empty());
    EXPECT_FALSE(row["target"].get<std::string>().empty());
    bool is_skipped = false;
    std::size_t compared = row.contains("limit") ? 1 : 0;
    for (const auto& peer : row["peers"]) {
      if (peer.contains("absent")) {
        EXPECT_FALSE(peer["absent"].get<std::string>().empty());
        is_skipped = true;
        continue;
      }
      EXPECT_TRUE(peer["checked"].get<std::string>().ends_with(" equal"));
      EXPECT_TRUE(peer["ratio"].is_number());
      ++compared;
    }
    EXPECT_TRUE(compared != 0 || is_skipped) << "a figure without a peer, control or limit";
    EXPECT_TRUE(row["ours"]["n"].get<int>() > 0 || is_skipped);
  }
  if (has_two_cpus()) {
    EXPECT_EQ(seen, kRows);
  }
}

class SpoiltBenchGateway : public ::testing::TestWithParam<std::string> {};

TEST_P(SpoiltBenchGateway, fails_its_check) {
  if (GetParam() == "core_under_load" && !has_two_cpus()) GTEST_SKIP() << "this case checks nothing on one CPU";
  const ProcessResult ended = test::run_bench("gateway", {"--case", GetParam(), "--iterations", "5", "--mutant"});
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_NE(ended.err.find("TT-0605"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.out, "");
}

INSTANTIATE_TEST_SUITE_P(Cases, SpoiltBenchGateway, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param; });

TEST(BenchGateway, a_missing_load_generator_is_named_and_its_case_skipped) {
  const ProcessResult ended = test::Process({test::program("thintail-bench-peers"), "gateway", "--case", "rest_quotes",
                                             "--json", "--iterations", "20"},
                                            {"PATH=/nonexistent", "OMP_WAIT_POLICY=passive"})
                                  .wait();
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const auto row = nlohmann::json::parse(ended.out)["cases"][0];
  EXPECT_EQ(row["note"], "skipped: Debian's package wrk is not installed");
  EXPECT_EQ(row["ours"]["n"], 0);
  for (const auto& peer : row["peers"]) EXPECT_TRUE(peer.contains("absent")) << peer;
}

TEST(BenchGateway, ours_alone_leaves_peers_out_and_says_so) {
  const ProcessResult ended =
      test::run_bench("gateway", {"--case", "idle_memory", "--json", "--iterations", "5", "--ours-alone"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(nlohmann::json::parse(ended.out)["cases"][0]["peers"][0]["absent"], "left out (--ours-alone)");
}

// What two clients of a server counted once they had 20 updates each.
struct Counted {
  std::uint64_t missed = 0;
  std::uint64_t breaks = 0;
  std::uint64_t samples = 0;
};
Counted counted(const std::vector<std::string>& more) {
  std::vector<std::string> command{test::program("thintail-bench-beast"), "--rate", "500", "--update", "300"};
  command.insert(command.end(), more.begin(), more.end());
  test::Process server(command);
  EXPECT_TRUE(test::eventually([&] { return server.out().ends_with('\n'); })) << server.err();
  const test::TempFolder folder;
  const std::string path = folder.path() + "/page";
  auto page = bench::MappedClientsPage::create(path);
  EXPECT_TRUE(page.has_value());
  (*page)->is_measuring.set(1);
  test::Process clients({test::program("thintail-bench-clients"), "ws", "--page", path, "--port",
                         server.out().substr(5, server.out().size() - 6), "--path", "/ws", "--clients", "2",
                         "--subscribe", R"({"type":"subscribe"})"});
  EXPECT_TRUE(test::eventually([&] {
    return (*page)->rows[0].updates.value() >= 20 && (*page)->rows[1].updates.value() >= 20;
  })) << clients.err();
  clients.signal(SIGKILL);
  clients.wait();
  return {(*page)->rows[0].missed.value() + (*page)->rows[1].missed.value(),
          (*page)->rows[0].breaks.value() + (*page)->rows[1].breaks.value(), (*page)->samples.value()};
}

TEST(BenchGateway, clients_miss_nothing_where_nothing_is_missing) {
  const Counted all = counted({});
  EXPECT_EQ(all.missed, 0u);
  EXPECT_EQ(all.breaks, 0u);
  EXPECT_GE(all.samples, 40u);
}

TEST(BenchGateway, clients_notice_what_a_server_leaves_out) {
  const Counted all = counted({"--skip-every", "5"});
  EXPECT_GE(all.missed, 6u);
  EXPECT_GE(all.breaks, 6u);
}

}  // namespace
}  // namespace thintail
