// SPDX-License-Identifier: Apache-2.0
#include "ml/pack/meta_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "core/config/toml_reader.hpp"
#include "ml/models/number_text.hpp"

namespace thintail::pack {

Result<MetaText> MetaText::read(const Section& section, std::string_view file, std::size_t bytes_max) {
  if (section.bytes.size() > bytes_max) {
    return refuse(file, section.name, "", section.offset, fmt::format("at most {} bytes", bytes_max),
                  fmt::format("{}", section.bytes.size()), ErrorCode::model_unsupported);
  }
  auto entries = config::read_toml(section.bytes, std::string(file));
  if (!entries) {
    return refuse(file, section.name, "", section.offset, "TOML, " + entries.error().expected,
                  printable(entries.error().found, 200));
  }
  MetaText out(section, file);
  for (config::TomlEntry& entry : *entries) {
    std::string key;
    for (const std::string& part : entry.path) key += key.empty() ? part : "." + part;
    if (!entry.is_table) out.values_.insert_or_assign(std::move(key), std::move(entry.value));
  }
  return out;
}

const config::RawValue* MetaText::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::unexpected<Error> MetaText::no(std::string_view key, std::string expected, std::string found) const {
  return refuse(file_, section_->name, key, section_->offset, std::move(expected), std::move(found));
}

Result<std::string> MetaText::text(std::string_view key, std::size_t bytes_max) const {
  const config::RawValue* value = find(key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  if (text == nullptr) return no(key, "a text", value == nullptr ? "none" : config::describe(*value));
  if (text->size() > bytes_max) {
    return no(key, fmt::format("at most {} bytes", bytes_max), fmt::format("{}", text->size()));
  }
  return *text;
}

Result<std::uint64_t> MetaText::integer(std::string_view key, std::uint64_t least, std::uint64_t most) const {
  const config::RawValue* value = find(key);
  const auto* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
  if (number == nullptr || *number < 0 || static_cast<std::uint64_t>(*number) < least ||
      static_cast<std::uint64_t>(*number) > most) {
    return no(key, fmt::format("{} to {}", least, most), value == nullptr ? "none" : config::describe(*value));
  }
  return static_cast<std::uint64_t>(*number);
}

Result<double> MetaText::number(std::string_view key) const {
  TT_TRY(const std::string words, text(key));
  double value = 0;
  if (!parse_number(words, value) || !std::isfinite(value))
    return no(key, "a finite number as a text", printable(words));
  return value;
}

Result<std::vector<std::string>> MetaText::texts(std::string_view key, std::size_t count_max) const {
  const config::RawValue* value = find(key);
  const auto* list = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value);
  if (list == nullptr || list->size() > count_max) {
    return no(key, fmt::format("a list of at most {} texts", count_max),
              list != nullptr    ? fmt::format("{}", list->size())
              : value == nullptr ? "none"
                                 : config::describe(*value));
  }
  return *list;
}

Result<Sha256Digest> MetaText::digest(std::string_view key) const {
  TT_TRY(const std::string hex, text(key));
  Sha256Digest out{};
  if (!from_hex(hex, out)) return no(key, "64 hexadecimal digits", printable(hex));
  return out;
}

Result<void> check_canonical(const Section& section, std::string_view file, std::string_view canonical) {
  if (canonical == section.bytes) return {};
  const auto [ours, theirs] = std::ranges::mismatch(canonical, section.bytes);
  const auto at = static_cast<std::uint64_t>(theirs - section.bytes.begin());
  return refuse(file, section.name, "", section.offset + at,
                "the canonical text: " + printable({ours, canonical.end()}, 40),
                printable(section.bytes.substr(at), 40));
}

std::string meta_quoted(std::string_view text, std::size_t bytes_max) {
  std::size_t size = std::min(text.size(), bytes_max);
  // Never between the bytes of one character.
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
  return config::toml_string(text.substr(0, size));
}

std::string meta_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + config::toml_string(text);
  return out + "]";
}

}  // namespace thintail::pack
