// SPDX-License-Identifier: Apache-2.0
// FeatureEngine: the features of every instrument, updated tick by tick and bar by bar. The one implementation: live,
// replay and training all call it.
//   path       hot: on_tick; warm: on_bar
//   threads    one
//   invariant  state in f64, the row in f32 rounded once; undefined lanes hold the canonical NaN and a clear mask bit;
//              -0 is written as +0; the same bits on every Isa. Nothing is allocated after construction.
//   source     CONTRACTS "Numbers", "Missing values", "Decays on irregular ticks"
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/bars/bar_builder.hpp"
#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/isa/isa.hpp"
#include "ml/features/feature_set.hpp"

namespace thintail {

struct alignas(64) FeatureRow {
  std::array<float, kMaxLanes> values;  // [set.lanes().size()] used, the rest canonical NaN
  std::uint64_t defined;                // bit i: lane i is defined
};

class FeatureEngine {
 public:
  FeatureEngine(const FeatureSet& set, Isa isa, std::size_t instruments_max);
  ~FeatureEngine();
  FeatureEngine(FeatureEngine&&) noexcept;

  // Makes the instrument's state ready; call once for each, before its first tick. Cold.
  void enable(InstrumentId id, const Instrument& instrument);

  // A bar of the instrument closed. REQUIRES: enabled; called before the tick that follows the bar's end.
  void on_bar(InstrumentId id, const ClosedBar& bar) noexcept;

  // Takes the tick in and returns the row as of it, valid until the next call. REQUIRES: enabled; `venue_ns` is the
  // tick's venue time clamped to non-decreasing for the instrument.
  TT_HOT const FeatureRow& on_tick(InstrumentId id, const Tick& tick, std::int64_t venue_ns) noexcept;

  // XXH3 over the row's used lanes and its mask: what a Prediction carries and replay compares.
  TT_HOT std::uint64_t digest(const FeatureRow& row) const noexcept;

  const FeatureSet& set() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thintail
