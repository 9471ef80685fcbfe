// SPDX-License-Identifier: Apache-2.0
// exp2 and log2 of a double without libm, which selects its code by CPU: one operation sequence, equal bits on every machine.
//   path   hot
//   error  exp2 within 1 ulp (a result below 2^-1022: within the smallest double); log2 within 4 ulp; both exact at powers of two.
//          tests/core/exp2_log2_test.cpp holds them to this against long double.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "core/base/attributes.hpp"

namespace thintail::numeric {

// 2^x. Infinite from 1024 on, 0 from -1075 down, NaN of NaN.
TT_ALWAYS_INLINE double exp2(double x) noexcept {
  if (!(x < 1024.0)) return x != x ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  if (x <= -1075.0) return 0.0;
  // Adding 1.5 * 2^52 rounds to an integer. x = k + f is exact.
  const double k = (x + 0x1.8p52) - 0x1.8p52;
  const double f = x - k;
  // (2^f - 1) / f on [-1/2, 1/2]: the polynomial of ml/features/tick_kernel_inl.hpp at -f, relative error 5.2e-17.
  const auto fma = [](double a, double b, double c) { return __builtin_fma(a, b, c); };
  double p = 0x1.e9d3fe3952179p-32;
  p = fma(p, f, 0x1.e6063f7217bc6p-28);
  p = fma(p, f, 0x1.b524fae627834p-24);
  p = fma(p, f, 0x1.62bfd47773353p-20);
  p = fma(p, f, 0x1.ffcbfc670dcd4p-17);
  p = fma(p, f, 0x1.430913096fd9fp-13);
  p = fma(p, f, 0x1.5d87fe78a5276p-10);
  p = fma(p, f, 0x1.3b2ab6fba1ddap-7);
  p = fma(p, f, 0x1.c6b08d704a0c2p-5);
  p = fma(p, f, 0x1.ebfbdff82c598p-3);
  p = fma(p, f, 0x1.62e42fefa39efp-1);
  // Two factors, since neither 2^1024 nor 2^-1075 is a normal number. Only the second product can round.
  const auto n = static_cast<std::int64_t>(k);
  const std::int64_t half = n >> 1;
  const auto power = [](std::int64_t exponent) {
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
  };
  return fma(f, p, 1.0) * power(half) * power(n - half);
}

// -Infinity of 0, NaN below it and of NaN.
TT_ALWAYS_INLINE double log2(double x) noexcept {
  if (!(x > 0.0)) return x == 0.0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  if (x == std::numeric_limits<double>::infinity()) return x;
  double exponent = 0.0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54.0;
  }
  // x = 2^k m with m in [sqrt(1/2), sqrt(2)), so that nothing cancels about 1.
  constexpr auto kRootHalf = std::bit_cast<std::int64_t>(0x1.6a09e667f3bcdp-1);
  const auto bits = std::bit_cast<std::int64_t>(x);
  const std::int64_t k = (bits - kRootHalf) >> 52;
  const auto m = std::bit_cast<double>(bits - k * (std::int64_t{1} << 52));
  // log2 m = 2 log2(e) artanh(z) with |z| <= 0.172: 12 terms of its series leave 2e-18 of the result.
  const double z = (m - 1.0) / (m + 1.0);
  const double w = z * z;
  const auto fma = [](double a, double b, double c) { return __builtin_fma(a, b, c); };
  double series = 1.0 / 23.0;
  series = fma(series, w, 1.0 / 21.0);
  series = fma(series, w, 1.0 / 19.0);
  series = fma(series, w, 1.0 / 17.0);
  series = fma(series, w, 1.0 / 15.0);
  series = fma(series, w, 1.0 / 13.0);
  series = fma(series, w, 1.0 / 11.0);
  series = fma(series, w, 1.0 / 9.0);
  series = fma(series, w, 1.0 / 7.0);
  series = fma(series, w, 1.0 / 5.0);
  series = fma(series, w, 1.0 / 3.0);
  constexpr double kTwoLog2E = 0x1.71547652b82fep1;
  return fma(kTwoLog2E, fma(z * w, series, z), exponent + static_cast<double>(k));
}

}  // namespace thintail::numeric
