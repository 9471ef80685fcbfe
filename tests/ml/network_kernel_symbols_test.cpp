// SPDX-License-Identifier: Apache-2.0
// As tick_kernel_symbols_test.cpp: the kernels' objects define nothing that the linker could share between Isas.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace thintail {
namespace {

const std::filesystem::path kObjects =
    std::filesystem::path(THINTAIL_BINARY_DIR) / "ml/networks/CMakeFiles/ml_networks.dir";

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

TEST(NetworkKernelSymbols, kernels_define_no_weak_symbol) {
  for (const char* isa : {"scalar", "avx2", "avx512", "vnni"}) {
    const auto weak = weak_symbols(kObjects / (std::string("network_kernel_") + isa + ".cpp.o"));
    EXPECT_TRUE(weak.empty()) << isa << ": " << weak.size() << " weak, first " << weak.front();
  }
}

TEST(NetworkKernelSymbols, an_object_with_inline_functions_would_be_found) {
  EXPECT_FALSE(weak_symbols(kObjects / "network_packer.cpp.o").empty());
}

}  // namespace
}  // namespace thintail
