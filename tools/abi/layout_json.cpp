// SPDX-License-Identifier: Apache-2.0
// The layout as JSON, for programs: docs/abi/layout.json.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/abi/layout.hpp"

namespace thintail::abi {
namespace {

using json = nlohmann::ordered_json;

json json_of(const Field& field) {
  json out = {{"name", field.name}, {"offset", field.offset}, {"size", field.size}, {"type", field.type}};
  if (field.count > 1) out["count"] = field.count;
  if (!field.enumeration.empty()) out["enum"] = field.enumeration;
  if (!field.form.empty()) out["form"] = field.form;
  if (field.atomic) out["atomic"] = true;
  return out;
}

json json_of(const Struct& one) {
  json out = {{"name", one.name}, {"size", one.size}, {"alignment", one.alignment}};
  if (one.event_type >= 0) out["event_type"] = one.event_type;
  out["fields"] = json::array();
  for (const Field& field : one.fields) out["fields"].push_back(json_of(field));
  return out;
}

json json_of(const Enum& one) {
  json out = {{"name", one.name}, {"type", one.type}, {"flags", one.flags}};
  for (const Enumerator& value : one.values) out["values"][value.name] = value.value;
  return out;
}

}  // namespace

std::string to_json(const Layout& layout) {
  json root;
  root["schema"] = "thintail-layout/1";
  root["frozen"] = true;  // minor versions only append
  root["byte_order"] = "little";
  root["major"] = layout.major;
  root["minor"] = layout.minor;
  root["layout_hash"] = fmt::format("{:016x}", layout.layout_hash);  // a string: a double holds 53 bits
  for (const Constant& constant : layout.constants) {
    root["constants"][constant.name] = {{"value", fmt::format("{}", constant.value)}, {"meaning", constant.meaning}};
  }
  root["enums"] = json::array();
  for (const Enum& one : layout.enums) root["enums"].push_back(json_of(one));
  root["structs"] = json::array();
  for (const Struct& one : layout.structs) root["structs"].push_back(json_of(one));
  root["regions"] = json::array();
  for (const RegionKind& region : layout.regions) {
    root["regions"].push_back({{"name", region.name},
                               {"element_type", region.element_type},
                               {"element_bytes", region.element_bytes},
                               {"header", region.header},
                               {"element", region.element}});
  }
  return root.dump(1) + "\n";
}

}  // namespace thintail::abi
