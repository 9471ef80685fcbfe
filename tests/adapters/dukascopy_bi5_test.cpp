// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/dukascopy_bi5.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <limits>
#include <string>

namespace thintail {
namespace {

std::string big_endian(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
  return out;
}

std::string record(std::uint32_t ms, std::uint32_t ask, std::uint32_t bid, float ask_volume, float bid_volume) {
  return big_endian(ms) + big_endian(ask) + big_endian(bid) + big_endian(std::bit_cast<std::uint32_t>(ask_volume)) +
         big_endian(std::bit_cast<std::uint32_t>(bid_volume));
}

ParsedRows parse(std::string_view bytes, std::span<Tick> out, bool is_last = true) {
  DukascopyBi5Parser parser(3'600'000'000'000, 10'000);
  return parser.parse(bytes, is_last, 1, out);
}

TEST(dukascopy_bi5, reads_a_record) {
  std::array<Tick, 2> ticks{};
  ASSERT_EQ(parse(record(3'599'999, 114'561, 114'560, 1.5F, 0.75F), ticks).ticks, 1U);
  EXPECT_EQ(ticks[0].venue_ns, 3'600'000'000'000 + 3'599'999'000'000);
  EXPECT_EQ(ticks[0].ask_e9, 1'145'610'000);
  EXPECT_EQ(ticks[0].bid_e9, 1'145'600'000);
  EXPECT_EQ(ticks[0].ask_size, 1'500'000.0F);
  EXPECT_EQ(ticks[0].bid_size, 750'000.0F);
  EXPECT_EQ(ticks[0].source_sequence, 1U);
}

TEST(dukascopy_bi5, a_time_outside_the_hour_is_fatal) {
  std::array<Tick, 2> ticks{};
  const ParsedRows parsed = parse(record(3'600'000, 2, 1, 1, 1), ticks);
  EXPECT_TRUE(parsed.is_bad);
  EXPECT_TRUE(parsed.fault.fatal);
  EXPECT_EQ(parsed.fault.field, "ms");
}

TEST(dukascopy_bi5, a_time_before_the_previous_one_is_fatal) {
  std::array<Tick, 4> ticks{};
  const ParsedRows parsed = parse(record(10, 2, 1, 1, 1) + record(10, 2, 1, 1, 1) + record(9, 2, 1, 1, 1), ticks);
  EXPECT_EQ(parsed.ticks, 2U);
  EXPECT_TRUE(parsed.fault.fatal);
}

TEST(dukascopy_bi5, half_a_record_at_the_end_is_fatal_but_waits_while_more_may_come) {
  std::array<Tick, 4> ticks{};
  const std::string bytes = record(10, 2, 1, 1, 1) + "12345";
  EXPECT_TRUE(parse(bytes, ticks).fault.fatal);
  EXPECT_FALSE(parse(bytes, ticks, false).is_bad);
  EXPECT_EQ(parse(bytes, ticks, false).bytes, 20U);
}

TEST(dukascopy_bi5, prices_of_nothing_and_volumes_that_are_no_number_are_bad_rows) {
  std::array<Tick, 2> ticks{};
  EXPECT_EQ(parse(record(10, 0, 1, 1, 1), ticks).fault.field, "ask");
  EXPECT_EQ(parse(record(10, 2, 0, 1, 1), ticks).fault.field, "bid");
  EXPECT_EQ(parse(record(10, 2, 1, -1, 1), ticks).fault.field, "volume");
  EXPECT_EQ(parse(record(10, 2, 1, 1, std::numeric_limits<float>::quiet_NaN()), ticks).fault.field, "volume");
  EXPECT_EQ(parse(record(10, 2, 1, std::numeric_limits<float>::infinity(), 1), ticks).fault.field, "volume");
  EXPECT_FALSE(parse(record(10, 0, 1, 1, 1), ticks).fault.fatal);
}

TEST(dukascopy_bi5, knows_the_points_of_common_symbols_and_guesses_no_other) {
  EXPECT_EQ(dukascopy_point_e9("EURUSD"), 10'000);
  EXPECT_EQ(dukascopy_point_e9("USDJPY"), 1'000'000);
  EXPECT_EQ(dukascopy_point_e9("XAUUSD"), 1'000'000);
  EXPECT_EQ(dukascopy_point_e9("BTCUSD"), 100'000'000);
  EXPECT_FALSE(dukascopy_point_e9("USATECHIDXUSD"));
  EXPECT_FALSE(dukascopy_point_e9("ABCDEF"));
}

}  // namespace
}  // namespace thintail
