// SPDX-License-Identifier: Apache-2.0
// What C++23 has no reflection for: offset, type and extent of a member, private ones too, and the names of an enum's values.
//   path  cold
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shm/tables/text.hpp"
#include "tools/abi/layout.hpp"

namespace thintail::abi {

// --- private members ---

// Access is not checked in the arguments of an explicit instantiation ([temp.spec]/6): the one way to name a private
// member from outside without a friend in hot code that would exist for documentation's sake.
template <class Tag, auto kMember>
struct Opened {
  friend constexpr auto member_of(Tag) { return kMember; }
};

// --- members ---

// How a member's type is written for readers in other languages. Specialised with a `name` for structs inside structs.
template <class T>
struct StructName;

struct TypeText {
  std::string name;
  std::string enumeration{};
  std::size_t count = 1;
  bool atomic = false;
};

template <class T>
struct TypeOf {
  static TypeText text() {
    if constexpr (std::is_same_v<T, std::byte>) {
      return {.name = "u8"};
    } else if constexpr (std::is_same_v<T, char>) {
      return {.name = "char"};
    } else if constexpr (std::is_same_v<T, float>) {
      return {.name = "f32"};
    } else if constexpr (std::is_enum_v<T>) {
      TypeText text = TypeOf<std::underlying_type_t<T>>::text();
      text.enumeration = StructName<T>::kName;
      return text;
    } else if constexpr (std::is_integral_v<T>) {
      return {.name = (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T) * 8)};
    } else {
      return {.name = std::string(StructName<T>::kName)};
    }
  }
};
template <class T>
struct TypeOf<std::atomic<T>> {
  static TypeText text() {
    TypeText text = TypeOf<T>::text();
    text.atomic = true;
    return text;
  }
};
template <class T, std::size_t N>
struct TypeOf<std::array<T, N>> {
  static TypeText text() {
    TypeText text = TypeOf<T>::text();
    text.count *= N;
    return text;
  }
};
template <std::size_t N>
struct TypeOf<shm::Text<N>> {
  static TypeText text() { return {.name = "char", .count = N}; }
};

template <class T>
Field field_at(std::string name, std::size_t offset) {
  const TypeText type = TypeOf<T>::text();
  return {.name = std::move(name),
          .type = type.name,
          .offset = offset,
          .size = sizeof(T),
          .count = type.count,
          .enumeration = type.enumeration,
          .form = {},
          .atomic = type.atomic};
}

// A pointer to a data member is its offset (Itanium C++ ABI, 2.3).
template <class S, class T>
Field field(std::string name, T S::* member) {
  return field_at<T>(std::move(name), static_cast<std::size_t>(std::bit_cast<std::ptrdiff_t>(member)));
}

// --- enums ---

// The name of a value as the compiler prints it, empty where the enum has none of that value.
template <auto kValue>
constexpr std::string_view enumerator_name() noexcept {
  constexpr std::string_view kKey = "kValue = ";
  constexpr std::string_view kText = __PRETTY_FUNCTION__;
  std::string_view name = kText.substr(kText.find(kKey) + kKey.size());
  name = name.substr(0, name.find_first_of(";]"));
  if (name.starts_with('(')) return {};  // a cast number
  return name.substr(name.rfind(':') + 1);
}

inline constexpr std::size_t kEnumValuesSeen = 64;  // a gap of that many values would hide what follows it
inline constexpr std::size_t kEnumBitsSeen = 16;

template <class E, bool kIsFlags = false>
Enum enum_of() {
  using Number = std::underlying_type_t<E>;
  Enum out{
      .name = std::string(StructName<E>::kName), .type = TypeOf<Number>::text().name, .flags = kIsFlags, .values = {}};
  [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    const auto add = [&out]<Number kNumber>(std::integral_constant<Number, kNumber>) {
      const std::string_view name = enumerator_name<static_cast<E>(kNumber)>();
      if (!name.empty()) out.values.push_back({std::string(name), kNumber});
    };
    (add(std::integral_constant<Number, kIsFlags ? Number{1} << kIndex : kIndex>()), ...);
  }(std::make_index_sequence<kIsFlags ? kEnumBitsSeen : kEnumValuesSeen>());
  return out;
}

}  // namespace thintail::abi
