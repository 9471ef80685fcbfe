// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "tests/support/networks.hpp"

namespace thintail {
namespace {

using test::NetworkRun;
using test::RandomNetworks;
using test::ReferenceNetwork;

Network made(const NetworkSpec& spec, Isa isa = best_isa()) {
  auto network = Network::make(spec, isa, "test");
  EXPECT_TRUE(network.has_value()) << (network ? "" : network.error().message());
  return std::move(*network);
}

double largest_difference(const std::vector<float>& found, const std::vector<double>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::fabs(double{found[i]} - expected[i]));
  return worst;
}

void expect_near_reference(const NetworkSpec& spec, std::size_t rows, double tolerance) {
  const auto inputs = RandomNetworks(99).numbers(rows * spec.inputs, 1.0f);
  const auto expected = ReferenceNetwork(spec).all(inputs);
  for (const Isa isa : test::available_isas()) {
    const Network network = made(spec, isa);
    EXPECT_LE(largest_difference(NetworkRun(network).all(inputs), expected), tolerance) << isa_name(isa);
  }
}

TEST(Network, each_kind_of_layer_equals_eigen_in_double) {
  for (const std::uint32_t width : {1u, 7u, 16u, 33u, 64u}) {
    RandomNetworks random(width);
    for (const LayerKind kind : {LayerKind::dense, LayerKind::lstm, LayerKind::gru, LayerKind::conv1d,
                                 LayerKind::layer_norm, LayerKind::attention}) {
      const std::uint32_t outputs = kind == LayerKind::layer_norm || kind == LayerKind::attention ? width : width + 5;
      if (kind == LayerKind::layer_norm && width == 1) continue;  // a lone number has no deviation
      SCOPED_TRACE(fmt::format("{} {} -> {}", layer_kind_name(kind), width, outputs));
      expect_near_reference({.inputs = width, .layers = {random.layer(kind, width, outputs)}}, 40, 3e-6);
    }
  }
}

TEST(Network, each_activation_equals_eigen_in_double) {
  RandomNetworks random(3);
  for (const Activation activation : {Activation::linear, Activation::tanh, Activation::relu, Activation::elu,
                                      Activation::sigmoid, Activation::softmax}) {
    expect_near_reference({.inputs = 11, .layers = {random.layer(LayerKind::dense, 11, 21, activation)}}, 40, 1e-6);
  }
}

TEST(Network, layers_of_every_kind_after_each_other_equal_eigen_in_double) {
  expect_near_reference(test::every_layer(5), 120, 1e-5);
}

TEST(Network, attention_by_several_heads_rolls_over_its_window) {
  RandomNetworks random(8);
  LayerSpec layer = random.layer(LayerKind::attention, 64, 64);
  layer.heads = 8;
  layer.window = 32;
  expect_near_reference({.inputs = 64, .layers = {layer}}, 100, 3e-6);
}

TEST(Network, missing_biases_are_zeros) {
  RandomNetworks random(4);
  LayerSpec layer = random.layer(LayerKind::gru, 5, 9);
  layer.bias.clear();
  layer.recurrent_bias.clear();
  expect_near_reference({.inputs = 5, .layers = {layer}}, 30, 3e-6);
}

TEST(Network, every_isa_gives_the_same_bits) {
  for (std::uint32_t seed = 0; seed < 5; ++seed) {
    const NetworkSpec spec = test::every_layer(seed);
    auto inputs = RandomNetworks(seed + 50).numbers(300 * spec.inputs, 2.0f);
    inputs[40] = std::numeric_limits<float>::quiet_NaN();
    inputs[41] = std::numeric_limits<float>::infinity();
    const Network scalar = made(spec, Isa::scalar);
    const auto expected = NetworkRun(scalar).all(inputs);
    for (const Isa isa : test::available_isas()) {
      const Network network = made(spec, isa);
      const auto found = NetworkRun(network).all(inputs);
      ASSERT_EQ(found.size(), expected.size());
      EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), 0) << isa_name(isa);
    }
  }
}

TEST(Network, nan_inputs_count_as_zero_and_infinite_ones_are_bounded) {
  const NetworkSpec spec = test::every_layer(2);
  const Network network = made(spec);
  std::vector<float> nan(spec.inputs, std::numeric_limits<float>::quiet_NaN());
  const std::vector<float> zero(spec.inputs, 0.0f);
  EXPECT_EQ(NetworkRun(network).all(nan), NetworkRun(network).all(zero));
  nan.assign(spec.inputs, -std::numeric_limits<float>::infinity());
  for (const float value : NetworkRun(network).all(nan)) EXPECT_TRUE(std::isfinite(value));
}

TEST(Network, preparing_late_gives_the_bits_of_a_whole_step) {
  const NetworkSpec spec = test::every_layer(6);
  const Network network = made(spec);
  const auto inputs = RandomNetworks(1).numbers(50 * spec.inputs, 1.0f);
  NetworkRun whole(network);
  NetworkRun late(network);
  std::vector<float> out(network.outputs());
  for (std::size_t at = 0; at < inputs.size(); at += spec.inputs) {
    network.predict(inputs.data() + at, late.state(), late.scratch(), out.data());
    std::fill_n(late.scratch(), network.make_scratch().size() * kNetworkLanes, -7.0f);  // another network's work
    network.prepare(late.state(), late.scratch());
    EXPECT_EQ(out, whole.step(inputs.data() + at));
  }
}

TEST(Network, a_copied_state_goes_on_alone) {
  static_assert(std::is_trivially_copyable_v<NetworkLine>);
  const NetworkSpec spec = test::every_layer(7);
  const Network network = made(spec);
  const auto inputs = RandomNetworks(2).numbers(60 * spec.inputs, 1.0f);
  NetworkRun first(network);
  first.all({inputs.begin(), inputs.begin() + 30 * spec.inputs});
  NetworkRun second(network);
  std::memcpy(second.state(), first.state(), network.state_floats() * sizeof(float));
  for (std::size_t at = 30 * spec.inputs; at < inputs.size(); at += spec.inputs) {
    EXPECT_EQ(first.step(inputs.data() + at), second.step(inputs.data() + at));
  }
}

TEST(Network, a_window_is_a_fresh_state_stepped_over_its_rows) {
  const NetworkSpec spec = test::every_layer(9);
  const auto inputs = RandomNetworks(3).numbers(20 * spec.inputs, 1.0f);
  for (const Isa isa : test::available_isas()) {
    const Network exact = made(spec, isa);
    NetworkRanges ranges = exact.calibrate(inputs);
    for (const MatrixForm form : {MatrixForm::float32, MatrixForm::int8, MatrixForm::int16}) {
      ranges.forms.assign(exact.matrices(), form);
      const auto network = Network::make_quantized(spec, ranges, isa);
      NetworkRun stepped(*network);
      const auto all = stepped.all(inputs);
      NetworkRun used(*network);
      used.all(RandomNetworks(4).numbers(33 * spec.inputs, 1.0f));
      NetworkBlock scratch = network->make_window_scratch(20);
      std::vector<float> out(network->outputs());
      network->window(inputs, used.state(), reinterpret_cast<float*>(scratch.data()), out.data());
      EXPECT_TRUE(std::equal(out.begin(), out.end(), all.end() - static_cast<std::ptrdiff_t>(out.size())));
      EXPECT_EQ(std::memcmp(used.state(), stepped.state(), network->state_floats() * sizeof(float)), 0)
          << isa_name(isa) << " form " << static_cast<int>(form);
    }
  }
}

void expect_refused(const NetworkSpec& spec, std::string_view field) {
  const auto network = Network::make(spec, Isa::scalar, "bad.json");
  ASSERT_FALSE(network.has_value()) << field;
  EXPECT_EQ(network.error().file, "bad.json");
  EXPECT_TRUE(network.error().field.contains(field)) << network.error().message();
  EXPECT_FALSE(network.error().expected.empty());
  EXPECT_FALSE(network.error().found.empty());
}

TEST(Network, specs_that_do_not_fit_are_refused_by_field) {
  const NetworkSpec good = test::every_layer(1);
  const auto changed = [&](std::size_t layer, auto&& change) {
    NetworkSpec spec = good;
    change(spec.layers[layer]);
    return spec;
  };
  expect_refused({.inputs = 0, .layers = good.layers}, "inputs");
  expect_refused({.inputs = 13, .layers = {}}, "layers");
  expect_refused(changed(1, [](LayerSpec& l) { l.inputs = 22; }), "layer 1 (dense): inputs");
  expect_refused(changed(1, [](LayerSpec& l) { l.weight.pop_back(); }), "layer 1 (dense): weight");
  expect_refused(changed(1, [](LayerSpec& l) { l.outputs = 0; }), "outputs");
  expect_refused(changed(1, [](LayerSpec& l) { l.outputs = 0xffff'ffff; }), "outputs");
  expect_refused(changed(1, [](LayerSpec& l) { l.residual = true; }), "residual");
  expect_refused(changed(1, [](LayerSpec& l) { l.weight[3] = std::numeric_limits<float>::quiet_NaN(); }), "weight[3]");
  expect_refused(changed(4, [](LayerSpec& l) { l.recurrent[9] = std::numeric_limits<float>::infinity(); }),
                 "recurrent[9]");
  expect_refused(changed(5, [](LayerSpec& l) { l.recurrent_bias.pop_back(); }), "recurrent_bias");
  expect_refused(changed(2, [](LayerSpec& l) { l.heads = 3; }), "heads");
  expect_refused(changed(2, [](LayerSpec& l) { l.heads = 0; }), "heads");
  expect_refused(changed(2, [](LayerSpec& l) { l.window = 0; }), "window");
  expect_refused(changed(2, [](LayerSpec& l) { l.window = 0xffff'ffff; }), "window");
  expect_refused(changed(0, [](LayerSpec& l) { l.taps = 0; }), "taps");
  expect_refused(changed(0, [](LayerSpec& l) { l.dilation = 1u << 30; }), "dilation");
  expect_refused(changed(3, [](LayerSpec& l) { l.epsilon = std::numeric_limits<float>::quiet_NaN(); }), "epsilon");
}

}  // namespace
}  // namespace thintail
