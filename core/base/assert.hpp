// SPDX-License-Identifier: Apache-2.0
// Contracts on our own code. A violated one is a bug of ours, never bad input: it aborts.
//   TT_ASSERT  checked in debug and sanitizer builds; free in release. Allowed in hot code.
//   TT_CHECK   always checked; cold code only.
#pragma once

namespace thintail::base {

[[noreturn, gnu::cold, gnu::noinline]] void contract_violated(const char* expression, const char* expectation,
                                                              const char* file, int line) noexcept;

}  // namespace thintail::base

#define TT_CHECK(condition, expectation) \
  ((condition) ? static_cast<void>(0)    \
               : ::thintail::base::contract_violated(#condition, expectation, __FILE__, __LINE__))

#ifdef NDEBUG
#define TT_ASSERT(condition, expectation) static_cast<void>(0)
#else
#define TT_ASSERT(condition, expectation) TT_CHECK(condition, expectation)
#endif
