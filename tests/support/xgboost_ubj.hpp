// SPDX-License-Identifier: Apache-2.0
// A model of tests/support/xgboost_model.hpp as Universal Binary JSON.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/xgboost_model.hpp"

namespace thintail::test {

inline void put_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}
inline void put_ubj_text(std::string& out, std::string_view text) {
  out += 'L';
  put_big_endian(out, text.size(), 8);
  out += text;
}

// As XGBoost writes it: tree columns packed in one type, everything else with a marker a value.
inline void encode_ubj(std::string& out, const Json& json, std::string_view key = {}) {
  const auto packed = [&](char type, int bytes, auto&& bits_of) {
    out += "[$";
    out += type;
    out += "#L";
    put_big_endian(out, json.size(), 8);
    for (const Json& one : json) put_big_endian(out, bits_of(one), bytes);
  };
  if (json.is_object()) {
    out += '{';
    for (const auto& [name, value] : json.items()) {
      put_ubj_text(out, name);
      encode_ubj(out, value, name);
    }
    out += '}';
  } else if (json.is_array() && key == "split_conditions") {
    packed('d', 4, [](const Json& one) { return std::bit_cast<std::uint32_t>(one.get<float>()); });
  } else if (json.is_array() && (key == "default_left" || key == "split_type")) {
    packed('U', 1, [](const Json& one) { return one.get<unsigned>(); });
  } else if (json.is_array() && (key == "left_children" || key == "right_children")) {
    packed('l', 4, [](const Json& one) { return static_cast<std::uint32_t>(one.get<int>()); });
  } else if (json.is_array() && key == "split_indices") {
    packed('L', 8, [](const Json& one) { return static_cast<std::uint64_t>(one.get<std::int64_t>()); });
  } else if (json.is_array() && key == "trees") {
    out += "[#L";
    put_big_endian(out, json.size(), 8);
    for (const Json& one : json) encode_ubj(out, one);
  } else if (json.is_array()) {
    out += '[';
    for (const Json& one : json) encode_ubj(out, one);
    out += ']';
  } else if (json.is_string()) {
    out += 'S';
    put_ubj_text(out, json.get<std::string>());
  } else if (json.is_number_float()) {
    out += 'd';
    put_big_endian(out, std::bit_cast<std::uint32_t>(json.get<float>()), 4);
  } else if (json.is_boolean()) {
    out += json.get<bool>() ? 'T' : 'F';
  } else {
    out += 'l';
    put_big_endian(out, static_cast<std::uint32_t>(json.get<int>()), 4);
  }
}

inline std::string ubj(const Json& model) {
  std::string out;
  encode_ubj(out, model);
  return out;
}

}  // namespace thintail::test
