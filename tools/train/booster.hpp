// SPDX-License-Identifier: Apache-2.0
// Booster and Matrix: the few calls of the XGBoost C API that training needs, as owning values with errors.
//   path     cold
//   threads  one; the library runs its own
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"

namespace thintail {

class Matrix {
 public:
  // `values`: row by row, NaN = missing; copied. Infinities are refused by the library.
  static Result<Matrix> create(std::span<const float> values, std::size_t lanes);
  Result<void> set_labels(std::span<const float> labels);
  // How many rows in turn belong to each query of a ranking.
  Result<void> set_queries(std::span<const std::uint32_t> rows);
  Result<void> set_feature_types(std::span<const char* const> types);  // "c" for a categorical one, else "q"

 private:
  friend class Booster;
  struct Free {
    void operator()(void* handle) const noexcept;
  };
  explicit Matrix(void* handle) noexcept : handle_(handle) {}
  std::unique_ptr<void, Free> handle_;
};

class Booster {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;

  static Result<Booster> create(const Matrix& train, const Parameters& parameters);
  // JSON, UBJ or the old binary form: the library tells them apart.
  static Result<Booster> from_bytes(std::string_view bytes);

  Result<void> update(int round, const Matrix& train);
  Result<std::string> json() const;
  Result<std::string> ubj() const;
  // Sums of base margin and leaves by the library's own predictor: row by row, each row's outputs in order.
  Result<std::vector<float>> margins(const Matrix& rows) const;
  // The same without a Matrix, which is the only way to predict rows that hold infinities.
  Result<std::vector<float>> margins_in_place(std::span<const float> values, std::size_t lanes) const;

 private:
  struct Free {
    void operator()(void* handle) const noexcept;
  };
  explicit Booster(void* handle) noexcept : handle_(handle) {}
  Result<std::string> saved(const char* config) const;
  std::unique_ptr<void, Free> handle_;
};

std::string xgboost_version();

}  // namespace thintail
