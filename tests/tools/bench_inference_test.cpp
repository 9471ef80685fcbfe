// SPDX-License-Identifier: Apache-2.0
// The suite `inference` from outside: every case runs, keeps the bench contract, and can fail its checks. No time is
// asserted.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/support/process.hpp"

namespace thintail {
namespace {

using test::ProcessResult;

// Those of trees.
const std::set<std::string> kCases = {"trees_100x6", "trees_100x6_missing", "trees_500x6", "trees_lightgbm_255_leaves"};

ProcessResult bench_inference(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {test::program("thintail-bench-peers"), "inference"});
  return test::Process(arguments).wait();
}

TEST(BenchInference, every_case_runs_and_keeps_the_contract) {
  const ProcessResult ended = bench_inference({"--json", "--iterations", "20"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const auto json = nlohmann::json::parse(ended.out);
  EXPECT_EQ(json["schema"], "thintail-bench/1");
  EXPECT_EQ(json["suite"], "inference");
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
  EXPECT_TRUE(std::ranges::includes(seen, kCases));
}

class SpoiltBenchInference : public ::testing::TestWithParam<std::string> {};

TEST_P(SpoiltBenchInference, fails_its_check) {
  const ProcessResult ended = bench_inference({"--case", GetParam(), "--iterations", "5", "--mutant"});
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_NE(ended.err.find("TT-0605"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.out, "");
}

INSTANTIATE_TEST_SUITE_P(Cases, SpoiltBenchInference, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace thintail
