// SPDX-License-Identifier: Apache-2.0
// Quote: the newest best bid and ask of an instrument as the engine knows them.
//   path  hot
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace thintail {

struct Quote {
  std::int64_t bid_e9 = 0;
  std::int64_t ask_e9 = 0;
  std::int64_t time_ns = std::numeric_limits<std::int64_t>::min();  // engine time of the tick

  bool is_present() const noexcept { return bid_e9 > 0 && ask_e9 > 0; }
  bool is_crossed() const noexcept { return ask_e9 < bid_e9; }
  // What a market order pays: never better than either side, however crossed the quote.
  std::int64_t buy_e9() const noexcept { return std::max(bid_e9, ask_e9); }
  std::int64_t sell_e9() const noexcept { return std::min(bid_e9, ask_e9); }
  double mid() const noexcept { return (static_cast<double>(bid_e9) + static_cast<double>(ask_e9)) * 0.5; }
};

}  // namespace thintail
