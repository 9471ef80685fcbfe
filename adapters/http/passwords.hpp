// SPDX-License-Identifier: Apache-2.0
// Passwords: argon2id (libsodium), which takes a tenth of a second and 64 MiB on purpose: never on an event loop.
//   path  cold
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail::http {

// "$argon2id$v=19$m=65536,t=2,p=1$..". `cost`: interactive for people; minimal for tests only.
enum class PasswordCost : std::uint8_t { interactive, minimal };
Result<std::string> hash_password(std::string_view password, PasswordCost cost = PasswordCost::interactive);
bool verify_password(const std::string& hash, std::string_view password) noexcept;

// What a password that nobody has is verified against, so that an unknown user takes as long as a known one.
const std::string& nobodys_hash();

// "at least 12 characters" and what else is asked of a new password.
Result<void> check_new_password(std::string_view password);

}  // namespace thintail::http
