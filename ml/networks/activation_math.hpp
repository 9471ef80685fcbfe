// SPDX-License-Identifier: Apache-2.0
// exp, sigmoid and tanh in float32: one sequence of IEEE operations, the same on every instruction set.
//   path  hot
//
// 2^f - 1 = f Q(f) on [-1/2, 1/2]: Chebyshev fit of degree 6 in 60 digits, coefficients rounded to float32, relative error
// 5.6e-9. With x log2(e) = k + f: e^x = 2^k + 2^k f Q(f), where 2^k is exact. Maximum errors against long double, checked by
// tests/ml/network_math_test.cpp: exp 1.2e-7 relative where the result is normal, sigmoid 1.2e-7 absolute and 2.5e-7
// relative above 1e-37, tanh 2.5e-7 relative. tanh is odd to the bit; neither leaves its range.
#pragma once

#include "core/base/attributes.hpp"

namespace thintail {

// Not `inline`: an inline variable would be a weak symbol of the kernels' objects.
constexpr float kPowerPolynomial[7] = {0x1.62e43p-1f,   0x1.ebfbep-3f, 0x1.c6b08ep-5f, 0x1.3b2a1cp-7f,
                                       0x1.5d879ep-10f, 0x1.444p-13f,  0x1.00a582p-16f};
constexpr float kLog2eHigh = 0x1.715476p+0f;
constexpr float kLog2eLow = 0x1.4ae0cp-26f;
constexpr float kExponentMax = 87.0f;  // keeps k within the normal exponents
constexpr float kTanhMax = 10.0f;  // where tanh is 1 in float32

// Lanes: V with set, add, sub, mul, div, fma, min, max, abs, with_sign and split(t, k, p): k = t rounded, p = 2^k.
template <class Lanes>
struct Exponential {
  using V = typename Lanes::V;
  V power;  // 2^k
  V rest;  // 2^f - 1

  TT_ALWAYS_INLINE explicit Exponential(V x) noexcept {
    x = Lanes::max(Lanes::min(x, Lanes::set(kExponentMax)), Lanes::set(-kExponentMax));
    const V high = Lanes::set(kLog2eHigh);
    V k;
    Lanes::split(Lanes::mul(x, high), k, power);
    const V f = Lanes::fma(x, Lanes::set(kLog2eLow), Lanes::fma(x, high, Lanes::sub(Lanes::set(0.0f), k)));
    V q = Lanes::set(kPowerPolynomial[6]);
    for (int i = 5; i >= 0; --i) q = Lanes::fma(q, f, Lanes::set(kPowerPolynomial[i]));
    rest = Lanes::mul(f, q);
  }
  TT_ALWAYS_INLINE V value() const noexcept { return Lanes::fma(power, rest, power); }
  TT_ALWAYS_INLINE V less_one() const noexcept { return Lanes::fma(power, rest, Lanes::sub(power, Lanes::set(1.0f))); }
};

template <class Lanes>
TT_ALWAYS_INLINE typename Lanes::V sigmoid_of(typename Lanes::V x) noexcept {
  const auto e = Exponential<Lanes>(Lanes::sub(Lanes::set(0.0f), x)).less_one();
  return Lanes::div(Lanes::set(1.0f), Lanes::add(e, Lanes::set(2.0f)));
}

// (e^2|x| - 1) / (e^2|x| + 1), with the difference taken before anything cancels.
template <class Lanes>
TT_ALWAYS_INLINE typename Lanes::V tanh_of(typename Lanes::V x) noexcept {
  const auto size = Lanes::min(Lanes::abs(x), Lanes::set(kTanhMax));
  const auto e = Exponential<Lanes>(Lanes::add(size, size)).less_one();
  return Lanes::with_sign(Lanes::div(e, Lanes::add(e, Lanes::set(2.0f))), x);
}

// sigmoid(a) tanh(b) by one division instead of two. Where the divisor overflows the product is 0, as it should be.
template <class Lanes>
TT_ALWAYS_INLINE typename Lanes::V sigmoid_times_tanh(typename Lanes::V a, typename Lanes::V b) noexcept {
  const auto two = Lanes::set(2.0f);
  const auto size = Lanes::min(Lanes::abs(b), Lanes::set(kTanhMax));
  const auto e = Exponential<Lanes>(Lanes::add(size, size)).less_one();
  const auto other = Exponential<Lanes>(Lanes::sub(Lanes::set(0.0f), a)).less_one();
  return Lanes::with_sign(Lanes::div(e, Lanes::mul(Lanes::add(e, two), Lanes::add(other, two))), b);
}

// x above 0, e^x - 1 below.
template <class Lanes>
TT_ALWAYS_INLINE typename Lanes::V elu_of(typename Lanes::V x) noexcept {
  const auto zero = Lanes::set(0.0f);
  return Lanes::add(Lanes::max(x, zero), Exponential<Lanes>(Lanes::min(x, zero)).less_one());
}

}  // namespace thintail
