// SPDX-License-Identifier: Apache-2.0
// The suite `inference`: one row through a model, on one thread.
//   path  cold
#pragma once

#include "bench/harness/harness.hpp"

namespace thintail::bench {

Suite inference_suite();

Result<std::vector<CaseResult>> trees_100x6(const Options& options);
Result<std::vector<CaseResult>> trees_100x6_ticks(const Options& options);
Result<std::vector<CaseResult>> trees_100x6_missing(const Options& options);
Result<std::vector<CaseResult>> trees_500x6(const Options& options);
Result<std::vector<CaseResult>> trees_lightgbm_255_leaves(const Options& options);
Result<std::vector<CaseResult>> mlp_64_128_64_3(const Options& options);
Result<std::vector<CaseResult>> lstm_64_step(const Options& options);
Result<std::vector<CaseResult>> lstm_64_step_precomputed(const Options& options);
Result<std::vector<CaseResult>> gru_64_step(const Options& options);
Result<std::vector<CaseResult>> attention_64x32(const Options& options);
Result<std::vector<CaseResult>> stac_lstm_a_step(const Options& options);
Result<std::vector<CaseResult>> stac_lstm_a_window(const Options& options);
Result<std::vector<CaseResult>> ensemble_full(const Options& options);
Result<std::vector<CaseResult>> swap(const Options& options);

}  // namespace thintail::bench
