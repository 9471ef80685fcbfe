// SPDX-License-Identifier: Apache-2.0
// The objects of the kernels must define nothing but the kernels: of two weak copies of one inline function the linker
// keeps any, and the AVX-512 copy would then run on machines without AVX-512.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/weak_symbols.hpp"

namespace thintail {
namespace {

const std::filesystem::path kObjects = test::objects_of("ml/features");

TEST(TickKernelSymbols, kernels_define_no_weak_symbol) {
  for (const char* isa : {"scalar", "avx2", "avx512"}) {
    const auto weak = test::weak_symbols(kObjects / (std::string("tick_kernel_") + isa + ".cpp.o"));
    EXPECT_TRUE(weak.empty()) << isa << ": " << weak.size() << " weak, first " << weak.front();
  }
}

TEST(TickKernelSymbols, an_object_with_inline_functions_would_be_found) {
  EXPECT_FALSE(test::weak_symbols(kObjects / "feature_set.cpp.o").empty());
}

TEST(TickKernelSymbols, a_missing_object_fails_instead_of_passing) {
  EXPECT_FALSE(test::weak_symbols(kObjects / "no_such_object.o").empty());
}

}  // namespace
}  // namespace thintail
