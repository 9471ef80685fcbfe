// SPDX-License-Identifier: Apache-2.0
// duration_ns: a length of time as a command line writes it: "250ms", "60s", "5m", "1h".
//   path  cold
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "core/base/error.hpp"

namespace thintail {

// `field` names the option in errors.
inline Result<std::int64_t> duration_ns(const std::string& text, std::string field) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stop, end);
  const std::int64_t unit_ns = unit == "ms"  ? 1'000'000
                               : unit == "s" ? 1'000'000'000
                               : unit == "m" ? 60'000'000'000
                               : unit == "h" ? 3'600'000'000'000
                                             : 0;
  constexpr std::int64_t kMaxNs = 7 * 24 * 3'600'000'000'000;
  if (fault == std::errc{} && unit_ns != 0 && count > 0 && count <= kMaxNs / unit_ns) return count * unit_ns;
  return fail({.code = ErrorCode::usage,
               .doing = "reading the command line",
               .field = std::move(field),
               .expected = "a whole number and ms, s, m or h, at most 7 days",
               .found = printable(text)});
}

}  // namespace thintail
