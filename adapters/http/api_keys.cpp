// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/api_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "adapters/http/schema.hpp"
#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

constexpr std::string_view kPrefix = "tt_";
constexpr std::size_t kSecretLength = 43;  // base64url of 32 bytes
constexpr std::size_t kIdLength = 10;
constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;
constexpr std::size_t kNameLengthMax = 64;
constexpr std::int64_t kSecond = 1'000'000'000;

std::unexpected<Error> no(std::string doing, std::string field, std::string expected, std::string found,
                          ErrorCode code = ErrorCode::usage) {
  return fail({.code = code,
               .doing = std::move(doing),
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

bool is_account(std::string_view account) noexcept {
  const std::size_t colon = account.find(':');
  return account.size() <= 96 && colon != std::string_view::npos && is_user_name(account.substr(0, colon)) &&
         is_user_name(account.substr(colon + 1));
}

Result<void> check_names(std::string_view doing, std::string_view name, const std::vector<std::string>& accounts) {
  if (!is_user_name(name)) {
    return no(std::string(doing), "name", "[A-Za-z0-9._-]{1,64}", '"' + printable(redacted(name)) + '"');
  }
  for (const std::string& account : accounts) {
    if (!is_account(account)) {
      return no(std::string(doing), "accounts", "venue:login", '"' + printable(account) + '"');
    }
  }
  return {};
}

// The parts of a token of a key's form.
struct TokenParts {
  std::string_view id;
  std::string_view secret;
};

std::optional<TokenParts> parts_of(std::string_view token) noexcept {
  if (!token.starts_with(kPrefix) || token.size() != kPrefix.size() + kIdLength + 1 + kSecretLength) {
    return std::nullopt;
  }
  const std::string_view id = token.substr(kPrefix.size(), kIdLength);
  if (token[kPrefix.size() + kIdLength] != '_') return std::nullopt;
  if (!std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); })) {
    return std::nullopt;
  }
  return TokenParts{id, token.substr(kPrefix.size() + kIdLength + 1)};
}

std::string_view bytes_of(const Sha256Digest& digest) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Fields of one row of the file.
class Row {
 public:
  Row(const nlohmann::json& json, const std::string& path, std::string where)
      : json_(json), path_(path), where_(std::move(where)) {}

  Result<std::string> text(const char* key) const {
    if (!json_.contains(key) || !json_.at(key).is_string()) return bad(key, "a text");
    return json_.at(key).get<std::string>();
  }

  Result<std::int64_t> time(const char* key) const {
    TT_TRY(const std::string digits, text(key));
    std::int64_t value = 0;
    const auto [at, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || at != digits.data() + digits.size() || value < 0) return bad(key, "nanoseconds");
    return value;
  }

  Result<Role> role() const {
    TT_TRY(const std::string name, text("role"));
    const auto role = role_from_name(name);
    if (!role || *role == Role::none) return bad("role", "viewer, trader or admin");
    return *role;
  }

  Result<std::vector<std::string>> accounts() const {
    std::vector<std::string> out;
    if (!json_.contains("accounts") || !json_.at("accounts").is_array()) return bad("accounts", "a list");
    for (const auto& account : json_.at("accounts")) {
      if (!account.is_string() || !is_account(account.get<std::string>())) return bad("accounts", "venue:login");
      out.push_back(account.get<std::string>());
    }
    return out;
  }

  // What was found is not said: it may be a secret.
  std::unexpected<Error> bad(const char* key, std::string expected) const {
    return fail({.code = ErrorCode::row_bad_field,
                 .doing = "reading keys",
                 .file = path_,
                 .field = fmt::format("{}.{}", where_, key),
                 .expected = std::move(expected),
                 .found = "something else"});
  }

 private:
  const nlohmann::json& json_;
  const std::string& path_;
  std::string where_;
};

Result<KeyRecord> key_of(const Row& row) {
  KeyRecord key;
  TT_TRY(key.id, row.text("id"));
  TT_TRY(key.name, row.text("name"));
  TT_TRY(key.role, row.role());
  TT_TRY(key.accounts, row.accounts());
  TT_TRY(const std::string digest, row.text("sha256"));
  if (!from_hex(digest, key.sha256)) return row.bad("sha256", "64 hexadecimal digits");
  TT_TRY(key.created_ns, row.time("created_ns"));
  TT_TRY(key.expires_ns, row.time("expires_ns"));
  TT_TRY(key.revoked_ns, row.time("revoked_ns"));
  return key;
}

Result<UserRecord> user_of(const Row& row) {
  UserRecord user;
  TT_TRY(user.name, row.text("name"));
  TT_TRY(user.role, row.role());
  TT_TRY(user.accounts, row.accounts());
  TT_TRY(user.argon2id, row.text("argon2id"));
  TT_TRY(user.created_ns, row.time("created_ns"));
  return user;
}

// The one that an id, or a name in force, stands for.
Result<KeyRecord*> find_key(KeyFile& file, std::string_view id_or_name, std::int64_t now_ns, std::string_view doing) {
  std::vector<KeyRecord*> named;
  for (KeyRecord& key : file.keys) {
    if (key.id == id_or_name) return &key;
    if (key.name == id_or_name && key.is_in_force(now_ns)) named.push_back(&key);
  }
  if (named.size() == 1) return named.front();
  return no(std::string(doing), "", "the id of a key, or a name that one key in force has",
            named.empty() ? '"' + printable(redacted(id_or_name)) + '"' : fmt::format("{} keys of it", named.size()),
            ErrorCode::auth_key_unknown);
}

}  // namespace

bool is_key_shaped(std::string_view token) noexcept { return parts_of(token).has_value(); }

bool is_user_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kNameLengthMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

std::string default_keys_path(const Environment& environment) {
  if (const auto path = environment("THINTAIL_KEYS_FILE")) return *path;
  if (const auto folder = environment("XDG_CONFIG_HOME")) return *folder + "/thintail/keys.json";
  return environment("HOME").value_or(".") + "/.config/thintail/keys.json";
}

Result<KeyFile> read_key_file(const std::string& path) {
  KeyFile file;
  auto bytes = read_secret_file(path, kFileBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::file_missing) return file;
  if (!bytes) return fail(std::move(bytes).error());
  const auto parsed = parse_json(*bytes);
  if (!parsed || !parsed->is_object() || parsed->value("schema", "") != "thintail-keys/1" ||
      !parsed->contains("keys") || !(*parsed)["keys"].is_array() || !parsed->contains("users") ||
      !(*parsed)["users"].is_array()) {
    return fail({.code = ErrorCode::row_bad_field,
                 .doing = "reading keys",
                 .file = path,
                 .expected = "a thintail-keys/1 document",
                 .found = "something else"});
  }
  for (const auto& row : (*parsed)["keys"]) {
    TT_TRY(KeyRecord key, key_of(Row(row, path, fmt::format("keys[{}]", file.keys.size()))));
    file.keys.push_back(std::move(key));
  }
  for (const auto& row : (*parsed)["users"]) {
    TT_TRY(UserRecord user, user_of(Row(row, path, fmt::format("users[{}]", file.users.size()))));
    file.users.push_back(std::move(user));
  }
  return file;
}

Result<void> write_key_file(const std::string& path, const KeyFile& file) {
  Json json = {{"schema", "thintail-keys/1"}, {"keys", Json::array()}, {"users", Json::array()}};
  for (const KeyRecord& key : file.keys) {
    json["keys"].push_back({{"id", key.id},
                            {"name", key.name},
                            {"role", role_name(key.role)},
                            {"accounts", key.accounts},
                            {"sha256", to_hex(key.sha256)},
                            {"created_ns", fmt::format("{}", key.created_ns)},
                            {"expires_ns", fmt::format("{}", key.expires_ns)},
                            {"revoked_ns", fmt::format("{}", key.revoked_ns)}});
  }
  for (const UserRecord& user : file.users) {
    json["users"].push_back({{"name", user.name},
                             {"role", role_name(user.role)},
                             {"accounts", user.accounts},
                             {"argon2id", user.argon2id},
                             {"created_ns", fmt::format("{}", user.created_ns)}});
  }
  return write_secret_file(path, json.dump(1) + "\n");
}

Result<void> change_key_file(const std::string& path, const std::function<Result<void>(KeyFile&)>& change) {
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty()) {
    std::error_code error;
    if (std::filesystem::create_directories(folder, error)) {
      std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
  }
  return with_file_lock(path, [&]() -> Result<void> {
    TT_TRY(KeyFile file, read_key_file(path));
    TT_TRY_VOID(change(file));
    return write_key_file(path, file);
  });
}

Result<NewKey> add_key(KeyFile& file, std::string_view name, Role role, std::vector<std::string> accounts,
                       std::int64_t lifetime_ns, std::int64_t now_ns) {
  TT_TRY_VOID(check_names("adding a key", name, accounts));
  if (role == Role::none) return no("adding a key", "role", "viewer, trader or admin", "none");
  NewKey key;
  const std::string id = random_bytes(kIdLength / 2);
  key.record = {.id = to_hex(std::span(reinterpret_cast<const std::uint8_t*>(id.data()), id.size())),
                .name = std::string(name),
                .role = role,
                .accounts = std::move(accounts),
                .created_ns = now_ns,
                .expires_ns = lifetime_ns == 0 ? 0 : now_ns + lifetime_ns};
  key.token = fmt::format("{}{}_{}", kPrefix, key.record.id, base64url(random_bytes(32)));
  key.record.sha256 = sha256(key.token);
  file.keys.push_back(key.record);
  return key;
}

Result<void> revoke_key(KeyFile& file, std::string_view id_or_name, std::int64_t now_ns) {
  TT_TRY(KeyRecord * key, find_key(file, id_or_name, now_ns, "revoking a key"));
  if (key->revoked_ns == 0) key->revoked_ns = now_ns;
  return {};
}

Result<NewKey> rotate_key(KeyFile& file, std::string_view id_or_name, std::int64_t overlap_ns, std::int64_t now_ns) {
  TT_TRY(KeyRecord * old, find_key(file, id_or_name, now_ns, "rotating a key"));
  if (!old->is_in_force(now_ns)) {
    return no("rotating a key", "", "a key in force", "one expired or revoked", ErrorCode::auth_key_unknown);
  }
  const std::int64_t lifetime_ns = old->expires_ns == 0 ? 0 : old->expires_ns - old->created_ns;
  const KeyRecord before = *old;
  if (overlap_ns == 0) {
    old->revoked_ns = now_ns;
  } else {
    old->expires_ns = before.expires_ns == 0 ? now_ns + overlap_ns : std::min(before.expires_ns, now_ns + overlap_ns);
  }
  return add_key(file, before.name, before.role, before.accounts, lifetime_ns, now_ns);
}

Result<void> set_user(KeyFile& file, std::string_view name, Role role, std::vector<std::string> accounts,
                      std::string argon2id, std::int64_t now_ns) {
  TT_TRY_VOID(check_names("setting a user", name, accounts));
  if (role == Role::none) return no("setting a user", "role", "viewer, trader or admin", "none");
  std::erase_if(file.users, [&](const UserRecord& user) { return user.name == name; });
  file.users.push_back({.name = std::string(name),
                        .role = role,
                        .accounts = std::move(accounts),
                        .argon2id = std::move(argon2id),
                        .created_ns = now_ns});
  return {};
}

Result<void> remove_user(KeyFile& file, std::string_view name) {
  if (std::erase_if(file.users, [&](const UserRecord& user) { return user.name == name; }) == 0) {
    return no("removing a user", "", "a user of the file", '"' + printable(name) + '"', ErrorCode::auth_key_unknown);
  }
  return {};
}

Result<std::int64_t> parse_lifetime(std::string_view text) {
  std::int64_t count = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(at, static_cast<std::size_t>(text.data() + text.size() - at));
  const std::int64_t seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3'600 : unit == "d" ? 86'400 : 0;
  // 100 years: more would pass what 64 bits of nanoseconds hold.
  if (error != std::errc{} || seconds == 0 || count <= 0 || count > 3'155'760'000 / seconds) {
    return no("reading a lifetime", "", "a count and a unit, such as 90d, 12h, 30m, 45s; at most 100 years",
              '"' + printable(text) + '"');
  }
  return count * seconds * kSecond;
}

Result<ApiKeys> ApiKeys::open(std::string path) {
  ApiKeys keys;
  keys.path_ = std::move(path);
  TT_TRY_VOID(keys.refresh());
  return keys;
}

std::expected<Principal, ApiKeys::Refusal> ApiKeys::authenticate(std::string_view token, std::int64_t now_ns) const {
  const auto parts = parts_of(token);
  if (!parts) return std::unexpected(Refusal::unknown);
  // The same work for a key that is not there: how long it takes must not tell which ids exist.
  static const KeyRecord kNobody;
  const auto found = keys_.find(std::string(parts->id));
  const KeyRecord& key = found == keys_.end() ? kNobody : found->second;
  const Sha256Digest digest = sha256(token);
  const bool is_equal = equal_in_constant_time(bytes_of(digest), bytes_of(key.sha256));
  work_done_ += 2;
  if (found == keys_.end() || !is_equal) return std::unexpected(Refusal::unknown);
  if (key.revoked_ns != 0) return std::unexpected(Refusal::revoked);
  if (!key.is_in_force(now_ns)) return std::unexpected(Refusal::expired);
  return Principal{.id = "key:" + key.id,
                   .role = key.role,
                   .accounts = key.accounts,
                   .how = Proof::api_key,
                   .expires_ns = key.expires_ns};
}

bool ApiKeys::is_in_force(std::string_view principal_id, std::int64_t now_ns) const {
  if (!principal_id.starts_with("key:")) return false;
  const auto found = keys_.find(std::string(principal_id.substr(4)));
  return found != keys_.end() && found->second.is_in_force(now_ns);
}

const UserRecord* ApiKeys::user(std::string_view name) const noexcept {
  for (const auto& [known, record] : users_) {
    if (known == name) return &record;
  }
  return nullptr;
}

bool ApiKeys::has_any(std::int64_t now_ns) const noexcept {
  return !users_.empty() || std::ranges::any_of(keys_, [&](const auto& row) { return row.second.is_in_force(now_ns); });
}

Result<bool> ApiKeys::refresh() {
  if (path_.empty()) return false;
  const FileStamp now = stamp_of(path_);
  if (now == stamp_) return false;
  TT_TRY(KeyFile file, read_key_file(path_));
  stamp_ = now;
  take(std::move(file));
  return true;
}

void ApiKeys::take(KeyFile file) {
  keys_.clear();
  users_.clear();
  for (KeyRecord& key : file.keys) keys_.insert_or_assign(key.id, key);
  for (UserRecord& user : file.users) users_.insert_or_assign(user.name, user);
}

}  // namespace thintail::http
