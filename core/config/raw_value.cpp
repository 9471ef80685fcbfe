// SPDX-License-Identifier: Apache-2.0
#include "core/config/raw_value.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"

namespace thintail::config {
namespace {

struct Describer {
  std::string operator()(const Words& words) const { return toml_string(printable(words.text)); }
  std::string operator()(const std::string& text) const { return "the text " + toml_string(printable(text)); }
  std::string operator()(std::int64_t number) const { return fmt::format("the integer {}", number); }
  std::string operator()(double number) const { return fmt::format("the floating-point number {}", number); }
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(const std::vector<std::string>& list) const {
    std::string text = "[";
    for (const auto& item : list) text += (text.size() > 1 ? ", " : "") + toml_string(item);
    return printable(text + "]");
  }
  std::string operator()(const Unusable& unusable) const { return unusable.description; }
};

bool is_bare(std::string_view part) {
  return !part.empty() && std::ranges::all_of(part, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

std::string describe(const RawValue& raw) { return std::visit(Describer{}, raw); }

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string toml_path(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += '.';
    out += is_bare(part) ? part : toml_string(part);
  }
  return out;
}

}  // namespace thintail::config
