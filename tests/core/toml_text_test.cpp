// SPDX-License-Identifier: Apache-2.0
// parse_toml: what toml++ mishandles is refused before it sees it; letters of every language may stand where people write.
#include "core/config/toml_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace thintail {
namespace {

using config::parse_toml;
using config::stray_byte;

constexpr std::size_t kNone = std::string_view::npos;

TEST(TomlText, any_letter_may_stand_in_comments_and_strings_of_one_line) {
  for (const char* text :
       {"", "a = 1", "# é 、 \xef\xb8\x8f\na = 1", "a = \"é\" # ü", "a = 'é'", "a = \"\\\"é\"", "\"é\" = 1",
        "\xef\xbb\xbf"
        "a = 1",
        "a = \"\"\"x\"\"\"\nb = \"é\"", "a = \"\"\nb = 'é'", "a = [\n  \"é\", # ü\n  'ö'\n]", "a = 1# é",
        "[a.\"é\"]\nb.\"ü\" = 1", "a = {b = \"é\", c = [\"ü\"]}\n\"é\".b = 2", "a = '''x'''''\nb = 'é'",
        "a = \"\"\"x\"\"\"\"\nb = \"é\""}) {
    EXPECT_EQ(stray_byte(text), kNone) << text;
    EXPECT_TRUE(parse_toml(text, "file")) << text;
  }
}

TEST(TomlText, elsewhere_it_is_refused_with_its_line_and_column) {
  EXPECT_EQ(stray_byte("é = 1"), 0U);
  EXPECT_EQ(stray_byte("a = 1 é"), 6U);
  EXPECT_EQ(stray_byte("a = \"\"é"), 6U);
  EXPECT_EQ(stray_byte("a = \"\"\"\\\né\"\"\""), 9U);
  EXPECT_EQ(stray_byte("a = '''é'''"), 7U);
  EXPECT_EQ(stray_byte("a = \"\"\"x\"\"\"\"é"), 12U);
  EXPECT_EQ(stray_byte("# é\na = é"), 9U);
  // The library looks for the end of such words beyond their quotes.
  EXPECT_EQ(stray_byte("a = 4\"é"), 6U);
  EXPECT_EQ(stray_byte("a = +[\"é"), 7U);
  EXPECT_EQ(stray_byte("a = 4.\"é"), 7U);
  EXPECT_EQ(stray_byte("a = [\n4.\"é"), 9U);
  EXPECT_EQ(stray_byte("a = \"x\"\"é"), 8U);
  EXPECT_EQ(stray_byte("\xef\xbb\xbf\xef\xbb\xbf"), 3U);
  const auto parsed = parse_toml("a = 1\nb = \xef\xb8\x8f", "file");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().source().begin.line, 2U);
  EXPECT_EQ(parsed.error().source().begin.column, 5U);
  EXPECT_NE(parsed.error().description().find("ASCII"), std::string_view::npos);
}

TEST(TomlText, a_bracket_without_a_name_is_refused) {
  for (const char* text : {"[&", "[[&", "[\n]", "[ \t&]", "[#", "[[ ,", "[[["})
    EXPECT_NE(stray_byte(text), kNone) << text;
  for (const char* text : {"[a]", "[ a ]", "[[a]]", "[\"b\"]", "['c'.d]", "a = [\n&", "[-_]"}) {
    EXPECT_EQ(stray_byte(text), kNone) << text;
  }
  EXPECT_FALSE(parse_toml("[]", "file"));
  EXPECT_FALSE(parse_toml("[", "file"));
  const auto parsed = parse_toml("\n[&", "file");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().source().begin.line, 2U);
  EXPECT_NE(parsed.error().description().find("name"), std::string_view::npos);
}

// Past an unfinished string nothing is parsed, so nothing is looked at.
TEST(TomlText, what_ends_early_is_left_to_the_library) {
  for (const char* text : {"a = \"x\nb = é", "a = 'x\né", "a = \"\"\"x", "a = \"\\"}) {
    EXPECT_EQ(stray_byte(text), kNone) << text;
    EXPECT_FALSE(parse_toml(text, "file")) << text;
  }
}

}  // namespace
}  // namespace thintail
