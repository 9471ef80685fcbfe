// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry for what TT_FUZZ_TARGET names of http_readers.hpp.
#include "tests/fuzz/http_readers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const thintail::fuzz::Target& target =
      thintail::fuzz::target_named(thintail::fuzz::kHttpTargets, TT_FUZZ_TARGET);
  return thintail::fuzz::run_one(target, data, size);
}
