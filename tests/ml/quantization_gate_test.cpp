// SPDX-License-Identifier: Apache-2.0
// The quantization gate on series of scores that are made up: it passes what is close, and each of its criteria refuses
// what only it can see.
#include "ml/quant/quantization_gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/numeric/split_mix.hpp"
#include "ml/quant/network_gate.hpp"
#include "tests/support/networks.hpp"

namespace thintail {
namespace {

constexpr std::size_t kRows = 50'000;

float nearly_normal(numeric::SplitMix& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return static_cast<float>(sum);
}

// Scores, a form of them with a little noise, and labels that the scores foretell with an AUC of about 0.83.
struct Series {
  std::vector<float> exact;
  std::vector<float> quantized;
  std::vector<float> labels;
  std::vector<float> cost;

  explicit Series(float noise = 0.005f, std::size_t rows = kRows) {
    numeric::SplitMix random(7);
    for (std::size_t i = 0; i < rows; ++i) {
      exact.push_back(nearly_normal(random));
      quantized.push_back(exact.back() + noise * nearly_normal(random));
      labels.push_back(exact.back() + nearly_normal(random));
      cost.push_back(0.5f + static_cast<float>(random.uniform()));
    }
  }

  GateRows rows() const { return {.exact = exact, .quantized = quantized, .labels = labels, .cost = {}}; }
};

// Of the series below.
constexpr double kFrozenAuc = 0x1.ab50a40886ad7p-1;
constexpr double kFrozenLow = 0x1.a96b6e0ed1a6cp-1;

const GateSettings kSettings{.thresholds = {-1.28, 1.28}, .block_rows = 50, .draws = 200};

GateReport judged(const GateRows& rows, const GateSettings& settings = kSettings,
                  const std::optional<CarriedError>& carried = std::nullopt) {
  auto report = judge_quantization(rows, settings, carried);
  if (!report) ADD_FAILURE() << report.error().message();
  return report ? *report : GateReport{};
}

const GateCriterion& criterion(const GateReport& report, std::string_view name) {
  const auto found = std::ranges::find(report.criteria, name, &GateCriterion::name);
  EXPECT_NE(found, report.criteria.end()) << name;
  return *found;
}

// The one criterion that fails is `name`.
void expect_only_fails(const GateReport& report, std::string_view name) {
  EXPECT_FALSE(report.passed());
  for (const GateCriterion& one : report.criteria) EXPECT_EQ(one.passed, one.name != name) << gate_text(report);
}

TEST(QuantizationGate, scores_with_a_little_noise_pass) {
  const GateReport report = judged(Series().rows());
  EXPECT_TRUE(report.passed()) << gate_text(report);
  EXPECT_EQ(report.rows, kRows);
  EXPECT_NEAR(criterion(report, "error").value, 0.005, 1e-4);
  EXPECT_GT(criterion(report, "decisions").value, 0.998);
  EXPECT_TRUE(report.has_edge);
  EXPECT_NEAR(report.auc_exact, 0.83, 0.01);
  EXPECT_LT(report.auc_exact_low, report.auc_exact);
  EXPECT_GT(report.auc_exact_high, report.auc_exact);
}

TEST(QuantizationGate, equal_scores_lose_nothing) {
  const Series series(0.0f);
  const GateReport report = judged(series.rows());
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(criterion(report, "error").value, 0.0);
  EXPECT_EQ(criterion(report, "spearman").value, 1.0);
  EXPECT_EQ(criterion(report, "decisions").value, 1.0);
  EXPECT_EQ(criterion(report, "edge_lost").value, 0.0);
}

TEST(QuantizationGate, noise_of_three_percent_fails) {
  const GateReport report = judged(Series(0.03f).rows());
  EXPECT_FALSE(report.passed());
  EXPECT_FALSE(criterion(report, "error").passed);
  // The share of equal signs would have passed as 99 %.
  EXPECT_FALSE(criterion(report, "decisions").passed);
}

// A few large scores make the deviation large; the many small ones lose their order.
TEST(QuantizationGate, ranks_see_what_the_mean_square_does_not) {
  Series series(0.0f);
  numeric::SplitMix random(3);
  for (std::size_t i = 0; i < kRows; ++i) {
    if (i % 50 == 0) series.exact[i] *= 60.0f;
    series.quantized[i] = series.exact[i] + 0.1f * nearly_normal(random);
  }
  GateSettings settings = kSettings;
  settings.thresholds = {-8.0, 8.0};
  expect_only_fails(judged(series.rows(), settings), "spearman");
}

// Ranks and errors are within bounds, but thresholds lie where most scores are.
TEST(QuantizationGate, decisions_see_scores_that_gather_about_thresholds) {
  Series series(0.015f);
  GateSettings settings = kSettings;
  settings.thresholds = {-0.2, 0.2};
  expect_only_fails(judged(series.rows(), settings), "decisions");
}

TEST(QuantizationGate, deployed_thresholds_are_multiples_of_each_rows_cost) {
  Series series(0.0f);
  GateSettings settings = kSettings;
  settings.cost_multiples = {-2.0, -0.5, 0.5, 2.0};
  GateRows rows = series.rows();
  EXPECT_FALSE(judge_quantization(rows, settings).has_value()) << "without a cost";
  rows.cost = series.cost;
  EXPECT_TRUE(judged(rows, settings).passed());
  // One row in a hundred goes from above the threshold to below it, which its own cost decides.
  for (std::size_t i = 0; i < kRows; i += 50) {
    series.exact[i] = 0.501f * series.cost[i];
    series.quantized[i] = 0.499f * series.cost[i];
  }
  const GateReport report = judged(rows, settings);
  EXPECT_NEAR(criterion(report, "deployed").value, 0.98, 1e-9);
  expect_only_fails(report, "deployed");
}

// Noise within every other bound that happens to speak against the label.
TEST(QuantizationGate, an_edge_that_is_lost_is_seen_by_no_other_criterion) {
  Series series(0.0f);
  for (std::size_t i = 0; i < kRows; ++i) {
    series.labels[i] = series.exact[i] + 40.0f * (series.labels[i] - series.exact[i]);
    series.quantized[i] = series.exact[i] - (series.labels[i] > 0 ? 0.008f : -0.008f);
  }
  const GateReport report = judged(series.rows());
  EXPECT_TRUE(report.has_edge) << gate_text(report);
  expect_only_fails(report, "edge_lost");
}

TEST(QuantizationGate, without_an_edge_there_is_none_to_lose) {
  Series series(0.01f);
  numeric::SplitMix random(11);
  for (float& label : series.labels) label = nearly_normal(random);
  const GateReport report = judged(series.rows());
  EXPECT_FALSE(report.has_edge);
  EXPECT_TRUE(criterion(report, "edge_lost").passed);
  EXPECT_TRUE(criterion(report, "edge_lost").note.starts_with("no edge to lose"));
}

TEST(QuantizationGate, a_score_that_foretells_the_other_way_round_has_its_edge_too) {
  Series series;
  for (float& label : series.labels) label = -label;
  const GateReport report = judged(series.rows());
  EXPECT_TRUE(report.has_edge);
  EXPECT_LT(report.auc_exact, 0.5);
  EXPECT_TRUE(report.passed()) << gate_text(report);
}

TEST(QuantizationGate, an_error_that_grows_while_it_is_carried_fails) {
  const Series series;
  const CarriedError steady{.steps = 50'000, .compared = 5'000, .carried = 0.0051, .restarted = 0.005};
  EXPECT_TRUE(judged(series.rows(), kSettings, steady).passed());
  const CarriedError growing{.steps = 50'000, .compared = 5'000, .carried = 0.0065, .restarted = 0.005};
  expect_only_fails(judged(series.rows(), kSettings, growing), "growth");
  EXPECT_EQ(CarriedError{}.growth(), 1.0);
  EXPECT_EQ((CarriedError{.carried = 1e-9, .restarted = 0.0}.growth()), std::numeric_limits<double>::infinity());
}

// An LSTM that forgets nothing adds up what rounding does to it; one that forgets does not.
TEST(QuantizationGate, networks_that_add_their_errors_up_fail_and_networks_that_forget_pass) {
  test::RandomNetworks random(5);
  const auto rows = random.numbers(kRows * 8, 1.0f);
  std::vector<float> labels;
  for (std::size_t i = 0; i < kRows; ++i) labels.push_back(rows[i * 8]);
  const auto growth_of = [&](float forget_bias, float input_bias) {
    NetworkSpec spec{.inputs = 8,
                     .layers = {random.layer(LayerKind::lstm, 8, 8), random.layer(LayerKind::dense, 8, 1)}};
    LayerSpec& lstm = spec.layers[0];
    for (std::size_t unit = 0; unit < 8; ++unit) {
      lstm.recurrent_bias[unit] = input_bias;
      lstm.recurrent_bias[8 + unit] = forget_bias;
    }
    const auto exact = Network::make(spec, best_isa());
    const auto quantized =
        Network::make_quantized(spec, exact->calibrate(std::span(rows).first(8 * 4'000)), best_isa());
    const auto report = judge_network(*exact, *quantized, {.rows = rows, .labels = labels}, kSettings);
    EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message());
    return report ? criterion(*report, "growth") : GateCriterion{};
  };
  EXPECT_TRUE(growth_of(1.0f, 0.0f).passed);
  const GateCriterion adding = growth_of(14.0f, -6.0f);
  EXPECT_FALSE(adding.passed) << adding.value << " " << adding.note;
}

TEST(QuantizationGate, a_network_without_memory_has_no_growth_to_judge) {
  test::RandomNetworks random(6);
  const NetworkSpec spec{.inputs = 8, .layers = {random.layer(LayerKind::dense, 8, 3)}};
  const auto rows = random.numbers(kRows * 8, 1.0f);
  std::vector<float> labels;
  for (std::size_t i = 0; i < kRows; ++i) labels.push_back(rows[i * 8]);
  const auto exact = Network::make(spec, best_isa());
  const auto report = judge_network(*exact, *exact, {.rows = rows, .labels = labels, .output = 2}, kSettings);
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_TRUE(report->passed()) << gate_text(*report);
  EXPECT_TRUE(std::ranges::none_of(report->criteria, [](const GateCriterion& one) { return one.name == "growth"; }));
  const auto beyond = judge_network(*exact, *exact, {.rows = rows, .labels = labels, .output = 3}, kSettings);
  ASSERT_FALSE(beyond.has_value());
  EXPECT_EQ(beyond.error().field, "output");
}

TEST(QuantizationGate, what_cannot_be_judged_is_refused_with_its_field) {
  const auto refused = [](const std::function<void(Series&, GateSettings&, std::optional<CarriedError>&)>& spoil,
                          std::string_view field) {
    Series series;
    GateSettings settings = kSettings;
    std::optional<CarriedError> carried;
    spoil(series, settings, carried);
    const auto report = judge_quantization(series.rows(), settings, carried);
    ASSERT_FALSE(report.has_value()) << field;
    EXPECT_EQ(report.error().code, ErrorCode::quantization_unjudged);
    EXPECT_EQ(report.error().field, field);
  };
  refused([](Series& series, GateSettings&, auto&) { series = Series(0.005f, kRows - 1); }, "rows");
  refused([](Series& series, GateSettings&, auto&) { series.quantized.pop_back(); }, "rows");
  refused([](Series& series, GateSettings&, auto&) { series.labels.pop_back(); }, "rows");
  refused([](Series& series, GateSettings&, auto&) { series.exact[9] = std::nanf(""); }, "row 9");
  refused([](Series& series, GateSettings&, auto&) { series.quantized[8] = INFINITY; }, "row 8");
  refused([](Series& series, GateSettings&, auto&) { std::ranges::fill(series.labels, 1.0f); }, "labels");
  refused([](Series&, GateSettings& settings, auto&) { settings.thresholds.clear(); }, "thresholds");
  refused([](Series&, GateSettings& settings, auto&) { settings.thresholds = {1.0, -1.0}; }, "thresholds");
  refused([](Series&, GateSettings& settings, auto&) { settings.block_rows = 0; }, "block_rows");
  refused([](Series&, GateSettings& settings, auto&) { settings.block_rows = kRows / 10 + 1; }, "block_rows");
  refused([](Series&, GateSettings& settings, auto&) { settings.draws = 10; }, "draws");
  refused([](Series&, GateSettings&, auto& carried) { carried = CarriedError{.steps = 9'999}; }, "carried steps");
}

// Neighbours that share their future say less than as many rows of their own.
TEST(QuantizationGate, blocks_widen_the_interval_where_neighbours_are_alike) {
  Series series(0.0f);
  for (std::size_t i = 0; i < kRows; ++i) {
    series.exact[i] = series.exact[i - i % 100];
    series.labels[i] = series.labels[i - i % 100];
    series.quantized[i] = series.exact[i];
  }
  const auto width = [&](std::uint32_t block_rows) {
    GateSettings settings = kSettings;
    settings.block_rows = block_rows;
    const GateReport report = judged(series.rows(), settings);
    return report.auc_exact_high - report.auc_exact_low;
  };
  EXPECT_GT(width(200), 5.0 * width(1));
}

// The same everywhere: counted in integers, drawn by a generator of ours.
TEST(QuantizationGate, the_same_scores_give_the_same_report_on_every_machine) {
  const GateReport report = judged(Series().rows());
  EXPECT_EQ(gate_json(report), gate_json(judged(Series().rows())));
  EXPECT_EQ(report.auc_exact, kFrozenAuc);
  EXPECT_EQ(report.auc_exact_low, kFrozenLow);
  GateSettings other = kSettings;
  other.seed = 2;
  EXPECT_NE(judged(Series().rows(), other).auc_exact_low, report.auc_exact_low);
}

TEST(QuantizationGate, spearman_is_the_correlation_of_mean_ranks) {
  const std::vector<float> a = {1, 2, 2, 4, 5};
  const std::vector<float> b = {10, 30, 20, 20, 90};
  // Ranks 0 1.5 1.5 3 4 and 0 3 1.5 1.5 4.
  EXPECT_NEAR(spearman(a, b), 7.25 / 9.5, 1e-15);
  EXPECT_EQ(spearman(a, a), 1.0);
  EXPECT_TRUE(std::isnan(spearman(a, std::vector<float>(5, 1.0f))));
}

TEST(QuantizationGate, json_holds_every_criterion_with_value_bound_and_verdict) {
  Series series;
  std::ranges::fill(series.exact, 0.0f);  // nothing varies: no error is small beside it, and no rank is told
  const GateReport report = judged(series.rows());
  const auto json = nlohmann::json::parse(gate_json(report), nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << gate_json(report);
  EXPECT_EQ(json["passed"], false);
  EXPECT_EQ(json["rows"], kRows);
  ASSERT_EQ(json["criteria"].size(), report.criteria.size());
  EXPECT_EQ(json["criteria"][0]["name"], "error");
  EXPECT_EQ(json["criteria"][0]["value"], nullptr);  // infinite
  EXPECT_EQ(json["criteria"][0]["at_most"], 0.02);
  EXPECT_EQ(json["criteria"][1]["value"], nullptr);  // no number
  EXPECT_EQ(json["criteria"][1]["at_least"], 0.9995);
  EXPECT_EQ(json["criteria"][1]["passed"], false);
  EXPECT_EQ(json["bootstrap"]["draws"], 200);
  EXPECT_NE(gate_text(report).find("NOT PASSED"), std::string::npos);
}

}  // namespace
}  // namespace thintail
