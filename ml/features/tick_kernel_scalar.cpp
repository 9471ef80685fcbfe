// SPDX-License-Identifier: Apache-2.0
// The tick kernel one double at a time: what the vector forms must equal.
#include "ml/features/tick_kernel_inl.hpp"

namespace thintail {
namespace {

struct ScalarLanes {
  using V = double;
  static constexpr unsigned kWidth = 1;
  static V load(const double* from) noexcept { return *from; }
  static void store(double* to, V value) noexcept { *to = value; }
  static V set(double value) noexcept { return value; }
  static V min(V a, V b) noexcept { return a < b ? a : b; }
  static V sqrt(V value) noexcept { return __builtin_sqrt(value); }
  static V fma(V a, V b, V c) noexcept { return __builtin_fma(a, b, c); }
  static void split(V x, V& k, V& p) noexcept {
    const double shifted = x + kRoundingMagic;
    k = shifted - kRoundingMagic;
    p = __builtin_bit_cast(double, kExponentOfOne - (__builtin_bit_cast(std::int64_t, shifted) << 52));
  }
  static void store_floats(float* to, V value) noexcept { *to = to_lane(value); }
};

}  // namespace

void tick_kernel_scalar(TickState& state, const TickInput& input, float* row) noexcept {
  tick_kernel<ScalarLanes>(state, input, row);
}

}  // namespace thintail
