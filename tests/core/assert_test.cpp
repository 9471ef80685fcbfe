// SPDX-License-Identifier: Apache-2.0
#include "core/base/assert.hpp"

#include <gtest/gtest.h>

namespace {

TEST(ContractDeathTest, a_violated_check_aborts_and_says_what_was_expected) {
  EXPECT_DEATH(TT_CHECK(1 + 1 == 3, "arithmetic to hold"), "assert_test.cpp:[0-9]+: expected arithmetic to hold");
}

TEST(Contract, a_kept_check_goes_on) {
  TT_CHECK(true, "truth");
  TT_ASSERT(true, "truth");
}

TEST(Contract, an_assertion_evaluates_its_condition_only_in_debug_builds) {
  int evaluations = 0;
  TT_ASSERT(++evaluations > 0, "a count");
#ifdef NDEBUG
  EXPECT_EQ(evaluations, 0);
#else
  EXPECT_EQ(evaluations, 1);
#endif
}

}  // namespace
