// SPDX-License-Identifier: Apache-2.0
#include "core/config/config.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include "core/config/nearest_name.hpp"
#include "core/config/schema.hpp"
#include "core/config/toml_reader.hpp"

namespace thintail {
namespace {

using config::Key;
using config::Section;
using config::toml_path;
using config::TomlEntry;
using Path = std::vector<std::string>;

constexpr std::string_view kPrefix = "THINTAIL_";
// A thousand times what a person writes; a device or a tick file named by mistake ends here.
constexpr std::uintmax_t kFileBytesMax = 4u << 20;

// --- paths and keys ------------------------------------------------------------------------------------------------

// What a path leads to: a key, else a row, else a section, else nothing.
struct Place {
  const Section* section = nullptr;
  std::string row;
  const Key* key = nullptr;
  bool is_table() const { return section != nullptr && key == nullptr; }
};

const Key* find_key(const Section& section, std::string_view name) {
  const auto found = std::ranges::find(section.keys, name, &Key::name);
  return found == section.keys.end() ? nullptr : &*found;
}

Place find_place(const Path& path) {
  Place place;
  for (const auto& section : config::schema()) {
    const auto shared = std::min(path.size(), section.path.size());
    if (!std::equal(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(shared), section.path.begin())) continue;
    const auto rest = std::span(path).subspan(shared);
    if (rest.empty()) {  // the section, or the way to it
      if (!place.section) place.section = &section;
    } else if (!section.rows && rest.size() == 1) {
      if (const auto* key = find_key(section, rest[0])) return {&section, {}, key};
    } else if (section.rows && rest.size() == 1) {
      return {&section, rest[0], find_key(section, "")};
    } else if (section.rows && rest.size() == 2) {
      if (const auto* key = find_key(section, rest[1])) return {&section, rest[0], key};
    }
  }
  return place;
}

// Every path that could have been meant by `path`, with rows named as it names them.
std::vector<std::string> known_paths(const Path& path) {
  std::vector<std::string> known;
  for (const auto& section : config::schema()) {
    const bool has_row = section.rows && path.size() > section.path.size();
    const auto& row = has_row ? path[section.path.size()] : section.rows ? section.rows->example : std::string();
    for (const auto& key : section.keys) known.push_back(toml_path(section.path_of(row, &key)));
  }
  return known;
}

// "risk.\"US30.cash\".max_position" -> its three parts; empty where a part is empty or a quote stays open.
Path split_key(std::string_view key) {
  Path parts(1);
  bool quoted = false;
  for (const char c : key) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (quoted || std::ranges::any_of(parts, &std::string::empty)) return {};
  return parts;
}

std::string variable_name(const Path& path) {
  std::string name = std::string(kPrefix) + toml_path(path);
  for (char& c : name) {
    if (c == '.') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

// --- setting values ------------------------------------------------------------------------------------------------

class Loader {
 public:
  explicit Loader(const Settings& defaults) { config_.settings = defaults; }

  Result<void> read_text(std::string_view text, const std::string& file) {
    TT_TRY(const auto entries, config::read_toml(text, file));
    for (const auto& entry : entries) TT_TRY_VOID(apply(entry, file));
    return {};
  }

  Result<void> read_environment(std::span<const EnvironmentVariable> environment) {
    for (const auto& variable : environment) TT_TRY_VOID(apply(variable));
    return {};
  }

  Result<void> read_overrides(std::span<const Override> overrides) {
    for (const auto& set : overrides) {
      const Origin origin{.text = "flag " + set.flag};
      const auto path = split_key(set.key);
      if (path.empty()) return fail(unknown_key({set.key}, origin));
      TT_TRY_VOID(apply(path, config::Words{set.value}, origin));
    }
    return {};
  }

  // Rows are complete and fit together. REQUIRES: everything is read.
  Result<Config> finish() && {
    for (const auto& section : config::schema()) {
      if (!section.rows) continue;
      for (const auto& row : section.rows->names(config_.settings)) TT_TRY_VOID(check_row(section, row));
    }
    const auto& strategy = config_.settings.strategy;
    // Written to accept: with the exit above the entry, hysteresis would leave on the tick it entered.
    if (!(strategy.exit_cost_multiple <= strategy.entry_cost_multiple)) {
      return fail(bad_value({"strategy", "exit_cost_multiple"},
                            fmt::format("at most entry_cost_multiple, which is {}", strategy.entry_cost_multiple),
                            fmt::format("{}", strategy.exit_cost_multiple)));
    }
    return std::move(config_);
  }

 private:
  Result<void> apply(const TomlEntry& entry, const std::string& file) {
    const Origin origin{.text = fmt::format("file {}:{}:{}", file, entry.line, entry.column),
                        .file = file,
                        .line = entry.line,
                        .column = entry.column};
    if (!entry.is_table) return apply(entry.path, entry.value, origin);
    const auto place = find_place(entry.path);
    if (place.section == nullptr) return fail(unknown_key(entry.path, origin));
    if (place.key != nullptr) return apply(entry.path, entry.value, origin);
    if (place.row.empty() && entry.path.size() <= place.section->path.size()) return {};
    return add_row(*place.section, place.row, origin);
  }

  Result<void> apply(const EnvironmentVariable& variable) {
    const Origin origin{.text = "environment " + variable.name};
    bool is_ours = false;
    std::vector<std::string> known;
    for (const auto& section : config::schema()) {
      is_ours = is_ours || variable.name.starts_with(variable_name(section.path) + "_");
      if (section.rows) continue;
      for (const auto& key : section.keys) {
        const auto path = section.path_of({}, &key);
        known.push_back(variable_name(path));
        if (known.back() == variable.name) return apply(path, config::Words{variable.value}, origin);
      }
    }
    if (!is_ours) return {};
    return fail(
        {.code = ErrorCode::config_unknown_key,
         .doing = "reading the environment",
         .field = printable(variable.name),
         .expected = fmt::format("a known variable; the nearest is {} (rows such as [risk.XAUUSD] are set in the "
                                 "file or by --set)",
                                 nearest_name(variable.name, known))});
  }

  Result<void> apply(const Path& path, const config::RawValue& value, const Origin& origin) {
    const auto place = find_place(path);
    if (place.section == nullptr) return fail(unknown_key(path, origin));
    config_.origins.insert_or_assign(toml_path(path), origin);
    if (place.is_table()) return fail(bad_value(path, "a table", config::describe(value)));
    if (place.section->rows) TT_TRY_VOID(add_row(*place.section, place.row, origin));
    if (!place.key->read(config_.settings, place.row, value)) {
      return fail(bad_value(path, place.key->type, config::describe(value)));
    }
    return {};
  }

  Result<void> add_row(const Section& section, const std::string& row, const Origin& origin) {
    const auto path = section.path_of(row, nullptr);
    if (!section.rows->accepts(row)) {
      config_.origins.insert_or_assign(toml_path(path), origin);
      return fail(bad_value(path, section.rows->type, config::toml_string(printable(row))));
    }
    const auto names = section.rows->names(config_.settings);
    const bool is_new = std::ranges::find(names, row) == names.end();
    if (!section.rows->add(config_.settings, row) && is_new) incomplete_.insert(toml_path(path));
    config_.origins.try_emplace(toml_path(path), origin);
    return {};
  }

  Result<void> check_row(const Section& section, const std::string& row) const {
    const auto path = section.path_of(row, nullptr);
    if (incomplete_.contains(toml_path(path))) {
      for (const auto& key : section.keys) {
        const auto key_path = section.path_of(row, &key);
        if (!key.required || config_.origins.contains(toml_path(key_path))) continue;
        auto error = error_at(path, ErrorCode::config_missing);
        error.field = toml_path(key_path);
        error.expected = key.type;
        error.found = "nothing";
        return fail(std::move(error));
      }
    }
    auto checked = section.rows->check(config_.settings, row);
    if (checked) return {};
    auto key_path = path;
    if (!checked.error().field.empty()) key_path.push_back(checked.error().field);
    return fail(bad_value(key_path, checked.error().expected, checked.error().found));
  }

  // An error that points at where `path`, or else what holds it, was set.
  Error error_at(Path path, ErrorCode code) const {
    Error error{.code = code, .doing = "reading the configuration", .field = toml_path(path)};
    while (!path.empty()) {
      if (const auto found = config_.origins.find(toml_path(path)); found != config_.origins.end()) {
        error.file = found->second.file;
        error.line = found->second.line;
        error.column = found->second.column;
        if (error.file.empty()) error.doing += ", " + printable(found->second.text);
        break;
      }
      path.pop_back();
    }
    return error;
  }

  Error bad_value(const Path& path, std::string expected, std::string found) const {
    auto error = error_at(path, ErrorCode::config_bad_value);
    error.expected = std::move(expected);
    error.found = std::move(found);
    return error;
  }

  Error unknown_key(const Path& path, const Origin& origin) const {
    const auto name = toml_path(path);
    Error error{.code = ErrorCode::config_unknown_key,
                .doing = "reading the configuration",
                .file = origin.file,
                .line = origin.line,
                .column = origin.column,
                .field = printable(name),
                .expected = "a known key; the nearest is " + nearest_name(name, known_paths(path))};
    if (origin.file.empty()) error.doing += ", " + origin.text;
    return error;
  }

  Config config_;
  std::set<std::string> incomplete_;  // rows that must have every required key
};

Result<std::string> read_file(const std::filesystem::path& path) {
  const auto failed = [&](ErrorCode code, std::string found) {
    return fail({.code = code,
                 .doing = "reading the configuration",
                 .file = path.string(),
                 .expected = "a TOML file",
                 .found = std::move(found)});
  };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return failed(ErrorCode::file_missing, "nothing");
  if (std::filesystem::is_directory(status)) return failed(ErrorCode::file_unreadable, "a folder");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return failed(ErrorCode::file_unreadable, "a file that cannot be opened");
  std::string text;
  for (std::istreambuf_iterator<char> at(stream), end; at != end; ++at) {
    text += *at;
    if (text.size() > kFileBytesMax) return failed(ErrorCode::file_unreadable, "more than 4 MiB");
  }
  return text;
}

// --- printing ------------------------------------------------------------------------------------------------------

std::string origin_of(const Config& config, const std::string& path) {
  const auto found = config.origins.find(path);
  return found == config.origins.end() ? "default" : printable(found->second.text, 400);
}

// Appends one table; nothing is written for a plain section's keys that are not set, since each has a default.
void write_table(const Config& config, const Section& section, const std::string& row, bool origin, std::string& out) {
  for (const auto& key : section.keys) {
    const auto value = key.write(config.settings, row);
    if (!value) continue;
    out += fmt::format("{} = {}", toml_path({key.name.empty() ? row : key.name}), *value);
    if (origin) out += "  # " + origin_of(config, toml_path(section.path_of(row, &key)));
    out += '\n';
  }
}

void write_section(const Config& config, const Section& section, bool origin, std::string& out) {
  const auto header = [&](const Path& path) {
    if (!out.empty()) out += '\n';
    out += fmt::format("[{}]\n", toml_path(path));
  };
  if (!section.rows) {
    header(section.path);
    return write_table(config, section, {}, origin, out);
  }
  const auto rows = section.rows->names(config.settings);
  const bool row_is_key = section.keys.front().name.empty();
  if (row_is_key && !rows.empty()) header(section.path);
  for (const auto& row : rows) {
    if (!row_is_key) header(section.path_of(row, nullptr));
    write_table(config, section, row, origin, out);
  }
}

}  // namespace

Result<Override> parse_override(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail({.code = ErrorCode::usage,
                 .doing = "reading --set",
                 .expected = "section.key=value",
                 .found = config::toml_string(printable(text))});
  }
  return Override{.key = std::string(text.substr(0, equals)), .value = std::string(text.substr(equals + 1))};
}

std::vector<EnvironmentVariable> thintail_environment() {
  std::vector<EnvironmentVariable> found;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view text = *at;
    const auto equals = text.find('=');
    if (!text.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    found.push_back({std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))});
  }
  return found;
}

Result<Config> load_config(const std::optional<std::filesystem::path>& file, std::span<const Override> overrides,
                           std::span<const EnvironmentVariable> environment, const Settings& defaults) {
  Loader loader(defaults);
  if (file) {
    TT_TRY(const auto text, read_file(*file));
    TT_TRY_VOID(loader.read_text(text, file->string()));
  }
  TT_TRY_VOID(loader.read_environment(environment));
  TT_TRY_VOID(loader.read_overrides(overrides));
  return std::move(loader).finish();
}

std::string show(const Config& config, bool origin) {
  std::string out;
  for (const auto& section : config::schema()) write_section(config, section, origin, out);
  if (config.settings.risk.empty()) out += "\n# [risk] has no row: every order is refused.\n";
  return out;
}

std::string canonical_text(const Settings& settings) {
  const Config config{.settings = settings, .origins = {}};
  std::string out;
  for (const auto& section : config::schema()) {
    if (section.decides) write_section(config, section, false, out);
  }
  return out;
}

Result<Settings> parse_canonical(std::string_view text) {
  Loader loader(Settings{});
  TT_TRY_VOID(loader.read_text(text, "the journaled configuration"));
  TT_TRY(auto config, std::move(loader).finish());
  return std::move(config.settings);
}

}  // namespace thintail
