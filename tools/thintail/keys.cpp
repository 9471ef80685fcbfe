// SPDX-License-Identifier: Apache-2.0
// `thintail keys`: the keys and users that the gateway lets in.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/http/api_keys.hpp"
#include "adapters/http/passwords.hpp"
#include "adapters/http/secret_file.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {
namespace {

using http::KeyFile;
using http::KeyRecord;

struct KeysArguments {
  std::string file;
  std::string name;      // of the new key, the user, or what is revoked or rotated
  std::string role;  // empty: not said
  std::vector<std::string> accounts;
  std::string expires;
  std::string overlap;
  std::string out;
  std::string password;  // only to be refused
  std::string password_file;
  bool is_forgotten = false;
  bool json = false;

  std::string path() const { return file.empty() ? http::default_keys_path(http::process_environment()) : file; }
};

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<http::Role> role_of(const std::string& name) {
  const auto role = http::role_from_name(name);
  if (role && *role != http::Role::none) return *role;
  return fail({.code = ErrorCode::usage,
               .doing = "reading --role",
               .expected = "viewer, trader or admin",
               .found = '"' + printable(name) + '"'});
}

std::string day_of(std::int64_t ns) {
  if (ns == 0) return "-";
  const std::time_t seconds = ns / 1'000'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min);
}

std::string expiry_of(std::int64_t ns) {
  return ns == 0 ? std::string("never expires") : fmt::format("expires {} UTC", day_of(ns));
}

const char* state_of(const KeyRecord& key, std::int64_t now) {
  if (key.revoked_ns != 0) return "revoked";
  return key.is_in_force(now) ? "in force" : "expired";
}

// The one time that the token is seen. With --out as a file for `curl -H @FILE`.
Result<ExitCode> show_new(const KeysArguments& arguments, const http::NewKey& key) {
  if (!arguments.out.empty()) {
    TT_TRY_VOID(http::write_secret_file(arguments.out, fmt::format("Authorization: Bearer {}\n", key.token)));
  }
  if (arguments.json) {
    nlohmann::ordered_json json = {
        {"schema", "thintail-keys/1"},     {"id", key.record.id},
        {"name", key.record.name},         {"role", http::role_name(key.record.role)},
        {"accounts", key.record.accounts}, {"expires_ns", fmt::format("{}", key.record.expires_ns)}};
    if (arguments.out.empty()) json["token"] = key.token;
    fmt::print("{}\n", json.dump());
    return ExitCode::ok;
  }
  if (arguments.out.empty()) {
    fmt::print("{}\n", key.token);
    fmt::print(stderr, "Key {} ({}, {}, {}). It is shown this once: keep it in a file with mode 0600.\n", key.record.id,
               key.record.name, http::role_name(key.record.role), expiry_of(key.record.expires_ns));
  } else {
    fmt::print("Key {} ({}, {}, {}) is in {}: curl -H @{} http://127.0.0.1:8000/api/v1/quotes\n", key.record.id,
               key.record.name, http::role_name(key.record.role), expiry_of(key.record.expires_ns), arguments.out,
               arguments.out);
  }
  return ExitCode::ok;
}

Result<ExitCode> add(const KeysArguments& arguments) {
  TT_TRY(const http::Role role, role_of(arguments.role.empty() ? "viewer" : arguments.role));
  std::int64_t lifetime_ns = 0;
  if (!arguments.expires.empty()) {
    TT_TRY(lifetime_ns, http::parse_lifetime(arguments.expires));
  }
  http::NewKey key;
  TT_TRY_VOID(http::change_key_file(arguments.path(), [&](KeyFile& file) -> Result<void> {
    TT_TRY(key, http::add_key(file, arguments.name, role, arguments.accounts, lifetime_ns, now_ns()));
    return {};
  }));
  return show_new(arguments, key);
}

Result<ExitCode> list(const KeysArguments& arguments) {
  TT_TRY(const KeyFile file, http::read_key_file(arguments.path()));
  const std::int64_t now = now_ns();
  if (arguments.json) {
    nlohmann::ordered_json json = {{"schema", "thintail-keys/1"},
                                   {"file", arguments.path()},
                                   {"keys", nlohmann::ordered_json::array()},
                                   {"users", nlohmann::ordered_json::array()}};
    for (const KeyRecord& key : file.keys) {
      json["keys"].push_back({{"id", key.id},
                              {"name", key.name},
                              {"role", http::role_name(key.role)},
                              {"accounts", key.accounts},
                              {"state", state_of(key, now)},
                              {"created_ns", fmt::format("{}", key.created_ns)},
                              {"expires_ns", fmt::format("{}", key.expires_ns)}});
    }
    for (const http::UserRecord& user : file.users) {
      json["users"].push_back({{"name", user.name}, {"role", http::role_name(user.role)}, {"accounts", user.accounts}});
    }
    fmt::print("{}\n", json.dump());
    return ExitCode::ok;
  }
  fmt::print("{}\n", arguments.path());
  fmt::print("{:<12} {:<20} {:<7} {:<9} {:<17} {:<17} {}\n", "id", "name", "role", "state", "created (UTC)",
             "expires (UTC)", "accounts");
  for (const KeyRecord& key : file.keys) {
    fmt::print("{:<12} {:<20} {:<7} {:<9} {:<17} {:<17} {}\n", key.id, key.name, http::role_name(key.role),
               state_of(key, now), day_of(key.created_ns), day_of(key.expires_ns),
               key.accounts.empty() ? "all" : fmt::format("{}", fmt::join(key.accounts, ", ")));
  }
  for (const http::UserRecord& user : file.users) {
    fmt::print("{:<12} {:<20} {:<7} {:<9} {:<17} {:<17} {}\n", "user", user.name, http::role_name(user.role),
               "password", day_of(user.created_ns), "-",
               user.accounts.empty() ? "all" : fmt::format("{}", fmt::join(user.accounts, ", ")));
  }
  return ExitCode::ok;
}

Result<ExitCode> revoke(const KeysArguments& arguments) {
  TT_TRY_VOID(http::change_key_file(arguments.path(),
                                    [&](KeyFile& file) { return http::revoke_key(file, arguments.name, now_ns()); }));
  fmt::print("{} is revoked; a running gateway refuses it within a second\n", printable(arguments.name));
  return ExitCode::ok;
}

Result<ExitCode> rotate(const KeysArguments& arguments) {
  std::int64_t overlap_ns = 0;
  if (!arguments.overlap.empty()) {
    TT_TRY(overlap_ns, http::parse_lifetime(arguments.overlap));
  }
  http::NewKey key;
  TT_TRY_VOID(http::change_key_file(arguments.path(), [&](KeyFile& file) -> Result<void> {
    TT_TRY(key, http::rotate_key(file, arguments.name, overlap_ns, now_ns()));
    return {};
  }));
  return show_new(arguments, key);
}

// A line of standard input, without echo where that is a terminal.
std::string read_password() {
  termios before{};
  const bool is_terminal = ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (is_terminal) {
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    fmt::print(stderr, "Password: ");
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  std::string line;
  std::getline(std::cin, line);
  if (is_terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fmt::print(stderr, "\n");
  }
  return line;
}

Result<ExitCode> user(const KeysArguments& arguments) {
  if (!arguments.password.empty()) return fail(http::secret_in_flag("--password", "password"));
  if (arguments.is_forgotten) {
    TT_TRY_VOID(http::change_key_file(arguments.path(),
                                      [&](KeyFile& file) { return http::remove_user(file, arguments.name); }));
    fmt::print("{} is removed; a running gateway ends the sessions within a second\n", printable(arguments.name));
    return ExitCode::ok;
  }
  TT_TRY(http::Role role, role_of(arguments.role.empty() ? "viewer" : arguments.role));
  TT_TRY(const auto kept, http::find_secret("password", arguments.password_file, http::process_environment()));
  const std::string password = kept ? *kept : read_password();
  TT_TRY_VOID(http::check_new_password(password));
  TT_TRY(std::string hash, http::hash_password(password));
  TT_TRY_VOID(http::change_key_file(arguments.path(), [&](KeyFile& file) {
    // A new password alone neither narrows nor widens what the user may do.
    std::vector<std::string> accounts = arguments.accounts;
    for (const http::UserRecord& before : file.users) {
      if (before.name != arguments.name) continue;
      if (arguments.role.empty()) role = before.role;
      if (accounts.empty()) accounts = before.accounts;
    }
    return http::set_user(file, arguments.name, role, std::move(accounts), std::move(hash), now_ns());
  }));
  fmt::print("{} may log in as {}\n", arguments.name, http::role_name(role));
  return ExitCode::ok;
}

}  // namespace

void add_keys(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("keys", "Keys and users that the gateway lets in");
  command->require_subcommand(1);
  auto arguments = std::make_shared<KeysArguments>();
  const auto sub = [&](const char* name, const char* text, Result<ExitCode> (*action)(const KeysArguments&)) {
    auto* one = command->add_subcommand(name, text);
    one->add_option("--file", arguments->file,
                    "The file of keys; THINTAIL_KEYS_FILE, else ~/.config/thintail/keys.json");
    one->callback([arguments, action, &chosen] { chosen = [arguments, action] { return action(*arguments); }; });
    return one;
  };
  const auto add_who = [&](CLI::App* one) {
    one->add_option("--role", arguments->role, "viewer reads; trader also commands; admin does everything")
        ->capture_default_str();
    one->add_option("--account", arguments->accounts, "An account that it may see, venue:login; again for more; all");
  };
  const auto add_output = [&](CLI::App* one) {
    one->add_option("--out", arguments->out, "Write it to this file (mode 0600) for `curl -H @FILE`");
    one->add_flag("--json", arguments->json, "As JSON");
  };

  auto* adding = sub("add", "Makes a key and shows it once", add);
  adding->add_option("--name", arguments->name, "What it is for: [A-Za-z0-9._-]{1,64}")->required();
  adding->add_option("--expires", arguments->expires, "90d, 12h, 30m; without it never");
  add_who(adding);
  add_output(adding);

  auto* listing = sub("list", "Every key and user, without anything secret", list);
  listing->add_flag("--json", arguments->json, "As JSON");

  auto* revoking = sub("revoke", "Ends a key now", revoke);
  revoking->add_option("KEY", arguments->name, "Its id, or its name")->required();

  auto* rotating = sub("rotate", "Makes a key that takes another's place", rotate);
  rotating->add_option("KEY", arguments->name, "Its id, or its name")->required();
  rotating->add_option("--overlap", arguments->overlap, "How long the old one still works, e.g. 1h; without it not");
  add_output(rotating);

  auto* setting = sub(
      "user",
      "Sets a user who logs in with a password, read from standard input; keeps role and accounts where none are said",
      user);
  setting->add_option("NAME", arguments->name, "[A-Za-z0-9._-]{1,64}")->required();
  setting->add_option("--password-file", arguments->password_file, "A file with mode 0600 that holds it");
  setting->add_option("--password", arguments->password, "Refused: every process could read it");
  setting->add_flag("--remove", arguments->is_forgotten, "Removes the user");
  add_who(setting);
}

}  // namespace thintail
