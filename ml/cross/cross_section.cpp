// SPDX-License-Identifier: Apache-2.0
#include "ml/cross/cross_section.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

namespace thintail::cross {
namespace {

constexpr float kUndefined = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kTree = 8;

double tree_sum(const std::array<double, kTree>& lanes) noexcept {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// Sums `of(x)` over the defined values, value i in lane i modulo 8.
template <class Of>
TT_ALWAYS_INLINE double sum(std::span<const float> values, Of&& of) noexcept {
  std::array<double, kTree> lanes{};
  const std::size_t whole = values.size() / kTree * kTree;
  for (std::size_t i = 0; i < whole; i += kTree) {
    for (std::size_t lane = 0; lane < kTree; ++lane) {
      const auto value = static_cast<double>(values[i + lane]);
      lanes[lane] += value == value ? of(value) : 0.0;
    }
  }
  for (std::size_t i = whole; i < values.size(); ++i) {
    const auto value = static_cast<double>(values[i]);
    lanes[i - whole] += value == value ? of(value) : 0.0;
  }
  return tree_sum(lanes);
}

}  // namespace

CrossSection::CrossSection(std::size_t instruments_max)
    : entries_(instruments_max), sorted_(instruments_max), counts_(kDigits * kBuckets) {}

void CrossSection::rank(std::span<const float> values, std::span<float> out) noexcept {
  std::ranges::fill(counts_, 0U);
  std::size_t n = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    // Of the two zeros +0; negative numbers by their complement, which reverses them.
    const auto bits = std::bit_cast<std::uint32_t>(values[i] + 0.0F);
    const std::uint32_t key = bits ^ (static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 31) | 0x8000'0000U);
    const bool is_defined = values[i] == values[i];
    entries_[n] = {key, static_cast<std::uint32_t>(i)};
    n += is_defined ? 1 : 0;
    for (std::size_t digit = 0; digit < kDigits; ++digit) {
      counts_[digit * kBuckets + (key >> (digit * kDigitBits) & (kBuckets - 1))] += is_defined ? 1 : 0;
    }
  }
  if (n < 2) {
    std::ranges::fill(out, kUndefined);
    return;
  }
  Entry* from = entries_.data();
  Entry* to = sorted_.data();
  for (std::size_t digit = 0; digit < kDigits; ++digit) {
    std::uint32_t* next = counts_.data() + digit * kBuckets;
    const std::size_t shift = digit * kDigitBits;
    if (next[from[0].key >> shift & (kBuckets - 1)] == n) continue;  // all alike
    std::uint32_t place = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) place += std::exchange(next[bucket], place);
    for (std::size_t i = 0; i < n; ++i) to[next[from[i].key >> shift & (kBuckets - 1)]++] = from[i];
    std::swap(from, to);
  }
  if (n < values.size()) std::ranges::fill(out, kUndefined);
  const double half_share = 0.5 / static_cast<double>(n);
  for (std::size_t begin = 0; begin < n;) {
    std::size_t end = begin + 1;
    while (end < n && from[end].key == from[begin].key) ++end;
    const auto rank = static_cast<float>(static_cast<double>(begin + end) * half_share);  // 2 b + e
    for (std::size_t i = begin; i < end; ++i) out[from[i].place] = rank;
    begin = end;
  }
}

void CrossSection::standard_scores(std::span<const float> values, std::span<float> out) const noexcept {
  const double n = sum(values, [](double) { return 1.0; });
  const double mean = n >= 2.0 ? sum(values, [](double value) { return value; }) / n : 0.0;
  const double squares = sum(values, [mean](double value) { return (value - mean) * (value - mean); });
  // Sums of equal f32 are exact in f64, so nothing varies exactly where this is 0.
  if (n < 2.0 || squares <= 0.0) {
    std::ranges::fill(out, kUndefined);
    return;
  }
  const double deviation = __builtin_sqrt(squares / n);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double score = (static_cast<double>(values[i]) - mean) / deviation;
    out[i] = values[i] == values[i] ? static_cast<float>(score) + 0.0F : kUndefined;
  }
}

}  // namespace thintail::cross
