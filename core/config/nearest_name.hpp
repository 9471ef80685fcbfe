// SPDX-License-Identifier: Apache-2.0
// nearest_name: the known name that a mistyped one was probably meant to be.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace thintail {

// The name with the fewest insertions, deletions and replacements; the first such. Empty where `known` is.
std::string nearest_name(std::string_view name, std::span<const std::string> known);

}  // namespace thintail
