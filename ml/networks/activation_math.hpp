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
// 1.5 * 2^23: adding it rounds to an integer, to even, whose two's complement then lies in the low bits.
constexpr float kNetworkRounding = 0x1.8p23f;

// The quick forms' 2^(f/8) = 1 + c1 f + c2 f^2 on [-1/2, 1/2], c1 raised so that the cubic's error is spread evenly.
constexpr float kEighthsOfLog2e = 0x1.715476p+3f;
constexpr float kQuickLinear = 0x1.62f98p-4f;
constexpr float kQuickSquare = 0x1.ebfbep-9f;
constexpr float kQuickMax = 40.0f;  // two such powers multiplied, and a float32 cell by one, stay finite
// 2^(j/8) as bits, less what j << 20 adds to them.
constexpr int kEighths[8] = {1065353216, 1065063874, 1064843248, 1064697559,
                             1064633587, 1064658730, 1064781053, 1065009351};

// Lanes: V with set, add, sub, mul, div, fma, fms (a b - c), min, max, abs, with_sign and split(t, k, p): k = t rounded,
// p = 2^k; eighths(t): 2^(n/8), where t is n + kNetworkRounding.
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
    const V f = Lanes::fma(x, Lanes::set(kLog2eLow), Lanes::fms(x, high, k));
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

// e^-x and e^-2x for the gates of quantized layers, whose steps are far coarser: 4e-6 relative within +-kQuickMax, beyond
// which they stay, by two thirds of the operations. Exactly 1 at 0.
template <class Lanes, int Times>
TT_ALWAYS_INLINE typename Lanes::V quick_falling(typename Lanes::V x) noexcept {
  const auto per_eighth = Lanes::set(-static_cast<float>(Times) * kEighthsOfLog2e);
  const auto bound = kQuickMax / static_cast<float>(Times);
  x = Lanes::min(Lanes::max(x, Lanes::set(-bound)), Lanes::set(bound));
  const auto shifted = Lanes::fma(x, per_eighth, Lanes::set(kNetworkRounding));
  const auto f = Lanes::fms(x, per_eighth, Lanes::sub(shifted, Lanes::set(kNetworkRounding)));
  const auto rest = Lanes::mul(Lanes::fma(f, Lanes::set(kQuickSquare), Lanes::set(kQuickLinear)), f);
  const auto power = Lanes::eighths(shifted);
  return Lanes::fma(power, rest, power);
}

// An LSTM's cell and output from its gates' preactivations: sigmoid to 1e-6, tanh to 2e-6, absolute.
template <class Lanes>
TT_ALWAYS_INLINE typename Lanes::V quick_cell(typename Lanes::V i, typename Lanes::V f, typename Lanes::V g,
                                              typename Lanes::V c) noexcept {
  const auto one = Lanes::set(1.0f);
  const auto fresh = quick_falling<Lanes, 2>(g);
  const auto under = Lanes::mul(Lanes::add(quick_falling<Lanes, 1>(i), one), Lanes::add(fresh, one));
  const auto kept = Lanes::div(c, Lanes::add(quick_falling<Lanes, 1>(f), one));
  return Lanes::add(kept, Lanes::div(Lanes::sub(one, fresh), under));
}

// sigmoid(a) tanh(b) by one division.
template <class Lanes>
TT_ALWAYS_INLINE typename Lanes::V quick_sigmoid_times_tanh(typename Lanes::V a, typename Lanes::V b) noexcept {
  const auto one = Lanes::set(1.0f);
  const auto e = quick_falling<Lanes, 2>(b);
  return Lanes::div(Lanes::sub(one, e), Lanes::mul(Lanes::add(quick_falling<Lanes, 1>(a), one), Lanes::add(e, one)));
}

// A GRU's new h: n + z (h - n) with n = tanh(gate + r u), over one divisor.
template <class Lanes>
TT_ALWAYS_INLINE typename Lanes::V quick_gru(typename Lanes::V gate, typename Lanes::V r, typename Lanes::V z,
                                             typename Lanes::V u, typename Lanes::V h) noexcept {
  const auto one = Lanes::set(1.0f);
  const auto reset = Lanes::div(u, Lanes::add(quick_falling<Lanes, 1>(r), one));
  const auto n = quick_falling<Lanes, 2>(Lanes::add(gate, reset));
  const auto keep = quick_falling<Lanes, 1>(z);
  const auto under = Lanes::mul(Lanes::add(keep, one), Lanes::add(n, one));
  return Lanes::div(Lanes::fma(Lanes::sub(one, n), keep, Lanes::mul(h, Lanes::add(n, one))), under);
}

}  // namespace thintail
