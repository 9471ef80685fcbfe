// SPDX-License-Identifier: Apache-2.0
// ByteSource: the bytes of a file, decompressed where needed, as successive pieces in bounded memory.
//   path       warm
//   invariant  a damaged or cut stream is never a clean end: next() gives what precedes the damage, then
//              error() is set.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // The next piece, valid until the next call. Empty at the end or after an error.
  virtual std::string_view next() = 0;
  virtual const std::optional<Error>& error() const noexcept = 0;
  // Of the file as it lies on disk, for progress.
  virtual std::uint64_t consumed_bytes() const noexcept = 0;
};

enum class Compression : std::uint8_t { none, zstd, lzma_alone };

// Size of a regular file; file_missing or file_unreadable otherwise.
Result<std::uint64_t> file_size_bytes(const std::string& path);

// Maps the file; pieces of a plain one are the mapping itself, without a copy. REQUIRES: nobody shortens the
// file while it is read.
Result<std::unique_ptr<ByteSource>> open_bytes(const std::string& path, Compression outer);

// Decompresses what `inner` gives; `path` is named in errors.
std::unique_ptr<ByteSource> decompress(std::unique_ptr<ByteSource> inner, Compression compression,
                                       const std::string& path);

}  // namespace thintail
