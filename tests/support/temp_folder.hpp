// SPDX-License-Identifier: Apache-2.0
// TempFolder: a folder for one test, which goes away with it.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace thintail::test {

// For thousands of small files: a disk would spend its time syncing them.
inline constexpr const char* kMemoryFolder = "/dev/shm";

class TempFolder {
 public:
  explicit TempFolder(const std::filesystem::path& root = std::filesystem::temp_directory_path()) {
    std::string name = (root / "thintail-test-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace thintail::test
