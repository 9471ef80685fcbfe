// SPDX-License-Identifier: Apache-2.0
// Config: settings and where each came from. Precedence: flag, environment, file, default.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/config/settings.hpp"

namespace thintail {

struct Origin {
  std::string text;          // "file thintail.toml:12:1", "environment THINTAIL_CORE_INSTANCE", "flag --instance"
  std::string file{};        // empty unless from a file
  std::uint64_t line = 0;    // 1-based
  std::uint64_t column = 0;  // 1-based
};

struct Config {
  Settings settings;
  std::map<std::string, Origin> origins;  // by key as TOML writes it, risk."XAUUSD@oanda".max_position; absent: default
};

// A setting of the command line. `flag` is what the user typed, for messages.
struct Override {
  std::string key;  // "core.instance"
  std::string value;
  std::string flag = "--set";
};

// The argument of --set: "core.instance=desk", "risk.\"US30.cash\".max_position=5".
Result<Override> parse_override(std::string_view text);

struct EnvironmentVariable {
  std::string name;  // "THINTAIL_CORE_INSTANCE"
  std::string value;
};

// Those of this process whose names begin with THINTAIL_.
std::vector<EnvironmentVariable> thintail_environment();

// Strict: a key, or a variable THINTAIL_<SECTION>_..., that nobody reads is an error naming the nearest known one.
// Variables that begin with no section's name are others' (THINTAIL_DATA) and left alone.
Result<Config> load_config(const std::optional<std::filesystem::path>& file, std::span<const Override> overrides,
                           std::span<const EnvironmentVariable> environment, const Settings& defaults = {});

// Every key with its value as TOML that load_config() reads back; with `origin`, each with a comment where it came from.
std::string show(const Config& config, bool origin);

// Everything that decisions depend on as TOML, equal for equal settings: what Config events carry. Leaves out where things
// lie and how threads run.
std::string canonical_text(const Settings& settings);

// What canonical_text() was made of, exactly; everything it leaves out has its default.
Result<Settings> parse_canonical(std::string_view text);

}  // namespace thintail
