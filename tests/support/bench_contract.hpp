// SPDX-License-Identifier: Apache-2.0
// What every suite of thintail-bench-peers must print (shared/CONTRACTS.md, "The bench contract").
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.hpp"

namespace thintail::test {

inline ProcessResult run_bench(const std::string& suite, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program("thintail-bench-peers"), suite});
  return Process(std::move(arguments)).wait();
}

// Runs the whole suite for a moment, with `more` arguments, checks each row, and returns their names.
inline std::set<std::string> cases_that_keep_the_contract(const std::string& suite,
                                                          const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"--json", "--iterations", "20"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const ProcessResult ended = run_bench(suite, arguments);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  std::set<std::string> seen;
  const auto json = nlohmann::json::parse(ended.out, nullptr, false);
  if (json.is_discarded()) {
    ADD_FAILURE() << "no JSON: " << ended.out;
    return seen;
  }
  EXPECT_EQ(json["schema"], "thintail-bench/1");
  EXPECT_EQ(json["suite"], suite);
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
  return seen;
}

}  // namespace thintail::test
