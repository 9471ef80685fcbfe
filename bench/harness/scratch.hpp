// SPDX-License-Identifier: Apache-2.0
// Scratch: a folder of one's own that goes away with everything in it.
//   path  cold
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "core/base/error.hpp"

namespace thintail::bench {

class Scratch {
 public:
  // In `parent`: the temporary folder, or /dev/shm for what is shared memory.
  static Result<Scratch> create(const std::filesystem::path& parent) {
    std::string path = (parent / "thintail-bench-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) {
      return fail({.code = ErrorCode::file_unwritable,
                   .doing = "making a folder of the benchmark's own",
                   .file = path,
                   .found = errno_text(errno)});
    }
    return Scratch(std::move(path));
  }
  ~Scratch() {
    std::error_code ignored;  // a folder that stays in the temporary folder harms nobody
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;

  std::string file(std::string_view name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace thintail::bench
