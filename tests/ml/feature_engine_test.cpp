// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_engine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/support/data.hpp"
#include "tests/support/feature_run.hpp"
#include "tests/support/feature_ticks.hpp"

namespace thintail {
namespace {

using test::kFridayNs;
using test::kSecondNs;
using test::quote;
using test::random_ticks;

constexpr std::int64_t kSundayNs = kFridayNs + 2 * test::kDayNs;

Instrument gold() { return *built_in_instrument("XAUUSD", "oanda"); }
Instrument bitcoin() { return *built_in_instrument("BTCUSD", "any"); }

class Engine {
 public:
  explicit Engine(const Instrument& instrument, const FeatureSet& set = FeatureSet::core_32())
      : engine_(set, best_isa(), 1) {
    engine_.enable(0, instrument);
  }
  const FeatureRow& tick(const Tick& tick) { return engine_.on_tick(0, tick, tick.venue_ns); }
  void bar(const ClosedBar& bar) { engine_.on_bar(0, bar); }
  FeatureEngine& operator*() { return engine_; }

 private:
  FeatureEngine engine_;
};

std::size_t lane(std::string_view name) { return FeatureSet::core_32().lane(name).value(); }
float value(const FeatureRow& row, std::string_view name) { return row.values[lane(name)]; }
bool is_defined(const FeatureRow& row, std::string_view name) { return row.defined.test(lane(name)); }

TEST(FeatureEngine, undefined_lanes_hold_the_canonical_nan_and_defined_ones_never_a_nan) {
  const auto ticks = random_ticks(30'000, 3);
  for (const FeatureSet* set : FeatureSet::all()) {
    test::run_features(*set, ticks, bitcoin(), best_isa(),
                       [&](std::size_t, const FeatureRow& row, const FeatureEngine&) {
                         for (std::size_t i = 0; i < kMaxLanes; ++i) {
                           const auto bits = std::bit_cast<std::uint32_t>(row.values[i]);
                           if (!row.defined.test(i)) {
                             ASSERT_EQ(bits, 0x7fc0'0000u) << i << " of " << set->name();
                           } else {
                             ASSERT_TRUE(std::isfinite(row.values[i])) << set->lanes()[i].name << " of " << set->name();
                             ASSERT_NE(bits, 0x8000'0000u) << "-0 in " << set->lanes()[i].name;
                           }
                         }
                       });
  }
}

// What the texts of the catalogue promise, read from the texts.
bool is_warm(const Feature& feature, std::int64_t second, std::int64_t minutes, bool sessions) {
  const std::string text(feature.family->warm_up);
  const auto bars = [&](std::int64_t amount) {
    constexpr std::array<std::int64_t, 5> kMinutes = {1, 5, 15, 30, 60};
    return minutes / kMinutes[static_cast<std::size_t>(feature.period)] >= amount;
  };
  if (feature.family->group == FamilyGroup::bar) {
    // Those of core-32, one by one: the bars' own tests hold the rest.
    const std::string_view name = feature.family->name;
    return bars(name == "rsi" ? feature.bars + 1 : feature.bars);
  }
  if (text.find("sessions") != std::string::npos) return sessions;
  if (text.find("2 half-lives") != std::string::npos) {
    return static_cast<double>(second) >= 2 * std::max(feature.half_life_s, feature.half_life_2_s);
  }
  if (text == "n ticks") return second + 1 >= feature.ticks;
  if (text.find("tick") != std::string::npos) return second + 1 >= std::atoll(text.c_str());
  EXPECT_EQ(text, "none") << feature.family->name;
  return true;
}

TEST(FeatureEngine, each_lane_is_defined_exactly_when_its_documented_warm_up_is_over) {
  const FeatureSet windows = test::set_of(
      {"feature = \"window_move\", ticks = 4", "feature = \"window_rate\", ticks = 256",
       "feature = \"window_jump\", ticks = 100, factor = 4", "feature = \"forming_range\", period = \"H1\"",
       "feature = \"rollover\"", "feature = \"roll_spread\", half_life_s = 7.5"});
  for (const FeatureSet* set : {&FeatureSet::core_32(), &windows}) {
    for (const Instrument& instrument : {gold(), bitcoin()}) {
      Engine engine(instrument, *set);
      std::int64_t minutes = 0;
      for (std::int64_t second = 0; second <= 30'000; ++second) {
        const std::int64_t venue_ns = kFridayNs - test::kDayNs + second * kSecondNs;
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
        for (std::size_t i = 0; i < set->features().size(); ++i) {
          const bool expected = is_warm(set->features()[i], second, minutes, instrument.calendar != CalendarId::always);
          ASSERT_EQ(row.defined.test(i), expected)
              << set->lanes()[i].name << " at second " << second << " of " << instrument.name();
        }
      }
    }
  }
}

TEST(FeatureEngine, mandatory_lanes_become_defined_within_eight_minutes_of_trading) {
  Engine engine(gold());
  const LaneMask mandatory = FeatureSet::core_32().mandatory();
  EXPECT_FALSE(engine.tick(quote(kFridayNs, kE9, kE9 + 1)).defined.contains(mandatory));
  EXPECT_FALSE(engine.tick(quote(kFridayNs + 479 * kSecondNs, kE9, kE9 + 1)).defined.contains(mandatory));
  EXPECT_TRUE(engine.tick(quote(kFridayNs + 480 * kSecondNs, kE9, kE9 + 1)).defined.contains(mandatory));
}

TEST(FeatureEngine, both_ticks_of_one_millisecond_count) {
  Engine engine(bitcoin());
  engine.tick(quote(kFridayNs, 100 * kE9, 100 * kE9));
  engine.tick(quote(kFridayNs, 200 * kE9, 200 * kE9));
  engine.tick(quote(kFridayNs, 400 * kE9, 400 * kE9));
  // Two half-lives of 1 s later: a quarter of the first mid, the rest of the last, none of the one that held no time.
  const FeatureRow& row = engine.tick(quote(kFridayNs + 2 * kSecondNs, 400 * kE9, 400 * kE9));
  EXPECT_FLOAT_EQ(value(row, "mid_deviation_1s"), static_cast<float>(1e4 * (400.0 - (0.25 * 100 + 0.75 * 400)) / 400));
  EXPECT_EQ(value(row, "quote_age_s"), 2.0f);
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
  EXPECT_EQ(value(weekend, "quote_age_s"), 2.0f) << "one second before the close, one after the open";
  const FeatureRow always = after_gap(bitcoin());
  EXPECT_EQ(value(always, "quote_age_s"), 60.0f) << "a clock that never stops has its age clamped";
  EXPECT_NE(value(weekend, "mid_deviation_15s"), value(always, "mid_deviation_15s"));
}

TEST(FeatureEngine, an_alternating_mid_has_neither_imbalance_nor_volatility_but_negative_autocorrelation) {
  Engine engine(bitcoin());
  FeatureRow row{};
  for (std::int64_t i = 0; i < 5'000; ++i) {
    const std::int64_t price = (1'000'000 + (i % 2) * 70) * 1'000'000;
    row = engine.tick(quote(kFridayNs + i * kSecondNs / 4, price, price + 300'000'000));
  }
  // All that is left is the first move, which nothing before it undid.
  EXPECT_NEAR(value(row, "imbalance_240s"), 0.0f, 0.03f);
  EXPECT_NEAR(value(row, "volatility_240s"), 0.0f, 0.05f);
  EXPECT_LT(value(row, "move_autocorrelation_240s"), -0.99f);
  EXPECT_NEAR(value(row, "intensity_15s"), 4.0f, 0.1f);
}

TEST(FeatureEngine, a_trend_has_imbalance_near_one) {
  Engine engine(bitcoin());
  FeatureRow row{};
  for (std::int64_t i = 0; i < 5'000; ++i) {
    row = engine.tick(quote(kFridayNs + i * kSecondNs / 4, (1'000'000 + i) * 1'000'000, (1'000'300 + i) * 1'000'000));
  }
  EXPECT_GT(value(row, "imbalance_15s"), 0.98f);
  EXPECT_GT(value(row, "mid_deviation_1s"), 0.0f);
}

TEST(FeatureEngine, a_crossed_quote_counts_as_crossed_with_no_spread) {
  Engine engine(bitcoin());
  for (int i = 0; i < 1'000; ++i) engine.tick(quote(kFridayNs + i * kSecondNs, 100 * kE9, 101 * kE9));
  const FeatureRow& crossed = engine.tick(quote(kFridayNs + 1'000 * kSecondNs, 101 * kE9, 100 * kE9));
  EXPECT_EQ(value(crossed, "spread_bp"), 0.0f);
  EXPECT_EQ(value(crossed, "crossed_share_240s"), 0.0f) << "it has not yet held for any time";
  const FeatureRow& after = engine.tick(quote(kFridayNs + 1'240 * kSecondNs, 100 * kE9, 101 * kE9));
  EXPECT_NEAR(value(after, "crossed_share_240s"), 0.5f, 1e-6f) << "it held for one half-life";
}

TEST(FeatureEngine, a_price_not_above_zero_leaves_basis_points_undefined_at_that_tick_only) {
  Engine engine(bitcoin());
  for (int i = 0; i < 1'000; ++i) engine.tick(quote(kFridayNs + i * kSecondNs, 100 * kE9, 101 * kE9));
  const LaneMask before = engine.tick(quote(kFridayNs + 1'000 * kSecondNs, 100 * kE9, 101 * kE9)).defined;
  EXPECT_FALSE(is_defined(engine.tick(quote(kFridayNs + 1'001 * kSecondNs, -2 * kE9, -1 * kE9)), "spread_bp"));
  const FeatureRow& row = engine.tick(quote(kFridayNs + 1'002 * kSecondNs, 100 * kE9, 101 * kE9));
  EXPECT_EQ(row.defined, before);
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(row.defined.test(i), std::isfinite(row.values[i])) << i;
}

TEST(FeatureEngine, the_clock_lanes_follow_new_york_through_both_changes_of_summer_time) {
  const auto row_at = [](std::int64_t utc_s) {
    Engine engine(gold());
    return FeatureRow(engine.tick(quote(utc_s * kSecondNs, kE9, kE9)));
  };
  // Wednesday 2014-05-07 09:00 UTC = 05:00 New York: 12 of 24 hours since 17:00; gold opened at 18:00.
  const FeatureRow summer = row_at(1'399'453'200);
  EXPECT_FLOAT_EQ(value(summer, "fx_day_fraction"), 0.5f);
  EXPECT_FLOAT_EQ(value(summer, "session_open_h"), 11.0f);
  EXPECT_FLOAT_EQ(value(summer, "session_close_h"), 12.0f);
  // Wednesday 2014-01-15 10:00 UTC = 05:00 New York.
  EXPECT_FLOAT_EQ(value(row_at(1'389'780'000), "fx_day_fraction"), 0.5f);
  // Sunday 2014-03-09 20:00 UTC = 16:00 New York: clocks jumped at 02:00, so 22 of 23 hours are gone.
  EXPECT_FLOAT_EQ(value(row_at(1'394'395'200), "fx_day_fraction"), 22.0f / 23.0f);
  // Sunday 2014-11-02 21:00 UTC = 16:00 New York: 24 of 25 hours; gold opens two hours later.
  const FeatureRow autumn = row_at(1'414'962'000);
  EXPECT_FLOAT_EQ(value(autumn, "fx_day_fraction"), 24.0f / 25.0f);
  EXPECT_EQ(value(autumn, "session_open_h"), 0.0f);
  EXPECT_FLOAT_EQ(value(autumn, "session_close_h"), 25.0f);
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
  for (std::size_t i = 0; i < kMaxLanes; ++i) {
    FeatureRow other = row;
    other.values[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(row.values[i]) ^ 1u);
    EXPECT_EQ(engine.digest(other) != digest, i < 32) << i;
  }
  row.defined.set(0, !row.defined.test(0));
  EXPECT_NE(engine.digest(row), digest);
}

TEST(FeatureEngine, sizes_gate_their_lanes_tick_by_tick_and_trades_theirs_until_the_first) {
  const FeatureSet set = test::set_of({"feature = \"queue_imbalance\"", "feature = \"microprice_deviation\"",
                                       "feature = \"trade_sign_imbalance\", half_life_s = 1", "feature = \"spread\""});
  Engine engine(bitcoin(), set);
  const auto defined = [](const FeatureRow& row) { return row.defined.words[0]; };
  EXPECT_EQ(defined(engine.tick(quote(kFridayNs, 100 * kE9, 101 * kE9, 3, 1))), 0b1011u);
  EXPECT_EQ(defined(engine.tick(quote(kFridayNs + 9 * kSecondNs, 100 * kE9, 101 * kE9, 3, 0))), 0b1000u);
  EXPECT_EQ(defined(engine.tick(quote(kFridayNs + 9 * kSecondNs, 100 * kE9, 101 * kE9, -3, NAN))), 0b1000u);
  Trade trade{};
  trade.aggressor = Side::sell;
  trade.size = 2;
  (*engine).on_trade(0, trade);
  const FeatureRow& row = engine.tick(quote(kFridayNs + 10 * kSecondNs, 100 * kE9, 101 * kE9, 3, 1));
  EXPECT_EQ(defined(row), 0b1111u);
  EXPECT_EQ(row.values[0], 0.5f);
  EXPECT_FLOAT_EQ(row.values[1], 1e4f * 0.25f / 100.5f);
  EXPECT_EQ(row.values[2], -0.5f) << "one sold: -1 / (1 + 1)";
}

TEST(FeatureEngine, a_bar_on_one_side_does_not_need_the_other_sides_price) {
  const FeatureSet set = test::set_of({"feature = \"sma\", bars = 2, period = \"M1\", basis = \"bid\"",
                                       "feature = \"sma\", bars = 2, period = \"M1\", basis = \"ask\"",
                                       "feature = \"sma\", bars = 2, period = \"M1\""});
  Engine engine(bitcoin(), set);
  for (std::uint32_t i = 1; i <= 2; ++i) {
    const Ohlc bid{100 * kE9, 100 * kE9, 100 * kE9, 100 * kE9};
    const Ohlc ask{200 * kE9, 200 * kE9, 200 * kE9, 200 * kE9};
    engine.bar({BarPeriod::m1, 60 * i, 1, bid, ask});
  }
  const FeatureRow row = engine.tick(quote(200 * kSecondNs, 110 * kE9, 200 * kE9));
  EXPECT_EQ(row.defined.words[0], 0b111u);
  EXPECT_FLOAT_EQ(row.values[0], 1e4f * 10 / 110);
  EXPECT_EQ(row.values[1], 0.0f);
  EXPECT_FLOAT_EQ(row.values[2], 1e4f * 5 / 155);
  EXPECT_EQ(engine.tick(quote(201 * kSecondNs, 110 * kE9, -1 * kE9)).defined.words[0], 0b101u);
  EXPECT_EQ(engine.tick(quote(202 * kSecondNs, 0, 200 * kE9)).defined.words[0], 0b110u);
}

TEST(FeatureEngine, the_row_of_a_closed_bar_is_that_of_a_tick_with_its_close_at_its_end) {
  const FeatureSet& set = test::built_in_set("bars-64");
  Engine by_close(bitcoin(), set);
  Engine by_tick(bitcoin(), set);
  const auto ticks = random_ticks(20'000, 6);
  BarBuilder bars(Zone::new_york());
  std::size_t compared = 0;
  for (const Tick& tick : ticks) {
    bars.close_until(tick.venue_ns, [&](const ClosedBar& bar) {
      by_close.bar(bar);
      by_tick.bar(bar);
      if (bar.period != BarPeriod::m1) return;
      const FeatureRow row = (*by_close).on_close(0, bar);
      const std::int64_t end_ns = std::int64_t{bar.end_s} * kSecondNs;
      ASSERT_EQ(std::memcmp(&row, &by_tick.tick(quote(end_ns, bar.bid.close_e9, bar.ask.close_e9)), sizeof(row)), 0);
      ++compared;
    });
    bars.add(tick.bid_e9, tick.ask_e9, tick.venue_ns);
  }
  EXPECT_GT(compared, 100u);
}

TEST(FeatureEngine, a_forming_bar_starts_anew_when_its_period_closes) {
  const FeatureSet set =
      test::set_of({"feature = \"forming_move\", period = \"M1\"", "feature = \"forming_range\", period = \"M1\"",
                    "feature = \"forming_position\", period = \"M1\"", "feature = \"forming_range\", period = \"H1\""});
  Engine engine(bitcoin(), set);
  engine.tick(quote(kFridayNs, 100 * kE9, 100 * kE9));
  engine.tick(quote(kFridayNs + 1, 90 * kE9, 90 * kE9));
  FeatureRow row = engine.tick(quote(kFridayNs + 2, 110 * kE9, 110 * kE9));
  EXPECT_FLOAT_EQ(row.values[0], 1e4f * 10 / 110);
  EXPECT_FLOAT_EQ(row.values[1], 1e4f * 20 / 110);
  EXPECT_EQ(row.values[2], 1.0f);
  const Ohlc side{100 * kE9, 110 * kE9, 90 * kE9, 110 * kE9};
  engine.bar({BarPeriod::m1, static_cast<std::uint32_t>(kFridayNs / kSecondNs) + 60, 3, side, side});
  row = engine.tick(quote(kFridayNs + 60 * kSecondNs, 120 * kE9, 120 * kE9));
  EXPECT_EQ(row.values[0], 0.0f);
  EXPECT_EQ(row.values[1], 0.0f);
  EXPECT_EQ(row.values[2], 0.0f);
  EXPECT_FLOAT_EQ(row.values[3], 1e4f * 30 / 120) << "the hour goes on";
}

TEST(FeatureEngine, lanes_of_the_book_stand_in_every_row_until_the_book_is_lost) {
  const FeatureSet set = test::set_of({"feature = \"spread\"", "feature = \"book_imbalance\", levels = 1",
                                       "feature = \"book_depth\", levels = 2, basis = \"ask\""});
  Engine engine(bitcoin(), set);
  EXPECT_EQ(engine.tick(quote(kFridayNs, 100 * kE9, 101 * kE9)).defined.words[0], 0b001u);
  OrderBook book;
  const auto level = [&](Side side, std::int64_t price_e9, float size, unsigned flags) {
    Book change{};
    change.price_e9 = price_e9;
    change.source_sequence = 1;
    change.size = size;
    change.side = side;
    book.apply(change, kFlagSnapshot | flags);
  };
  level(Side::buy, 100 * kE9, 3, kFlagMore);
  level(Side::buy, 99 * kE9, 3, kFlagMore);
  level(Side::sell, 101 * kE9, 1, kFlagMore);
  level(Side::sell, 102 * kE9, 4, 0);
  (*engine).on_book(0, book);
  for (int i = 1; i < 3; ++i) {
    const FeatureRow& row = engine.tick(quote(kFridayNs + i, 100 * kE9, 101 * kE9));
    EXPECT_EQ(row.defined.words[0], 0b111u);
    EXPECT_EQ(row.values[1], 0.5f);
    EXPECT_EQ(row.values[2], 5.0f);
  }
  book.invalidate();
  (*engine).on_book(0, book);
  const FeatureRow& row = engine.tick(quote(kFridayNs + 4, 100 * kE9, 101 * kE9));
  EXPECT_EQ(row.defined.words[0], 0b001u);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(row.values[1]), 0x7fc0'0000u);
}

TEST(FeatureEngine, state_of_a_set_with_every_kind_of_lane_fits_its_promise) {
  for (const FeatureSet* set : FeatureSet::all()) {
    const FeatureEngine engine(*set, best_isa(), 1);
    EXPECT_LE(engine.hot_bytes(), 1'024u) << set->name() << ": 16 cache lines a tick is what the L1 affords";
    if (set->name() == "bars-64") continue;  // 200 bars of an hour and 64 indicators: stated, not promised
    EXPECT_LE(engine.state_bytes(), 8'192u) << set->name();
  }
}

TEST(FeatureEngine, window_lanes_after_ten_million_ticks_equal_those_of_a_fresh_engine) {
  const FeatureSet set = test::set_of(
      {"feature = \"window_move\", ticks = 5", "feature = \"window_volatility\", ticks = 16",
       "feature = \"window_bipower_volatility\", ticks = 33", "feature = \"window_roll_spread\", ticks = 64",
       "feature = \"window_variance_ratio\", ticks = 100", "feature = \"window_imbalance\", ticks = 128",
       "feature = \"window_spread\", ticks = 200", "feature = \"window_efficiency\", ticks = 256",
       "feature = \"window_jump\", ticks = 64, factor = 3", "feature = \"window_duration\", ticks = 256"});
  constexpr std::size_t kLast = 600;
  const std::size_t count = test::is_long_run() ? 100'000'000 : 10'000'000;
  Engine old(gold(), set);
  Engine fresh(gold(), set);
  std::mt19937_64 random(31);
  std::int64_t venue_ns = kFridayNs - 4 * test::kDayNs;
  std::int64_t bid = 1'284'000;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bits = random();
    venue_ns += static_cast<std::int64_t>(bits % 16) * 100'000;  // whole steps of the windows' clock
    bid = std::clamp<std::int64_t>(bid + static_cast<std::int64_t>(bits >> 8 & 0xff) - 127, 1'000'000, 1'600'000);
    const auto spread = static_cast<std::int64_t>(bits >> 16 & 0x3ff) - 10;
    const Tick tick = quote(venue_ns, bid * 1'000'000, (bid + spread) * 1'000'000);
    const FeatureRow& row = old.tick(tick);
    if (i + kLast < count) continue;
    const FeatureRow expected = row;
    const FeatureRow& found = fresh.tick(tick);
    if (i + kLast - 256 < count) continue;
    ASSERT_EQ(std::memcmp(&expected, &found, sizeof(found)), 0) << "tick " << i;
  }
}

}  // namespace
}  // namespace thintail
