// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/histdata_parser.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace thintail {
namespace {

ParsedRows parse(std::string_view text, std::span<Tick> out) {
  HistDataParser parser;
  return parser.parse(text, true, 1, out);
}

TEST(histdata_parser, reads_local_date_and_time) {
  std::array<Tick, 4> ticks{};
  ASSERT_EQ(parse("20200101 170000065,1.121200,1.121720,0\n20200101 230052125,1.121300,1.121320,0", ticks).ticks, 2U);
  EXPECT_EQ(ticks[0].venue_ns, 1'577'898'000'065'000'000);
  EXPECT_EQ(ticks[0].bid_e9, 1'121'200'000);
  EXPECT_EQ(ticks[0].ask_e9, 1'121'720'000);
  EXPECT_EQ(ticks[0].bid_size, 0.0F);
  EXPECT_EQ(ticks[1].venue_ns, 1'577'919'652'125'000'000);
}

TEST(histdata_parser, names_the_field_of_every_kind_of_bad_row) {
  const std::array<std::array<std::string, 2>, 8> cases = {{
      {"20200101 170000065,1.1,1.2", "row"},
      {"20200101 170000065,1.1,1.2,0,0", "row"},
      {"20200132 170000065,1.1,1.2,0", "time"},
      {"20200101 240000065,1.1,1.2,0", "time"},
      {"20200101 17000006,1.1,1.2,0", "time"},
      {"20200101 170000065,,1.2,0", "bid"},
      {"20200101 170000065,1.1,x,0", "ask"},
      {"20200101 170000065,1.1,1.2,-1", "volume"},
  }};
  for (const auto& [row, field] : cases) {
    std::array<Tick, 4> ticks{};
    const ParsedRows parsed = parse(row + "\n", ticks);
    EXPECT_TRUE(parsed.is_bad) << row;
    EXPECT_EQ(parsed.fault.field, field) << row;
  }
}

TEST(histdata_parser, is_told_from_minute_bars_by_its_first_row) {
  EXPECT_TRUE(starts_like_histdata("20200101 170000065,1.121200,1.121720,0"));
  EXPECT_FALSE(starts_like_histdata("20180101 180100;1302.1;1302.2;1302.0;1302.1;0"));
  EXPECT_FALSE(starts_like_histdata(""));
}

}  // namespace
}  // namespace thintail
