// SPDX-License-Identifier: Apache-2.0
// DeployedModel: a model with a predictor of its own, ready for every instrument: what one slot of a pipeline holds.
//   path  cold to make, on any thread; all that it will ever need is allocated and touched then
#pragma once

#include <cstddef>
#include <utility>

#include "core/instrument/instrument_table.hpp"
#include "ml/predictor/predictor.hpp"

namespace thintail {

class DeployedModel {
 public:
  DeployedModel(DecisionModel model, std::size_t instruments)
      : model_(std::move(model)), predictor_(model_, instruments) {
    for (InstrumentId id = 0; id < instruments; ++id) predictor_.enable(id);
  }
  DeployedModel(const DeployedModel&) = delete;
  DeployedModel& operator=(const DeployedModel&) = delete;

  const DecisionModel& model() const noexcept { return model_; }
  Predictor& predictor() noexcept { return predictor_; }

 private:
  DecisionModel model_;
  Predictor predictor_;  // refers to model_
};

}  // namespace thintail
