// SPDX-License-Identifier: Apache-2.0
#include "core/bars/bar_resampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <tuple>
#include <vector>

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayS = 86'400;
constexpr std::int64_t kMondayS = 1'549'238'400;  // 2019-02-04 00:00 UTC

struct Closed {
  ClosedBar bar;
  double volume;
};

bool same(const ClosedBar& a, const ClosedBar& b) {
  return a.period == b.period && a.end_s == b.end_s && a.bid == b.bid && a.ask == b.ask;
}

struct Recorder {
  std::vector<Closed> closed = {};
  auto sink() {
    return [this](const ClosedBar& bar, double volume) { closed.push_back({bar, volume}); };
  }
  std::vector<ClosedBar> bars() const {
    std::vector<ClosedBar> out;
    for (const Closed& one : closed) out.push_back(one.bar);
    return out;
  }
};

// Ticks at random times over some days, with quiet hours, and the bars that the builder makes of them.
struct Market {
  std::vector<ClosedBar> minutes;
  std::vector<ClosedBar> all;
};

Market market(std::uint64_t seed, std::int64_t start_s, int hours) {
  std::mt19937_64 random(seed);
  BarBuilder builder(Zone::new_york());
  Market out;
  const auto keep = [&](const ClosedBar& bar) {
    out.all.push_back(bar);
    if (bar.period == BarPeriod::m1) out.minutes.push_back(bar);
  };
  std::int64_t now_ns = start_s * kSecondNs;
  std::int64_t bid_e9 = 1'300'000'000'000;
  while (now_ns < (start_s + hours * 3600) * kSecondNs) {
    now_ns += static_cast<std::int64_t>(random() % (random() % 50 == 0 ? 4'000 : 60)) * kSecondNs;
    bid_e9 += static_cast<std::int64_t>(random() % 201) * 1'000'000 - 100'000'000;
    builder.close_until(now_ns, keep);
    builder.add(bid_e9, bid_e9 + static_cast<std::int64_t>(random() % 9) * 100'000'000, now_ns);
  }
  // What the ticks left forming is left out of the minutes too: close exactly what has ended.
  builder.close_until(now_ns, keep);
  return out;
}

TEST(BarResampler, minutes_give_the_bars_that_their_ticks_gave_in_the_same_order) {
  // US clocks change on 2019-03-10, European ones on 2019-03-31.
  for (const std::int64_t start_s : {kMondayS, kMondayS + 32 * kDayS, kMondayS + 53 * kDayS}) {
    const Market ticks = market(static_cast<std::uint64_t>(start_s), start_s, 24 * 6);
    ASSERT_GT(ticks.minutes.size(), 1'000u);
    BarResampler resampler(Zone::new_york(), BarPeriod::m1);
    Recorder recorder;
    for (const ClosedBar& minute : ticks.minutes) resampler.add(minute, kVolumeUnknown, recorder.sink());
    const auto ours = recorder.bars();
    // Ticks after the last minute may have closed longer bars that ended before them.
    ASSERT_LE(ours.size(), ticks.all.size());
    ASSERT_GE(ours.size() + kBarPeriodCount, ticks.all.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      ASSERT_TRUE(same(ours[i], ticks.all[i])) << i;
      EXPECT_EQ(ours[i].ticks, ticks.all[i].ticks) << i;
    }
  }
}

TEST(BarResampler, longer_bars_give_the_bars_above_them) {
  const Market ticks = market(3, kMondayS, 24 * 6);
  for (const BarPeriod base : {BarPeriod::m5, BarPeriod::m15, BarPeriod::m30, BarPeriod::h1, BarPeriod::h4}) {
    BarResampler resampler(Zone::new_york(), base);
    Recorder recorder;
    std::vector<ClosedBar> expected;
    for (const ClosedBar& bar : ticks.all) {
      if (bar.period >= base) expected.push_back(bar);
      if (bar.period == base) resampler.add(bar, kVolumeUnknown, recorder.sink());
    }
    const auto ours = recorder.bars();
    ASSERT_LE(ours.size(), expected.size());
    ASSERT_GE(ours.size() + kBarPeriodCount, expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) ASSERT_TRUE(same(ours[i], expected[i])) << i;
  }
}

TEST(BarResampler, volumes_add_up_and_one_unknown_part_makes_the_whole_unknown) {
  BarResampler resampler(Zone::new_york(), BarPeriod::m1);
  Recorder recorder;
  const Ohlc price{1, 1, 1, 1};
  for (std::uint32_t minute = 1; minute <= 10; ++minute) {
    const double volume = minute == 7 ? kVolumeUnknown : minute;
    resampler.add({BarPeriod::m1, static_cast<std::uint32_t>(kMondayS) + minute * 60, 0, price, price}, volume,
                  recorder.sink());
  }
  std::vector<double> fives;
  for (const Closed& one : recorder.closed) {
    if (one.bar.period == BarPeriod::m5) fives.push_back(one.volume);
  }
  EXPECT_EQ(recorder.closed.front().volume, 1.0);
  ASSERT_EQ(fives.size(), 2u);
  EXPECT_EQ(fives[0], 15.0);
  EXPECT_TRUE(std::isnan(fives[1]));
}

TEST(BarResampler, a_bar_without_a_tick_count_counts_as_one_tick) {
  BarBuilder builder(Zone::new_york());
  builder.add_bar({BarPeriod::m1, static_cast<std::uint32_t>(kMondayS) + 60, 0, {1, 2, 1, 2}, {}});
  EXPECT_EQ(builder.forming(BarPeriod::m1).ticks, 1u);
  EXPECT_EQ(builder.forming(BarPeriod::d1).ticks, 1u);
  EXPECT_EQ(builder.forming(BarPeriod::d1).bid, (Ohlc{1, 2, 1, 2}));
}

TEST(BarBuilderSnapshot, a_restored_builder_goes_on_byte_for_byte) {
  std::mt19937_64 random(11);
  BarBuilder whole(Zone::new_york());
  BarBuilder restored(Zone::new_york());
  std::int64_t now_ns = kMondayS * kSecondNs;
  const auto none = [](const ClosedBar&) {};
  for (int i = 0; i < 20'000; ++i) {
    now_ns += static_cast<std::int64_t>(random() % 20) * kSecondNs;
    const auto bid_e9 = static_cast<std::int64_t>(1'000 + random() % 100);
    for (BarBuilder* builder : {&whole, &restored}) {
      builder->close_until(now_ns, none);
      builder->add(bid_e9, bid_e9 + 1, now_ns);
    }
    if (i % 997 == 0) {
      BarBuilder fresh(Zone::new_york());
      fresh.restore(restored.snapshot());
      restored = fresh;
    }
    const auto a = whole.snapshot();
    const auto b = restored.snapshot();
    ASSERT_EQ(std::memcmp(&a, &b, sizeof a), 0) << i;
  }
}

}  // namespace
}  // namespace thintail
