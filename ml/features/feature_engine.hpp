// SPDX-License-Identifier: Apache-2.0
// FeatureEngine: the features of every instrument, updated tick by tick and bar by bar. The one implementation: live,
// replay and training all call it.
//   path       hot: on_tick, on_trade, on_book; warm: on_bar
//   threads    one
//   invariant  state in f64 and exact integers, the row in f32 rounded once; undefined lanes hold the canonical NaN and
//              a clear mask bit; -0 is written as +0; the same bits on every Isa. A row depends on what came before it
//              and on nothing later. Nothing is allocated after construction.
//   source     CONTRACTS "Numbers", "Missing values", "Decays on irregular ticks"
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "core/bars/bar_builder.hpp"
#include "core/book/order_book.hpp"
#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/isa/isa.hpp"
#include "ml/features/feature_set.hpp"

namespace thintail {

struct alignas(64) FeatureRow {
  std::array<float, kMaxLanes> values;  // [set.lanes().size()] used, the rest canonical NaN
  LaneMask defined;
};

class FeatureEngine {
 public:
  FeatureEngine(const FeatureSet& set, Isa isa, std::size_t instruments_max);
  ~FeatureEngine();
  FeatureEngine(FeatureEngine&&) noexcept;

  // Makes the instrument's state ready; call once for each, before its first tick. Cold.
  void enable(InstrumentId id, const Instrument& instrument);

  // A bar of the instrument closed. REQUIRES: enabled; called before the tick that follows the bar's end. `volume` is
  // what was traded in it, NaN where the feed does not say.
  void on_bar(InstrumentId id, const ClosedBar& bar, double volume = std::numeric_limits<double>::quiet_NaN()) noexcept;

  // Takes the tick in and returns the row as of it, valid until the next call. REQUIRES: enabled; `venue_ns` is the
  // tick's venue time clamped to non-decreasing for the instrument.
  TT_HOT const FeatureRow& on_tick(InstrumentId id, const Tick& tick, std::int64_t venue_ns) noexcept;

  // The row of data that has bars only, as of the closed M1 bar: what a tick with its closing quote would give at its
  // end. REQUIRES: as on_tick; every bar that ends there, this one included, went to on_bar before.
  const FeatureRow& on_close(InstrumentId id, const ClosedBar& bar) noexcept;

  // A trade: counts in the row of the next tick. REQUIRES: enabled.
  TT_HOT void on_trade(InstrumentId id, const Trade& trade) noexcept;

  // An update of the instrument's book is whole, or the book was lost: counts in the row of the next tick.
  TT_HOT void on_book(InstrumentId id, const OrderBook& book) noexcept;

  // Lanes of group cross, in the set's order: what is set stands in every row until it is set anew, and is undefined
  // until then. Bit i of `defined` is for values[i]. REQUIRES: guest_lanes().size() values as rows hold them.
  std::span<const std::uint16_t> guest_lanes() const noexcept;
  void set_guests(InstrumentId id, std::span<const float> values, const LaneMask& defined) noexcept;

  // XXH3 over the row's used lanes and its mask: what a Prediction carries and replay compares.
  TT_HOT std::uint64_t digest(const FeatureRow& row) const noexcept;

  // Everything that an instrument's next row follows from, as bytes. Forming bars are their builder's.
  std::size_t snapshot_bytes() const noexcept;
  // REQUIRES: enabled; snapshot_bytes() bytes.
  void snapshot(InstrumentId id, std::span<std::byte> out) const noexcept;
  // Rows after it equal, byte for byte, those of an engine that never stopped. Refuses bytes of another set, layout,
  // calendar or tick size, and then leaves the instrument as it was. REQUIRES: enabled.
  Result<void> restore(InstrumentId id, std::span<const std::byte> in);

  const FeatureSet& set() const noexcept;
  std::size_t state_bytes() const noexcept;  // of one instrument
  std::size_t hot_bytes() const noexcept;  // of them what every tick rewrites: scalars and decays

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thintail
