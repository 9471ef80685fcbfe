// SPDX-License-Identifier: Apache-2.0
// The layout as tables, for people: the generated part of docs/abi.md.
#include <fmt/format.h>

#include "tools/abi/layout.hpp"

namespace thintail::abi {
namespace {

std::string type_text(const Field& field) {
  std::string text = field.count > 1 ? fmt::format("{}[{}]", field.type, field.count) : field.type;
  if (!field.enumeration.empty()) text += fmt::format(" {}", field.enumeration);
  return text;
}

std::string reading_of(const Field& field) {
  if (field.form == "decimal_e9") return "1e-9";
  if (field.form == "money_e18_low") return "1e-18, low word of an i128";
  if (field.form == "money_e18_high") return "1e-18, high word";
  if (field.form == "ns") return "UTC ns since 1970";
  if (field.form == "reserved") return "zero";
  if (field.form == "text") return "padded with zeros";
  if (field.form == "packed_bar") return "ticks, BarPeriod, QuoteSide; see the constants";
  return field.atomic ? "atomic" : "";
}

void add_struct(std::string& out, const Struct& one) {
  out += fmt::format("### {}\n\n", one.name);
  out += one.event_type >= 0 ? fmt::format("Payload of event type {}: {} bytes.\n\n", one.event_type, one.size)
                             : fmt::format("{} bytes, aligned to {}.\n\n", one.size, one.alignment);
  out += "| offset | bytes | field | type | |\n| ---: | ---: | --- | --- | --- |\n";
  for (const Field& field : one.fields) {
    out += fmt::format("| {} | {} | {} | {} | {} |\n", field.offset, field.size, field.name, type_text(field),
                       reading_of(field));
  }
  out += "\n";
}

void add_sample(std::string& out, const Layout& layout) {
  out += "### A cell, byte by byte\n\nCell 0 of a stream of 1,024 slots, after the Tick of sequence 1,024:\n\n```\n";
  const auto byte = [&](std::size_t at) { return std::to_integer<unsigned>(layout.cell[at]); };
  for (std::size_t row = 0; row < layout.cell.size(); row += 16) {
    out += fmt::format("{:04x} ", row);
    for (std::size_t at = row; at < row + 16; ++at) out += fmt::format(" {:02x}", byte(at));
    out += "\n";
  }
  out += "```\n\n| bytes | little-endian | field |\n| --- | --- | --- |\n";
  const auto add = [&](const Field& field, std::size_t base, std::string_view owner) {
    std::string number = "0x";
    for (std::size_t i = field.size; i-- > 0;) number += fmt::format("{:02x}", byte(base + field.offset + i));
    out += fmt::format("| {:02x}..{:02x} | {} | {}.{} |\n", base + field.offset, base + field.offset + field.size - 1,
                       number, owner, field.name);
  };
  const Struct& event = layout.of("Event");
  for (const Field& field : event.fields) {
    if (field.name != "payload") {
      add(field, 0, "Event");
      continue;
    }
    for (const Field& member : layout.of("Tick").fields) add(member, field.offset, "Tick");
  }
  out += "\n";
}

}  // namespace

std::string to_markdown(const Layout& layout) {
  std::string out =
      fmt::format("Version {}.{}, layout hash `{:016x}`.\n\n", layout.major, layout.minor, layout.layout_hash);
  out += "### Constants\n\n| name | value | |\n| --- | --- | --- |\n";
  for (const Constant& constant : layout.constants) {
    out += fmt::format(
        "| {} | {} | {} |\n", constant.name,
        constant.name == "magic" ? fmt::format("0x{:016x}", constant.value) : fmt::format("{}", constant.value),
        constant.meaning);
  }
  out +=
      "\n### Regions\n\n| name | element type | element bytes | header | elements |\n| --- | --- | ---: | --- | --- "
      "|\n";
  for (const RegionKind& region : layout.regions) {
    out += fmt::format("| {} | {} | {} | {} | {} |\n", region.name, region.element_type, region.element_bytes,
                       region.header.empty() ? "-" : region.header, region.element.empty() ? "-" : region.element);
  }
  out += "\n### Enums\n\n| enum | type | values |\n| --- | --- | --- |\n";
  for (const Enum& one : layout.enums) {
    std::string values;
    for (const Enumerator& value : one.values) {
      values += fmt::format("{}{} {}", values.empty() ? "" : ", ", value.value, value.name);
    }
    out += fmt::format("| {} | {}{} | {} |\n", one.name, one.type, one.flags ? ", bits" : "", values);
  }
  out += "\n";
  for (const Struct& one : layout.structs) add_struct(out, one);
  add_sample(out, layout);
  return out;
}

}  // namespace thintail::abi
