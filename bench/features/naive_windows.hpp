// SPDX-License-Identifier: Apache-2.0
// NaiveWindows: the windowed lanes of a set by their definitions: every sum anew at every tick, over the ticks that the
// window holds, in doubles. It shares no code with the engine.
//   path  warm
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/event/payloads.hpp"
#include "core/time/calendar.hpp"
#include "ml/features/feature_engine.hpp"

namespace thintail::bench {

class NaiveWindows {
 public:
  NaiveWindows(const FeatureSet& set, CalendarId calendar);

  // Takes the tick in and computes every lane. `venue_ns` never decreases.
  void add(const Tick& tick, std::int64_t venue_ns);

  // Whether every windowed lane that the row has is what the definitions give.
  bool agrees(const FeatureRow& row) const;
  std::size_t lanes() const noexcept { return lanes_.size(); }

 private:
  struct Lane {
    std::uint16_t at;  // in the row
    std::string_view family;
    std::size_t ticks;
    double factor;
    double value = 0;
  };
  struct Quote {
    double mid;
    double spread;
    std::int64_t time;  // 100 us of trading time
  };

  double value_of(const Lane& lane) const;

  std::vector<Lane> lanes_;
  std::vector<Quote> quotes_;  // the last kKept, oldest first
  CalendarCursor calendar_;
};

}  // namespace thintail::bench
