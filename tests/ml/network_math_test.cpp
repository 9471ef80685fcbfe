// SPDX-License-Identifier: Apache-2.0
// The errors that activation_math.hpp states, against long double.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "ml/networks/activation_math.hpp"
#include "tests/support/networks.hpp"

namespace thintail {
namespace {

// One number in the place of a vector.
struct One {
  using V = float;
  static V set(float value) { return value; }
  static V sub(V a, V b) { return a - b; }
  static V mul(V a, V b) { return a * b; }
  static V fma(V a, V b, V c) { return std::fma(a, b, c); }
  static V fms(V a, V b, V c) { return std::fma(a, b, -c); }
  static V add(V a, V b) { return a + b; }
  static V div(V a, V b) { return a / b; }
  static V min(V a, V b) { return a < b ? a : b; }
  static V max(V a, V b) { return a > b ? a : b; }
  static void split(V t, V& k, V& power) {
    k = std::nearbyint(t);
    power = std::ldexp(1.0f, static_cast<int>(k));
  }
  static V eighths(V t) {
    const auto bits = std::bit_cast<std::uint32_t>(t);
    return std::bit_cast<float>(static_cast<std::uint32_t>(kEighths[bits & 7]) + (bits << 20));
  }
};

constexpr float kStep = 0x1.0004p0f;  // geometric: 16,384 to each power of two

template <class Each>
void every_size(float least, float most, Each&& each) {
  for (float x = least; x <= most; x *= kStep) {
    each(x);
    each(-x);
  }
}

float activated(Activation activation, float x) {
  alignas(64) float y[kNetworkLanes] = {x};
  kScalarNetworkKernels.activate(activation, y, 1);
  return y[0];
}

double relative(float found, long double exact) { return static_cast<double>(std::fabs((found - exact) / exact)); }

TEST(NetworkMath, exp_is_within_its_stated_error) {
  double worst = 0;
  every_size(1e-6f, 86.5f, [&](float x) {
    worst = std::max(worst, relative(Exponential<One>(x).value(), std::exp(static_cast<long double>(x))));
  });
  EXPECT_LE(worst, 1.2e-7);
  EXPECT_GT(worst, 1e-8) << "nothing was compared";
}

TEST(NetworkMath, sigmoid_is_within_its_stated_error) {
  double worst = 0;
  double worst_relative = 0;
  every_size(1e-6f, 85.0f, [&](float x) {
    const long double exact = 1 / (1 + std::exp(-static_cast<long double>(x)));
    const float found = activated(Activation::sigmoid, x);
    worst = std::max(worst, static_cast<double>(std::fabs(found - exact)));
    worst_relative = std::max(worst_relative, relative(found, exact));
  });
  EXPECT_LE(worst, 1.2e-7);
  EXPECT_LE(worst_relative, 2.5e-7);
}

TEST(NetworkMath, tanh_is_within_its_stated_error_and_odd_and_at_most_one) {
  double worst = 0;
  every_size(1e-6f, 100.0f, [&](float x) {
    const float found = activated(Activation::tanh, x);
    worst = std::max(worst, relative(found, std::tanh(static_cast<long double>(x))));
    EXPECT_LE(std::fabs(found), 1.0f);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(found), std::bit_cast<std::uint32_t>(-activated(Activation::tanh, -x)));
  });
  EXPECT_LE(worst, 2.5e-7);
}

TEST(NetworkMath, a_quantized_cell_is_within_the_stated_errors_of_its_gates) {
  double worst_sigmoid = 0;
  double worst_tanh = 0;
  double worst_keep = 0;
  double worst_gru = 0;
  every_size(1e-4f, 100.0f, [&](float x) {
    const long double exact_sigmoid = 1 / (1 + std::exp(-static_cast<long double>(x)));
    const long double exact_tanh = std::tanh(static_cast<long double>(x));
    // Gates wide open or shut leave one function of the product.
    const float sigmoid = quick_sigmoid_times_tanh<One>(x, 40.0f);
    const float tanh = quick_sigmoid_times_tanh<One>(40.0f, x);
    worst_sigmoid = std::max(worst_sigmoid, static_cast<double>(std::fabs(sigmoid - exact_sigmoid)));
    worst_tanh = std::max(worst_tanh, static_cast<double>(std::fabs(tanh - exact_tanh)));
    EXPECT_LE(std::fabs(tanh), 1.0f);
    worst_tanh =
        std::max(worst_tanh, static_cast<double>(std::fabs(quick_cell<One>(40.0f, -40.0f, x, 1.0f) - exact_tanh)));
    worst_keep =
        std::max(worst_keep, static_cast<double>(std::fabs(quick_cell<One>(-40.0f, x, 1.0f, 1.0f) - exact_sigmoid)));
    worst_gru = std::max(worst_gru, static_cast<double>(std::fabs(quick_gru<One>(0.25f, x, -40.0f, 0.5f, 0.75f) -
                                                                  std::tanh(0.25L + exact_sigmoid / 2))));
    worst_gru = std::max(worst_gru, static_cast<double>(std::fabs(quick_gru<One>(40.0f, 0.0f, x, 0.0f, -0.5f) -
                                                                  (1 - 1.5L * exact_sigmoid))));
  });
  EXPECT_LE(worst_sigmoid, 1e-6);
  EXPECT_LE(worst_tanh, 2e-6);
  EXPECT_LE(worst_keep, 1e-6);
  EXPECT_LE(worst_gru, 3e-6);
  EXPECT_GT(worst_tanh, 1e-8) << "nothing was compared";
  EXPECT_EQ(quick_sigmoid_times_tanh<One>(3.0f, 0.0f), 0.0f);
}

TEST(NetworkMath, elu_is_exact_above_zero_and_close_below) {
  every_size(1e-6f, 80.0f, [&](float x) {
    const float found = activated(Activation::elu, x);
    if (x > 0) {
      EXPECT_EQ(found, x);
    } else {
      EXPECT_LE(relative(found, std::expm1(static_cast<long double>(x))), 2.5e-7);
    }
  });
}

TEST(NetworkMath, extremes_stay_in_range) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(activated(Activation::sigmoid, kInfinity), 1.0f);
  EXPECT_LT(activated(Activation::sigmoid, -kInfinity), 1e-37f);
  EXPECT_EQ(activated(Activation::tanh, kInfinity), 1.0f);
  EXPECT_EQ(activated(Activation::tanh, -kInfinity), -1.0f);
  EXPECT_EQ(activated(Activation::tanh, 0.0f), 0.0f);
  EXPECT_EQ(activated(Activation::elu, -kInfinity), -1.0f);
  EXPECT_EQ(activated(Activation::relu, -3.0f), 0.0f);
}

TEST(NetworkMath, every_isa_gives_the_same_bits_also_for_nan_and_infinity) {
  test::RandomNetworks random(7);
  auto inputs = random.numbers(4096, 30.0f);
  inputs[5] = std::numeric_limits<float>::quiet_NaN();
  inputs[6] = std::numeric_limits<float>::infinity();
  inputs[7] = -std::numeric_limits<float>::infinity();
  inputs[8] = std::numeric_limits<float>::denorm_min();
  for (const Activation activation :
       {Activation::tanh, Activation::relu, Activation::elu, Activation::sigmoid, Activation::softmax}) {
    auto expected = inputs;
    kScalarNetworkKernels.activate(activation, expected.data(), 4096);
    for (const Isa isa : test::available_isas()) {
      auto found = inputs;
      network_kernels(isa).activate(activation, found.data(), 4096);
      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(found[i]), std::bit_cast<std::uint32_t>(expected[i]))
            << isa_name(isa) << " activation " << static_cast<int>(activation) << " of " << inputs[i];
      }
    }
  }
}

}  // namespace
}  // namespace thintail
