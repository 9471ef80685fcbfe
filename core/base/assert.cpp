// SPDX-License-Identifier: Apache-2.0
#include "core/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace thintail::base {

void contract_violated(const char* expression, const char* expectation, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: expected %s, found !(%s)\n", file, line, expectation, expression);
  std::abort();
}

}  // namespace thintail::base
