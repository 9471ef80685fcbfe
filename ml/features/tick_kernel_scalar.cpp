// SPDX-License-Identifier: Apache-2.0
// The tick kernel one number at a time: what the vector forms must equal.
#include "ml/features/tick_kernel_inl.hpp"

namespace thintail {
namespace {

struct ScalarLanes {
  using V = double;
  using Wide = ScalarLanes;
  static constexpr unsigned kWidth = 1;
  static V load(const double* from) noexcept { return *from; }
  static void store(double* to, V value) noexcept { *to = value; }
  static V set(double value) noexcept { return value; }
  static V min(V a, V b) noexcept { return a < b ? a : b; }
  static V max(V a, V b) noexcept { return a > b ? a : b; }
  static V sqrt(V value) noexcept { return __builtin_sqrt(value); }
  static V fma(V a, V b, V c) noexcept { return __builtin_fma(a, b, c); }
  static V where_greater(V a, V b, V yes, V no) noexcept { return a > b ? yes : no; }
  static void split(V x, V& k, V& p) noexcept {
    const double shifted = x + kRoundingMagic;
    k = shifted - kRoundingMagic;
    p = __builtin_bit_cast(double, kExponentOfOne - (__builtin_bit_cast(std::int64_t, shifted) << 52));
  }

  using N = std::int32_t;
  static N set_n(std::int32_t value) noexcept { return value; }
  static N subtract(N a, N b) noexcept {
    // Stamps wrap.
    return static_cast<N>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
  }
  static N absolute(N a) noexcept { return a < 0 ? -a : a; }
  static N sign(N a) noexcept { return (a > 0) - (a < 0); }
  static N clamp_move(N a) noexcept { return a < -kMoveMax ? -kMoveMax : a > kMoveMax ? kMoveMax : a; }
  static V to_double_n(N a) noexcept { return a; }
  static void gather_window(const WindowState& state, std::uint32_t at, const std::int32_t* ticks, N& x0, N& x1, N& x2,
                            N& spread, N& time) noexcept {
    const std::uint32_t slot = (at - static_cast<std::uint32_t>(*ticks)) % kWindowRing;
    x0 = state.mid[slot];
    x1 = state.mid[slot + 1];
    x2 = state.mid[slot + 2];
    spread = state.spread_points[slot];
    time = static_cast<N>(state.time[(slot + 1) % kWindowRing]);
  }

  using I = std::int64_t;
  static I load_i(const std::int64_t* from) noexcept { return *from; }
  static void store_i(std::int64_t* to, I value) noexcept { *to = value; }
  static I widen(N a) noexcept { return a; }
  static I multiply(N a, N b) noexcept { return I{a} * b; }
  static I add_i(I a, I b) noexcept { return a + b; }
  static I subtract_i(I a, I b) noexcept { return a - b; }
  static V to_double(I a) noexcept { return static_cast<double>(a); }

  static constexpr unsigned kRowWidth = 1;
  static void gather_row(float* to, const double* scratch, const std::uint16_t* sources) noexcept {
    *to = to_lane(scratch[*sources]);
  }
};

}  // namespace

void weight_kernel_scalar(const TickProgram& program, double dt_ns, DecayWeights& out) noexcept {
  weight_kernel<ScalarLanes>(program, dt_ns, out);
}

void tick_kernel_scalar(const TickProgram& program, const TickCall& call) noexcept {
  tick_kernel<ScalarLanes>(program, call);
}

}  // namespace thintail
