// SPDX-License-Identifier: Apache-2.0
// Models that XGBoost itself trained and saved, as JSON and as UBJ: several classes, dropout, regression objectives. Every
// margin must equal the library's bit for bit, and what the library makes of it to one unit in the last place.
#include <gtest/gtest.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "ml/models/output_transform.hpp"
#include "ml/models/tree_ensemble.hpp"

namespace thintail {
namespace {

constexpr std::size_t kRows = 1'500;
constexpr std::size_t kFeatures = 12;

using Parameters = std::map<std::string, std::string>;

struct FreeBooster {
  void operator()(void* handle) const noexcept { XGBoosterFree(handle); }
};
struct FreeMatrix {
  void operator()(void* handle) const noexcept { XGDMatrixFree(handle); }
};

// Values on a coarse grid, so that many equal a threshold; some are missing.
std::vector<float> make_values() {
  std::mt19937_64 random(3);
  std::vector<float> values(kRows * kFeatures);
  for (float& value : values) {
    value = random() % 15 == 0 ? std::numeric_limits<float>::quiet_NaN()
                               : static_cast<float>(static_cast<int>(random() % 61) - 30) * 0.1F;
  }
  return values;
}

void expect_equal_margins(Parameters parameters, int classes) {
  const std::vector<float> values = make_values();
  std::vector<float> labels(kRows);
  for (std::size_t i = 0; i < kRows; ++i) {
    const float x = values[i * kFeatures] + values[i * kFeatures + 1];
    const auto level = static_cast<int>(std::isnan(x) ? 0 : std::abs(x) * 2);
    labels[i] =
        static_cast<float>(level % (classes > 1 ? classes : 2)) + (parameters["label"] == "positive" ? 0.5F : 0);
  }
  parameters.erase("label");
  DMatrixHandle raw_matrix = nullptr;
  ASSERT_EQ(
      XGDMatrixCreateFromMat(values.data(), kRows, kFeatures, std::numeric_limits<float>::quiet_NaN(), &raw_matrix), 0);
  const std::unique_ptr<void, FreeMatrix> matrix(raw_matrix);
  ASSERT_EQ(XGDMatrixSetFloatInfo(raw_matrix, "label", labels.data(), kRows), 0);
  BoosterHandle raw_booster = nullptr;
  ASSERT_EQ(XGBoosterCreate(&raw_matrix, 1, &raw_booster), 0);
  const std::unique_ptr<void, FreeBooster> booster(raw_booster);
  parameters.insert({{"nthread", "1"}, {"max_depth", "5"}, {"seed", "1"}});
  for (const auto& [name, value] : parameters)
    ASSERT_EQ(XGBoosterSetParam(raw_booster, name.c_str(), value.c_str()), 0);
  for (int i = 0; i < 12; ++i) ASSERT_EQ(XGBoosterUpdateOneIter(raw_booster, i, raw_matrix), 0) << XGBGetLastError();

  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* margins = nullptr;
  ASSERT_EQ(XGBoosterPredictFromDMatrix(
                raw_booster, raw_matrix,
                R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true})", &shape,
                &dimensions, &margins),
            0);
  const std::vector<float> theirs(margins, margins + kRows * static_cast<std::size_t>(classes));
  const float* predictions = nullptr;
  ASSERT_EQ(XGBoosterPredictFromDMatrix(
                raw_booster, raw_matrix,
                R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true})", &shape,
                &dimensions, &predictions),
            0);
  const auto transform = OutputTransform::of(parameters["objective"], SumType::float32, 1, "model");
  ASSERT_TRUE(transform) << transform.error().message();
  const std::size_t wanted = transform->predictions(static_cast<std::size_t>(classes));
  const std::vector<float> predicted(predictions, predictions + kRows * wanted);
  for (const char* format : {"json", "ubj"}) {
    bst_ulong size = 0;
    const char* bytes = nullptr;
    const std::string config = std::string(R"({"format":")") + format + "\"}";
    ASSERT_EQ(XGBoosterSaveModelToBuffer(raw_booster, config.c_str(), &size, &bytes), 0);
    const std::string saved(bytes, size);
    const auto ours = format == std::string("json") ? TreeEnsemble::from_xgboost_json(saved, "model.json")
                                                    : TreeEnsemble::from_xgboost_ubj(saved, "model.ubj");
    ASSERT_TRUE(ours) << ours.error().message();
    ASSERT_EQ(ours->output_count(), static_cast<std::uint32_t>(classes));
    std::vector<double> out(static_cast<std::size_t>(classes));
    std::size_t differing = 0;
    std::uint64_t ulps_max = 0;
    for (std::size_t i = 0; i < kRows; ++i) {
      ours->margins(values.data() + i * kFeatures, out.data());
      for (std::size_t k = 0; k < out.size(); ++k) {
        differing += std::bit_cast<std::uint32_t>(static_cast<float>(out[k])) !=
                     std::bit_cast<std::uint32_t>(theirs[i * out.size() + k]);
      }
      transform->apply(out);
      for (std::size_t k = 0; k < wanted; ++k) {
        ulps_max = std::max(ulps_max, ulps_between(out[k], double{predicted[i * wanted + k]}, SumType::float32));
      }
    }
    EXPECT_EQ(differing, 0U) << format;
    EXPECT_LE(ulps_max, 1U) << format << " " << parameters["objective"];
  }
}

TEST(XgboostFormats, classes_equal_the_library) {
  for (const char* method : {"exact", "hist"}) {
    expect_equal_margins({{"objective", "multi:softprob"}, {"num_class", "3"}, {"tree_method", method}}, 3);
    expect_equal_margins({{"objective", "multi:softmax"}, {"num_class", "5"}, {"tree_method", method}}, 5);
  }
}

TEST(XgboostFormats, dropout_equals_the_library) {
  expect_equal_margins({{"objective", "binary:logistic"}, {"booster", "dart"}, {"rate_drop", "0.4"}}, 1);
  expect_equal_margins(
      {{"objective", "reg:squarederror"}, {"booster", "dart"}, {"rate_drop", "0.4"}, {"base_score", "0.1"}}, 1);
  expect_equal_margins({{"objective", "multi:softprob"}, {"num_class", "3"}, {"booster", "dart"}, {"rate_drop", "0.3"}},
                       3);
}

TEST(XgboostFormats, regression_objectives_equal_the_library) {
  for (const char* objective :
       {"reg:squarederror", "reg:gamma", "reg:tweedie", "count:poisson", "reg:pseudohubererror"}) {
    expect_equal_margins({{"objective", objective}, {"label", "positive"}, {"max_depth", "8"}}, 1);
  }
}

}  // namespace
}  // namespace thintail
