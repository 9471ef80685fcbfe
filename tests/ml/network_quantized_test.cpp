// SPDX-License-Identifier: Apache-2.0
// The int8 form: the same bits on every Isa, and its distance from float32 on the models of ../shared/data and random ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "ml/networks/quantize_network.hpp"
#include "tests/support/network_files.hpp"
#include "tests/support/networks.hpp"

namespace thintail {
namespace {

using test::NetworkRun;
using test::RandomNetworks;

constexpr double kCalibratedMax = 0.017;  // leaves room for rows that calibration has not seen
constexpr double kErrorMax = 0.02;  // RMS(q - f) / std(f): the gate of the inference issue

struct Pair {
  Network exact;
  Network quantized;
};

Pair made(const NetworkSpec& spec, const std::vector<float>& calibration, Isa isa = best_isa()) {
  auto exact = Network::make(spec, isa);
  EXPECT_TRUE(exact.has_value()) << (exact ? "" : exact.error().message());
  auto quantized = Network::make_quantized(spec, exact->calibrate(calibration), isa);
  EXPECT_TRUE(quantized.has_value()) << (quantized ? "" : quantized.error().message());
  EXPECT_GT(quantized->quantized_matrices(), 0u);
  return {std::move(*exact), std::move(*quantized)};
}

NetworkRanges all_in(NetworkRanges ranges, MatrixForm form) {
  ranges.forms.assign(ranges.inputs.size(), form);
  return ranges;
}

// RMS(q - f) / std(f) over outputs [from, to) of each kind.
double error_of(const std::vector<float>& q, const std::vector<float>& f, std::size_t from, std::size_t to) {
  double square = 0;
  double sum = 0;
  double sum_square = 0;
  for (std::size_t i = from; i < to; ++i) {
    const double x = double{f[i]};
    square += (double{q[i]} - x) * (double{q[i]} - x);
    sum += x;
    sum_square += x * x;
  }
  const auto n = static_cast<double>(to - from);
  const double variance = sum_square / n - sum / n * (sum / n);
  return std::sqrt(square / n) / std::sqrt(variance);
}

double error_of(const std::vector<float>& q, const std::vector<float>& f) { return error_of(q, f, 0, f.size()); }

void expect_close_on(const std::string& name) {
  TT_REQUIRE_DATA(test::rnn_dir());
  const auto x = test::column_of(test::rnn_dir() / (name + "_x_python.csv"));
  const NetworkSpec spec = test::rnn_spec(name);
  const Pair whole = made(spec, x);
  const auto f = NetworkRun(whole.exact).all(x);
  const auto chosen = quantize_within(spec, x, kErrorMax, best_isa(), name);
  ASSERT_TRUE(chosen.has_value()) << chosen.error().message();
  const double error = error_of(NetworkRun(chosen->network).all(x), f);
  fmt::print("{}: RMS(q - f) / std(f) = {:.4f} with {} of {} matrices in int8; {:.4f} with all {} that can be\n", name,
             error, chosen->network.quantized_matrices(), chosen->network.matrices(),
             error_of(NetworkRun(whole.quantized).all(x), f), whole.quantized.quantized_matrices());
  EXPECT_LE(error, kErrorMax);
  EXPECT_NEAR(error, chosen->error, 1e-6);
  EXPECT_GT(chosen->network.quantized_matrices(), 0u);
}

TEST(QuantizedNetwork, keras_lstm_stays_close) { expect_close_on("lstm"); }
TEST(QuantizedNetwork, keras_gru_stays_close) { expect_close_on("gru_1d"); }
TEST(QuantizedNetwork, keras_dense_stays_close) { expect_close_on("dense"); }
TEST(QuantizedNetwork, four_stacked_pytorch_lstms_stay_close) { expect_close_on("lstm_torch"); }

NetworkSpec mlp(std::uint32_t seed) {
  RandomNetworks random(seed);
  return {.inputs = 64,
          .layers = {random.layer(LayerKind::dense, 64, 128, Activation::relu),
                     random.layer(LayerKind::dense, 128, 64, Activation::relu), random.layer(LayerKind::dense, 64, 3)}};
}

NetworkSpec recurrent(LayerKind kind, std::uint32_t seed) {
  RandomNetworks random(seed);
  return {.inputs = 64, .layers = {random.layer(kind, 64, 64), random.layer(LayerKind::dense, 64, 3)}};
}

TEST(QuantizedNetwork, random_networks_stay_close_on_rows_they_were_not_calibrated_on) {
  for (std::uint32_t seed = 0; seed < 4; ++seed) {
    for (const NetworkSpec& spec : {mlp(seed), recurrent(LayerKind::lstm, seed), recurrent(LayerKind::gru, seed)}) {
      const auto calibration = RandomNetworks(seed + 10).numbers(2'000 * spec.inputs, 1.0f);
      const Pair whole = made(spec, calibration);
      const auto chosen = quantize_within(spec, calibration, kCalibratedMax, best_isa());
      ASSERT_TRUE(chosen.has_value()) << chosen.error().message();
      const auto rows = RandomNetworks(seed + 20).numbers(2'000 * spec.inputs, 1.0f);
      const auto f = NetworkRun(whole.exact).all(rows);
      const double error = error_of(NetworkRun(chosen->network).all(rows), f);
      fmt::print("seed {} {}: {:.4f} with {} of {} matrices in int8; {:.4f} with all\n", seed,
                 layer_kind_name(spec.layers[0].kind), error, chosen->network.quantized_matrices(),
                 chosen->network.matrices(), error_of(NetworkRun(whole.quantized).all(rows), f));
      EXPECT_LE(error, kErrorMax) << layer_kind_name(spec.layers[0].kind);
      EXPECT_GE(chosen->network.quantized_matrices() + 1, chosen->network.matrices());
    }
  }
}

TEST(QuantizedNetwork, recurrent_error_does_not_grow_over_ten_thousand_carried_steps) {
  for (const LayerKind kind : {LayerKind::lstm, LayerKind::gru}) {
    const NetworkSpec spec = recurrent(kind, 3);
    const auto calibration = RandomNetworks(31).numbers(2'000 * 64, 1.0f);
    const auto chosen = quantize_within(spec, calibration, kCalibratedMax, best_isa());
    ASSERT_TRUE(chosen.has_value()) << chosen.error().message();
    const auto rows = RandomNetworks(32).numbers(10'000 * 64, 1.0f);
    const auto q = NetworkRun(chosen->network).all(rows);
    const auto f = NetworkRun(made(spec, calibration).exact).all(rows);
    const double first = error_of(q, f, 0, 3'000);
    const double last = error_of(q, f, f.size() - 3'000, f.size());
    EXPECT_LE(last, 1.2 * first) << layer_kind_name(kind);
    EXPECT_LE(last, kErrorMax) << layer_kind_name(kind);
  }
}

TEST(QuantizedNetwork, coarser_weights_would_fail_the_gate) {
  const NetworkSpec spec = recurrent(LayerKind::lstm, 1);
  NetworkSpec coarse = spec;
  for (LayerSpec& layer : coarse.layers) {
    for (float& weight : layer.weight) weight = std::nearbyint(weight * 20) / 20;
  }
  const auto rows = RandomNetworks(2).numbers(1'000 * 64, 1.0f);
  EXPECT_GT(error_of(NetworkRun(made(coarse, rows).quantized).all(rows), NetworkRun(made(spec, rows).exact).all(rows)),
            kErrorMax);
}

TEST(QuantizedNetwork, every_isa_gives_the_same_bits) {
  std::vector<NetworkSpec> specs{mlp(1), recurrent(LayerKind::lstm, 2), recurrent(LayerKind::gru, 3)};
  for (std::uint32_t seed = 0; seed < 3; ++seed) specs.push_back(test::every_layer(seed));
  for (const NetworkSpec& spec : specs) {
    const auto calibration = RandomNetworks(5).numbers(200 * spec.inputs, 1.0f);
    auto rows = RandomNetworks(6).numbers(300 * spec.inputs, 2.0f);  // beyond what was calibrated: held at the bounds
    rows[11] = std::numeric_limits<float>::quiet_NaN();
    rows[12] = -std::numeric_limits<float>::infinity();
    for (const MatrixForm form : {MatrixForm::int8, MatrixForm::int16}) {
      const auto in_form = [&](Isa isa) {
        const NetworkRanges ranges = Network::make(spec, isa)->calibrate(calibration);
        auto network = Network::make_quantized(spec, all_in(ranges, form), isa);
        EXPECT_GT(network->matrices_in(form), 0u);
        return NetworkRun(*network).all(rows);
      };
      const auto expected = in_form(Isa::scalar);
      for (const Isa isa : test::available_isas()) {
        const auto found = in_form(isa);
        ASSERT_EQ(found.size(), expected.size());
        EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), 0)
            << isa_name(isa) << (vnni_available() ? " with VNNI" : " without VNNI") << ", form "
            << static_cast<int>(form);
      }
    }
  }
}

// The extreme products: every step and weight at 127, and more of them than saturating i16 sums could hold.
TEST(QuantizedNetwork, sums_of_the_largest_products_are_exact_on_every_isa) {
  for (const float sign : {1.0f, -1.0f, 0.0f}) {
    const NetworkSpec spec{
        .inputs = 4096,
        .layers = {{.inputs = 4096, .outputs = 2, .weight = std::vector<float>(2 * 4096, 127.0f * sign)}}};
    const std::vector<float> rows(4096, 127.0f);
    for (const Isa isa : test::available_isas()) {
      const auto found = NetworkRun(made(spec, rows, isa).quantized).all(rows);
      EXPECT_EQ(found[0], sign * 127.0f * 127.0f * 4096.0f) << isa_name(isa);
      EXPECT_EQ(found[1], found[0]);
      const NetworkRanges ranges = Network::make(spec, isa)->calibrate(rows);
      const auto int16 = NetworkRun(*Network::make_quantized(spec, all_in(ranges, MatrixForm::int16), isa)).all(rows);
      EXPECT_NEAR(int16[0], sign * 127.0f * 127.0f * 4096.0f, 1e-4f * std::fabs(found[0])) << isa_name(isa);
    }
  }
}

TEST(QuantizedNetwork, int16_is_a_tenth_as_far_off_as_int8_on_rows_it_was_not_calibrated_on) {
  for (const NetworkSpec& spec : {mlp(1), recurrent(LayerKind::lstm, 2), recurrent(LayerKind::gru, 3)}) {
    const auto exact = Network::make(spec, best_isa());
    const NetworkRanges ranges = exact->calibrate(RandomNetworks(5).numbers(2'000 * spec.inputs, 1.0f));
    const auto rows = RandomNetworks(6).numbers(2'000 * spec.inputs, 1.0f);
    const auto f = NetworkRun(*exact).all(rows);
    const auto error_in = [&](MatrixForm form) {
      const auto network = Network::make_quantized(spec, all_in(ranges, form), best_isa());
      EXPECT_EQ(network->matrices_in(form), network->matrices());
      return error_of(NetworkRun(*network).all(rows), f);
    };
    EXPECT_LE(error_in(MatrixForm::int16), 0.1 * error_in(MatrixForm::int8)) << layer_kind_name(spec.layers[0].kind);
    EXPECT_EQ(error_in(MatrixForm::float32), 0.0);
  }
}

TEST(QuantizedNetwork, what_int8_cannot_hold_becomes_int16_before_float32) {
  const NetworkSpec spec = mlp(3);
  const auto rows = RandomNetworks(13).numbers(2'000 * 64, 1.0f);
  const auto near = quantize_within(spec, rows, 0.012, best_isa());
  ASSERT_TRUE(near.has_value()) << near.error().message();
  EXPECT_LE(near->error, 0.012);
  EXPECT_GT(near->network.matrices_in(MatrixForm::int16), 0u);
  EXPECT_EQ(near->network.matrices_in(MatrixForm::float32), 0u);
  const auto exact = quantize_within(spec, rows, 0.0, best_isa());
  ASSERT_TRUE(exact.has_value()) << exact.error().message();
  EXPECT_EQ(exact->network.matrices_in(MatrixForm::float32), 3u);
  const auto again = Network::make_quantized(spec, near->ranges, best_isa());
  EXPECT_EQ(NetworkRun(*again).all(rows), NetworkRun(near->network).all(rows));
}

TEST(QuantizedNetwork, weights_take_a_quarter_of_the_bytes) {
  const NetworkSpec spec = recurrent(LayerKind::lstm, 1);
  const Pair pair = made(spec, RandomNetworks(1).numbers(640, 1.0f));
  EXPECT_EQ(pair.quantized.weight_bytes() * 4, pair.exact.weight_bytes());
}

TEST(QuantizedNetwork, ranges_that_do_not_fit_are_refused) {
  const NetworkSpec spec = mlp(1);
  const auto exact = Network::make(spec, Isa::scalar);
  const NetworkRanges good = exact->calibrate(RandomNetworks(1).numbers(640, 1.0f));
  const auto refused = [&](const NetworkRanges& ranges) {
    const auto network = Network::make_quantized(spec, ranges, Isa::scalar, "ranges.json");
    ASSERT_FALSE(network.has_value());
    EXPECT_EQ(network.error().file, "ranges.json");
    EXPECT_TRUE(network.error().field.contains("ranges"));
  };
  NetworkRanges bad = good;
  bad.inputs.pop_back();
  refused(bad);
  bad = good;
  bad.inputs[1].pop_back();
  refused(bad);
  bad = good;
  bad.inputs[2][5] = {1.0f, -1.0f, 0.0f};
  refused(bad);
  bad.inputs[2][5] = {0.0f, std::numeric_limits<float>::quiet_NaN(), 0.0f};
  refused(bad);
  bad.inputs[2][5] = {0.0f, std::numeric_limits<float>::infinity(), 0.0f};
  refused(bad);
}

TEST(QuantizedNetwork, inputs_that_never_moved_are_taken_in_steps_of_their_own) {
  const NetworkSpec spec = mlp(1);
  for (const float level : {0.0f, 1e-40f, 3.0f}) {
    const Pair pair = made(spec, std::vector<float>(640, level));
    for (const float value : NetworkRun(pair.quantized).all(RandomNetworks(2).numbers(640, 1.0f))) {
      EXPECT_TRUE(std::isfinite(value));
    }
  }
}

}  // namespace
}  // namespace thintail
