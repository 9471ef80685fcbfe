// SPDX-License-Identifier: Apache-2.0
// Table: rows of decimals as libraries and scripts write them, for inputs and predictions.
//   path  cold
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace thintail {

// Rows are lines, columns stand between tabs, or where there is none commas, or where there is none spaces. With a width, rows may also
// be libsvm's: a label, then INDEX:VALUE, ascending; the label is dropped, and what no index names is missing.
class Table {
 public:
  static Result<Table> open(const std::string& path, std::uint32_t libsvm_width = 0);

  // The last line was libsvm's.
  bool is_sparse() const noexcept { return is_sparse_; }

  // The next line's numbers, an empty column as NaN; nothing at the end.
  Result<std::optional<std::vector<double>>> next();

  std::unexpected<Error> no(std::string field, std::string expected, std::string found) const;

 private:
  Table(std::string path, std::string text, std::uint32_t libsvm_width);

  Result<std::vector<double>> parse_sparse(std::string_view line) const;
  Result<std::vector<double>> parse(std::string_view line) const;

  std::string path_;
  std::string text_;
  std::uint32_t libsvm_width_;  // features of a libsvm row; 0: there are none
  bool is_sparse_ = false;
  std::size_t at_ = 0;
  std::uint64_t line_ = 0;
};

// LightGBM compares doubles: a decimal that is rounded up to a float32 could pass a threshold that it does not pass as a
// double; one that is rounded down cannot (docs/models.md). XGBoost itself rounds to the nearest.
float to_float32(double value, bool rounds_down) noexcept;

}  // namespace thintail
