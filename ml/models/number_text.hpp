// SPDX-License-Identifier: Apache-2.0
// parse_number: a whole text as a number, independent of the locale and rounded once.
//   path  cold
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace thintail {

// False where `text` is not a number, is more than one, or lies outside of Number's range.
template <class Number>
bool parse_number(std::string_view text, Number& out) noexcept {
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  return fault == std::errc{} && stop == text.data() + text.size();
}

}  // namespace thintail
