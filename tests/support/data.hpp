// SPDX-License-Identifier: Apache-2.0
// Real market data for tests: $THINTAIL_DATA, else shared/data beside the source tree. Where it is absent a test skips,
// naming the data, or fails when $THINTAIL_REQUIRE_DATA is set (`./thintail test --require-data`).
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace thintail::test {

inline std::filesystem::path data_dir() {
  if (const char* named = std::getenv("THINTAIL_DATA"); named != nullptr && *named != '\0') return named;
  return std::filesystem::path(THINTAIL_SOURCE_DIR) / ".." / "shared" / "data";
}

inline bool data_is_required() { return std::getenv("THINTAIL_REQUIRE_DATA") != nullptr; }

// The variants that take minutes run only when $THINTAIL_LONG is set.
inline bool is_long_run() { return std::getenv("THINTAIL_LONG") != nullptr; }

}  // namespace thintail::test

// Ends the test where `needed` does not exist. A macro, since only the test's own function can skip it.
#define TT_REQUIRE_DATA(needed)                                                                          \
  do {                                                                                                   \
    if (const std::filesystem::path tt_path = (needed); !std::filesystem::exists(tt_path)) {             \
      if (::thintail::test::data_is_required()) FAIL() << "required market data is absent: " << tt_path; \
      GTEST_SKIP() << "no market data: " << tt_path;                                                     \
    }                                                                                                    \
  } while (false)
