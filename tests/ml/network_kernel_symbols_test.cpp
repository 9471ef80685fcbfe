// SPDX-License-Identifier: Apache-2.0
// As tick_kernel_symbols_test.cpp: the kernels' objects define nothing that the linker could share between Isas.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/weak_symbols.hpp"

namespace thintail {
namespace {

const std::filesystem::path kObjects = test::objects_of("ml/networks");

TEST(NetworkKernelSymbols, kernels_define_no_weak_symbol) {
  for (const char* isa : {"scalar", "avx2", "avx512", "vnni"}) {
    const auto weak = test::weak_symbols(kObjects / (std::string("network_kernel_") + isa + ".cpp.o"));
    EXPECT_TRUE(weak.empty()) << isa << ": " << weak.size() << " weak, first " << weak.front();
  }
}

TEST(NetworkKernelSymbols, an_object_with_inline_functions_would_be_found) {
  EXPECT_FALSE(test::weak_symbols(kObjects / "network_packer.cpp.o").empty());
}

}  // namespace
}  // namespace thintail
