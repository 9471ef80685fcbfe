// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry for the reader that TT_FUZZ_TARGET names.
//   THINTAIL_FUZZ_BASE  a good pack, for the targets that read packs (readers.hpp)
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/fuzz/readers.hpp"

namespace thintail::fuzz {
namespace {

const Target& chosen() {
  for (const Target& target : kTargets) {
    if (target.name == TT_FUZZ_TARGET) return target;
  }
  std::fprintf(stderr, "no target %s\n", TT_FUZZ_TARGET);
  std::abort();
}

const Target& prepared() {
  if (const char* path = std::getenv("THINTAIL_FUZZ_BASE"); path != nullptr) {
    std::ifstream in(path, std::ios::binary);
    base_pack() = {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  return chosen();
}

// Used, so that nothing of what was read can be left out as unneeded.
volatile std::size_t accepted = 0;

}  // namespace
}  // namespace thintail::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const thintail::fuzz::Target& target = thintail::fuzz::prepared();
  if (target.read({data, size})) thintail::fuzz::accepted = thintail::fuzz::accepted + 1;
  return 0;
}
