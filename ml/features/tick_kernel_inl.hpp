// SPDX-License-Identifier: Apache-2.0
// The tick kernel's one source, compiled once for each Isa. `Lanes` supplies vectors and what xsimd lacks.
//   path  hot
//
// Lanes: V, kWidth doubles (1 or 4) with set, load, store, fma(a, b, c) = a b + c rounded once, max, sqrt, where_greater;
// Wide, the widest V, with the same and split(x, k, p): k = x rounded to an integer and p = 2^-k, for 0 <= x <= 64;
// N, kWidth i32, and I, kWidth i64, with what the windows do. gather_row rounds as to_lane does. Lanes has internal
// linkage, and so the kernel has; the constants here are not `inline` for the same reason: an inline variable is a weak
// symbol.
#pragma once

#include "ml/features/tick_families.hpp"
#include "ml/features/tick_kernel.hpp"

namespace thintail {

// 1 - 2^-f = f Q(f) on [-1/2, 1/2]: Chebyshev fit of degree 10 in 60 digits; relative error 5.2e-17 with the
// coefficients rounded.
constexpr double kWeightPolynomial[11] = {0x1.62e42fefa39efp-1,   -0x1.ebfbdff82c598p-3,  0x1.c6b08d704a0c2p-5,
                                          -0x1.3b2ab6fba1ddap-7,  0x1.5d87fe78a5276p-10,  -0x1.430913096fd9fp-13,
                                          0x1.ffcbfc670dcd4p-17,  -0x1.62bfd47773353p-20, 0x1.b524fae627834p-24,
                                          -0x1.e6063f7217bc6p-28, 0x1.e9d3fe3952179p-32};

constexpr double kDecayMax = 64.0;  // half-lives: 2^-64 of the past is left: nothing, and still a normal number
constexpr double kHalfPi = 0x1.921fb54442d18p0;
constexpr std::int32_t kMoveMax = 1 << 26;

// 1.5 * 2^52: adding it rounds to an integer in the low bits, and those bits taken from the exponent field are 2^-k.
constexpr double kRoundingMagic = 0x1.8p52;
constexpr std::int64_t kExponentOfOne = std::int64_t{1023} << 52;

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
TT_ALWAYS_INLINE void weight_kernel(const TickProgram& program, double dt_ns, DecayWeights& out) noexcept {
  using Wide = typename Lanes::Wide;
  for (unsigned i = 0, end = program.half_lives; i < end; i += Wide::kWidth) {
    const auto x = Wide::min(Wide::set(dt_ns) * Wide::load(program.per_ns + i), Wide::set(kDecayMax));
    const Decay<Wide> decay(x);
    Wide::store(out.weight + i, decay.weight);
    Wide::store(out.kept + i, decay.kept);
  }
}

template <class Lanes>
TT_ALWAYS_INLINE void take_decays(const TickProgram& program, const TickCall& call) noexcept {
  using V = typename Lanes::V;
  using Family = DecayedFamily;
  // Copied, since stores of vectors could change what a reference names.
  const unsigned half_lives = program.half_lives;
  const double* const weight = call.weights->weight;
  const double* const kept = call.weights->kept;
  const double* const inputs = call.inputs;
  double* const results = call.scratch + program.decays_out;
  const V mid2 = Lanes::set(call.mid2);
  const V mid_bp = Lanes::set(call.mid_bp);
  const V spread_bp = Lanes::set(call.spread_bp);
  const V zero = Lanes::set(0.0);
  const V one = Lanes::set(1.0);
  const DecayQuads* quad = program.decays;
  for (unsigned i = 0; i < half_lives; i += Lanes::kWidth) {
    const DecayQuads of = *quad;
    if ((i + Lanes::kWidth) % kQuad == 0) ++quad;
    double* state = call.quads + of.first + i % kQuad;  // of the next signal
    const V w = Lanes::load(weight + i);
    const V d = Lanes::load(kept + i);
    const auto uses = [&](Input input) { return (of.signals & bit(input)) != 0; };
    const auto gives = [&](Family family) { return (of.results & 1u << static_cast<unsigned>(family)) != 0; };
    const auto mean = [&](Input input) {
      const V before = Lanes::load(state);
      const V now = Lanes::fma(w, Lanes::set(inputs[static_cast<unsigned>(input)]) - before, before);
      Lanes::store(state, now);
      state += kQuad;
      return now;
    };
    const auto sum = [&](Input input) {
      const V now = Lanes::fma(d, Lanes::load(state), Lanes::set(inputs[static_cast<unsigned>(input)]));
      Lanes::store(state, now);
      state += kQuad;
      return now;
    };
    const auto give = [&](Family family, V value) {
      Lanes::store(results + kDecayLanes * static_cast<unsigned>(family) + i, value);
    };

    if (uses(Input::mid2)) give(Family::mid_deviation, (mid2 - mean(Input::mid2)) * mid_bp);
    if (uses(Input::spread)) {
      const V average = mean(Input::spread);
      if (gives(Family::spread_ratio)) {
        give(Family::spread_ratio, spread_bp / Lanes::max(average, Lanes::set(kSpreadFloor_bp)));
      }
      if (uses(Input::spread_square)) {
        const V variance = Lanes::max(Lanes::fma(zero - average, average, mean(Input::spread_square)), zero);
        give(Family::spread_z,
             (spread_bp - average) / Lanes::max(Lanes::sqrt(variance), Lanes::set(kSpreadDeviationFloor_bp)));
      }
    }
    if (uses(Input::crossed)) give(Family::crossed_share, mean(Input::crossed));
    if (uses(Input::queue)) give(Family::queue_imbalance_mean, mean(Input::queue));
    V rate = zero;
    if (uses(Input::one)) rate = Lanes::load(program.ln2_per_s + i) / mean(Input::one);
    if (uses(Input::two_move_square)) give(Family::volatility, Lanes::sqrt(sum(Input::two_move_square) * rate));
    V ticks = one;
    if (uses(Input::tick)) {
      ticks = sum(Input::tick);
      give(Family::intensity, ticks * rate);
    }
    if (uses(Input::sign)) {
      const V net = sum(Input::sign);
      give(Family::imbalance, net / (one + sum(Input::gross)));
    }
    if ((of.signals & (bit(Input::move_product) | bit(Input::move_square) | bit(Input::bipower))) != 0) {
      V product = zero;
      if (uses(Input::move_product)) product = sum(Input::move_product);
      if (gives(Family::roll_spread)) {
        give(Family::roll_spread, Lanes::set(2.0) * Lanes::sqrt(Lanes::max((zero - product) / ticks, zero)));
      }
      if (uses(Input::move_square)) {
        const V square = sum(Input::move_square);
        if (gives(Family::move_autocorrelation)) {
          give(Family::move_autocorrelation, product / Lanes::max(square, Lanes::set(kSquareFloor_bp2)));
        }
        if (gives(Family::realised_volatility)) give(Family::realised_volatility, Lanes::sqrt(square * rate));
      }
      if (uses(Input::bipower)) {
        give(Family::bipower_volatility, Lanes::sqrt(Lanes::set(kHalfPi) * sum(Input::bipower) * rate));
      }
    }
    if (of.signals < bit(Input::flow)) continue;
    const V size_floor = Lanes::set(kSizeFloor);
    if (uses(Input::flow)) {
      const V net = sum(Input::flow);
      give(Family::order_flow_imbalance, net / Lanes::max(sum(Input::flow_gross), size_floor));
    }
    if (uses(Input::trade_size)) {
      const V net = sum(Input::trade_size);
      give(Family::trade_imbalance, net / Lanes::max(sum(Input::trade_gross), size_floor));
    }
    if (uses(Input::trade_sign)) {
      const V net = sum(Input::trade_sign);
      give(Family::trade_sign_imbalance, net / (one + sum(Input::trade_count)));
    }
    if (uses(Input::impact)) {
      const V product = sum(Input::impact);
      give(Family::trade_impact, product / Lanes::max(sum(Input::impact_square), size_floor));
    }
  }
  double* const scratch = call.scratch;
  const RatioStep* const ratios_end = program.ratios + program.ratio_count;
  for (const RatioStep* ratio = program.ratios; ratio != ratios_end; ++ratio) {
    const double below = scratch[ratio->below];
    scratch[ratio->out] = scratch[ratio->above] / (below > ratio->floor ? below : ratio->floor);
  }
}

// The newest tick enters each window, the oldest leaves. REQUIRES: a first tick filled the ring with itself.
template <class Lanes>
TT_ALWAYS_INLINE void update_windows(const TickProgram& program, const TickCall& call, double* move,
                                     double* duration) noexcept {
  using I = typename Lanes::I;
  using N = typename Lanes::N;
  WindowState& state = *call.windows;
  const WindowInput in = *call.window;
  const std::int32_t* const ticks = program.window_constants->ticks;
  const N r = Lanes::set_n(in.move);
  const N r_before = Lanes::set_n(in.move_before);
  const N c = Lanes::set_n(in.two_moves);
  const I square = Lanes::multiply(r, r);
  const I product = Lanes::multiply(r, r_before);
  const I bipower = Lanes::multiply(Lanes::absolute(r), Lanes::absolute(r_before));
  const I two_move_square = Lanes::multiply(c, c);
  for (unsigned i = 0, end = program.windows; i < end; i += Lanes::kWidth) {
    // Of the tick that leaves: x0 its mid, x1 and x2 those of the two after it; x1 becomes the window's first.
    N x0;
    N x1;
    N x2;
    N spread_gone;
    N time_first;
    Lanes::gather_window(state, in.at, ticks + i, x0, x1, x2, spread_gone, time_first);
    const N r_gone = Lanes::clamp_move(Lanes::subtract(x1, x0));
    const N r_next = Lanes::clamp_move(Lanes::subtract(x2, x1));
    const N c_gone = Lanes::clamp_move(Lanes::subtract(x2, x0));
    const auto slide = [&](std::int64_t* sum, I comes, I goes) {
      Lanes::store_i(sum + i, Lanes::add_i(Lanes::load_i(sum + i), Lanes::subtract_i(comes, goes)));
    };
    slide(state.square, square, Lanes::multiply(r_gone, r_gone));
    slide(state.product, product, Lanes::multiply(r_next, r_gone));
    slide(state.bipower, bipower, Lanes::multiply(Lanes::absolute(r_next), Lanes::absolute(r_gone)));
    slide(state.path, Lanes::widen(Lanes::absolute(r)), Lanes::widen(Lanes::absolute(r_gone)));
    slide(state.two_move_square, two_move_square, Lanes::multiply(c_gone, c_gone));
    const N sign_gone = Lanes::sign(c_gone);
    const N sign = Lanes::sign(c);
    slide(state.net, Lanes::widen(sign), Lanes::widen(sign_gone));
    slide(state.gross, Lanes::widen(Lanes::absolute(sign)), Lanes::widen(Lanes::absolute(sign_gone)));
    slide(state.spread, Lanes::widen(Lanes::set_n(in.spread)), Lanes::widen(spread_gone));
    Lanes::store(move + i, Lanes::to_double_n(Lanes::subtract(Lanes::set_n(in.mid), x1)));
    Lanes::store(duration + i,
                 Lanes::to_double_n(Lanes::subtract(Lanes::set_n(static_cast<std::int32_t>(in.time)), time_first)));
  }
  state.mid[in.at] = in.mid;
  if (in.at < kWindowRingCopies) state.mid[kWindowRing + in.at] = in.mid;
  state.spread_points[in.at] = in.spread;
  state.time[in.at] = in.time;
}

template <class Lanes>
TT_ALWAYS_INLINE void write_windows(const TickProgram& program, const TickCall& call, const double* move,
                                    const double* duration) noexcept {
  using V = typename Lanes::V;
  const WindowState& state = *call.windows;
  const WindowInput in = *call.window;
  const WindowConstants& with = *program.window_constants;
  const V unit_bp = Lanes::set(in.unit_bp);
  const V zero = Lanes::set(0.0);
  const V one = Lanes::set(1.0);
  const V second = Lanes::set(1e-4);  // of 100 us
  double* const scratch = call.scratch;
  const WindowBlock* next = program.window_blocks;
  const auto each = [&](WindowFormula kind, auto&& formula) {
    const WindowBlock* block = next;
    const WindowBlock* const end = program.window_block_ends[static_cast<unsigned>(kind)];
    for (; block != end; ++block) {
      const double constant = block->constant;
      for (unsigned i = 0; i < kQuad; i += Lanes::kWidth) {
        Lanes::store(scratch + block->out + i, formula(block->column + i, constant));
      }
    }
    next = end;
  };
  const auto sum = [&](const std::int64_t* of, unsigned i) { return Lanes::to_double(Lanes::load_i(of + i)); };

  each(WindowFormula::move, [&](unsigned i, double) { return Lanes::load(move + i) * unit_bp; });
  each(WindowFormula::volatility, [&](unsigned i, double) {
    return Lanes::sqrt(sum(state.two_move_square, i) * Lanes::set(0.5) * Lanes::load(with.per_n2 + i)) * unit_bp;
  });
  each(WindowFormula::realised_volatility,
       [&](unsigned i, double) { return Lanes::sqrt(sum(state.square, i) * Lanes::load(with.per_n1 + i)) * unit_bp; });
  each(WindowFormula::bipower_volatility, [&](unsigned i, double) {
    return Lanes::sqrt(Lanes::set(kHalfPi) * sum(state.bipower, i) * Lanes::load(with.per_n2 + i)) * unit_bp;
  });
  each(WindowFormula::two_scale_volatility, [&](unsigned i, double) {
    const V noise = sum(state.square, i) * Lanes::load(with.two_scale_share + i);
    const V signal = Lanes::max(sum(state.two_move_square, i) * Lanes::set(0.5) - noise, zero);
    return Lanes::sqrt(signal * Lanes::load(with.two_scale_per + i)) * unit_bp;
  });
  each(WindowFormula::autocorrelation,
       [&](unsigned i, double) { return sum(state.product, i) / Lanes::max(sum(state.square, i), one); });
  each(WindowFormula::variance_ratio, [&](unsigned i, double) {
    return sum(state.two_move_square, i) * Lanes::load(with.variance_ratio + i) / Lanes::max(sum(state.square, i), one);
  });
  each(WindowFormula::roll_spread, [&](unsigned i, double) {
    const V covariance = sum(state.product, i) * Lanes::load(with.per_n2 + i);
    return Lanes::set(2.0) * Lanes::sqrt(Lanes::max(zero - covariance, zero)) * unit_bp;
  });
  each(WindowFormula::imbalance, [&](unsigned i, double) { return sum(state.net, i) / (one + sum(state.gross, i)); });
  each(WindowFormula::efficiency, [&](unsigned i, double) {
    const V way = Lanes::load(move + i);
    return Lanes::max(way, zero - way) / Lanes::max(sum(state.path, i), one);
  });
  each(WindowFormula::spread, [&](unsigned i, double) {
    return sum(state.spread, i) * Lanes::load(with.per_n + i) * Lanes::set(2.0) * unit_bp;
  });
  each(WindowFormula::duration, [&](unsigned i, double) { return Lanes::load(duration + i) * second; });
  each(WindowFormula::rate, [&](unsigned i, double) {
    return Lanes::load(with.n1 + i) / Lanes::max(Lanes::load(duration + i) * second, second);
  });
  // The newest product, which the test of the newest move must not hold.
  const double newest = static_cast<double>(in.move) * static_cast<double>(in.move_before);
  const V newest_product = Lanes::set(newest < 0.0 ? -newest : newest);
  const V r_square = Lanes::set(static_cast<double>(in.move) * static_cast<double>(in.move));
  const V r_sign = Lanes::set(static_cast<double>((in.move > 0) - (in.move < 0)));
  each(WindowFormula::jump, [&](unsigned i, double constant) {
    const V calm = (sum(state.bipower, i) - newest_product) * Lanes::load(with.per_n3 + i);
    return Lanes::where_greater(r_square, Lanes::set(constant) * calm, r_sign, zero);
  });
}

template <class Lanes>
TT_ALWAYS_INLINE void write_bars(const TickProgram& program, const TickCall& call) noexcept {
  using V = typename Lanes::V;
  const BarForms forms = program.bar_forms;
  const V bid = Lanes::set(call.bid);
  const V ask = Lanes::set(call.ask);
  const V mid_bp = Lanes::set(call.mid_bp);
  const V bid_bp = Lanes::set(call.bid_bp);
  const V ask_bp = Lanes::set(call.ask_bp);
  const double* const levels = call.levels;
  const double* const scales = call.scales;
  double* const out = call.scratch + program.bars_out;
  const bool of_sides = program.bars_of_sides;
  for (unsigned i = 0, end = program.bars; i < end; i += Lanes::kWidth) {
    V scale = Lanes::load(scales + i) + Lanes::load(forms.mid_bp + i) * mid_bp;
    if (of_sides) {
      scale = scale + Lanes::load(forms.bid_bp + i) * bid_bp + Lanes::load(forms.ask_bp + i) * ask_bp;
    }
    const V price = Lanes::load(forms.bid_weight + i) * bid + Lanes::load(forms.ask_weight + i) * ask;
    Lanes::store(out + i, (price - Lanes::load(levels + i)) * scale);
  }
}

template <class Lanes>
TT_ALWAYS_INLINE void tick_kernel(const TickProgram& program, const TickCall& call) noexcept {
  take_decays<Lanes>(program, call);
  if (program.windows != 0) {
    alignas(64) double move[kWindowLanes];
    alignas(64) double duration[kWindowLanes];
    update_windows<Lanes>(program, call, move, duration);
    write_windows<Lanes>(program, call, move, duration);
  }
  write_bars<Lanes>(program, call);
  float* row = call.row;
  const double* const scratch = call.scratch;
  const std::uint16_t* sources = program.sources;
  for (const float* const end = row + program.lanes; row != end; row += 8, sources += 8) {
    for (unsigned i = 0; i < 8; i += Lanes::kRowWidth) Lanes::gather_row(row + i, scratch, sources + i);
  }
}

}  // namespace thintail
