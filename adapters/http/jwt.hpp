// SPDX-License-Identifier: Apache-2.0
// JwtVerifier: JSON Web Tokens of an issuer that shares a secret with us: HS256 and nothing else (RFC 7515, 7519, 8725).
//   path       warm: one HMAC a token
//   threads    any; nothing changes after make()
//   invariant  the algorithm is ours to say, never the token's; no claim is read before the signature has been checked
//
// Claims: exp (needed), nbf, iat, sub (needed, [A-Za-z0-9._-]{1,64}), role (needed: viewer, trader, admin), accounts, iss and
// aud (needed where configured). Header: alg = HS256, kid one of ours where more than one secret is there; `crit` is refused.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "adapters/http/route.hpp"
#include "core/base/error.hpp"

namespace thintail::http {

struct JwtOptions {
  std::map<std::string, std::string> secrets;  // by kid; at least 32 bytes each. "" : tokens without a kid
  std::string issuer;  // empty: not asked for
  std::string audience;  // empty: not asked for
};

class JwtVerifier {
 public:
  // Refuses a secret under 32 bytes (auth_secret). No secrets: no token is let in.
  static Result<JwtVerifier> make(JwtOptions options);

  bool is_enabled() const noexcept { return !options_.secrets.empty(); }

  // The reason is for the log, not for the caller of the route: it holds nothing of the token.
  std::expected<Principal, std::string> verify(std::string_view token, std::int64_t now_ns) const;

 private:
  explicit JwtVerifier(JwtOptions options) : options_(std::move(options)) {}

  JwtOptions options_;
};

// Three parts with dots between: for telling kinds of bearer tokens apart.
bool is_jwt_shaped(std::string_view token) noexcept;

// For tests, and for whoever has the secret: header.payload.signature over the two texts.
std::string sign_jwt(std::string_view header_json, std::string_view payload_json, std::string_view secret);

}  // namespace thintail::http
