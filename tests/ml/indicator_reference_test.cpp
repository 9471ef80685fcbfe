// SPDX-License-Identifier: Apache-2.0
// The bar families against published tables: StockCharts' worksheets (cs-*.csv, MIT) row by row, and the examples of
// S. B. Achelis's book (tulip_atoz.txt). Where a table seeds otherwise than we do, it is either entered in the state that
// it gives, or compared from where the seeds have decayed; both are said at the test.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/price/decimal.hpp"
#include "ml/indicators/bar_bank.hpp"
#include "ml/indicators/oscillators.hpp"
#include "tests/support/data.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

using Row = std::map<std::string, std::string>;
const std::filesystem::path kTables = test::data_dir() / "models/indicators";

// Rows of a worksheet as text by column name.
std::vector<Row> worksheet(const std::filesystem::path& path) {
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
  std::vector<Row> rows;
  while (std::getline(in, line)) {
    const auto row = cells(line);
    Row& named = rows.emplace_back();
    for (std::size_t i = 0; i < row.size() && i < names.size(); ++i) named[names[i]] = row[i];
  }
  return rows;
}

// The number lists under a heading of tulip_atoz.txt: inputs, then outputs.
std::vector<std::vector<double>> example(const std::string& heading) {
  std::istringstream in(test::read_file(kTables / "tulip_atoz.txt"));
  std::vector<std::vector<double>> lists;
  bool is_inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!is_inside) {
      is_inside = line == heading;
      continue;
    }
    if (line.empty()) break;
    if (!line.starts_with('{')) continue;
    std::istringstream numbers(line.substr(1, line.find('}') - 1));
    std::vector<double>& list = lists.emplace_back();
    for (std::string number; std::getline(numbers, number, ',');) list.push_back(std::stod(number));
  }
  return lists;
}

// Prices of the tables have at most nine places that matter; the rest is a spreadsheet's binary noise.
std::int64_t price_e9(double price) { return std::llround(static_cast<long double>(price) * 1e9L); }
double number(const Row& row, const std::string& column) { return std::stod(row.at(column)); }
bool has(const Row& row, const std::string& column) {
  const auto found = row.find(column);
  return found != row.end() && !found->second.empty();
}

const FeatureFamily& family(std::string_view name) {
  for (const FeatureFamily& one : bar_families()) {
    if (one.name == name) return one;
  }
  throw std::runtime_error("no family " + std::string(name));
}

struct Parameters {
  std::uint16_t bars = 0;
  std::uint16_t bars_2 = 0;
  std::uint16_t bars_3 = 0;
  double factor = 0.0;
};

// One feature of a bank of its own, fed with one-price bars.
class Indicator {
 public:
  explicit Indicator(std::string_view name, Parameters parameters = {})
      : bank_(std::vector{Feature{.family = &family(name),
                                  .factor = parameters.factor,
                                  .bars = parameters.bars,
                                  .bars_2 = parameters.bars_2,
                                  .bars_3 = parameters.bars_3}},
              std::vector<std::uint16_t>{0}),
        block_(bank_.state_bytes() / sizeof(Line)) {
    bank_.reset(state());
  }

  Indicator& add(double high, double low, double close, double volume = std::nan("")) {
    end_s_ += 60;
    const Ohlc side{price_e9(close), price_e9(high), price_e9(low), price_e9(close)};
    bank_.on_bar(state(), {BarPeriod::m1, end_s_, 1, side, side}, volume);
    return *this;
  }
  Indicator& add(double close) { return add(close, close, close); }

  bool is_defined() { return bank_.defined(state()).test(0); }
  // A level or an amount of price in the prices' own unit; else the value itself.
  double level() {
    const BarLaneForm& form = bank_.forms()[0];
    const double level = bank_.levels(state())[0];
    if (form.bid_weight != 0.0) return level / 2e9;
    return form.scale_bp != 0.0 ? -level / 2e9 : -level;
  }
  double range() { return 1.0 / bank_.scales(state())[0] / 2e9; }

 private:
  struct alignas(BarBank::kStateAlignment) Line {
    std::byte bytes[BarBank::kStateAlignment];
  };
  std::byte* state() { return block_.data()->bytes; }

  BarBank bank_;
  std::vector<Line> block_;
  std::uint32_t end_s_ = 1'398'988'800;  // 2014-05-02 00:00 UTC
};

// Feeds an example's bars to an indicator and compares its values from the first defined one on, or from `from` expected
// values later. Returns how many it compared.
template <class Feed>
std::size_t compare(Indicator& indicator, std::size_t bars, const std::vector<double>& expected, double tolerance,
                    Feed&& feed, std::size_t from = 0) {
  const std::size_t first = bars - expected.size();
  std::size_t compared = 0;
  for (std::size_t i = 0; i < bars; ++i) {
    feed(i);
    EXPECT_EQ(indicator.is_defined(), i >= first) << "bar " << i;
    if (i < first + from) continue;
    EXPECT_NEAR(indicator.level(), expected[i - first], tolerance) << "bar " << i;
    ++compared;
  }
  return compared;
}

// --- StockCharts' worksheets

TEST(IndicatorReference, rsi_equals_every_row_of_the_worksheet) {
  TT_REQUIRE_DATA(kTables / "cs-rsi.csv");
  Indicator rsi("rsi", {.bars = 14});
  std::size_t compared = 0;
  for (const Row& row : worksheet(kTables / "cs-rsi.csv")) {
    rsi.add(number(row, "Close"));
    EXPECT_EQ(rsi.is_defined(), has(row, "RSI"));
    if (!has(row, "RSI")) continue;
    EXPECT_NEAR(rsi.level(), number(row, "RSI"), 5e-7) << row.at("Date");
    ++compared;
  }
  EXPECT_EQ(compared, 19u);
}

// The worksheet starts its signal at a value that its rows do not give. Every step of the table's own is checked with our
// update, and what ours differs from it by is checked to decay as the difference of two seeds must.
TEST(IndicatorReference, macd_equals_every_row_of_the_worksheet) {
  TT_REQUIRE_DATA(kTables / "cs-macd.csv");
  Indicator line("macd_line", {.bars = 12, .bars_2 = 26});
  Indicator signal("macd_signal", {.bars = 12, .bars_2 = 26, .bars_3 = 9});
  Indicator histogram("macd_histogram", {.bars = 12, .bars_2 = 26, .bars_3 = 9});
  indicators::Ema<> fast;
  indicators::Ema<> slow;
  indicators::Ema<> table_signal;
  std::size_t lines = 0;
  std::size_t signals = 0;
  double seeds_differ_by = 0.0;
  const auto rows = worksheet(kTables / "cs-macd.csv");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const double close = number(row, "Close");
    for (Indicator* one : {&line, &signal, &histogram}) one->add(close);
    fast.add(close, indicators::ema_weight(12));
    slow.add(close, indicators::ema_weight(26));
    EXPECT_NEAR(fast.value, number(row, "short_ema"), 6e-9) << row.at("Date");
    EXPECT_NEAR(slow.value, number(row, "long_ema"), 6e-9) << row.at("Date");
    EXPECT_EQ(line.is_defined(), i >= 25);
    EXPECT_EQ(signal.is_defined(), i >= 33);
    if (!has(row, "MACD_line")) continue;
    const double table_line = number(row, "MACD_line");
    EXPECT_NEAR(indicators::macd_line(fast, slow), table_line, 1e-9) << row.at("Date");
    if (line.is_defined()) {
      EXPECT_NEAR(line.level(), table_line, 1e-9) << row.at("Date");
      ++lines;
    }
    if (!has(row, "MACD_signal")) continue;
    const double table_value = number(row, "MACD_signal");
    EXPECT_NEAR(number(row, "MACD_diff"), table_line - table_value, 1e-9);
    if (table_signal.bars_seen > 0) {
      table_signal.add(table_line, indicators::ema_weight(9));
      EXPECT_NEAR(table_signal.value, table_value, 1e-9) << row.at("Date");
    }
    table_signal = {table_value, 1};
    if (!signal.is_defined()) continue;
    // What the seeds differ by decays as an average does, by 0.8 a bar.
    if (signals == 0) seeds_differ_by = signal.level() - table_value;
    const double left = seeds_differ_by * std::pow(0.8, static_cast<double>(i - 33));
    EXPECT_NEAR(signal.level() - left, table_value, 2e-9) << row.at("Date");
    EXPECT_NEAR(histogram.level() + left, number(row, "MACD_diff"), 2e-9) << row.at("Date");
    ++signals;
  }
  EXPECT_EQ(rows.size(), 124u);
  EXPECT_EQ(lines, 99u);
  EXPECT_EQ(signals, 91u);
}

TEST(IndicatorReference, bollinger_equals_every_row_of_the_worksheet) {
  TT_REQUIRE_DATA(kTables / "cs-bbands.csv");
  Indicator middle("sma", {.bars = 20});
  Indicator width("bollinger_width", {.bars = 20, .factor = 2.0});
  Indicator z("bollinger_z", {.bars = 20});
  Indicator live("price_z", {.bars = 20});
  std::size_t compared = 0;
  for (const Row& row : worksheet(kTables / "cs-bbands.csv")) {
    const double close = number(row, "Close");
    for (Indicator* one : {&middle, &width, &z, &live}) one->add(close);
    EXPECT_EQ(width.is_defined(), has(row, "MiddleBand"));
    if (!has(row, "MiddleBand")) continue;
    const double deviation = number(row, "20-day Standard Deviation");
    EXPECT_NEAR(middle.level(), number(row, "MiddleBand"), 6e-7) << row.at("Date");
    EXPECT_NEAR(width.level() / 4.0, deviation, 6e-7) << row.at("Date");
    EXPECT_NEAR(middle.level() + width.level() / 2.0, number(row, "HighBand"), 1e-6) << row.at("Date");
    EXPECT_NEAR(middle.level() - width.level() / 2.0, number(row, "LowBand"), 1e-6) << row.at("Date");
    // %B = (z / factor + 1) / 2
    EXPECT_NEAR((z.level() / 2.0 + 1.0) / 2.0, number(row, "PercentageBand"), 1e-6) << row.at("Date");
    EXPECT_NEAR((close - live.level()) / live.range(), z.level(), 1e-9);
    ++compared;
  }
  EXPECT_GE(compared, 20u);
}

TEST(IndicatorReference, atr_equals_every_row_of_the_worksheet) {
  TT_REQUIRE_DATA(kTables / "cs-atr.csv");
  Indicator atr("atr", {.bars = 14});
  std::size_t compared = 0;
  for (const Row& row : worksheet(kTables / "cs-atr.csv")) {
    atr.add(number(row, "High"), number(row, "Low"), number(row, "Close"));
    const double expected = number(row, "ATR");
    EXPECT_EQ(atr.is_defined(), expected != 0.0);
    if (expected == 0.0) continue;
    EXPECT_NEAR(atr.level(), expected, 1e-9) << row.at("Date");
    ++compared;
  }
  EXPECT_GE(compared, 10u);
}

TEST(IndicatorReference, adx_and_directional_indices_equal_every_row_of_the_worksheet) {
  TT_REQUIRE_DATA(kTables / "cs-adx.csv");
  Indicator adx("adx", {.bars = 14});
  Indicator plus("plus_di", {.bars = 14});
  Indicator minus("minus_di", {.bars = 14});
  std::size_t indices = 0;
  std::size_t averages = 0;
  for (const Row& row : worksheet(kTables / "cs-adx.csv")) {
    for (Indicator* one : {&adx, &plus, &minus})
      one->add(number(row, "High"), number(row, "Low"), number(row, "Close"));
    EXPECT_EQ(plus.is_defined(), has(row, "+DI14"));
    EXPECT_EQ(minus.is_defined(), has(row, "-DI14"));
    EXPECT_EQ(adx.is_defined(), has(row, "ADX"));
    if (!has(row, "+DI14")) continue;
    EXPECT_NEAR(plus.level(), number(row, "+DI14"), 1e-6);
    EXPECT_NEAR(minus.level(), number(row, "-DI14"), 1e-6);
    ++indices;
    if (!has(row, "ADX")) continue;
    EXPECT_NEAR(adx.level(), number(row, "ADX"), 1e-6);
    ++averages;
  }
  EXPECT_GE(indices, 400u);
  EXPECT_GE(averages, 400u);
}

TEST(IndicatorReference, obv_equals_every_row_of_the_worksheet) {
  TT_REQUIRE_DATA(kTables / "cs-obv.csv");
  Indicator obv("obv");
  std::size_t compared = 0;
  for (const Row& row : worksheet(kTables / "cs-obv.csv")) {
    const double close = number(row, "Close");
    obv.add(close, close, close, has(row, "Volume") ? number(row, "Volume") : 0.0);
    ASSERT_TRUE(obv.is_defined());
    if (!has(row, "OBV")) continue;
    EXPECT_EQ(obv.level(), number(row, "OBV")) << row.at("Date");
    ++compared;
  }
  EXPECT_GE(compared, 29u);
}

// The table's VWAP slides over 14 rows: each row is the day's VWAP of a day that began 13 rows before.
TEST(IndicatorReference, vwap_equals_every_row_of_the_worksheet) {
  TT_REQUIRE_DATA(kTables / "cs-vwap.csv");
  const auto rows = worksheet(kTables / "cs-vwap.csv");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Indicator vwap("vwap");
    for (std::size_t k = i < 14 ? 0 : i - 13; k <= i; ++k) {
      const Row& row = rows[k];
      vwap.add(number(row, "High"), number(row, "Low"), number(row, "Close"), number(row, "Volume"));
    }
    ASSERT_TRUE(vwap.is_defined());
    EXPECT_NEAR(vwap.level(), number(rows[i], "vwap"), 1e-9) << rows[i].at("Date");
  }
  EXPECT_EQ(rows.size(), 30u);
}

TEST(IndicatorReference, kama_equals_every_row_of_the_worksheet) {
  TT_REQUIRE_DATA(kTables / "cs-kama.csv");
  Indicator kama("kama", {.bars = 10, .bars_2 = 2, .bars_3 = 30});
  std::size_t compared = 0;
  for (const Row& row : worksheet(kTables / "cs-kama.csv")) {
    kama.add(number(row, "Close"));
    EXPECT_EQ(kama.is_defined(), has(row, "SC")) << row.at("Date");
    if (!has(row, "SC")) continue;
    EXPECT_NEAR(kama.level(), number(row, "KAMA"), 1e-6) << row.at("Date");
    ++compared;
  }
  EXPECT_GE(compared, 39u);
}

// --- Achelis's examples; the book rounds to three or four places

TEST(IndicatorReference, averages_equal_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto check = [](const std::string& heading, std::string_view name, std::size_t count) {
    const auto lists = example(heading);
    ASSERT_EQ(lists.size(), 2u) << heading;
    Indicator indicator(name, {.bars = 5});
    std::size_t compared = 0;
    for (std::size_t i = 0; i < lists[0].size(); ++i) {
      indicator.add(lists[0][i]);
      const std::size_t first = lists[0].size() - lists[1].size();
      if (i < first || !indicator.is_defined()) continue;
      EXPECT_NEAR(indicator.level(), lists[1][i - first], 1e-3) << heading << " at " << i;
      ++compared;
    }
    EXPECT_EQ(compared, count) << heading;
  };
  check("sma 5", "sma", 4);
  check("ema 5", "ema", 4);
  check("wma 5", "wma", 4);
  check("dema 5", "dema", 6);
}

// Cutler's and Wilder's seeds differ: the book starts both averages at the mean of the first five moves.
TEST(IndicatorReference, rsi_started_at_the_book_s_means_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("rsi 5");
  ASSERT_EQ(lists.size(), 2u);
  const auto close = [&](std::size_t i) { return 2 * price_e9(lists[0][i]); };
  indicators::Rsi<> rsi;
  rsi.close_before = close(5);
  rsi.bars_seen = 6;
  for (std::size_t i = 1; i <= 5; ++i) {
    rsi.up += static_cast<double>(std::max<std::int64_t>(close(i) - close(i - 1), 0)) / 5.0;
    rsi.down += static_cast<double>(std::max<std::int64_t>(close(i - 1) - close(i), 0)) / 5.0;
  }
  EXPECT_NEAR(rsi.percent(), lists[1][0], 1e-3);
  for (std::size_t i = 6; i < lists[0].size(); ++i) {
    rsi.add(close(i), 5);
    EXPECT_NEAR(rsi.percent(), lists[1][i - 5], 1e-3) << i;
  }
}

// The companion sheet uses the weights 0.15 and 0.075, approximations of 2 / 13 and 2 / 27.
TEST(IndicatorReference, macd_with_the_book_s_weights_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("macd 12 26 9");
  ASSERT_EQ(lists.size(), 4u);
  indicators::Ema<> fast;
  indicators::Ema<> slow;
  indicators::Ema<> signal;
  const std::size_t first = lists[0].size() - lists[1].size();
  for (std::size_t i = 0; i < lists[0].size(); ++i) {
    fast.add(lists[0][i], 0.15);
    slow.add(lists[0][i], 0.075);
    if (i < first) continue;  // where the line is first defined: the 26th bar
    const double line = indicators::macd_line(fast, slow);
    signal.add(line, indicators::ema_weight(9));
    EXPECT_NEAR(line, lists[1][i - first], 1e-8) << i;
    EXPECT_NEAR(signal.value, lists[2][i - first], 1e-8) << i;
    EXPECT_NEAR(line - signal.value, lists[3][i - first], 1e-8) << i;
  }
}

TEST(IndicatorReference, atr_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("atr 4");
  ASSERT_EQ(lists.size(), 4u);
  Indicator atr("atr", {.bars = 4});
  EXPECT_EQ(compare(atr, lists[0].size(), lists[3], 1e-4,
                    [&](std::size_t i) { atr.add(lists[0][i], lists[1][i], lists[2][i]); }),
            17u);
}

TEST(IndicatorReference, bollinger_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("bbands 5 2");
  ASSERT_EQ(lists.size(), 4u);
  std::vector<double> width;
  for (std::size_t i = 0; i < lists[1].size(); ++i) width.push_back(lists[3][i] - lists[1][i]);
  Indicator bands("bollinger_width", {.bars = 5, .factor = 2.0});
  EXPECT_EQ(compare(bands, lists[0].size(), width, 2e-4, [&](std::size_t i) { bands.add(lists[0][i]); }), 18u);
  Indicator middle("sma", {.bars = 5});
  compare(middle, lists[0].size(), lists[2], 1e-4, [&](std::size_t i) { middle.add(lists[0][i]); });
}

TEST(IndicatorReference, deviation_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("stddev 5");
  ASSERT_EQ(lists.size(), 2u);
  Indicator z("price_z", {.bars = 5});
  for (std::size_t i = 0; i < lists[0].size(); ++i) {
    z.add(lists[0][i]);
    if (i >= 4) {
      EXPECT_NEAR(z.range(), lists[1][i - 4], 1e-4) << i;
    }
  }
}

// The book gives its first value four bars after the window is full.
TEST(IndicatorReference, cci_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("cci 5");
  ASSERT_EQ(lists.size(), 4u);
  Indicator cci("cci", {.bars = 5});
  for (std::size_t i = 0; i < lists[0].size(); ++i) {
    cci.add(lists[0][i], lists[1][i], lists[2][i]);
    EXPECT_EQ(cci.is_defined(), i >= 4);
    if (i >= 8) {
      EXPECT_NEAR(cci.level(), lists[3][i - 8], 1e-2) << i;
    }
  }
}

TEST(IndicatorReference, stochastic_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("stoch 5 3 3");
  ASSERT_EQ(lists.size(), 5u);
  Indicator k("stochastic_k", {.bars = 5, .bars_2 = 3});
  Indicator d("stochastic_d", {.bars = 5, .bars_2 = 3, .bars_3 = 3});
  const std::size_t first = lists[0].size() - lists[3].size();
  for (std::size_t i = 0; i < lists[0].size(); ++i) {
    k.add(lists[0][i], lists[1][i], lists[2][i]);
    d.add(lists[0][i], lists[1][i], lists[2][i]);
    EXPECT_EQ(k.is_defined(), i >= 6);
    EXPECT_EQ(d.is_defined(), i >= 8);
    if (i < first) continue;
    EXPECT_NEAR(k.level(), lists[3][i - first], 1e-3) << i;
    EXPECT_NEAR(d.level(), lists[4][i - first], 1e-3) << i;
  }
}

TEST(IndicatorReference, williams_r_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("willr 5");
  ASSERT_EQ(lists.size(), 4u);
  Indicator williams("williams_r", {.bars = 5});
  EXPECT_EQ(compare(williams, lists[0].size(), lists[3], 1e-3,
                    [&](std::size_t i) { williams.add(lists[0][i], lists[1][i], lists[2][i]); }),
            10u);
}

// The companion sheet sums 13 movements where Wilder sums 14, so its seeds differ from ours; Wilder's smoothing forgets
// 13/14 of a difference each bar. From the sheet's own sums our steps give its next rows.
TEST(IndicatorReference, directional_movement_entered_in_the_book_s_state_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto indices = example("di 14");
  const auto movements = example("dm 14");
  const auto dx = example("dx 14");
  const auto adx = example("adx 14");
  ASSERT_EQ(indices.size(), 5u);
  ASSERT_EQ(movements.size(), 4u);
  ASSERT_EQ(adx.size(), 3u);
  const std::size_t bars = indices[0].size();
  const std::size_t first = bars - indices[3].size();
  ASSERT_EQ(first, 13u);
  constexpr double kScale = 2e9;
  const auto bar = [&](std::size_t i) {
    return indicators::PriceBar<>{2 * price_e9(indices[0][i]), 2 * price_e9(indices[1][i]),
                                  2 * price_e9(indices[2][i])};
  };
  indicators::DirectionalMovement<> movement;
  movement.plus = movements[2][0] * kScale;
  movement.minus = movements[3][0] * kScale;
  movement.range = movement.plus * 100.0 / indices[3][0];
  movement.before = bar(first);
  movement.bars_seen = 14;  // the next bar is past the seeding of the sums
  for (std::size_t i = first + 1; i < bars; ++i) {
    const bool is_first_average = i == bars - adx[2].size();
    if (is_first_average) {
      movement.average = adx[2][0];
      movement.bars_seen = 28;
    }
    const double average_before = movement.average;
    // The sums of this step round up from 14 bars on whatever bars_seen says, from 15 on they decay.
    movement.bars_seen = std::max(movement.bars_seen, 15u);
    movement.add(bar(i), 14);
    EXPECT_NEAR(movement.plus / kScale, movements[2][i - first], 1e-3) << i;
    EXPECT_NEAR(movement.minus / kScale, movements[3][i - first], 1e-3) << i;
    EXPECT_NEAR(movement.plus_di(), indices[3][i - first], 1e-2) << i;
    EXPECT_NEAR(movement.minus_di(), indices[4][i - first], 1e-2) << i;
    EXPECT_NEAR(movement.dx(), dx[2][i - first], 1e-2) << i;
    if (is_first_average) {
      movement.average = average_before;
    } else if (i > bars - adx[2].size()) {
      EXPECT_NEAR(movement.average, adx[2][i - (bars - adx[2].size())], 1e-2) << i;
    }
  }
}

// The sheet rounds prices to four places; its first value is the second bar's.
TEST(IndicatorReference, parabolic_sar_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("psar .02 .2");
  ASSERT_EQ(lists.size(), 3u);
  Indicator sar("parabolic_sar", {.factor = 0.02});
  EXPECT_EQ(compare(sar, lists[0].size(), lists[2], 1e-4,
                    [&](std::size_t i) { sar.add(lists[0][i], lists[1][i], lists[1][i]); }),
            lists[0].size() - 1);
}

TEST(IndicatorReference, obv_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("obv");
  ASSERT_EQ(lists.size(), 3u);
  Indicator obv("obv");
  EXPECT_EQ(compare(obv, lists[0].size(), lists[2], 0.0,
                    [&](std::size_t i) { obv.add(lists[0][i], lists[0][i], lists[0][i], lists[1][i]); }),
            10u);
}

TEST(IndicatorReference, rate_of_change_equals_the_book) {
  TT_REQUIRE_DATA(kTables / "tulip_atoz.txt");
  const auto lists = example("rocr 12");
  ASSERT_EQ(lists.size(), 2u);
  Indicator roc("roc", {.bars = 12});
  std::vector<double> percent;
  for (const double ratio : lists[1]) percent.push_back(100.0 * (ratio - 1.0));
  EXPECT_EQ(compare(roc, lists[0].size(), percent, 1e-2, [&](std::size_t i) { roc.add(lists[0][i]); }), 4u);
}

// The comparison itself must be able to fail: another window is another indicator.
TEST(IndicatorReference, a_window_of_another_length_is_told_apart) {
  TT_REQUIRE_DATA(kTables / "cs-rsi.csv");
  Indicator wrong("rsi", {.bars = 15});
  double worst = 0.0;
  for (const Row& row : worksheet(kTables / "cs-rsi.csv")) {
    wrong.add(number(row, "Close"));
    if (wrong.is_defined()) worst = std::max(worst, std::abs(wrong.level() - number(row, "RSI")));
  }
  EXPECT_GT(worst, 0.1);
}

}  // namespace
}  // namespace thintail
