// SPDX-License-Identifier: Apache-2.0
// `thintail demo`: the main job from training to report, and what it promises of its decisions.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/core_model.hpp"
#include "tests/support/data.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

class DemoTest : public testing::Test {
 protected:
  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;

  ProcessResult demo(std::vector<std::string> more) const {
    more.insert(more.begin(), {"demo", "--folder", folder_.path(), "--set", "shm.directory=" + shm_.path()});
    return run_thintail(std::move(more));
  }
  // The decision hash of a demo on a model that is given, which takes no training.
  std::string hash(std::vector<std::string> more) const {
    more.insert(more.end(),
                {"--model", write_core_model(folder_.path()), "--set", "simulator.duration_s=900", "--json"});
    const ProcessResult result = demo(std::move(more));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const json report = json::parse(result.out, nullptr, false);
    return report.is_object() ? report.value("decision_hash", "") : "";
  }
};

void expect_parts(const std::string& text, const std::vector<const char*>& parts) {
  std::size_t from = 0;
  for (const char* part : parts) {
    const std::size_t at = text.find(part, from);
    EXPECT_NE(at, std::string::npos) << "no \"" << part << "\" in its place in\n" << text;
    if (at != std::string::npos) from = at + std::string_view(part).size();
  }
}

TEST_F(DemoTest, trains_runs_and_reports_all_that_it_promises) {
  const ProcessResult result = demo({"--set", "simulator.duration_s=1800"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_parts(result.out, {"Thintail demo",
                            "simulator, seed 1",
                            "SIMULATED MARKET: no real prices",
                            "model_edge (",
                            "core-32",
                            "span",
                            "ticks/s",
                            "instrument",
                            "ticks",
                            "median spread",
                            "crossed",
                            "M1 bars",
                            "XAUUSD@sim",
                            "EURUSD@sim",
                            "BTCUSD@sim",
                            "bars ",
                            "predictions ",
                            "signals ",
                            "intents ",
                            "fills ",
                            "rejects ",
                            "after spread and commission",
                            "this run",
                            "max drawdown",
                            "commission",
                            "minus last move",
                            "always flat",
                            "stage",
                            "p50",
                            "p90",
                            "p99",
                            "p99.9",
                            "in_ring",
                            "features",
                            "model",
                            "decide",
                            "append",
                            "tick_to_intent",
                            "in_ring is queueing",
                            "this machine alone",
                            "gaps/s over 1 us",
                            "Decision hash",
                            "over ",
                            "outputs",
                            "Next",
                            "./thintail replay "});
  expect_parts(result.err, {"reading", "training", "trained on 40 %", "parity", "held out", "running"});
  for (const std::string& text : {result.out, result.err}) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << "escape codes, and no terminal to read them";
    EXPECT_EQ(text.find('\r'), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::is_empty(shm_.path()) || !std::filesystem::exists(shm_.path() + "/thintail-demo"))
      << "a demo's segment is of use to nobody afterwards";

  // What it says first of what to do next.
  const std::size_t at = result.out.find("./thintail replay ") + 18;
  const std::string journal = result.out.substr(at, result.out.find(' ', at) - at);
  const ProcessResult replayed = run_thintail({"replay", journal});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  const std::size_t hash_at = result.out.find("Decision hash\n") + 16;
  EXPECT_NE(replayed.out.find(result.out.substr(hash_at, 64)), std::string::npos) << replayed.out;
}

TEST_F(DemoTest, decides_by_its_seed_alone) {
  const std::string first = hash({});
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(hash({}), first);
  EXPECT_EQ(hash({"--seed", "1"}), first);
  EXPECT_EQ(hash({"--set", "core.topology=inline"}), first);
  const std::string other = hash({"--seed", "2"});
  EXPECT_NE(other, first);
  EXPECT_EQ(hash({"--set", "simulator.seed=2"}), other);
}

TEST_F(DemoTest, runs_on_recorded_ticks) {
  const auto ticks = data_dir() / "ticks" / "oanda_xauusd_tick_20140504.csv.zst";
  TT_REQUIRE_DATA(ticks);
  const ProcessResult result = demo({"--ticks", ticks.string(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report["simulated"], false);
  EXPECT_EQ(report["instruments"][0]["name"], "XAUUSD@oanda");
  EXPECT_GT(report["ticks"], 3'000);
  EXPECT_EQ(report["predictions"], report["ticks"]);
  EXPECT_EQ(report["baselines"].size(), 2u);
  EXPECT_TRUE(report.contains("machine_jitter"));
}

TEST_F(DemoTest, of_a_missing_file_says_so) {
  const ProcessResult result = demo({"--ticks", "nowhere.csv"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("error: TT-0201"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("nowhere.csv"), std::string::npos);
}

}  // namespace
}  // namespace thintail::test
