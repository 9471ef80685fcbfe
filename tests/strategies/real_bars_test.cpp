// SPDX-License-Identifier: Apache-2.0
// The M1 bars that a backtest of recorded ticks makes equal the bars that their publishers made of the same ticks.
#include <gtest/gtest.h>

#include <lzma.h>

#include <map>
#include <sstream>

#include "core/bars/bar_builder.hpp"
#include "tests/support/lean_ticks.hpp"
#include "tests/support/real_ticks.hpp"
#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

using Minutes = std::map<std::int64_t, Ohlc>;  // by UTC second of the bar's end

struct Sides {
  Minutes bid;
  Minutes ask;
};

Sides bars_of_run(const std::vector<std::string>& files) {
  InstrumentTable instruments;
  const auto ticks = test::real_ticks(files, instruments);
  Settings settings = test::trading_settings(StrategyKind::flat);
  test::EventList source(ticks);
  Sides out;
  run_backtest(source, settings, instruments, {}, [&](const Event& event) {
    if (event.type != EventType::bar) return;
    const auto bar = event.as<Bar>();
    if (bar.period() != static_cast<unsigned>(BarPeriod::m1)) return;
    Minutes& minutes = bar.side() == QuoteSide::bid ? out.bid : out.ask;
    EXPECT_TRUE(minutes.emplace(bar.end_s, Ohlc{bar.open_e9, bar.high_e9, bar.low_e9, bar.close_e9}).second)
        << "a minute closes once";
  });
  return out;
}

std::int64_t decimal_e9(const std::string& text) {
  std::int64_t value = 0;
  EXPECT_EQ(parse_decimal_e9(text, value), DecimalFault::none) << text;
  return value;
}

// ms since midnight of the bar's open, bid OHLC, size, ask OHLC, size.
Sides lean_minutes(const std::filesystem::path& path, std::int64_t midnight_s) {
  Sides out;
  std::istringstream lines(test::read_zstd(path));
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields;
    std::istringstream row(line);
    for (std::string field; std::getline(row, field, ',');) {
      if (field.ends_with('\r')) field.pop_back();
      fields.push_back(field);
    }
    EXPECT_GE(fields.size(), 10u) << line;
    const std::int64_t end_s = midnight_s + std::stoll(fields[0]) / 1'000 + 60;
    const auto prices = [&](std::size_t at) {
      return Ohlc{decimal_e9(fields[at]), decimal_e9(fields[at + 1]), decimal_e9(fields[at + 2]),
                  decimal_e9(fields[at + 3])};
    };
    out.bid[end_s] = prices(1);
    out.ask[end_s] = prices(6);
  }
  return out;
}

std::string lzma_unpacked(const std::string& packed) {
  lzma_stream stream = LZMA_STREAM_INIT;
  EXPECT_EQ(lzma_alone_decoder(&stream, UINT64_MAX), LZMA_OK);
  std::string out(std::size_t{1} << 20, '\0');
  stream.next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = out.size();
  EXPECT_EQ(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
  out.resize(stream.total_out);
  lzma_end(&stream);
  return out;
}

// 24-byte big-endian records: second of the day of the bar's open, open, close, low, high in points of 0.00001, volume.
Minutes dukascopy_minutes(const std::filesystem::path& path, std::int64_t midnight_s) {
  const std::string bytes = lzma_unpacked(test::read_file(path));
  EXPECT_EQ(bytes.size(), 1'440u * 24u);
  Minutes out;
  for (std::size_t at = 0; at + 24 <= bytes.size(); at += 24) {
    const auto word = [&](std::size_t index) {
      std::int64_t value = 0;
      for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + index * 4 + i]);
      return value;
    };
    constexpr std::int64_t kPointE9 = 10'000;
    out[midnight_s + word(0) + 60] = {word(1) * kPointE9, word(4) * kPointE9, word(3) * kPointE9, word(2) * kPointE9};
  }
  return out;
}

std::size_t equal_minutes(const Minutes& ours, const Minutes& theirs) {
  std::size_t equal = 0;
  for (const auto& [end_s, bar] : ours) {
    const auto found = theirs.find(end_s);
    equal += found != theirs.end() && found->second == bar;
  }
  return equal;
}

struct GoldDay {
  std::string date;
  std::int64_t midnight_s;
  std::size_t minutes;
};

TEST(RealBars, gold_minutes_equal_the_published_ones_bid_and_ask) {
  for (const GoldDay& day : {GoldDay{"20140502", 1'398'988'800, 1'257}, GoldDay{"20140506", 1'399'334'400, 1'385}}) {
    const std::string ticks = "oanda_xauusd_tick_" + day.date + ".csv.zst";
    const auto bars = test::data_dir() / "bars" / ("oanda_xauusd_m1_bidask_" + day.date + ".csv.zst");
    TT_REQUIRE_DATA(test::data_dir() / "ticks" / ticks);
    TT_REQUIRE_DATA(bars);
    const Sides ours = bars_of_run({ticks});
    Sides theirs = lean_minutes(bars, day.midnight_s);
    EXPECT_EQ(ours.bid.size(), day.minutes);
    EXPECT_EQ(theirs.bid.size(), day.minutes);
    EXPECT_EQ(equal_minutes(ours.bid, theirs.bid), day.minutes);
    EXPECT_EQ(equal_minutes(ours.ask, theirs.ask), day.minutes);

    theirs.bid.begin()->second.low_e9 -= 1;  // the comparison can fail
    EXPECT_EQ(equal_minutes(ours.bid, theirs.bid), day.minutes - 1);
  }
}

TEST(RealBars, euro_minutes_equal_the_candles_bid_and_ask) {
  const std::string day = "dukascopy_eurusd_20190204_";
  for (const char* hour : {"00h", "10h", "23h"}) {
    TT_REQUIRE_DATA(test::data_dir() / "ticks" / (day + hour + "_ticks.bi5"));
  }
  const Sides ours = bars_of_run({day + "00h_ticks.bi5", day + "10h_ticks.bi5", day + "23h_ticks.bi5"});
  EXPECT_EQ(ours.bid.size(), 180u);
  constexpr std::int64_t kMidnightS = 1'549'238'400;
  const auto candles = [&](const char* side) {
    return dukascopy_minutes(test::data_dir() / "ticks" / (day + side + "_candles_min_1.bi5"), kMidnightS);
  };
  EXPECT_EQ(equal_minutes(ours.bid, candles("BID")), 180u);
  EXPECT_EQ(equal_minutes(ours.ask, candles("ASK")), 180u);
}

}  // namespace
}  // namespace thintail
