// SPDX-License-Identifier: Apache-2.0
// Every recorded bar file is read as its publisher meant it; and bars resampled from minutes equal those built from the
// ticks, and those that other code makes of the same minutes.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "adapters/feeds/bar_reader.hpp"
#include "tests/support/real_ticks.hpp"

namespace thintail {
namespace {

using namespace std::chrono;  // NOLINT: dates read best in its notation

std::filesystem::path bars_path(const std::string& name) { return test::data_dir() / "bars" / name; }

struct BarFileRead {
  std::vector<FileBar> bars;
  BarStats stats;
  BarFile file;
};

BarFileRead read_bars(const std::filesystem::path& path, const BarFileOptions& options = {}) {
  InstrumentTable instruments;
  BarFileRead out;
  auto file = identify_bar_file(path.string(), options, instruments);
  if (!file) {
    ADD_FAILURE() << file.error().message();
    return out;
  }
  out.file = *file;
  auto reader = BarReader::open(*file, instruments, options.strict);
  if (!reader) {
    ADD_FAILURE() << reader.error().message();
    return out;
  }
  FileBar bar;
  while ((*reader)->next(bar)) out.bars.push_back(bar);
  if ((*reader)->error()) ADD_FAILURE() << (*reader)->error()->message();
  out.stats = (*reader)->stats();
  if (out.stats.first_bad_row) ADD_FAILURE() << out.stats.first_bad_row->message();
  return out;
}

// By period and UTC second of the end.
using Bars = std::map<std::pair<BarPeriod, std::int64_t>, ClosedBar>;

Bars resampled(const std::vector<FileBar>& bars) {
  Bars out;
  BarResampler resampler(Zone::new_york(), bars.front().bar.period);
  for (const FileBar& bar : bars) {
    resampler.add(bar.bar, bar.volume, [&](const ClosedBar& closed, double) {
      EXPECT_TRUE(out.emplace(std::pair(closed.period, closed.end_s), closed).second) << "a bar closes once";
    });
  }
  return out;
}

bool same_prices(const ClosedBar& a, const ClosedBar& b) { return a.bid == b.bid && a.ask == b.ask; }

struct Compared {
  std::size_t equal = 0;
  std::size_t different = 0;
  std::size_t missing = 0;
};

Compared compare(const Bars& ours, const Bars& theirs, BarPeriod period) {
  Compared out;
  for (const auto& [key, bar] : ours) {
    if (key.first != period) continue;
    const auto found = theirs.find(key);
    if (found == theirs.end()) {
      ++out.missing;
    } else {
      ++(same_prices(bar, found->second) ? out.equal : out.different);
    }
  }
  return out;
}

TEST(BarData, gold_minutes_give_the_longer_bars_that_the_ticks_of_the_day_gave) {
  for (const std::string day : {"20140502", "20140506"}) {
    const std::string ticks = "oanda_xauusd_tick_" + day + ".csv.zst";
    const auto minutes = bars_path("oanda_xauusd_m1_bidask_" + day + ".csv.zst");
    TT_REQUIRE_DATA(test::data_dir() / "ticks" / ticks);
    TT_REQUIRE_DATA(minutes);
    InstrumentTable instruments;
    BarBuilder builder(Zone::new_york());
    Bars from_ticks;
    const auto keep = [&](const ClosedBar& bar) { from_ticks.emplace(std::pair(bar.period, bar.end_s), bar); };
    std::int64_t last_ns = 0;
    for (const Event& event : test::real_ticks({ticks}, instruments)) {
      const auto tick = event.as<Tick>();
      last_ns = std::max(last_ns, tick.venue_ns);
      builder.close_until(last_ns, keep);
      builder.add(tick.bid_e9, tick.ask_e9, last_ns);
    }
    builder.close_until((last_ns / 60'000'000'000 + 1) * 60'000'000'000, keep);
    Bars from_minutes = resampled(read_bars(minutes).bars);
    ASSERT_EQ(from_minutes.size(), from_ticks.size());
    for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
      const auto period = static_cast<BarPeriod>(i);
      const Compared result = compare(from_ticks, from_minutes, period);
      EXPECT_EQ(result.different + result.missing, 0u) << kBarPeriodNames[i];
      EXPECT_GT(result.equal, period == BarPeriod::d1 ? 0u : 4u) << kBarPeriodNames[i];
    }
    from_minutes.begin()->second.bid.low_e9 -= 1;  // the comparison can fail
    EXPECT_EQ(compare(from_ticks, from_minutes, BarPeriod::m1).different, 1u);
  }
}

TEST(BarData, gold_minutes_give_the_published_hours_of_the_day) {
  const auto minutes = bars_path("oanda_xauusd_m1_bidask_20140506.csv.zst");
  const auto hours = bars_path("oanda_xauusd_h1_bidask.csv.zst");
  TT_REQUIRE_DATA(minutes);
  TT_REQUIRE_DATA(hours);
  Bars published;
  for (const FileBar& bar : read_bars(hours).bars) published.emplace(std::pair(BarPeriod::h1, bar.bar.end_s), bar.bar);
  const Compared result = compare(resampled(read_bars(minutes).bars), published, BarPeriod::h1);
  // Of the hour after the daily break the publisher's two files differ among themselves (1308.328 and 1308.823 as its high).
  EXPECT_EQ(result.equal, 23u);
  EXPECT_EQ(result.different, 1u);
  EXPECT_EQ(result.missing, 0u);
}

// --- an independent aggregation ----------------------------------------------------------------------------------------

// New York's offset by the rule of the law, not by the system's database: DST from the second Sunday of March, 2:00, to the
// first Sunday of November, 2:00.
std::int64_t new_york_offset_s(std::int64_t utc_s, bool with_dst) {
  const year_month_day date{floor<days>(sys_seconds(seconds(utc_s)))};
  const sys_seconds begin = sys_days(date.year() / March / Sunday[2]) + hours(7);
  const sys_seconds end = sys_days(date.year() / November / Sunday[1]) + hours(6);
  const sys_seconds now{seconds(utc_s)};
  return with_dst && now >= begin && now < end ? -4 * 3600 : -5 * 3600;
}

// End of the period that a minute belongs to, from the minute's start.
std::int64_t end_of_period(BarPeriod period, std::int64_t start_s, bool with_dst) {
  const std::int64_t length = std::array{60, 300, 900, 1'800, 3'600, 14'400, 86'400}[static_cast<std::size_t>(period)];
  if (period < BarPeriod::h4) return start_s / length * length + length;
  const std::int64_t offset = new_york_offset_s(start_s, with_dst);
  const std::int64_t since_17h = start_s + offset + 7 * 3600;  // 17:00 becomes midnight
  return since_17h / length * length + length - 7 * 3600 - offset;
}

Bars grouped(const std::vector<FileBar>& minutes, bool with_dst) {
  Bars out;
  for (const FileBar& minute : minutes) {
    for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
      const auto period = static_cast<BarPeriod>(i);
      const std::int64_t end_s = end_of_period(period, minute.bar.end_s - 60, with_dst);
      auto [at, is_new] = out.try_emplace(std::pair(period, end_s), minute.bar);
      ClosedBar& bar = at->second;
      if (is_new) continue;
      bar.bid.high_e9 = std::max(bar.bid.high_e9, minute.bar.bid.high_e9);
      bar.bid.low_e9 = std::min(bar.bid.low_e9, minute.bar.bid.low_e9);
      bar.bid.close_e9 = minute.bar.bid.close_e9;
    }
  }
  return out;
}

std::int64_t utc_s(sys_days day, hours time) { return (sys_seconds(day) + time).time_since_epoch().count(); }

TEST(BarData, a_year_of_histdata_minutes_gives_the_bars_that_an_independent_grouping_gives) {
  const auto path = bars_path("histdata_xauusd_m1_2019.csv.zst");
  TT_REQUIRE_DATA(path);
  const auto minutes = read_bars(path, {.clock = "histdata-2019"}).bars;
  const Bars ours = resampled(minutes);
  const Bars theirs = grouped(minutes, true);
  for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
    const auto period = static_cast<BarPeriod>(i);
    const Compared result = compare(ours, theirs, period);
    EXPECT_EQ(result.different + result.missing, 0u) << kBarPeriodNames[i];
    // What ended with the file's last minute may not have closed.
    const auto count = std::ranges::count_if(theirs, [&](const auto& bar) { return bar.first.first == period; });
    EXPECT_LE(static_cast<std::size_t>(count) - result.equal, 1u) << kBarPeriodNames[i];
    EXPECT_GT(result.equal, 250u) << kBarPeriodNames[i];
  }
  // Planted: an FX day that knows no DST.
  const Compared planted = compare(ours, grouped(minutes, false), BarPeriod::d1);
  EXPECT_GT(planted.different + planted.missing, 150u);

  // The weeks in which the United States and Europe have changed their clocks on different dates, and those around them.
  const auto has_day_ending = [&](sys_days day, int hour) {
    return ours.contains({BarPeriod::d1, utc_s(day, hours(hour))}) &&
           ours.contains({BarPeriod::h4, utc_s(day, hours(hour - 4))});
  };
  for (const auto& [day, hour] : std::initializer_list<std::pair<sys_days, int>>{
           {2019y / 3 / 8, 22},  // Friday before the US change
           {2019y / 3 / 11, 21},  // Monday after it: Europe is still on winter time
           {2019y / 3 / 29, 21},  // Friday before the European change
           {2019y / 4 / 1, 21},  // Monday after it
           {2019y / 10 / 25, 21},  // Friday before Europe goes back
           {2019y / 10 / 28, 21},  // Monday after it: the US is still on summer time
           {2019y / 11 / 1, 21},  // Friday before the US goes back
           {2019y / 11 / 4, 22}}) {
    EXPECT_TRUE(has_day_ending(day, hour)) << day.time_since_epoch().count() << ' ' << hour;
    EXPECT_FALSE(ours.contains({BarPeriod::d1, utc_s(day, hours(hour == 21 ? 22 : 21))}))
        << day.time_since_epoch().count();
  }
}

// --- every file --------------------------------------------------------------------------------------------------------

struct Known {
  const char* name;
  BarFileOptions options;
  BarPeriod period;
  std::size_t bars;
  std::uint64_t repeated;
};

std::vector<Known> known_files() {
  const BarFileOptions own{};
  const BarFileOptions histdata_2019{.clock = "histdata-2019"};
  return {{"histdata_xauusd_m1_2018.csv.zst", own, BarPeriod::m1, 353'778, 0},
          {"histdata_xauusd_m1_2019.csv.zst", histdata_2019, BarPeriod::m1, 352'688, 60},
          {"histdata_eurusd_m1_2018.csv.zst", own, BarPeriod::m1, 372'607, 0},
          {"histdata_eurusd_m1_2019.csv.zst", histdata_2019, BarPeriod::m1, 372'530, 60},
          {"histdata_gbpusd_m1_2019.csv.zst", histdata_2019, BarPeriod::m1, 372'396, 60},
          {"histdata_usdjpy_m1_2019.csv.zst", histdata_2019, BarPeriod::m1, 372'585, 60},
          {"mt5_xauusd_m5_2025.csv.zst", {.clock = "mt5-eu"}, BarPeriod::m5, 58'230, 0},
          {"mt5_xauusd_m15_2024_2026.csv.zst", {.clock = "mt5-us"}, BarPeriod::m15, 50'000, 0},
          {"mt5_xauusd_m1_20251219_20260325.csv.zst", {.clock = "mt5-eu"}, BarPeriod::m1, 90'000, 0},
          {"oanda_xauusd_h1_bidask.csv.zst", own, BarPeriod::h1, 76'499, 0},
          {"oanda_xauusd_m1_bidask_20140502.csv.zst", own, BarPeriod::m1, 1'257, 0},
          {"oanda_xauusd_m1_bidask_20140506.csv.zst", own, BarPeriod::m1, 1'385, 0},
          {"fxcm_gbpusd_m1_bid_201202.csv.zst", {.stamp = "open"}, BarPeriod::m1, 30'117, 0},
          {"fxcm_gbpusd_m1_ask_201202.csv.zst", {.stamp = "open"}, BarPeriod::m1, 30'117, 0}};
}

TEST(BarData, every_row_of_every_file_is_a_bar_or_an_exact_repetition) {
  for (const Known& known : known_files()) {
    TT_REQUIRE_DATA(bars_path(known.name));
    SCOPED_TRACE(known.name);
    const BarFileRead read = read_bars(bars_path(known.name), known.options);
    EXPECT_EQ(read.file.period, known.period);
    EXPECT_EQ(read.bars.size() + read.stats.repeated, known.bars);
    EXPECT_EQ(read.stats.repeated, known.repeated);
    EXPECT_EQ(read.stats.backwards, 0u);
    EXPECT_EQ(read.stats.bad_rows, 0u);
    EXPECT_EQ(read.stats.crossed, 0u);
  }
}

TEST(BarData, histdata_of_2019_is_refused_by_the_clock_of_2018) {
  const auto path = bars_path("histdata_eurusd_m1_2019.csv.zst");
  TT_REQUIRE_DATA(path);
  InstrumentTable instruments;
  const auto unnamed = identify_bar_file(path.string(), {}, instruments);
  ASSERT_FALSE(unnamed);
  EXPECT_EQ(unnamed.error().code, ErrorCode::clock_missing);
  const auto file = identify_bar_file(path.string(), {.clock = "histdata-2018"}, instruments);
  ASSERT_TRUE(file);
  const auto reader = BarReader::open(*file, instruments, false);
  ASSERT_TRUE(reader);
  FileBar bar;
  while ((*reader)->next(bar)) {
  }
  ASSERT_TRUE((*reader)->error());
  EXPECT_EQ((*reader)->error()->code, ErrorCode::time_backwards);
}

TEST(BarData, histdatas_minutes_are_dukascopys_bid_candles) {
  const auto histdata = bars_path("histdata_eurusd_m1_2019.csv.zst");
  const auto candles = test::data_dir() / "ticks" / "dukascopy_eurusd_20190204_BID_candles_min_1.bi5";
  TT_REQUIRE_DATA(histdata);
  TT_REQUIRE_DATA(candles);
  std::map<std::uint32_t, Ohlc> minutes;
  for (const FileBar& bar : read_bars(histdata, {.clock = "histdata-2019"}).bars) minutes[bar.bar.end_s] = bar.bar.bid;
  const auto day = read_bars(candles).bars;
  EXPECT_EQ(day.size(), 1'440u);
  std::size_t equal = 0;
  for (const FileBar& bar : day) equal += minutes.contains(bar.bar.end_s) && minutes[bar.bar.end_s] == bar.bar.bid;
  EXPECT_GE(equal, 1'400u);
}

}  // namespace
}  // namespace thintail
