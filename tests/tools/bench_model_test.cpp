// SPDX-License-Identifier: Apache-2.0
// The suite `model` from outside: a pack of either kind is timed on its golden inputs, keeps the bench contract, and can fail
// its check. No time is asserted.
#include <fstream>

#include "strategies/model/decision_model_file.hpp"
#include "tests/support/bench_contract.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail {
namespace {

using test::run_bench;

class BenchModel : public ::testing::Test {
 protected:
  std::string at(const std::string& name) const { return folder_.path() + "/" + name; }

  // Trees from anonymous inputs to scores.
  std::string vector_pack() const {
    std::ofstream(at("trees.json")) << test::make_model({.trees = 5, .depth = 3, .features = 3}).dump();
    const auto imported = test::run_thintail({"models", "import", at("trees.json"), "-o", at("trees.ttm")});
    EXPECT_EQ(imported.exit_code, 0) << imported.err;
    return at("trees.ttm");
  }

  // An LSTM on the features of core-32.
  std::string events_pack() const {
    const FeatureSet& features = FeatureSet::core_32();
    const auto inputs = static_cast<std::uint32_t>(features.lanes().size());
    test::RandomNetworks random(3);
    NetworkSpec network{.inputs = inputs,
                        .layers = {random.layer(LayerKind::lstm, inputs, 8), random.layer(LayerKind::dense, 8, 1)}};
    pack::DecisionModelSpec spec = pack::spec_of_one(
        features, pack::NetworkSource{std::move(network), std::nullopt},
        {.producer = "test", .source = "random", .source_sha256 = {}},
        {.label = "mid_return_bp", .horizon_ns = 1'000'000'000, .trained_on = "nothing", .trained_with = "nothing"});
    const auto bytes = encode_decision_model(spec, "events.ttm");
    EXPECT_TRUE(bytes.has_value()) << (bytes ? "" : bytes.error().message());
    std::ofstream(at("events.ttm"), std::ios::binary) << bytes.value_or("");
    return at("events.ttm");
  }

  test::TempFolder folder_;
};

TEST_F(BenchModel, packs_of_either_kind_are_timed_and_keep_the_contract) {
  for (const std::string& pack : {vector_pack(), events_pack()}) {
    EXPECT_EQ(test::cases_that_keep_the_contract("model", {"--model", pack}), std::set<std::string>{"pack"}) << pack;
  }
}

TEST_F(BenchModel, spoilt_answers_fail_the_check) {
  for (const std::string& pack : {vector_pack(), events_pack()}) {
    const auto ended = run_bench("model", {"--model", pack, "--iterations", "20", "--mutant"});
    EXPECT_EQ(ended.exit_code, 2) << pack << ended.err;
    EXPECT_NE(ended.err.find("TT-0605"), std::string::npos) << ended.err;
    EXPECT_EQ(ended.out, "");
  }
}

TEST_F(BenchModel, the_command_of_models_says_the_same) {
  const auto ended = test::run_thintail({"models", "bench", vector_pack(), "--isa", "scalar", "--json"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const auto json = nlohmann::json::parse(ended.out, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << ended.out;
  EXPECT_EQ(json["suite"], "model");
  EXPECT_EQ(json["cases"][0]["peers"][0]["checked"], "256/256 equal");
}

TEST_F(BenchModel, without_a_pack_or_with_another_file_it_says_why_not) {
  EXPECT_EQ(run_bench("model", {"--json"}).exit_code, 64);
  std::ofstream(at("text.ttm")) << "no pack";
  const auto ended = run_bench("model", {"--model", at("text.ttm")});
  EXPECT_EQ(ended.exit_code, 1) << ended.err;
  EXPECT_NE(ended.err.find("text.ttm"), std::string::npos) << ended.err;
}

}  // namespace
}  // namespace thintail
