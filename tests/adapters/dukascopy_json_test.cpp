// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/dukascopy_json.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/support/feed_files.hpp"

namespace thintail {
namespace {

Result<std::unique_ptr<RowReader>> read(std::string_view text) {
  const test::FeedFolder folder;
  const std::string path = folder.write("x.json", text);
  auto source = open_bytes(path, Compression::none);
  EXPECT_TRUE(source.has_value());
  return read_dukascopy_json(std::move(*source), path);
}

constexpr std::string_view kGood =
    R"({"timestamp":1783944000000,"multiplier":1.0E-5,"ask":1.14277,"bid":1.14273,"times":[93,104,0],"asks":[0,-2,3],)"
    R"("bids":[0,1,2],"askVolumes":[1800000.0,900000.0,1.0],"bidVolumes":[2700000.0,900000.0,2]})";

std::string with(std::string_view old_text, std::string_view new_text) {
  std::string text(kGood);
  text.replace(text.find(old_text), old_text.size(), new_text);
  return text;
}

TEST(dukascopy_json, adds_up_the_differences_exactly) {
  auto rows = read(kGood);
  ASSERT_TRUE(rows.has_value()) << rows.error().message();
  std::array<Tick, 8> ticks{};
  ASSERT_EQ((*rows)->read(ticks).ticks, 3U);
  EXPECT_EQ(ticks[0].venue_ns, 1'783'944'000'093'000'000);
  EXPECT_EQ(ticks[0].ask_e9, 1'142'770'000);
  EXPECT_EQ(ticks[0].bid_e9, 1'142'730'000);
  EXPECT_EQ(ticks[0].ask_size, 1'800'000.0F);
  EXPECT_EQ(ticks[0].bid_size, 2'700'000.0F);
  EXPECT_EQ(ticks[2].venue_ns, 1'783'944'000'197'000'000);
  EXPECT_EQ(ticks[2].ask_e9, 1'142'780'000);
  EXPECT_EQ(ticks[2].bid_e9, 1'142'760'000);
  EXPECT_EQ(ticks[2].source_sequence, 3U);
  EXPECT_EQ((*rows)->read(ticks).rows, 0U);
  EXPECT_FALSE((*rows)->error());
}

TEST(dukascopy_json, names_the_key_that_is_wrong) {
  const std::array<std::array<std::string, 2>, 9> cases = {{
      {with("\"timestamp\"", "\"time\""), "timestamp"},
      {with("1783944000000", "\"today\""), "timestamp"},
      {with("1.0E-5", "3.0E-5"), "multiplier"},
      {with("1.14277", "\"1.14277\""), "ask"},
      {with("1.14273", "1.2E1"), "bid"},
      {with("[93,104,0]", "[93,104]"), "asks"},
      {with("[93,104,0]", "[93,x,0]"), "times"},
      {with("[0,1,2]", "[0,1]"), "bids"},
      {with("[2700000.0,900000.0,2]", "7"), "bidVolumes"},
  }};
  for (const auto& [text, field] : cases) {
    const auto rows = read(text);
    ASSERT_FALSE(rows.has_value()) << text;
    EXPECT_EQ(rows.error().code, ErrorCode::format_mismatch);
    EXPECT_EQ(rows.error().field, field) << text;
  }
}

TEST(dukascopy_json, refuses_what_is_no_object) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view("[1]"), std::string_view("{"), kGood.substr(0, 100)}) {
    const auto rows = read(text);
    ASSERT_FALSE(rows.has_value()) << text;
    EXPECT_EQ(rows.error().code, ErrorCode::format_mismatch);
  }
}

TEST(dukascopy_json, a_price_that_falls_to_nothing_is_a_bad_row) {
  auto rows = read(with("[0,-2,3]", "[0,-200000,200001]"));
  ASSERT_TRUE(rows.has_value());
  std::array<Tick, 8> ticks{};
  const ReadRows first = (*rows)->read(ticks);
  EXPECT_EQ(first.ticks, 1U);
  EXPECT_TRUE(first.is_bad);
  EXPECT_EQ(first.fault.field, "asks");
  EXPECT_EQ(first.line, 2U);
  EXPECT_EQ((*rows)->read(ticks).ticks, 1U);
}

TEST(dukascopy_json, sums_out_of_range_end_the_file_with_an_error) {
  auto rows = read(with("[93,104,0]", "[93,9223372036854775807,0]"));
  ASSERT_TRUE(rows.has_value());
  std::array<Tick, 8> ticks{};
  EXPECT_EQ((*rows)->read(ticks).ticks, 1U);
  ASSERT_TRUE((*rows)->error());
  EXPECT_EQ((*rows)->error()->line, 2U);
}

}  // namespace
}  // namespace thintail
