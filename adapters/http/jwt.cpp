// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/jwt.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "adapters/http/api_keys.hpp"
#include "adapters/http/schema.hpp"
#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kSecretBytesMin = 32;   // RFC 7518 3.2: at least the size of the hash
constexpr std::size_t kTokenBytesMax = 8 * 1024;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLeewaySeconds = 30;   // of clocks, for nbf and iat only: an expired token is expired
constexpr std::int64_t kExpMax = 9'000'000'000;  // in the year 2255; more would pass what nanoseconds hold

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// A claim of seconds, as an integer or as a whole number within range.
std::optional<std::int64_t> seconds_of(const nlohmann::json& claims, const char* name) {
  const auto claim = claims.find(name);
  if (claim == claims.end() || !claim->is_number()) return std::nullopt;
  const double value = claim->get<double>();
  if (!(value >= 0 && value <= static_cast<double>(kExpMax))) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

bool has_audience(const nlohmann::json& claims, const std::string& audience) {
  const auto claim = claims.find("aud");
  if (claim == claims.end()) return false;
  if (claim->is_string()) return *claim == audience;
  return claim->is_array() && std::ranges::find(*claim, nlohmann::json(audience)) != claim->end();
}

}  // namespace

bool is_jwt_shaped(std::string_view token) noexcept { return std::ranges::count(token, '.') == 2; }

Result<JwtVerifier> JwtVerifier::make(JwtOptions options) {
  for (const auto& [kid, secret] : options.secrets) {
    if (secret.size() >= kSecretBytesMin) continue;
    return fail({.code = ErrorCode::auth_secret,
                 .doing = "taking the secret of JSON Web Tokens",
                 .field = kid,
                 .expected = fmt::format("at least {} bytes", kSecretBytesMin),
                 .found = fmt::format("{}", secret.size())});
  }
  return JwtVerifier(std::move(options));
}

std::expected<Principal, std::string> JwtVerifier::verify(std::string_view token, std::int64_t now_ns) const {
  const auto no = [](std::string why) { return std::unexpected(std::move(why)); };
  if (!is_enabled()) return no("no secret is configured");
  if (token.size() > kTokenBytesMax || !is_jwt_shaped(token)) return no("not of a token's form");
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  const auto header_text = from_base64url(token.substr(0, first));
  const auto signature = from_base64url(token.substr(second + 1));
  const auto header = header_text ? parse_json(*header_text) : parse_json("");
  if (!header || !header->is_object() || !signature) return no("header or signature cannot be read");
  if (header->value("alg", nlohmann::json()) != "HS256") return no("alg is not HS256");
  if (header->contains("crit")) return no("crit asks for what we do not have");
  std::string kid;
  if (const auto named = header->find("kid"); named != header->end()) {
    if (!named->is_string()) return no("kid is no text");
    kid = named->get<std::string>();
  }
  // A single secret without a name serves tokens that have none; a named one must be asked for by its name.
  const auto secret = options_.secrets.find(kid);
  if (secret == options_.secrets.end()) return no("kid is not one of ours");
  if (!equal_in_constant_time(hmac_sha256(secret->second, token.substr(0, second)), *signature)) {
    return no("the signature does not fit");
  }

  const auto claims_text = from_base64url(token.substr(first + 1, second - first - 1));
  const auto claims = claims_text ? parse_json(*claims_text) : parse_json("");
  if (!claims || !claims->is_object()) return no("the claims cannot be read");
  const std::int64_t now = now_ns / kSecond;
  const auto exp = seconds_of(*claims, "exp");
  if (!exp) return no("exp is missing or out of range");
  if (now >= *exp) return no("expired");
  for (const char* name : {"nbf", "iat"}) {
    if (!claims->contains(name)) continue;
    const auto from = seconds_of(*claims, name);
    if (!from || *from > now + kLeewaySeconds) return no(fmt::format("{} is not yet or out of range", name));
  }
  if (!options_.issuer.empty() && claims->value("iss", nlohmann::json()) != options_.issuer) return no("another iss");
  if (!options_.audience.empty() && !has_audience(*claims, options_.audience)) return no("another aud");
  const auto sub = claims->value("sub", nlohmann::json());
  if (!sub.is_string() || !is_user_name(sub.get_ref<const std::string&>())) return no("sub is no name");
  const auto role_text = claims->value("role", nlohmann::json());
  const auto role = role_text.is_string() ? role_from_name(role_text.get<std::string>()) : std::nullopt;
  if (!role || *role == Role::none) return no("role is none of ours");
  Principal principal{
      .id = "token:" + sub.get<std::string>(), .role = *role, .how = Proof::token, .expires_ns = *exp * kSecond};
  if (const auto accounts = claims->find("accounts"); accounts != claims->end()) {
    // An empty list would mean every account.
    if (!accounts->is_array() || accounts->empty()) return no("accounts is no list");
    for (const auto& account : *accounts) {
      if (!account.is_string()) return no("accounts is no list of texts");
      principal.accounts.push_back(account.get<std::string>());
    }
  }
  return principal;
}

std::string sign_jwt(std::string_view header_json, std::string_view payload_json, std::string_view secret) {
  const std::string text = base64url(header_json) + "." + base64url(payload_json);
  return text + "." + base64url(hmac_sha256(secret, text));
}

}  // namespace thintail::http
