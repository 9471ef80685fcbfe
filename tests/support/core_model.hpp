// SPDX-License-Identifier: Apache-2.0
// A model on the core-32 features, made up: its scores mean nothing, but they follow from every feature.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "core/base/hash.hpp"
#include "ml/features/feature_set.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail::test {

// Writes FOLDER/model.json with its sidecar; returns its path.
inline std::string write_core_model(const std::string& folder, int trees = 40, int depth = 5) {
  const std::string path = folder + "/model.json";
  const std::string json = make_model({.trees = trees, .depth = depth, .features = 32, .seed = 7}).dump();
  std::ofstream(path, std::ios::binary) << json;
  const auto written = write_sidecar(path, {.feature_set = "core-32",
                                            .feature_hash = FeatureSet::core_32().hash(),
                                            .model_hash = sha256(json),
                                            .label = "mid_return_bp",
                                            .horizon_ns = 60'000'000'000,
                                            .trained_on = "nothing: made up for a test"});
  EXPECT_TRUE(written.has_value()) << (written ? "" : written.error().message());
  return path;
}

}  // namespace thintail::test
