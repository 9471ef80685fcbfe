// SPDX-License-Identifier: Apache-2.0
// Parity: compared as bits, since -0 == +0 would hide a lost sign.
#include "tools/train/parity.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <string>

namespace thintail {

Result<void> check_equal_margins(const TreeEnsemble& trees, std::span<const float> values,
                                 std::span<const float> theirs, std::string_view what) {
  const std::size_t lanes = trees.feature_count();
  const auto mismatch = [&](std::string expected, std::string found) {
    return fail({.code = ErrorCode::check_mismatch,
                 .doing = fmt::format("comparing margins with XGBoost's: {}", what),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  if (values.size() != theirs.size() * lanes) {
    return mismatch(fmt::format("{} rows of {} features", theirs.size(), lanes),
                    fmt::format("{} values", values.size()));
  }
  for (std::size_t row = 0; row < theirs.size(); ++row) {
    const float ours = trees.margin(values.subspan(row * lanes, lanes).data());
    if (std::bit_cast<std::uint32_t>(ours) == std::bit_cast<std::uint32_t>(theirs[row])) continue;
    return mismatch(fmt::format("{:.9g} in row {}", theirs[row], row), fmt::format("{:.9g}", ours));
  }
  return {};
}

}  // namespace thintail
