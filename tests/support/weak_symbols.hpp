// SPDX-License-Identifier: Apache-2.0
// weak_symbols: what an object file defines that the linker may replace by another file's copy: of two weak copies of one inline function
// it keeps any, and the AVX-512 copy would then run on machines without AVX-512.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace thintail::test {

// The objects of a room: "ml/networks".
inline std::filesystem::path objects_of(const std::string& room) {
  std::string target = room;
  std::ranges::replace(target, '/', '_');
  return std::filesystem::path(THINTAIL_BINARY_DIR) / room / "CMakeFiles" / (target + ".dir");
}

// Names of the weak and unique symbols that an object file defines.
inline std::vector<std::string> weak_symbols(const std::filesystem::path& object) {
  std::vector<std::string> found;
  FILE* nm = popen(("nm --defined-only '" + object.string() + "'").c_str(), "r");
  if (nm == nullptr) return {"nm cannot run"};
  std::array<char, 4096> line{};
  std::size_t lines = 0;
  while (std::fgets(line.data(), line.size(), nm) != nullptr) {
    ++lines;
    const std::string text(line.data());
    const std::size_t kind = text.find(' ') + 1;
    if (kind < text.size() && std::string_view("WVwvu").contains(text[kind])) found.push_back(text.substr(kind + 2));
  }
  if (pclose(nm) != 0 || lines == 0) return {"nm failed on " + object.string()};
  return found;
}

}  // namespace thintail::test
