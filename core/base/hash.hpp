// SPDX-License-Identifier: Apache-2.0
// The two hashes of the project: SHA-256 for identity (decision hash, feature sets, models), XXH3 for
// checksums and digests on the hot path.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace thintail {

using Sha256Digest = std::array<std::uint8_t, 32>;

// Incremental SHA-256 (OpenSSL, which uses the CPU's SHA instructions where present).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(const void* bytes, std::size_t size_bytes) noexcept;
  void update(std::string_view text) noexcept { update(text.data(), text.size()); }
  // The digest of everything so far; further updates may follow.
  Sha256Digest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256Digest sha256(std::string_view bytes);
std::string to_hex(std::span<const std::uint8_t> bytes);
// False where `text` is not exactly 64 hexadecimal digits.
bool from_hex(std::string_view text, Sha256Digest& out) noexcept;

// XXH3, 64 bit, seed 0.
std::uint64_t xxh3(const void* bytes, std::size_t size_bytes) noexcept;

}  // namespace thintail
