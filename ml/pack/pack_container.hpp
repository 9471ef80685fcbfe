// SPDX-License-Identifier: Apache-2.0
// The container of a .ttm pack: a header with the digest of all that follows it, a directory, 64-byte aligned sections.
//   path       cold
//   invariant  there is one way to lay out given sections: a file with any other offset, size or padding is refused.
//   abi        v1, docs/packs.md
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

namespace thintail::pack {

static_assert(std::endian::native == std::endian::little, "packs are little-endian, and so are the hosts");

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kSectionAlignBytes = 64;
inline constexpr std::size_t kSectionsMax = 32;

// Offsets in the file, for errors.
inline constexpr std::uint64_t kKindAt = 44;
inline constexpr std::uint64_t kDirectoryAt = 64;
inline constexpr std::uint64_t kEntryBytes = 32;

enum class Kind : std::uint32_t {
  vector = 1,  // anonymous inputs -> scores: verified and benched, never run on ticks
  events = 2,  // events -> features -> scores
};
std::string_view kind_name(Kind kind) noexcept;

struct Section {
  std::string name;  // at most 15 bytes
  std::string_view bytes;
  std::uint64_t offset = 0;  // of its first byte in the file; for errors
};

struct Container {
  Kind kind{};
  Sha256Digest digest{};
  std::vector<Section> sections;  // views into the file's bytes
};

// REQUIRES: at most kSectionsMax sections, with names of 1 to 15 bytes.
std::string encode_container(Kind kind, std::span<const Section> sections);
// REQUIRES: `bytes` outlives the result. Nothing is copied, and the digest has been compared.
Result<Container> open_container(std::string_view bytes, std::string_view file);

// The error of a pack: its section, what in it, and the byte of the file.
std::unexpected<Error> refuse(std::string_view file, std::string_view section, std::string_view item,
                              std::uint64_t offset, std::string expected, std::string found,
                              ErrorCode code = ErrorCode::pack_damaged);

// Values at the end of `out`, as memory holds them.
template <class T>
void append(std::string& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// An array of values somewhere in a section, which need not lie aligned in memory.
template <class T>
class ArrayView {
 public:
  ArrayView() = default;
  // REQUIRES: `count` of them lie at `at` of the section.
  ArrayView(const Section& section, std::uint64_t at, std::size_t count)
      : bytes_(section.bytes.substr(at, count * sizeof(T))), offset_(section.offset + at) {}

  std::size_t size() const noexcept { return bytes_.size() / sizeof(T); }
  T operator[](std::size_t index) const noexcept {
    T value;
    std::memcpy(&value, bytes_.data() + index * sizeof(T), sizeof value);
    return value;
  }
  std::uint64_t offset_of(std::size_t index) const noexcept { return offset_ + index * sizeof(T); }

 private:
  std::string_view bytes_;
  std::uint64_t offset_ = 0;
};

}  // namespace thintail::pack
