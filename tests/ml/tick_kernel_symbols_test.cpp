// SPDX-License-Identifier: Apache-2.0
// The objects of the kernels must define nothing but the kernels: of two weak copies of one inline function the linker
// keeps any, and the AVX-512 copy would then run on machines without AVX-512.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace thintail {
namespace {

const std::filesystem::path kObjects =
    std::filesystem::path(THINTAIL_BINARY_DIR) / "ml/features/CMakeFiles/ml_features.dir";

// Names of the weak and unique symbols that an object file defines.
std::vector<std::string> weak_symbols(const std::filesystem::path& object) {
  std::vector<std::string> found;
  FILE* nm = popen(("nm --defined-only '" + object.string() + "'").c_str(), "r");
  if (nm == nullptr) return {"nm cannot run"};
  std::array<char, 4096> line{};
  std::size_t lines = 0;
  while (std::fgets(line.data(), line.size(), nm) != nullptr) {
    ++lines;
    const std::string text(line.data());
    const std::size_t kind = text.find(' ') + 1;
    if (kind < text.size() && std::string_view("WVwvu").contains(text[kind])) found.push_back(text.substr(kind + 2));
  }
  if (pclose(nm) != 0 || lines == 0) return {"nm failed on " + object.string()};
  return found;
}

TEST(TickKernelSymbols, kernels_define_no_weak_symbol) {
  for (const char* isa : {"scalar", "avx2", "avx512"}) {
    const auto weak = weak_symbols(kObjects / (std::string("tick_kernel_") + isa + ".cpp.o"));
    EXPECT_TRUE(weak.empty()) << isa << ": " << weak.size() << " weak, first " << weak.front();
  }
}

TEST(TickKernelSymbols, an_object_with_inline_functions_would_be_found) {
  EXPECT_FALSE(weak_symbols(kObjects / "feature_set.cpp.o").empty());
}

TEST(TickKernelSymbols, a_missing_object_fails_instead_of_passing) {
  EXPECT_FALSE(weak_symbols(kObjects / "no_such_object.o").empty());
}

}  // namespace
}  // namespace thintail
