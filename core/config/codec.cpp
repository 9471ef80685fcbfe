// SPDX-License-Identifier: Apache-2.0
#include "core/config/codec.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace thintail::config {
namespace {

// Bytes that follow the first one of a UTF-8 sequence, or -1 where none begins with it.
int continuation_bytes(unsigned char first) {
  if (first < 0x80) return 0;
  if (first >= 0xc2 && first < 0xe0) return 1;
  if (first >= 0xe0 && first < 0xf0) return 2;
  if (first >= 0xf0 && first < 0xf5) return 3;
  return -1;
}

// The flag and the environment may hold any bytes; what TOML cannot hold could not be written and read back.
bool is_clean_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x20 || first == 0x7f) return false;
    const int following = continuation_bytes(first);
    if (following < 0 || text.size() - i <= static_cast<std::size_t>(following)) return false;
    for (int k = 1; k <= following; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      // The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF.
      const unsigned low = k > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
      const unsigned high = k > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
      if (byte < low || byte > high) return false;
    }
    i += static_cast<std::size_t>(following);
  }
  return true;
}

const std::string* text_in(const RawValue& raw) {
  if (const auto* words = std::get_if<Words>(&raw)) return &words->text;
  return std::get_if<std::string>(&raw);
}

bool read_decimal(const RawValue& raw, std::int64_t min_e9, std::int64_t max_e9, std::int64_t& out_e9) {
  std::int64_t value_e9 = 0;
  if (const auto* written = text_in(raw)) {
    if (parse_decimal_e9(*written, value_e9) != DecimalFault::none) return false;
  } else if (const auto* whole = std::get_if<std::int64_t>(&raw)) {
    if (__builtin_mul_overflow(*whole, kE9, &value_e9)) return false;
  } else {
    return false;
  }
  if (value_e9 < min_e9 || value_e9 > max_e9) return false;
  out_e9 = value_e9;
  return true;
}

std::string decimal_type(std::int64_t min_e9, std::int64_t max_e9) {
  // The type's own end is no bound that a person needs to read.
  const bool unbounded = max_e9 == std::numeric_limits<std::int64_t>::max();
  const auto from = unbounded && min_e9 == 1 ? "above 0" : "from " + format_decimal_e9(min_e9);
  return fmt::format("an exact decimal {}{}, such as \"0.5\"", from,
                     unbounded ? "" : " to " + format_decimal_e9(max_e9));
}

std::string decimal_text(std::int64_t value_e9) { return toml_string(format_decimal_e9(value_e9)); }

}  // namespace

Codec<std::string> text(std::string type, std::function<bool(std::string_view)> accepts) {
  return {std::move(type),
          [accepts = std::move(accepts)](const RawValue& raw, std::string& out) {
            const auto* written = text_in(raw);
            if (written == nullptr || !is_clean_utf8(*written) || !accepts(*written)) return false;
            out = *written;
            return true;
          },
          [](const std::string& value) { return toml_string(value); }};
}

Codec<std::vector<std::string>> text_list(std::string type, std::function<bool(std::string_view)> accepts) {
  return {std::move(type),
          [accepts = std::move(accepts)](const RawValue& raw, std::vector<std::string>& out) {
            std::vector<std::string> items;
            if (const auto* words = std::get_if<Words>(&raw)) {
              for (std::size_t at = 0; at < words->text.size();) {
                const auto comma = std::min(words->text.find(',', at), words->text.size());
                items.push_back(words->text.substr(at, comma - at));
                at = comma + 1;
              }
            } else if (const auto* list = std::get_if<std::vector<std::string>>(&raw)) {
              items = *list;
            } else {
              return false;
            }
            for (const auto& item : items) {
              if (!is_clean_utf8(item) || !accepts(item)) return false;
            }
            out = std::move(items);
            return true;
          },
          [](const std::vector<std::string>& value) {
            std::string out = "[";
            for (const auto& item : value) out += (out.size() > 1 ? ", " : "") + toml_string(item);
            return out + "]";
          }};
}

Codec<bool> boolean() {
  return {"true or false",
          [](const RawValue& raw, bool& out) {
            if (const auto* words = std::get_if<Words>(&raw)) {
              if (words->text != "true" && words->text != "false") return false;
              out = words->text == "true";
              return true;
            }
            const auto* flag = std::get_if<bool>(&raw);
            if (flag != nullptr) out = *flag;
            return flag != nullptr;
          },
          [](const bool& value) -> std::string { return value ? "true" : "false"; }};
}

Codec<double> real(double min, double max) {
  return {fmt::format("a number from {} to {}", min, max),
          [min, max](const RawValue& raw, double& out) {
            double value = 0;
            if (const auto* words = std::get_if<Words>(&raw)) {
              const auto* end = words->text.data() + words->text.size();
              const auto result = std::from_chars(words->text.data(), end, value);
              if (result.ec != std::errc{} || result.ptr != end) return false;
            } else if (const auto* whole = std::get_if<std::int64_t>(&raw)) {
              value = static_cast<double>(*whole);
            } else if (const auto* number = std::get_if<double>(&raw)) {
              value = *number;
            } else {
              return false;
            }
            if (!(value >= min && value <= max)) return false;
            out = value;
            return true;
          },
          [](const double& value) {
            // Shortest text that reads back as the same double; TOML wants a point or exponent in it.
            auto out = fmt::format("{}", value);
            if (out.find_first_of(".e") == std::string::npos) out += ".0";
            return out;
          }};
}

Codec<std::int64_t> decimal_e9(std::int64_t min_e9, std::int64_t max_e9) {
  return {decimal_type(min_e9, max_e9),
          [=](const RawValue& raw, std::int64_t& out) { return read_decimal(raw, min_e9, max_e9, out); },
          [](const std::int64_t& value_e9) { return decimal_text(value_e9); }};
}

Codec<Quantity> quantity(std::int64_t min_e9, std::int64_t max_e9) {
  return {decimal_type(min_e9, max_e9),
          [=](const RawValue& raw, Quantity& out) { return read_decimal(raw, min_e9, max_e9, out.e9); },
          [](const Quantity& value) { return decimal_text(value.e9); }};
}

std::optional<std::int64_t> integer_in(const RawValue& raw) {
  if (const auto* whole = std::get_if<std::int64_t>(&raw)) return *whole;
  const auto* words = std::get_if<Words>(&raw);
  if (words == nullptr) return std::nullopt;
  std::int64_t value = 0;
  const auto* end = words->text.data() + words->text.size();
  const auto result = std::from_chars(words->text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

}  // namespace thintail::config
