// SPDX-License-Identifier: Apache-2.0
#include "core/config/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/config/schema.hpp"

namespace thintail {
namespace {

using config::Key;
using config::Section;
using config::toml_path;

constexpr std::size_t kCommentColumns = 112;

constexpr std::string_view kTomlHead =
    R"(# Thintail's configuration: every key with its default. Printed by `thintail config reference`.
#
# A flag goes before the environment, the environment before this file, this file before the default. The variable of
# core.instance is THINTAIL_CORE_INSTANCE, its flag --set core.instance=desk. A key that nobody reads is an error.
# `thintail config show --origin` prints what is in force and where it came from.
)";

constexpr std::string_view kMarkdownHead = R"(# Configuration

Printed by `thintail config reference --markdown`; a test holds this page and the commented
[thintail.toml](../thintail.toml) against the table of keys that the programs read (`core/config/schema.cpp`).

## Where a value comes from

A flag goes before the environment, the environment before the file, the file before the default.
`thintail config show --origin` prints every value in force and where it came from.

| source | example | reaches |
| --- | --- | --- |
| flag | `--set core.instance=desk`, `--set 'risk."XAUUSD@oanda".max_position=50'` | every key |
| environment | `THINTAIL_CORE_INSTANCE=desk`: prefix, section, key | every key outside of rows |
| file | `--config thintail.toml` | every key |

On the command line and in the environment a list is separated by commas and no text is quoted.

## What is refused

A mistake is named with file, line, column, key, what was expected and what was found; the program ends with exit code 64.

| code | mistake |
| --- | --- |
| TT-0102 | the file is not TOML |
| TT-0103 | a key, or a variable `THINTAIL_<SECTION>_...`, that nobody reads; the nearest known one is named |
| TT-0104 | a value of the wrong type or out of bounds |
| TT-0105 | a row lacks a key that has no default |

Prices and quantities are exact decimals with at most nine places. They are written as a text (`"0.5"`) or as an integer;
a floating-point number is refused, since most decimals are not one.

## Journaled

Decisions depend on the sections marked *journaled*. They are written to the journal at its start and on change, as the
canonical text that `canonical_text()` makes, and replay reads them from there: it needs no file.
)";

// `text` as comment lines.
std::string comment(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto cut = text.size();
    if (cut > kCommentColumns) cut = text.rfind(' ', kCommentColumns);
    if (cut == std::string_view::npos) cut = text.size();
    out += fmt::format("# {}\n", text.substr(0, cut));
    text.remove_prefix(std::min(cut + 1, text.size()));
  }
  return out;
}

std::string default_of(const Key& key) { return key.write(Settings{}, {}).value_or("not set"); }

std::string toml_keys(const Section& section) {
  std::string out;
  for (const auto& key : section.keys) {
    out += comment(fmt::format("{} ({})", key.doc, key.type));
    const auto name = key.name.empty() ? section.rows->example : key.name;
    const auto value = section.rows ? key.example : default_of(key);
    out += fmt::format("{}{} = {}\n", section.rows ? "#" : "", toml_path({name}), value);
  }
  return out;
}

// A row's header holds its name, unless the name is itself the key.
std::string toml_header(const Section& section) {
  const bool row_in_header = section.rows && !section.keys.front().name.empty();
  return toml_path(row_in_header ? section.path_of(section.rows->example, nullptr) : section.path);
}

// A bar would end the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string reference_toml() {
  std::string out(kTomlHead);
  for (const auto& section : config::schema()) {
    out += '\n' + comment(section.doc);
    if (section.rows) out += comment(fmt::format("Any number of rows. A row's name: {}.", section.rows->type));
    out += fmt::format("{}[{}]\n", section.rows ? "#" : "", toml_header(section)) + toml_keys(section);
  }
  return out;
}

std::string reference_markdown() {
  std::string out(kMarkdownHead);
  for (const auto& section : config::schema()) {
    out +=
        fmt::format("\n## `[{}]`\n\n{}{}\n", toml_header(section), section.doc, section.decides ? " *Journaled.*" : "");
    if (section.rows) out += fmt::format("Any number of rows; a row's name is {}.\n", section.rows->type);
    out += fmt::format("\n| key | meaning | accepts | {} |\n| --- | --- | --- | --- |\n",
                       section.rows ? "example" : "default");
    for (const auto& key : section.keys) {
      const auto name = key.name.empty() ? section.rows->example : key.name;
      out += fmt::format("| `{}` | {}{} | {} | `{}` |\n", toml_path({name}), cell(key.doc),
                         key.required ? " Required." : "", cell(key.type),
                         cell(section.rows ? key.example : default_of(key)));
    }
  }
  return out;
}

}  // namespace thintail
