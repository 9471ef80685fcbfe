// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/file_feed.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/support/feed_files.hpp"

namespace thintail {
namespace {

// 2014-05-02 00:00 UTC
constexpr std::int64_t kMidnightNs = 1'398'988'800'000'000'000;
constexpr std::int64_t kMs = 1'000'000;

struct Outcome {
  std::vector<Event> events;
  FeedStats stats;
  std::optional<Error> error;  // of open() or of the run
  double progress = 0;

  std::vector<std::int64_t> times_ms() const {
    std::vector<std::int64_t> out;
    for (const Event& event : events) out.push_back((event.time_ns - kMidnightNs) / kMs);
    return out;
  }
  std::string order() const {  // "0:1 1:1": instrument and row of each event
    std::string out;
    for (const Event& event : events) {
      out += std::to_string(event.instrument) + ":" + std::to_string(event.as<Tick>().source_sequence) + " ";
    }
    return out;
  }
};

Outcome run(const std::vector<std::string>& paths, const FileFeedOptions& options = {}) {
  InstrumentTable instruments;
  Outcome out;
  auto feed = FileFeed::open(paths, options, instruments);
  if (!feed) {
    out.error = feed.error();
    return out;
  }
  Event event;
  while (feed->poll(event)) out.events.push_back(event);
  EXPECT_FALSE(feed->poll(event)) << "an end must stay one";
  out.stats = feed->stats();
  out.error = feed->error();
  out.progress = feed->progress();
  return out;
}

ErrorCode code_of(const Outcome& result) { return result.error ? result.error->code : ErrorCode::internal; }

const std::string kGold = "oanda_xauusd_tick_20140502.csv";
const std::string kEuro = "oanda_eurusd_tick_20140502.csv";

TEST(file_feed, gives_tick_events_with_all_their_fields) {
  const test::FeedFolder folder;
  const Outcome got = run({folder.write(kGold, "46.2042,1284.065,1284.405\n49.769,1284.081,1284.44")});
  ASSERT_FALSE(got.error);
  ASSERT_EQ(got.events.size(), 2U);
  const Event& event = got.events[0];
  EXPECT_EQ(event.sequence, 0U);
  EXPECT_EQ(event.type, EventType::tick);
  EXPECT_EQ(event.flags, 0U);
  EXPECT_EQ(event.instrument, 0U);
  EXPECT_EQ(event.time_ns, kMidnightNs + 46'204'200);
  const Tick tick = event.as<Tick>();
  EXPECT_EQ(tick.venue_ns, event.time_ns);
  EXPECT_EQ(tick.bid_e9, 1'284'065'000'000);
  EXPECT_EQ(tick.ask_e9, 1'284'405'000'000);
  EXPECT_EQ(tick.source_sequence, 1U);
  EXPECT_EQ(got.progress, 1.0);
}

TEST(file_feed, names_instruments_by_symbol_and_venue) {
  const test::FeedFolder folder;
  InstrumentTable instruments;
  const auto feed = FileFeed::open({folder.write(kGold, "1,2,3"), folder.write(kEuro, "1,2,3")}, {}, instruments);
  ASSERT_TRUE(feed.has_value());
  ASSERT_EQ(instruments.size(), 2U);
  EXPECT_EQ(instruments[0].name(), "XAUUSD@oanda");
  EXPECT_EQ(instruments[1].name(), "EURUSD@oanda");
}

TEST(file_feed, the_clock_of_the_source_makes_utc) {
  const test::FeedFolder folder;
  const Outcome got = run({folder.write("fxcm_eurusd_tick_20140502.csv", "611,1.38626,1.38627\r\n")});
  ASSERT_EQ(got.events.size(), 1U);
  EXPECT_EQ(got.events[0].time_ns, kMidnightNs + 5 * 3'600'000 * kMs + 611 * kMs);
}

TEST(file_feed, the_latency_of_a_source_moves_receipt_but_not_the_venue_stamp) {
  const test::FeedFolder folder;
  FileFeedOptions options;
  options.sources["oanda_"] = {.venue = "oanda", .clock = "utc", .latency_ns = 3 * kMs};
  const Outcome got = run({folder.write(kGold, "10,2,3\n")}, options);
  ASSERT_EQ(got.events.size(), 1U);
  EXPECT_EQ(got.events[0].time_ns, kMidnightNs + 13 * kMs);
  EXPECT_EQ(got.events[0].as<Tick>().venue_ns, kMidnightNs + 10 * kMs);
}

TEST(file_feed, merges_by_receive_time_then_instrument_then_order_of_naming) {
  const test::FeedFolder folder;
  const std::string gold = folder.write(kGold, "10,2,3\n20,2,3\n20,2,3\n40,2,3\n");
  const std::string euro = folder.write(kEuro, "5,2,3\n20,2,3\n30,2,3\n40,2,3\n");
  const std::string gold_again = folder.write("oanda_xauusd_late_20140502.csv", "20,2,3\n40,2,3\n");
  const Outcome got = run({gold, euro, gold_again});
  EXPECT_EQ(got.times_ms(), (std::vector<std::int64_t>{5, 10, 20, 20, 20, 20, 30, 40, 40, 40}));
  EXPECT_EQ(got.order(), "1:1 0:1 0:2 0:3 0:1 1:2 1:3 0:4 0:2 1:4 ");
  EXPECT_EQ(got.stats.ticks, 10U);
}

TEST(file_feed, the_order_of_naming_does_not_decide_the_order_of_days) {
  const test::FeedFolder folder;
  const std::string first = folder.write("oanda_xauusd_tick_20140501.csv", "10,2,3\n");
  const std::string second = folder.write("oanda_xauusd_tick_20140502.csv", "10,2,3\n");
  const Outcome got = run({second, first});
  EXPECT_EQ(got.times_ms(), (std::vector<std::int64_t>{10 - 86'400'000, 10}));
}

TEST(file_feed, hundreds_of_files_in_sequence_need_few_descriptors_and_little_memory) {
  const test::FeedFolder folder;
  std::vector<std::string> paths;
  for (int month = 1; month <= 12; ++month) {
    for (int day = 1; day <= 28; ++day) {
      std::string name = "oanda_xauusd_tick_" + std::to_string(20140000 + month * 100 + day);
      name += ".csv.zst";
      paths.push_back(folder.write(name, test::zstd_packed("1,2,3\n86399999,2,3\n")));
    }
  }
  const Outcome got = run(paths);
  EXPECT_EQ(got.events.size(), 2 * 336U);
  EXPECT_TRUE(std::ranges::is_sorted(got.events, {}, &Event::time_ns));
}

TEST(file_feed, counts_bad_rows_and_shows_the_first) {
  const test::FeedFolder folder;
  const std::string path = folder.write(kGold, "1,2,3\n2,abc,3\n3,2,3\nnonsense\n5,2,3\n");
  const Outcome got = run({path});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.times_ms(), (std::vector<std::int64_t>{1, 3, 5}));
  EXPECT_EQ(got.stats.rows, 5U);
  EXPECT_EQ(got.stats.ticks, 3U);
  EXPECT_EQ(got.stats.bad_rows, 2U);
  ASSERT_TRUE(got.stats.first_bad_row);
  EXPECT_EQ(got.stats.first_bad_row->code, ErrorCode::row_bad_field);
  EXPECT_EQ(got.stats.first_bad_row->file, path);
  EXPECT_EQ(got.stats.first_bad_row->line, 2U);
  EXPECT_EQ(got.stats.first_bad_row->field, "bid");
  EXPECT_EQ(got.stats.first_bad_row->expected, "a decimal price");
  EXPECT_EQ(got.stats.first_bad_row->found, "\"abc\"");
  EXPECT_EQ(got.events[1].as<Tick>().source_sequence, 3U);
}

TEST(file_feed, strictly_a_bad_row_ends_the_feed_after_the_rows_before_it) {
  const test::FeedFolder folder;
  const Outcome got = run({folder.write(kGold, "1,2,3\n2,abc,3\n3,2,3\n")}, {.strict = true});
  EXPECT_EQ(got.events.size(), 1U);
  EXPECT_EQ(code_of(got), ErrorCode::row_bad_field);
  EXPECT_EQ(got.error->line, 2U);
}

TEST(file_feed, keeps_crossed_and_locked_quotes_and_counts_them) {
  const test::FeedFolder folder;
  const std::string path = folder.write(kGold, "1,2,3\n2,3,2\n3,2,2\n");
  const Outcome got = run({path});
  EXPECT_EQ(got.events.size(), 3U);
  EXPECT_EQ(got.stats.crossed, 1U);
  EXPECT_EQ(got.stats.locked, 1U);

  const Outcome strictly = run({path}, {.strict = true});
  EXPECT_EQ(strictly.events.size(), 1U);
  EXPECT_EQ(code_of(strictly), ErrorCode::crossed_quote);
  EXPECT_EQ(strictly.error->line, 2U);
  EXPECT_EQ(strictly.error->expected, "at least the bid 3");
}

TEST(file_feed, holds_engine_time_where_a_file_goes_back) {
  const test::FeedFolder folder;
  const std::string path = folder.write(kGold, "10,2,3\n4,2,3\n4,2,3\n12,2,3\n");
  const Outcome got = run({path});
  EXPECT_EQ(got.times_ms(), (std::vector<std::int64_t>{10, 10, 10, 12}));
  EXPECT_EQ(got.events[1].as<Tick>().venue_ns, kMidnightNs + 4 * kMs);
  EXPECT_EQ(got.stats.backwards, 1U);
  EXPECT_EQ(got.stats.same_time, 1U);

  const Outcome strictly = run({path}, {.strict = true});
  EXPECT_EQ(strictly.events.size(), 1U);
  EXPECT_EQ(code_of(strictly), ErrorCode::time_backwards);
  EXPECT_EQ(strictly.error->found, "6000000 ns before it");
}

TEST(file_feed, a_truncated_file_gives_its_ticks_and_then_says_so) {
  const test::FeedFolder folder;
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += std::to_string(i * 7 % 1000 + i * 300) + ".25,1284.065,1284.405\n";
  const std::string packed = test::zstd_packed(text);
  const std::string path = folder.write(kGold + ".zst", std::string_view(packed).substr(0, packed.size() / 2));
  const Outcome got = run({path});
  EXPECT_GT(got.events.size(), 1'000U);
  EXPECT_LT(got.events.size(), 200'000U);
  EXPECT_EQ(got.stats.bad_rows, 0U) << "the row at the cut must not count";
  EXPECT_EQ(code_of(got), ErrorCode::compressed_truncated);
  EXPECT_EQ(got.error->file, path);
}

TEST(file_feed, a_small_truncated_file_is_no_different) {
  const test::FeedFolder folder;
  std::string text;
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + ",1284.065,1284.405\n";
  const std::string packed = test::zstd_packed(text);
  // Only the checksum-less end mark is missing, then everything.
  const Outcome cut = run({folder.write(kGold + ".zst", std::string_view(packed).substr(0, packed.size() - 1))});
  EXPECT_EQ(code_of(cut), ErrorCode::compressed_truncated);
  const Outcome empty = run({folder.write(kGold + ".zst", "")});
  EXPECT_EQ(code_of(empty), ErrorCode::compressed_truncated);
}

TEST(file_feed, an_error_in_one_file_ends_the_whole_feed) {
  const test::FeedFolder folder;
  const std::string gold = folder.write(kGold, "1,2,3\nbad\n9,2,3\n");
  const std::string euro = folder.write(kEuro, "5,2,3\n");
  const Outcome got = run({gold, euro}, {.strict = true});
  EXPECT_EQ(got.times_ms(), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(code_of(got), ErrorCode::row_bad_field);
}

TEST(file_feed, detects_each_format_by_its_first_line_also_inside_zstd) {
  const test::FeedFolder folder;
  const auto ticks_of = [&folder](const std::string& name, const std::string& text) {
    const Outcome plain = run({folder.write(name, text)});
    const Outcome packed = run({folder.write(name + ".zst", test::zstd_packed(text))});
    EXPECT_EQ(plain.events.size(), packed.events.size()) << name;
    return packed.events.size();
  };
  EXPECT_EQ(ticks_of(kGold, "1,2,3\n"), 1U);
  EXPECT_EQ(ticks_of("truefx_usdjpy_20130101.csv", "timestamp,bid,ask\n2013-01-01 22:00:00+00:00,86.655,86.728\n"), 1U);
  EXPECT_EQ(ticks_of("histdata_eurusd_x.csv", "20200101 170000065,1.121200,1.121720,0\n"), 1U);
  EXPECT_EQ(ticks_of("dukascopy_eurusd_x.json",
                     R"({"timestamp":0,"multiplier":1,"ask":2,"bid":1,"times":[1],"asks":[0],"bids":[0],)"
                     R"("askVolumes":[1],"bidVolumes":[1]})"),
            1U);
  EXPECT_EQ(ticks_of("dukascopy_eurusd_20190204_10h_ticks.bi5",
                     test::lzma_packed(std::string("\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0", 20))),
            1U);
}

TEST(file_feed, an_hour_without_ticks_is_a_file_of_no_bytes) {
  const test::FeedFolder folder;
  const std::string empty = folder.write("dukascopy_eurusd_20190204_10h_ticks.bi5", "");
  const Outcome with_other = run({empty, folder.write(kGold, "1,2,3\n")});
  EXPECT_FALSE(with_other.error);
  EXPECT_EQ(with_other.events.size(), 1U);
  EXPECT_EQ(code_of(run({empty})), ErrorCode::no_ticks);
}

TEST(file_feed, refuses_bad_input_before_anything_runs) {
  const test::FeedFolder folder;
  const std::string good = "1,2,3\n";
  EXPECT_EQ(code_of(run({})), ErrorCode::no_ticks);
  EXPECT_EQ(code_of(run({"/nowhere/oanda_xauusd_tick_20140502.csv"})), ErrorCode::file_missing);
  EXPECT_EQ(code_of(run({folder.write(kGold, "")})), ErrorCode::no_ticks);
  EXPECT_EQ(code_of(run({folder.write(kGold, "hello\n")})), ErrorCode::format_unknown);
  EXPECT_EQ(code_of(run({folder.write("oanda_xauusd.csv", good)})), ErrorCode::name_undatable);
  EXPECT_EQ(code_of(run({folder.write("x_xauusd_20140502.csv", good)})), ErrorCode::clock_missing);
  EXPECT_EQ(code_of(run({folder.write("oanda_zzz_tick_20140502.csv", good)})), ErrorCode::instrument_unknown);
  EXPECT_EQ(code_of(run({folder.write(kGold, good)}, {.format = "lan"})), ErrorCode::format_unknown);
  EXPECT_EQ(code_of(run({folder.write(kGold, good)}, {.format = "truefx"})), ErrorCode::format_mismatch);
  EXPECT_EQ(code_of(run({folder.write(kGold, good)}, {.clock = "moon"})), ErrorCode::clock_unknown);
  EXPECT_EQ(code_of(run({folder.write(kGold, "")}, {.format = "lean"})), ErrorCode::no_ticks);
  EXPECT_EQ(code_of(run({folder.write(kGold + ".zst", "not zstd")})), ErrorCode::compressed_corrupt);
  EXPECT_EQ(code_of(run({folder.write("dukascopy_eurusd_20190204_BID_candles_min_1.bi5", "x")})),
            ErrorCode::format_mismatch);
  EXPECT_EQ(code_of(run({folder.write("dukascopy_eurusd_10h_ticks.bi5", "x")})), ErrorCode::name_undatable);
  EXPECT_EQ(code_of(run({folder.write("dukascopy_eurusd_20190204_ticks.bi5", "x")})), ErrorCode::name_undatable);
}

TEST(file_feed, a_file_whose_first_sixteen_rows_are_bad_is_of_another_format) {
  const test::FeedFolder folder;
  std::string text;
  for (int i = 0; i < 16; ++i) text += "x\n";
  EXPECT_EQ(code_of(run({folder.write(kGold, text + "1,2,3\n")}, {.format = "lean"})), ErrorCode::format_mismatch);
  EXPECT_EQ(run({folder.write(kGold, text.substr(2) + "1,2,3\n")}, {.format = "lean"}).events.size(), 1U);
}

TEST(file_feed, a_candle_file_under_a_tick_files_name_is_refused) {
  const test::FeedFolder folder;
  std::string candle(24, '\0');  // the price of the first lands where the time of a second tick record is read
  candle.replace(20, 4, "\x41\x20\x41\x20");
  const Outcome got =
      run({folder.write("dukascopy_eurusd_20190204_10h_ticks.bi5", test::lzma_packed(candle + candle))});
  EXPECT_EQ(code_of(got), ErrorCode::format_mismatch);
}

TEST(file_feed, custom_instruments_are_used_by_name) {
  const test::FeedFolder folder;
  InstrumentTable instruments;
  ASSERT_TRUE(instruments.add({.symbol = "WIDGET",
                               .venue = "acme",
                               .base = "WID",
                               .quote = "USD",
                               .digits = 2,
                               .tick_size_e9 = 10'000'000,
                               .lot_step_e9 = 1,
                               .contract_size_e9 = 1}));
  FileFeedOptions options;
  options.sources["acme_"] = {.venue = "acme", .clock = "utc"};
  const auto feed = FileFeed::open({folder.write("acme_widget_20140502.csv", "1,2,3\n")}, options, instruments);
  ASSERT_TRUE(feed.has_value()) << feed.error().message();
  EXPECT_EQ(instruments.size(), 1U);
}

TEST(file_feed, scan_span_tells_first_last_and_count) {
  const test::FeedFolder folder;
  InstrumentTable instruments;
  const std::string gold = folder.write(kGold, "10,2,3\n20,2,3\n");
  const std::string euro = folder.write(kEuro, "5,2,3\n");
  const auto span = scan_span({gold, euro}, {}, instruments);
  ASSERT_TRUE(span.has_value());
  EXPECT_EQ(span->first_ns, kMidnightNs + 5 * kMs);
  EXPECT_EQ(span->last_ns, kMidnightNs + 20 * kMs);
  EXPECT_EQ(span->ticks, 3U);
  EXPECT_EQ(scan_span({gold}, {.clock = "moon"}, instruments).error().code, ErrorCode::clock_unknown);
}

// Rows of a TrueFX file at these days after 2013-01-01 and ticks of theirs, by days.
class FarStamps : public testing::Test {
 protected:
  static constexpr std::int64_t kStartNs = 1'356'998'400'000'000'000;
  static constexpr std::int64_t kDayNs = 86'400'000 * kMs;

  std::string write(const std::string& name, const std::vector<int>& days) const {
    std::string text = "timestamp,bid,ask\n";
    for (const int day : days) {
      const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{15'706 + day}}};
      text += fmt::format("{:04}-{:02}-{:02} 00:00:00+00:00,86.655,86.728\n", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    }
    return folder_.write(name, text);
  }
  Outcome read(const std::vector<int>& days, bool strict = false) const {
    return run({write("truefx_usdjpy_x.csv", days)}, {.strict = strict});
  }
  static std::vector<int> days_of(const Outcome& got) {
    std::vector<int> days;
    for (const Event& event : got.events) {
      days.push_back(static_cast<int>((event.as<Tick>().venue_ns - kStartNs) / kDayNs));
    }
    return days;
  }
  const test::FeedFolder folder_;
};

TEST_F(FarStamps, one_row_from_the_future_is_bad_and_named) {
  const Outcome got = read({0, 0, 11'000, 1, 2});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(days_of(got), (std::vector<int>{0, 0, 1, 2}));
  EXPECT_EQ(got.events.back().time_ns, kStartNs + 2 * kDayNs) << "engine time did not go there either";
  EXPECT_EQ(got.stats.rows, 5U);
  EXPECT_EQ(got.stats.ticks, 4U);
  EXPECT_EQ(got.stats.bad_rows, 1U);
  EXPECT_EQ(got.stats.backwards, 0U);
  ASSERT_TRUE(got.stats.first_bad_row);
  EXPECT_EQ(got.stats.first_bad_row->code, ErrorCode::row_bad_field);
  EXPECT_EQ(got.stats.first_bad_row->line, 4U);
  EXPECT_EQ(got.stats.first_bad_row->field, "time");
  EXPECT_EQ(got.stats.first_bad_row->expected, "a time within 10 days of the rows before it");
  EXPECT_EQ(got.stats.first_bad_row->found, "\"11000 days after them\"");

  const Outcome strictly = read({0, 0, 11'000, 1, 2}, true);
  EXPECT_EQ(code_of(strictly), ErrorCode::row_bad_field);
  EXPECT_EQ(strictly.error->line, 4U);
  EXPECT_EQ(strictly.events.size(), 2U);
}

TEST_F(FarStamps, a_hole_is_read_on_from_the_row_that_confirms_it) {
  struct Case {
    std::vector<int> rows;
    std::vector<int> ticks;
  };
  const std::vector<Case> cases = {
      {{0, 1, 11, 12}, {0, 1, 11, 12}},                     // 10 days are no hole
      {{0, 1, 12, 12, 13}, {0, 1, 12, 13}},                 // 11 are, and the next row confirms them
      {{0, 1, 12, 22, 23}, {0, 1, 22, 23}},                 // which it may do from 10 days on
      {{0, 1, 100, 99, 99, 100}, {0, 1, 99, 100}},          // but not from before
      {{0, 1, 100, 200, 300, 2}, {0, 1, 2}},                // nor from far behind
      {{0, 1, 100, 2, 100, 3}, {0, 1, 2, 3}},               // the next row is the next row
      {{0, 1, 11'000}, {0, 1}},                             // the last row has none that could
      {{0, 11'000}, {0}},
      {{0, 1, -400, 2}, {0, 1, -400, 2}},                   // a row that goes back makes no hole of the next
  };
  for (const Case& row : cases) {
    const Outcome got = read(row.rows);
    EXPECT_EQ(days_of(got), row.ticks) << testing::PrintToString(row.rows);
    EXPECT_EQ(got.stats.bad_rows, row.rows.size() - row.ticks.size()) << testing::PrintToString(row.rows);
  }
}

TEST_F(FarStamps, a_first_row_that_the_second_contradicts_is_the_bad_one) {
  struct Case {
    std::vector<int> rows;
    std::vector<int> ticks;
  };
  const std::vector<Case> cases = {
      {{11'000, 0, 1}, {0, 1}},
      {{11'000, 0}, {0}},
      {{11'000, 9'000, 0, 1}, {0, 1}},
      {{-10'000, 0, 0, 1}, {0, 0, 1}},  // bad once the third row confirms the second
      {{11'000, -10'000, 0, 1}, {0, 1}},
      {{11'000}, {11'000}},  // nothing contradicts the only one
      {{9, 0, 1}, {9, 0, 1}},
  };
  for (const Case& row : cases) {
    const Outcome got = read(row.rows);
    EXPECT_EQ(days_of(got), row.ticks) << testing::PrintToString(row.rows);
    EXPECT_EQ(got.events.front().time_ns, kStartNs + row.ticks.front() * kDayNs) << testing::PrintToString(row.rows);
    EXPECT_EQ(got.stats.bad_rows, row.rows.size() - row.ticks.size()) << testing::PrintToString(row.rows);
  }
  EXPECT_EQ(read({11'000, 0, 1}).stats.first_bad_row->line, 2U);
  const Outcome strictly = read({11'000, 0, 1}, true);
  EXPECT_EQ(code_of(strictly), ErrorCode::row_bad_field);
  EXPECT_EQ(strictly.error->line, 2U);
}

TEST_F(FarStamps, many_bad_stamps_behind_good_rows_make_no_other_format_of_the_file) {
  std::vector<int> days = {0};
  for (int i = 0; i < 40; ++i) days.insert(days.end(), {1, 5'000 + i});
  const Outcome got = read(days);
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.stats.ticks, 41U);
  EXPECT_EQ(got.stats.bad_rows, 40U);
}

TEST_F(FarStamps, files_that_follow_one_another_may_be_years_apart) {
  const Outcome got = run({write("truefx_usdjpy_1.csv", {0, 1}), write("truefx_usdjpy_2.csv", {4'000, 4'001})});
  EXPECT_EQ(days_of(got), (std::vector<int>{0, 1, 4'000, 4'001}));
  EXPECT_EQ(got.stats.bad_rows, 0U);
}

TEST(file_feed, lists_its_formats_for_help) {
  ASSERT_EQ(feed_formats().size(), 6U);
  EXPECT_EQ(feed_formats()[0].name, "lean");
  for (const FormatInfo& info : feed_formats()) EXPECT_FALSE(info.description.empty());
}

}  // namespace
}  // namespace thintail
