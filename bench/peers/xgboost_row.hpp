// SPDX-License-Identifier: Apache-2.0
// XgboostRow: XGBoost's fastest documented way to score one row: in-place prediction through its C API, on one thread.
//   path     warm: what the library does in predict() is what is measured
//   threads  one
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace thintail::bench {

class XgboostRow {
 public:
  static Result<XgboostRow> create(std::string_view model_json, std::size_t lanes);

  // Where the row lies that predict() scores: fill it first, NaN = missing.
  std::span<float> row() noexcept { return row_; }
  // The sum of base margin and leaves; false where the library refuses.
  bool predict(float& margin) noexcept;

  static std::string name();  // "xgboost-1.7.4 in-place predict"

 private:
  struct FreeBooster {
    void operator()(void* handle) const noexcept;
  };
  struct FreeMatrix {
    void operator()(void* handle) const noexcept;
  };

  XgboostRow(void* booster, void* proxy, std::size_t lanes);

  std::unique_ptr<void, FreeBooster> booster_;
  std::unique_ptr<void, FreeMatrix> proxy_;
  std::vector<float> row_;
  std::string
      array_;  // where the row lies, as the library wants to be told: JSON, made once because the place never changes
};

}  // namespace thintail::bench
