// SPDX-License-Identifier: Apache-2.0
// Where recorded market data lies: $THINTAIL_DATA, else shared/data beside the checkout, which a program finds from its
// own place in build/<preset>/bin.
//   path  cold
#pragma once

#include <cstdlib>
#include <filesystem>

namespace thintail::bench {

// Empty where there is none.
inline std::filesystem::path data_folder() {
  namespace fs = std::filesystem;
  if (const char* named = std::getenv("THINTAIL_DATA"); named != nullptr && *named != '\0') return named;
  std::error_code fault;
  for (const fs::path& start : {fs::current_path(fault), fs::read_symlink("/proc/self/exe", fault)}) {
    for (fs::path folder = start; folder.has_relative_path(); folder = folder.parent_path()) {
      if (fs::is_directory(folder / "shared" / "data", fault)) return folder / "shared" / "data";
    }
  }
  return {};
}

}  // namespace thintail::bench
