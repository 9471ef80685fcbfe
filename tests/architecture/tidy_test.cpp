// SPDX-License-Identifier: Apache-2.0
// What a reader relies on in every file: a header that says what it is, orders named at atomics, reasons for skips.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "tests/architecture/source_tree.hpp"

namespace thintail::architecture {
namespace {

// Code is held to 110 by clang-format, which leaves comments and texts alone; beyond this they do not fit beside anything.
constexpr std::size_t kColumnsMax = 150;
// How far above an atomic operation its reason may stand; one that says "throughout" speaks for more.
constexpr std::size_t kReasonLines = 3;
constexpr std::size_t kReasonThroughoutLines = 15;

bool is_in(const std::string& file, std::initializer_list<std::string_view> folders) {
  return std::ranges::any_of(folders, [&](std::string_view folder) { return file.starts_with(folder); });
}

// A .cpp beside its header is introduced there.
bool has_own_header(const fs::path& root, const std::string& file) {
  return file.ends_with(".cpp") && fs::exists(root / (file.substr(0, file.size() - 4) + ".hpp"));
}

void check_file_header(const fs::path& root, const std::string& file, const std::vector<std::string>& lines,
                       Violations& found) {
  if (lines.empty() || lines[0] != "// SPDX-License-Identifier: Apache-2.0") {
    found.push_back(file + ":1: no SPDX line");
  }
  // A test is introduced by its name, which is that of its source.
  if (has_own_header(root, file) || (file.starts_with("tests/") && file.ends_with("_test.cpp"))) return;
  if (lines.size() < 2 || !lines[1].starts_with("// ") || lines[1].size() < 20) {
    found.push_back(file + ":2: no sentence that says what the file is");
  }
}

// Code points, so that a line with a µ is not longer than it looks.
std::size_t columns(const std::string& line) {
  return static_cast<std::size_t>(
      std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void check_lines(const std::string& file, const std::vector<std::string>& lines, Violations& found) {
  // Written in halves, as this file is checked too.
  static const std::regex kLeftover(
      "\\b(TO"
      "DO|FIX"
      "ME|X"
      "XX)\\b");
  static const std::regex kBareSkip(
      "GTEST_SKIP\\(\\)"
      "\\s*;");
  static const std::regex kDisabled(
      "\\bTEST(_F|_P)?\\(\\w+,\\s*DISA"
      "BLED_");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = lines[i];
    const auto report = [&](std::string_view what) { found.push_back(fmt::format("{}:{}: {}", file, i + 1, what)); };
    if (line.contains('\t')) report("a tab");
    if (line.contains('\r')) report("a carriage return");
    if (line.ends_with(' ')) report("a space at the end");
    if (columns(line) > kColumnsMax) report(fmt::format("{} columns, more than {}", columns(line), kColumnsMax));
    if (std::regex_search(line, kLeftover)) report("work left over: finish it or open an issue");
    if (std::regex_search(line, kBareSkip)) report("a skip without a reason");
    if (std::regex_search(line, kDisabled)) report("a disabled test: mend it or remove it");
  }
}

// Names declared as std::atomic<...>, std::atomic_ref<...> or arrays of them.
std::set<std::string> atomic_names(const std::string& text) {
  static const std::regex kDeclared(
      R"(std::atomic(?:_ref)?<[^;(){}=]*>[>,\s\d\w:&*]*?\b(\w+)\s*(?:\[[^\]]*\])?\s*[{;=(,)])");
  std::set<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), kDeclared), end; at != end; ++at) names.insert((*at)[1].str());
  return names;
}

// The arguments of a call, from its opening bracket to the closing one.
std::string_view arguments(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) return text.substr(open, i - open);
  }
  return text.substr(open);
}

// Default sequential consistency is a fence that nobody chose.
void check_orders_are_named(const std::string& file, const std::string& text, const std::set<std::string>& names,
                            Violations& found) {
  static const std::regex kOperation(
      R"((\w+)(?:\[[^\]]*\])?\.(load|store|exchange|fetch_\w+|compare_exchange_\w+|test_and_set|wait)(\())");
  for (std::sregex_iterator at(text.begin(), text.end(), kOperation), end; at != end; ++at) {
    const auto open = static_cast<std::size_t>((*at).position(3));
    if (!names.contains((*at)[1].str()) || arguments(text, open).contains("memory_order")) continue;
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(open), '\n');
    found.push_back(fmt::format("{}:{}: {} without a memory order", file, line, (*at)[0].str()));
  }
}

void check_orders_have_reasons(const std::string& file, const std::vector<std::string>& lines, Violations& found) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto at = lines[i].find("memory_order");
    const auto comment = lines[i].find("//");
    if (at == std::string::npos || comment < at) continue;
    bool has_reason = comment != std::string::npos;
    for (std::size_t up = 1; up <= kReasonThroughoutLines && up <= i && !has_reason; ++up) {
      const auto& above = lines[i - up];
      has_reason = above.contains("//") && (up <= kReasonLines || above.contains("throughout"));
    }
    if (!has_reason) found.push_back(fmt::format("{}:{}: a memory order without its label or reason", file, i + 1));
  }
}

Violations tidy_violations(const fs::path& root) {
  Violations found;
  for (const auto& file : files_of(root, {".hpp", ".cpp"})) {
    const auto lines = lines_of(root / file);
    check_file_header(root, file, lines, found);
    check_lines(file, lines, found);
    if (is_in(file, {"tests/", "bench/"})) continue;
    const auto text = text_of(root / file);
    auto names = atomic_names(text);
    if (has_own_header(root, file))
      names.merge(atomic_names(text_of(root / (file.substr(0, file.size() - 4) + ".hpp"))));
    check_orders_are_named(file, text, names, found);
    check_orders_have_reasons(file, lines, found);
  }
  return found;
}

constexpr std::string_view kHead = "// SPDX-License-Identifier: Apache-2.0\n// A file that says what it is.\n";

Violations violations_of(const std::string& path, const std::string& body) {
  const PlantedTree tree;
  tree.write(path, std::string(kHead) + body);
  return tidy_violations(tree.root());
}

TEST(Tidy, every_file_is_tidy) {
  const auto violations = tidy_violations(source_root());
  EXPECT_TRUE(violations.empty()) << listed(violations);
}

TEST(Tidy, a_tidy_file_passes) {
  EXPECT_TRUE(violations_of("shm/a/a.hpp",
                            "std::atomic<int> count_{0};\n"
                            "std::array<std::atomic<std::uint64_t>, 4> words_{};\n"
                            "int read() { return count_.load(std::memory_order_relaxed); }  // relaxed: a statistic\n"
                            "int copy(const Cell& cell) { return cell.load(); }\n"
                            "// R1: pairs W1\n"
                            "auto word = words_[1].load(\n    std::memory_order_acquire);\n")
                  .empty());
}

TEST(Tidy, each_planted_untidiness_is_found) {
  const std::vector<std::string> bodies = {
      "\tint x;\n",
      "int x;\r\n",
      "int x; \n",
      "// " + std::string(kColumnsMax, 'x') + "\n",
      std::string("// TO") + "DO: later\n",
      std::string("// FIX") + "ME\n",
      std::string("int x;  // X") + "XX\n",
      std::string("void t() { GTEST_SKIP()") + "; }\n",
      std::string("TEST(A, DISA") + "BLED_b) {}\n",
      "std::atomic<int> count_{0};\nint read() { return count_.load(); }\n",
      "std::atomic<std::uint64_t> count_{0};\nvoid add() { count_.fetch_add(1); }\n",
      "std::array<std::atomic<std::uint64_t>, 4> words_{};\nvoid set() { words_[2].store(1); }\n",
      "std::atomic<int> a;\n\n\n\nint read() { return a.load(std::memory_order_acquire); }\n",
  };
  for (const auto& body : bodies) EXPECT_EQ(violations_of("shm/a/a.hpp", body).size(), 1u) << body;
}

TEST(Tidy, a_missing_file_header_is_found) {
  const PlantedTree tree;
  tree.write("core/a/a.hpp", "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n");
  tree.write("core/a/b.cpp", "int x;\n");
  EXPECT_EQ(tidy_violations(tree.root()).size(), 3u);
}

}  // namespace
}  // namespace thintail::architecture
