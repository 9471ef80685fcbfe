// SPDX-License-Identifier: Apache-2.0
// XgboostCheck: XGBoost on the very feature rows that a run's predictions were made from: its times, and that every
// score is equal.
//   path  warm
#pragma once

#include <functional>
#include <vector>

#include "bench/peers/xgboost_row.hpp"
#include "bench/spine/work.hpp"

namespace thintail::bench {

class XgboostCheck {
 public:
  // Takes the rows of up to `rows_max` measured ticks.
  static Result<XgboostCheck> create(const Work& work, const DecisionModel& model, std::string_view model_json, Isa isa,
                                     std::size_t rows_max);

  // One pass over all rows, each predicted and timed by itself.
  Result<void> time_rows(const Work& work, std::vector<double>& out_ns);
  // Holds the scores of our valid predictions, in the order of the measured ticks, against the library's, bit for bit.
  Result<std::string> compare(const std::vector<Prediction>& ours) const;
  std::size_t rows() const noexcept { return theirs_.size(); }

 private:
  XgboostCheck(XgboostRow library, std::size_t lanes) : library_(std::move(library)), lanes_(lanes) {}
  XgboostRow library_;
  std::size_t lanes_;
  std::vector<float> values_;  // row by row
  std::vector<float> theirs_;  // margins, by row
};

}  // namespace thintail::bench
