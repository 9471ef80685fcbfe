// SPDX-License-Identifier: Apache-2.0
// API keys and password users: the file that holds them, and the look-up of a presented key.
//   path       warm: authenticate() is one map look-up, one SHA-256 and one comparison, whether or not the key exists
//   threads    ApiKeys: one thread (the server's io thread)
//   invariant  the file holds no secret that lets anyone in: SHA-256 of 256 random bits, argon2id of passwords
//
// A key is tt_<id>_<43 characters of base64url>. The file, mode 0600:
//   {"schema":"thintail-keys/1",
//    "keys":[{"id":"3f9a1c20b7","name":"phone","role":"viewer","accounts":[],"sha256":"..","created_ns":"..","expires_ns":"0",
//             "revoked_ns":"0"}],
//    "users":[{"name":"ann","role":"trader","accounts":["paper:1"],"argon2id":"$argon2id$..","created_ns":".."}]}
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapters/http/route.hpp"
#include "adapters/http/secret_file.hpp"
#include "core/base/error.hpp"
#include "core/base/hash.hpp"

namespace thintail::http {

struct KeyRecord {
  std::string id;
  std::string name;
  Role role = Role::viewer;
  std::vector<std::string> accounts;
  Sha256Digest sha256{};
  std::int64_t created_ns = 0;
  std::int64_t expires_ns = 0;  // 0: never
  std::int64_t revoked_ns = 0;  // 0: in force

  bool is_in_force(std::int64_t now_ns) const noexcept {
    return revoked_ns == 0 && (expires_ns == 0 || now_ns < expires_ns);
  }
};

struct UserRecord {
  std::string name;  // [A-Za-z0-9._-]{1,64}
  Role role = Role::viewer;
  std::vector<std::string> accounts;
  std::string argon2id;
  std::int64_t created_ns = 0;
};

struct KeyFile {
  std::vector<KeyRecord> keys;
  std::vector<UserRecord> users;
};

// Where the file is unless told otherwise: THINTAIL_KEYS_FILE, else thintail/keys.json under $XDG_CONFIG_HOME or ~/.config.
std::string default_keys_path(const Environment& environment);

// A file that is not there holds none.
Result<KeyFile> read_key_file(const std::string& path);
Result<void> write_key_file(const std::string& path, const KeyFile& file);
// Reads, lets `change` work on it and writes it back, under the file's lock.
Result<void> change_key_file(const std::string& path, const std::function<Result<void>(KeyFile&)>& change);

struct NewKey {
  KeyRecord record;
  std::string token;  // shown once, kept nowhere
};

// `name` and `accounts` are checked; the record is appended. lifetime_ns 0: for ever.
Result<NewKey> add_key(KeyFile& file, std::string_view name, Role role, std::vector<std::string> accounts,
                       std::int64_t lifetime_ns, std::int64_t now_ns);
// Its name may stand for it where only one in force has it.
Result<void> revoke_key(KeyFile& file, std::string_view id_or_name, std::int64_t now_ns);
// A new key of the same name, role, accounts and remaining lifetime; the old one lives on for `overlap_ns`.
Result<NewKey> rotate_key(KeyFile& file, std::string_view id_or_name, std::int64_t overlap_ns, std::int64_t now_ns);
// Replaces a user of that name. `argon2id` is hash_password()'s.
Result<void> set_user(KeyFile& file, std::string_view name, Role role, std::vector<std::string> accounts,
                      std::string argon2id, std::int64_t now_ns);
Result<void> remove_user(KeyFile& file, std::string_view name);

// "90d", "12h", "30m", "45s" as nanoseconds.
Result<std::int64_t> parse_lifetime(std::string_view text);

class ApiKeys {
 public:
  // An empty path: no keys at all.
  static Result<ApiKeys> open(std::string path);

  enum class Refusal : std::uint8_t { unknown, expired, revoked };

  std::expected<Principal, Refusal> authenticate(std::string_view token, std::int64_t now_ns) const;
  // Whether somebody once let in by this key still is.
  bool is_in_force(std::string_view principal_id, std::int64_t now_ns) const;
  const UserRecord* user(std::string_view name) const noexcept;
  bool has_any(std::int64_t now_ns) const noexcept;

  // Reads the file again where it has changed. A file that cannot be read leaves what is in force: true only where something
  // changed. Revoked keys are refused from here on.
  Result<bool> refresh();

  // SHA-256 computations and comparisons so far: equal for every token of a key's form, known or not.
  std::uint64_t work_done() const noexcept { return work_done_; }

 private:
  void take(KeyFile file);

  std::string path_;
  FileStamp stamp_;
  std::unordered_map<std::string, KeyRecord> keys_;
  std::unordered_map<std::string, UserRecord> users_;
  mutable std::uint64_t work_done_ = 0;
};

// Whether `token` has a key's form.
bool is_key_shaped(std::string_view token) noexcept;
bool is_user_name(std::string_view name) noexcept;  // [A-Za-z0-9._-]{1,64}

}  // namespace thintail::http
