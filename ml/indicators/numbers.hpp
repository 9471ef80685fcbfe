// SPDX-License-Identifier: Apache-2.0
// OneSeries: the number types of an indicator that follows one series. Indicators are templates over such a policy, so
// that a batch over many series (series_batch.hpp) runs the very same operations in the same order.
//   path       hot
//   invariant  every operation is exact or rounds once as IEEE says: equal bits on every machine.
#pragma once

#include <cstdint>
#include <limits>

#include "core/base/attributes.hpp"
#include "core/base/int128.hpp"

namespace thintail::indicators {

inline constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

// The nearest double, ties to even: what a cast gives, without the library call that a cast is.
TT_ALWAYS_INLINE double to_double(i128 value) noexcept {
  const auto narrow = static_cast<std::int64_t>(value);
  if (narrow == value) return static_cast<double>(narrow);
  const u128 magnitude = value < 0 ? -static_cast<u128>(value) : static_cast<u128>(value);
  // Kept are the 62 highest bits, the lowest of them set if any was lost: it lies below the 53 that a double holds, so
  // rounding these is rounding all. From 2^63 on there are at least two to drop.
  const auto high = static_cast<std::uint64_t>(magnitude >> 64);
  const int shift = high == 0 ? 2 : 66 - __builtin_clzll(high);
  const u128 lost = magnitude & ((u128{1} << shift) - 1);
  const auto kept = static_cast<std::int64_t>(static_cast<std::uint64_t>(magnitude >> shift) | (lost != 0 ? 1u : 0u));
  const double power = __builtin_bit_cast(double, static_cast<std::int64_t>(1023 + shift) << 52);
  const double positive = static_cast<double>(kept) * power;
  return value < 0 ? -positive : positive;
}

struct OneSeries {
  using Float = double;
  using Integer = std::int64_t;
  using Wide = i128;

  static Wide widen(Integer value) noexcept { return value; }
  static Wide product(Integer a, Integer b) noexcept { return static_cast<Wide>(a) * b; }
  static Float to_float(Integer value) noexcept { return static_cast<double>(value); }
  static Float to_float(Wide value) noexcept { return to_double(value); }
  static Integer max(Integer a, Integer b) noexcept { return a < b ? b : a; }
  static Integer min(Integer a, Integer b) noexcept { return b < a ? b : a; }
  static Integer select(bool which, Integer a, Integer b) noexcept { return which ? a : b; }
  static Float select(bool which, Float a, Float b) noexcept { return which ? a : b; }
  static Wide abs(Wide value) noexcept { return value < 0 ? -value : value; }
  static Float abs(Float value) noexcept { return value < 0.0 ? -value : value; }
  static Float sqrt(Float value) noexcept { return __builtin_sqrt(value); }
};

}  // namespace thintail::indicators
