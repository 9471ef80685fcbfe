// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/truefx_parser.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace thintail {
namespace {

ParsedRows parse(std::string_view text, std::span<Tick> out) {
  TrueFxParser parser;
  return parser.parse(text, true, 1, out);
}

TEST(truefx_parser, reads_times_with_their_own_zone) {
  std::array<Tick, 4> ticks{};
  const ParsedRows parsed = parse(
      "timestamp,bid,ask\n"
      "2013-01-01 22:00:00.295000+00:00,86.655,86.728\r\n"
      "2013-01-01 22:35:13+00:00,86.655,86.728\n"
      "2013-01-02 00:35:13.5+02:00,86.655,86.728",
      ticks);
  ASSERT_EQ(parsed.ticks, 3U);
  EXPECT_EQ(ticks[0].venue_ns, 1'357'077'600'295'000'000);
  EXPECT_EQ(ticks[0].bid_e9, 86'655'000'000);
  EXPECT_EQ(ticks[0].ask_e9, 86'728'000'000);
  EXPECT_EQ(ticks[0].source_sequence, 1U);
  EXPECT_EQ(ticks[1].venue_ns, 1'357'079'713'000'000'000);
  EXPECT_EQ(ticks[2].venue_ns, 1'357'079'713'500'000'000);
}

TEST(truefx_parser, reads_a_file_without_a_header) {
  std::array<Tick, 4> ticks{};
  EXPECT_EQ(parse("2013-01-01 22:00:00.295000+00:00,86.655,86.728\n", ticks).ticks, 1U);
}

TEST(truefx_parser, refuses_what_is_no_time) {
  for (const std::string stamp :
       {"2013-01-01 22:00:00.295000", "2013-13-01 22:00:00+00:00", "2013-02-30 22:00:00+00:00",
        "2013-01-01 24:00:00+00:00", "2013-01-01 22:60:00+00:00", "2013-01-01 22:00:60+00:00",
        "2013-01-01T22:00:00+00:00", "2013-01-01 22:00:00.+00:00", "2013-01-01 22:00:00.1234567891+00:00",
        "2013-01-01 22:00:00+0000", "2556-01-01 22:00:00+00:00", "1569-01-01 22:00:00+00:00", ""}) {
    std::array<Tick, 4> ticks{};
    const std::string row = stamp + ",86.655,86.728\n";
    const ParsedRows parsed = parse(row, ticks);
    EXPECT_TRUE(parsed.is_bad) << stamp;
    EXPECT_EQ(parsed.fault.field, "timestamp");
    EXPECT_EQ(parsed.fault.found, stamp);
  }
}

TEST(truefx_parser, names_a_bad_price) {
  std::array<Tick, 4> ticks{};
  const ParsedRows parsed = parse("2013-01-01 22:00:00+00:00,86.655,-1\n", ticks);
  EXPECT_TRUE(parsed.is_bad);
  EXPECT_EQ(parsed.fault.field, "ask");
  EXPECT_EQ(parsed.fault.expected, "a price above 0");
}

}  // namespace
}  // namespace thintail
