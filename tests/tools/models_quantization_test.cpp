// SPDX-License-Identifier: Apache-2.0
// Quantization on rows of real ticks: what int8 must pass it passes, spoilt forms of it do not, and `thintail models quantize`
// and `verify --quantization` say so.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "ml/networks/quantize_network.hpp"
#include "ml/quant/network_gate.hpp"
#include "ml/quant/reference_networks.hpp"
#include "ml/train/lane_scaling.hpp"
#include "ml/train/network_training.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tests/support/data.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tools/report/held_out_rows.hpp"

namespace thintail {
namespace {

using nlohmann::json;
using test::run_thintail;

constexpr float kClip = 4.0f;
constexpr std::int64_t kHorizonNs = 10'000'000'000;

std::vector<std::string> gold_days() {
  std::vector<std::string> out;
  for (const int day : {5, 6, 7}) {
    out.push_back((test::data_dir() / "ticks" / fmt::format("oanda_xauusd_tick_2014050{}.csv.zst", day)).string());
  }
  return out;
}

// Rows of three days of gold and a perceptron on a strong signal in them: made once for all tests.
struct Gold {
  const FeatureSet* features = nullptr;
  HeldOutRows rows;
  std::vector<std::uint16_t> lanes;
  std::vector<LaneScaling> scaling;
  ScaledRows scaled;
  NetworkSpec spec;
  std::vector<float> labels;  // the strong signal of the later rows
  NetworkRanges ranges;  // that quantization chose
};

const Gold& gold() {
  static const Gold kGold = [] {
    Gold out;
    out.features = *FeatureSet::find("scalper-64");
    HeldOutOptions options{.source = {},
                           .set = out.features,
                           .mandatory = out.features->mandatory(),
                           .isa = best_isa(),
                           .horizon_ns = kHorizonNs,
                           .earlier_share = 0.6,
                           .earlier_max = 150'000,
                           .later_max = 50'000};
    options.source.files = gold_days();
    auto rows = collect_held_out(options);
    if (!rows) {
      ADD_FAILURE() << rows.error().message();
      return out;
    }
    out.rows = std::move(*rows);
    out.lanes.resize(out.rows.earlier.lanes);
    std::iota(out.lanes.begin(), out.lanes.end(), std::uint16_t{0});
    out.scaling = fit_scaling(out.rows.earlier.features, out.lanes.size(), kClip);
    const auto inputs = static_cast<std::uint32_t>(out.lanes.size());
    out.scaled = {.inputs = inputs,
                  .earlier = network_rows(out.rows.earlier.features, inputs, out.lanes, out.scaling),
                  .earlier_labels = out.rows.earlier.labels,
                  .later = network_rows(out.rows.later.features, inputs, out.lanes, out.scaling),
                  .later_labels = out.rows.later.labels};
    auto spec = train_dense(out.scaled.earlier, inputs, strong_signal(out.scaled.earlier, inputs, 1), DenseTraining{});
    if (!spec) ADD_FAILURE() << spec.error().message();
    out.spec = spec.value_or(NetworkSpec{});
    out.labels = strong_signal(out.scaled.later, inputs, 2);
    const std::vector<float> bounds(inputs, kClip);
    auto chosen = quantize_within(out.spec, out.scaled.earlier, 0.008, best_isa(), "gold", bounds);
    if (!chosen) ADD_FAILURE() << chosen.error().message();
    if (chosen) out.ranges = std::move(chosen->ranges);
    return out;
  }();
  return kGold;
}

// What `spoil` does to the quantized form: to its weights before they are rounded, and to the ranges of inputs.
template <class Spoil>
GateReport judged(Spoil&& spoil) {
  const Gold& data = gold();
  const auto exact = Network::make(data.spec, best_isa());
  NetworkSpec spec = data.spec;
  NetworkRanges ranges = data.ranges;
  spoil(spec, ranges);
  const auto quantized = Network::make_quantized(spec, ranges, best_isa());
  EXPECT_TRUE(quantized.has_value()) << (quantized ? "" : quantized.error().message());
  EXPECT_GE(quantized->quantized_matrices(), 1u);
  const GateSettings settings{.thresholds = tenth_thresholds(network_scores(*exact, data.scaled.earlier, kUpOutput)),
                              .block_rows = static_cast<std::uint32_t>(4 * data.rows.rows_per_horizon) + 1,
                              .draws = 200};
  const auto report = judge_network(*exact, *quantized,
                                    {.rows = data.scaled.later, .labels = data.labels, .output = kUpOutput}, settings);
  EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message());
  return report ? *report : GateReport{};
}

void round_to_steps(NetworkSpec& spec, float steps) {
  for (LayerSpec& layer : spec.layers) {
    for (std::uint32_t row = 0; row < layer.outputs; ++row) {
      const auto weights = std::span(layer.weight).subspan(std::size_t{row} * layer.inputs, layer.inputs);
      float largest = 0;
      for (const float weight : weights) largest = std::max(largest, std::abs(weight));
      const float step = largest / steps;
      for (float& weight : weights) weight = std::nearbyint(weight / step) * step;
    }
  }
}

void scale_ranges(NetworkRanges& ranges, float factor) {
  for (auto& matrix : ranges.inputs) {
    for (NetworkRanges::Range& range : matrix) {
      range.least *= factor;
      range.largest *= factor;
    }
  }
}

#define TT_REQUIRE_GOLD() \
  for (const std::string& file : gold_days()) TT_REQUIRE_DATA(file)

TEST(QuantizationOfGold, int8_passes_the_gate_on_a_strong_signal) {
  TT_REQUIRE_GOLD();
  const GateReport report = judged([](NetworkSpec&, NetworkRanges&) {});
  fmt::print("{}", gate_text(report));
  EXPECT_TRUE(report.passed());
  EXPECT_TRUE(report.has_edge);
  EXPECT_GT(report.auc_exact, 0.8);
}

TEST(QuantizationOfGold, spoilt_forms_fail_the_gate) {
  TT_REQUIRE_GOLD();
  const auto expect_fails = [](std::string_view name, auto&& spoil) {
    const GateReport report = judged(spoil);
    EXPECT_FALSE(report.passed()) << name << "\n" << gate_text(report);
  };
  expect_fails("steps four times as wide", [](NetworkSpec&, NetworkRanges& ranges) { scale_ranges(ranges, 4.0f); });
  expect_fails("ranges cut to a fifth", [](NetworkSpec&, NetworkRanges& ranges) { scale_ranges(ranges, 0.2f); });
  expect_fails("weights in 15 steps, as int4 has them",
               [](NetworkSpec& spec, NetworkRanges&) { round_to_steps(spec, 7); });
  expect_fails("a matrix read in the other order", [](NetworkSpec& spec, NetworkRanges&) {
    LayerSpec& layer = spec.layers[1];
    const std::vector<float> rows = layer.weight;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      layer.weight[i] = rows[i % layer.outputs * layer.inputs + i / layer.outputs];
    }
  });
}

// --- the commands ----------------------------------------------------------------------------------------------------

class QuantizationCommands : public ::testing::Test {
 protected:
  std::string at(const std::string& name) const { return folder_.path() + "/" + name; }

  // The perceptron as a pack of kind events; int8 where there are ranges.
  std::string write_pack(const std::string& name, std::optional<NetworkRanges> ranges) const {
    const Gold& data = gold();
    pack::DecisionModelSpec spec =
        pack::spec_of_one(*data.features, pack::NetworkSource{data.spec, std::move(ranges)},
                          {.producer = "test", .source = "trained by the test", .source_sha256 = {}},
                          {.label = "mid_return_bp",
                           .horizon_ns = kHorizonNs,
                           .trained_on = "gold",
                           .trained_with = "the test",
                           .entry_cost_multiple = 0.2,
                           .exit_cost_multiple = 0.05});
    spec.members[0].scaling = data.scaling;
    spec.members[0].output = kUpOutput;
    const auto bytes = encode_decision_model(spec, name);
    EXPECT_TRUE(bytes.has_value()) << (bytes ? "" : bytes.error().message());
    std::ofstream(at(name), std::ios::binary) << bytes.value_or("");
    return at(name);
  }

  static std::vector<std::string> with_ticks(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--rows", "50000", "--calibration-rows", "150000", "--json", "--ticks"});
    for (const std::string& file : gold_days()) arguments.push_back(file);
    return arguments;
  }

  test::TempFolder folder_;
};

TEST_F(QuantizationCommands, networks_trained_for_the_occasion_are_judged_without_a_pack) {
  TT_REQUIRE_GOLD();
  const auto ended = run_thintail(with_ticks({"models", "verify", "--quantization"}));
  ASSERT_EQ(ended.exit_code, 0) << ended.err << ended.out;
  const json report = json::parse(ended.out);
  EXPECT_EQ(report["schema"], "thintail-quantization/1");
  EXPECT_EQ(report["rows"], 50'000);
  EXPECT_EQ(report["passed"], true);
  ASSERT_EQ(report["networks"].size(), 3u);
  for (const json& network : report["networks"]) {
    EXPECT_GE(network["int8_matrices"].get<int>() + network["int16_matrices"].get<int>(), 1) << network["name"];
    EXPECT_EQ(network["gate"]["rows"], 50'000);
  }
  EXPECT_EQ(report["networks"][2]["gate"]["criteria"].back()["name"], "growth");
}

TEST_F(QuantizationCommands, a_network_becomes_int8_where_the_gate_passes_and_its_pack_verifies) {
  TT_REQUIRE_GOLD();
  const std::string in = write_pack("float32.ttm", std::nullopt);
  const auto made = run_thintail(with_ticks({"models", "quantize", in, "-o", at("int8.ttm")}));
  ASSERT_EQ(made.exit_code, 0) << made.err << made.out;
  EXPECT_LT(json::parse(made.out)["networks"][0]["bytes"].get<int>() * 2,
            json::parse(made.out)["networks"][0]["float32_bytes"].get<int>());
  const auto verified = run_thintail(with_ticks({"models", "verify", at("int8.ttm"), "--quantization"}));
  ASSERT_EQ(verified.exit_code, 0) << verified.err << verified.out;
  const json of_made = json::parse(made.out)["networks"][0]["gate"];
  // The pack says at what multiples of the cost it enters and leaves.
  EXPECT_EQ(of_made["cost_multiples"], json::array({-0.2, -0.05, 0.05, 0.2}));
  EXPECT_EQ(of_made["criteria"][3]["name"], "deployed");
  EXPECT_EQ(json::parse(verified.out)["networks"][0]["gate"]["criteria"], of_made["criteria"]);
  // Once is enough.
  const auto again = run_thintail(with_ticks({"models", "quantize", at("int8.ttm"), "-o", at("twice.ttm")}));
  EXPECT_EQ(again.exit_code, 64);
  EXPECT_FALSE(std::filesystem::exists(at("twice.ttm")));
  // Without bounds that are kept nothing is written.
  const auto none = run_thintail(with_ticks({"models", "quantize", in, "-o", at("none.ttm"), "--error-max", "0"}));
  EXPECT_EQ(none.exit_code, 2) << none.err << none.out;
  EXPECT_FALSE(std::filesystem::exists(at("none.ttm")));
}

TEST_F(QuantizationCommands, a_pack_whose_int8_form_is_too_coarse_ends_with_exit_code_2) {
  TT_REQUIRE_GOLD();
  NetworkRanges ranges = Network::make(gold().spec, best_isa())->calibrate(gold().scaled.earlier);
  scale_ranges(ranges, 4.0f);
  const std::string coarse = write_pack("coarse.ttm", ranges);
  const auto ended = run_thintail(with_ticks({"models", "verify", coarse, "--quantization"}));
  EXPECT_EQ(ended.exit_code, 2) << ended.err << ended.out;
  EXPECT_EQ(json::parse(ended.out)["passed"], false);
}

TEST_F(QuantizationCommands, what_cannot_be_judged_is_told) {
  TT_REQUIRE_GOLD();
  const auto no_ticks = run_thintail({"models", "verify", "--quantization"});
  EXPECT_EQ(no_ticks.exit_code, 64);
  EXPECT_NE(no_ticks.err.find("--ticks"), std::string::npos) << no_ticks.err;
  const std::string sunday = (test::data_dir() / "ticks/oanda_xauusd_tick_20140504.csv.zst").string();
  const auto too_few = run_thintail({"models", "verify", "--quantization", "--ticks", sunday});
  EXPECT_EQ(too_few.exit_code, 1) << too_few.out;
  EXPECT_NE(too_few.err.find("TT-0409"), std::string::npos) << too_few.err;
  const auto float32 =
      run_thintail(with_ticks({"models", "verify", write_pack("f.ttm", std::nullopt), "--quantization"}));
  EXPECT_EQ(float32.exit_code, 64) << float32.out;
  EXPECT_NE(float32.err.find("a quantized network"), std::string::npos) << float32.err;
}

}  // namespace
}  // namespace thintail
