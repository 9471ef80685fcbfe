// SPDX-License-Identifier: Apache-2.0
// Includes follow the arrows of docs/architecture.md; packages that must stay in one place do.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <regex>

#include "tests/architecture/source_tree.hpp"

namespace thintail::architecture {
namespace {

// What a folder may include besides its own floor; longer prefixes name single rooms.
const std::map<std::string, std::vector<std::string>>& arrows() {
  static const std::vector<std::string> kAll = {"core",     "shm",   "ml",    "strategies",
                                                "adapters", "tools", "bench", "perf"};
  static const std::map<std::string, std::vector<std::string>> kArrows = {
      {"core", {}},
      {"shm", {"core"}},
      {"ml", {"core"}},
      {"strategies", {"core", "ml"}},
      {"adapters", {"core", "shm", "strategies/fills"}},
      {"tools", kAll},
      {"bench", kAll},
      {"perf", kAll},
      {"tests", {"core", "shm", "ml", "strategies", "adapters", "tools", "bench", "perf"}},
  };
  return kArrows;
}

// A package header that only some folders may include, and why.
struct Confined {
  std::string prefix;
  std::vector<std::string> folders;
  std::string reason;
};

const std::vector<Confined>& confined() {
  static const std::vector<Confined> kConfined = {
      {"boost/interprocess/", {"shm/"}, "its exceptions are converted in one source file"},
      {"toml++/", {"core/config/", "tools/", "ml/"}, "it compiles slowly; settings come from core/config"},
      {"xgboost/", {"tools/train/", "bench/", "tests/"}, "only thintail-train may link it"},
      {"torch/", {"tools/train/", "bench/"}, "only thintail-train may link it"},
      {"boost/beast", {"adapters/http/", "tools/gateway/", "bench/gateway/beast.cpp"}, "only the gateway may link it"},
  };
  return kConfined;
}

bool may_include(const std::string& file, const std::string& included) {
  const auto floor = floor_of(file);
  if (floor == floor_of(included)) return true;
  const auto found = arrows().find(floor);
  return found != arrows().end() && std::ranges::any_of(found->second, [&](const std::string& allowed) {
           return included.starts_with(allowed + "/");
         });
}

std::optional<std::string> package_fault(const std::string& file, const std::string& header) {
  for (const auto& rule : confined()) {
    if (!header.starts_with(rule.prefix)) continue;
    if (std::ranges::any_of(rule.folders, [&](const auto& folder) { return file.starts_with(folder); })) continue;
    return fmt::format("includes <{}>: {}", header, rule.reason);
  }
  return std::nullopt;
}

Violations include_violations(const fs::path& root) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>))re");
  Violations found;
  for (const auto& file : files_of(root, {".hpp", ".cpp"})) {
    const auto lines = lines_of(root / file);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(lines[i], match, kInclude)) continue;
      const auto place = fmt::format("{}:{}: ", file, i + 1);
      if (const auto ours = match[1].str(); !ours.empty()) {
        if (std::ranges::find(kFloors, floor_of(ours)) == kFloors.end()) {
          found.push_back(place + "includes \"" + ours + "\", which is not named from the root");
        } else if (!may_include(file, ours)) {
          found.push_back(place + "includes " + ours + " against the arrows");
        }
      } else if (const auto fault = package_fault(file, match[2].str())) {
        found.push_back(place + *fault);
      }
    }
  }
  return found;
}

// Files that include a header of Boost.Interprocess: CONTRACTS allows one.
std::size_t interprocess_files(const fs::path& root) {
  std::size_t count = 0;
  for (const auto& file : files_of(root, {".hpp", ".cpp"})) {
    if (!file.starts_with("tests/") && text_of(root / file).contains("#include <boost/interprocess/")) ++count;
  }
  return count;
}

TEST(IncludeDirection, no_file_includes_against_the_arrows) {
  const auto violations = include_violations(source_root());
  EXPECT_TRUE(violations.empty()) << listed(violations);
}

TEST(IncludeDirection, boost_interprocess_appears_in_at_most_one_source_file) {
  EXPECT_LE(interprocess_files(source_root()), 1u);
}

TEST(IncludeDirection, a_planted_include_against_each_arrow_is_found) {
  const std::vector<std::pair<std::string, std::string>> forbidden = {
      {"core", "shm/stream/x.hpp"},       {"core", "ml/models/x.hpp"},           {"core", "tools/train/x.hpp"},
      {"shm", "ml/models/x.hpp"},         {"shm", "adapters/feeds/x.hpp"},       {"ml", "shm/stream/x.hpp"},
      {"ml", "strategies/risk/x.hpp"},    {"strategies", "shm/stream/x.hpp"},    {"strategies", "adapters/feeds/x.hpp"},
      {"adapters", "ml/models/x.hpp"},    {"adapters", "strategies/risk/x.hpp"}, {"adapters", "tools/train/x.hpp"},
      {"core", "tests/support/data.hpp"}, {"core", "perf/jitter/jitter.hpp"},    {"core", "neighbour.hpp"},
  };
  for (const auto& [floor, included] : forbidden) {
    const PlantedTree tree;
    tree.write(floor + "/room/a.hpp", "// header\n  #  include \"" + included + "\"\n");
    const auto violations = include_violations(tree.root());
    ASSERT_EQ(violations.size(), 1u) << floor << " -> " << included;
    EXPECT_TRUE(violations[0].starts_with(floor + "/room/a.hpp:2: ")) << violations[0];
  }
}

TEST(IncludeDirection, includes_along_the_arrows_pass) {
  const PlantedTree tree;
  tree.write("core/base/a.hpp", "#include <vector>\n#include \"core/base/b.hpp\"\n");
  tree.write("adapters/venues/a.hpp",
             "#include \"strategies/fills/fill_model.hpp\"\n#include \"shm/stream/stream.hpp\"\n");
  tree.write("tools/train/a.cpp", "#include <xgboost/c_api.h>\n#include \"adapters/feeds/a.hpp\"\n");
  tree.write("strategies/risk/a.hpp", "#include \"ml/models/a.hpp\"\n");
  const auto violations = include_violations(tree.root());
  EXPECT_TRUE(violations.empty()) << listed(violations);
}

TEST(IncludeDirection, a_confined_package_elsewhere_is_found) {
  const PlantedTree tree;
  tree.write("ml/models/a.cpp", "#include <xgboost/c_api.h>\n");
  tree.write("adapters/feeds/a.cpp", "#include <boost/interprocess/mapped_region.hpp>\n");
  EXPECT_EQ(include_violations(tree.root()).size(), 2u);
  tree.write("shm/stream/a.cpp", "#include <boost/interprocess/mapped_region.hpp>\n");
  EXPECT_EQ(interprocess_files(tree.root()), 2u);
}

}  // namespace
}  // namespace thintail::architecture
