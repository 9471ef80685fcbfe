// SPDX-License-Identifier: Apache-2.0
// The texts of ml/features/sets/*.toml, put into the program when it is built, by name.
#pragma once

#include <span>
#include <string_view>

namespace thintail {

struct BuiltInSet {
  std::string_view name;  // "core-32"
  std::string_view text;
};

std::span<const BuiltInSet> built_in_sets() noexcept;

}  // namespace thintail
