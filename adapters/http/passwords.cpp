// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/passwords.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <array>

#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kPasswordMin = 12;
constexpr std::size_t kPasswordMax = 256;

bool start_sodium() noexcept {
  static const bool kStarted = sodium_init() >= 0;
  return kStarted;
}

}  // namespace

Result<std::string> hash_password(std::string_view password, PasswordCost cost) {
  std::array<char, crypto_pwhash_argon2id_STRBYTES> hash{};
  const bool is_minimal = cost == PasswordCost::minimal;
  const bool is_hashed =
      start_sodium() &&
      crypto_pwhash_argon2id_str(
          hash.data(), password.data(), password.size(),
          is_minimal ? crypto_pwhash_argon2id_OPSLIMIT_MIN : crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
          is_minimal ? crypto_pwhash_argon2id_MEMLIMIT_MIN : crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE) == 0;
  if (!is_hashed) {
    return fail({.code = ErrorCode::system_call,
                 .doing = "hashing a password",
                 .expected = "64 MiB of memory",
                 .found = "less"});
  }
  return std::string(hash.data());
}

bool verify_password(const std::string& hash, std::string_view password) noexcept {
  if (!start_sodium() || hash.size() >= crypto_pwhash_argon2id_STRBYTES || password.size() > kPasswordMax) return false;
  return crypto_pwhash_argon2id_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

const std::string& nobodys_hash() {
  static const std::string kHash = hash_password(random_bytes(32)).value_or("");
  return kHash;
}

Result<void> check_new_password(std::string_view password) {
  if (password.size() >= kPasswordMin && password.size() <= kPasswordMax && is_utf8(password)) return {};
  return fail({.code = ErrorCode::usage,
               .doing = "taking a password",
               .expected = fmt::format("{} to {} bytes of UTF-8", kPasswordMin, kPasswordMax),
               .found = fmt::format("{} bytes", password.size())});
}

}  // namespace thintail::http
