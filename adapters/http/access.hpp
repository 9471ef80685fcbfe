// SPDX-License-Identifier: Apache-2.0
// Access: everything that lets somebody in: API keys, JSON Web Tokens, sessions, passwords, one-use codes, the owner's socket.
//   path       warm
//   threads    the server's io thread; codes() from any
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/api_keys.hpp"
#include "adapters/http/jwt.hpp"
#include "adapters/http/passwords.hpp"
#include "adapters/http/route.hpp"
#include "adapters/http/sessions.hpp"
#include "adapters/http/workers.hpp"
#include "core/base/error.hpp"

namespace thintail::http {

struct AccessOptions {
  std::string instance = "default";  // stands in the cookie's name
  std::string keys_path;  // empty: no keys and no users
  JwtOptions jwt = {};
  bool has_public_read = false;
};

class Access {
 public:
  static Result<std::unique_ptr<Access>> make(AccessOptions options);

  // A bearer token of either kind. Empty: not valid; the reason goes to the log.
  std::optional<Principal> bearer(std::string_view token, std::int64_t now_ns) const;
  // Of a Cookie header; nothing where there is none of ours, or it is over.
  const Session* session(std::string_view cookie_header, const std::string& cookie_name, std::int64_t now_ns);

  // Whether somebody let in earlier still is: asked of open sockets every 250 ms.
  bool is_still_valid(const Principal& principal, std::int64_t now_ns) const;
  // While it stays the same, and Principal::expires_ns has not come, who a credential proves stays the same.
  std::uint64_t generation() const noexcept { return key_changes_ + sessions_.changes(); }
  // Whether anybody at all could get in: asked before binding other addresses than loopback.
  bool has_credentials(std::int64_t now_ns) const noexcept;

  // The password's check runs on its worker; `done` there. False: the queue is full, or stop() was called.
  bool check_password(const std::string& user, std::string password, std::function<void(bool)> done);
  // Returns after the check at hand; those that wait are dropped, and no other begins.
  void stop() { password_worker_.stop(); }
  Sessions::Opened open_session(Principal principal, std::int64_t now_ns);
  void close_session(std::string_view cookie_header, const std::string& cookie_name);
  Principal principal_of(const UserRecord& user) const;

  LoginCodes& codes() noexcept { return codes_; }
  LoginLocks& locks() noexcept { return locks_; }
  const ApiKeys& keys() const noexcept { return keys_; }
  bool has_public_read() const noexcept { return options_.has_public_read; }

  // Reads the keys again where the file changed, and ends sessions whose user is no longer the same.
  void tick(std::int64_t now_ns);

  // "__Host-thintail_desk_443", "thintail_desk_8000".
  std::string cookie_name(const std::string& port, bool is_secure) const;

 private:
  Access(AccessOptions options, ApiKeys keys, JwtVerifier jwt)
      : options_(std::move(options)), keys_(std::move(keys)), jwt_(std::move(jwt)) {}

  AccessOptions options_;
  ApiKeys keys_;
  JwtVerifier jwt_;
  Sessions sessions_;
  std::uint64_t key_changes_ = 0;
  LoginCodes codes_;
  LoginLocks locks_;
  // Never more than one password at a time and 4 waiting: a flood of logins costs one core's patience, not memory.
  Workers password_worker_{1, 4};
};

// The value of one cookie in a Cookie header; empty where it is not there or there twice.
std::string_view cookie_value(std::string_view header, std::string_view name) noexcept;

}  // namespace thintail::http
