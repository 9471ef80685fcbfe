// SPDX-License-Identifier: Apache-2.0
// Bar files made for the purpose: every format is read, what is not declared is refused, and every defect is an error with
// its line or a counted warning.
#include "adapters/feeds/bar_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <random>

#include "tests/support/data.hpp"
#include "tests/support/feed_files.hpp"

namespace thintail {
namespace {

using test::FeedFolder;

struct Read {
  std::vector<FileBar> bars;
  BarStats stats;
  BarFile file;
  std::optional<Error> error;  // of opening or of reading
};

Read read_bars(const std::string& path, const BarFileOptions& options = {}) {
  InstrumentTable instruments;
  Read out;
  auto file = identify_bar_file(path, options, instruments);
  if (!file) {
    out.error = file.error();
    return out;
  }
  out.file = *file;
  auto reader = BarReader::open(*file, instruments, options.strict);
  if (!reader) {
    out.error = reader.error();
    return out;
  }
  FileBar bar;
  while ((*reader)->next(bar)) out.bars.push_back(bar);
  out.stats = (*reader)->stats();
  out.error = (*reader)->error();
  if (!out.error) {
    EXPECT_EQ(out.stats.rows,
              out.stats.bars + out.stats.bad_rows + out.stats.repeated + out.stats.backwards + out.stats.fillers);
  }
  return out;
}

Read read_text(std::string_view name, std::string_view text, const BarFileOptions& options = {}) {
  const FeedFolder folder;
  return read_bars(folder.write(name, text), options);
}

std::string why(const Read& read) { return read.error ? read.error->message() : "no error"; }

constexpr std::int64_t kMondayS = 1'549'238'400;  // 2019-02-04 00:00 UTC
constexpr const char* kHistDataName = "histdata_eurusd_m1_2018.csv";

std::string minute_rows(int count, const std::function<std::string(int)>& row) {
  std::string text;
  for (int i = 0; i < count; ++i) text += row(i) + "\n";
  return text;
}

// --- formats -----------------------------------------------------------------------------------------------------------

TEST(BarFormats, histdata_minutes_are_bid_bars_stamped_with_their_open_in_new_york_time) {
  const Read read = read_text(kHistDataName,
                              "20180105 083000;1.200370;1.201000;1.200360;1.200990;0\n"
                              "20180105 083100;1.200830;1.200950;1.200170;1.200300;0");
  ASSERT_FALSE(read.error) << why(read);
  ASSERT_EQ(read.bars.size(), 2u);
  EXPECT_EQ(read.file.period, BarPeriod::m1);
  EXPECT_EQ(read.bars[0].bar.end_s, 1'515'159'060u);  // 2018-01-05 13:31 UTC
  EXPECT_EQ(read.bars[0].bar.bid, (Ohlc{1'200'370'000, 1'201'000'000, 1'200'360'000, 1'200'990'000}));
  EXPECT_EQ(read.bars[0].bar.ask, Ohlc{});
  EXPECT_TRUE(std::isnan(read.bars[0].volume)) << "a column of zeros is no volume";
  EXPECT_FALSE(read.file.has_ask());
}

TEST(BarFormats, mt5_exports_need_their_servers_clock_and_never_pass_ticks_off_as_volume) {
  const std::string text =
      "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\r\n"
      "2025.01.02\t01:00:00\t2624.81\t2625.07\t2624.25\t2625.00\t124\t0\t43\r\n"
      "2025.01.02\t01:05:00\t2625.02\t2625.63\t2624.35\t2624.97\t173\t17\t44\r\n";
  const Read refused = read_text("mt5_xauusd_m5_2025.csv", text);
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->code, ErrorCode::clock_missing);

  const Read undeclared = read_text("mt5_xauusd_m5_2025.csv", text, {.clock = "mt5-eu"});
  ASSERT_FALSE(undeclared.error) << why(undeclared);
  EXPECT_NE(undeclared.file.volume, BarVolume::traded);
  EXPECT_TRUE(std::isnan(undeclared.bars[1].volume));

  const Read read = read_text("mt5_xauusd_m5_2025.csv", text, {.clock = "mt5-eu", .volume = "traded"});
  ASSERT_FALSE(read.error) << why(read);
  EXPECT_EQ(read.stats.with_volume, 1u);
  ASSERT_EQ(read.bars.size(), 2u);
  EXPECT_EQ(read.file.period, BarPeriod::m5);
  EXPECT_EQ(read.bars[0].bar.end_s, 1'735'772'700u);  // 2025-01-01 23:05 UTC
  EXPECT_EQ(read.bars[0].bar.ticks, 0u);
  EXPECT_TRUE(std::isnan(read.bars[0].volume)) << "0 where a venue tells none";
  EXPECT_EQ(read.bars[1].volume, 17.0);
}

TEST(BarFormats, times_of_metatraders_python_module_are_server_time_whatever_their_z_says) {
  const std::string text =
      "time,open,high,low,close,tick_volume\n2025-12-19T06:05:00.000Z,4318.54,4319.02,4318.15,4318.98,97\n";
  const Read read = read_text("mt5_xauusd_m1_x.csv", text, {.clock = "mt5-us"});
  ASSERT_FALSE(read.error) << why(read);
  EXPECT_EQ(read.bars[0].bar.end_s, 1'766'117'160u);  // 2025-12-19 04:06 UTC
  EXPECT_TRUE(std::isnan(read.bars[0].volume));
  EXPECT_EQ(read_text("mt5_xauusd_m1_x.csv", text).error->code, ErrorCode::clock_missing);
}

TEST(BarFormats, a_generic_file_is_refused_until_its_stamp_and_side_are_declared) {
  const std::string text =
      "timestamp,open,high,low,close\n2012-02-01 00:00:00+00:00,1.57597,1.57606,1.57576,1.57576\n"
      "2012-02-01 00:01:00+00:00,1.57576,1.57583,1.57543,1.57543\n";
  const Read no_stamp = read_text("fxcm_gbpusd_bid.csv", text);
  ASSERT_TRUE(no_stamp.error);
  EXPECT_EQ(no_stamp.error->code, ErrorCode::bars_undeclared);
  EXPECT_EQ(no_stamp.error->field, "stamp");
  const Read no_side = read_text("fxcm_gbpusd.csv", text, {.stamp = "open"});
  ASSERT_TRUE(no_side.error);
  EXPECT_EQ(no_side.error->field, "side");

  const Read opens = read_text("fxcm_gbpusd_bid.csv", text, {.stamp = "open"});
  ASSERT_FALSE(opens.error) << why(opens);
  EXPECT_EQ(opens.file.period, BarPeriod::m1) << "from the rows' steps";
  EXPECT_EQ(opens.bars[0].bar.end_s, 1'328'054'460u);
  const Read closes = read_text("fxcm_gbpusd_ask.csv", text, {.stamp = "close"});
  ASSERT_FALSE(closes.error) << why(closes);
  EXPECT_EQ(closes.bars[0].bar.end_s, 1'328'054'400u);
  EXPECT_EQ(closes.bars[0].bar.bid, Ohlc{});
  EXPECT_EQ(closes.bars[0].bar.ask.open_e9, 1'575'970'000);
  EXPECT_FALSE(closes.file.has_bid());
}

TEST(BarFormats, a_column_of_volume_counts_only_where_it_is_declared_as_traded) {
  const std::string text =
      "datetime,open,high,low,close,volume\n2024-03-21 01:15:00,2193.23,2222.72,2192.89,2208.04,2825\n"
      "2024-03-21 01:30:00,2208.04,2208.51,2195.46,2196.31,2192\n";
  const Read plain = read_text("mt5_xauusd_m15.csv", text, {.clock = "mt5-us"});
  ASSERT_FALSE(plain.error) << why(plain);
  EXPECT_TRUE(std::isnan(plain.bars[0].volume));
  const Read traded = read_text("mt5_xauusd_m15.csv", text, {.clock = "mt5-us", .volume = "traded"});
  ASSERT_FALSE(traded.error) << why(traded);
  EXPECT_EQ(traded.bars[0].volume, 2825.0);
  EXPECT_EQ(read_text(kHistDataName, "20180105 083000;1.2;1.2;1.2;1.2;0", {.volume = "traded"}).error->code,
            ErrorCode::usage);
}

TEST(BarFormats, lean_minutes_and_hours_have_both_sides_and_quoted_sizes_are_no_volume) {
  const Read minutes = read_text("oanda_xauusd_m1_bidask_20140502.csv",
                                 "0,1284.065,1284.446,1283.794,1283.931,3,1284.405,1284.869,1284.123,1284.316,4\r\n"
                                 "60000,1283.933,1284.009,1283.779,1283.89,0,1284.305,1284.381,1284.139,1284.263,0");
  ASSERT_FALSE(minutes.error) << why(minutes);
  EXPECT_EQ(minutes.bars[0].bar.end_s, 1'398'988'860u);
  EXPECT_EQ(minutes.bars[0].bar.ask,
            (Ohlc{1'284'405'000'000, 1'284'869'000'000, 1'284'123'000'000, 1'284'316'000'000}));
  EXPECT_TRUE(std::isnan(minutes.bars[0].volume));
  const Read hours = read_text("oanda_xauusd_h1_bidask.csv",
                               "20060320 00:00,552.8,554.7,552.4,554.2,0,555.3,557.2,554.9,556.7,0\n"
                               "20060320 01:00,554.2,554.8,554.2,554.6,0,556.7,557.3,556.7,557.1,0\n");
  ASSERT_FALSE(hours.error) << why(hours);
  EXPECT_EQ(hours.file.period, BarPeriod::h1);
  EXPECT_EQ(hours.bars[0].bar.end_s, 1'142'816'400u);
  const Read undated = read_text("oanda_xauusd_m1.csv", "0,1,1,1,1,0,1,1,1,1,0\n");
  ASSERT_TRUE(undated.error);
  EXPECT_EQ(undated.error->code, ErrorCode::name_undatable);
}

std::string candle(std::uint32_t second, std::array<std::uint32_t, 4> open_close_low_high, float volume) {
  std::string record;
  const auto put = [&](std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) record += static_cast<char>(value >> shift & 0xff);
  };
  put(second);
  for (const std::uint32_t price : open_close_low_high) put(price);
  put(std::bit_cast<std::uint32_t>(volume));
  return record;
}

TEST(BarFormats, dukascopy_candles_are_open_close_low_high_and_their_fillers_are_counted) {
  const std::string records = candle(0, {114'543, 114'569, 114'542, 114'570}, 293.0F) +
                              candle(60, {114'569, 114'569, 114'569, 114'569}, 0.0F) +
                              candle(120, {114'575, 114'563, 114'562, 114'581}, 1.0F);
  const std::string packed = test::lzma_packed(records);
  const Read read = read_text("dukascopy_eurusd_20190204_ASK_candles_min_1.bi5", packed);
  ASSERT_FALSE(read.error) << why(read);
  ASSERT_EQ(read.bars.size(), 2u);
  EXPECT_EQ(read.stats.fillers, 1u);
  EXPECT_EQ(read.bars[0].bar.end_s, kMondayS + 60);
  EXPECT_EQ(read.bars[0].bar.ask, (Ohlc{1'145'430'000, 1'145'700'000, 1'145'420'000, 1'145'690'000}));
  EXPECT_TRUE(std::isnan(read.bars[0].volume)) << "sums of quoted sizes are not traded volume";

  const Read cut = read_text("dukascopy_eurusd_20190204_ASK_candles_min_1.bi5", packed.substr(0, packed.size() / 2));
  ASSERT_TRUE(cut.error) << "half a stream must not pass for a day";
  EXPECT_EQ(cut.error->code, ErrorCode::compressed_truncated);
  const Read odd = read_text("dukascopy_eurusd_20190204_BID_candles_min_1.bi5",
                             test::lzma_packed(records.substr(0, records.size() - 3)));
  ASSERT_TRUE(odd.error);
  EXPECT_EQ(odd.error->code, ErrorCode::format_mismatch);
  const Read ticks =
      read_text("dukascopy_eurusd_20190204_BID_candles_min_1.bi5", test::lzma_packed(std::string(240, '\x7f')));
  ASSERT_TRUE(ticks.error);
  EXPECT_EQ(ticks.error->code, ErrorCode::format_mismatch) << "tick records in a candle file";
}

TEST(BarFormats, a_zstd_file_reads_as_the_plain_one_and_a_cut_one_is_refused) {
  const std::string text = minute_rows(
      500, [](int i) { return fmt::format("20180105 {:02}{:02}00;1.20{:04};1.3;1.1;1.2;0", 2 + i / 60, i % 60, i); });
  const std::string packed = test::zstd_packed(text);
  EXPECT_EQ(read_text("histdata_eurusd_m1.csv.zst", packed).bars.size(), 500u);
  const Read cut = read_text("histdata_eurusd_m1.csv.zst", packed.substr(0, packed.size() - 9));
  ASSERT_TRUE(cut.error);
  EXPECT_EQ(cut.error->code, ErrorCode::compressed_truncated);
}

TEST(BarFormats, an_unknown_file_names_the_formats_and_an_empty_one_is_no_bars) {
  const Read unknown = read_text("oanda_eurusd.csv", "hello,world\n1,2\n");
  ASSERT_TRUE(unknown.error);
  EXPECT_EQ(unknown.error->code, ErrorCode::format_unknown);
  EXPECT_NE(unknown.error->expected.find("lean-bidask"), std::string::npos);
  const Read empty = read_text("mt5_xauusd_m5.csv", "time,open,high,low,close,tick_volume\n", {.clock = "mt5-eu"});
  ASSERT_TRUE(empty.error);
  EXPECT_EQ(empty.error->code, ErrorCode::no_ticks);
  EXPECT_EQ(read_text("x.csv", "1,2", {.format = "lean"}).error->code, ErrorCode::format_unknown);
}

TEST(BarFormats, declarations_that_contradict_the_format_or_the_name_are_refused) {
  const std::string row = "20180105 083000;1.2;1.2;1.2;1.2;0\n";
  EXPECT_EQ(read_text(kHistDataName, row, {.stamp = "close"}).error->field, "stamp");
  EXPECT_EQ(read_text(kHistDataName, row, {.stamp = "end"}).error->code, ErrorCode::usage);
  EXPECT_EQ(read_text(kHistDataName, row, {.side = "ask"}).error->field, "side");
  EXPECT_EQ(read_text(kHistDataName, row, {.period = "M5"}).error->field, "period");
  EXPECT_EQ(read_text(kHistDataName, row, {.period = "M7"}).error->code, ErrorCode::usage);
  EXPECT_EQ(read_text(kHistDataName, row, {.clock = "lunar"}).error->code, ErrorCode::clock_unknown);
  EXPECT_FALSE(read_text(kHistDataName, row, {.stamp = "open", .side = "bid", .period = "M1"}).error);
  const std::string own = "time,open,high,low,close\n2024-03-21 01:15:00Z,1.2,1.2,1.2,1.2\n";
  EXPECT_EQ(read_text("x_eurusd_m1_bid.csv", own, {.clock = "mt5-us", .stamp = "open"}).error->code,
            ErrorCode::clock_missing);
}

TEST(BarFormats, bars_and_ticks_are_told_apart) {
  const FeedFolder folder;
  EXPECT_TRUE(*is_bar_file(folder.write("a.csv", "20180105 083000;1.2;1.2;1.2;1.2;0\n"), {}));
  EXPECT_TRUE(*is_bar_file(folder.write("b.csv", "0,1,1,1,1,0,1,1,1,1,0\n"), {}));
  EXPECT_FALSE(*is_bar_file(folder.write("c.csv", "0,1284.1,1284.2\n"), {}));
  EXPECT_FALSE(*is_bar_file(folder.write("d.csv", "timestamp,bid,ask\n"), {}));
  EXPECT_FALSE(*is_bar_file(folder.write("e.csv", "20200101 170000065,1.121200,1.121720,0\n"), {}));
  EXPECT_TRUE(*is_bar_file(folder.write("f.csv", "0,1284.1,1284.2\n"), "csv"));
}

// --- clocks ------------------------------------------------------------------------------------------------------------

TEST(BarClocks, histdata_from_2019_is_refused_until_its_clock_is_named) {
  const std::string row = "20190205 083000;1.2;1.2;1.2;1.2;0\n";
  const Read refused = read_text("histdata_eurusd_m1_2019.csv", row);
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->code, ErrorCode::clock_missing);
  EXPECT_NE(refused.error->expected.find("histdata-2019"), std::string::npos);
  EXPECT_FALSE(read_text("histdata_eurusd_m1_2019.csv", row, {.clock = "histdata-2019"}).error);
  SourceSettings source{};
  source.clock = "histdata-2019";
  EXPECT_FALSE(read_text("histdata_eurusd_m1_2019.csv", row, {.sources = {{"histdata_", source}}}).error)
      << "a configured source names it too";
}

std::string repeated_hour(bool is_same) {
  std::string text;
  for (int pass = 0; pass < 2; ++pass) {
    text += minute_rows(
        60, [&](int i) { return fmt::format("20191027 19{:02}00;1.1{:03};1.3;1.0;1.2;0", i, is_same ? i : i + pass); });
  }
  return text + "20191027 200000;1.2;1.3;1.0;1.2;0\n";
}

TEST(BarClocks, the_repeated_hour_of_2019_10_27_is_refused_by_every_clock_but_its_own) {
  const Read other = read_text("histdata_eurusd_m1_2019.csv", repeated_hour(true), {.clock = "new-york"});
  ASSERT_TRUE(other.error);
  EXPECT_EQ(other.error->code, ErrorCode::time_backwards);
  EXPECT_EQ(other.error->line, 61u);
  EXPECT_NE(other.error->expected.find("histdata-2019"), std::string::npos);

  const Read own = read_text("histdata_eurusd_m1_2019.csv", repeated_hour(true), {.clock = "histdata-2019"});
  ASSERT_FALSE(own.error) << why(own);
  EXPECT_EQ(own.bars.size(), 61u);
  EXPECT_EQ(own.stats.repeated, 60u);
  EXPECT_EQ(own.stats.backwards, 0u);
  for (std::size_t i = 1; i < own.bars.size(); ++i) EXPECT_EQ(own.bars[i].bar.end_s, own.bars[i - 1].bar.end_s + 60);
}

TEST(BarClocks, a_time_that_comes_again_with_other_prices_is_counted_and_strictly_refused) {
  const Read read = read_text("histdata_eurusd_m1_2019.csv", repeated_hour(false), {.clock = "histdata-2019"});
  ASSERT_FALSE(read.error) << why(read);
  EXPECT_EQ(read.stats.backwards, 60u);
  EXPECT_EQ(read.bars.size(), 61u);
  const Read strict =
      read_text("histdata_eurusd_m1_2019.csv", repeated_hour(false), {.clock = "histdata-2019", .strict = true});
  ASSERT_TRUE(strict.error);
  EXPECT_EQ(strict.error->code, ErrorCode::time_backwards);
  EXPECT_EQ(strict.error->line, 61u);
}

TEST(BarClocks, daily_bars_must_turn_at_17_new_york) {
  // 22:00 UTC in winter.
  const std::string head = "time,open,high,low,close\n";
  const Read good =
      read_text("x_eurusd_d1_bid.csv", head + "2019-02-04T22:00:00Z,1.2,1.2,1.2,1.2\n", {.stamp = "open"});
  ASSERT_FALSE(good.error) << why(good);
  EXPECT_EQ(good.bars[0].bar.end_s, kMondayS + 46 * 3600);
  const Read bad = read_text("x_eurusd_d1_bid.csv", head + "2019-02-04T00:00:00Z,1.2,1.2,1.2,1.2\n", {.stamp = "open"});
  ASSERT_TRUE(bad.error);
  EXPECT_NE(bad.error->message().find("17:00 New York"), std::string::npos) << why(bad);
}

// --- defects -----------------------------------------------------------------------------------------------------------

struct BadRow {
  const char* name;
  const char* row;
  const char* field;
};

class BadBarRow : public ::testing::TestWithParam<BadRow> {};

TEST_P(BadBarRow, is_skipped_and_counted_or_strictly_refused_with_line_and_field) {
  const std::string good = "20180105 083000;1.2;1.3;1.1;1.2;0\r\n";
  const std::string text = good + GetParam().row + "\r\n20180105 083500;1.2;1.3;1.1;1.2;0";
  const Read read = read_text(kHistDataName, text);
  ASSERT_FALSE(read.error) << why(read);
  EXPECT_EQ(read.bars.size(), 2u);
  EXPECT_EQ(read.stats.bad_rows, 1u);
  ASSERT_TRUE(read.stats.first_bad_row);
  EXPECT_EQ(read.stats.first_bad_row->line, 2u);
  EXPECT_EQ(read.stats.first_bad_row->field, GetParam().field);
  EXPECT_EQ(read.stats.first_bad_row->code, ErrorCode::row_bad_field);

  const Read strict = read_text(kHistDataName, text, {.strict = true});
  ASSERT_TRUE(strict.error);
  EXPECT_EQ(strict.error->line, 2u);
  EXPECT_EQ(strict.bars.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Rows, BadBarRow,
                         ::testing::Values(BadRow{"high_below_close", "20180105 083100;1.2;1.25;1.1;1.3;0", "high"},
                                           BadRow{"high_below_open", "20180105 083100;1.4;1.3;1.1;1.2;0", "high"},
                                           BadRow{"low_above_open", "20180105 083100;1.2;1.5;1.25;1.3;0", "low"},
                                           BadRow{"no_price", "20180105 083100;;1.3;1.1;1.2;0", "open"},
                                           BadRow{"price_of_zero", "20180105 083100;1.2;1.3;0;1.2;0", "low"},
                                           BadRow{"exponent", "20180105 083100;1e9;1.3;1.1;1.2;0", "open"},
                                           BadRow{"negative_volume", "20180105 083100;1.2;1.3;1.1;1.2;-1", "volume"},
                                           BadRow{"missing_column", "20180105 083100;1.2;1.3;1.1;1.2", "row"},
                                           BadRow{"further_column", "20180105 083100;1.2;1.3;1.1;1.2;0;9", "row"},
                                           BadRow{"off_the_grid", "20180105 083117;1.2;1.3;1.1;1.2;0", "time"},
                                           BadRow{"no_such_day", "20180230 083100;1.2;1.3;1.1;1.2;0", "time"},
                                           BadRow{"no_such_hour", "20180105 253100;1.2;1.3;1.1;1.2;0", "time"},
                                           BadRow{"buddhist_year", "25610105 083100;1.2;1.3;1.1;1.2;0", "time"},
                                           BadRow{"points_among_prices",
                                                  "20180105 083100;120000;130000;110000;120000;0", "low"},
                                           BadRow{"empty_line", "", "row"}),
                         [](const auto& one) { return one.param.name; });

TEST(BarDefects, a_file_of_buddhist_years_is_refused_and_told_why) {
  const Read read = read_text(
      kHistDataName, minute_rows(20, [](int i) { return fmt::format("25610105 08{:02}00;1.2;1.3;1.1;1.2;0", i); }));
  ASSERT_TRUE(read.error);
  EXPECT_NE(read.error->message().find("Buddhist"), std::string::npos) << why(read);
}

TEST(BarDefects, a_file_of_integer_points_is_refused) {
  const Read read =
      read_text(kHistDataName,
                minute_rows(40, [](int i) { return fmt::format("20180105 08{:02}00;12000;13000;11000;12000;0", i); }));
  ASSERT_TRUE(read.error);
  EXPECT_EQ(read.error->code, ErrorCode::format_mismatch);
  EXPECT_EQ(read.error->line, 16u);
  EXPECT_NE(read.error->found.find("points"), std::string::npos) << why(read);
}

TEST(BarDefects, a_first_bar_of_another_scale_does_not_throw_the_rest_away) {
  const auto row = [](int i, const char* price) {
    return fmt::format("20180105 08{0:02}00;{1};{1};{1};{1};0", i, price);
  };
  const Read read = read_text(kHistDataName, minute_rows(40, [&](int i) { return row(i, i == 0 ? "12.1" : "1.2"); }));
  ASSERT_TRUE(read.error);
  EXPECT_EQ(read.error->code, ErrorCode::format_mismatch);
  EXPECT_EQ(read.error->line, 4u);
  EXPECT_NE(read.error->expected.find("12.1 in line 1"), std::string::npos) << why(read);
  EXPECT_NE(read.error->found.find("1.2, and 3 rows"), std::string::npos) << why(read);
  // Damage here and there agrees with nothing.
  const Read damaged = read_text(kHistDataName, minute_rows(40, [&](int i) {
                                   return row(i, i % 3 == 0 ? "1.2" : i % 3 == 1 ? "12.1" : "0.12");
                                 }));
  ASSERT_FALSE(damaged.error) << why(damaged);
  EXPECT_EQ(damaged.stats.bad_rows, 26u);
}

TEST(BarDefects, daily_rows_inside_an_hourly_file_are_refused_with_their_line) {
  std::string text = "time,open,high,low,close\n";
  for (int day = 1; day <= 9; ++day) text += fmt::format("2014-05-{:02}T00:00:00Z,1284.1,1284.5,1283.7,1284.2\n", day);
  for (int hour = 0; hour < 24; ++hour)
    text += fmt::format("2014-05-12T{:02}:00:00Z,1284.1,1284.5,1283.7,1284.2\n", hour);
  const Read read = read_text("x_xauusd_h1_bid.csv", text, {.stamp = "open"});
  ASSERT_TRUE(read.error);
  EXPECT_EQ(read.error->code, ErrorCode::format_mismatch);
  EXPECT_EQ(read.error->line, 5u);
  EXPECT_NE(read.error->found.find("longer period"), std::string::npos) << why(read);
}

TEST(BarDefects, a_daily_row_among_hourly_ones_of_the_same_time_is_counted) {
  std::string text = "time,open,high,low,close\n";
  for (int hour = 0; hour < 5; ++hour)
    text += fmt::format("2014-05-12T{:02}:00:00Z,1284.1,1284.5,1283.7,1284.2\n", hour);
  text += "2014-05-12T00:00:00Z,1284.1,1299.5,1270.7,1290.2\n";
  const Read read = read_text("x_xauusd_h1_bid.csv", text, {.stamp = "open"});
  ASSERT_FALSE(read.error) << why(read);
  EXPECT_EQ(read.stats.backwards, 1u);
  EXPECT_EQ(read.bars.size(), 5u);
}

TEST(BarDefects, gaps_within_a_session_and_crossed_closes_are_counted_weekends_are_no_gap) {
  // Friday 16:58, 16:59, Sunday 17:00 and 17:03 New York: one gap, and the weekend.
  const Read read = read_text(kHistDataName,
                              "20180105 165800;1.2;1.3;1.1;1.2;0\n20180105 165900;1.2;1.3;1.1;1.2;0\n"
                              "20180107 170000;1.2;1.3;1.1;1.2;0\n20180107 170300;1.2;1.3;1.1;1.2;0\n");
  ASSERT_FALSE(read.error) << why(read);
  EXPECT_EQ(read.stats.gaps, 1u);

  const std::string crossed = "0,1284.1,1284.4,1283.7,1283.9,0,1284.0,1284.8,1283.1,1283.3,0\n";
  EXPECT_EQ(read_text("oanda_xauusd_m1_20140502.csv", crossed).stats.crossed, 1u);
  const Read strict = read_text("oanda_xauusd_m1_20140502.csv", crossed, {.strict = true});
  ASSERT_TRUE(strict.error);
  EXPECT_EQ(strict.error->code, ErrorCode::crossed_quote);
}

// Rows with bytes changed, doubled and lost: whatever is taken is a bar, and nothing is taken that could not be read again.
TEST(BarDefects, no_damage_to_a_row_makes_a_bar_that_is_none) {
  std::mt19937_64 random(5);
  const std::array<std::pair<const char*, std::string>, 3> files = {
      std::pair{kHistDataName, std::string("20180105 083000;1.200370;1.201000;1.200360;1.200990;0\n")},
      std::pair{"oanda_xauusd_m1_20140502.csv",
                std::string("0,1284.065,1284.446,1283.794,1283.931,3,1284.405,1284.869,1284.123,1284.316,4\n")},
      std::pair{"mt5_xauusd_m5_2025.csv",
                std::string("<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\r\n"
                            "2025.01.02\t01:00:00\t2624.81\t2625.07\t2624.25\t2625.00\t124\t0\t43\r\n")}};
  const FeedFolder folder;
  std::uint64_t taken = 0;
  std::uint64_t refused = 0;
  for (int round = 0; round < (test::is_long_run() ? 100'000 : 1'500); ++round) {
    const auto& [name, valid] = files[random() % files.size()];
    std::string text;
    for (int copy = 0; copy < 3; ++copy) text += valid;
    for (std::uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.insert(at, 1, text[random() % text.size()]); break;
        default: text.erase(at, 1 + random() % 4);
      }
      if (text.empty()) text = "x";
    }
    const Read read = read_bars(folder.write(name, text), {.clock = "utc"});
    std::int64_t before_s = 0;
    for (const FileBar& bar : read.bars) {
      EXPECT_GT(bar.bar.end_s, before_s) << text;
      before_s = bar.bar.end_s;
      EXPECT_EQ(bar.bar.end_s % 60, 0u) << text;
      EXPECT_GE(bar.bar.bid.high_e9, std::max(bar.bar.bid.open_e9, bar.bar.bid.close_e9)) << text;
      EXPECT_LE(bar.bar.bid.low_e9, std::min(bar.bar.bid.open_e9, bar.bar.bid.close_e9)) << text;
      EXPECT_GT(bar.bar.bid.low_e9, 0) << text;
    }
    taken += read.bars.size();
    refused += read.stats.bad_rows + (read.error ? 1 : 0);
  }
  EXPECT_GT(taken, 100u);
  EXPECT_GT(refused, 100u);
}

TEST(BarDefects, a_file_without_line_ends_is_refused_instead_of_gathered_into_memory) {
  const Read read =
      read_text(kHistDataName, fmt::format("20180105 083000;1.2;1.3;1.1;1.2;0\n{}", std::string(2'000'000, '7')));
  ASSERT_TRUE(read.error);
  EXPECT_EQ(read.error->code, ErrorCode::format_mismatch);
  EXPECT_EQ(read.error->line, 2u);
}

}  // namespace
}  // namespace thintail
