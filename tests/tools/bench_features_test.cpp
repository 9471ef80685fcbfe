// SPDX-License-Identifier: Apache-2.0
// The suite `features` from outside: every case runs, keeps the bench contract, and can fail its checks. No time is
// asserted.
#include "tests/support/bench_contract.hpp"

namespace thintail {
namespace {

const std::set<std::string> kCases = {
    "tick_64",          "tick_64_paced",       "tick_64_cold_instrument", "tick_64_bar_close",     "ema_bank_16",
    "sweep_10258x32",   "batch_file",          "five_indicators_stream",  "five_indicators_batch", "book_update",
    "cross_rank_10258", "hayashi_yoshida_tick"};

TEST(BenchFeatures, every_case_runs_and_keeps_the_contract) {
  EXPECT_EQ(test::cases_that_keep_the_contract("features"), kCases);
}

class SpoiltBenchFeatures : public ::testing::TestWithParam<std::string> {};

TEST_P(SpoiltBenchFeatures, fails_its_check) {
  const test::ProcessResult ended =
      test::run_bench("features", {"--case", GetParam(), "--iterations", "5", "--mutant"});
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_NE(ended.err.find("TT-0605"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.out, "");
}

INSTANTIATE_TEST_SUITE_P(Cases, SpoiltBenchFeatures, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace thintail
