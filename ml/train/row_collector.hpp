// SPDX-License-Identifier: Apache-2.0
// RowCollector: turns a stream of ticks and feature rows into training rows with their labels, within bounded memory.
//   path       warm: one call a tick
//   threads    one
//   invariant  a label uses nothing later than its own deadline, and no label's deadline lies after `end_ns`: rows of
//              a span that ends where another begins share no price with it.
//
// The label is the forward return of the mid in basis points: the mid of the instrument's last tick at or before t +
// horizon, against the mid at t, both in engine time. A row whose horizon crosses the close of its session or the end
// of the span has none and is left out.
//
// How many ticks will come is not known, so sampling is by thinning: every stride-th candidate is kept, and when the
// store is full every second one of them goes and the stride doubles. What remains is spread evenly over all
// candidates and depends on nothing but them.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <vector>

#include "core/instrument/instrument_table.hpp"
#include "core/time/calendar.hpp"

namespace thintail {

struct LabelledRows {
  std::size_t lanes = 0;
  std::vector<float> features;  // row by row, NaN = undefined
  std::vector<float> labels;  // basis points
  std::vector<float> last_move;  // the mid's latest change in basis points: the baseline is minus this
  std::vector<float> spread;  // ask less bid in basis points of the mid, a crossed quote's 0: what a round trip pays

  std::size_t size() const noexcept { return labels.size(); }
  std::span<const float> row(std::size_t index) const noexcept {
    return std::span(features).subspan(index * lanes, lanes);
  }
};

class RowCollector {
 public:
  struct Span {
    std::int64_t begin_ns;  // rows from here on
    std::int64_t end_ns;  // labels decided up to here
  };

  // `instruments` must outlive the collector. REQUIRES: rows_max >= 2, horizon_ns > 0.
  RowCollector(const InstrumentTable& instruments, std::size_t lanes, std::size_t rows_max, std::int64_t horizon_ns,
               Span span);

  // Every tick of every instrument, in engine-time order, those outside of the span too: they decide labels. `row`
  // holds the tick's features; empty where a mandatory one is undefined, which makes the tick no candidate.
  void on_tick(InstrumentId id, std::int64_t time_ns, std::int64_t bid_e9, std::int64_t ask_e9,
               std::span<const float> row);

  // The rows whose label is known, in time order. No further tick before `seen_until_ns` would have come.
  LabelledRows finish(std::int64_t seen_until_ns) &&;

  std::uint64_t candidates() const noexcept { return candidates_; }

 private:
  struct Pending {
    std::size_t row;
    std::int64_t deadline_ns;
    std::int64_t twice_mid_e9;  // at t
  };
  struct Market {
    std::int64_t twice_mid_e9 = 0;  // bid + ask, so that the mid stays exact; 0 before the first tick
    float last_move = 0;
    TradingCalendar::Span session{0, std::numeric_limits<std::int64_t>::min(), 0};
    std::deque<Pending> pending;  // by deadline
  };

  void decide_labels(Market& market, std::int64_t seen_until_ns);
  bool horizon_within_session(InstrumentId id, Market& market, std::int64_t time_ns) const;
  void keep(Market& market, std::int64_t time_ns, std::span<const float> row, float spread);
  void thin();

  const InstrumentTable* instruments_;
  std::size_t rows_max_;
  std::int64_t horizon_ns_;
  Span span_;
  std::uint64_t candidates_ = 0;
  std::uint64_t stride_ = 1;  // row i of rows_ is candidate i * stride_
  LabelledRows rows_;  // labels NaN until decided
  std::vector<Market> markets_;
};

}  // namespace thintail
