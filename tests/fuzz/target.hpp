// SPDX-License-Identifier: Apache-2.0
// A fuzzer's target: a reader of bytes that may refuse any, and aborts where what it says of them does not hold.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace thintail::fuzz {

using Bytes = std::span<const std::uint8_t>;

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct Target {
  std::string_view name;
  bool (*read)(Bytes);  // true: accepted
};

inline const Target& target_named(std::span<const Target> targets, std::string_view name) {
  const auto found = std::ranges::find(targets, name, &Target::name);
  if (found != targets.end()) return *found;
  std::fprintf(stderr, "no target %.*s\n", static_cast<int>(name.size()), name.data());
  std::abort();
}

// One input; what became of it is kept, so that nothing of what was read can be left out as unneeded.
inline int run_one(const Target& target, const std::uint8_t* data, std::size_t size) {
  static volatile std::size_t accepted = 0;
  if (target.read({data, size})) accepted = accepted + 1;
  return 0;
}

}  // namespace thintail::fuzz
