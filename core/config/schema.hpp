// SPDX-License-Identifier: Apache-2.0
// The one table of every configuration key: reading, printing, documentation and canonical text all walk it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/config/raw_value.hpp"
#include "core/config/settings.hpp"

namespace thintail::config {

struct Key {
  std::string name;     // empty where the row's name is the key: strategy.quantity.XAUUSD
  std::string type;     // what is accepted, in words
  std::string doc;      // one line: meaning and unit
  std::string example;  // TOML; for keys of rows, which have no default to show
  bool required = false;
  // `row` names the row of a section with rows, and is ignored elsewhere.
  std::function<bool(Settings&, const std::string& row, const RawValue&)> read;
  std::function<std::optional<std::string>(const Settings&, const std::string& row)> write;  // empty: not set
};

// Rows: named by the user, as in [risk.XAUUSD]. A section without them has its keys directly.
struct Rows {
  std::string type;     // what a row's name may be, in words
  std::string example;  // a name
  std::function<bool(const std::string& row)> accepts;
  std::function<std::vector<std::string>(const Settings&)> names;
  // Makes the row if it is not there. True where a new row may leave required keys out, being known already.
  std::function<bool(Settings&, const std::string& row)> add;
  std::function<Result<void>(const Settings&, const std::string& row)> check;  // what single keys cannot tell
};

struct Section {
  std::vector<std::string> path;  // {"strategy", "quantity"}
  std::string doc;
  bool decides = false;  // decisions depend on it: part of the canonical text that is journaled
  std::optional<Rows> rows = {};
  std::vector<Key> keys;

  // The path of one of its keys, or with key == nullptr of one of its rows.
  std::vector<std::string> path_of(const std::string& row, const Key* key) const;
};

// In the order of documentation and canonical text.
std::span<const Section> schema();

}  // namespace thintail::config
