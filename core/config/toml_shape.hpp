// SPDX-License-Identifier: Apache-2.0
// has_deep_keys: whether a TOML text has dotted keys so long that reading them would nest tables without bound.
//   path    cold
//   source  toml++ 3.3 limits how deep values nest, but not keys: 100,000 times "a." ended the process by its stack
#pragma once

#include <cstddef>
#include <string_view>

namespace thintail::config {

inline constexpr std::size_t kTomlKeyPartsMax = 16;

// Looks at every run of dots outside of strings and comments that nothing but words, quotes and blanks stands between.
inline bool has_deep_keys(std::string_view text) noexcept {
  std::size_t dots = 0;
  std::size_t at = 0;
  const auto starts = [&](char quote, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (at + i >= text.size() || text[at + i] != quote) return false;
    }
    return true;
  };
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      const std::size_t quotes = starts(c, 3) ? 3 : 1;
      at += quotes;
      while (at < text.size() && !starts(c, quotes) && !(quotes == 1 && text[at] == '\n'))
        at += c == '"' && text[at] == '\\' ? 2 : 1;
      // Up to two quotes more belong to a long string's text.
      for (std::size_t end = at + (quotes == 3 ? 5 : 1); at < end && starts(c, 1);) ++at;
      continue;
    }
    if (c == '#') {
      while (at < text.size() && text[at] != '\n') ++at;
      continue;
    }
    const bool ends_key = c == '\n' || c == '=' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}';
    dots = ends_key ? 0 : dots + (c == '.' ? 1 : 0);
    if (dots >= kTomlKeyPartsMax) return true;
    ++at;
  }
  return false;
}

}  // namespace thintail::config
