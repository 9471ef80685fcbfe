// SPDX-License-Identifier: Apache-2.0
// Whole files: read within a bound; written so that a reader sees the old file or the whole new one.
//   path  cold
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail {

struct FileReading {
  std::string_view doing;     // "reading a model"
  std::string_view expected;  // where nothing stands at the path, or something that cannot be read
  std::size_t bytes_max;
  ErrorCode missing = ErrorCode::file_missing;
  ErrorCode too_long = ErrorCode::file_unreadable;
};

// The bytes of a regular file of at most `bytes_max`. Never waits: a pipe is refused, not opened for its writer.
Result<std::string> read_whole_file(const std::string& path, const FileReading& reading);

// Under a temporary name beside `path`, synced, then renamed: after a power cut too the name stands for the old file or for
// all of the new one.
// `mode` is the new file's, whatever the old one's was.
Result<void> replace_file(const std::string& path, std::string_view bytes, std::string_view doing,
                          unsigned mode = 0644);

}  // namespace thintail
