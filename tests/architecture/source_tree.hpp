// SPDX-License-Identifier: Apache-2.0
// What the tests of the architecture share: files of a source tree, planted trees that break a rule, and tools to run.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace thintail::architecture {

namespace fs = std::filesystem;

// The first-level folders that hold C++ sources.
inline constexpr std::array<std::string_view, 9> kFloors = {"core",  "shm",   "ml",    "strategies", "adapters",
                                                            "tools", "tests", "bench", "perf"};

// A rule broken at a place: "shm/stream/stream.hpp:7: includes strategies/risk/risk_gate.hpp".
using Violations = std::vector<std::string>;

inline fs::path source_root() { return THINTAIL_SOURCE_DIR; }
inline fs::path binary_root() { return THINTAIL_BINARY_DIR; }

inline std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// Files under the floors of `root` whose names end with one of `endings`, relative to it and sorted.
inline std::vector<std::string> files_of(const fs::path& root, const std::vector<std::string>& endings) {
  std::vector<std::string> files;
  for (const auto floor : kFloors) {
    if (!fs::is_directory(root / floor)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / floor)) {
      const auto name = entry.path().filename().string();
      const bool wanted = std::ranges::any_of(endings, [&](const auto& ending) { return name.ends_with(ending); });
      if (wanted && entry.is_regular_file()) files.push_back(fs::relative(entry.path(), root).string());
    }
  }
  std::ranges::sort(files);
  return files;
}

inline std::string floor_of(std::string_view path) { return std::string(path.substr(0, path.find('/'))); }

// For messages of a failed expectation: one violation a line.
inline std::string listed(const Violations& violations) {
  return fmt::format("{} violations:\n  {}", violations.size(), fmt::join(violations, "\n  "));
}

// A tree of files that lives as long as the test that plants a violation in it.
class PlantedTree {
 public:
  PlantedTree() {
    std::string name = fs::temp_directory_path() / "thintail_planted_XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~PlantedTree() { fs::remove_all(root_); }
  PlantedTree(const PlantedTree&) = delete;
  PlantedTree& operator=(const PlantedTree&) = delete;

  const fs::path& root() const { return root_; }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }

 private:
  fs::path root_;
};

struct Ran {
  int status = -1;     // exit status; -1 where the command could not run
  std::string output;  // stdout
};

// REQUIRES: `command` quotes its paths; see shell_quoted().
inline Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen(command.c_str(), "r");  // NOLINT(bugprone-command-processor): tests run compilers and readelf
  if (pipe == nullptr) return ran;
  std::array<char, 65536> buffer{};
  for (std::size_t size = 0; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    ran.output.append(buffer.data(), size);
  }
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

// For paths without an apostrophe, as ours are.
inline std::string shell_quoted(const fs::path& path) { return fmt::format("'{}'", path.string()); }

// A value of this build's CMake cache, such as CMAKE_CXX_COMPILER; empty where it has none.
inline std::string cmake_value(const std::string& name) {
  for (const auto& line : lines_of(binary_root() / "CMakeCache.txt")) {
    if (line.starts_with(name + ":") && line.contains('=')) return line.substr(line.find('=') + 1);
  }
  return {};
}

inline std::string compiler() { return cmake_value("CMAKE_CXX_COMPILER"); }

}  // namespace thintail::architecture
