// SPDX-License-Identifier: Apache-2.0
#include "core/base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace thintail {
namespace {

// The enumerators as written in the header: the compiler cannot list them.
std::set<unsigned> declared_codes() {
  std::ifstream file(THINTAIL_SOURCE_DIR "/core/base/error.hpp");
  std::stringstream text;
  text << file.rdbuf();
  std::string source = text.str();
  const auto begin = source.find("enum class ErrorCode");
  source = source.substr(begin, source.find("};", begin) - begin);
  std::set<unsigned> codes;
  const std::regex enumerator(R"((\w+) = (\d+),)");
  for (std::sregex_iterator it(source.begin(), source.end(), enumerator), end; it != end; ++it) {
    codes.insert(static_cast<unsigned>(std::stoul((*it)[2])));
  }
  return codes;
}

TEST(ErrorCatalogue, has_a_row_for_every_declared_code_and_none_besides) {
  const auto declared = declared_codes();
  ASSERT_GT(declared.size(), 30u);
  std::set<unsigned> catalogued;
  for (const auto& row : error_catalogue()) catalogued.insert(static_cast<unsigned>(row.code));
  EXPECT_EQ(catalogued, declared);
}

TEST(ErrorCatalogue, tells_meaning_and_advice_and_a_documented_exit_code) {
  for (const auto& row : error_catalogue()) {
    SCOPED_TRACE(code_name(row.code));
    EXPECT_FALSE(row.title.empty());
    EXPECT_TRUE(row.meaning.ends_with('.')) << row.meaning;
    EXPECT_TRUE(row.advice.ends_with('.') || row.advice.ends_with('?')) << row.advice;
    const auto exit = static_cast<int>(row.exit);
    EXPECT_TRUE(exit == 1 || exit == 2 || exit == 64 || exit == 70) << exit;
    EXPECT_EQ(&error_info(row.code), &row);
  }
}

TEST(ErrorCatalogueDeathTest, asking_for_an_undocumented_code_aborts) {
  EXPECT_DEATH(error_info(static_cast<ErrorCode>(999)), "every ErrorCode to have a catalogue row");
}

TEST(Error, message_names_code_file_line_field_expected_and_found) {
  const Error error{.code = ErrorCode::row_bad_field,
                    .doing = "parsing ticks",
                    .file = "x.csv",
                    .line = 17,
                    .column = 3,
                    .field = "bid",
                    .expected = "a decimal price",
                    .found = "\"abc\""};
  EXPECT_EQ(error.message(),
            "TT-0205 a row has a field that cannot be read: parsing ticks: x.csv:17:3: bid: expected a decimal price, "
            "found \"abc\"");
}

TEST(Error, message_leaves_out_what_does_not_apply) {
  EXPECT_EQ((Error{.code = ErrorCode::no_ticks, .doing = ""}).message(), "TT-0215 there are no ticks to work on");
  EXPECT_EQ((Error{.code = ErrorCode::no_ticks, .doing = "", .found = "0 rows"}).message(),
            "TT-0215 there are no ticks to work on: found 0 rows");
}

TEST(Error, terminal_controls_of_hostile_text_are_escaped_and_long_text_is_cut) {
  EXPECT_EQ(printable("a\x1b[2J\n\x7f"), "a\\x1b[2J\\x0a\\x7f");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
  const Error error{.code = ErrorCode::file_missing, .doing = "", .file = "evil\x1b]0;title\a.csv"};
  EXPECT_EQ(error.message().find('\x1b'), std::string::npos);
}

TEST(Error, errno_has_words) { EXPECT_EQ(errno_text(ENOENT), "No such file or directory"); }

Result<int> half(int number) {
  if (number % 2 != 0) return fail({.code = ErrorCode::internal, .doing = "halving", .found = std::to_string(number)});
  return number / 2;
}

Result<int> quarter(int number) {
  TT_TRY(const int once, half(number));
  TT_TRY(const int twice, half(once));
  return twice;
}

Result<void> check_even(int number) {
  TT_TRY_VOID(half(number));
  return {};
}

TEST(Result, try_passes_the_first_error_on_and_otherwise_goes_on_with_the_value) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().found, "3");
  EXPECT_EQ(quarter(5).error().found, "5");
  EXPECT_TRUE(check_even(2).has_value());
  EXPECT_EQ(check_even(3).error().code, ErrorCode::internal);
}

}  // namespace
}  // namespace thintail
