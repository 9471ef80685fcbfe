// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/access.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "adapters/http/text.hpp"
#include "core/log/log.hpp"

namespace thintail::http {

std::string_view cookie_value(std::string_view header, std::string_view name) noexcept {
  std::string_view value;
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(';'), header.size());
    const std::string_view pair = trimmed(header.substr(0, end));
    header.remove_prefix(std::min(end + 1, header.size()));
    if (!pair.starts_with(name) || pair.size() <= name.size() || pair[name.size()] != '=') continue;
    if (!value.empty()) return {};
    value = pair.substr(name.size() + 1);
  }
  return value;
}

Result<std::unique_ptr<Access>> Access::make(AccessOptions options) {
  TT_TRY(ApiKeys keys, ApiKeys::open(options.keys_path));
  TT_TRY(JwtVerifier jwt, JwtVerifier::make(options.jwt));
  return std::unique_ptr<Access>(new Access(std::move(options), std::move(keys), std::move(jwt)));
}

std::optional<Principal> Access::bearer(std::string_view token, std::int64_t now_ns) const {
  if (is_jwt_shaped(token)) {
    auto principal = jwt_.verify(token, now_ns);
    if (principal) return *std::move(principal);
    log::info("a JSON Web Token was refused: {}", principal.error());
    return std::nullopt;
  }
  auto principal = keys_.authenticate(token, now_ns);
  if (principal) return *std::move(principal);
  return std::nullopt;
}

const Session* Access::session(std::string_view cookie_header, const std::string& cookie_name, std::int64_t now_ns) {
  const std::string_view value = cookie_value(cookie_header, cookie_name);
  return value.empty() ? nullptr : sessions_.find(value, now_ns);
}

bool Access::is_still_valid(const Principal& principal, std::int64_t now_ns) const {
  if (principal.expires_ns != 0 && now_ns >= principal.expires_ns) return false;
  switch (principal.how) {
    case Proof::none: return options_.has_public_read;
    case Proof::owner_of_socket: return true;
    case Proof::api_key: return keys_.is_in_force(principal.id, now_ns);
    case Proof::token: return jwt_.is_enabled();
    case Proof::session: return sessions_.is_open(principal.session_id);
  }
  return false;
}

bool Access::has_credentials(std::int64_t now_ns) const noexcept { return jwt_.is_enabled() || keys_.has_any(now_ns); }

bool Access::check_password(const std::string& user, std::string password, std::function<void(bool)> done) {
  const UserRecord* record = keys_.user(user);
  return password_worker_.submit([hash = record == nullptr ? std::string() : record->argon2id,
                                  secret = std::move(password), tell = std::move(done)] {
    const bool is_right = verify_password(hash.empty() ? nobodys_hash() : hash, secret);
    tell(is_right && !hash.empty());
  });
}

Sessions::Opened Access::open_session(Principal principal, std::int64_t now_ns) {
  return sessions_.open(std::move(principal), now_ns);
}

void Access::close_session(std::string_view cookie_header, const std::string& cookie_name) {
  const std::string_view value = cookie_value(cookie_header, cookie_name);
  if (!value.empty()) sessions_.close(value);
}

Principal Access::principal_of(const UserRecord& user) const {
  return {.id = "user:" + user.name,
          .role = user.role,
          .accounts = user.accounts,
          .how = Proof::session,
          .proven_by_ns = user.created_ns};
}

void Access::tick(std::int64_t now_ns) {
  const auto changed = keys_.refresh();
  if (!changed) log::error(changed.error());
  if (changed && *changed) ++key_changes_;
  sessions_.sweep(now_ns, [&](const Principal& principal) {
    if (!principal.id.starts_with("user:")) return false;
    const UserRecord* user = keys_.user(std::string_view(principal.id).substr(5));
    return user == nullptr || user->role != principal.role || user->accounts != principal.accounts ||
           user->created_ns != principal.proven_by_ns;
  });
}

std::string Access::cookie_name(const std::string& port, bool is_secure) const {
  return fmt::format("{}thintail_{}_{}", is_secure ? "__Host-" : "", options_.instance, port);
}

}  // namespace thintail::http
