// SPDX-License-Identifier: Apache-2.0
// A model on the core-32 features, made up: its scores mean nothing, but they follow from every feature.
#pragma once

#include <string>

#include "tests/support/model_specs.hpp"

namespace thintail::test {

// Writes FOLDER/model.ttm; returns its path.
inline std::string write_core_model(const std::string& folder, int trees = 40, int depth = 5) {
  pack::DecisionModelSpec spec = random_trees_spec(FeatureSet::core_32(), trees, depth);
  spec.meaning.horizon_ns = 60'000'000'000;
  return write_pack(folder, spec);
}

}  // namespace thintail::test
