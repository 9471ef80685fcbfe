// SPDX-License-Identifier: Apache-2.0
#include "bench/features/suite.hpp"

namespace thintail::bench {

Suite features_suite() {
  return {
      "features",
      "indicators and features, streamed and in batches",
      {
          {"tick_64", "scalper-64 on consecutive gold ticks, from the tick to its row", &tick_64},
          {"tick_64_paced", "the same, a tick every 100 us: a cold arrival", &tick_64_paced},
          {"tick_64_cold_instrument", "the same, 10,258 instruments in turn", &tick_64_cold_instrument},
          {"tick_64_bar_close", "the tick that closes bars of all seven periods at once", &tick_64_bar_close},
          {"ema_bank_16", "16 averages by time", &ema_bank_16},
          {"five_indicators_stream", "EMA 20, RSI 14, MACD 12/26/9, ATR 14, Bollinger 20,2 of one series, bar by bar",
           &five_indicators_stream},
          {"five_indicators_batch", "the same of eight series at once, by the same code", &five_indicators_batch},
          {"sweep_10258x32", "32 decays of each of 10,258 instruments brought up to one time", &sweep_10258x32},
          {"book_update", "one level of an order book set, changed or removed, in the order of a real capture",
           &book_update},
          {"batch_file", "a day of ticks from its file to a .npy of rows", &batch_file},
          {"cross_rank_10258", "ranks of one number over 10,258 instruments, equal ones alike", &cross_rank},
          {"hayashi_yoshida_tick", "correlation over tick intervals of two brokers' EURUSD, at every tick",
           &hayashi_yoshida_tick},
      }};
}

}  // namespace thintail::bench
