// SPDX-License-Identifier: Apache-2.0
#include "core/price/decimal.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <random>

namespace thintail {
namespace {

constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
constexpr auto kMin = std::numeric_limits<std::int64_t>::min();

std::int64_t parsed(std::string_view text) {
  std::int64_t value_e9 = 0;
  EXPECT_EQ(parse_decimal_e9(text, value_e9), DecimalFault::none) << text;
  return value_e9;
}

DecimalFault fault_of(std::string_view text) {
  std::int64_t value_e9 = 42;
  const auto fault = parse_decimal_e9(text, value_e9);
  EXPECT_TRUE(fault == DecimalFault::none || value_e9 == 42) << "a refused text must leave the value alone: " << text;
  return fault;
}

TEST(ParseDecimal, reads_exactly_what_is_written) {
  EXPECT_EQ(parsed("1284.065"), 1'284'065'000'000);
  EXPECT_EQ(parsed("-1284.0650"), -1'284'065'000'000);
  EXPECT_EQ(parsed("+1"), kE9);
  EXPECT_EQ(parsed("0.000000001"), 1);
  EXPECT_EQ(parsed("5."), 5 * kE9);
  EXPECT_EQ(parsed(".5"), kE9 / 2);
  EXPECT_EQ(parsed("-0"), 0);
  EXPECT_EQ(parsed("0000000000000000000000000001"), kE9);
  EXPECT_EQ(parsed("1.1000000000000000000000000"), 1'100'000'000);
}

TEST(ParseDecimal, never_passes_through_a_double) {
  // Neither of these i64 values is a double.
  EXPECT_EQ(parsed("9007199.254740993"), 9'007'199'254'740'993);
  EXPECT_EQ(parsed("9223372036.854775807"), kMax);
}

TEST(ParseDecimal, covers_the_whole_range_and_nothing_beyond) {
  EXPECT_EQ(parsed("-9223372036.854775808"), kMin);
  EXPECT_EQ(fault_of("9223372036.854775808"), DecimalFault::out_of_range);
  EXPECT_EQ(fault_of("-9223372036.854775809"), DecimalFault::out_of_range);
  EXPECT_EQ(fault_of("9223372037"), DecimalFault::out_of_range);
  EXPECT_EQ(fault_of("99999999999999999999999999999999999999999999999999"), DecimalFault::out_of_range);
}

TEST(ParseDecimal, names_the_fault) {
  for (const auto* text : {"", "-", "+", ".", "-."}) EXPECT_EQ(fault_of(text), DecimalFault::empty) << text;
  for (const auto* text : {"abc", "1.2.3", "1e5", "1,5", " 1", "1 ", "--1", "1-", "nan", "inf", "0x1", "..1"}) {
    EXPECT_EQ(fault_of(text), DecimalFault::not_a_number) << text;
  }
  EXPECT_EQ(fault_of("1.0000000001"), DecimalFault::too_precise);
  EXPECT_EQ(fault_of(std::string_view("1\0", 2)), DecimalFault::not_a_number);
  for (int i = 0; i <= static_cast<int>(DecimalFault::out_of_range); ++i) {
    EXPECT_NE(describe(static_cast<DecimalFault>(i)), "an unknown fault");
  }
}

TEST(ParseDecimal, random_values_survive_formatting_and_parsing) {
  std::mt19937_64 random(20'140'502);
  for (int i = 0; i < 200'000; ++i) {
    // Shifted so that every magnitude occurs, not only the largest.
    const auto value_e9 = static_cast<std::int64_t>(random()) >> (random() % 64);
    for (const int places : {0, 3, 9}) {
      const auto text = format_decimal_e9(value_e9, places);
      std::int64_t back = 0;
      ASSERT_EQ(parse_decimal_e9(text, back), DecimalFault::none) << text;
      ASSERT_EQ(back, value_e9) << text;
    }
  }
}

TEST(ParseDecimal, random_bytes_are_refused_or_read_back_as_themselves) {
  std::mt19937_64 random(7);
  constexpr std::string_view kAlphabet = "0123456789.-+e ";
  for (int i = 0; i < 200'000; ++i) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = kAlphabet[random() % kAlphabet.size()];
    std::int64_t value_e9 = 0;
    if (parse_decimal_e9(text, value_e9) != DecimalFault::none) continue;
    ASSERT_EQ(parsed(format_decimal_e9(value_e9)), value_e9) << text;
  }
}

TEST(FormatDecimal, is_the_shortest_exact_form_or_padded) {
  EXPECT_EQ(format_decimal_e9(1'284'065'000'000), "1284.065");
  EXPECT_EQ(format_decimal_e9(1'284'065'000'000, 4), "1284.0650");
  EXPECT_EQ(format_decimal_e9(1'284'065'000'000, 2), "1284.065") << "digits are never dropped";
  EXPECT_EQ(format_decimal_e9(-1), "-0.000000001");
  EXPECT_EQ(format_decimal_e9(0), "0");
  EXPECT_EQ(format_decimal_e9(0, 2), "0.00");
  EXPECT_EQ(format_decimal_e9(5 * kE9), "5");
  EXPECT_EQ(format_decimal_e9(kMin), "-9223372036.854775808");
  EXPECT_EQ(format_decimal_e9(kE9, 99), "1.000000000");
}

TEST(FormatMoney, rounds_half_away_from_zero) {
  constexpr i128 kE18 = static_cast<i128>(kE9) * kE9;
  EXPECT_EQ(format_money_e18(kE18 * 1234 + kE18 / 200), "1234.01");
  EXPECT_EQ(format_money_e18(-(kE18 / 200)), "-0.01");
  EXPECT_EQ(format_money_e18(-(kE18 / 200 - 1)), "0.00") << "no minus before nothing";
  EXPECT_EQ(format_money_e18(kE18 * 7, 0), "7");
  EXPECT_EQ(format_money_e18(1, 18), "0.000000000000000001");
  EXPECT_EQ(format_money_e18(notional_e18(Price{kMin}, Quantity{kMin})), "85070591730234615865.84");
}

TEST(Decimal9, arithmetic_is_checked) {
  Price out{7};
  EXPECT_TRUE(Price::add(Price{1}, Price{2}, out));
  EXPECT_EQ(out.e9, 3);
  EXPECT_FALSE(Price::add(Price{kMax}, Price{1}, out));
  EXPECT_FALSE(Price::subtract(Price{kMin}, Price{1}, out));
  EXPECT_EQ(out.e9, 3) << "unchanged after overflow";
  EXPECT_TRUE(Price::subtract(Price{1}, Price{2}, out));
  EXPECT_EQ(out.e9, -1);
  EXPECT_LT(Price{1}, Price{2});
  EXPECT_EQ(Price{1'284'065'000'000}.text(4), "1284.0650");
  EXPECT_EQ(Price::parse("1.5", out), DecimalFault::none);
  EXPECT_EQ(out.e9, 1'500'000'000);
}

static_assert(!std::convertible_to<Price, Quantity> && !std::convertible_to<std::int64_t, Price>,
              "a price is no quantity, and a bare number is neither");

}  // namespace
}  // namespace thintail
