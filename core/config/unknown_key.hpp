// SPDX-License-Identifier: Apache-2.0
// first_unknown_key: the first key of a TOML table, in the order of the file, that its reader does not know.
//   path  cold
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

// Errors come back as values.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace thintail::config {

// Null where all are known.
inline const toml::key* first_unknown_key(const toml::table& table, const std::vector<std::string>& known) {
  const toml::key* first = nullptr;
  // toml++ keeps keys sorted; the first mistake of the file is the one to report.
  const auto place = [](const toml::key& key) { return std::pair(key.source().begin.line, key.source().begin.column); };
  for (const auto& [key, node] : table) {
    if (std::ranges::find(known, key.str()) != known.end()) continue;
    if (first == nullptr || place(key) < place(*first)) first = &key;
  }
  return first;
}

}  // namespace thintail::config
