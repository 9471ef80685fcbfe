// SPDX-License-Identifier: Apache-2.0
// Texts of HTTP: names without case, percent codes, base64url, hexadecimal secrets, comparisons that take the same time,
// and tokens blotted out of what is logged.
//   path  warm
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thintail::http {

bool equal_without_case(std::string_view left, std::string_view right) noexcept;  // ASCII
std::string lower_case(std::string_view text);  // ASCII
std::string_view trimmed(std::string_view text) noexcept;  // of spaces and tabs

// The bytes that `text` stands for. Empty where a code is not %XX, or the bytes are not UTF-8 without control characters:
// a NUL or line break in a name is never meant well. `plus_is_space`: in a query.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space = false);

bool is_utf8(std::string_view bytes) noexcept;

struct Target {
  std::string authority;  // of an absolute form only
  std::vector<std::string> segments;  // decoded; "/a/b%2Fc" has "a" and "b/c"; "/a/" has "a" and ""
  std::string path;  // "/a/b/c", for people
  std::vector<std::pair<std::string, std::string>> query;
};

// Splits first and decodes then, so that an encoded "/" never makes a segment. Empty where it is not valid.
std::optional<Target> parse_target(std::string_view target);

std::string base64url(std::string_view bytes);  // without padding
// Strict: no padding, no other characters, no bits left over. So each text has one spelling.
std::optional<std::string> from_base64url(std::string_view text);

// `count` bytes from the system's generator. It does not fail on Linux once the system has started.
std::string random_bytes(std::size_t count);

// The time taken depends on the sizes only.
bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept;

// With API keys, JWTs, cookies' values and one-use codes replaced by "***". For every text of others that is logged.
std::string redacted(std::string_view text);

}  // namespace thintail::http
