// SPDX-License-Identifier: Apache-2.0
// Keys that would nest tables without bound are seen, whatever stands around them; texts that only look like them are not.
#include "core/config/toml_shape.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/config/toml_reader.hpp"

namespace thintail {
namespace {

using config::has_deep_keys;
using config::kTomlKeyPartsMax;

std::string key_of(std::size_t parts, const std::string& part = "a", const std::string& dot = ".") {
  std::string key = part;
  for (std::size_t i = 1; i < parts; ++i) key += dot + part;
  return key;
}

TEST(TomlShape, a_key_may_have_as_many_parts_as_anybody_needs_and_no_more) {
  EXPECT_FALSE(has_deep_keys(key_of(kTomlKeyPartsMax) + " = 1\n"));
  for (const std::string part : {"a", "\"b c\"", "'d'", "1", "\"e\\\"\""}) {
    for (const std::string dot : {".", " . ", "\t."}) {
      const std::string deep = key_of(kTomlKeyPartsMax + 1, part, dot);
      EXPECT_TRUE(has_deep_keys(deep + " = 1\n")) << deep;
      EXPECT_TRUE(has_deep_keys("[" + deep + "]\n")) << deep;
      EXPECT_TRUE(has_deep_keys("x = { y = 1, " + deep + " = 1 }\n")) << deep;
    }
  }
}

TEST(TomlShape, dots_in_strings_comments_and_lists_are_no_key) {
  const std::string dots(100, '.');
  for (const std::string& text : {"x = \"" + dots + "\"\n", "x = '" + dots + "'\n",
                                  "x = \"\"\"\n" + dots + "\n\"\"\"\n", "x = '''" + dots + "'''\n", "# " + dots + "\n",
                                  "x = [" + key_of(50, "0.5", ", ") + "]\n", "x = \"\\\"" + dots + "\"\n"}) {
    EXPECT_FALSE(has_deep_keys(text)) << text;
  }
}

TEST(TomlShape, what_stands_before_a_key_does_not_hide_it) {
  const std::string deep = key_of(kTomlKeyPartsMax + 1) + " = 1\n";
  for (const std::string before :
       {"x = \"a\"\n", "x = \"\"\n", "x = ''\n", "x = \"\"\"\"\"\"\n", "x = \"\"\"a\"\"\"\"\"\n",
        "x = \"\"\"a\"b\"\"\"\n", "x = '''a'b'''''\n", "x = \"\\\\\"\n", "# it's \"quoted\n", "x = '\\'\n",
        "x = \"it's\"\n", "x = \"open\n"}) {
    EXPECT_TRUE(has_deep_keys(before + deep)) << before;
  }
}

// Without the bound the library's own recursion ends the process.
TEST(TomlShape, a_configuration_with_a_key_of_100_000_parts_is_refused) {
  const auto entries = config::read_toml(key_of(100'000) + " = 1\n", "deep.toml");
  ASSERT_FALSE(entries);
  EXPECT_EQ(entries.error().code, ErrorCode::config_syntax);
  EXPECT_EQ(entries.error().file, "deep.toml");
}

}  // namespace
}  // namespace thintail
