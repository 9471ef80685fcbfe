// SPDX-License-Identifier: Apache-2.0
#include "ml/ensemble/bootstrap.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/numeric/split_mix.hpp"

namespace thintail {

Result<std::vector<std::uint32_t>> bootstrap_rows(std::uint32_t rows, std::uint32_t block_rows, std::uint64_t seed,
                                                  std::uint32_t member) {
  if (block_rows < 1 || block_rows > rows) {
    return fail({.code = ErrorCode::training_failed,
                 .doing = "drawing a bootstrap sample",
                 .field = "block_rows",
                 .expected = fmt::format("1 to the {} rows that there are", rows),
                 .found = fmt::format("{}", block_rows)});
  }
  // Neighbouring seeds would give shifted copies of one sequence; what a first generator draws does not.
  numeric::SplitMix random(numeric::SplitMix(seed).next() ^ numeric::SplitMix(~std::uint64_t{member}).next());
  std::vector<std::uint32_t> sample;
  sample.reserve(rows);
  while (sample.size() < rows) {
    const auto first = static_cast<std::uint32_t>(random.below(std::uint64_t{rows} - block_rows + 1));
    for (std::uint32_t i = 0; i < block_rows && sample.size() < rows; ++i) sample.push_back(first + i);
  }
  return sample;
}

std::vector<std::uint32_t> out_of_bag(std::uint32_t rows, const std::vector<std::uint32_t>& sample,
                                      std::uint32_t margin_rows) {
  // +1 where a forbidden stretch begins, -1 where it ends.
  std::vector<std::int64_t> edges(std::size_t{rows} + 1);
  for (const std::uint32_t row : sample) {
    if (row >= rows) continue;
    ++edges[row > margin_rows ? row - margin_rows : 0];
    --edges[std::min<std::size_t>(std::size_t{row} + margin_rows + 1, rows)];
  }
  std::vector<std::uint32_t> out;
  std::int64_t covered = 0;
  for (std::uint32_t row = 0; row < rows; ++row) {
    covered += edges[row];
    if (covered == 0) out.push_back(row);
  }
  return out;
}

}  // namespace thintail
