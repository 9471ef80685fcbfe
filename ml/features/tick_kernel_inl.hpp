// SPDX-License-Identifier: Apache-2.0
// The tick kernel's one source, compiled once for each Isa. `Lanes` supplies a vector `V` of doubles and what xsimd
// lacks.
//   path  hot
//
// Lanes: kWidth; load, store, set, min, sqrt, fma(a, b, c) = a b + c rounded once; split(x, k, p) with k = x rounded to
// an integer and p = 2^-k, for 0 <= x <= 64; store_floats: each lane as to_lane. It has internal linkage, and so the
// kernel has; the constants here are not `inline` for the same reason: an inline variable is a weak symbol.
#pragma once

#include "ml/features/tick_kernel.hpp"

namespace thintail {

// 1 - 2^-f = f Q(f) on [-1/2, 1/2]: Chebyshev fit of degree 10 in 60 digits; relative error 5.2e-17 with the
// coefficients rounded.
constexpr double kWeightPolynomial[11] = {0x1.62e42fefa39efp-1,   -0x1.ebfbdff82c598p-3,  0x1.c6b08d704a0c2p-5,
                                          -0x1.3b2ab6fba1ddap-7,  0x1.5d87fe78a5276p-10,  -0x1.430913096fd9fp-13,
                                          0x1.ffcbfc670dcd4p-17,  -0x1.62bfd47773353p-20, 0x1.b524fae627834p-24,
                                          -0x1.e6063f7217bc6p-28, 0x1.e9d3fe3952179p-32};

constexpr double kHalfLivesMax = 64.0;  // 2^-64 of the past is left: nothing, and still a normal number
constexpr double kLn2 = 0x1.62e42fefa39efp-1;

// Added to what sums take in: far below what a lane resolves, but a sum that nothing feeds then settles here instead of
// at the smallest subnormal, where some cores take 150 cycles for every operation.
constexpr double kTiny = 1e-200;

struct alignas(64) HalfLifeTable {
  double per_ns[core_32::kHalfLives];
  double ln2_per_s[core_32::kHalfLives];
};

constexpr HalfLifeTable kHalfLifeTable = [] {
  HalfLifeTable table{};
  for (unsigned i = 0; i < core_32::kHalfLives; ++i) {
    table.per_ns[i] = 1.0 / (core_32::kHalfLivesS[i] * 1e9);
    table.ln2_per_s[i] = kLn2 / core_32::kHalfLivesS[i];
  }
  return table;
}();

template <class Lanes>
struct Decay {
  typename Lanes::V weight;  // w = 1 - 2^-x
  typename Lanes::V kept;  // d = 2^-x

  // With x = k + f and g = 1 - 2^-f: w = (1 - 2^-k) + 2^-k g, where the first term is exact and nothing cancels: both
  // results are within 2 ulp, and x adds one.
  TT_ALWAYS_INLINE explicit Decay(typename Lanes::V x) noexcept {
    using V = typename Lanes::V;
    const auto c = [](unsigned i) { return Lanes::set(kWeightPolynomial[i]); };
    V k;
    V p;
    Lanes::split(x, k, p);
    const V f = x - k;
    const V f2 = f * f;
    const V f4 = f2 * f2;
    const V f8 = f4 * f4;
    // Estrin's scheme: five dependent operations where Horner's has eleven.
    const V low = Lanes::fma(Lanes::fma(c(3), f, c(2)), f2, Lanes::fma(c(1), f, c(0)));
    const V middle = Lanes::fma(Lanes::fma(c(7), f, c(6)), f2, Lanes::fma(c(5), f, c(4)));
    const V high = Lanes::fma(c(10), f2, Lanes::fma(c(9), f, c(8)));
    const V g = f * Lanes::fma(high, f8, Lanes::fma(middle, f4, low));
    const V one = Lanes::set(1.0);
    weight = Lanes::fma(p, g, one - p);
    kept = Lanes::fma(Lanes::set(0.0) - p, g, p);
  }
};

template <class Lanes>
TT_ALWAYS_INLINE void tick_kernel(TickState& state, const TickInput& input, float* row) noexcept {
  using namespace core_32;
  using V = typename Lanes::V;
  const double move_bp = (input.mid2 - state.mid2_before) * input.bp_factor;
  const double two_moves_bp = (input.mid2 - state.mid2_before_that) * input.bp_factor;
  const double sign =
      static_cast<double>((input.mid2 > state.mid2_before_that) - (input.mid2 < state.mid2_before_that));

  alignas(64) double weight[kHalfLives];
  alignas(64) double kept[kHalfLives];
  alignas(64) double volatility[kHalfLives];
  alignas(64) double intensity[kHalfLives];
  alignas(64) double imbalance[kHalfLives];
  const V one = Lanes::set(1.0);
  for (unsigned i = 0; i < kHalfLives; i += Lanes::kWidth) {
    const V x = Lanes::min(Lanes::set(input.dt_ns) * Lanes::load(kHalfLifeTable.per_ns + i), Lanes::set(kHalfLivesMax));
    const Decay<Lanes> decay(x);
    Lanes::store(weight + i, decay.weight);
    Lanes::store(kept + i, decay.kept);

    const V mean_before = Lanes::load(state.mean_mid2 + i);
    const V mean = Lanes::fma(decay.weight, Lanes::set(state.mid2_before) - mean_before, mean_before);
    Lanes::store(state.mean_mid2 + i, mean);
    Lanes::store_floats(row + kMidDeviation + i, (Lanes::set(input.mid2) - mean) * Lanes::set(input.bp_factor));

    const V coverage_before = Lanes::load(state.coverage + i);
    const V coverage = Lanes::fma(decay.weight, one - coverage_before, coverage_before);
    Lanes::store(state.coverage + i, coverage);
    const V rate = Lanes::load(kHalfLifeTable.ln2_per_s + i) / coverage;

    const auto add = [&](double(&sum)[kHalfLives], double value) {
      const V updated = Lanes::fma(decay.kept, Lanes::load(sum + i), Lanes::set(value + kTiny));
      Lanes::store(sum + i, updated);
      return updated;
    };
    Lanes::store(intensity + i, add(state.ticks, 1.0) * rate);
    Lanes::store(volatility + i, Lanes::sqrt(add(state.square, two_moves_bp * two_moves_bp * 0.5) * rate));
    const V net = add(state.net, sign);
    Lanes::store(imbalance + i, net / (one + add(state.gross, sign * sign)));
  }

  const double w = weight[k240s];
  const double d = kept[k240s];
  const double surprise_bp = state.spread_before_bp - state.spread_mean_bp;
  state.spread_mean_bp = __builtin_fma(w, surprise_bp, state.spread_mean_bp);
  state.spread_variance_bp2 = d * __builtin_fma(w * surprise_bp, surprise_bp, state.spread_variance_bp2) + kTiny;
  state.crossed_share = __builtin_fma(w, state.crossed_before + kTiny - state.crossed_share, state.crossed_share);
  state.move_product_bp2 = __builtin_fma(d, state.move_product_bp2, move_bp * state.move_before_bp + kTiny);
  state.move_square_bp2 = __builtin_fma(d, state.move_square_bp2, move_bp * move_bp + kTiny);
  const double spread_deviation_bp = __builtin_sqrt(state.spread_variance_bp2);

  const auto at_least = [](double value, double floor) { return value > floor ? value : floor; };
  row[kSpreadZ] =
      to_lane((input.spread_bp - state.spread_mean_bp) / at_least(spread_deviation_bp, kSpreadDeviationFloor_bp));
  row[kCrossedShare] = to_lane(state.crossed_share);
  row[kLastMove] = to_lane(move_bp);
  row[kVolatility15s] = to_lane(volatility[k15s]);
  row[kVolatility60s] = to_lane(volatility[k60s]);
  row[kVolatility240s] = to_lane(volatility[k240s]);
  row[kVolatility3600s] = to_lane(volatility[k3600s]);
  row[kVolatilityRatio] = to_lane(volatility[k60s] / at_least(volatility[k3600s], kVolatilityFloor_bp));
  row[kMoveAutocorrelation] = to_lane(state.move_product_bp2 / at_least(state.move_square_bp2, kSquareFloor_bp2));
  row[kImbalance15s] = to_lane(imbalance[k15s]);
  row[kImbalance240s] = to_lane(imbalance[k240s]);
  row[kIntensity15s] = to_lane(intensity[k15s]);
  row[kIntensity900s] = to_lane(intensity[k900s]);
  row[kIntensityRatio] = to_lane(intensity[k15s] / intensity[k900s]);

  state.mid2_before_that = state.mid2_before;
  state.mid2_before = input.mid2;
  state.move_before_bp = move_bp;
  state.spread_before_bp = input.spread_bp;
  state.crossed_before = input.crossed;
}

// 1.5 * 2^52: adding it rounds to an integer in the low bits, and those bits taken from the exponent field are 2^-k.
constexpr double kRoundingMagic = 0x1.8p52;
constexpr std::int64_t kExponentOfOne = std::int64_t{1023} << 52;

}  // namespace thintail
