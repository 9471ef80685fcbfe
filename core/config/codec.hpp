// SPDX-License-Identifier: Apache-2.0
// Codec: how one type of setting is read from what was written, printed as TOML and described.
//   invariant  read(write(value)) gives the value back, bit for bit: canonical texts are replayed.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/config/raw_value.hpp"
#include "core/price/decimal.hpp"

namespace thintail::config {

template <class T>
struct Codec {
  std::string type;                                           // what is accepted: "an integer from 1 to 10"
  std::function<bool(const RawValue&, T&)> read;              // false leaves the value as it was
  std::function<std::optional<std::string>(const T&)> write;  // TOML; empty where the value is not set
};

// Valid UTF-8 without control characters that `accepts`; `type` says so in words.
Codec<std::string> text(std::string type, std::function<bool(std::string_view)> accepts);

// A list of such texts; in the environment and on the command line separated by commas.
Codec<std::vector<std::string>> text_list(std::string type, std::function<bool(std::string_view)> accepts);

Codec<bool> boolean();

// A finite number. Accept-style comparison: a NaN lies within no bounds.
Codec<double> real(double min, double max);

// An exact decimal in 1e-9, written as a text ("0.5") or an integer; never a floating-point number.
Codec<std::int64_t> decimal_e9(std::int64_t min_e9, std::int64_t max_e9);
Codec<Quantity> quantity(std::int64_t min_e9, std::int64_t max_e9);

// The integer in `raw`, where it is one.
std::optional<std::int64_t> integer_in(const RawValue& raw);

template <class T>
Codec<T> integer(std::type_identity_t<T> min, std::type_identity_t<T> max) {
  // TOML's integers end at 2^63 - 1, and so do ours.
  const auto low = static_cast<std::int64_t>(min);
  const auto high =
      std::in_range<std::int64_t>(max) ? static_cast<std::int64_t>(max) : std::numeric_limits<std::int64_t>::max();
  return {fmt::format("an integer from {} to {}", low, high),
          [low, high](const RawValue& raw, T& out) {
            const auto value = integer_in(raw);
            if (!value || *value < low || *value > high) return false;
            out = static_cast<T>(*value);
            return true;
          },
          [](const T& value) { return fmt::format("{}", value); }};
}

template <class T>
Codec<T> power_of_two(std::type_identity_t<T> min, std::type_identity_t<T> max) {
  auto codec = integer<T>(min, max);
  codec.type = fmt::format("a power of two from {} to {}", min, max);
  codec.read = [inner = codec.read](const RawValue& raw, T& out) {
    T value{};
    if (!inner(raw, value) || (value & (value - 1)) != 0) return false;
    out = value;
    return true;
  };
  return codec;
}

// One of a few words, each standing for a value.
template <class T>
Codec<T> choice(const std::vector<std::pair<std::string, T>>& words) {
  std::string type = "one of ";
  for (const auto& [word, value] : words) {
    if (type.size() > 7) type += ", ";
    type += word;
  }
  return {type,
          [words](const RawValue& raw, T& out) {
            const auto* text = std::get_if<std::string>(&raw);
            if (const auto* typed = std::get_if<Words>(&raw)) text = &typed->text;
            if (text == nullptr) return false;
            for (const auto& [word, value] : words) {
              if (word != *text) continue;
              out = value;
              return true;
            }
            return false;
          },
          [words](const T& value) -> std::optional<std::string> {
            for (const auto& [word, meaning] : words) {
              if (meaning == value) return toml_string(word);
            }
            return std::nullopt;
          }};
}

// A setting that may be absent; once written it is present.
template <class T>
Codec<std::optional<T>> optional(const Codec<T>& codec) {
  return {codec.type,
          [read = codec.read](const RawValue& raw, std::optional<T>& out) {
            T value{};
            if (!read(raw, value)) return false;
            out = value;
            return true;
          },
          [write = codec.write](const std::optional<T>& value) -> std::optional<std::string> {
            return value ? write(*value) : std::nullopt;
          }};
}

}  // namespace thintail::config
