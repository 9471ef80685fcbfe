// SPDX-License-Identifier: Apache-2.0
// RawValue: a configured value as it was written, before the key that reads it gives it a type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace thintail::config {

// From the environment or a flag: only the key knows whether "10" is a text, a number or a decimal.
struct Words {
  std::string text;
};

// Something that no key accepts: a date, a table, an array of other things than texts.
struct Unusable {
  std::string description;  // "a date"
};

using RawValue = std::variant<Words, std::string, std::int64_t, double, bool, std::vector<std::string>, Unusable>;

// For messages: "\"abc\"", "the number 0.5".
std::string describe(const RawValue& raw);

// A TOML basic string, quoted and escaped.
std::string toml_string(std::string_view text);

// A key path as TOML writes it: risk."XAUUSD@oanda".max_position
std::string toml_path(const std::vector<std::string>& parts);

}  // namespace thintail::config
