// SPDX-License-Identifier: Apache-2.0
// Secret files: read only where nobody but their owner can; written so that nobody else ever could.
//   path  cold
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail::http {

// A regular file of ours (or root's) without any right for group and others, of at most `bytes_max`. Links are not followed.
Result<std::string> read_secret_file(const std::string& path, std::size_t bytes_max = 64 * 1024);

// Mode 0600 from its first byte, synced, renamed into place, its folder synced.
Result<void> write_secret_file(const std::string& path, std::string_view bytes);

// Whether the file could have changed between two looks. Equal: it did not.
struct FileStamp {
  std::int64_t modified_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;

  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& path) noexcept;  // all zero: nothing is there

// Holds `path`.lock (made 0600 where it is not there) while `work` runs, so that two commands never lose each other's change.
Result<void> with_file_lock(const std::string& path, const std::function<Result<void>()>& work);

// Where a secret may come from, in this order: `path` from the configuration; the file that THINTAIL_<NAME>_FILE names;
// systemd's $CREDENTIALS_DIRECTORY/thintail_<name>. Its last line end is not part of it. Empty where none is set. Refused
// (auth_secret) where THINTAIL_<NAME> itself holds it: every process could read that. `name`: "jwt_secret".
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();
Result<std::optional<std::string>> find_secret(std::string_view name, const std::string& path,
                                               const Environment& environment);

// For options that someone might put a secret into.
Error secret_in_flag(std::string_view flag, std::string_view name);

}  // namespace thintail::http
