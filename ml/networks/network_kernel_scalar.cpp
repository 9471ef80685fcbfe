// SPDX-License-Identifier: Apache-2.0
// The network kernels one number at a time: what the vector forms must equal. Eight stand side by side only because the
// reductions' order is by eights.
#include "ml/networks/network_kernel_inl.hpp"

namespace thintail {
namespace {

struct ScalarFloats {
  struct V {
    float f[8];
  };
  using Eight = ScalarFloats;
  static constexpr std::uint32_t kWidth = 8;
  static constexpr unsigned kFloatPanel = 1;

  template <class Function>
  TT_ALWAYS_INLINE static V map(Function&& function) noexcept {
    V out;
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) out.f[i] = function(i);
    return out;
  }
  TT_ALWAYS_INLINE static std::uint32_t bits(float a) noexcept { return __builtin_bit_cast(std::uint32_t, a); }
  TT_ALWAYS_INLINE static float real(std::uint32_t a) noexcept { return __builtin_bit_cast(float, a); }

  TT_ALWAYS_INLINE static V set(float value) noexcept {
    return map([&](int) noexcept { return value; });
  }
  TT_ALWAYS_INLINE static V load(const float* from) noexcept {
    return map([&](int i) noexcept { return from[i]; });
  }
  TT_ALWAYS_INLINE static void store(float* to, V value) noexcept {
    for (int i = 0; i < 8; ++i) to[i] = value.f[i];
  }
  TT_ALWAYS_INLINE static V add(V a, V b) noexcept {
    return map([&](int i) noexcept { return a.f[i] + b.f[i]; });
  }
  TT_ALWAYS_INLINE static V sub(V a, V b) noexcept {
    return map([&](int i) noexcept { return a.f[i] - b.f[i]; });
  }
  TT_ALWAYS_INLINE static V mul(V a, V b) noexcept {
    return map([&](int i) noexcept { return a.f[i] * b.f[i]; });
  }
  TT_ALWAYS_INLINE static V div(V a, V b) noexcept {
    return map([&](int i) noexcept { return a.f[i] / b.f[i]; });
  }
  TT_ALWAYS_INLINE static V fma(V a, V b, V c) noexcept {
    return map([&](int i) noexcept { return __builtin_fmaf(a.f[i], b.f[i], c.f[i]); });
  }
  TT_ALWAYS_INLINE static V fms(V a, V b, V c) noexcept {
    return map([&](int i) noexcept { return __builtin_fmaf(a.f[i], b.f[i], -c.f[i]); });
  }
  TT_ALWAYS_INLINE static V min(V a, V b) noexcept {
    return map([&](int i) noexcept { return a.f[i] < b.f[i] ? a.f[i] : b.f[i]; });
  }
  TT_ALWAYS_INLINE static V max(V a, V b) noexcept {
    return map([&](int i) noexcept { return a.f[i] > b.f[i] ? a.f[i] : b.f[i]; });
  }
  TT_ALWAYS_INLINE static V sqrt(V a) noexcept {
    return map([&](int i) noexcept { return __builtin_sqrtf(a.f[i]); });
  }
  TT_ALWAYS_INLINE static V abs(V a) noexcept {
    return map([&](int i) noexcept { return real(bits(a.f[i]) & 0x7fffffffu); });
  }
  TT_ALWAYS_INLINE static V with_sign(V size, V sign) noexcept {
    return map([&](int i) noexcept { return real(bits(size.f[i]) | (bits(sign.f[i]) & 0x80000000u)); });
  }
  TT_ALWAYS_INLINE static void split(V t, V& k, V& power) noexcept {
    for (int i = 0; i < 8; ++i) {
      const float shifted = t.f[i] + kNetworkRounding;
      k.f[i] = shifted - kNetworkRounding;
      power.f[i] = real((bits(shifted) << 23) + 0x3f800000u);
    }
  }
  TT_ALWAYS_INLINE static V eighths(V t) noexcept {
    return map([&](int i) noexcept {
      return real(static_cast<std::uint32_t>(kEighths[bits(t.f[i]) & 7]) + (bits(t.f[i]) << 20));
    });
  }
  TT_ALWAYS_INLINE static V from_integers(V a) noexcept {
    return map([&](int i) noexcept { return static_cast<float>(static_cast<std::int32_t>(bits(a.f[i]))); });
  }
  TT_ALWAYS_INLINE static V number_or_zero(V a, V b) noexcept {
    return map([&](int i) noexcept { return a.f[i] == a.f[i] ? b.f[i] : 0.0f; });
  }
  TT_ALWAYS_INLINE static V canonical(V a) noexcept {
    return map([&](int i) noexcept { return a.f[i] == a.f[i] ? a.f[i] + 0.0f : real(0x7fc00000u); });
  }
  TT_ALWAYS_INLINE static V below(V a, std::uint32_t first, std::uint32_t count) noexcept {
    return map([&](int i) noexcept { return first + static_cast<std::uint32_t>(i) < count ? a.f[i] : 0.0f; });
  }
  TT_ALWAYS_INLINE static V with_lane(V a, std::uint32_t first, std::uint32_t at, V other) noexcept {
    return map([&](int i) noexcept { return first + static_cast<std::uint32_t>(i) == at ? other.f[i] : a.f[i]; });
  }
  TT_ALWAYS_INLINE static float sum_of(V a) noexcept {
    const float four[4] = {a.f[0] + a.f[4], a.f[1] + a.f[5], a.f[2] + a.f[6], a.f[3] + a.f[7]};
    return (four[0] + four[2]) + (four[1] + four[3]);
  }
  TT_ALWAYS_INLINE static float max_of(V a) noexcept {
    float largest = a.f[0];
    for (int i = 1; i < 8; ++i) largest = a.f[i] > largest ? a.f[i] : largest;
    return largest;
  }
};

template <class Integer>
struct ScalarProduct {
  using Lanes = ScalarFloats;
  using Weight = Integer;
  static constexpr unsigned kPanel = 1;
  static constexpr unsigned kTogether = 2;
  static constexpr bool kQuick = true;
  static constexpr float kMost = sizeof(Integer) == 1 ? kInt8Max : kInt16Max;

  TT_ALWAYS_INLINE static void take(const MatrixCall& call) noexcept {
    const StepsOf<ScalarFloats> in_steps(call, kMost);
    auto* to = static_cast<std::int16_t*>(call.steps);
    for (std::uint32_t i = 0, end = call.inputs; i < end; i += 8) {
      const auto steps = in_steps.at(i);
      for (int lane = 0; lane < 8; ++lane) {
        *to++ = static_cast<std::int16_t>(
            static_cast<std::int32_t>(ScalarFloats::bits(steps.f[lane]) - ScalarFloats::bits(kNetworkRounding)));
      }
    }
  }

  template <unsigned Blocks>
  TT_ALWAYS_INLINE static void raw(const MatrixCall& call, const Integer* weights, std::size_t block,
                                   ScalarFloats::V* y) noexcept {
    static_assert(Blocks == 1);
    const auto* x = static_cast<const std::int16_t*>(call.steps);
    for (std::size_t j = 0; j < kNetworkLanes; ++j) {
      std::int32_t sum = call.start[block * kNetworkLanes + j];
      for (std::uint32_t i = 0; i < call.inputs; i += 2) {
        const Integer* both = weights + (std::size_t{i} * kNetworkLanes + 2 * j);
        sum += both[0] * x[i] + both[1] * x[i + 1];
      }
      y[j / 8].f[j % 8] = ScalarFloats::real(static_cast<std::uint32_t>(sum));
    }
  }
};

}  // namespace

constexpr NetworkKernels kScalarNetworkKernels =
    KernelsOf<ScalarFloats, ScalarProduct<std::int8_t>, ScalarProduct<std::int16_t>>::table();

}  // namespace thintail
