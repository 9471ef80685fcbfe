// SPDX-License-Identifier: Apache-2.0
#include "core/bars/bar_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <tuple>
#include <vector>

namespace thintail {
namespace {

using namespace std::chrono;  // NOLINT: dates read best in its notation

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kMinuteNs = 60 * kSecondNs;
constexpr std::int64_t kHourNs = 60 * kMinuteNs;
constexpr std::int64_t kFarFuture = std::numeric_limits<std::int64_t>::max();

constexpr std::int64_t at_ns(sys_days day, nanoseconds time = {}) {
  return (sys_time<nanoseconds>(day) + time).time_since_epoch().count();
}

constexpr std::int64_t kNoonNs = at_ns(2014y / 5 / 1, 12h);

// A builder with everything it closed, fed as the engine feeds it.
struct Recorder {
  BarBuilder builder{Zone::new_york()};
  std::vector<ClosedBar> closed = {};

  void close_until(std::int64_t time_ns) {
    builder.close_until(time_ns, [this](const ClosedBar& bar) { closed.push_back(bar); });
  }
  void tick(std::int64_t time_ns, std::int64_t bid_e9, std::int64_t ask_e9) {
    close_until(time_ns);
    builder.add(bid_e9, ask_e9, time_ns);
  }
  std::vector<ClosedBar> of(BarPeriod period) const {
    std::vector<ClosedBar> bars;
    std::ranges::copy_if(closed, std::back_inserter(bars), [=](const auto& bar) { return bar.period == period; });
    return bars;
  }
};

std::int64_t end_ns(const ClosedBar& bar) { return bar.end_s * kSecondNs; }

TEST(BarPeriod, names_lead_back_and_unknown_ones_are_refused) {
  for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
    BarPeriod period{};
    EXPECT_TRUE(bar_period_from_name(kBarPeriodNames[i], period));
    EXPECT_EQ(static_cast<std::size_t>(period), i);
  }
  BarPeriod untouched = BarPeriod::h4;
  EXPECT_FALSE(bar_period_from_name("m1", untouched));
  EXPECT_FALSE(bar_period_from_name("", untouched));
  EXPECT_EQ(untouched, BarPeriod::h4);
}

TEST(BarBuilder, nothing_forms_before_the_first_tick) {
  Recorder r;
  EXPECT_EQ(r.builder.next_close_ns(), kFarFuture);
  r.close_until(kFarFuture);
  EXPECT_TRUE(r.closed.empty());
  for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
    EXPECT_EQ(r.builder.forming(static_cast<BarPeriod>(i)).ticks, 0u);
  }
}

TEST(BarBuilder, a_tick_at_exactly_the_end_belongs_to_the_next_bar) {
  Recorder r;
  r.tick(kNoonNs, 10, 20);
  r.tick(kNoonNs + kMinuteNs - 1, 11, 19);
  EXPECT_TRUE(r.closed.empty());
  r.tick(kNoonNs + kMinuteNs, 99, 100);
  ASSERT_EQ(r.closed.size(), 1u);
  const auto& bar = r.closed[0];
  EXPECT_EQ(bar.period, BarPeriod::m1);
  EXPECT_EQ(end_ns(bar), kNoonNs + kMinuteNs);
  EXPECT_EQ(bar.ticks, 2u);
  EXPECT_EQ(bar.bid, (Ohlc{10, 11, 10, 11}));
  EXPECT_EQ(bar.ask, (Ohlc{20, 20, 19, 19}));
  EXPECT_EQ(r.builder.forming(BarPeriod::m1).bid, (Ohlc{99, 99, 99, 99}));
}

TEST(BarBuilder, a_bar_closes_at_its_end_without_another_tick_and_only_once) {
  Recorder r;
  r.tick(kNoonNs + 5 * kSecondNs, 10, 20);
  EXPECT_EQ(r.builder.next_close_ns(), kNoonNs + kMinuteNs);
  r.close_until(kNoonNs + kMinuteNs - 1);
  EXPECT_TRUE(r.closed.empty());
  r.close_until(kNoonNs + kMinuteNs);
  EXPECT_EQ(r.closed.size(), 1u);
  EXPECT_EQ(r.builder.next_close_ns(), kNoonNs + 5 * kMinuteNs);
  r.close_until(kNoonNs + kMinuteNs);
  r.close_until(kNoonNs);
  EXPECT_EQ(r.closed.size(), 1u);
}

TEST(BarBuilder, empty_periods_make_no_bar) {
  Recorder r;
  r.tick(kNoonNs, 10, 20);
  r.tick(kNoonNs + 7 * kMinuteNs, 11, 21);
  ASSERT_EQ(r.closed.size(), 2u) << "one minute and one five minutes, none for the silence";
  EXPECT_EQ(end_ns(r.of(BarPeriod::m1)[0]), kNoonNs + kMinuteNs);
  EXPECT_EQ(end_ns(r.of(BarPeriod::m5)[0]), kNoonNs + 5 * kMinuteNs);
  r.close_until(kNoonNs + 100 * 24 * kHourNs);
  EXPECT_EQ(r.closed.size(), 2u + 7u) << "what was forming closes once, however long the silence";
  EXPECT_EQ(r.builder.next_close_ns(), kFarFuture);
}

TEST(BarBuilder, bars_close_by_end_then_by_period) {
  Recorder r;
  r.tick(kNoonNs + 58 * kMinuteNs, 10, 20);
  r.tick(kNoonNs + 59 * kMinuteNs, 11, 21);
  r.close_until(kNoonNs + 24 * kHourNs);
  std::vector<BarPeriod> order;
  for (const auto& bar : r.closed) order.push_back(bar.period);
  EXPECT_EQ(order, (std::vector{BarPeriod::m1, BarPeriod::m1, BarPeriod::m5, BarPeriod::m15, BarPeriod::m30,
                                BarPeriod::h1, BarPeriod::h4, BarPeriod::d1}));
  EXPECT_EQ(r.closed[2].bid, (Ohlc{10, 11, 10, 11})) << "the last minute is in the longer bars that end with it";
  EXPECT_TRUE(std::ranges::is_sorted(r.closed, [](const auto& a, const auto& b) {
    return std::tie(a.end_s, a.period) < std::tie(b.end_s, b.period);
  }));
}

TEST(BarBuilder, a_late_tick_goes_to_the_forming_bar) {
  Recorder r;
  r.tick(kNoonNs + kMinuteNs + 10 * kSecondNs, 10, 20);
  r.tick(kNoonNs + 30 * kSecondNs, 5, 15);  // of the minute before
  r.close_until(kNoonNs + 2 * kMinuteNs);
  ASSERT_EQ(r.closed.size(), 1u);
  EXPECT_EQ(r.closed[0].bid, (Ohlc{10, 10, 5, 5}));
  EXPECT_EQ(end_ns(r.closed[0]), kNoonNs + 2 * kMinuteNs);
}

TEST(BarBuilder, a_late_tick_never_reopens_a_bar_that_a_timer_closed) {
  Recorder r;
  r.tick(kNoonNs + 4 * kMinuteNs + 10 * kSecondNs, 10, 20);
  r.close_until(kNoonNs + 5 * kMinuteNs + kSecondNs);  // the timer: a minute and five minutes
  ASSERT_EQ(r.closed.size(), 2u);
  r.tick(kNoonNs + 4 * kMinuteNs + 59 * kSecondNs, 7, 17);  // stamped before the close, seen after it
  r.close_until(kNoonNs + 10 * kMinuteNs);
  ASSERT_EQ(r.of(BarPeriod::m1).size(), 2u);
  EXPECT_EQ(end_ns(r.of(BarPeriod::m1)[1]), kNoonNs + 6 * kMinuteNs);
  ASSERT_EQ(r.of(BarPeriod::m5).size(), 2u);
  EXPECT_EQ(end_ns(r.of(BarPeriod::m5)[1]), kNoonNs + 10 * kMinuteNs);
  EXPECT_EQ(r.of(BarPeriod::m5)[1].bid, (Ohlc{7, 7, 7, 7}));
}

TEST(BarBuilder, a_timer_in_an_empty_minute_does_not_push_later_ticks_out_of_it) {
  Recorder r;
  r.tick(kNoonNs, 10, 20);
  r.close_until(kNoonNs + 3 * kMinuteNs + 30 * kSecondNs);
  // The clocks of venue and engine differ: this is stamped before the timer's time, but after every closed bar.
  r.tick(kNoonNs + 2 * kMinuteNs, 11, 21);
  r.close_until(kNoonNs + 3 * kMinuteNs);
  ASSERT_EQ(r.of(BarPeriod::m1).size(), 2u);
  EXPECT_EQ(end_ns(r.of(BarPeriod::m1)[1]), kNoonNs + 3 * kMinuteNs);
}

TEST(BarBuilder, forming_holds_the_minute_in_progress) {
  Recorder r;
  r.tick(kNoonNs, 10, 20);
  r.tick(kNoonNs + kMinuteNs, 12, 22);
  r.tick(kNoonNs + kMinuteNs + 1, 8, 18);
  EXPECT_EQ(r.builder.forming(BarPeriod::m1).bid, (Ohlc{12, 12, 8, 8}));
  const auto five = r.builder.forming(BarPeriod::m5);
  EXPECT_EQ(five.period, BarPeriod::m5);
  EXPECT_EQ(five.bid, (Ohlc{10, 12, 8, 8}));
  EXPECT_EQ(five.ask, (Ohlc{20, 22, 18, 18}));
  EXPECT_EQ(five.ticks, 3u);
  EXPECT_EQ(end_ns(five), kNoonNs + 5 * kMinuteNs);
  r.close_until(kNoonNs + 2 * kMinuteNs);
  EXPECT_EQ(r.builder.forming(BarPeriod::m1).ticks, 0u);
  EXPECT_EQ(r.builder.forming(BarPeriod::m5).ticks, 3u) << "looking at it changed nothing";
}

TEST(PeriodEnd, h4_and_d1_start_at_17_new_york_in_winter_and_summer) {
  const auto end = [](BarPeriod period, std::int64_t time_ns) {
    return period_end_ns(period, time_ns, Zone::new_york());
  };
  EXPECT_EQ(end(BarPeriod::d1, at_ns(2014y / 1 / 15, 12h)), at_ns(2014y / 1 / 15, 22h));
  EXPECT_EQ(end(BarPeriod::d1, at_ns(2014y / 1 / 15, 22h)), at_ns(2014y / 1 / 16, 22h));
  EXPECT_EQ(end(BarPeriod::d1, at_ns(2014y / 5 / 1, 12h)), at_ns(2014y / 5 / 1, 21h));
  EXPECT_EQ(end(BarPeriod::d1, at_ns(2014y / 5 / 1, 21h) - 1), at_ns(2014y / 5 / 1, 21h));
  EXPECT_EQ(end(BarPeriod::h4, at_ns(2014y / 5 / 1, 21h)), at_ns(2014y / 5 / 2, 1h));
  EXPECT_EQ(end(BarPeriod::h4, at_ns(2014y / 5 / 1, 12h)), at_ns(2014y / 5 / 1, 13h));
  EXPECT_EQ(end(BarPeriod::h1, at_ns(2014y / 5 / 1, 12h)), at_ns(2014y / 5 / 1, 13h));
  EXPECT_EQ(end(BarPeriod::m1, -1), 0) << "before 1970 too";
}

TEST(PeriodEnd, the_day_of_a_clock_change_has_23_or_25_hours_and_its_night_h4_three_or_five) {
  const auto length = [](BarPeriod period, std::int64_t inside_ns) {
    const auto end = period_end_ns(period, inside_ns, Zone::new_york());
    auto begin = inside_ns;
    while (period_end_ns(period, begin - kMinuteNs, Zone::new_york()) == end) begin -= kMinuteNs;
    return end - begin;
  };
  EXPECT_EQ(length(BarPeriod::d1, at_ns(2014y / 3 / 9, 12h)), 23 * kHourNs);
  EXPECT_EQ(length(BarPeriod::d1, at_ns(2014y / 11 / 2, 12h)), 25 * kHourNs);
  EXPECT_EQ(length(BarPeriod::d1, at_ns(2014y / 3 / 12, 12h)), 24 * kHourNs);
  EXPECT_EQ(length(BarPeriod::h4, at_ns(2014y / 3 / 9, 8h)), 3 * kHourNs);    // 01:00 EST to 05:00 EDT
  EXPECT_EQ(length(BarPeriod::h4, at_ns(2014y / 11 / 2, 7h)), 5 * kHourNs);   // 01:00 EDT to 05:00 EST
  EXPECT_EQ(length(BarPeriod::h4, at_ns(2014y / 11 / 2, 5h + 30min)), 5 * kHourNs) << "01:30, the first time";
  EXPECT_EQ(length(BarPeriod::h4, at_ns(2014y / 11 / 2, 6h + 30min)), 5 * kHourNs) << "01:30, the second time";
}

// Ends of all periods from arithmetic and a hand-written rule for New York in 2014, sharing nothing with the builder.
std::int64_t naive_end_ns(BarPeriod period, std::int64_t time_ns) {
  static constexpr std::int64_t kMinutes[] = {1, 5, 15, 30, 60};
  if (period <= BarPeriod::h1) {
    const auto length_ns = kMinutes[static_cast<std::size_t>(period)] * kMinuteNs;
    return time_ns / length_ns * length_ns + length_ns;
  }
  for (auto day = floor<days>(sys_time<nanoseconds>(nanoseconds(time_ns))) - days(1);; day += days(1)) {
    for (const auto hour : {1h, 5h, 9h, 13h, 17h, 21h}) {
      if (period == BarPeriod::d1 && hour != 17h) continue;
      const auto local_ns = at_ns(day, hour);
      // Both changes fall at 02:00 local; a boundary at 01:00 on the day in autumn is the first of two: still summer.
      const bool summer = local_ns >= at_ns(2014y / 3 / 9, 2h) && local_ns < at_ns(2014y / 11 / 2, 2h);
      const auto utc_ns = local_ns + (summer ? 4 : 5) * kHourNs;
      if (utc_ns > time_ns) return utc_ns;
    }
  }
}

struct NaiveTick {
  std::int64_t time_ns, bid_e9, ask_e9;
};

Ohlc naive_ohlc(const std::vector<std::int64_t>& prices) {
  return {prices.front(), *std::ranges::max_element(prices), *std::ranges::min_element(prices), prices.back()};
}

using BarKey = std::pair<std::uint32_t, BarPeriod>;

ClosedBar naive_bar(BarKey key, const std::vector<NaiveTick>& ticks) {
  std::vector<std::int64_t> bids, asks;
  for (const auto& tick : ticks) {
    bids.push_back(tick.bid_e9);
    asks.push_back(tick.ask_e9);
  }
  return {key.second, key.first, static_cast<std::uint32_t>(ticks.size()), naive_ohlc(bids), naive_ohlc(asks)};
}

bool equal(const ClosedBar& a, const ClosedBar& b) {
  return a.period == b.period && a.end_s == b.end_s && a.ticks == b.ticks && a.bid == b.bid && a.ask == b.ask;
}

// Random ticks through both clock changes of 2014, some at exact boundaries, some after long silences.
std::vector<NaiveTick> random_ticks(std::uint64_t seed, sys_days from, int count) {
  std::mt19937_64 random(seed);
  std::vector<NaiveTick> ticks;
  std::int64_t time_ns = at_ns(from);
  for (int i = 0; i < count; ++i) {
    switch (random() % 100) {
      case 0: time_ns += static_cast<std::int64_t>(random() % 30) * kHourNs; break;
      case 1:
      case 2: time_ns = (time_ns / kMinuteNs + 1) * kMinuteNs; break;
      case 3: time_ns = (time_ns / kHourNs + 1) * kHourNs - 1; break;
      case 4:
      case 5:
      case 6: break;  // the same instant again
      default: time_ns += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * kMinuteNs)); break;
    }
    const auto bid_e9 = static_cast<std::int64_t>(random() % 1000) - 500;
    ticks.push_back({time_ns, bid_e9, bid_e9 + static_cast<std::int64_t>(random() % 50) - 5});
  }
  return ticks;
}

TEST(BarBuilder, equals_a_naive_recomputation_on_random_ticks_through_both_clock_changes) {
  for (const sys_days from : {sys_days(2014y / 3 / 5), sys_days(2014y / 10 / 28)}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      std::map<BarKey, std::vector<NaiveTick>> groups;
      Recorder r;
      std::mt19937_64 random(seed);
      for (const auto& tick : random_ticks(seed, from, 3'000)) {
        // Sometimes a timer arrives first: it must change nothing but when bars close.
        if (random() % 4 == 0) r.close_until(tick.time_ns);
        r.tick(tick.time_ns, tick.bid_e9, tick.ask_e9);
        for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
          const auto period = static_cast<BarPeriod>(i);
          const auto end_s = static_cast<std::uint32_t>(naive_end_ns(period, tick.time_ns) / kSecondNs);
          auto& group = groups[{end_s, period}];
          group.push_back(tick);
          if (random() % 64 == 0) {
            ASSERT_TRUE(equal(r.builder.forming(period), naive_bar({end_s, period}, group))) << kBarPeriodNames[i];
          }
        }
      }
      r.close_until(kFarFuture);
      ASSERT_EQ(r.closed.size(), groups.size());
      std::size_t at = 0;
      for (const auto& [key, ticks] : groups) {  // a map of (end, period) is in the order of closing
        ASSERT_TRUE(equal(r.closed[at], naive_bar(key, ticks)))
            << "seed " << seed << ' ' << kBarPeriodNames[static_cast<std::size_t>(key.second)] << " ending "
            << key.first;
        ++at;
      }
    }
  }
}

TEST(BarBuilder, next_close_is_never_later_than_a_bar_that_closes) {
  Recorder r;
  for (const auto& tick : random_ticks(99, 2014y / 10 / 28, 5'000)) {
    const auto next_ns = r.builder.next_close_ns();
    const auto closed = r.closed.size();
    r.close_until(tick.time_ns);
    if (r.closed.size() != closed) {
      ASSERT_EQ(end_ns(r.closed[closed]), next_ns) << "it is exact: the engine sleeps on it";
    } else {
      ASSERT_GT(next_ns, tick.time_ns);
    }
    r.builder.add(tick.bid_e9, tick.ask_e9, tick.time_ns);
  }
}

}  // namespace
}  // namespace thintail
