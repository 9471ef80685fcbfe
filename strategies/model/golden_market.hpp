// SPDX-License-Identifier: Apache-2.0
// GoldenMarket: the made-up feed behind golden events: one pseudo-random stream, integers only.
//   path  cold
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/numeric/split_mix.hpp"
#include "ml/features/feature_set.hpp"

namespace thintail {

// The instrument that carries the model, then those that the set's peers name.
std::vector<Instrument> golden_instruments(const FeatureSet& set);

class GoldenMarket {
 public:
  GoldenMarket(std::vector<Instrument> instruments, Needs needs, std::uint32_t sparseness);

  // The next tick, and what precedes it: timers, trades, book updates, now and then a gap.
  void append_next(std::vector<Event>& out);
  std::int64_t start_ns() const noexcept;

 private:
  struct Desk {
    Instrument instrument;
    std::int64_t mid_points = 100'000;
    std::uint64_t sequence = 0;  // of the book
    bool has_book = false;
  };

  std::int64_t step_ns();
  void append_timers(std::int64_t until_ns, std::vector<Event>& out);
  void append_timer(std::int64_t second_s, std::vector<Event>& out);
  void append_book(InstrumentId id, std::vector<Event>& out);
  void append_level(InstrumentId id, Side side, std::int64_t points_away, float size, unsigned flags,
                    std::uint64_t previous, std::vector<Event>& out);
  void append_trade(InstrumentId id, std::vector<Event>& out);
  void append_tick(InstrumentId id, std::vector<Event>& out);
  float size();

  std::vector<Desk> desks_;
  Needs needs_;
  std::uint32_t sparseness_;
  numeric::SplitMix random_;
  std::int64_t time_ns_;
  std::int64_t second_s_;  // of the last timer
  std::uint64_t ticks_ = 0;
};

}  // namespace thintail
