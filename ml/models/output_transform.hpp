// SPDX-License-Identifier: Apache-2.0
// OutputTransform: what a library makes of the margins that it sums: probabilities, counts, classes. Decisions take margins;
// this is for holding a model against its library's predictions.
//   path    cold
//   source  XGBoost 1.7.4 src/objective and src/common/math.h, LightGBM src/objective and gbdt_prediction.cpp
//
// In the library's own type and order of operations, with the C library's exp: on another C library the last bit may differ.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/models/decision_trees.hpp"

namespace thintail {

class OutputTransform {
 public:
  // Of an objective as a reader gives it ("binary:logistic", "multiclass num_class:5"); model_unsupported where it is none
  // that we know. `averaged_over` as DecisionTrees has it, `file` names the model in errors.
  static Result<OutputTransform> of(std::string_view objective, SumType sum_type, std::uint32_t averaged_over,
                                    const std::string& file);

  // Margins in, predictions out, in place. How many predictions there are: one where classes are chosen, else as many.
  std::size_t apply(std::span<double> values) const noexcept;
  std::size_t predictions(std::size_t margins) const noexcept { return kind_ == Kind::chosen_class ? 1 : margins; }

 private:
  enum class Kind : std::uint8_t {
    identity,
    sigmoid,
    softmax,
    chosen_class,
    exponential,
    step,
    signed_square,
    log_one_exp
  };

  template <class Real>
  void apply_in(std::span<double> values) const noexcept;

  Kind kind_ = Kind::identity;
  SumType sum_type_ = SumType::float32;
  double slope_ = 1.0;  // of a sigmoid
  std::uint32_t averaged_over_ = 1;
};

// How many float32 or float64 numbers lie between two, the second one counted; the largest count where one is no number.
std::uint64_t ulps_between(double a, double b, SumType type) noexcept;

}  // namespace thintail
