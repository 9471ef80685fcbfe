// SPDX-License-Identifier: Apache-2.0
// Against StockCharts' worksheets (shared/data/models/indicators, MIT) and against windows summed anew at every bar.
#include "ml/features/bar_indicators.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "core/price/decimal.hpp"
#include "tests/support/data.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

// Rows of a worksheet as text by column name.
std::vector<std::map<std::string, std::string>> worksheet(const std::filesystem::path& path) {
  std::istringstream in(test::read_file(path));
  const auto cells = [](std::string line) {
    if (line.ends_with('\r')) line.pop_back();
    std::vector<std::string> out;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) out.push_back(cell);
    return out;
  };
  std::string line;
  std::getline(in, line);
  const auto names = cells(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(in, line)) {
    const auto row = cells(line);
    std::map<std::string, std::string>& named = rows.emplace_back();
    for (std::size_t i = 0; i < row.size() && i < names.size(); ++i) named[names[i]] = row[i];
  }
  return rows;
}

// Worksheet prices have at most nine places that matter (the rest is a spreadsheet's binary noise).
std::int64_t price_e9(const std::string& text) { return std::llround(std::stold(text) * 1e9L); }

TEST(BarIndicators, rsi_equals_the_reference_table) {
  const auto path = test::data_dir() / "models/indicators/cs-rsi.csv";
  TT_REQUIRE_DATA(path);
  Rsi rsi;
  std::size_t compared = 0;
  for (auto& row : worksheet(path)) {
    rsi.add(2 * price_e9(row["Close"]));
    if (row["RSI"].empty()) continue;
    ASSERT_TRUE(rsi.defined());
    EXPECT_NEAR(rsi.percent(), std::stod(row["RSI"]), 1e-6) << row["Date"];
    ++compared;
  }
  EXPECT_GE(compared, 15u);
}

TEST(BarIndicators, atr_equals_the_reference_table) {
  const auto path = test::data_dir() / "models/indicators/cs-atr.csv";
  TT_REQUIRE_DATA(path);
  AverageTrueRange atr;
  std::size_t compared = 0;
  for (auto& row : worksheet(path)) {
    atr.add({2 * price_e9(row["High"]), 2 * price_e9(row["Low"]), 2 * price_e9(row["Close"])});
    const double expected = std::stod(row["ATR"]);
    EXPECT_EQ(atr.defined(), expected != 0.0);
    if (expected == 0.0) continue;
    EXPECT_NEAR(atr.value() / 2e9, expected, 1e-8) << row["Date"];
    ++compared;
  }
  EXPECT_GE(compared, 10u);
}

TEST(BarIndicators, bollinger_mean_and_deviation_equal_the_reference_table) {
  const auto path = test::data_dir() / "models/indicators/cs-bbands.csv";
  TT_REQUIRE_DATA(path);
  CloseWindow<core_32::kBollingerBars> window;
  std::size_t compared = 0;
  for (auto& row : worksheet(path)) {
    window.add(2 * price_e9(row["Close"]));
    if (row["MiddleBand"].empty()) continue;
    ASSERT_TRUE(window.full());
    const double deviation = std::sqrt(static_cast<double>(window.scaled_variance())) / 20.0 / 2e9;
    EXPECT_NEAR(window.mean() / 2e9, std::stod(row["MiddleBand"]), 1e-6) << row["Date"];
    EXPECT_NEAR(deviation, std::stod(row["20-day Standard Deviation"]), 1e-6) << row["Date"];
    EXPECT_NEAR(window.last_z(), (std::stod(row["Close"]) - window.mean() / 2e9) / deviation, 1e-5);
    ++compared;
  }
  EXPECT_GE(compared, 20u);
}

TEST(BarIndicators, window_sums_do_not_drift_over_a_million_bars) {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<std::int64_t> close(-kMid2Reach, kMid2Reach);
  CloseWindow<20> window;
  std::vector<std::int64_t> last;
  for (int i = 0; i < 1'000'000; ++i) {
    last.push_back(close(random));
    window.add(last.back());
  }
  i128 sum = 0;
  i128 squares = 0;
  for (auto it = last.end() - 20; it != last.end(); ++it) {
    sum += *it;
    squares += static_cast<i128>(*it) * *it;
  }
  EXPECT_TRUE(window.scaled_variance() == 20 * squares - sum * sum);
  EXPECT_EQ(window.mean(), static_cast<double>(sum) / 20.0);
}

TEST(BarIndicators, flat_closes_have_no_bollinger_z_and_an_rsi_of_fifty) {
  BarIndicators indicators;
  BarLevels levels;
  std::uint64_t defined = 0;
  const Ohlc flat{kE9, kE9, kE9, kE9};
  for (std::uint32_t i = 1; i <= 40; ++i) defined = indicators.on_bar({BarPeriod::m1, 60 * i, 1, flat, flat}, levels);
  EXPECT_EQ(defined, core_32::bit(core_32::kRsi) | core_32::bit(core_32::kAtr));
  EXPECT_EQ(levels.rsi_percent, 50.0);
  EXPECT_EQ(levels.atr_mid2, 0.0);
}

TEST(BarIndicators, prices_at_the_ends_of_i64_stay_defined) {
  BarIndicators indicators;
  BarLevels levels;
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const Ohlc high{kMax, kMax, kMax, kMax};
  const Ohlc low{-kMax, -kMax, -kMax, -kMax};
  for (std::uint32_t i = 1; i <= 80; ++i) {
    const Ohlc& side = i % 2 == 0 ? high : low;
    for (const BarPeriod period : {BarPeriod::m1, BarPeriod::m15, BarPeriod::h1}) {
      indicators.on_bar({period, 60 * i, 1, side, side}, levels);
    }
  }
  EXPECT_TRUE(std::isfinite(levels.bollinger_z));
  EXPECT_TRUE(std::isfinite(levels.atr_mid2));
}

}  // namespace
}  // namespace thintail
