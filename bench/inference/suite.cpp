// SPDX-License-Identifier: Apache-2.0
#include "bench/inference/suite.hpp"

namespace thintail::bench {

Suite inference_suite() {
  return {
      "inference",
      "one row through a model, on one thread",
      {{"trees_100x6", "100 trees of depth 6 on 64 features, trained by XGBoost", &trees_100x6},
       {"trees_100x6_missing", "the same, with one value in twenty missing", &trees_100x6_missing},
       {"trees_100x6_ticks", "such trees trained on gold ticks, on the rows of consecutive ones", &trees_100x6_ticks},
       {"trees_500x6", "500 trees of depth 6", &trees_500x6},
       {"trees_lightgbm_255_leaves", "100 trees of 255 leaves, as LightGBM grows them, summed in float64",
        &trees_lightgbm_255_leaves},
       {"mlp_64_128_64_3", "a perceptron of two hidden layers with relu", &mlp_64_128_64_3},
       {"lstm_64_step", "one step of an LSTM of 64 units on 64 inputs", &lstm_64_step},
       {"lstm_64_step_precomputed", "the same, U h + b computed after the step before", &lstm_64_step_precomputed},
       {"gru_64_step", "one step of a GRU of 64 units on 64 inputs", &gru_64_step},
       {"attention_64x32", "causal attention of width 64 over the last 32 rows, one head", &attention_64x32},
       {"stac_lstm_a_step", "one step of STAC-ML's LSTM_A: two layers of 100 units on 100 features", &stac_lstm_a_step},
       {"stac_lstm_a_window", "LSTM_A over a fresh window of 50 rows", &stac_lstm_a_window},
       {"ensemble_full", "trees, LSTM and perceptron with online weights and a regime filter, one row", &ensemble_full},
       {"swap", "another model put in force while ticks flow: the gap in the engine's work", &swap}}};
}

}  // namespace thintail::bench
