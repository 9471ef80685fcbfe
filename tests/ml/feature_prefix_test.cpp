// SPDX-License-Identifier: Apache-2.0
// The prefix rule (CONTRACTS "Determinism"): the row at any tick is the same whether or not anything follows it. Checked by
// running the cut stream anew, and the check itself by streams that look ahead.
#include <gtest/gtest.h>

#include <random>
#include <span>
#include <vector>

#include "tests/support/feature_run.hpp"
#include "tests/support/feature_ticks.hpp"

namespace thintail {
namespace {

enum class Look : std::uint8_t {
  back,  // as the engine is used
  open_stamped,  // bars are handed over at their open with everything in them, as a file read with the wrong stamp would
  smoothed,  // a tick's mid is the mean of the two beside it
};

// The row's digest at the last tick of `ticks`, or at every one.
std::vector<std::uint64_t> digests(const FeatureSet& set, std::span<const Tick> ticks, Look look) {
  std::vector<ClosedBar> ahead;
  if (look == Look::open_stamped) {
    BarBuilder bars(Zone::new_york());
    const auto keep = [&](const ClosedBar& bar) {
      if (bar.period == BarPeriod::m1) ahead.push_back(bar);
    };
    for (const Tick& tick : ticks) {
      bars.close_until(tick.venue_ns, keep);
      bars.add(tick.bid_e9, tick.ask_e9, tick.venue_ns);
    }
    if (const ClosedBar last = bars.forming(BarPeriod::m1); last.ticks != 0) ahead.push_back(last);
  }
  std::vector<std::uint64_t> out;
  FeatureEngine engine(set, best_isa(), 1);
  engine.enable(0, *built_in_instrument("XAUUSD", "oanda"));
  BarBuilder bars(Zone::new_york());
  std::size_t next = 0;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    Tick tick = ticks[i];
    if (look == Look::open_stamped) {
      while (next < ahead.size() && (std::int64_t{ahead[next].end_s} - 60) * test::kSecondNs <= tick.venue_ns)
        engine.on_bar(0, ahead[next++]);
    } else {
      bars.close_until(tick.venue_ns, [&](const ClosedBar& bar) { engine.on_bar(0, bar); });
      bars.add(tick.bid_e9, tick.ask_e9, tick.venue_ns);
    }
    if (look == Look::smoothed && i > 0 && i + 1 < ticks.size()) {
      tick.bid_e9 = (ticks[i - 1].bid_e9 + ticks[i + 1].bid_e9) / 2;
    }
    out.push_back(engine.digest(engine.on_tick(0, tick, tick.venue_ns)));
  }
  return out;
}

// Cuts at which the last row differs from the full run's. Of random ticks, and of those at or just before a bar's end.
std::size_t cuts_that_differ(const FeatureSet& set, const std::vector<Tick>& ticks, Look look, std::size_t cuts) {
  const auto full = digests(set, ticks, look);
  std::vector<std::size_t> ends;
  std::mt19937_64 random(13);
  std::uniform_int_distribution<std::size_t> cut(1, ticks.size());
  for (std::size_t i = 1; i < ticks.size() && ends.size() < cuts / 2; i += 1 + ticks.size() / cuts / 4) {
    if (ticks[i].venue_ns % (60 * test::kSecondNs) == 0) ends.insert(ends.end(), {i, i + 1});
  }
  while (ends.size() < cuts) ends.push_back(cut(random));
  std::size_t different = 0;
  for (const std::size_t end : ends) {
    different += digests(set, std::span(ticks).first(end), look).back() != full[end - 1] ? 1 : 0;
  }
  return different;
}

std::size_t cuts() { return 1'000; }

TEST(FeaturePrefix, a_row_does_not_change_when_the_future_is_cut) {
  EXPECT_EQ(cuts_that_differ(test::built_in_set("scalper-64"), test::random_ticks(6'000, 11), Look::back, cuts()), 0u);
}

TEST(FeaturePrefix, nor_in_the_weeks_in_which_clocks_change) {
  const auto ticks = test::ticks_of_clock_changes(12);
  ASSERT_GT(ticks.size(), 3'000u);
  for (const char* name : {"core-32", "scalper-64"}) {
    EXPECT_EQ(cuts_that_differ(test::built_in_set(name), ticks, Look::back, cuts() / 2), 0u) << name;
  }
}

TEST(FeaturePrefix, bars_stamped_with_their_open_are_caught) {
  EXPECT_GT(cuts_that_differ(FeatureSet::core_32(), test::random_ticks(3'000, 11), Look::open_stamped, 300), 100u);
}

TEST(FeaturePrefix, state_smoothed_over_the_next_tick_is_caught) {
  EXPECT_GT(cuts_that_differ(FeatureSet::core_32(), test::random_ticks(3'000, 11), Look::smoothed, 300), 250u);
}

}  // namespace
}  // namespace thintail
