// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry for the reader of models that TT_FUZZ_TARGET names.
//   THINTAIL_FUZZ_BASE  a good pack, for the targets that read packs (readers.hpp)
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/fuzz/readers.hpp"

namespace {

const thintail::fuzz::Target& prepared() {
  if (const char* path = std::getenv("THINTAIL_FUZZ_BASE"); path != nullptr) {
    std::ifstream in(path, std::ios::binary);
    thintail::fuzz::base_pack() = {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  return thintail::fuzz::target_named(thintail::fuzz::kTargets, TT_FUZZ_TARGET);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const thintail::fuzz::Target& target = prepared();
  return thintail::fuzz::run_one(target, data, size);
}
