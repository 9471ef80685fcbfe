// SPDX-License-Identifier: Apache-2.0
// The suite `features` from outside: every case runs, keeps the bench contract, and can fail its checks. No time is
// asserted.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/support/process.hpp"

namespace thintail {
namespace {

using test::ProcessResult;

const std::set<std::string> kCases = {
    "tick_64",          "tick_64_paced",       "tick_64_cold_instrument", "tick_64_bar_close",     "ema_bank_16",
    "sweep_10258x32",   "batch_file",          "five_indicators_stream",  "five_indicators_batch", "book_update",
    "cross_rank_10258", "hayashi_yoshida_tick"};

ProcessResult bench_features(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {test::program("thintail-bench-peers"), "features"});
  return test::Process(arguments).wait();
}

TEST(BenchFeatures, every_case_runs_and_keeps_the_contract) {
  const ProcessResult ended = bench_features({"--json", "--iterations", "20"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const auto json = nlohmann::json::parse(ended.out);
  EXPECT_EQ(json["schema"], "thintail-bench/1");
  EXPECT_EQ(json["suite"], "features");
  std::set<std::string> seen;
  for (const auto& row : json["cases"]) {
    SCOPED_TRACE(row["name"].get<std::string>());
    seen.insert(row["name"].get<std::string>());
    EXPECT_FALSE(row["unit"].get<std::string>().empty());
    EXPECT_FALSE(row["target"].get<std::string>().empty());
    EXPECT_GT(row["ours"]["n"].get<int>(), 0);
    EXPECT_GT(row["ours"]["p50"].get<double>(), 0.0);
    std::size_t compared = 0;
    for (const auto& peer : row["peers"]) {
      if (peer.contains("absent")) {
        EXPECT_FALSE(peer["absent"].get<std::string>().empty()) << peer;
      } else {
        EXPECT_TRUE(peer["checked"].get<std::string>().ends_with(" equal")) << peer;
        EXPECT_TRUE(peer["ratio"].is_number()) << peer;
        ++compared;
      }
    }
    EXPECT_GT(compared, 0u) << "a figure without a peer or control";
  }
  EXPECT_EQ(seen, kCases);
}

class SpoiltBenchFeatures : public ::testing::TestWithParam<std::string> {};

TEST_P(SpoiltBenchFeatures, fails_its_check) {
  const ProcessResult ended = bench_features({"--case", GetParam(), "--iterations", "5", "--mutant"});
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_NE(ended.err.find("TT-0605"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.out, "");
}

INSTANTIATE_TEST_SUITE_P(Cases, SpoiltBenchFeatures, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace thintail
