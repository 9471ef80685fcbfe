// SPDX-License-Identifier: Apache-2.0
// CrossSection: ranks and standard scores of one number over all instruments.
//   path       warm: once a second for each column
//   threads    one
//   invariant  the result depends on the values and their places alone: equal values have equal ranks; sums run over a fixed
//              tree of 8. Undefined is NaN, in and out. Nothing is allocated after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/attributes.hpp"

namespace thintail::cross {

class CrossSection {
 public:
  explicit CrossSection(std::size_t instruments_max);

  // (b + e / 2) / n: of the n defined values b lie below and e are equal, itself among them. All NaN where n < 2.
  // REQUIRES: at most `instruments_max` values, as many as `out`; they may not overlap.
  TT_HOT void rank(std::span<const float> values, std::span<float> out) noexcept;

  // (x - mean) / deviation of the population. All NaN where n < 2 or nothing varies.
  TT_HOT void standard_scores(std::span<const float> values, std::span<float> out) const noexcept;

 private:
  struct Entry {
    std::uint32_t key;  // orders as the value does
    std::uint32_t place;
  };

  static constexpr std::size_t kDigits = 3;
  static constexpr std::size_t kDigitBits = 11;
  static constexpr std::size_t kBuckets = std::size_t{1} << kDigitBits;

  std::vector<Entry> entries_;
  std::vector<Entry> sorted_;
  std::vector<std::uint32_t> counts_;  // [kDigits][kBuckets]
};

}  // namespace thintail::cross
