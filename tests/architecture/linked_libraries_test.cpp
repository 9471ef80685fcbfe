// SPDX-License-Identifier: Apache-2.0
// What each program loads: training libraries and servers stay out of the trading core.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/architecture/source_tree.hpp"

namespace thintail::architecture {
namespace {

// Loading xgboost or torch costs up to a second, hundreds of megabytes and hundreds of libraries with threads of their own.
const std::map<std::string, std::vector<std::string>>& allowed_programs() {
  static const std::map<std::string, std::vector<std::string>> kAllowed = {
      {"libxgboost", {"thintail-train", "thintail-bench-peers"}},
      {"libtorch", {"thintail-train", "thintail-bench-peers"}},
      {"libc10", {"thintail-train", "thintail-bench-peers"}},
      {"libonnxruntime", {"thintail-bench-peers"}},
      {"libpqxx", {"thintail-export"}},
      {"libssl", {"thintail-gateway"}},
  };
  return kAllowed;
}

// Programs of `folder`, named thintail or thintail-*, that load what they may not.
Violations load_violations(const fs::path& folder) {
  Violations found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if ((name != "thintail" && !name.starts_with("thintail-")) || !entry.is_regular_file()) continue;
    std::istringstream lines(run("readelf -d " + shell_quoted(entry.path()) + " 2>/dev/null").output);
    for (std::string line; std::getline(lines, line);) {
      if (!line.contains("(NEEDED)")) continue;
      for (const auto& [library, programs] : allowed_programs()) {
        if (line.contains("[" + library) && std::ranges::find(programs, name) == programs.end()) {
          found.push_back(name + " loads " + line.substr(line.find('[')));
        }
      }
    }
  }
  return found;
}

TEST(LinkedLibraries, only_the_trainer_and_the_bench_load_training_libraries) {
  const auto folder = binary_root() / "bin";
  if (!fs::exists(folder / "thintail")) GTEST_SKIP() << "bin/thintail is not built";
  const auto violations = load_violations(folder);
  EXPECT_TRUE(violations.empty()) << listed(violations);
}

TEST(LinkedLibraries, a_planted_program_that_loads_xgboost_is_found) {
  const PlantedTree tree;
  tree.write("empty.cpp", "int x;\n");
  tree.write("main.cpp", "int main() {}\n");
  const auto in_tree = "cd " + shell_quoted(tree.root()) + " && " + shell_quoted(compiler());
  ASSERT_EQ(run(in_tree + " -shared -fPIC empty.cpp -Wl,-soname,libxgboost.so.0 -o libxgboost.so").status, 0);
  for (const auto* program : {"thintail", "thintail-gateway", "thintail-train", "other"}) {
    ASSERT_EQ(run(in_tree + " main.cpp -Wl,--no-as-needed -L. -lxgboost -o " + program).status, 0);
  }
  auto violations = load_violations(tree.root());
  std::ranges::sort(violations);
  EXPECT_EQ(violations, (Violations{"thintail loads [libxgboost.so.0]", "thintail-gateway loads [libxgboost.so.0]"}));
}

}  // namespace
}  // namespace thintail::architecture
