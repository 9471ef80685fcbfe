// SPDX-License-Identifier: Apache-2.0
#include "ml/regime/regime_file.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <random>
#include <vector>

#include "ml/regime/regime_rule.hpp"
#include "tests/support/regime_rows.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail {
namespace {

// Line numbers below count in this text.
constexpr const char* kText = R"(format = "thintail-regime/1"
name = "gold-m1"
features = ["ret", "vol"]
trend_feature = "ret"
volatility_feature = "vol"
initial = [0.5, 0.5]
transition = [
  [0.9, 0.1],
  [0.2, 0.8],
]
[change]
probability_min = 0.8
margin_min = 0.5
steps_min = 4
[[states]]
mean = [0, -1.5]
variance = [1.25, 0.5]
[[states]]
mean = [0.1, 2.5]
variance = [9, 0.75]
[regimes.volatile]
risk_scale = 0.25
weights = [1, 0, 2.5]
[regimes.ranging]
risk_scale = 1
)";

RegimeModel model_of(std::string_view text) {
  auto model = RegimeModel::from_toml(text, "gold.toml");
  if (!model) ADD_FAILURE() << model.error().message();
  return model ? std::move(*model) : RegimeModel{};
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string text = kText;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(RegimeFile, every_field_is_read) {
  const RegimeModel model = model_of(kText);
  EXPECT_EQ(model.name, "gold-m1");
  EXPECT_EQ(model.features, (std::vector<std::string>{"ret", "vol"}));
  EXPECT_EQ(model.hmm.states, 2u);
  EXPECT_EQ(model.hmm.features, 2u);
  EXPECT_EQ(model.hmm.trend_feature, 0u);
  EXPECT_EQ(model.hmm.volatility_feature, 1u);
  EXPECT_EQ(model.hmm.transition[1][0], 0.2);
  EXPECT_EQ(model.hmm.mean[1][1], 2.5);
  EXPECT_EQ(model.hmm.variance[0][0], 1.25);
  EXPECT_EQ(model.change, (ChangeRuleConfig{.probability_min = 0.8, .margin_min = 0.5, .steps_min = 4}));
  EXPECT_EQ(model.table.members, 3u);
  EXPECT_EQ(model.table.of(RegimeLabel::turbulent).risk_scale, 0.25);
  EXPECT_EQ(model.table.weights(RegimeLabel::turbulent)[2], 2.5);
  // Regimes that do not weigh members weigh them alike; what the file leaves out takes the whole risk.
  EXPECT_EQ(model.table.weights(RegimeLabel::ranging)[1], 1.0);
  EXPECT_EQ(model.table.of(RegimeLabel::trending_up).risk_scale, 1.0);
  EXPECT_EQ(&model.table.of(static_cast<RegimeLabel>(99)), &model.table.of(RegimeLabel::unknown));
  EXPECT_TRUE(model.hmm.validate().has_value());
  EXPECT_TRUE(model.table.validate().has_value());
}

TEST(RegimeFile, what_is_written_is_read_back_equal) {
  EXPECT_EQ(model_of(model_of(kText).to_toml()), model_of(kText));
  for (std::uint32_t states = 2; states <= kHmmStatesMax; ++states) {
    for (const std::uint32_t features : {1U, 8U}) {
      RegimeModel model{.name = "any", .hmm = test::random_hmm(states, features, states)};
      for (std::uint32_t f = 0; f < features; ++f) model.features.push_back(fmt::format("lane_{}", f));
      const RegimeModel again = model_of(model.to_toml());
      EXPECT_EQ(again, model) << model.to_toml();
    }
  }
}

TEST(RegimeFile, the_optional_parts_may_be_left_out) {
  const std::string text = kText;
  const std::string states = text.substr(text.find("[[states]]"), text.find("[regimes.") - text.find("[[states]]"));
  const RegimeModel model = model_of(text.substr(0, text.find("[change]")) + states);
  EXPECT_EQ(model.change, ChangeRuleConfig{});
  EXPECT_EQ(model.table, RegimeTable{});
  EXPECT_EQ(model_of(replaced("volatility_feature = \"vol\"\n", "")).hmm.volatility_feature, kNoHmmFeature);
}

TEST(RegimeFile, errors_name_file_line_and_field) {
  struct Case {
    std::string from, to;
    std::uint64_t line;
    std::string field;
    ErrorCode code = ErrorCode::config_bad_value;
  };
  using enum ErrorCode;
  const std::vector<Case> cases = {
      {"thintail-regime/1", "thintail-regime/2", 1, "format"},
      {"format = \"thintail-regime/1\"\n", "", 1, "format", config_missing},
      {"\"gold-m1\"", "\"../gold\"", 2, "name"},
      {"\"gold-m1\"", "7", 2, "name"},
      {"[\"ret\", \"vol\"]", "[]", 3, "features"},
      {"[\"ret\", \"vol\"]", "[\"ret\", \"ret\"]", 3, "features[1]"},
      {"[\"ret\", \"vol\"]", "[\"ret\", 3]", 3, "features[1]"},
      {"[\"ret\", \"vol\"]", "\"ret\"", 3, "features"},
      {"[\"ret\", \"vol\"]", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]", 3, "features"},
      {"trend_feature = \"ret\"", "trend_feature = \"rat\"", 4, "trend_feature"},
      {"volatility_feature = \"vol\"", "volatility_feature = 1", 5, "volatility_feature"},
      {"[0.5, 0.5]", "[0.5, 0.6]", 6, "initial"},
      {"[0.5, 0.5]", "[0.5]", 6, "initial"},
      {"[0.5, 0.5]", "[1.5, -0.5]", 6, "initial[0]"},
      {"[0.5, 0.5]", "[nan, nan]", 6, "initial[0]"},
      {"initial = [0.5, 0.5]\n", "", 1, "initial", config_missing},
      {"[0.9, 0.1]", "[0.9, 0.2]", 8, "transition[0]"},
      {"[0.2, 0.8]", "[0.2, true]", 9, "transition[1][1]"},
      {"  [0.2, 0.8],\n", "", 7, "transition"},
      {"probability_min = 0.8", "probability_min = 1.1", 12, "change.probability_min"},
      {"margin_min = 0.5", "margin_min = nan", 13, "change.margin_min"},
      {"steps_min = 4", "steps_min = 0", 14, "change.steps_min"},
      {"steps_min = 4", "steps_min = 2.5", 14, "change.steps_min"},
      {"steps_min = 4", "step_min = 4", 14, "change.step_min", config_unknown_key},
      {"mean = [0, -1.5]", "mean = [0]", 16, "states[0].mean"},
      {"mean = [0, -1.5]", "mean = [0, -2e9]", 16, "states[0].mean[1]"},
      {"mean = [0, -1.5]", "mean = [0, inf]", 16, "states[0].mean[1]"},
      {"variance = [1.25, 0.5]", "variance = [1.25, 0]", 17, "states[0].variance[1]"},
      {"variance = [1.25, 0.5]", "variance = [-1, 1]", 17, "states[0].variance[0]"},
      {"variance = [1.25, 0.5]", "variance = [1e300, 1]", 17, "states[0].variance[0]"},
      {"variance = [1.25, 0.5]\n", "", 15, "states[0].variance", config_missing},
      {"[regimes.volatile]", "[regimes.volatil]", 21, "regimes.volatil", config_unknown_key},
      {"risk_scale = 0.25", "risk_scale = 1.5", 22, "regimes.volatile.risk_scale"},
      {"risk_scale = 0.25", "risk_scale = \"all\"", 22, "regimes.volatile.risk_scale"},
      {"weights = [1, 0, 2.5]", "weights = []", 23, "regimes.volatile.weights"},
      {"weights = [1, 0, 2.5]", "weights = [1, -1]", 23, "regimes.volatile.weights[1]"},
      {"risk_scale = 1\n", "risk_scale = 1\nweights = [1]\n", 0, ""},
      {"name = \"gold-m1\"", "name = \"gold-m1\"\nnames = 3", 3, "names", config_unknown_key},
      {"name = \"gold-m1\"", "name = \"gold-m1", 2, "", config_syntax},
      {"name = \"gold-m1\"", "name = \"a\"\nname = \"b\"", 3, "", config_syntax},
  };
  for (const Case& bad : cases) {
    const auto model = RegimeModel::from_toml(replaced(bad.from, bad.to), "gold.toml");
    ASSERT_FALSE(model.has_value()) << bad.to;
    EXPECT_EQ(model.error().file, "gold.toml");
    EXPECT_FALSE(model.error().expected.empty()) << bad.to;
    if (bad.line == 0) {  // the table whose weights differ in number: which one is named depends on their order
      EXPECT_TRUE(model.error().field.ends_with(".weights")) << model.error().message();
      continue;
    }
    EXPECT_EQ(model.error().code, bad.code) << model.error().message();
    EXPECT_EQ(model.error().line, bad.line) << model.error().message();
    EXPECT_EQ(model.error().field, bad.field) << model.error().message();
  }
}

TEST(RegimeFile, a_text_cut_or_changed_anywhere_is_refused_or_valid_but_never_harmful) {
  const std::string text = model_of(kText).to_toml();
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto model = RegimeModel::from_toml(std::string_view(text).substr(0, size), "cut.toml");
    if (model) {
      EXPECT_TRUE(model->hmm.validate().has_value()) << size;
    }
  }
  std::string deep = "initial = ";
  deep.append(std::size_t{1} << 19, '[');
  EXPECT_FALSE(RegimeModel::from_toml(deep, "deep.toml").has_value());
  const std::string_view zero("a\0b", 3);
  EXPECT_FALSE(RegimeModel::from_toml(zero, "zero.toml").has_value());
  std::mt19937_64 random(7);
  for (int i = 0; i < 3'000; ++i) {
    std::string changed = text;
    for (int k = 0; k < 3; ++k) changed[random() % changed.size()] = static_cast<char>(random());
    const auto model = RegimeModel::from_toml(changed, "changed.toml");
    if (model) {
      EXPECT_TRUE(model->hmm.validate().has_value());
      EXPECT_TRUE(model->table.validate().has_value());
    }
  }
}

TEST(RegimeFile, a_path_that_is_no_regime_file_is_refused) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/model.toml";
  EXPECT_EQ(RegimeModel::load(path).error().code, ErrorCode::file_missing);
  EXPECT_EQ(RegimeModel::load(folder.path()).error().code, ErrorCode::file_unreadable);
  EXPECT_EQ(RegimeModel::load("/dev/zero").error().code, ErrorCode::file_unreadable);
  std::ofstream(path) << std::string(2u << 20, '#');
  EXPECT_EQ(RegimeModel::load(path).error().code, ErrorCode::config_bad_value);
  std::ofstream(path, std::ios::trunc) << kText;
  const auto model = RegimeModel::load(path);
  ASSERT_TRUE(model.has_value()) << model.error().message();
  EXPECT_EQ(*model, model_of(kText));
}

TEST(GaussianHmm, validation_names_the_parameter_that_is_wrong) {
  const auto field = [](auto&& spoil) {
    GaussianHmm hmm = test::four_regimes();
    spoil(hmm);
    const auto valid = hmm.validate();
    return valid ? std::string("valid") : valid.error().field;
  };
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(field([](GaussianHmm&) {}), "valid");
  EXPECT_EQ(field([](GaussianHmm& hmm) { hmm.states = 9; }), "states");
  EXPECT_EQ(field([](GaussianHmm& hmm) { hmm.features = 0; }), "features");
  EXPECT_EQ(field([](GaussianHmm& hmm) { hmm.trend_feature = 2; }), "trend_feature");
  EXPECT_EQ(field([](GaussianHmm& hmm) { hmm.volatility_feature = 2; }), "volatility_feature");
  EXPECT_EQ(field([](GaussianHmm& hmm) { hmm.initial[1] = kNaN; }), "initial[1]");
  EXPECT_EQ(field([](GaussianHmm& hmm) { hmm.transition[2][2] = 0.5; }), "transition[2]");
  EXPECT_EQ(field([](GaussianHmm& hmm) { hmm.mean[3][1] = kNaN; }), "states[3].mean[1]");
  EXPECT_EQ(field([](GaussianHmm& hmm) { hmm.variance[3][1] = 0.0; }), "states[3].variance[1]");
}

TEST(RegimeTable, validation_names_the_number_that_is_out_of_range) {
  RegimeTable table;
  EXPECT_TRUE(table.validate().has_value());
  table.rows[4].risk_scale = 1.01;
  EXPECT_EQ(table.validate().error().field, "regimes.volatile.risk_scale");
  table.rows[4].risk_scale = 1.0;
  table.members = 2;
  table.rows[1].weights[1] = -1.0;
  EXPECT_EQ(table.validate().error().field, "regimes.ranging.weights[1]");
  table.members = 17;
  EXPECT_EQ(table.validate().error().field, "weights");
}

TEST(RegimeRule, follows_its_thresholds_with_their_hysteresis) {
  using enum RegimeLabel;
  const RegimeRuleConfig config{.adx_enter = 25, .adx_leave = 20, .volatility_enter = 10, .volatility_leave = 6};
  ASSERT_TRUE(config.validate().has_value());
  RegimeRule rule(config);
  RegimeChange change;
  EXPECT_EQ(rule.current(), unknown);
  EXPECT_TRUE(rule.step(10, 20, 10, 1, change));
  EXPECT_EQ(change.from, unknown);
  EXPECT_EQ(change.to, ranging);
  EXPECT_FALSE(rule.step(24.9, 20, 10, 1, change));
  EXPECT_TRUE(rule.step(25, 20, 10, 1, change));
  EXPECT_EQ(change.to, trending_up);
  EXPECT_FALSE(rule.step(20, 20, 10, 1, change));  // left only below 20
  EXPECT_TRUE(rule.step(20, 10, 20, 1, change));
  EXPECT_EQ(change.to, trending_down);
  EXPECT_TRUE(rule.step(30, 10, 20, 10, change));
  EXPECT_EQ(change.to, turbulent);
  EXPECT_FALSE(rule.step(30, 10, 20, 6, change));
  EXPECT_TRUE(rule.step(19.9, 10, 20, 5.9, change));
  EXPECT_EQ(change.to, ranging);
}

TEST(RegimeRule, without_thresholds_for_it_nothing_is_volatile) {
  RegimeRule rule({});
  RegimeChange change;
  EXPECT_TRUE(rule.step(10, 20, 10, 1e6, change));
  EXPECT_EQ(change.to, RegimeLabel::ranging);
}

TEST(RegimeRule, nothing_changes_on_what_is_not_a_number) {
  RegimeRule rule({.volatility_enter = 10, .volatility_leave = 6});
  RegimeChange change;
  ASSERT_TRUE(rule.step(30, 20, 10, 1, change));
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(rule.step(bad, 20, 10, 1, change));
    EXPECT_FALSE(rule.step(0, bad, 10, 1, change));
    EXPECT_FALSE(rule.step(0, 20, bad, 1, change));
    EXPECT_FALSE(rule.step(0, 20, 10, bad, change));
  }
  EXPECT_EQ(rule.current(), RegimeLabel::trending_up);
}

TEST(RegimeRule, thresholds_in_the_wrong_order_are_refused) {
  EXPECT_EQ((RegimeRuleConfig{.adx_enter = 20, .adx_leave = 25}).validate().error().field, "adx");
  EXPECT_EQ((RegimeRuleConfig{.volatility_enter = 1, .volatility_leave = 2}).validate().error().field, "volatility");
  EXPECT_EQ((RegimeRuleConfig{.adx_enter = 101}).validate().error().field, "adx");
  EXPECT_FALSE((RegimeRuleConfig{.adx_enter = std::numeric_limits<double>::quiet_NaN()}).validate().has_value());
}

}  // namespace
}  // namespace thintail
