// SPDX-License-Identifier: Apache-2.0
// store_as_words: a payload stored as 64-bit words that were put together in registers.
//   path  hot
//
// A bit_cast would store narrow fields (two f32, a u32 beside two u16) and load the word they make up, which the store
// buffer cannot forward: it costs an event just built about 3 ns on its way into a stream's cell (docs/benchmarks.md).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/base/attributes.hpp"

namespace thintail {

// Eight bytes of an event. They belong to fields of several types, hence may_alias: the compiler must not assume that
// a word and a field are different memory.
using EventWord [[gnu::may_alias]] = std::uint64_t;

namespace detail {

template <class T>
inline constexpr bool kIsArray = false;
template <class T, std::size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;

struct AnyField {
  template <class T>
  operator T() const noexcept;  // declared only: counts the fields of an aggregate
};

template <class P, class... Fields>
consteval std::size_t field_count() {
  if constexpr (requires { P{Fields{}..., AnyField{}}; }) {
    return field_count<P, Fields..., AnyField>();
  } else {
    return sizeof...(Fields);
  }
}

template <class Field>
TT_ALWAYS_INLINE constexpr std::uint64_t field_bits(Field field) noexcept {
  if constexpr (std::is_enum_v<Field>) {
    return field_bits(std::to_underlying(field));
  } else if constexpr (std::is_same_v<Field, float>) {
    return std::bit_cast<std::uint32_t>(field);
  } else {
    return static_cast<std::make_unsigned_t<Field>>(field);
  }
}

// Stores each word once, when the last field in it has been added. Payloads have no padding, so each field begins where
// the one before ends. The words go straight to `to`: through an array of their own g++ 12 copies them as vectors.
struct WordPacker {
  EventWord* to;
  std::uint64_t word = 0;
  std::size_t offset = 0;

  template <class Field>
  TT_ALWAYS_INLINE void add(const Field& field) noexcept {
    if constexpr (kIsArray<Field>) {
      for (const auto& element : field) add(element);
    } else {
      word |= field_bits(field) << (offset % 8 * 8);
      offset += sizeof(Field);
      if (offset % 8 != 0) return;
      *to++ = word;
      word = 0;
    }
  }
};

// Writes sizeof(P) / 8 words.
template <class P>
TT_ALWAYS_INLINE void store_as_words(EventWord* to, const P& payload) noexcept {
  static_assert(std::endian::native == std::endian::little && sizeof(P) % 8 == 0);
  WordPacker packer{to};
  const auto add = [&](const auto&... fields) __attribute__((always_inline)) { (packer.add(fields), ...); };
  constexpr std::size_t kFields = field_count<P>();
  static_assert(1 <= kFields && kFields <= 9, "a payload of more fields needs a line here");
  if constexpr (kFields == 1) {
    const auto& [a] = payload;
    add(a);
  } else if constexpr (kFields == 2) {
    const auto& [a, b] = payload;
    add(a, b);
  } else if constexpr (kFields == 3) {
    const auto& [a, b, c] = payload;
    add(a, b, c);
  } else if constexpr (kFields == 4) {
    const auto& [a, b, c, d] = payload;
    add(a, b, c, d);
  } else if constexpr (kFields == 5) {
    const auto& [a, b, c, d, e] = payload;
    add(a, b, c, d, e);
  } else if constexpr (kFields == 6) {
    const auto& [a, b, c, d, e, f] = payload;
    add(a, b, c, d, e, f);
  } else if constexpr (kFields == 7) {
    const auto& [a, b, c, d, e, f, g] = payload;
    add(a, b, c, d, e, f, g);
  } else if constexpr (kFields == 8) {
    const auto& [a, b, c, d, e, f, g, h] = payload;
    add(a, b, c, d, e, f, g, h);
  } else {
    const auto& [a, b, c, d, e, f, g, h, i] = payload;
    add(a, b, c, d, e, f, g, h, i);
  }
}

}  // namespace detail

}  // namespace thintail
