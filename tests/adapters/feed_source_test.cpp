// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/feed_source.hpp"

#include <gtest/gtest.h>

namespace thintail {
namespace {

FeedSource resolved(const std::string& path, const FileFeedOptions& options = {}) {
  auto source = resolve_source(path, options, RowClock::local);
  EXPECT_TRUE(source.has_value()) << source.error().message();
  return source.value_or(FeedSource{});
}

TEST(feed_source, knows_the_sources_of_public_data_by_prefix) {
  EXPECT_EQ(resolved("/a/b/oanda_xauusd_tick_20140502.csv.zst").instrument, "XAUUSD@oanda");
  EXPECT_EQ(resolved("oanda_xauusd_tick_20140502.csv").clock, "utc");
  EXPECT_EQ(resolved("fxcm_eurusd_tick_20140502.csv").clock, "utc-5");
  EXPECT_EQ(resolved("fxcm_eurusd_tick_20140502.csv").instrument, "EURUSD@fxcm");
  EXPECT_EQ(resolved("dukascopy_eurusd_20190204_10h_ticks.bi5").clock, "utc");
  EXPECT_EQ(resolved("truefx_usdjpy_20130101.csv").instrument, "USDJPY@truefx");
  EXPECT_EQ(resolved("histdata_eurusd_tick_20200101.csv").clock, "new-york");
  EXPECT_EQ(resolved("binance_usdm_btcusdt_20240808.jsonl.zst").instrument, "BTCUSDT@binance-usdm");
  EXPECT_EQ(resolved("binance_spot_btcusdt_20240809.jsonl.zst").instrument, "BTCUSDT@binance");
}

TEST(feed_source, refuses_a_file_whose_clock_nobody_names) {
  const auto source = resolve_source("mystery_eurusd_tick_20140502.csv", {}, RowClock::local);
  ASSERT_FALSE(source.has_value());
  EXPECT_EQ(source.error().code, ErrorCode::clock_missing);
  EXPECT_EQ(source.error().file, "mystery_eurusd_tick_20140502.csv");
}

TEST(feed_source, needs_no_clock_where_the_rows_are_in_utc) {
  const auto source = resolve_source("mystery_eurusd.csv", {}, RowClock::utc);
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(source->instrument, "EURUSD@mystery");
  EXPECT_EQ(source->clock, "utc");
}

TEST(feed_source, the_longest_configured_prefix_wins_over_the_built_in_one) {
  FileFeedOptions options;
  options.sources["oanda_"] = {.venue = "short", .clock = "utc-1", .latency_ns = 1};
  options.sources["oanda_live_"] = {.venue = "long", .clock = "utc-2", .latency_ns = 2};
  const FeedSource longer = resolved("oanda_live_eurusd_tick_20140502.csv", options);
  EXPECT_EQ(longer.instrument, "EURUSD@long");
  EXPECT_EQ(longer.clock, "utc-2");
  EXPECT_EQ(longer.latency_ns, 2);
  EXPECT_EQ(resolved("oanda_eurusd_tick_20140502.csv", options).instrument, "EURUSD@short");
}

TEST(feed_source, a_prefix_that_sets_only_a_latency_keeps_the_built_in_rest) {
  FileFeedOptions options;
  options.sources["fxcm_"] = {.venue = "", .clock = "", .latency_ns = 7};
  const FeedSource source = resolved("fxcm_eurusd_tick_20140502.csv", options);
  EXPECT_EQ(source.instrument, "EURUSD@fxcm");
  EXPECT_EQ(source.clock, "utc-5");
  EXPECT_EQ(source.latency_ns, 7);
}

TEST(feed_source, a_named_clock_and_instrument_come_first) {
  FileFeedOptions options;
  options.clock = "mt5-eu";
  EXPECT_EQ(resolved("mybroker_gbpusd_tick_20140502.csv", options).instrument, "GBPUSD@mybroker");
  EXPECT_EQ(resolved("fxcm_eurusd_tick_20140502.csv", options).clock, "mt5-eu");
  options.instrument = "XAUUSD@other";
  EXPECT_EQ(resolved("20140502.csv", options).instrument, "XAUUSD@other");
}

TEST(feed_source, tells_what_a_name_says_apart_from_what_was_named) {
  FileFeedOptions options;
  options.clock = "mt5-eu";
  options.instrument = "EURUSD@other";
  EXPECT_EQ(clock_in_name("fxcm_eurusd_tick_20140502.csv", options), "utc-5");
  EXPECT_EQ(clock_in_name("mybroker_eurusd_tick_20140502.csv", options), "");
  const InstrumentTable instruments;
  EXPECT_EQ(instrument_in_name("x/oanda_xauusd_tick_20140502.csv", options, instruments), "XAUUSD@oanda");
  EXPECT_EQ(instrument_in_name("oanda_v20_pricing.jsonl", options, instruments), std::nullopt) << "no such symbol";
  options.sources["fxcm_"] = {.venue = "fxcm", .clock = "utc", .latency_ns = 0};
  EXPECT_EQ(clock_in_name("fxcm_eurusd_tick_20140502.csv", options), "") << "the configuration was asked, not the name";
}

TEST(feed_source, a_name_without_a_symbol_is_refused) {
  FileFeedOptions options;
  options.clock = "utc";
  const auto source = resolve_source("ticks", options, RowClock::local);
  ASSERT_FALSE(source.has_value());
  EXPECT_EQ(source.error().code, ErrorCode::instrument_unknown);
}

TEST(feed_source, finds_date_and_hour_only_as_whole_words) {
  EXPECT_EQ(midnight_in_name("oanda_xauusd_tick_20140502.csv"), 1'398'988'800'000'000'000);
  EXPECT_FALSE(midnight_in_name("oanda_xauusd_tick_2014050.csv"));
  EXPECT_FALSE(midnight_in_name("oanda_xauusd_tick_20140532.csv"));
  EXPECT_FALSE(midnight_in_name("oanda_xauusd_tick_120140502.csv"));
  EXPECT_EQ(hour_in_name("dukascopy_eurusd_20190204_23h_ticks.bi5"), 23);
  EXPECT_FALSE(hour_in_name("dukascopy_eurusd_20190204_24h_ticks.bi5"));
  EXPECT_FALSE(hour_in_name("dukascopy_eurusd_20190204_ticks.bi5"));
}

}  // namespace
}  // namespace thintail
