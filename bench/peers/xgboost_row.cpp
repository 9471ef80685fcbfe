// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/xgboost_row.hpp"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <cstdint>

namespace thintail::bench {
namespace {

constexpr const char* kPredictMargin = R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,)"
                                       R"("strict_shape":false,"missing":NaN,"cache_id":0})";

// The library appends a stack trace to its message: only the first line is for people.
std::unexpected<Error> library_error(std::string_view doing) {
  const std::string_view words = XGBGetLastError();
  return fail({.code = ErrorCode::peer_absent,
               .doing = std::string(doing),
               .found = printable(words.substr(0, words.find('\n')), 300)});
}

}  // namespace

void XgboostRow::FreeBooster::operator()(void* handle) const noexcept { XGBoosterFree(handle); }
void XgboostRow::FreeMatrix::operator()(void* handle) const noexcept { XGDMatrixFree(handle); }

XgboostRow::XgboostRow(void* booster, void* proxy, std::size_t lanes)
    : booster_(booster),
      proxy_(proxy),
      row_(lanes),
      array_(fmt::format(R"({{"data":[{},true],"shape":[1,{}],"typestr":"<f4","version":3}})",
                         reinterpret_cast<std::uintptr_t>(row_.data()), lanes)) {}

Result<XgboostRow> XgboostRow::create(std::string_view model_json, std::size_t lanes) {
  BoosterHandle booster = nullptr;
  if (XGBoosterCreate(nullptr, 0, &booster) != 0) return library_error("making a booster");
  DMatrixHandle proxy = nullptr;
  const bool has_proxy = XGProxyDMatrixCreate(&proxy) == 0;
  XgboostRow made(booster, proxy, lanes);
  if (!has_proxy) return library_error("making a proxy matrix");
  if (XGBoosterLoadModelFromBuffer(booster, model_json.data(), model_json.size()) != 0) {
    return library_error("loading a model into XGBoost");
  }
  if (XGBoosterSetParam(booster, "nthread", "1") != 0) return library_error("asking XGBoost for one thread");
  return made;
}

bool XgboostRow::predict(float& margin) noexcept {
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;
  if (XGBoosterPredictFromDense(booster_.get(), array_.c_str(), kPredictMargin, proxy_.get(), &shape, &dimensions,
                                &values) != 0) {
    return false;
  }
  margin = values[0];
  return true;
}

std::string XgboostRow::name() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return fmt::format("xgboost-{}.{}.{} in-place predict", major, minor, patch);
}

}  // namespace thintail::bench
