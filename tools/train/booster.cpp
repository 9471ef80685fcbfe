// SPDX-License-Identifier: Apache-2.0
// Booster and Matrix over libxgboost's C API.
#include "tools/train/booster.hpp"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <cstdint>
#include <limits>
#include <numeric>

namespace thintail {

namespace {

constexpr const char* kPredictMargin = R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,)"
                                       R"("strict_shape":false,"missing":NaN,"cache_id":0})";

// The library appends a stack trace to its message: only the first line is for people.
std::unexpected<Error> library_error(std::string_view doing) {
  const std::string_view words = XGBGetLastError();
  return fail({.code = ErrorCode::training_failed,
               .doing = std::string(doing),
               .found = printable(words.substr(0, words.find('\n')), 300)});
}

std::vector<float> copied(const bst_ulong* shape, bst_ulong dimensions, const float* values) {
  const std::size_t count = std::accumulate(shape, shape + dimensions, std::size_t{1},
                                            [](std::size_t product, bst_ulong extent) { return product * extent; });
  return {values, values + count};
}

}  // namespace

void Matrix::Free::operator()(void* handle) const noexcept { XGDMatrixFree(handle); }
void Booster::Free::operator()(void* handle) const noexcept { XGBoosterFree(handle); }

Result<Matrix> Matrix::create(std::span<const float> values, std::size_t lanes) {
  DMatrixHandle handle = nullptr;
  if (XGDMatrixCreateFromMat(values.data(), values.size() / lanes, lanes, std::numeric_limits<float>::quiet_NaN(),
                             &handle) != 0) {
    return library_error("handing rows to XGBoost");
  }
  return Matrix(handle);
}

Result<void> Matrix::set_labels(std::span<const float> labels) {
  if (XGDMatrixSetFloatInfo(handle_.get(), "label", labels.data(), labels.size()) != 0) {
    return library_error("handing labels to XGBoost");
  }
  return {};
}

Result<void> Matrix::set_queries(std::span<const std::uint32_t> rows) {
  if (XGDMatrixSetUIntInfo(handle_.get(), "group", rows.data(), rows.size()) != 0) {
    return library_error("handing queries to XGBoost");
  }
  return {};
}

Result<void> Matrix::set_feature_types(std::span<const char* const> types) {
  std::vector<const char*> copied_types(types.begin(), types.end());
  if (XGDMatrixSetStrFeatureInfo(handle_.get(), "feature_type", copied_types.data(), copied_types.size()) != 0) {
    return library_error("handing feature types to XGBoost");
  }
  return {};
}

Result<Booster> Booster::create(const Matrix& train, const Parameters& parameters) {
  BoosterHandle handle = nullptr;
  const DMatrixHandle caches[] = {train.handle_.get()};
  if (XGBoosterCreate(caches, 1, &handle) != 0) return library_error("making a booster");
  Booster booster(handle);
  for (const auto& [name, value] : parameters) {
    if (XGBoosterSetParam(handle, name.c_str(), value.c_str()) != 0) return library_error("setting " + name);
  }
  return booster;
}

Result<Booster> Booster::from_bytes(std::string_view bytes) {
  BoosterHandle handle = nullptr;
  if (XGBoosterCreate(nullptr, 0, &handle) != 0) return library_error("making a booster");
  Booster booster(handle);
  if (XGBoosterLoadModelFromBuffer(handle, bytes.data(), bytes.size()) != 0) {
    return library_error("loading a model into XGBoost");
  }
  return booster;
}

Result<void> Booster::update(int round, const Matrix& train) {
  if (XGBoosterUpdateOneIter(handle_.get(), round, train.handle_.get()) != 0) return library_error("boosting");
  return {};
}

Result<std::string> Booster::json() const { return saved(R"({"format":"json"})"); }
Result<std::string> Booster::ubj() const { return saved(R"({"format":"ubj"})"); }

Result<std::string> Booster::saved(const char* config) const {
  bst_ulong size_bytes = 0;
  const char* bytes = nullptr;
  if (XGBoosterSaveModelToBuffer(handle_.get(), config, &size_bytes, &bytes) != 0) {
    return library_error("saving the model");
  }
  return std::string(bytes, size_bytes);
}

Result<std::vector<float>> Booster::margins(const Matrix& rows) const {
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;
  if (XGBoosterPredictFromDMatrix(handle_.get(), rows.handle_.get(), kPredictMargin, &shape, &dimensions, &values) !=
      0) {
    return library_error("predicting with XGBoost");
  }
  return copied(shape, dimensions, values);
}

Result<std::vector<float>> Booster::margins_in_place(std::span<const float> values, std::size_t lanes) const {
  const std::string array = fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                                        reinterpret_cast<std::uintptr_t>(values.data()), values.size() / lanes, lanes);
  DMatrixHandle proxy = nullptr;
  if (XGProxyDMatrixCreate(&proxy) != 0) return library_error("predicting with XGBoost");
  const Matrix owner(proxy);
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* out = nullptr;
  if (XGBoosterPredictFromDense(handle_.get(), array.c_str(), kPredictMargin, proxy, &shape, &dimensions, &out) != 0) {
    return library_error("predicting with XGBoost");
  }
  return copied(shape, dimensions, out);
}

std::string xgboost_version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

}  // namespace thintail
