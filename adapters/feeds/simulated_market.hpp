// SPDX-License-Identifier: Apache-2.0
// SimulatedMarket: one instrument of the simulator: when it ticks next, and at what quote.
//   path       warm
//   invariant  as Random's: the same on every machine. Times rise strictly, inside the calendar's open spans.
#pragma once

#include <cstdint>

#include "adapters/feeds/random.hpp"
#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/time/calendar.hpp"

namespace thintail {

// What all instruments share (the dollar, the appetite for risk): a random walk of variance 1 a second.
class CommonFactor {
 public:
  CommonFactor(std::uint64_t seed, std::int64_t start_ns) noexcept : random_(seed), at_ns_(start_ns) {}

  // REQUIRES: `ns` never decreases.
  double value_at(std::int64_t ns) noexcept;

 private:
  Random random_;
  std::int64_t at_ns_;
  double value_ = 0.0;
};

// The character of a market, relative to its price.
struct MarketTraits {
  double start_price;
  double volatility;    // standard deviation of the return of one second in the calm regime
  double spread;        // in the calm regime
  double factor_share;  // -1..1: correlation of its returns with the common factor
};

class SimulatedMarket {
 public:
  SimulatedMarket(const Instrument& instrument, std::uint64_t seed, std::int64_t start_ns, double ticks_per_second,
                  std::uint32_t crossed_one_in);

  std::int64_t next_ns() const noexcept { return next_ns_; }
  // The tick at next_ns(), which then moves on.
  Tick take(CommonFactor& factor) noexcept;

 private:
  enum class Regime : std::uint8_t { calm, trending, turbulent, reverting };
  struct RegimeTraits;
  const RegimeTraits& regime_traits() const noexcept;

  void move_price(CommonFactor& factor) noexcept;
  double widening() const noexcept;
  void change_regime() noexcept;
  void schedule_next() noexcept;
  float draw_size() noexcept;

  Random random_;
  const TradingCalendar* calendar_;
  TradingCalendar::Span span_{};  // holds next_ns_
  std::int64_t point_e9_;
  double size_unit_;  // base units
  double ticks_per_second_;
  std::uint32_t crossed_one_in_;

  // Prices, volatility and spread in points, the instrument's tick size.
  double share_;
  double residual_share_;  // sqrt(1 - share^2): what it moves by itself
  double volatility_;
  double spread_;
  double fair_;
  double drift_ = 0.0;      // points a second
  double overshoot_ = 0.0;  // quoted mid minus fair price
  double factor_seen_ = 0.0;

  Regime regime_ = Regime::calm;
  std::int64_t regime_until_ns_;
  std::uint32_t burst_ticks_left_ = 0;
  std::int64_t last_ns_;
  std::int64_t next_ns_;
  std::uint64_t ticks_ = 0;
};

}  // namespace thintail
