// SPDX-License-Identifier: Apache-2.0
#include "ml/train/row_collector.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

namespace thintail {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kE9 = 1'000'000'000;

class RowCollectorTest : public testing::Test {
 protected:
  RowCollectorTest() {
    for (const char* symbol : {"BTCUSD", "ETHUSD"}) {
      Instrument instrument = built_in_instrument(symbol, "test").value();
      instrument.calendar = CalendarId::always;
      EXPECT_TRUE(instruments_.add(std::move(instrument)));
    }
  }

  RowCollector collector(std::int64_t horizon_ns, std::size_t rows_max = 1'000,
                         RowCollector::Span span = {0, kForever}) {
    return RowCollector(instruments_, 1, rows_max, horizon_ns, span);
  }
  // The row's only feature tells which tick it came from.
  static void tick(RowCollector& rows, std::int64_t time_s, std::int64_t price, InstrumentId id = 0) {
    const std::array row = {static_cast<float>(time_s)};
    rows.on_tick(id, time_s * kSecond, price * kE9, price * kE9, row);
  }

  InstrumentTable instruments_{8};
};

TEST_F(RowCollectorTest, label_is_the_mid_of_the_last_tick_at_or_before_the_deadline) {
  RowCollector rows = collector(10 * kSecond);
  tick(rows, 0, 1'000);
  tick(rows, 9, 1'500);
  tick(rows, 10, 1'100);  // at the deadline: counts
  tick(rows, 11, 2'000);  // after it: does not
  const LabelledRows out = std::move(rows).finish(11 * kSecond);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out.labels[0], 1'000.0F);  // 10 % in basis points
}

TEST_F(RowCollectorTest, spread_is_the_rows_own_in_basis_points_and_none_where_crossed) {
  RowCollector rows = collector(10 * kSecond);
  const std::array row = {0.0F};
  rows.on_tick(0, 0, 999 * kE9, 1'001 * kE9, row);
  rows.on_tick(0, kSecond, 1'001 * kE9, 999 * kE9, row);
  rows.on_tick(0, 20 * kSecond, 1'000 * kE9, 1'000 * kE9, row);
  const LabelledRows out = std::move(rows).finish(20 * kSecond);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out.spread, (std::vector<float>{20.0F, 0.0F}));
}

TEST_F(RowCollectorTest, of_several_ticks_at_the_deadline_the_last_counts) {
  RowCollector rows = collector(10 * kSecond);
  tick(rows, 0, 1'000);
  tick(rows, 10, 1'100);
  tick(rows, 10, 1'200);
  tick(rows, 12, 1);
  EXPECT_EQ(std::move(rows).finish(12 * kSecond).labels[0], 2'000.0F);
}

TEST_F(RowCollectorTest, a_row_whose_deadline_is_not_past_is_left_out) {
  RowCollector rows = collector(10 * kSecond);
  tick(rows, 0, 1'000);
  tick(rows, 10, 1'100);
  EXPECT_EQ(std::move(rows).finish(10 * kSecond).size(), 0U);
}

TEST_F(RowCollectorTest, a_silent_instrument_keeps_its_last_mid) {
  RowCollector rows = collector(10 * kSecond);
  tick(rows, 0, 1'000, 0);
  tick(rows, 30, 7, 1);
  const LabelledRows out = std::move(rows).finish(30 * kSecond);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out.labels[0], 0.0F);
}

TEST_F(RowCollectorTest, instruments_label_their_own_rows) {
  RowCollector rows = collector(10 * kSecond);
  tick(rows, 0, 1'000, 0);
  tick(rows, 1, 100, 1);
  tick(rows, 5, 1'010, 0);
  tick(rows, 6, 90, 1);
  tick(rows, 60, 1, 0);
  const LabelledRows out = std::move(rows).finish(60 * kSecond);
  ASSERT_GE(out.size(), 2U);
  EXPECT_EQ(out.labels[0], 100.0F);
  EXPECT_EQ(out.labels[1], -1'000.0F);
}

TEST_F(RowCollectorTest, no_label_reaches_past_the_spans_end) {
  RowCollector rows = collector(10 * kSecond, 1'000, {5 * kSecond, 20 * kSecond});
  for (std::int64_t s = 0; s <= 60; ++s) tick(rows, s, 1'000 + s);
  const LabelledRows out = std::move(rows).finish(60 * kSecond);
  ASSERT_EQ(out.size(), 6U);  // ticks at 5 to 10 s
  EXPECT_EQ(out.features.front(), 5.0F);
  EXPECT_EQ(out.features.back(), 10.0F);
}

TEST_F(RowCollectorTest, a_horizon_over_the_close_has_no_label) {
  InstrumentTable table(2);
  Instrument gold = built_in_instrument("XAUUSD", "test").value();
  gold.calendar = CalendarId::gold;
  ASSERT_TRUE(table.add(std::move(gold)));
  constexpr std::int64_t kClose = 1'399'323'600LL * kSecond;  // 2014-05-05 21:00 UTC: gold's daily break
  RowCollector rows(table, 1, 1'000, 60 * kSecond, {0, kForever});
  const std::array row = {1.0F};
  for (std::int64_t s = -120; s < 7'200; s += 30) rows.on_tick(0, kClose + s * kSecond, 1'300 * kE9, 1'301 * kE9, row);
  const LabelledRows out = std::move(rows).finish(kForever);
  // Before the close: at -120, -90 and -60 s. In the break: none. From 22:00 on: every tick.
  EXPECT_EQ(out.size(), 3U + 120U);
}

TEST_F(RowCollectorTest, ticks_without_a_row_decide_labels_and_are_no_candidates) {
  RowCollector rows = collector(10 * kSecond);
  tick(rows, 0, 1'000);
  rows.on_tick(0, 5 * kSecond, 1'100 * kE9, 1'100 * kE9, {});
  tick(rows, 60, 1);
  EXPECT_EQ(rows.candidates(), 2U);
  EXPECT_EQ(std::move(rows).finish(60 * kSecond).labels[0], 1'000.0F);
}

TEST_F(RowCollectorTest, last_move_is_the_latest_change_and_not_the_latest_tick) {
  RowCollector rows = collector(kSecond);
  tick(rows, 0, 1'000);
  tick(rows, 2, 1'010);
  tick(rows, 4, 1'010);
  tick(rows, 9, 1);
  const LabelledRows out = std::move(rows).finish(9 * kSecond);
  EXPECT_EQ(out.last_move, (std::vector<float>{0, 100, 100}));
}

TEST_F(RowCollectorTest, thinning_keeps_rows_evenly_and_their_own_labels) {
  for (const std::size_t rows_max : {2U, 7U, 16U, 100U}) {
    RowCollector rows = collector(3 * kSecond, rows_max);
    constexpr std::int64_t kTicks = 1'000;
      // The price is the clock too, so that each label can be recomputed from its feature.
    for (std::int64_t s = 0; s < kTicks; ++s) tick(rows, s, 1'000 + s);
    const LabelledRows out = std::move(rows).finish(kTicks * kSecond);
    ASSERT_LE(out.size(), rows_max);
    ASSERT_GE(out.size() + 1, rows_max / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out.features[i], out.features[0] + static_cast<float>(i) * (out.size() > 1 ? out.features[1] : 0.0F));
      EXPECT_EQ(out.labels[i], static_cast<float>(3.0 / (1'000.0 + static_cast<double>(out.features[i])) * 1e4));
    }
  }
}

}  // namespace
}  // namespace thintail
