// SPDX-License-Identifier: Apache-2.0
#include "core/base/hash.hpp"

#include <openssl/evp.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/base/assert.hpp"

namespace thintail {

namespace {

struct DigestContext {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~DigestContext() { EVP_MD_CTX_free(context); }

  void begin() { TT_CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1, "OpenSSL to offer SHA-256"); }
  void update(const void* bytes, std::size_t size_bytes) noexcept {
    TT_CHECK(EVP_DigestUpdate(context, bytes, size_bytes) == 1, "SHA-256 to accept bytes");
  }
  Sha256Digest end() noexcept {
    Sha256Digest out{};
    unsigned size_bytes = 0;
    TT_CHECK(EVP_DigestFinal_ex(context, out.data(), &size_bytes) == 1 && size_bytes == out.size(),
             "a digest of 32 bytes");
    return out;
  }
};

}  // namespace

struct Sha256::State : DigestContext {};

Sha256::Sha256() : state_(std::make_unique<State>()) { state_->begin(); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(const void* bytes, std::size_t size_bytes) noexcept { state_->update(bytes, size_bytes); }

Sha256Digest Sha256::digest() const {
  State copy;
  TT_CHECK(EVP_MD_CTX_copy_ex(copy.context, state_->context) == 1, "SHA-256 state to be copyable");
  return copy.end();
}

Sha256Digest sha256(std::string_view bytes) {
  // One a thread: making a context costs more than the digest of a short text, such as an API key's at each request.
  thread_local DigestContext context;
  context.begin();
  context.update(bytes.data(), bytes.size());
  return context.end();
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool from_hex(std::string_view text, Sha256Digest& out) noexcept {
  if (text.size() != out.size() * 2) return false;
  const auto nibble = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

std::uint64_t xxh3(const void* bytes, std::size_t size_bytes) noexcept { return XXH3_64bits(bytes, size_bytes); }

}  // namespace thintail
