// SPDX-License-Identifier: Apache-2.0
// The feed over every public tick file: rows, defects and times as measured when the files were collected
// (shared/data/README.md).
#include <gtest/gtest.h>

#include <cmath>

#include "adapters/feeds/file_feed.hpp"
#include "tests/support/data.hpp"
#include "tests/support/feed_files.hpp"

namespace thintail {
namespace {

constexpr std::uint64_t kUnstated = ~std::uint64_t{0};

struct AnswerKey {
  const char* file;
  std::uint64_t rows;
  std::uint64_t crossed;
  std::uint64_t locked;
  std::uint64_t same_time;
};

constexpr AnswerKey kAnswers[] = {
    {"oanda_xauusd_tick_20140501.csv.zst", 129'744, 0, 0, kUnstated},
    {"oanda_xauusd_tick_20140502.csv.zst", 265'015, 0, 0, kUnstated},
    {"oanda_xauusd_tick_20140504.csv.zst", 9'889, 0, 0, kUnstated},
    {"oanda_xauusd_tick_20140505.csv.zst", 186'204, 0, 0, kUnstated},
    {"oanda_xauusd_tick_20140506.csv.zst", 161'552, 0, 0, kUnstated},
    {"oanda_xauusd_tick_20140507.csv.zst", 219'809, 0, 0, kUnstated},
    {"fxcm_eurusd_tick_20140502.csv.zst", 96'406, 12'061, 13'004, kUnstated},
    {"fxcm_eurusd_tick_20140504.csv.zst", 8'025, 174, 259, kUnstated},
    {"fxcm_eurusd_tick_20140505.csv.zst", 58'143, 4'987, 7'109, kUnstated},
    {"fxcm_eurusd_tick_20140506.csv.zst", 102'682, 9'999, 12'154, kUnstated},
    {"oanda_eurusd_tick_20140502.csv.zst", 49'341, 0, 0, 277},
    {"oanda_eurusd_tick_20140506.csv.zst", 44'864, 0, 0, 304},
    {"oanda_eurusd_tick_20140508.csv.zst", 87'833, 0, 0, 1'562},
    {"dukascopy_eurusd_20190204_00h_ticks.bi5", 3'733, 0, 0, kUnstated},
    {"dukascopy_eurusd_20190204_10h_ticks.bi5", 8'438, 0, 0, kUnstated},
    {"dukascopy_eurusd_20190204_23h_ticks.bi5", 2'633, 0, 0, kUnstated},
    {"dukascopy_eurusd_20260713_12h.json", 3'551, 0, 0, kUnstated},
    {"truefx_usdjpy_20130101.csv", 1'000, 0, 1, 7},
    {"histdata_eurusd_tick_20200101.csv.zst", 9'500, 0, kUnstated, kUnstated},
};

std::filesystem::path ticks_dir() { return test::data_dir() / "ticks"; }

std::vector<Event> events_of(const std::string& path, const FileFeedOptions& options = {}) {
  InstrumentTable instruments;
  auto feed = FileFeed::open({path}, options, instruments);
  EXPECT_TRUE(feed.has_value()) << feed.error().message();
  std::vector<Event> events;
  Event event;
  while (feed->poll(event)) events.push_back(event);
  EXPECT_FALSE(feed->error()) << feed->error()->message();
  return events;
}

TEST(feed_data, every_file_has_the_rows_and_defects_that_were_measured) {
  TT_REQUIRE_DATA(ticks_dir());
  for (const AnswerKey& answer : kAnswers) {
    InstrumentTable instruments;
    auto feed = FileFeed::open({ticks_dir() / answer.file}, {}, instruments);
    ASSERT_TRUE(feed.has_value()) << feed.error().message();
    Event event;
    std::uint64_t ticks = 0;
    std::int64_t last_ns = 0;
    while (feed->poll(event)) {
      ASSERT_GE(event.time_ns, last_ns);
      ASSERT_EQ(event.as<Tick>().source_sequence, ++ticks);
      last_ns = event.time_ns;
    }
    ASSERT_FALSE(feed->error()) << feed->error()->message();
    const FeedStats& stats = feed->stats();
    EXPECT_EQ(ticks, answer.rows) << answer.file;
    EXPECT_EQ(stats.rows, answer.rows) << answer.file;
    EXPECT_EQ(stats.ticks, answer.rows) << answer.file;
    EXPECT_EQ(stats.bad_rows, 0U) << answer.file;
    EXPECT_EQ(stats.backwards, 0U) << answer.file;
    EXPECT_EQ(stats.crossed, answer.crossed) << answer.file;
    if (answer.locked != kUnstated) {
      EXPECT_EQ(stats.locked, answer.locked) << answer.file;
    }
    if (answer.same_time != kUnstated) {
      EXPECT_EQ(stats.same_time, answer.same_time) << answer.file;
    }
  }
}

TEST(feed_data, first_and_last_rows_are_read_exactly) {
  TT_REQUIRE_DATA(ticks_dir());
  constexpr std::int64_t kMidnightNs = 1'398'988'800'000'000'000;  // 2014-05-02
  const auto gold = events_of(ticks_dir() / "oanda_xauusd_tick_20140502.csv.zst");
  EXPECT_EQ(gold.front().time_ns, kMidnightNs + 46'204'200);
  EXPECT_EQ(gold.front().as<Tick>().bid_e9, 1'284'065'000'000);
  EXPECT_EQ(gold.back().time_ns, kMidnightNs + 75'598'570'086'000);
  EXPECT_EQ(gold.back().as<Tick>().ask_e9, 1'300'267'000'000);

  const auto json = events_of(ticks_dir() / "dukascopy_eurusd_20260713_12h.json");
  EXPECT_EQ(json.back().as<Tick>().ask_e9, 1'143'100'000);
  EXPECT_EQ(json.back().as<Tick>().bid_e9, 1'143'090'000);

  const auto truefx = events_of(ticks_dir() / "truefx_usdjpy_20130101.csv");
  EXPECT_EQ(truefx.front().time_ns, 1'357'077'600'295'000'000);  // 22:00:00.295 UTC
  EXPECT_EQ(truefx.back().time_ns, 1'357'079'713'494'000'000);   // 22:35:13.494

  const auto histdata = events_of(ticks_dir() / "histdata_eurusd_tick_20200101.csv.zst");
  EXPECT_EQ(histdata.front().time_ns, 1'577'916'000'065'000'000);  // 17:00:00.065 in New York is 22:00 UTC
}

TEST(feed_data, dukascopy_spreads_and_sizes_are_plausible) {
  TT_REQUIRE_DATA(ticks_dir());
  for (const char* hour : {"00", "10", "23"}) {
    for (const Event& event :
         events_of(ticks_dir() / ("dukascopy_eurusd_20190204_" + std::string(hour) + "h_ticks.bi5"))) {
      const Tick tick = event.as<Tick>();
      const std::int64_t spread_points = (tick.ask_e9 - tick.bid_e9) / 10'000;
      ASSERT_GE(spread_points, 1);
      ASSERT_LE(spread_points, 15);
      ASSERT_GE(tick.ask_size, 10'000.0F);
      ASSERT_LE(tick.ask_size, 1e9F);
    }
  }
}

TEST(feed_data, candle_files_are_refused) {
  TT_REQUIRE_DATA(ticks_dir());
  const auto candles = ticks_dir() / "dukascopy_eurusd_20190204_BID_candles_min_1.bi5";
  const test::FeedFolder folder;
  const std::string renamed = folder.write("dukascopy_eurusd_20190204_10h_ticks.bi5", test::feed_file_bytes(candles));
  for (const std::string& path : {candles.string(), renamed}) {
    InstrumentTable instruments;
    const auto feed = FileFeed::open({path}, {}, instruments);
    ASSERT_FALSE(feed.has_value()) << path;
    EXPECT_EQ(feed.error().code, ErrorCode::format_mismatch);
  }
}

TEST(feed_data, half_a_bi5_file_is_never_taken_for_a_whole_one) {
  TT_REQUIRE_DATA(ticks_dir());
  const std::string name = "dukascopy_eurusd_20190204_10h_ticks.bi5";
  const std::string bytes = test::feed_file_bytes(ticks_dir() / name);
  const test::FeedFolder folder;
  InstrumentTable instruments;
  auto feed = FileFeed::open({folder.write(name, bytes.substr(0, bytes.size() / 2))}, {}, instruments);
  ASSERT_TRUE(feed.has_value()) << feed.error().message();
  Event event;
  std::uint64_t ticks = 0;
  while (feed->poll(event)) ++ticks;
  EXPECT_GT(ticks, 1'000U);
  EXPECT_LT(ticks, 8'438U);
  ASSERT_TRUE(feed->error());
  EXPECT_EQ(feed->error()->code, ErrorCode::compressed_truncated);
}

TEST(feed_data, strictly_fxcm_is_refused_for_its_crossed_quotes) {
  TT_REQUIRE_DATA(ticks_dir());
  InstrumentTable instruments;
  auto feed = FileFeed::open({ticks_dir() / "fxcm_eurusd_tick_20140502.csv.zst"}, {.strict = true}, instruments);
  ASSERT_TRUE(feed.has_value());
  Event event;
  while (feed->poll(event)) {
  }
  ASSERT_TRUE(feed->error());
  EXPECT_EQ(feed->error()->code, ErrorCode::crossed_quote);
}

// Mean distance of FXCM's mid from OANDA's latest one, over the ticks where OANDA's is less than a minute
// old.
double mid_distance(const std::vector<Event>& oanda, const std::vector<Event>& fxcm) {
  double sum = 0;
  std::uint64_t count = 0;
  std::size_t at = 0;
  for (const Event& event : fxcm) {
    while (at + 1 < oanda.size() && oanda[at + 1].time_ns <= event.time_ns) ++at;
    if (oanda[at].time_ns > event.time_ns || event.time_ns - oanda[at].time_ns > 60'000'000'000) continue;
    const Tick a = oanda[at].as<Tick>();
    const Tick b = event.as<Tick>();
    sum += std::abs(static_cast<double>(a.bid_e9 + a.ask_e9 - b.bid_e9 - b.ask_e9)) / 2e9;
    ++count;
  }
  EXPECT_GT(count, 50'000U);
  return sum / static_cast<double>(count);
}

TEST(feed_data, fxcm_agrees_with_oanda_at_utc_minus_5_and_at_no_other_clock) {
  TT_REQUIRE_DATA(ticks_dir());
  const auto oanda = events_of(ticks_dir() / "oanda_eurusd_tick_20140502.csv.zst");
  const std::string path = ticks_dir() / "fxcm_eurusd_tick_20140502.csv.zst";
  EXPECT_LT(mid_distance(oanda, events_of(path)), 0.00002);
  EXPECT_GT(mid_distance(oanda, events_of(path, {.clock = "utc-4"})), 0.001);
  EXPECT_GT(mid_distance(oanda, events_of(path, {.clock = "utc-6"})), 0.001);
}

TEST(feed_data, a_merge_of_all_files_holds_every_tick_in_order) {
  TT_REQUIRE_DATA(ticks_dir());
  std::vector<std::string> paths;
  std::uint64_t rows = 0;
  for (const AnswerKey& answer : kAnswers) {
    paths.insert(paths.begin(), (ticks_dir() / answer.file).string());  // not in the order of time
    rows += answer.rows;
  }
  InstrumentTable instruments;
  auto feed = FileFeed::open(paths, {}, instruments);
  ASSERT_TRUE(feed.has_value());
  Event event;
  Event last{};
  std::uint64_t ticks = 0;
  while (feed->poll(event)) {
    ASSERT_GE(event.time_ns, last.time_ns);
    if (event.time_ns == last.time_ns) {
      ASSERT_GE(event.instrument, last.instrument);
    }
    last = event;
    ++ticks;
  }
  EXPECT_FALSE(feed->error());
  EXPECT_EQ(ticks, rows);
  EXPECT_EQ(feed->progress(), 1.0);
}

}  // namespace
}  // namespace thintail
