// SPDX-License-Identifier: Apache-2.0
// What libraries make of margins, against the formulas in extended precision, and against predictions of LightGBM itself.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "ml/models/output_transform.hpp"
#include "tests/support/data.hpp"

namespace thintail {
namespace {

OutputTransform transform(std::string_view objective, SumType type = SumType::float64,
                          std::uint32_t averaged_over = 1) {
  auto made = OutputTransform::of(objective, type, averaged_over, "m.txt");
  if (!made) ADD_FAILURE() << made.error().message();
  return made ? *made : OutputTransform{};
}

double one(std::string_view objective, double margin, SumType type = SumType::float64,
           std::uint32_t averaged_over = 1) {
  EXPECT_EQ(transform(objective, type, averaged_over).apply(std::span(&margin, 1)), 1u);
  return margin;
}

const std::vector<double> kMargins = {-90.0, -20.0, -3.5, -0.7, -1e-9, 0.0, 1e-30, 0.25, 2.0, 19.0, 88.0, 120.0};

TEST(OutputTransform, sigmoids_are_within_an_ulp_of_the_formula) {
  for (const double x : kMargins) {
    const long double exact = 1.0L / (1.0L + std::exp(-static_cast<long double>(x)));
    EXPECT_LE(ulps_between(one("binary sigmoid:1", x), static_cast<double>(exact), SumType::float64), 1u) << x;
    if (x < -80) continue;  // XGBoost holds its exponent at 88.7
    const float f = static_cast<float>(x);
    const long double exact_float = 1.0L / (1.0L + std::exp(-static_cast<long double>(f)));
    EXPECT_LE(ulps_between(one("binary:logistic", double{f}, SumType::float32), static_cast<double>(exact_float),
                           SumType::float32),
              1u)
        << x;
  }
  const long double half = 1.0L / (1.0L + std::exp(-0.5L * 0.7L));
  EXPECT_LE(ulps_between(one("binary sigmoid:0.5", 0.7), static_cast<double>(half), SumType::float64), 1u);
}

TEST(OutputTransform, softmax_sums_to_one_and_keeps_ratios) {
  for (const SumType type : {SumType::float32, SumType::float64}) {
    std::vector<double> values = {0.5, -1.25, 3.0, 2.0};
    const std::vector<double> margins = values;
    EXPECT_EQ(transform(type == SumType::float32 ? "multi:softprob" : "multiclass num_class:4", type).apply(values),
              4u);
    double sum = 0;
    const double tolerance = type == SumType::float32 ? 1e-6 : 1e-14;
    for (std::size_t i = 0; i < 4; ++i) {
      sum += values[i];
      EXPECT_NEAR(values[i] / values[2], std::exp(margins[i] - 3.0), tolerance);
    }
    EXPECT_NEAR(sum, 1.0, tolerance);
  }
}

TEST(OutputTransform, other_objectives_are_what_their_libraries_say) {
  EXPECT_EQ(one("regression", -1.5), -1.5);
  EXPECT_EQ(one("reg:squarederror", -1.5, SumType::float32), -1.5);
  EXPECT_EQ(one("binary:logitraw", 3.0, SumType::float32), 3.0);
  EXPECT_EQ(one("regression sqrt", -1.5), -2.25);
  EXPECT_EQ(one("poisson", 0.0), 1.0);
  EXPECT_EQ(one("reg:gamma", 1.0, SumType::float32), double{std::exp(1.0F)});
  EXPECT_EQ(one("cross_entropy_lambda", 0.0), std::log(2.0));
  EXPECT_EQ(one("binary:hinge", 0.1, SumType::float32), 1.0);
  EXPECT_EQ(one("binary:hinge", 0.0, SumType::float32), 0.0);
  // A random forest of LightGBM predicts the mean, then transforms it.
  EXPECT_EQ(one("regression", 30.0, SumType::float64, 4), 7.5);
  EXPECT_EQ(one("binary sigmoid:1", 0.0, SumType::float64, 4), 0.5);
}

TEST(OutputTransform, a_class_is_chosen_where_the_objective_chooses_one) {
  std::vector<double> values = {0.5, 3.0, 3.0, -1.0};
  const OutputTransform chosen = transform("multi:softmax", SumType::float32);
  EXPECT_EQ(chosen.predictions(4), 1u);
  EXPECT_EQ(chosen.apply(values), 1u);
  EXPECT_EQ(values[0], 1.0);  // the first of equals
}

TEST(OutputTransform, objectives_that_nobody_told_us_of_are_refused) {
  for (const std::string_view objective :
       {"survival:cox", "binary sigmoid:0", "binary sigmoid:x", "binary sigmoid:1x"}) {
    const auto made = OutputTransform::of(objective, SumType::float64, 1, "m.txt");
    ASSERT_FALSE(made.has_value()) << objective;
    EXPECT_EQ(made.error().code, ErrorCode::model_unsupported);
    EXPECT_EQ(made.error().field, "objective");
    EXPECT_EQ(made.error().file, "m.txt");
  }
}

TEST(OutputTransform, ulps_are_counted_across_zero_and_in_either_type) {
  const double next = std::nextafter(1.0, 2.0);
  EXPECT_EQ(ulps_between(1.0, next, SumType::float64), 1u);
  EXPECT_EQ(ulps_between(next, 1.0, SumType::float64), 1u);
  EXPECT_EQ(ulps_between(1.0, next, SumType::float32), 0u);
  EXPECT_EQ(ulps_between(1.0, double{std::nextafter(1.0F, 2.0F)}, SumType::float32), 1u);
  EXPECT_EQ(ulps_between(-0.0, 0.0, SumType::float64), 0u);
  const double tiny = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(ulps_between(-tiny, tiny, SumType::float64), 2u);
  EXPECT_EQ(ulps_between(std::nan(""), 1.0, SumType::float64), std::numeric_limits<std::uint64_t>::max());
  EXPECT_GT(ulps_between(-1e300, 1e300, SumType::float64), 1u << 30);
}

TEST(OutputTransform, lightgbms_own_probabilities_follow_from_its_raw_scores) {
  const auto folder = test::data_dir() / "models/gbdt";
  TT_REQUIRE_DATA(folder / "lgmulticlass_true_raw_predictions.txt");
  std::ifstream raw_file(folder / "lgmulticlass_true_raw_predictions.txt");
  std::ifstream file(folder / "lgmulticlass_true_predictions.txt");
  const OutputTransform softmax = transform("multiclass num_class:5");
  std::uint64_t ulps_max = 0;
  std::size_t rows = 0;
  std::size_t equal = 0;
  for (std::string raw_line, line; std::getline(raw_file, raw_line) && std::getline(file, line); ++rows) {
    std::istringstream raw_words(raw_line);
    std::istringstream words(line);
    std::vector<double> values(5);
    for (double& value : values) raw_words >> value;
    softmax.apply(values);
    for (const double value : values) {
      double theirs = 0;
      words >> theirs;
      const std::uint64_t ulps = ulps_between(value, theirs, SumType::float64);
      ulps_max = std::max(ulps_max, ulps);
      equal += ulps == 0;
    }
  }
  EXPECT_EQ(rows, 500u);
  // Another C library's exp was at work: its last place shifts a sum, and with it all of a row.
  EXPECT_LE(ulps_max, 4u);
  EXPECT_GE(equal, 2'400u);
}

}  // namespace
}  // namespace thintail
