// SPDX-License-Identifier: Apache-2.0
// Model files as bytes: read whole within a bound, written so that a reader sees the old file or the whole new one.
//   path  cold
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail::pack {

// A regular file of at most kModelBytesMax bytes.
Result<std::string> read_bytes(const std::string& path, std::string_view doing);
// Under a temporary name beside `path`, synced, then renamed.
Result<void> write_bytes(const std::string& path, std::string_view bytes);

}  // namespace thintail::pack
