// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_engine.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ml/features/core_32.hpp"
#include "tests/support/data.hpp"
#include "tests/support/feature_run.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

using namespace core_32;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kFridayNs = 1'398'988'800 * kSecondNs;  // 2014-05-02 00:00 UTC
constexpr std::int64_t kSundayNs = kFridayNs + 2 * 86'400 * kSecondNs;

Tick quote(std::int64_t venue_ns, std::int64_t bid_e9, std::int64_t ask_e9) {
  return {bid_e9, ask_e9, 0, 0, venue_ns, 0};
}

Instrument gold() { return *built_in_instrument("XAUUSD", "oanda"); }
Instrument bitcoin() { return *built_in_instrument("BTCUSD", "any"); }

// A walk with every kind of gap, same-time ticks, crossed and locked quotes.
std::vector<Tick> random_ticks(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int> kind(0, 99);
  std::uniform_int_distribution<std::int64_t> step(-300, 300);
  std::uniform_int_distribution<std::int64_t> spread(-20, 400);
  std::vector<Tick> ticks;
  std::int64_t venue_ns = kFridayNs;
  std::int64_t bid = 1'284'000;
  for (std::size_t i = 0; i < count; ++i) {
    const int k = kind(random);
    venue_ns += (k < 10 ? 0 : k < 90 ? 37 * step(random) * step(random) + 4'000'000 : (k - 80) * kSecondNs);
    bid += step(random);
    ticks.push_back(quote(venue_ns, bid * 1'000'000, (bid + spread(random)) * 1'000'000));
  }
  return ticks;
}

class Engine {
 public:
  explicit Engine(const Instrument& instrument) : engine_(FeatureSet::core_32(), best_isa(), 1) {
    engine_.enable(0, instrument);
  }
  const FeatureRow& tick(const Tick& tick) { return engine_.on_tick(0, tick, tick.venue_ns); }
  void bar(const ClosedBar& bar) { engine_.on_bar(0, bar); }

 private:
  FeatureEngine engine_;
};

bool is_defined(const FeatureRow& row, std::size_t lane) { return (row.defined & bit(lane)) != 0; }

TEST(FeatureEngine, undefined_lanes_hold_the_canonical_nan_and_defined_ones_never_a_nan) {
  const auto ticks = random_ticks(30'000, 3);
  test::run_features(ticks, bitcoin(), best_isa(), [](std::size_t, const FeatureRow& row, const FeatureEngine&) {
    for (std::size_t lane = 0; lane < kMaxLanes; ++lane) {
      const auto bits = std::bit_cast<std::uint32_t>(row.values[lane]);
      if (!is_defined(row, lane)) {
        ASSERT_EQ(bits, 0x7fc0'0000u) << lane;
      } else {
        ASSERT_TRUE(std::isfinite(row.values[lane])) << lane;
        ASSERT_NE(bits, 0x8000'0000u) << "-0 in lane " << lane;
      }
    }
  });
}

// The documented warm-up is the rule: "480 s of trading time", "2 ticks", "14 M1 bars".
TEST(FeatureEngine, each_lane_is_defined_exactly_when_its_documented_warm_up_is_over) {
  for (const Instrument& instrument : {gold(), bitcoin()}) {
    Engine engine(instrument);
    const auto lanes = FeatureSet::core_32().lanes();
    std::int64_t minutes = 0;
    for (std::int64_t second = 0; second <= 30'000; ++second) {
      const std::int64_t venue_ns = kFridayNs - 86'400 * kSecondNs + second * kSecondNs;
      const std::int64_t bid_e9 = (1'284'000 + second % 7 + second % 60) * 1'000'000;
      if (second > 0 && second % 60 == 0) {
        ++minutes;
        const Ohlc side{bid_e9, bid_e9 + minutes, bid_e9 - minutes, bid_e9 + minutes % 3};
        const auto end_s = static_cast<std::uint32_t>(venue_ns / kSecondNs);
        engine.bar({BarPeriod::m1, end_s, 60, side, side});
        if (minutes % 15 == 0) engine.bar({BarPeriod::m15, end_s, 900, side, side});
        if (minutes % 60 == 0) engine.bar({BarPeriod::h1, end_s, 3600, side, side});
      }
      const FeatureRow& row = engine.tick(quote(venue_ns, bid_e9, bid_e9 + 300'000'000));
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const std::string text(lanes[lane].warm_up);
        const std::int64_t amount = std::atoll(text.c_str());
        bool expected = true;
        if (text.find("trading time") != std::string::npos) expected = second >= amount;
        if (text.find("tick") != std::string::npos) expected = second + 1 >= amount;
        if (text.find("M1 bars") != std::string::npos) expected = minutes >= amount;
        if (text.find("M15 bars") != std::string::npos) expected = minutes / 15 >= amount;
        if (text.find("H1 bars") != std::string::npos) expected = minutes / 60 >= amount;
        if (text.find("sessions") != std::string::npos) expected = instrument.calendar != CalendarId::always;
        ASSERT_EQ(is_defined(row, lane), expected)
            << lanes[lane].name << " at second " << second << " of " << instrument.name();
      }
    }
  }
}

TEST(FeatureEngine, mandatory_lanes_become_defined_within_eight_minutes_of_trading) {
  Engine engine(gold());
  const std::uint64_t mandatory = FeatureSet::core_32().mandatory_mask();
  EXPECT_NE(engine.tick(quote(kFridayNs, kE9, kE9 + 1)).defined & mandatory, mandatory);
  EXPECT_NE(engine.tick(quote(kFridayNs + 479 * kSecondNs, kE9, kE9 + 1)).defined & mandatory, mandatory);
  EXPECT_EQ(engine.tick(quote(kFridayNs + 480 * kSecondNs, kE9, kE9 + 1)).defined & mandatory, mandatory);
}

TEST(FeatureEngine, both_ticks_of_one_millisecond_count) {
  Engine engine(bitcoin());
  engine.tick(quote(kFridayNs, 100 * kE9, 100 * kE9));
  engine.tick(quote(kFridayNs, 200 * kE9, 200 * kE9));
  engine.tick(quote(kFridayNs, 400 * kE9, 400 * kE9));
  // Two half-lives of 1 s later: a quarter of the first mid, the rest of the last, none of the one that held no time.
  const FeatureRow& row = engine.tick(quote(kFridayNs + 2 * kSecondNs, 400 * kE9, 400 * kE9));
  EXPECT_FLOAT_EQ(row.values[kMidDeviation], static_cast<float>(1e4 * (400.0 - (0.25 * 100 + 0.75 * 400)) / 400));
  EXPECT_EQ(row.values[kQuoteAge], 2.0f);
}

TEST(FeatureEngine, closed_time_does_not_decay) {
  const std::int64_t close_ns = kFridayNs + 21 * 3600 * kSecondNs;  // 17:00 New York
  const std::int64_t open_ns = kSundayNs + 22 * 3600 * kSecondNs;  // gold opens at 18:00
  const auto after_gap = [&](const Instrument& instrument) {
    Engine engine(instrument);
    for (int i = 60; i > 0; --i)
      engine.tick(quote(close_ns - i * kSecondNs, 1000 * kE9 + i * kE9, 1001 * kE9 + i * kE9));
    return engine.tick(quote(open_ns + kSecondNs, 900 * kE9, 901 * kE9));
  };
  const FeatureRow weekend = after_gap(gold());
  EXPECT_EQ(weekend.values[kQuoteAge], 2.0f) << "one second before the close, one after the open";
  const FeatureRow always = after_gap(bitcoin());
  EXPECT_EQ(always.values[kQuoteAge], 60.0f) << "a clock that never stops has its age clamped";
  EXPECT_NE(weekend.values[mid_deviation(k15s)], always.values[mid_deviation(k15s)]);
}

TEST(FeatureEngine, an_alternating_mid_has_neither_imbalance_nor_volatility_but_negative_autocorrelation) {
  Engine engine(bitcoin());
  FeatureRow row{};
  for (std::int64_t i = 0; i < 5'000; ++i) {
    const std::int64_t price = (1'000'000 + (i % 2) * 70) * 1'000'000;
    row = engine.tick(quote(kFridayNs + i * kSecondNs / 4, price, price + 300'000'000));
  }
  // All that is left is the first move, which nothing before it undid.
  EXPECT_NEAR(row.values[kImbalance240s], 0.0f, 0.03f);
  EXPECT_NEAR(row.values[kVolatility240s], 0.0f, 0.05f);
  EXPECT_LT(row.values[kMoveAutocorrelation], -0.99f);
  EXPECT_NEAR(row.values[kIntensity15s], 4.0f, 0.1f);
}

TEST(FeatureEngine, a_trend_has_imbalance_near_one) {
  Engine engine(bitcoin());
  FeatureRow row{};
  for (std::int64_t i = 0; i < 5'000; ++i) {
    row = engine.tick(quote(kFridayNs + i * kSecondNs / 4, (1'000'000 + i) * 1'000'000, (1'000'300 + i) * 1'000'000));
  }
  EXPECT_GT(row.values[kImbalance15s], 0.98f);
  EXPECT_GT(row.values[kMidDeviation], 0.0f);
}

TEST(FeatureEngine, a_crossed_quote_counts_as_crossed_with_no_spread) {
  Engine engine(bitcoin());
  for (int i = 0; i < 1'000; ++i) engine.tick(quote(kFridayNs + i * kSecondNs, 100 * kE9, 101 * kE9));
  const FeatureRow& crossed = engine.tick(quote(kFridayNs + 1'000 * kSecondNs, 101 * kE9, 100 * kE9));
  EXPECT_EQ(crossed.values[kSpread], 0.0f);
  EXPECT_EQ(crossed.values[kCrossedShare], 0.0f) << "it has not yet held for any time";
  const FeatureRow& after = engine.tick(quote(kFridayNs + 1'240 * kSecondNs, 100 * kE9, 101 * kE9));
  EXPECT_NEAR(after.values[kCrossedShare], 0.5f, 1e-6f) << "it held for one half-life";
}

TEST(FeatureEngine, a_price_not_above_zero_leaves_basis_points_undefined_at_that_tick_only) {
  Engine engine(bitcoin());
  for (int i = 0; i < 1'000; ++i) engine.tick(quote(kFridayNs + i * kSecondNs, 100 * kE9, 101 * kE9));
  const std::uint64_t before = engine.tick(quote(kFridayNs + 1'000 * kSecondNs, 100 * kE9, 101 * kE9)).defined;
  EXPECT_FALSE(is_defined(engine.tick(quote(kFridayNs + 1'001 * kSecondNs, -2 * kE9, -1 * kE9)), kSpread));
  const FeatureRow& row = engine.tick(quote(kFridayNs + 1'002 * kSecondNs, 100 * kE9, 101 * kE9));
  EXPECT_EQ(row.defined, before);
  for (std::size_t lane = 0; lane < kLanes; ++lane) EXPECT_EQ(is_defined(row, lane), std::isfinite(row.values[lane]));
}

TEST(FeatureEngine, the_clock_lanes_follow_new_york_through_both_changes_of_summer_time) {
  const auto row_at = [](std::int64_t utc_s) {
    Engine engine(gold());
    return FeatureRow(engine.tick(quote(utc_s * kSecondNs, kE9, kE9)));
  };
  // Wednesday 2014-05-07 09:00 UTC = 05:00 New York: 12 of 24 hours since 17:00; gold opened at 18:00.
  const FeatureRow summer = row_at(1'399'453'200);
  EXPECT_FLOAT_EQ(summer.values[kFxDay], 0.5f);
  EXPECT_FLOAT_EQ(summer.values[kSessionOpen], 11.0f);
  EXPECT_FLOAT_EQ(summer.values[kSessionClose], 12.0f);
  // Wednesday 2014-01-15 10:00 UTC = 05:00 New York.
  EXPECT_FLOAT_EQ(row_at(1'389'780'000).values[kFxDay], 0.5f);
  // Sunday 2014-03-09 20:00 UTC = 16:00 New York: clocks jumped at 02:00, so 22 of 23 hours are gone.
  EXPECT_FLOAT_EQ(row_at(1'394'395'200).values[kFxDay], 22.0f / 23.0f);
  // Sunday 2014-11-02 21:00 UTC = 16:00 New York: 24 of 25 hours; gold opens two hours later.
  const FeatureRow autumn = row_at(1'414'962'000);
  EXPECT_FLOAT_EQ(autumn.values[kFxDay], 24.0f / 25.0f);
  EXPECT_EQ(autumn.values[kSessionOpen], 0.0f);
  EXPECT_FLOAT_EQ(autumn.values[kSessionClose], 25.0f);
}

TEST(FeatureEngine, instruments_do_not_touch_each_other) {
  const auto ticks = random_ticks(2'000, 5);
  FeatureEngine pair(FeatureSet::core_32(), best_isa(), 2);
  pair.enable(0, bitcoin());
  pair.enable(1, gold());
  Engine alone(bitcoin());
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const FeatureRow row = pair.on_tick(0, ticks[i], ticks[i].venue_ns);
    pair.on_tick(1, ticks[ticks.size() - 1 - i], kFridayNs + static_cast<std::int64_t>(i));
    ASSERT_EQ(std::memcmp(&row, &alone.tick(ticks[i]), sizeof(row)), 0);
  }
}

TEST(FeatureEngine, the_digest_sees_every_used_lane_and_the_mask_and_nothing_else) {
  FeatureEngine engine(FeatureSet::core_32(), best_isa(), 1);
  engine.enable(0, bitcoin());
  FeatureRow row = engine.on_tick(0, quote(kFridayNs, kE9, 2 * kE9), kFridayNs);
  const std::uint64_t digest = engine.digest(row);
  for (std::size_t lane = 0; lane < kMaxLanes; ++lane) {
    FeatureRow other = row;
    other.values[lane] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(row.values[lane]) ^ 1u);
    EXPECT_EQ(engine.digest(other) != digest, lane < kLanes) << lane;
  }
  row.defined ^= 1;
  EXPECT_NE(engine.digest(row), digest);
}

// Rows of `ticks` cut at `end`; with `open_stamped`, bars are handed over at their open with everything in them, as a
// file read with the wrong stamp would.
std::vector<std::uint64_t> digests_of_prefix(std::span<const Tick> ticks, std::size_t end, bool open_stamped) {
  std::vector<ClosedBar> ahead;
  if (open_stamped) {
    BarBuilder bars(Zone::new_york());
    const auto keep = [&](const ClosedBar& bar) {
      if (bar.period == BarPeriod::m1) ahead.push_back(bar);
    };
    for (const Tick& tick : ticks.first(end)) {
      bars.close_until(tick.venue_ns, keep);
      bars.add(tick.bid_e9, tick.ask_e9, tick.venue_ns);
    }
    if (const ClosedBar last = bars.forming(BarPeriod::m1); last.ticks != 0) ahead.push_back(last);
  }
  std::vector<std::uint64_t> digests;
  FeatureEngine engine(FeatureSet::core_32(), best_isa(), 1);
  engine.enable(0, bitcoin());
  BarBuilder bars(Zone::new_york());
  std::size_t next = 0;
  for (const Tick& tick : ticks.first(end)) {
    if (open_stamped) {
      while (next < ahead.size() && (ahead[next].end_s - 60) * kSecondNs <= tick.venue_ns)
        engine.on_bar(0, ahead[next++]);
    } else {
      bars.close_until(tick.venue_ns, [&](const ClosedBar& bar) { engine.on_bar(0, bar); });
      bars.add(tick.bid_e9, tick.ask_e9, tick.venue_ns);
    }
    digests.push_back(engine.digest(engine.on_tick(0, tick, tick.venue_ns)));
  }
  return digests;
}

// Cuts at which the last row differs from the full run's.
std::size_t cuts_that_differ(bool open_stamped) {
  const auto ticks = random_ticks(6'000, 11);
  const auto full = digests_of_prefix(ticks, ticks.size(), open_stamped);
  std::mt19937_64 random(13);
  std::uniform_int_distribution<std::size_t> cut(1, ticks.size() - 1);
  std::size_t different = 0;
  for (int i = 0; i < 300; ++i) {
    const std::size_t end = cut(random);
    different += digests_of_prefix(ticks, end, open_stamped).back() != full[end - 1] ? 1 : 0;
  }
  return different;
}

TEST(FeatureEngine, a_row_does_not_change_when_the_future_is_cut) { EXPECT_EQ(cuts_that_differ(false), 0u); }

TEST(FeatureEngine, the_prefix_check_catches_bars_stamped_with_their_open) { EXPECT_GT(cuts_that_differ(true), 100u); }

TEST(FeatureEngine, every_isa_gives_the_same_digests_over_whole_tick_files) {
  struct File {
    const char* name;
    const char* symbol;
    const char* venue;
    std::int64_t midnight_ns;
  };
  for (const File& file :
       {File{"oanda_xauusd_tick_20140502.csv.zst", "XAUUSD", "oanda", kFridayNs},
        File{"fxcm_eurusd_tick_20140502.csv.zst", "EURUSD", "fxcm", kFridayNs + 5 * 3600 * kSecondNs}}) {
    const auto path = test::data_dir() / "ticks" / file.name;
    TT_REQUIRE_DATA(path);
    const auto ticks = test::lean_ticks(path, file.midnight_ns);
    ASSERT_GT(ticks.size(), 90'000u);
    const Instrument instrument = *built_in_instrument(file.symbol, file.venue);
    std::vector<std::uint64_t> expected;
    for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
      if (!isa_available(isa)) continue;
      std::vector<std::uint64_t> digests;
      test::run_features(ticks, instrument, isa, [&](std::size_t, const FeatureRow& row, const FeatureEngine& engine) {
        digests.push_back(engine.digest(row));
      });
      if (expected.empty()) expected = digests;
      const auto [here, there] = std::ranges::mismatch(expected, digests);
      EXPECT_TRUE(here == expected.end() && there == digests.end())
          << isa_name(isa) << " differs first at tick " << (here - expected.begin()) << " of " << file.name;
    }
  }
}

}  // namespace
}  // namespace thintail
