// SPDX-License-Identifier: Apache-2.0
// thintail-bench-peers from outside: every case of the suite runs, keeps the bench contract, and can fail its checks.
// No time is asserted.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/support/process.hpp"

namespace thintail {
namespace {

using test::ProcessResult;

const std::set<std::string> kCases = {
    "tick_to_intent_inline", "tick_to_intent_no_model", "tick_to_intent_paced", "tick_to_intent_pipelined",
    "replay_pipeline",       "replay_no_model",         "parse_lean",           "start_to_first_tick"};

ProcessResult bench(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), test::program("thintail-bench-peers"));
  return test::Process(arguments).wait();
}

// One small model for all runs that judge no model: training is most of what a case costs.
class SmallModel : public ::testing::Environment {
 public:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "thintail-bench-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    const ProcessResult trained = test::Process({test::program("thintail-train"), "--simulator", "--rounds", "10",
                                                 "--depth", "4", "--rows", "5000", "--out", path()})
                                      .wait();
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static std::string path() { return folder_ + "/model.ttm"; }

 private:
  static inline std::string folder_;  // NOLINT(readability-identifier-naming): a member like any other
};
const auto* const kSmallModel = ::testing::AddGlobalTestEnvironment(new SmallModel);

TEST(Bench, every_case_runs_and_keeps_the_contract) {
  const ProcessResult ended = bench({"spine", "--json", "--iterations", "20"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const auto json = nlohmann::json::parse(ended.out);
  EXPECT_EQ(json["schema"], "thintail-bench/1");
  EXPECT_EQ(json["suite"], "spine");
  for (const char* key : {"cpu", "isa", "cores", "jitter_over_10us_per_s"})
    EXPECT_TRUE(json["machine"].contains(key)) << key;
  std::set<std::string> seen;
  for (const auto& row : json["cases"]) {
    const auto name = row["name"].get<std::string>();
    SCOPED_TRACE(name);
    seen.insert(name.ends_with("_with_intent") ? name.substr(0, name.size() - 12) : name);
    EXPECT_FALSE(row["unit"].get<std::string>().empty());
    EXPECT_TRUE(row["lower_is_better"].is_boolean());
    EXPECT_FALSE(row["target"].get<std::string>().empty());
    for (const char* key : {"p50", "p99", "p999", "mean", "n"}) EXPECT_TRUE(row["ours"][key].is_number()) << key;
    EXPECT_FALSE(row["peers"].empty()) << "a figure without a peer or control";
    for (const auto& peer : row["peers"]) {
      if (peer.contains("absent")) {
        EXPECT_FALSE(peer["absent"].get<std::string>().empty()) << peer;
      } else {
        EXPECT_FALSE(peer["checked"].get<std::string>().empty()) << peer;
        EXPECT_TRUE(peer["ratio"].is_number()) << peer;
      }
    }
  }
  EXPECT_EQ(seen, kCases);
}

TEST(Bench, xgboost_scores_the_rows_of_the_inline_case_bit_for_bit) {
  // Trains its own: a pack does not hold what XGBoost reads.
  const ProcessResult ended = bench({"spine", "--case", "tick_to_intent_inline", "--json", "--iterations", "200"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const auto peers = nlohmann::json::parse(ended.out)["cases"][0]["peers"];
  const bool found = std::ranges::any_of(peers, [](const auto& peer) {
    return peer["name"].template get<std::string>().starts_with("xgboost-") && peer["checked"] == "200/200 equal";
  });
  EXPECT_TRUE(found) << peers;
}

class SpoiltBench : public ::testing::TestWithParam<std::string> {};

TEST_P(SpoiltBench, fails_its_check) {
  const ProcessResult ended =
      bench({"spine", "--case", GetParam(), "--iterations", "5", "--mutant", "--model", SmallModel::path()});
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_NE(ended.err.find("TT-0605"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.out, "");
}

INSTANTIATE_TEST_SUITE_P(Cases, SpoiltBench, ::testing::ValuesIn(kCases), [](const auto& one) { return one.param; });

TEST(Bench, ours_alone_leaves_peers_out_and_says_so) {
  const ProcessResult ended =
      bench({"spine", "--case", "replay_no_model", "--json", "--iterations", "5", "--ours-alone"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(nlohmann::json::parse(ended.out)["cases"][0]["peers"][0]["absent"], "left out (--ours-alone)");
}

TEST(Bench, suites_and_cases_are_listed_without_arguments) {
  const ProcessResult ended = bench({});
  EXPECT_EQ(ended.exit_code, 0);
  for (const std::string& name : kCases) EXPECT_NE(ended.out.find(name), std::string::npos) << name;
}

TEST(Bench, an_unknown_suite_or_case_is_a_usage_error_that_names_the_known_ones) {
  const ProcessResult suite = bench({"spin"});
  EXPECT_EQ(suite.exit_code, 64);
  EXPECT_NE(suite.err.find("one of spine"), std::string::npos) << suite.err;
  const ProcessResult one = bench({"spine", "--case", "tick_to_intent"});
  EXPECT_EQ(one.exit_code, 64);
  for (const std::string& name : kCases) EXPECT_NE(one.err.find(name), std::string::npos) << name;
}

TEST(Bench, an_unknown_option_or_isa_is_refused) {
  EXPECT_EQ(bench({"spine", "--jason"}).exit_code, 64);
  EXPECT_EQ(bench({"spine", "--isa", "sse2"}).exit_code, 64);
  EXPECT_EQ(bench({"spine", "--iterations", "0"}).exit_code, 64);
}

TEST(Bench, a_missing_tick_file_or_model_is_named) {
  const ProcessResult ticks = bench({"spine", "--case", "tick_to_intent_no_model", "--ticks", "none_20140502.csv"});
  EXPECT_EQ(ticks.exit_code, 1);
  EXPECT_NE(ticks.err.find("none_20140502.csv"), std::string::npos) << ticks.err;
  const ProcessResult model = bench({"spine", "--case", "replay_pipeline", "--model", "none.ttm"});
  EXPECT_EQ(model.exit_code, 1);
  EXPECT_NE(model.err.find("none.ttm"), std::string::npos) << model.err;
}

}  // namespace
}  // namespace thintail
