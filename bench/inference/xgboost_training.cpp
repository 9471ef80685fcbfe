// SPDX-License-Identifier: Apache-2.0
#include "bench/inference/xgboost_training.hpp"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <array>
#include <limits>
#include <memory>
#include <utility>

namespace thintail::bench {
namespace {

struct FreeBooster {
  void operator()(void* handle) const noexcept { XGBoosterFree(handle); }
};
struct FreeMatrix {
  void operator()(void* handle) const noexcept { XGDMatrixFree(handle); }
};

std::unexpected<Error> library_error() {
  const std::string_view words = XGBGetLastError();
  return fail({.code = ErrorCode::peer_absent,
               .doing = "training a model with XGBoost",
               .found = printable(words.substr(0, words.find('\n')), 300)});
}

}  // namespace

Result<std::string> train_xgboost(const TrainingShape& shape, std::span<const float> values,
                                  std::span<const float> labels) {
  DMatrixHandle raw_matrix = nullptr;
  if (XGDMatrixCreateFromMat(values.data(), labels.size(), shape.features, std::numeric_limits<float>::quiet_NaN(),
                             &raw_matrix) != 0) {
    return library_error();
  }
  const std::unique_ptr<void, FreeMatrix> matrix(raw_matrix);
  if (XGDMatrixSetFloatInfo(matrix.get(), "label", labels.data(), labels.size()) != 0) return library_error();
  BoosterHandle raw_booster = nullptr;
  if (XGBoosterCreate(&raw_matrix, 1, &raw_booster) != 0) return library_error();
  const std::unique_ptr<void, FreeBooster> booster(raw_booster);
  const std::array<std::pair<const char*, std::string>, 7> parameters = {{{"objective", "reg:squarederror"},
                                                                          {"tree_method", "hist"},
                                                                          {"grow_policy", "depthwise"},
                                                                          {"max_depth", std::to_string(shape.depth)},
                                                                          {"eta", "0.05"},
                                                                          {"nthread", "1"},
                                                                          {"seed", "1"}}};
  for (const auto& [name, value] : parameters) {
    if (XGBoosterSetParam(booster.get(), name, value.c_str()) != 0) return library_error();
  }
  for (std::size_t tree = 0; tree < shape.trees; ++tree) {
    if (XGBoosterUpdateOneIter(booster.get(), static_cast<int>(tree), matrix.get()) != 0) return library_error();
  }
  bst_ulong size = 0;
  const char* bytes = nullptr;
  if (XGBoosterSaveModelToBuffer(booster.get(), R"({"format":"json"})", &size, &bytes) != 0) return library_error();
  return std::string(bytes, size);
}

}  // namespace thintail::bench
