// SPDX-License-Identifier: Apache-2.0
// train_xgboost: a model as XGBoost trains it, for benchmarks of any shape.
//   path  cold
#pragma once

#include <span>
#include <string>

#include "core/base/error.hpp"

namespace thintail::bench {

struct TrainingShape {
  std::size_t trees = 100;
  std::size_t depth = 6;
  std::size_t features = 64;
};

// `values` row by row, NaN = missing; a label a row. The same rows give the same model (JSON).
Result<std::string> train_xgboost(const TrainingShape& shape, std::span<const float> values,
                                  std::span<const float> labels);

}  // namespace thintail::bench
