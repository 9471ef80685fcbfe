// SPDX-License-Identifier: Apache-2.0
// The suite `inference` from outside: every case runs, keeps the bench contract, and can fail its checks. No time is
// asserted.
#include "tests/support/bench_contract.hpp"

namespace thintail {
namespace {

const std::set<std::string> kCases = {"trees_100x6",
                                      "trees_100x6_ticks",
                                      "trees_100x6_missing",
                                      "trees_500x6",
                                      "trees_lightgbm_255_leaves",
                                      "mlp_64_128_64_3",
                                      "lstm_64_step",
                                      "lstm_64_step_precomputed",
                                      "gru_64_step",
                                      "attention_64x32",
                                      "stac_lstm_a_step",
                                      "stac_lstm_a_window",
                                      "ensemble_full",
                                      "swap"};

TEST(BenchInference, every_case_runs_and_keeps_the_contract) {
  EXPECT_EQ(test::cases_that_keep_the_contract("inference"), kCases);
}

class SpoiltBenchInference : public ::testing::TestWithParam<std::string> {};

TEST_P(SpoiltBenchInference, fails_its_check) {
  const test::ProcessResult ended =
      test::run_bench("inference", {"--case", GetParam(), "--iterations", "5", "--mutant"});
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_NE(ended.err.find("TT-0605"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.out, "");
}

INSTANTIATE_TEST_SUITE_P(Cases, SpoiltBenchInference, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace thintail
