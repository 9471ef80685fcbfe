// SPDX-License-Identifier: Apache-2.0
// Made-up quotes with everything that real ones do to features: every kind of gap, equal stamps, crossed and locked
// quotes, sizes that come and go, trades, and weeks around both changes of summer time.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "core/event/payloads.hpp"
#include "core/price/decimal.hpp"

namespace thintail::test {

inline constexpr std::int64_t kSecondNs = 1'000'000'000;
inline constexpr std::int64_t kDayNs = 86'400 * kSecondNs;
inline constexpr std::int64_t kFridayNs = 1'398'988'800 * kSecondNs;  // 2014-05-02 00:00 UTC

inline Tick quote(std::int64_t venue_ns, std::int64_t bid_e9, std::int64_t ask_e9, float bid_size = 0,
                  float ask_size = 0) {
  return {bid_e9, ask_e9, bid_size, ask_size, venue_ns, 0};
}

// A walk in thousandths from 1,284; a tenth of the ticks share the stamp of the one before.
inline std::vector<Tick> random_ticks(std::size_t count, std::uint64_t seed, std::int64_t from_ns = kFridayNs) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int> kind(0, 99);
  std::uniform_int_distribution<std::int64_t> step(-300, 300);
  std::uniform_int_distribution<std::int64_t> spread(-20, 400);
  std::uniform_int_distribution<int> size(0, 9);
  std::vector<Tick> ticks;
  std::int64_t venue_ns = from_ns;
  std::int64_t bid = 1'284'000;
  for (std::size_t i = 0; i < count; ++i) {
    const int k = kind(random);
    venue_ns += k < 10 ? 0 : k < 80 ? 7'000'000 * (k - 9) : k < 99 ? (k - 79) * kSecondNs : 900 * kSecondNs;
    if (k % 3 != 0) bid += step(random);
    const Tick tick = quote(venue_ns, bid * 1'000'000, (bid + spread(random)) * 1'000'000,
                            static_cast<float>(size(random)), static_cast<float>(size(random)) / 4);
    ticks.push_back(tick);
  }
  return ticks;
}

// Trades between the ticks: about one for each two of them, before the tick of the same index in `ticks`.
struct TradeBefore {
  std::size_t tick;
  Trade trade;
};
inline std::vector<TradeBefore> random_trades(const std::vector<Tick>& ticks, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int> any(0, 11);
  std::vector<TradeBefore> trades;
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    for (int k = any(random); k > 8; --k) {
      Trade trade{};
      trade.price_e9 = (ticks[i - 1].bid_e9 + ticks[i - 1].ask_e9) / 2 + (any(random) - 5) * 1'000'000;
      trade.venue_ns = ticks[i].venue_ns;
      trade.size = static_cast<float>(any(random)) / 8;
      trade.aggressor = static_cast<Side>(any(random) % 3);
      trades.push_back({i, trade});
    }
  }
  return trades;
}

// A tick about every seven minutes through the weeks in which New York's and Europe's clocks change, with many of them
// exactly at a bar's end.
inline std::vector<Tick> ticks_of_clock_changes(std::uint64_t seed) {
  // Monday 00:00 UTC before 2014-03-09 (New York), 2014-03-30 (Europe), 2014-10-26 (Europe), 2014-11-02 (New York).
  std::vector<Tick> ticks;
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int64_t> step(-300, 300);
  std::uniform_int_distribution<std::int64_t> seconds(1, 840);
  std::int64_t bid = 1'284'000;
  for (const std::int64_t monday_s : {1'393'804'800LL, 1'395'619'200LL, 1'413'763'200LL, 1'414'368'000LL}) {
    for (std::int64_t second = monday_s; second < monday_s + 8 * 86'400;) {
      bid += step(random);
      ticks.push_back(quote(second * kSecondNs, bid * 1'000'000, (bid + 300) * 1'000'000));
      second += seconds(random);
      if (step(random) > 150) second = (second / 60 + 1) * 60;
      if (step(random) > 280) second = (second / 3600 + 1) * 3600;
    }
  }
  return ticks;
}

}  // namespace thintail::test
