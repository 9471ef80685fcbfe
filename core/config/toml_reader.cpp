// SPDX-License-Identifier: Apache-2.0
#include "core/config/toml_reader.hpp"

// Errors come back as values: nothing of toml++ throws past this file.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <fmt/format.h>

#include <algorithm>

#include "core/config/toml_text.hpp"

namespace thintail::config {
namespace {

RawValue raw_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* array = node.as_array()) {
    std::vector<std::string> items;
    for (const auto& element : *array) {
      const auto* text = element.as_string();
      if (text == nullptr) return Unusable{"a list that holds something else than texts"};
      items.push_back(text->get());
    }
    return items;
  }
  return Unusable{"a date or time"};
}

void flatten(const toml::table& table, std::vector<std::string>& path, std::vector<TomlEntry>& entries) {
  for (const auto& [key, node] : table) {
    path.emplace_back(key.str());
    const auto begin = key.source().begin;
    TomlEntry entry{.path = path,
                    .is_table = node.is_table(),
                    .value = Unusable{"a table"},
                    .line = begin.line,
                    .column = begin.column};
    if (!entry.is_table) entry.value = raw_value(node);
    entries.push_back(std::move(entry));
    if (const auto* inner = node.as_table()) flatten(*inner, path, entries);
    path.pop_back();
  }
}

}  // namespace

Result<std::vector<TomlEntry>> read_toml(std::string_view text, const std::string& file) {
  TT_TRY(const toml::table table, read_table(text, file, "reading the configuration"));
  std::vector<TomlEntry> entries;
  std::vector<std::string> path;
  flatten(table, path, entries);
  // toml++ keeps keys sorted; the first mistake of the file is the one to report.
  std::ranges::stable_sort(entries, [](const TomlEntry& a, const TomlEntry& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return entries;
}

}  // namespace thintail::config
