// SPDX-License-Identifier: Apache-2.0
// The layout is frozen: whatever a reader of version 1.0 knows stays where it is, and minor versions only append.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/abi/layout.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

json frozen() {
  std::ifstream file(THINTAIL_SOURCE_DIR "/tests/tools/abi_frozen_1_0.json");
  return json::parse(std::string(std::istreambuf_iterator<char>(file), {}), nullptr, false);
}

json current() { return json::parse(abi::to_json(abi::layout_of_this_build().value())); }

const json* named(const json& list, const json& name) {
  const auto found = std::ranges::find_if(list, [&](const json& one) { return one["name"] == name; });
  return found == list.end() ? nullptr : &*found;
}

bool is_reserve(const json& field) { return field["name"].get<std::string>().starts_with("reserved"); }

// Whether reserved bytes are all still there, as themselves or under names that were given to them since.
bool is_covered(const json& reserve, const json& fields) {
  std::size_t named_bytes = 0;
  const auto begin = reserve["offset"].get<std::size_t>();
  const auto end = begin + reserve["size"].get<std::size_t>();
  for (const json& field : fields) {
    const auto from = field["offset"].get<std::size_t>();
    const auto to = from + field["size"].get<std::size_t>();
    if (to <= begin || from >= end) continue;
    if (from < begin || to > end) return false;
    named_bytes += to - from;
  }
  return named_bytes == end - begin;
}

// What a reader of `old` would misread in `now`; empty where `now` only appends.
std::vector<std::string> broken(const json& old, const json& now) {
  std::vector<std::string> out;
  const auto expect = [&](bool holds, const std::string& what) {
    if (!holds) out.push_back(what);
  };
  expect(now["major"] == old["major"], "major version");
  expect(now["minor"] >= old["minor"], "minor version");
  expect(now["layout_hash"] == old["layout_hash"], "layout hash");
  expect(now["byte_order"] == old["byte_order"], "byte order");
  for (const auto& [name, constant] : old["constants"].items()) {
    expect(now["constants"].contains(name) && now["constants"][name]["value"] == constant["value"], name);
  }
  for (const json& one : old["enums"]) {
    const std::string name = one["name"];
    const json* same = named(now["enums"], one["name"]);
    expect(same != nullptr && (*same)["type"] == one["type"], name);
    if (same == nullptr) continue;
    for (const auto& [value_name, value] : one["values"].items()) {
      expect((*same)["values"].contains(value_name) && (*same)["values"][value_name] == value, name + '.' + value_name);
    }
  }
  for (const json& one : old["structs"]) {
    const std::string name = one["name"];
    const json* same = named(now["structs"], one["name"]);
    expect(same != nullptr && (*same)["size"] == one["size"] && (*same)["alignment"] == one["alignment"] &&
               same->value("event_type", -1) == one.value("event_type", -1),
           name);
    if (same == nullptr) continue;
    for (const json& field : one["fields"]) {
      const std::string field_name = name + '.' + field["name"].get<std::string>();
      if (is_reserve(field)) {
        expect(is_covered(field, (*same)["fields"]), field_name);
        continue;
      }
      const json* kept = named((*same)["fields"], field["name"]);
      expect(kept != nullptr && *kept == field, field_name);
    }
  }
  for (const json& region : old["regions"]) {
    const json* same = named(now["regions"], region["name"]);
    expect(same != nullptr && *same == region, region["name"]);
  }
  return out;
}

TEST(FrozenAbi, this_build_keeps_all_that_readers_of_1_0_know) {
  const json old = frozen();
  ASSERT_TRUE(old.is_object());
  EXPECT_EQ(old["major"], 1);
  EXPECT_EQ(old["minor"], 0);
  EXPECT_EQ(old["frozen"], true);
  EXPECT_EQ(broken(old, current()), std::vector<std::string>())
      << "a reader of version 1.0 would misread this: append instead, or raise the major version";
}

json& struct_of(json& layout, const std::string& name) {
  return *std::ranges::find_if(layout["structs"], [&](const json& one) { return one["name"] == name; });
}
json& field_of(json& layout, const std::string& owner, const std::string& name) {
  return *std::ranges::find_if(struct_of(layout, owner)["fields"],
                               [&](const json& one) { return one["name"] == name; });
}

TEST(FrozenAbi, every_kind_of_change_to_what_is_frozen_is_found) {
  const json old = frozen();
  ASSERT_EQ(broken(old, old), std::vector<std::string>());
  const std::vector<std::pair<std::string, std::function<void(json&)>>> changes = {
      {"Tick.venue_ns", [](json& now) { field_of(now, "Tick", "venue_ns")["offset"] = 0; }},
      {"QuoteRow.bid_e9", [](json& now) { field_of(now, "QuoteRow", "bid_e9")["type"] = "f64"; }},
      {"Fill.strategy", [](json& now) { field_of(now, "Fill", "strategy")["name"] = "tactic"; }},
      {"Command.reserved", [](json& now) { field_of(now, "Command", "reserved")["size"] = 16; }},
      {"RiskRow", [](json& now) { struct_of(now, "RiskRow")["size"] = 128; }},
      {"Intent", [](json& now) { struct_of(now, "Intent")["name"] = "Order"; }},
      {"Side.buy", [](json& now) { now["enums"][4]["values"]["buy"] = 9; }},
      {"cell_bytes", [](json& now) { now["constants"]["cell_bytes"]["value"] = "128"; }},
      {"health", [](json& now) { now["regions"].erase(0); }},
      {"layout hash", [](json& now) { now["layout_hash"] = "0"; }},
      {"major version", [](json& now) { now["major"] = 2; }}};
  for (const auto& [found, change] : changes) {
    json now = old;
    change(now);
    EXPECT_EQ(broken(old, now), std::vector<std::string>{found});
  }
}

TEST(FrozenAbi, what_only_appends_passes) {
  const json old = frozen();
  json now = old;
  now["minor"] = 1;
  now["constants"]["new_one"] = {{"value", "1"}, {"meaning", "since 1.1"}};
  now["enums"][4]["values"]["either"] = 200;
  now["regions"].push_back({{"name", "new"}, {"element_type", "new"}, {"element_bytes", 8}});
  now["structs"].push_back({{"name", "NewRow"}, {"size", 8}, {"alignment", 8}, {"fields", json::array()}});
  // The first eight of a command's reserved bytes get a name.
  json& fields = struct_of(now, "Command")["fields"];
  json& reserve = field_of(now, "Command", "reserved");
  const auto offset = reserve["offset"].get<std::size_t>();
  reserve["offset"] = offset + 8;
  reserve["size"] = 16;
  fields.push_back({{"name", "argument"}, {"offset", offset}, {"size", 8}, {"type", "u64"}});
  EXPECT_EQ(broken(old, now), std::vector<std::string>());
}

}  // namespace
}  // namespace thintail::test
