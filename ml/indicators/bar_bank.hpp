// SPDX-License-Identifier: Apache-2.0
// BarBank: the bar features of a set. A plan made once from the features, and a block of bytes for each instrument.
//   path       warm: on_bar; hot: the views that a tick reads
//   threads    one
//   invariant  state holds no pointers: copying its bytes is a snapshot. Nothing is allocated after construction.
//              Features that share an indicator with equal parameters share its state.
//   source     the families' table, bar_families.cpp
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/time/zone.hpp"
#include "ml/features/feature_family.hpp"
#include "ml/indicators/bar_families.hpp"

namespace thintail {

// What a tick makes of a bar lane:
//   (bid_weight bid + ask_weight ask - level) (scale + scale_bp bp),  bp = 1e4 / (bp_bid_weight bid + bp_ask_weight ask)
// with prices in e9. Levels are in the same unit, twice the price. Products with 0 and 1 are exact.
struct BarLaneForm {
  double bid_weight;
  double ask_weight;
  double bp_bid_weight;
  double bp_ask_weight;
  double scale_bp;
};

class BarBank {
 public:
  static constexpr std::size_t kStateAlignment = 64;

  // `lanes[i]` is the row's lane of `features[i]`. REQUIRES: as many lanes as features, at most kMaxLanes; families of
  // FamilyGroup::bar with parameters within their ranges.
  BarBank(std::span<const Feature> features, std::span<const std::uint16_t> lanes);

  // Of one instrument; a multiple of 64. The block must be aligned to kStateAlignment.
  std::size_t state_bytes() const noexcept { return state_bytes_; }
  // Before the first bar.
  void reset(std::byte* state) const noexcept;

  // A bar closed: updates the indicators of its period and what ticks read of them. `volume` is what was traded in the
  // bar, NaN where the feed does not say; a tick count is none.
  void on_bar(std::byte* state, const ClosedBar& bar,
              double volume = std::numeric_limits<double>::quiet_NaN()) const noexcept;

  std::size_t size() const noexcept { return forms_.size(); }  // bar lanes
  std::span<const BarLaneForm> forms() const noexcept { return forms_; }
  std::span<const std::uint16_t> lanes() const noexcept { return lanes_; }
  bool uses(BarPeriod period) const noexcept { return !outputs_[static_cast<std::size_t>(period)].empty(); }

  // [size() rounded up to 8] each, 64-byte aligned; level and scale of an undefined lane are 0.
  const double* levels(const std::byte* state) const noexcept;
  const double* scales(const std::byte* state) const noexcept;
  // Bit i: bar lane i is defined.
  const LaneMask& defined(const std::byte* state) const noexcept;

 private:
  enum class UnitKind : std::uint8_t {
    // Rings of the last values.
    closes,
    highs,
    lows,
    typicals,
    volumes,
    signed_volumes,
    first_spans,
    second_spans,
    // Indicators.
    mean,
    variance,
    weighted,
    ema,
    dema,
    rsi,
    macd_signal,
    atr,
    directional,
    extremes,
    range_percent,
    percent_mean,
    on_balance,
    volume_window,
    vwap,
    adaptive,
    parabolic,
    candles,
  };

  // One indicator of one period: what all instruments share of it.
  struct Unit {
    UnitKind kind;
    BarPeriod period;
    QuoteSide basis;
    std::uint16_t bars = 0;
    std::uint16_t bars_2 = 0;
    std::uint16_t bars_3 = 0;
    double factor = 0.0;
    std::uint16_t input = 0;  // the units that it reads
    std::uint16_t input_2 = 0;
    std::uint32_t slots = 0;  // of a ring
    std::uint32_t offset = 0;  // of its state in the block

    bool computes_the_same_as(const Unit& other) const noexcept;
    std::size_t bytes() const noexcept;
  };

  // What a lane's value is a number of.
  enum class Shape : std::uint8_t {
    constant,  // the same for every tick until the next bar
    of_price,  // an amount of price, in bp of the tick's price
    distance,  // of the tick's price from a level, in bp
    position,  // of the tick's price from a level, in a bar's scale
  };

  // One bar lane.
  struct Output {
    BarFamily family;
    Shape shape;
    QuoteSide basis;
    std::uint16_t lane;  // bar lane
    std::uint16_t bars;
    std::uint16_t bars_2;
    std::uint16_t bars_3;
    double factor;
    std::uint16_t input = 0;
    std::uint16_t input_2 = 0;
    std::uint16_t input_3 = 0;
    std::vector<double> weights{};  // of fractional differencing, newest first
  };

  struct Update;
  struct Value;

  static Shape shape_of(BarFamily family) noexcept;
  static BarLaneForm form_of(Shape shape, QuoteSide basis) noexcept;
  std::uint16_t unit(const Unit& wanted);
  Output plan(const Feature& feature, std::uint16_t lane);
  void lay_out();
  void update(const Unit& unit, std::byte* state, const Update& with) const noexcept;
  Value value(const Output& output, const std::byte* state) const noexcept;

  std::vector<Unit> units_;  // each after the ones that it reads
  std::array<std::vector<std::uint16_t>, kBarPeriodCount> units_of_;
  std::array<std::vector<Output>, kBarPeriodCount> outputs_;
  std::vector<BarLaneForm> forms_;
  std::vector<std::uint16_t> lanes_;
  std::size_t padded_ = 0;  // size() rounded up to 8
  std::size_t state_bytes_ = 0;
  const Zone* fx_day_;
};

}  // namespace thintail
