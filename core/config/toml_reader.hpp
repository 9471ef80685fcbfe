// SPDX-License-Identifier: Apache-2.0
// read_toml: a TOML text as a flat list of what it sets, in the order of the file, each with its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/config/raw_value.hpp"

namespace thintail::config {

struct TomlEntry {
  std::vector<std::string> path;  // {"risk", "XAUUSD@oanda", "max_position"}
  bool is_table = false;          // the table itself; its contents follow as entries of their own
  RawValue value;
  std::uint64_t line = 0;
  std::uint64_t column = 0;
};

// `file` is only named in errors.
Result<std::vector<TomlEntry>> read_toml(std::string_view text, const std::string& file);

}  // namespace thintail::config
