// SPDX-License-Identifier: Apache-2.0
// Converting models that only the library can read: the old binary form of XGBoost becomes JSON.
//   path  cold
//
// `thintail models import` runs this in a process of its own: the form is the library's memory written out, and what a
// damaged file does to the library must not happen to the importer.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/error.hpp"

namespace thintail {

struct ConvertReport {
  std::uint32_t features = 0;
  std::uint32_t outputs = 0;
  std::uint32_t trees = 0;
  std::size_t rows_checked = 0;  // whose margins are the library's, bit for bit
};

// Writes `out` only where our reader and evaluator agree with the library about it (check_mismatch otherwise).
Result<ConvertReport> convert_model(const std::string& path, const std::string& out);

}  // namespace thintail
