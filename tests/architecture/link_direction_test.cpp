// SPDX-License-Identifier: Apache-2.0
// CMake links follow the same arrows as includes, and no room's library links back to itself.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/architecture/source_tree.hpp"

namespace thintail::architecture {
namespace {

using Links = std::map<std::string, std::set<std::string>>;  // of our libraries, by target

const std::map<std::string, std::vector<std::string>>& arrows() {
  static const std::map<std::string, std::vector<std::string>> kArrows = {
      {"core", {"core_"}},
      {"shm", {"shm_", "core_"}},
      {"ml", {"ml_", "core_"}},
      {"strategies", {"strategies_", "core_", "ml_"}},
      {"adapters", {"adapters_", "core_", "shm_", "strategies_fills"}},
  };
  return kArrows;
}

bool is_ours(const std::string& word) {
  return std::ranges::any_of(kFloors,
                             [&](std::string_view floor) { return word.starts_with(std::string(floor) + "_"); });
}

// Every thintail_library() and target_link_libraries() of the tree's CMakeLists.txt, without comments.
Links links_of(const fs::path& root) {
  static const std::regex kCall(R"((thintail_library|target_link_libraries)\s*\(([^)]*)\))");
  static const std::regex kComment("#[^\n]*");
  Links links;
  for (const auto& file : files_of(root, {"CMakeLists.txt"})) {
    if (floor_of(file) == "tests") continue;
    const auto text = std::regex_replace(text_of(root / file), kComment, "");
    for (std::sregex_iterator call(text.begin(), text.end(), kCall), end; call != end; ++call) {
      std::istringstream words((*call)[2].str());
      std::string target;
      words >> target;
      auto& linked = links[target];
      for (std::string word; words >> word;) {
        if (is_ours(word)) linked.insert(word);
      }
    }
  }
  return links;
}

bool reaches(const Links& links, const std::string& from, const std::string& to, std::set<std::string>& seen) {
  const auto found = links.find(from);
  if (found == links.end()) return false;
  return std::ranges::any_of(found->second, [&](const std::string& next) {
    return next == to || (seen.insert(next).second && reaches(links, next, to, seen));
  });
}

Violations link_violations(const fs::path& root) {
  Violations found;
  const auto links = links_of(root);
  for (const auto& [target, linked] : links) {
    const auto floor = target.substr(0, target.find('_'));
    const auto allowed = arrows().find(floor);
    for (const auto& library : linked) {
      if (allowed != arrows().end() && std::ranges::none_of(allowed->second, [&](const std::string& prefix) {
            return library.starts_with(prefix);
          })) {
        found.push_back(target + " links " + library + " against the arrows");
      }
    }
    std::set<std::string> seen;
    if (reaches(links, target, target, seen)) found.push_back(target + " links back to itself");
  }
  return found;
}

TEST(LinkDirection, no_library_links_against_the_arrows) {
  ASSERT_GE(links_of(source_root()).size(), 10u) << "the rooms' CMakeLists.txt were not found";
  const auto violations = link_violations(source_root());
  EXPECT_TRUE(violations.empty()) << listed(violations);
}

TEST(LinkDirection, a_planted_link_against_an_arrow_is_found) {
  const PlantedTree tree;
  tree.write("core/a/CMakeLists.txt", "thintail_library(core_a SOURCES a.cpp\n  DEPS core_b shm_stream)\n");
  tree.write("ml/b/CMakeLists.txt",
             "thintail_library(ml_b DEPS core_a)\ntarget_link_libraries(ml_b PUBLIC shm_stream)\n");
  tree.write("adapters/c/CMakeLists.txt", "thintail_library(adapters_c DEPS strategies_fills strategies_risk)\n");
  EXPECT_EQ(link_violations(tree.root()).size(), 3u) << listed(link_violations(tree.root()));
}

TEST(LinkDirection, a_planted_cycle_is_found) {
  const PlantedTree tree;
  tree.write("core/a/CMakeLists.txt", "thintail_library(core_a DEPS core_b)\n");
  tree.write("core/b/CMakeLists.txt", "thintail_library(core_b DEPS core_c HOT)\n");
  tree.write("core/c/CMakeLists.txt", "thintail_library(core_c DEPS core_b)\n");
  EXPECT_EQ(link_violations(tree.root()), (Violations{"core_b links back to itself", "core_c links back to itself"}));
}

TEST(LinkDirection, links_along_the_arrows_pass) {
  const PlantedTree tree;
  tree.write("adapters/c/CMakeLists.txt",
             "# not shm_x: ml_y\nthintail_library(adapters_c DEPS strategies_fills fmt::fmt)\n");
  tree.write("tools/d/CMakeLists.txt", "add_executable(x a.cpp)\ntarget_link_libraries(x PRIVATE ml_b adapters_c)\n");
  EXPECT_TRUE(link_violations(tree.root()).empty());
}

}  // namespace
}  // namespace thintail::architecture
