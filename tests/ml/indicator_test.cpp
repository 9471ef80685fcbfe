// SPDX-License-Identifier: Apache-2.0
// The indicators' own arithmetic: conversions, and that eight series at once are eight single ones bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <vector>

#include "ml/indicators/bar_prices.hpp"
#include "ml/indicators/deviations.hpp"
#include "ml/indicators/oscillators.hpp"
#include "ml/indicators/series_batch.hpp"
#include "ml/indicators/trends.hpp"
#include "ml/indicators/volume.hpp"

namespace thintail::indicators {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

TEST(IndicatorNumbers, a_wide_integer_becomes_the_double_that_a_cast_gives) {
  std::mt19937_64 random(5);
  const auto check = [](i128 value) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(to_double(value)), std::bit_cast<std::uint64_t>(static_cast<double>(value)));
  };
  const i128 wide_max = static_cast<i128>((static_cast<u128>(1) << 127) - 1);
  for (const i128 value : {i128{0}, i128{1}, i128{-1}, i128{kMax}, i128{kMin}, i128{kMax} + 1, i128{kMin} - 1, wide_max,
                           -wide_max, -wide_max - 1}) {
    check(value);
  }
  for (int i = 0; i < 2'000'000; ++i) {
    const auto bits = static_cast<i128>((static_cast<u128>(random()) << 64) | random());
    const i128 value = bits >> (random() % 128);
    check(value);
    // Ties and their neighbours: 53 bits, a one, zeros.
    const int shift = static_cast<int>(random() % 70) + 2;
    const i128 tie = ((static_cast<i128>(random() >> 11) * 2 + 1) << shift);
    for (const i128 near : {tie - 1, tie, tie + 1, -tie}) check(near);
  }
}

TEST(IndicatorNumbers, rounding_that_forgets_lost_bits_is_told_apart) {
  const i128 just_above_a_tie = (((static_cast<i128>(1) << 52) * 2 + 1) << 20) + 1;
  const double truncated = static_cast<double>(static_cast<std::int64_t>(just_above_a_tie >> 12)) * 4096.0;
  EXPECT_NE(truncated, to_double(just_above_a_tie));
}

TEST(IndicatorNumbers, volume_that_is_none_stays_none) {
  EXPECT_EQ(volume_e6(std::numeric_limits<double>::quiet_NaN()), kNoVolume);
  EXPECT_EQ(volume_e6(-1.0), kNoVolume);
  EXPECT_EQ(volume_e6(0.0), 0);
  EXPECT_EQ(volume_e6(18730.144), 18'730'144'000);
  EXPECT_EQ(volume_e6(std::numeric_limits<double>::infinity()), 4'000'000'000'000'000'000);
}

// Every template's results in one row, for either policy.
template <class N>
class Everything {
 public:
  using Float = typename N::Float;

  std::vector<Float> add(const PriceBar<N>& bar) {
    using Integer = typename N::Integer;
    constexpr std::uint32_t kBars = 14;
    const Float close = N::to_float(bar.close);
    const Integer typical = bar.high + bar.low + bar.close;
    const std::size_t slot = bars_ % kBars;
    const Integer leaving = closes_[slot];
    const Integer leaving_typical = typicals_[slot];
    const Integer before = bars_ > 0 ? closes_[(bars_ - 1) % kBars] : bar.close;
    // A window of 12: closes of 12 and 13 bars ago are still there.
    const Integer first = bars_ >= 12 ? closes_[(bars_ - 12) % kBars] : bar.close;
    const Integer before_first = bars_ >= 13 ? closes_[(bars_ - 13) % kBars] : bar.close;
    adaptive_.add(bar.close, before, first, before_first, 12, ema_weight(2), ema_weight(30));
    closes_[slot] = bar.close;
    typicals_[slot] = typical;
    ++bars_;
    mean_.add(bar.close, leaving);
    weighted_.add(bar.close, leaving, kBars);
    variance_.add(bar.close, leaving);
    typical_mean_.add(typical, leaving_typical);
    ema_.add(close, ema_weight(20));
    dema_.add(close, ema_weight(9), 9);
    rsi_.add(bar.close, kBars);
    atr_.add(bar, kBars);
    movement_.add(bar, kBars);
    const std::span<const Integer> typicals(typicals_);
    return {mean_.mean(kBars),
            weighted_.mean(kBars),
            variance_.mean(kBars),
            variance_.deviation(kBars),
            variance_.z(bar.close, kBars),
            ema_.value,
            dema_.value(),
            macd_line(ema_, dema_.once),
            rsi_.percent(),
            adaptive_.value,
            atr_.average,
            movement_.plus_di(),
            movement_.minus_di(),
            movement_.dx(),
            movement_.average,
            range_percent<N>(bar.close, bar.high, bar.low),
            commodity_channel_index<N>(typical, typical_mean_.sum, typicals.first(5), typicals.subspan(5))};
  }

 private:
  std::array<typename N::Integer, 14> closes_{};
  std::array<typename N::Integer, 14> typicals_{};
  std::size_t bars_ = 0;
  MeanWindow<N> mean_;
  MeanWindow<N> typical_mean_;
  WeightedWindow<N> weighted_;
  VarianceWindow<N> variance_;
  Ema<N> ema_;
  Dema<N> dema_;
  Rsi<N> rsi_;
  AverageTrueRange<N> atr_;
  DirectionalMovement<N> movement_;
  AdaptiveAverage<N> adaptive_;
};

struct Lanes {
  alignas(64) std::int64_t high[kBatchSeries];
  alignas(64) std::int64_t low[kBatchSeries];
  alignas(64) std::int64_t close[kBatchSeries];
};

// Random walks of different sizes: whole points, single e9, and one lane that leaps between the ends of the range.
std::vector<Lanes> walks(std::size_t bars) {
  std::mt19937_64 random(9);
  std::vector<Lanes> rows(bars);
  std::array<std::int64_t, kBatchSeries> last{};
  for (Lanes& row : rows) {
    for (std::size_t s = 0; s < kBatchSeries; ++s) {
      const auto step = static_cast<std::int64_t>(random() % 401) - 200;
      const std::int64_t unit = s < 4 ? 2'000'000 : 1;
      last[s] += random() % 16 == 0 ? 0 : step * unit;
      if (s == 7) last[s] = random() % 2 == 0 ? kPriceReach : -kPriceReach;
      if (s == 6) last[s] = 1'000;  // flat
      const std::int64_t wick = s < 6 ? static_cast<std::int64_t>(random() % 50) * unit : 0;
      row.high[s] = last[s] + wick;
      row.low[s] = last[s] - wick / 2;
      row.close[s] = last[s];
    }
  }
  return rows;
}

template <class Visit>
void run_both(const std::vector<Lanes>& rows, Visit&& visit) {
  Everything<EightSeries> eight;
  std::array<Everything<OneSeries>, kBatchSeries> one;
  for (const Lanes& row : rows) {
    using Integer = EightSeries::Integer;
    const auto batch = eight.add({Integer::load(row.high), Integer::load(row.low), Integer::load(row.close)});
    for (std::size_t s = 0; s < kBatchSeries; ++s) {
      const auto single = one[s].add({row.high[s], row.low[s], row.close[s]});
      for (std::size_t i = 0; i < single.size(); ++i) {
        alignas(64) double lanes[kBatchSeries];
        batch[i].store(lanes);
        visit(s, i, single[i], lanes[s]);
      }
    }
  }
}

bool same_bits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

TEST(IndicatorBatch, eight_series_at_once_are_eight_single_ones_bit_for_bit) {
  std::size_t compared = 0;
  run_both(walks(20'000), [&](std::size_t series, std::size_t i, double single, double batch) {
    ASSERT_TRUE(same_bits(single, batch)) << "series " << series << ", value " << i << ": " << single << " " << batch;
    ++compared;
  });
  EXPECT_EQ(compared, 20'000u * 8 * 17);
}

TEST(IndicatorBatch, a_batch_with_one_price_changed_differs_in_that_series_alone) {
  auto rows = walks(200);
  auto changed = rows;
  changed[100].close[3] += 2;
  std::array<std::vector<double>, 2> results;
  for (const auto* which : {&rows, &changed}) {
    run_both(*which, [&](std::size_t series, std::size_t, double, double batch) {
      results[which == &changed].push_back(batch);
      results[which == &changed].push_back(static_cast<double>(series));
    });
  }
  std::size_t different = 0;
  for (std::size_t i = 0; i < results[0].size(); i += 2) {
    if (same_bits(results[0][i], results[1][i])) continue;
    ++different;
    EXPECT_EQ(results[0][i + 1], 3.0);
  }
  EXPECT_GT(different, 100u);
}

TEST(IndicatorBatch, integers_at_the_ends_of_their_range_convert_as_casts_do) {
  std::mt19937_64 random(3);
  alignas(64) std::int64_t values[kBatchSeries] = {kMin, kMax, 0, -1, 1, kMin + 1, kMax - 1, (1LL << 53) + 1};
  for (int round = 0; round < 100'000; ++round) {
    alignas(64) double converted[kBatchSeries];
    EightSeries::to_float(EightSeries::Integer::load(values)).store(converted);
    for (std::size_t i = 0; i < kBatchSeries; ++i) ASSERT_TRUE(same_bits(converted[i], static_cast<double>(values[i])));
    for (std::int64_t& value : values) value = static_cast<std::int64_t>(random()) >> (random() % 64);
  }
}

}  // namespace
}  // namespace thintail::indicators
