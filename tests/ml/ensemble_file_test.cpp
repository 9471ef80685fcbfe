// SPDX-License-Identifier: Apache-2.0
#include "ml/ensemble/ensemble_file.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

namespace thintail {
namespace {

// Line numbers below count in this text.
constexpr const char* kText = R"(format = "thintail-ensemble/1"
rule = "online"
members_min = 2
unanimous_score = 1.5
bias = -0.25
[hedge]
score_max = 20
rate = 0.1
half_life_outcomes = 500
lag_max = 1000
loss = "absolute"
[outcome]
horizon_ns = 30_000_000_000
sample_ns = 1_000_000_000
silence_ns_max = 5_000_000_000
[[members]]
age_ns_max = 1_000_000_000
weight = 2
is_mandatory = true
[[members]]
age_ns_max = 90_000_000_000
vote_min = 0.5
missing_score = -0.125
)";

EnsembleConfig config_of(std::string_view text) {
  auto config = ensemble_from_toml(text, "e.toml");
  if (!config) ADD_FAILURE() << config.error().message();
  return config ? *config : EnsembleConfig{};
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string text = kText;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(EnsembleFile, every_field_is_read) {
  const EnsembleConfig config = config_of(kText);
  EXPECT_EQ(config.rule, EnsembleRule::online);
  EXPECT_EQ(config.members, 2u);
  EXPECT_EQ(config.members_min, 2u);
  EXPECT_EQ(config.unanimous_score, 1.5);
  EXPECT_EQ(config.bias, -0.25);
  EXPECT_EQ(config.hedge.score_max, 20.0);
  EXPECT_EQ(config.hedge.rate, 0.1);
  EXPECT_EQ(config.hedge.half_life_outcomes, 500.0);
  EXPECT_EQ(config.hedge.lag_max, 1000.0);
  EXPECT_EQ(config.hedge.loss, HedgeLoss::absolute);
  EXPECT_EQ(config.outcome.horizon_ns, 30'000'000'000);
  EXPECT_EQ(config.outcome.sample_ns, 1'000'000'000);
  EXPECT_EQ(config.outcome.silence_ns_max, 5'000'000'000);
  EXPECT_EQ(config.member[0].age_ns_max, 1'000'000'000);
  EXPECT_EQ(config.member[0].weight, 2.0);
  EXPECT_TRUE(config.member[0].is_mandatory);
  EXPECT_EQ(config.member[1].vote_min, 0.5);
  EXPECT_EQ(config.member[1].missing_score, -0.125);
  EXPECT_EQ(config.member[1].weight, 1.0);
  EXPECT_FALSE(config.member[1].is_mandatory);
}

TEST(EnsembleFile, what_may_be_left_out_has_the_values_of_a_new_configuration) {
  EnsembleConfig expected{.rule = EnsembleRule::soft, .members = 1};
  expected.member[0].age_ns_max = 7;
  EXPECT_EQ(to_toml(config_of("format = \"thintail-ensemble/1\"\nrule = \"soft\"\n[[members]]\nage_ns_max = 7\n")),
            to_toml(expected));
}

TEST(EnsembleFile, what_is_written_is_read_back_and_written_again_the_same) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> any(0.0, 1.0);
  const auto number = [&](double low, double high) {
    switch (random() % 4) {
      case 0: return low;
      case 1: return high;
      case 2: return std::round(low + any(random) * (high - low));
      default: return low + any(random) * (high - low);
    }
  };
  for (int i = 0; i < 2'000; ++i) {
    EnsembleConfig config{.rule = static_cast<EnsembleRule>(random() % 5),
                          .members = 1 + static_cast<std::uint32_t>(random() % kMembersMax)};
    config.members_min = 1 + static_cast<std::uint32_t>(random() % config.members);
    for (std::uint32_t m = 0; m < config.members; ++m) {
      config.member[m] = {.age_ns_max = 1 + static_cast<std::int64_t>(random() >> 2),
                          .weight = number(0.0, 1e6),
                          .vote_min = number(0.0, 1e9),
                          .missing_score = number(-1e9, 1e9),
                          .is_mandatory = random() % 2 == 0};
    }
    config.member[0].weight = 1.0;
    config.unanimous_score = number(1e-9, 1e9);
    config.bias = random() % 5 == 0 ? -0.0 : number(-1e9, 1e9);
    config.hedge = {.score_max = number(1e-6, 1e9),
                    .rate = number(0.0, 100.0),
                    .half_life_outcomes = number(0.0, 1e12),
                    .lag_max = number(1.0, 1e9),
                    .loss = static_cast<HedgeLoss>(random() % 2)};
    config.outcome = {.horizon_ns = 63, .sample_ns = 1 + static_cast<std::int64_t>(random() % 1000)};
    ASSERT_TRUE(config.validate().has_value());
    const std::string text = to_toml(config);
    const EnsembleConfig again = config_of(text);
    ASSERT_EQ(to_toml(again), text);
    EXPECT_EQ(again.bias, config.bias);
    EXPECT_EQ(again.hedge.score_max, config.hedge.score_max);
    EXPECT_EQ(again.member[config.members - 1].age_ns_max, config.member[config.members - 1].age_ns_max);
    EXPECT_EQ(again.member[config.members - 1].weight, config.member[config.members - 1].weight);
  }
}

TEST(EnsembleFile, errors_name_file_line_and_field) {
  struct Case {
    std::string from, to;
    std::uint64_t line;
    std::string field;
    ErrorCode code = ErrorCode::config_bad_value;
  };
  using enum ErrorCode;
  const std::vector<Case> cases = {
      {"thintail-ensemble/1", "thintail-ensemble/2", 1, "format"},
      {"format = \"thintail-ensemble/1\"\n", "", 1, "format", config_missing},
      {"\"online\"", "\"loud\"", 2, "rule"},
      {"\"online\"", "4", 2, "rule"},
      {"members_min = 2", "members_min = 3", 3, "members_min"},
      {"members_min = 2", "members_min = -1", 3, "members_min"},
      {"members_min = 2", "members_mix = 2", 3, "members_mix", config_unknown_key},
      {"unanimous_score = 1.5", "unanimous_score = 0", 4, "unanimous_score"},
      {"bias = -0.25", "bias = nan", 5, "bias"},
      {"bias = -0.25", "bias = \"\"", 5, "bias"},
      {"score_max = 20", "score_max = -20", 7, "hedge.score_max"},
      {"rate = 0.1", "rates = 0.1", 8, "hedge.rates", config_unknown_key},
      {"rate = 0.1", "rate = true", 8, "hedge.rate"},
      {"\"absolute\"", "\"huber\"", 11, "hedge.loss"},
      {"[hedge]", "hedge = 3\n[hedges]", 7, "hedges", config_unknown_key},
      {"sample_ns = 1_000_000_000", "sample_ns = 1", 14, "outcome.sample_ns"},
      {"sample_ns = 1_000_000_000", "sample_ns = 1.5", 14, "outcome.sample_ns"},
      {"[outcome]", "[income]", 12, "income", config_unknown_key},
      {"age_ns_max = 1_000_000_000", "age_ns_max = 0", 17, "member[0].age_ns_max"},
      {"age_ns_max = 1_000_000_000\n", "", 16, "member[0].age_ns_max", config_missing},
      {"weight = 2", "weight = inf", 18, "member[0].weight"},
      {"is_mandatory = true", "is_mandatory = 1", 19, "member[0].is_mandatory"},
      {"missing_score = -0.125", "missing_score = 1e10", 23, "member[1].missing_score"},
      {"vote_min = 0.5", "votes_min = 0.5", 22, "member[1].votes_min", config_unknown_key},
      {"[[members]]", "[[members]", 16, "", config_syntax},
  };
  for (const Case& one : cases) {
    const auto config = ensemble_from_toml(replaced(one.from, one.to), "e.toml");
    ASSERT_FALSE(config.has_value()) << one.to;
    EXPECT_EQ(config.error().code, one.code) << config.error().message();
    EXPECT_EQ(config.error().file, "e.toml");
    EXPECT_EQ(config.error().line, one.line) << config.error().message();
    EXPECT_EQ(config.error().field, one.field) << config.error().message();
    EXPECT_FALSE(config.error().expected.empty());
  }
}

TEST(EnsembleFile, members_are_one_to_sixteen) {
  const std::string head = "format = \"thintail-ensemble/1\"\nrule = \"soft\"\n";
  EXPECT_EQ(ensemble_from_toml(head, "e.toml").error().field, "members");
  std::string text = head;
  for (std::size_t i = 0; i < kMembersMax; ++i) text += "[[members]]\nage_ns_max = 1\n";
  EXPECT_EQ(config_of(text).members, kMembersMax);
  EXPECT_EQ(ensemble_from_toml(text + "[[members]]\nage_ns_max = 1\n", "e.toml").error().field, "members");
  EXPECT_EQ(ensemble_from_toml(head + "members = [1]\n", "e.toml").error().field, "member[0]");
  EXPECT_EQ(ensemble_from_toml(std::string(1u << 17, '\n'), "e.toml").error().code, ErrorCode::config_bad_value);
}

TEST(EnsembleFile, any_text_with_a_byte_changed_is_refused_or_read_as_something_valid) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 5'000; ++i) {
    std::string text = kText;
    text[random() % text.size()] = static_cast<char>(random() % 128);
    if (const auto config = ensemble_from_toml(text, "e.toml")) {
      EXPECT_TRUE(config->validate().has_value()) << text;
      EXPECT_EQ(to_toml(config_of(to_toml(*config))), to_toml(*config));
    }
  }
}

}  // namespace
}  // namespace thintail
