// SPDX-License-Identifier: Apache-2.0
// Parity: compared as bits, since -0 == +0 would hide a lost sign.
#include "tools/train/parity.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

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
  const std::size_t outputs = trees.output_count();
  if (values.size() * outputs != theirs.size() * lanes) {
    return mismatch(fmt::format("{} margins, {} a row of {} features", theirs.size(), outputs, lanes),
                    fmt::format("{} values", values.size()));
  }
  std::vector<double> margins(outputs);
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    const std::size_t row = i / outputs;
    if (i % outputs == 0) trees.margins(values.subspan(row * lanes, lanes).data(), margins.data());
    const auto ours = static_cast<float>(margins[i % outputs]);
    if (std::bit_cast<std::uint32_t>(ours) == std::bit_cast<std::uint32_t>(theirs[i])) continue;
    return mismatch(fmt::format("{:.9g} in row {}, output {}", theirs[i], row, i % outputs),
                    fmt::format("{:.9g}", ours));
  }
  return {};
}

}  // namespace thintail
