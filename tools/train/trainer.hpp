// SPDX-License-Identifier: Apache-2.0
// Trainer: from ticks to a model pack that our own evaluator has been shown to evaluate like XGBoost.
//   path  cold
#pragma once

#include <string>

#include "core/base/error.hpp"
#include "tools/train/progress.hpp"
#include "tools/train/row_pass.hpp"

namespace thintail {

struct TrainOptions {
  RowPassOptions rows;
  int rounds = 100;
  int depth = 6;
  double learning_rate = 0.1;
  std::string out;  // MODEL.ttm
};

struct Score {
  double auc = 0;  // of the label's sign
  double correlation = 0;
};

struct TrainReport {
  std::string trained_on;  // as in the pack
  std::string booster_json;  // the model as XGBoost saves it
  std::size_t train_rows = 0;
  std::uint64_t candidates = 0;
  std::size_t rows_checked = 0;  // margins equal to XGBoost's bit for bit
  std::size_t held_out_rows = 0;
  Score model;     // on the held-out rows
  Score baseline;  // minus the last move
};

// Writes `out`, a pack of kind events. Leaves none behind where the parity check fails (check_mismatch).
Result<TrainReport> train(const TrainOptions& options, Progress& progress);

}  // namespace thintail
