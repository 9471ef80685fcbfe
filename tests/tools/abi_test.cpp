// SPDX-License-Identifier: Apache-2.0
#include "tools/abi/layout.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/event/payloads.hpp"
#include "shm/tables/rows.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

using abi::Field;
using abi::Layout;
using abi::Struct;

const Layout& layout() {
  static const Layout kLayout = abi::layout_of_this_build().value();
  return kLayout;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string committed(const std::string& path) { return text_of(std::filesystem::path(THINTAIL_SOURCE_DIR) / path); }

// The committed descriptions that `of` would change.
std::vector<std::string> stale(const Layout& of) {
  std::vector<std::string> out;
  if (committed("docs/abi/layout.json") != abi::to_json(of)) out.emplace_back("layout.json");
  if (committed("docs/abi/thintail.h") != abi::to_c_header(of)) out.emplace_back("thintail.h");
  if (committed("deploy/python/thintail_reader.py") != abi::to_python_reader(of))
    out.emplace_back("thintail_reader.py");
  if (!committed("docs/abi.md").contains(abi::to_markdown(of))) out.emplace_back("abi.md");
  return out;
}

Field& field_of(Layout& of, const std::string& owner, const std::string& name) {
  return *std::ranges::find(std::ranges::find(of.structs, owner, &Struct::name)->fields, name, &Field::name);
}

TEST(Abi, committed_descriptions_are_those_of_this_build) {
  EXPECT_EQ(stale(layout()), std::vector<std::string>()) << "run: thintail abi --update .";
}

TEST(Abi, a_planted_change_makes_every_description_stale) {
  const std::vector<std::string> all = {"layout.json", "thintail.h", "thintail_reader.py", "abi.md"};
  for (const auto& [owner, name] : std::vector<std::pair<std::string, std::string>>{{"Tick", "venue_ns"},
                                                                                    {"SegmentHeader", "epoch"},
                                                                                    {"Stream", "head"},
                                                                                    {"Gate", "name"},
                                                                                    {"QuoteRow", "ask_e9"},
                                                                                    {"CounterRow", "value"},
                                                                                    {"Histogram", "counts"}}) {
    Layout moved = layout();
    field_of(moved, owner, name).offset += 8;
    EXPECT_EQ(stale(moved), all) << owner << '.' << name << " moved";
    Layout retyped = layout();
    field_of(retyped, owner, name).type = "f32";
    EXPECT_EQ(stale(retyped), all) << owner << '.' << name << " of another type";
  }
  Layout rehashed = layout();
  rehashed.layout_hash ^= 1;
  EXPECT_EQ(stale(rehashed), all);
  Layout renumbered = layout();
  renumbered.enums[0].values[0].value += 40;
  EXPECT_EQ(stale(renumbered), all);
}

TEST(Abi, fields_follow_each_other_without_overlap_and_inside_their_struct) {
  for (const Struct& one : layout().structs) {
    std::size_t end = 0;
    for (const Field& field : one.fields) {
      EXPECT_GE(field.offset, end) << one.name << '.' << field.name;
      end = field.offset + field.size;
    }
    EXPECT_LE(end, one.size) << one.name;
  }
}

TEST(Abi, every_byte_of_a_record_has_a_name) {
  // A forgotten member would leave a hole. Rows and payloads have no padding; the rest pads to cache lines on purpose.
  for (const Struct& one : layout().structs) {
    const bool is_record =
        one.event_type >= 0 || one.name.ends_with("Row") || one.name == "Event" || one.name == "Region";
    if (!is_record) continue;
    std::size_t named = 0;
    for (const Field& field : one.fields) named += field.size;
    EXPECT_EQ(named, one.size) << one.name;
  }
}

TEST(Abi, offsets_are_those_that_the_compiler_gives) {
  const auto offset = [](std::string_view owner, std::string_view name) {
    return std::ranges::find(layout().of(owner).fields, name, &Field::name)->offset;
  };
  EXPECT_EQ(offset("Tick", "source_sequence"), offsetof(Tick, source_sequence));
  EXPECT_EQ(offset("Fill", "number"), offsetof(Fill, number));
  EXPECT_EQ(offset("Position", "realised_high"), offsetof(Position, realised_high));
  EXPECT_EQ(offset("PositionRow", "time_ns"), offsetof(shm::PositionRow, time_ns));
  EXPECT_EQ(offset("Stream", "head"), 128u);
  EXPECT_EQ(offset("Stream", "gates"), 256u);
  EXPECT_EQ(offset("Gate", "active"), 64u);
  EXPECT_EQ(offset("QuoteCell", "row"), 8u);
  EXPECT_EQ(offset("RunStatus", "durable"), 128u);
}

TEST(Abi, enum_values_are_named_by_the_compiler) {
  const auto find = [](std::string_view name) { return *std::ranges::find(layout().enums, name, &abi::Enum::name); };
  EXPECT_EQ(find("EventType").values.size(), kEventTypeCount);
  EXPECT_EQ(find("EventType").values[11].name, "fill");
  EXPECT_EQ(find("OrderState").values[0].name, "accepted");
  EXPECT_EQ(find("OrderState").values[0].value, 1u);
  const abi::Enum flags = find("EventFlag");
  ASSERT_GE(flags.values.size(), 6u);
  EXPECT_EQ(flags.values[4].name, "kFlagContinued");
  EXPECT_EQ(flags.values[4].value, 16u);
}

TEST(Abi, every_event_type_but_none_has_a_payload_of_forty_bytes) {
  std::size_t payloads = 0;
  for (const Struct& one : layout().structs) {
    if (one.event_type < 0) continue;
    ++payloads;
    EXPECT_EQ(one.size, kPayloadBytes) << one.name;
  }
  EXPECT_EQ(payloads + 1, kEventTypeCount);
}

TEST(Abi, the_worked_example_is_a_cell_that_a_writer_published) {
  Event event;
  std::memcpy(&event, layout().cell.data(), sizeof event);
  EXPECT_EQ(event.sequence, 1024u);
  EXPECT_EQ(event.type, EventType::tick);
  EXPECT_EQ(event.as<Tick>().bid_e9, 2'345'670'000'000);
}

TEST(Abi, every_region_says_what_it_is_made_of) {
  EXPECT_GE(layout().regions.size(), 11u);
  for (const abi::RegionKind& region : layout().regions) {
    EXPECT_FALSE(region.element_type.empty()) << region.name;
    EXPECT_FALSE(region.element.empty()) << region.name << ": describe it in tools/abi/layout.cpp";
    if (!region.element.empty()) {
      EXPECT_EQ(layout().of(region.element).size, region.element_bytes) << region.name;
    }
  }
}

TEST(Abi, the_program_prints_what_is_committed) {
  EXPECT_EQ(run_thintail({"abi", "--json"}).out, committed("docs/abi/layout.json"));
  EXPECT_EQ(run_thintail({"abi", "--c-header"}).out, committed("docs/abi/thintail.h"));
  EXPECT_EQ(run_thintail({"abi", "--python"}).out, committed("deploy/python/thintail_reader.py"));
  EXPECT_TRUE(committed("docs/abi.md").contains(run_thintail({"abi"}).out));
  EXPECT_EQ(run_thintail({"abi", "--json", "--python"}).exit_code, 64);
  const auto root = nlohmann::json::parse(committed("docs/abi/layout.json"), nullptr, false);
  ASSERT_TRUE(root.is_object());
  EXPECT_EQ(root["frozen"], true);
  EXPECT_EQ(root["structs"].size(), layout().structs.size());
}

TEST(Abi, an_update_replaces_only_the_generated_part_of_the_document) {
  const TempFolder root;
  std::filesystem::create_directories(root.path() + "/docs/abi");
  std::filesystem::create_directories(root.path() + "/deploy/python");
  EXPECT_EQ(run_thintail({"abi", "--update", root.path()}).exit_code, 1) << "no document to update";
  const std::string document = committed("docs/abi.md");
  std::string old = document;
  const std::string tables = abi::to_markdown(layout());
  ASSERT_TRUE(old.contains(tables));
  old.replace(old.find(tables), tables.size(), "what stood here before\n");
  std::ofstream(root.path() + "/docs/abi.md") << old;
  const ProcessResult updated = run_thintail({"abi", "--update", root.path()});
  EXPECT_EQ(updated.exit_code, 0) << updated.err;
  EXPECT_EQ(text_of(root.path() + "/docs/abi.md"), document);
  EXPECT_EQ(text_of(root.path() + "/docs/abi/thintail.h"), committed("docs/abi/thintail.h"));
}

}  // namespace
}  // namespace thintail::test
